"""Tabular Q-learning and Sarsa: a number for every state and action, and no network.

    q_learning       r + discount * max_a Q(s', a)       Watkins 1989
    sarsa            r + discount * Q(s', a')            Rummery & Niranjan 1994
    expected_sarsa   r + discount * E_a~pi Q(s', a)      van Seijen et al. 2009

Where everything above only approximates, these converge: Q-learning to the values of
the best policy, Sarsa to those of the policy that explores (Sutton & Barto 2018, 6.4
and 6.5).
"""

from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.algorithms.base import RolloutAlgorithm
from pgvq.algorithms.fields import SHARE, leaf, static
from pgvq.envs import make, num_states, state_index
from pgvq.ops.exploration import epsilon_greedy
from pgvq.ops.losses import action_value, expected_value, greedy_value
from pgvq.ops.returns import one_step_returns
from pgvq.types import InputError, Key, Metrics, PyTree, Transition

RULES = ("q_learning", "sarsa", "expected_sarsa")


class TableLearner(NamedTuple):
    """The table of action values."""

    params: Array  # [S, A] float32, Q(s, a); S is the number of states here


class Tabular(RolloutAlgorithm[TableLearner], kw_only=True):
    """One-step temporal differences on a table, for environments of few states.

    `pgvq.envs.num_states` says which those are and how to add one.
    """

    family: ClassVar[str] = "Q-learning"
    needs_discrete_states: ClassVar[bool] = True

    env: Environment = static(make("Catch-bsuite")[0], "the environment")
    num_envs: int = static(8, "environments side by side, N")
    rollout_length: int = static(16, "agent steps per environment and iteration, T")
    rule: Literal["q_learning", "sarsa", "expected_sarsa"] = static(
        "q_learning", "what follows a step: " + ", ".join(RULES)
    )
    learning_rate: float = leaf(
        0.5,
        "part of an error that an update corrects",
        search=(0.02, 1.0, "log"),
        within=SHARE,
    )
    epsilon: float = leaf(
        0.1,
        "share of uniform actions while learning",
        search=(0.01, 0.5, "log"),
        within=SHARE,
    )
    initial_value: float = leaf(
        0.0, "of every entry; a high one explores", within=(-1e6, 1e6)
    )
    preprocess: bool = static(
        False, "stays off: a table is indexed by what the environment shows"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.preprocess:
            raise InputError(
                "Tabular: preprocess=True would turn the numbers of states, by which a "
                "table is indexed, into vectors; leave it False"
            )

    @property
    def updates_per_iteration(self) -> int:
        """Updates of the table that one `iterate` takes, of N entries each."""
        return self.rollout_length

    def init_learner(self, key: Key, obs: Array) -> TableLearner:
        """A table of `initial_value`; nothing in it is random."""
        shape = (num_states(self.env), self.num_actions)
        table = jnp.full(shape, self.initial_value, jnp.float32)
        return TableLearner(table)

    def q_values(self, params: Array, obs: Array) -> Array:
        """`[N, *O]` to action values `[N, A]`."""
        return params[state_index(self.env, obs)]

    def policy(
        self,
        learner: TableLearner,
        obs: Array,
        memory: PyTree,
        key: Key,
        *,
        greedy: bool,
        step: Array,
    ) -> tuple[Array, PyTree, PyTree]:
        """Epsilon-greedy actions `[N]`, or those of highest value."""
        q_values = self.q_values(learner.params, obs)
        if not greedy:
            return epsilon_greedy(key, q_values, self.epsilon), memory, ()
        return jnp.argmax(q_values, axis=-1), memory, ()

    def next_value(self, next_q: Array, next_action: Array) -> Array:
        """Value `[N]` of what follows, from `Q(s', .) [N, A]`, by the rule."""
        if self.rule == "q_learning":
            return greedy_value(next_q)
        if self.rule == "sarsa":
            return action_value(next_q, next_action)
        greedy = jax.nn.one_hot(jnp.argmax(next_q, axis=-1), self.num_actions)
        uniform = 1.0 / self.num_actions
        return expected_value(
            next_q, (1.0 - self.epsilon) * greedy + self.epsilon * uniform
        )

    def next_actions(
        self, learner: TableLearner, batch: Transition, key: Key, step: Array
    ) -> Array:
        """What was done in each next state, `[T, N]`.

        Where the clock cut the episode, or the rollout ends, nothing was done there
        yet: the policy is asked what it would do.
        """
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch.next_obs)
        asked, *_ = self.policy(learner, flat, (), key, greedy=False, step=step)
        asked = asked.reshape(batch.action.shape)
        done = jnp.concatenate([batch.action[1:], asked[-1:]])
        return jnp.where(batch.terminated | batch.truncated, asked, done)

    def update(
        self, learner: TableLearner, batch: Transition, key: Key, step: Array
    ) -> tuple[TableLearner, Metrics]:
        """Goes through a rollout `[T, N, ...]`, one agent step after the other."""

        learning_rate = self.learning_rate_at(step)

        def one(table: Array, row: tuple[Array, ...]) -> tuple[Array, Array]:
            state, action, reward, next_state, next_action, terminated = row
            value = self.next_value(table[next_state], next_action)
            target = one_step_returns(reward, value, terminated, self.discount)
            error = target - table[state, action]
            # Environments that stand in one state correct it by their mean error.
            entry = state * self.num_actions + action
            sharers = (entry[:, None] == entry).sum(axis=1)
            table = table.at[state, action].add(learning_rate * error / sharers)
            return table, jnp.abs(error).mean()

        rows = (
            state_index(self.env, batch.obs),
            batch.action,
            batch.reward,
            state_index(self.env, batch.next_obs),
            self.next_actions(learner, batch, key, step),
            batch.terminated,
        )
        table, errors = jax.lax.scan(one, learner.params, rows)
        return TableLearner(table), {
            "td_error": errors.mean(),
            "q_mean": table.mean(),
            "learning_rate": learning_rate,
        }
