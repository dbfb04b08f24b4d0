"""One lane: an algorithm with one seed, its streams of randomness, its programs.

Everything here is written for a single lane; `training` makes many of them one program.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.algorithms.contract import Algorithm, is_finite
from pgvq.envs import evaluation_env
from pgvq.rollout import Games, play
from pgvq.types import Key, PyTree, Ratio

MODES = ("greedy", "explore")

# One number per purpose: streams made by these never meet.
TRAINING, EVALUATION = 0, 1


class Lane(NamedTuple):
    """One run: an algorithm with its hyper-parameters, and a seed."""

    variant: str
    algorithm: Algorithm
    seed: int


class Mean(NamedTuple):
    """A mean in the making, of any number of values; leaves `[L]`.

    Small values are not lost in a large total: `rounded_off` is what float32 cannot
    hold of it. The mean is `(total + rounded_off) / number`.
    """

    total: Array  # float32
    rounded_off: Array  # float32
    number: Array  # int32


class Progress(NamedTuple):
    """All that changes while lanes train; a checkpoint holds exactly this."""

    state: Any  # the algorithms' states, leaves [L, ...]
    metrics: dict[str, Mean]  # since the last evaluation, of the values that are known


class Evaluation(NamedTuple):
    """Games of all lanes at one point of training."""

    games: dict[str, Games]  # by mode, leaves [L, G]
    diverged: np.ndarray  # [L] bool: what is learnt is no longer finite


def seed_key(seed: Array, purpose: int) -> Key:
    """The key of a seed for a purpose; other seeds and their number play no part."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(0), seed), purpose)


def init_lane(algorithm: Algorithm, seed: Array) -> Progress:
    """A lane at its beginning, after its initial steps."""
    state = algorithm.init(seed_key(seed, TRAINING))
    with jax.disable_jit(False):  # which would run through every loop
        _, metrics = jax.eval_shape(algorithm.iterate, state)
    return Progress(state, {name: empty_mean() for name in metrics})


def advance_lane(
    iterations: Array, algorithm: Algorithm, progress: Progress
) -> Progress:
    """Runs `iterations` iterations; metrics are summed where they are known."""

    def one(_: Array, progress: Progress) -> Progress:
        state, metrics = algorithm.iterate(progress.state)
        sums = {
            name: with_value(progress.metrics[name], value)
            for name, value in metrics.items()
        }
        return Progress(state, sums)

    return jax.lax.fori_loop(0, iterations, one, progress)


def empty_mean() -> Mean:
    """Of no values."""
    return Mean(jnp.float32(0), jnp.float32(0), jnp.int32(0))


def with_value(mean: Mean, value: Array | Ratio) -> Mean:
    """The mean with one iteration's value; NaN, and a ratio of nothing, change nothing.

    Args:
        mean: leaves `[]`.
        value: `[]`.
    """
    if not isinstance(value, Ratio):
        value = Ratio(value, ~jnp.isnan(value))
    known = value.number > 0
    new = jnp.where(known, value.total, 0.0).astype(jnp.float32)
    # A sum in two floats: what the first one rounds off goes to the second (Knuth's
    # exact addition), and the two are made anew so that the second stays small.
    rough = mean.total + new
    part = rough - mean.total
    lost = mean.rounded_off + ((mean.total - (rough - part)) + (new - part))
    total = rough + lost
    rounded_off = jnp.where(jnp.isfinite(total), lost - (total - rough), 0.0)
    total = jnp.where(jnp.isfinite(rough), total, rough)
    number = jnp.where(known, value.number, 0).astype(jnp.int32)
    return Mean(total, rounded_off, mean.number + number)


def evaluate_lane(
    games: int,
    max_steps: int,
    point: Array,
    algorithm: Algorithm,
    seed: Array,
    state: Any,
) -> tuple[dict[str, Games], Array]:
    """Complete games by mode, `[G]` of each; whether what is learnt is not finite."""
    env = evaluation_env(algorithm.env)
    given = algorithm.env_params
    params = env.default_params if given is None else given

    def of_mode(tree: PyTree, i: int) -> PyTree:
        return jax.tree.map(lambda leaf: leaf[i * games : (i + 1) * games], tree)

    def act(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree]:
        # One mode after the other along the axis of games: the rules compile once.
        keys = jax.random.split(key, len(MODES))
        parts = [
            algorithm.act(
                state,
                of_mode(obs, i),
                of_mode(memory, i),
                keys[i],
                greedy=mode == "greedy",
            )
            for i, mode in enumerate(MODES)
        ]
        return jax.tree.map(lambda *part: jnp.concatenate(part), *parts)

    key = jax.random.fold_in(seed_key(seed, EVALUATION), point)
    count = games * len(MODES)
    memory = algorithm.initial_memory(count)
    played = play(
        env, params, act, key, count, max_steps, memory, trained_in=algorithm.env
    )
    by_mode = [of_mode(played, i) for i in range(len(MODES))]
    diverged = ~is_finite(algorithm, state)
    return dict(zip(MODES, by_mode, strict=True)), diverged
