"""Credit over time: how much each method holds an action to account for what followed.

A policy gradient makes an action more or less probable in proportion to a weight, its
estimate of the action's advantage A(s, a) = Q(s, a) - V(s):

    REINFORCE      G_t - b              Williams 1992: all that followed counts
    actor-critic   G_t^lambda - V(s_t)  Schulman et al. 2016: until the critic knows
    Q-learning     Q(s_t, a_t) - mean_a Q(s_t, a)    nothing that followed counts

All three can be computed for a rollout of any policy, and a fourth as well: the truth,
by playing on from the same state many times (`true_advantage`).
"""

from functools import partial, singledispatch
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.algorithms import PPO, REINFORCE, SAC, ActorCritic
from pgvq.algorithms.base import RolloutAlgorithm, TrainState
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.diagnostics.q_values import values_of
from pgvq.envs import vector_step
from pgvq.ops.losses import action_value
from pgvq.rollout import World, init_world, rollout
from pgvq.types import InputError, Key, PyTree, Transition


class Recording(NamedTuple):
    """A rollout, and where the environments stood before each of its steps."""

    batch: Transition  # [T, N, ...]
    env_state: PyTree  # leaves [T, N, ...]


@partial(jax.jit, static_argnames=("num_envs", "length"))
def record(
    algorithm: RolloutAlgorithm,
    state: TrainState,
    key: Key,
    *,
    num_envs: int,
    length: int,
) -> Recording:
    """Plays `length` agent steps from a reset, as the algorithm explores.

    Unlike a plain `rollout` it keeps the environments' states, to draw them or to play
    on from them. N = `num_envs` and T = `length` are static; consumes `key`.
    """
    policy = algorithm.behaviour(state.learner, state.agent_steps)

    def step(world: World, key: Key) -> tuple[World, Recording]:
        after, batch, _ = rollout(
            algorithm.env, algorithm.params, policy, world, key, 1
        )
        return after, Recording(jax.tree.map(lambda x: x[0], batch), world.env_state)

    key_world, key_play = jax.random.split(key)
    memory = algorithm.initial_memory(num_envs)
    world = init_world(algorithm.env, algorithm.params, key_world, num_envs, memory)
    return jax.lax.scan(step, world, jax.random.split(key_play, length))[1]


@singledispatch
def action_credit(algorithm: Any, state: TrainState, batch: Transition) -> Array:
    """The weight `[T, N]` that `algorithm` gives to each action of a rollout.

    In units of the return, before any normalisation; NaN where the method drops the
    step. By default the algorithm is taken for a Q method. One's own policy gradient
    registers its class, with `critic_credit` for example.

    Args:
        algorithm: the method.
        state: of its training, with its values or its critic.
        batch: `[T, N, ...]`, of any policy; with a memory, of its own.

    Raises:
        InputError: the algorithm is not known to weigh actions.
    """
    return q_credit(algorithm, state, batch)


@action_credit.register
def _(algorithm: PolicyGradient, state: TrainState, batch: Transition) -> Array:
    del state, batch
    raise InputError(
        f"{type(algorithm).__name__} is not known to weigh actions in any one way: "
        "register it for pgvq.diagnostics.action_credit, with `critic_credit` for "
        "example"
    )


@action_credit.register
def _(algorithm: REINFORCE, state: TrainState, batch: Transition) -> Array:
    """The return less the baseline; NaN where the rollout's edge cuts the return."""
    params, statistics = state.learner.params, state.learner.carried.statistics
    rows = algorithm.rows(params, algorithm.encoded(batch), statistics)
    baseline = rows.baseline
    if algorithm.baseline == "value network":
        baseline = algorithm.heads(params, rows)[1]
    return jnp.where(rows.running, jnp.nan, rows.returns - baseline)


@action_credit.register
def _(algorithm: ActorCritic, state: TrainState, batch: Transition) -> Array:
    return critic_credit(algorithm, state, batch, algorithm.lambda_)


@action_credit.register
def _(algorithm: PPO, state: TrainState, batch: Transition) -> Array:
    return critic_credit(algorithm, state, batch, algorithm.lambda_)


@action_credit.register
def _(algorithm: SAC, state: TrainState, batch: Transition) -> Array:
    """Of the smaller critic, against the expected value of the sampled action."""
    known = over_time(algorithm, state, batch)
    return action_value(known.q_values, batch.action) - known.state_value


def critic_credit(
    algorithm: PolicyGradient,
    state: TrainState,
    batch: Transition,
    lambda_: Array | float,
) -> Array:
    """Generalised advantage estimates `[T, N]` by the algorithm's critic."""
    _, value, returns = algorithm.assess(
        state.learner.params, algorithm.encoded(batch), lambda_
    )
    return returns - value


def q_credit(
    algorithm: Any,
    state: TrainState,
    batch: Transition,
    baseline: Literal["mean", "max"] = "mean",
) -> Array:
    """How much better `Q(s, a)` is than all actions of the state, `[T, N]`.

    Better than their "mean", as in a dueling network (Wang et al. 2016, eq. 9), or than
    the "max", what the greedy policy would have got: then never above 0.
    """
    q_values = over_time(algorithm, state, batch).q_values
    reduce = {"mean": jnp.mean, "max": jnp.max}[baseline]
    return action_value(q_values, batch.action) - reduce(q_values, axis=-1)


def over_time(algorithm: Any, state: TrainState, batch: Transition) -> Any:
    """`values_of` a rollout's observations `[T, N, *O]`, with axes `[T, N]`."""
    shape = batch.reward.shape
    encode = getattr(algorithm, "encode", lambda obs: obs)  # not all have it
    obs = encode(batch.obs)
    flat = obs.reshape(-1, *obs.shape[2:])
    known = values_of(algorithm, state.learner, flat)
    return jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), known)


@partial(jax.jit, static_argnames=("replays", "max_steps"))
def true_advantage(
    algorithm: RolloutAlgorithm,
    state: TrainState,
    moments: Recording,
    key: Key,
    *,
    replays: int,
    max_steps: int = 512,
) -> tuple[Array, Array]:
    """A(s, a) of recorded steps under the policy as it learns, by playing on from them.

    From each state the episode is played to its end `replays` times, beginning with the
    recorded action, and as often with an action of the policy; the mean difference of
    the discounted returns is unbiased. Both sides use the same random numbers, so where
    the policy would have done the same nothing is left but chance shared by both.

    Args:
        algorithm: without a memory.
        state: of its training.
        moments: K of a recording's steps, leaves `[K, ...]`.
        key: consumed.
        replays: R of each, static.
        max_steps: agent steps after which rewards are no longer counted, static.

    Returns:
        The advantages and their standard errors, `[K]`.

    Raises:
        InputError: the algorithm carries a memory, which was not recorded.
    """
    if jax.tree.leaves(algorithm.initial_memory(1)):
        raise InputError(
            f"{type(algorithm).__name__} carries a memory, and from a state alone "
            "nothing can be played on: take one without"
        )
    count = len(moments.batch.reward)
    many = jax.tree.map(lambda x: jnp.repeat(x, replays, axis=0), moments)
    env_state, obs = many.env_state, many.batch.obs
    key_first, key_on = jax.random.split(key)
    free, _ = algorithm.act(state, obs, (), key_first, greedy=False)
    played = partial(_play_on, algorithm, state, env_state, key_on, max_steps)
    difference = played(many.batch.action) - played(free)
    difference = difference.reshape(count, replays)
    error = jnp.std(difference, axis=1, ddof=1) / jnp.sqrt(replays)
    return difference.mean(axis=1), error


def _play_on(
    algorithm: RolloutAlgorithm,
    state: TrainState,
    env_state: PyTree,
    key: Key,
    max_steps: int,
    action: Array,
) -> Array:
    """Discounted returns `[M]` to the episode's end, of `action [M]` and the policy."""

    def unfinished(carry: tuple[Any, ...]) -> Array:
        time, _, _, weight, _ = carry
        return (time < max_steps) & jnp.any(weight > 0)

    def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        time, env_state, action, weight, total = carry
        key_env, key_act = jax.random.split(jax.random.fold_in(key, time))
        obs, env_state, reward, terminated, truncated, _ = vector_step(
            algorithm.env, key_env, env_state, action, algorithm.params
        )
        total += weight * reward
        weight *= algorithm.discount * ~(terminated | truncated)
        action, _ = algorithm.act(state, obs, (), key_act, greedy=False)
        return time + 1, env_state, action, weight, total

    ones = jnp.ones(len(action))
    start = (jnp.int32(0), env_state, action, ones, jnp.zeros_like(ones))
    return jax.lax.while_loop(unfinished, step, start)[-1]
