"""What samples of a gradient say: its length, its noise, and where it points.

Gradients come as rows `[N, H, P]`: of N independent games, for H horizons, with respect
to P weights. Intervals are percentile bootstraps over whole games.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
RESAMPLES = 300


class Estimate(NamedTuple):
    """A number for each horizon, `[H]`, with the ends of its 95 % interval."""

    value: Floats
    low: Floats
    high: Floats


def total_variance(rows: ArrayLike, generator: Generator) -> Estimate:
    """The trace of the covariance of one game's gradient, for each horizon."""
    rows = np.asarray(rows, np.float64)
    squares = np.square(rows).sum(-1)  # [N, H]

    def variance(counts: Floats) -> Floats:
        means = _means(counts, rows)
        spread = counts @ squares / len(rows) - np.square(means).sum(-1)
        return spread * len(rows) / (len(rows) - 1)

    return _bootstrapped(variance, len(rows), generator)


def cosine(a: ArrayLike, b: ArrayLike, generator: Generator) -> Estimate:
    """The cosine between the mean gradients of `a` and of `b`, both `[N, H, P]`.

    The games of the two are paired, and drawn together. 0 where a mean is 0.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)

    def of_means(counts: Floats) -> Floats:
        left, right = _means(counts, a), _means(counts, b)
        lengths = np.linalg.norm(left, axis=-1) * np.linalg.norm(right, axis=-1)
        return np.sum(left * right, axis=-1) / np.where(lengths > 0, lengths, 1.0)

    return _bootstrapped(of_means, len(a), generator)


def component(rows: ArrayLike, directions: ArrayLike) -> Estimate:
    """The mean of each horizon's gradient along a direction, ± 1.96 standard errors.

    Args:
        rows: `[N, H, P]`.
        directions: `[H, P]`; scaled to length 1.
    """
    directions = np.asarray(directions, np.float64)
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    units = directions / np.where(lengths > 0, lengths, 1.0)
    along = np.einsum("nhp,hp->nh", np.asarray(rows, np.float64), units)
    mean = along.mean(0)
    error = along.std(0, ddof=1) / np.sqrt(len(along))
    return Estimate(mean, mean - 1.96 * error, mean + 1.96 * error)


def games_for_signal(rows: ArrayLike) -> Floats:
    """Games to average until a gradient's noise is no longer than the gradient, `[H]`.

    That is the total variance over the squared length of the mean gradient, which is
    estimated without bias; NaN where noise hides that length wholly.
    """
    rows = np.asarray(rows, np.float64)
    variance = rows.var(0, ddof=1).sum(-1)
    signal = np.square(rows.mean(0)).sum(-1) - variance / len(rows)
    return np.where(signal > 0, variance / np.where(signal > 0, signal, 1.0), np.nan)


def _means(counts: Floats, rows: Floats) -> Floats:
    """Mean gradients `[R, H, P]` of R resamples that take each game so many times."""
    flat = rows.reshape(len(rows), -1)
    return (counts @ flat / len(rows)).reshape(len(counts), *rows.shape[1:])


def _bootstrapped(
    statistic: Callable[[Floats], Floats], games: int, generator: Generator
) -> Estimate:
    """`statistic` of all games, and of resamples, `[R, N]` counts to `[R, H]`."""
    drawn = generator.multinomial(games, np.full(games, 1 / games), size=RESAMPLES)
    low, high = np.quantile(statistic(drawn.astype(np.float64)), [0.025, 0.975], axis=0)
    return Estimate(statistic(np.ones((1, games)))[0], low, high)
