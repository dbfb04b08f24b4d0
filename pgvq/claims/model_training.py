"""Runs trained in memory, each a lane of a program, with their policies on the way."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from pgvq.training.lane import TRAINING, seed_key
from pgvq.types import Params, Ratio

# Mean return in points: from random play's -0.86, half of the way to level.
HALFWAY = -0.5


class Trained(NamedTuple):
    """One run, cut into K stretches of so many iterations each."""

    returns: Array  # [K] mean return of the episodes that ended; NaN where none did
    params: Params  # leaves [K, ...]: the weights after each stretch


def train(algorithm: Any, seed: Array, stretches: int, iterations: int) -> Trained:
    """Trains one run for `stretches` times `iterations` iterations.

    Its returns are those of the episodes that it learns from. Written for one run, to
    be vmapped over seeds, or over algorithms that differ in leaves alone.

    Args:
        algorithm: one whose state has a learner with weights, as all but the table's.
        seed: `[]`, as in every experiment.
        stretches: K, static.
        iterations: of each, static.
    """

    def iteration(state: Any, _: None) -> tuple[Any, Ratio]:
        state, metrics = algorithm.iterate(state)
        return state, metrics["episode_return"]

    def stretch(state: Any, _: None) -> tuple[Any, Trained]:
        state, returns = jax.lax.scan(iteration, state, length=iterations)
        mean = Ratio(returns.total.sum(), returns.number.sum()).value
        return state, Trained(mean, state.learner.params)

    start = algorithm.init(seed_key(seed, TRAINING))
    return jax.lax.scan(stretch, start, length=stretches)[1]


def halfway(returns: ArrayLike) -> int:
    """The first of `[K]` points above `HALFWAY`; the last where none is."""
    above = np.flatnonzero(np.asarray(returns) > HALFWAY)
    return int(above[0]) if len(above) else np.size(returns) - 1


def compiled(function: Callable[..., Any], *like: Any) -> Callable[..., Any]:
    """A program for arguments of these shapes."""
    return jax.jit(function).lower(*like).compile()
