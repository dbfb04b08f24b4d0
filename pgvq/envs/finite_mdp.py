"""Small finite Markov decision processes, with their exact action values.

What a method learns in one of them can be compared with the truth. In docstrings `S`
counts states here, not seeds, and `A` actions.
"""

import dataclasses
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.checks import check_integer, check_probability, settle
from pgvq.types import InputError, Key

Table = tuple[Any, ...] | np.ndarray  # given as either, kept as nested tuples
MOST_GIGABYTES = 4  # of a table of transitions
MOST_PAIRS = 200_000  # of a state and an action


@struct.dataclass
class FiniteMDPState(environment.EnvState):
    """The state of an episode."""

    time: Array  # [] int32, agent steps taken in this episode  # pyright: ignore[reportIncompatibleVariableOverride]
    state: Array  # [] int32, 0..S-1


@dataclasses.dataclass(frozen=True, repr=False)
class FiniteMDP(environment.Environment[FiniteMDPState, environment.EnvParams]):
    """An MDP given by tables; the observation is the state, one-hot [S] float32.

    Every reset draws the first state uniformly. An action earns its expected reward,
    ends the episode with its termination probability, and leads to a random state.

    transitions: [S, A, S], probability of the next state; rows sum to 1.
    rewards: [S, A], expected.
    terminations: [S, A], probability that the episode ends with this step.
    max_agent_steps: after which an episode is truncated.

    Raises `InputError` where these do not fit together. Tables are kept as tuples, so
    that the object is hashed and compared by its values.
    """

    transitions: Table
    rewards: Table
    terminations: Table
    max_agent_steps: int = 100

    def __post_init__(self) -> None:
        tables = {}
        for name in ("transitions", "rewards", "terminations"):
            tables[name] = np.asarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, _as_tuples(tables[name].tolist()))
        _check_tables(**tables)
        settle(
            self,
            max_agent_steps=check_integer("max_agent_steps", self.max_agent_steps, 1),
        )

    def __repr__(self) -> str:
        """Its size, and a fingerprint of its tables."""
        digest = hashlib.sha256(b"".join(t.tobytes() for t in self.tables))
        return (
            f"FiniteMDP({self.num_states} states, {self.num_actions} actions, "
            f"at most {self.max_agent_steps} steps, {digest.hexdigest()[:12]})"
        )

    @property
    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Transitions [S, A, S], rewards [S, A], terminations [S, A], all float64."""
        return (
            np.array(self.transitions),
            np.array(self.rewards),
            np.array(self.terminations),
        )

    @property
    def num_states(self) -> int:
        """S, the number of states."""
        return len(self.rewards)

    @property
    def num_actions(self) -> int:
        """A, the number of actions."""
        return len(self.rewards[0])

    @property
    def default_params(self) -> environment.EnvParams:
        """The step cap alone."""
        return environment.EnvParams(max_steps_in_episode=self.max_agent_steps)

    def reset_env(
        self, key: Key, params: environment.EnvParams
    ) -> tuple[Array, FiniteMDPState]:
        """Start an episode in a uniformly drawn state; consumes `key`."""
        state = FiniteMDPState(
            time=jnp.int32(0),
            state=jax.random.randint(key, (), 0, self.num_states, jnp.int32),
        )
        return self.observe(key, state, None, params), state

    def step_env(
        self,
        key: Key,
        state: FiniteMDPState,
        action: int | float | Array,
        params: environment.EnvParams,
    ) -> tuple[Array, FiniteMDPState, Array, Array, dict[Any, Any]]:
        """One agent step without the automatic reset; consumes `key`."""
        transitions, rewards, terminations = map(jnp.float32, self.tables)
        key_next, key_end = jax.random.split(key)
        here = state.state, action
        following = jax.random.categorical(key_next, jnp.log(transitions[here]))
        terminated = jax.random.bernoulli(key_end, terminations[here])
        after = FiniteMDPState(time=state.time + 1, state=following.astype(jnp.int32))
        obs = self.observe(key, after, action, params)
        return obs, after, rewards[here], terminated, {}

    def observe(
        self,
        key: Key,
        state: FiniteMDPState,
        action: int | float | Array | None,
        params: environment.EnvParams,
    ) -> Array:
        """The state, one-hot [S]; draws nothing from `key`."""
        del key, action, params
        return jax.nn.one_hot(state.state, self.num_states)

    def action_space(
        self, params: environment.EnvParams | None = None
    ) -> spaces.Discrete:
        """The A actions."""
        return spaces.Discrete(self.num_actions)

    def observation_space(
        self, params: environment.EnvParams | None = None
    ) -> spaces.Box:
        """Vectors of S numbers, 0 or 1."""
        return spaces.Box(0, 1, (self.num_states,), jnp.float32)


def random_mdp(
    seed: int = 0,
    num_states: int = 6,
    num_actions: int = 3,
    branches: int = 3,
    termination: float = 0.1,
    max_agent_steps: int = 100,
) -> FiniteMDP:
    """A random MDP, the same for the same arguments (Garnet, Bhatnagar et al. 2009).

    Args:
        seed: of all that is drawn.
        num_states: S.
        num_actions: A.
        branches: next states that each state-action pair can lead to, drawn without
            replacement; their probabilities are uniform on the simplex.
        termination: mean probability that a step ends the episode, at most 0.5; that
            of each pair is uniform in 0..2 * termination.
        max_agent_steps: after which an episode is truncated.

    Returns:
        The environment; its expected rewards are uniform in -1..+1.

    Raises:
        InputError: an argument is out of its range.
    """
    seed = check_integer("seed", seed, 0)
    num_states = check_integer("num_states", num_states, 1)
    num_actions = check_integer("num_actions", num_actions, 1)
    size = 8 * num_states**2 * num_actions / 1e9
    if size > MOST_GIGABYTES:
        raise InputError(
            f"num_states={num_states} with num_actions={num_actions} needs a table of "
            f"{size:,.0f} GB: use fewer states (100 are many)"
        )
    if num_states * num_actions > MOST_PAIRS:
        raise InputError(
            f"num_states={num_states} with num_actions={num_actions} are more than "
            f"{MOST_PAIRS:,} pairs, which take minutes to draw: use fewer"
        )
    there = "the number of states"
    branches = check_integer("branches", branches, 1, num_states, there)
    termination = check_probability("termination", termination)
    if termination > 0.5:
        raise InputError(
            f"termination={termination} is too often: a pair's probability is up to "
            "twice that, so use 0..0.5"
        )
    random = np.random.default_rng(seed)
    pairs = num_states, num_actions
    transitions = np.zeros((*pairs, num_states))
    for pair in np.ndindex(pairs):
        reached = random.choice(num_states, branches, replace=False)
        transitions[pair][reached] = random.dirichlet(np.ones(branches))
    return FiniteMDP(
        transitions=transitions,
        rewards=random.uniform(-1, 1, pairs),
        terminations=random.uniform(0, 2 * termination, pairs),
        max_agent_steps=max_agent_steps,
    )


def policy_values(
    transitions: np.ndarray,
    rewards: np.ndarray,
    terminations: np.ndarray,
    discount: float,
    policy: np.ndarray,
) -> np.ndarray:
    """Action values of a policy, Q^pi [S, A], by solving Bellman's equation.

        Q(s, a) = r(s, a) + g(s, a) * sum_s' p(s' | s, a) sum_a' pi(a' | s') Q(s', a')
        g(s, a) = discount * (1 - termination(s, a))

    Args:
        transitions: [S, A, S].
        rewards: [S, A].
        terminations: [S, A].
        discount: 0..1.
        policy: [S, A], probabilities; rows sum to 1.

    Raises:
        InputError: a return may be infinite, or the policy's rows do not sum to 1.
    """
    _check_finite(terminations, discount)
    if policy.shape != rewards.shape or not np.allclose(policy.sum(1), 1):
        raise InputError(
            f"a policy of shape {policy.shape} with rows that sum to "
            f"{policy.sum(-1).round(3).tolist()} is none: give probabilities of shape "
            f"{rewards.shape} with rows that sum to 1"
        )
    weights = discount * (1 - terminations)[..., None] * transitions  # [S, A, S]
    onward = weights[..., None] * policy  # [S, A, S, A]
    size = rewards.size
    system = np.eye(size) - onward.reshape(size, size)
    return np.linalg.solve(system, rewards.reshape(size)).reshape(rewards.shape)


def optimal_values(
    transitions: np.ndarray,
    rewards: np.ndarray,
    terminations: np.ndarray,
    discount: float,
) -> np.ndarray:
    """Optimal action values Q* [S, A], by policy iteration (Howard 1960).

    Exact but for rounding: it ends where no action is better than the policy's by more
    than 1e-12, or where a gain is so small that rounding swallows it.
    Arguments and errors as of `policy_values`.
    """
    greedy, total = rewards.argmax(1), -np.inf
    while True:
        policy = np.eye(rewards.shape[1])[greedy]
        values = policy_values(transitions, rewards, terminations, discount, policy)
        gains = values.max(1) - (policy * values).sum(1)
        if gains.max() <= 1e-12 or values.sum() <= total:
            return values
        total = values.sum()
        greedy = np.where(gains > 1e-12, values.argmax(1), greedy)


def _as_tuples(numbers: Any) -> Any:
    return tuple(map(_as_tuples, numbers)) if isinstance(numbers, list) else numbers


def _check_tables(
    transitions: np.ndarray, rewards: np.ndarray, terminations: np.ndarray
) -> None:
    if rewards.ndim != 2 or 0 in rewards.shape:
        raise InputError(f"rewards of shape {rewards.shape} are none: give [S, A]")
    states, actions = rewards.shape
    for name, table, shape in (
        ("transitions", transitions, (states, actions, states)),
        ("terminations", terminations, (states, actions)),
    ):
        if table.shape != shape:
            raise InputError(
                f"{name} have shape {table.shape}, but rewards [S, A] have "
                f"{rewards.shape}: give {name} of shape {shape}"
            )
        if not (np.all(table >= 0) and np.all(table <= 1)):
            raise InputError(f"{name} hold numbers outside 0..1: give probabilities")
    if not np.isfinite(rewards).all():
        raise InputError("rewards hold numbers that are not finite: give finite ones")
    if not np.allclose(transitions.sum(-1), 1):
        raise InputError("transitions do not sum to 1 over the next state: normalise")


def _check_finite(terminations: np.ndarray, discount: float) -> None:
    check_probability("discount", discount)
    if discount == 1 and terminations.min() <= 0:
        raise InputError(
            "discount=1 and a step that never ends the episode may add up without "
            "limit: use a discount below 1"
        )
