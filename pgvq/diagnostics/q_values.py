"""Q lab: what action values promise, against what playing by them really brings.

The maximum over noisy estimates is too high on average, even where each estimate is
right on average, and Q-learning's target is such a maximum (Thrun & Schwartz 1993; van
Hasselt et al. 2016). How much of that is in a network's values is measured by playing.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.algorithms import SAC
from pgvq.algorithms.base import RolloutAlgorithm, TrainState
from pgvq.diagnostics.exact import (
    distance,
    epsilon_greedy_policy,
    observations,
    outcomes,
    value_iteration,
    visits,
)
from pgvq.ops.losses import action_value, entropy, expected_value
from pgvq.ops.returns import lambda_returns
from pgvq.rollout import init_world, rollout
from pgvq.types import InputError, Key, Params, PyTree, Transition

Measure = Callable[[Any, TrainState, Key], dict[str, Array]]  # one lane: named scalars


class Values(NamedTuple):
    """What an algorithm believes of observations `[N, *O]`."""

    q_values: Array  # [N, A]
    state_value: Array  # [N] of the policy that `q_values` are about
    bonus: Array  # [N] that this policy earns here beside the reward


@runtime_checkable
class HasActionValues(Protocol):
    """A Q method, whose learner has the field `params`."""

    def q_values(self, params: Params, obs: Array) -> Array:
        """`[N, *O]` to action values `[N, A]`."""
        ...


@singledispatch
def values_of(algorithm: Any, learner: Any, obs: Array) -> Values:
    """What `algorithm` has learnt about `obs [N, *O]`; by default the best is played.

    A method that keeps its action values elsewhere than in `q_values(params, obs)`
    registers its own class.

    Raises:
        InputError: the algorithm has no action values.
    """
    if not isinstance(algorithm, HasActionValues):
        raise InputError(
            f"{type(algorithm).__name__} has no action values to look at: take a Q "
            "method, or give it `q_values(params, obs)`"
        )
    q_values = algorithm.q_values(learner.params, obs)
    best = jnp.max(q_values, axis=-1)
    return Values(q_values, best, jnp.zeros_like(best))


@values_of.register
def _(algorithm: SAC, learner: Any, obs: Array) -> Values:
    """The smaller critic's, of the sampled policy, which is paid for its entropy."""
    q_values = algorithm.critics(learner.params["critics"], obs).min(axis=0)
    logits = algorithm.logits(learner.params, obs)
    bonus = jnp.exp(learner.params["log_temperature"]) * entropy(logits)
    return Values(q_values, expected_value(q_values, jax.nn.softmax(logits)), bonus)


class Overestimation(NamedTuple):
    """Agent steps of complete episodes, and what each was thought to be worth."""

    estimated: Array  # [T, N] Q(s, a) of the action that was taken
    obtained: Array  # [T, N] the discounted return from there on
    counted: Array  # [T, N] bool: the step is of one of the episodes asked for
    bootstrapped: Array  # [T, N] bool: a clock cut it, `obtained` ends in an estimate

    @property
    def bias(self) -> Array:
        """Mean of estimated - obtained over the counted steps, `[]`; > 0: too high."""
        return self.mean(self.estimated - self.obtained)

    def mean(self, numbers: Array) -> Array:
        """Mean of `numbers [T, N]` over the counted steps, `[]`."""
        total = jnp.sum(jnp.where(self.counted, numbers, 0.0))
        return total / jnp.sum(self.counted)


def over_estimation(
    algorithm: RolloutAlgorithm,
    state: TrainState,
    key: Key,
    episodes: int = 2,
    *,
    num_envs: int = 32,
    max_steps: int = 512,
    greedy: bool = True,
) -> Overestimation:
    """Plays complete episodes and compares each step's value with its return.

    Each environment plays its first `episodes` episodes, so that long ones count like
    short ones. The episodes are those of training: in Pong points, to whose end the
    values look ahead. Where the clock ends one, or `max_steps` agent steps have passed,
    the return ends in the state's estimated value, as learning targets do.

    It measures what `algorithm` is asked about: played greedily, the values of a
    Q-learner; `greedy=False` tells besides what its exploration costs. The values of
    SAC are of its sampled policy and count its entropy, and so does its return here.

    Args:
        algorithm: any with action values, without a memory.
        state: of its training.
        key: consumed.
        episodes: of each environment, static.
        num_envs: N, static.
        max_steps: T, agent steps of each environment, static.
        greedy: the best known actions, or those of the behaviour policy; static.

    Raises:
        InputError: the algorithm has no action values, or a memory, which they would
            depend on; or it is SAC and played greedily.
    """
    _check_played(algorithm, greedy)
    learner = state.learner

    def policy(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree, Array]:
        action, memory = algorithm.act(state, obs, memory, key, greedy=greedy)
        known = values_of(algorithm, learner, algorithm.encode(obs))
        return action, memory, action_value(known.q_values, action)

    key_world, key_play = jax.random.split(key)
    env, params = algorithm.env, algorithm.params
    world = init_world(env, params, key_world, num_envs)
    _, batch, _ = rollout(env, params, policy, world, key_play, max_steps)

    ended = batch.terminated | batch.truncated
    before = jnp.cumsum(ended, axis=0) - ended  # episodes that ended before the step
    return Overestimation(
        estimated=batch.extras,
        obtained=_obtained(algorithm, learner, batch),
        counted=before < episodes,
        bootstrapped=~_terminates(batch.terminated, batch.truncated),
    )


def _obtained(algorithm: RolloutAlgorithm, learner: Any, batch: Transition) -> Array:
    """Discounted returns `[T, N]` of a rollout, with what is paid beside the reward."""
    shape = batch.reward.shape
    next_obs = algorithm.encode(batch.next_obs)
    flat = next_obs.reshape(-1, *next_obs.shape[2:])
    onward = values_of(algorithm, learner, flat)
    going = algorithm.discount * (1.0 - batch.terminated)
    return lambda_returns(
        batch.reward + going * onward.bonus.reshape(shape),
        onward.state_value.reshape(shape),
        batch.terminated,
        batch.truncated,
        algorithm.discount,
        1.0,
    )


def _check_played(algorithm: RolloutAlgorithm, greedy: bool) -> None:
    name = type(algorithm).__name__
    if jax.tree.leaves(algorithm.initial_memory(1)):
        raise InputError(
            f"{name} carries a memory, and its action values depend on it: measure one "
            "without"
        )
    if isinstance(algorithm, SAC) and greedy:
        raise InputError(
            f"{name}'s action values are those of its sampled policy: use greedy=False"
        )


def _terminates(terminated: Array, truncated: Array) -> Array:
    """Whether the episode of a step terminates inside the rollout, `[T, N]`."""

    def backwards(later: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        terminated, truncated = row
        now = terminated | (later & ~truncated)
        return now, now

    nothing = jnp.zeros(terminated.shape[1:], bool)
    return jax.lax.scan(backwards, nothing, (terminated, truncated), reverse=True)[1]


def overestimated(
    algorithm: RolloutAlgorithm, state: TrainState, key: Key, **sizes: Any
) -> dict[str, Array]:
    """Means of `over_estimation`; SAC is played as it learns. A `Measure`."""
    greedy = not isinstance(algorithm, SAC)
    found = over_estimation(algorithm, state, key, greedy=greedy, **sizes)
    return {
        "estimated": found.mean(found.estimated),
        "obtained": found.mean(found.obtained),
        "over_estimation": found.bias,
        "bootstrapped_share": found.mean(found.bootstrapped.astype(jnp.float32)),
    }


def distance_to_best(
    env: Environment, discount: float, epsilon: float = 0.1
) -> Measure:
    """A measure for `values_along_training`: how far action values stand from Q*.

    States are weighted by the discounted visits of the best policy with a share
    `epsilon` of uniform actions, so that no state counts that is never reached. Its
    scalars are the fields of `pgvq.diagnostics.exact.Distance`.

    Args:
        env: one that is registered for `outcomes` and `observations`.
        discount: the same as the algorithm's.
        epsilon: share of uniform actions, 0..1.

    Raises:
        InputError: the environment is not registered, or the discount is not below 1.
    """
    mdp = outcomes(env)
    best = value_iteration(mdp, discount)
    weight = visits(mdp, epsilon_greedy_policy(best, epsilon), discount)
    # Of the many numbers that no point of Pong reaches none costs time.
    rows = np.flatnonzero(weight > 0)
    obs, best, weight = observations(env)[rows], best[rows], weight[rows]

    def measure(algorithm: Any, state: TrainState, key: Key) -> dict[str, Array]:
        del key
        q_values = values_of(algorithm, state.learner, algorithm.encode(obs)).q_values
        return distance(q_values, best, weight)._asdict()

    return measure
