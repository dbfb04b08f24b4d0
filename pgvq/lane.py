"""One lane: an algorithm with one seed, its streams of randomness, its programs.

Everything here is written for a single lane; `training` makes many of them one program.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.algorithms.base import Algorithm, act_with_memory, initial_memory
from pgvq.envs import evaluation_env
from pgvq.rollout import Games, play
from pgvq.types import Key, Metrics, PyTree

MODES = ("greedy", "explore")

# One number per purpose: streams made by these never meet.
TRAINING, EVALUATION = 0, 1


class Lane(NamedTuple):
    """One run: an algorithm with its hyper-parameters, and a seed."""

    variant: str
    algorithm: Algorithm
    seed: int


class Progress(NamedTuple):
    """All that changes while lanes train; a checkpoint holds exactly this."""

    state: Any  # the algorithms' states, leaves [L, ...]
    sums: (
        Metrics  # [L] each: sum since the last evaluation of the values that are known
    )
    counts: Metrics  # [L] each: how many were known


class Evaluation(NamedTuple):
    """Games of all lanes at one point of training."""

    games: dict[str, Games]  # by mode, leaves [L, G]
    diverged: np.ndarray  # [L] bool: the state is no longer finite


def seed_key(seed: Array, purpose: int) -> Key:
    """The key of a seed for a purpose; other seeds and their number play no part."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(0), seed), purpose)


def init_lane(algorithm: Algorithm, seed: Array) -> Progress:
    """A lane at its beginning, after its initial steps."""
    state = algorithm.init(seed_key(seed, TRAINING))
    with jax.disable_jit(False):  # which would run through every loop
        _, metrics = jax.eval_shape(algorithm.iterate, state)
    zeros = {name: jnp.zeros(()) for name in metrics}
    return Progress(state, zeros, jax.tree.map(jnp.copy, zeros))


def advance_lane(
    iterations: Array, algorithm: Algorithm, progress: Progress
) -> Progress:
    """So many iterations further; metrics are summed where they are known."""

    def one(_: Array, progress: Progress) -> Progress:
        state, metrics = algorithm.iterate(progress.state)
        known = {name: ~jnp.isnan(value) for name, value in metrics.items()}
        sums = {
            name: progress.sums[name] + jnp.where(known[name], value, 0.0)
            for name, value in metrics.items()
        }
        counts = {name: progress.counts[name] + known[name] for name in metrics}
        return Progress(state, sums, counts)

    return jax.lax.fori_loop(0, iterations, one, progress)


def evaluate_lane(
    games: int,
    max_steps: int,
    point: Array,
    algorithm: Algorithm,
    seed: Array,
    state: Any,
) -> tuple[dict[str, Games], Array]:
    """Complete games by mode, `[G]` of each; whether the state is no longer finite."""
    env = evaluation_env(algorithm.env)
    given = algorithm.env_params
    params = env.default_params if given is None else given

    def of_mode(tree: PyTree, i: int) -> PyTree:
        return jax.tree.map(lambda leaf: leaf[i * games : (i + 1) * games], tree)

    def act(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree]:
        # One mode after the other along the axis of games: the rules compile once.
        keys = jax.random.split(key, len(MODES))
        parts = [
            act_with_memory(
                algorithm,
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
    memory = initial_memory(algorithm, count)
    played = play(
        env, params, act, key, count, max_steps, memory, trained_in=algorithm.env
    )
    by_mode = [of_mode(played, i) for i in range(len(MODES))]
    finite = [
        jnp.all(jnp.isfinite(leaf))
        for leaf in jax.tree.leaves(state)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    diverged = ~jnp.all(jnp.array(finite, dtype=bool))
    return dict(zip(MODES, by_mode, strict=True)), diverged
