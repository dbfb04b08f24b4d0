"""What samples of a gradient say: its length, its noise, and where it points.

Gradients come as rows `[N, H, P]`: N independent estimates, each from one game or from
several, for H horizons, with respect to P weights. Estimates are `[H]`; their intervals
are percentile bootstraps over whole rows, or 1.96 standard errors of their mean.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from pgvq.analysis.statistics import Estimate, Floats

RESAMPLES = 300


def total_variance(rows: ArrayLike, generator: Generator) -> Estimate:
    """The trace of the covariance of the rows, for each horizon."""
    rows = np.asarray(rows, np.float64)
    squares = np.square(rows).sum(-1)  # [N, H]

    def variance(counts: Floats) -> Floats:
        means = _means(counts, rows)
        spread = counts @ squares / len(rows) - np.square(means).sum(-1)
        return spread * len(rows) / (len(rows) - 1)

    return _bootstrapped(variance, len(rows), generator)


def cosine(a: ArrayLike, b: ArrayLike, generator: Generator) -> Estimate:
    """The cosine between the mean gradients of `a` and of `b`, both `[N, H, P]`.

    The rows of the two are paired, and drawn together. 0 where a mean is 0.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)

    def of_means(counts: Floats) -> Floats:
        left, right = _means(counts, a), _means(counts, b)
        return np.sum(_units(left) * _units(right), axis=-1)

    return _bootstrapped(of_means, len(a), generator)


def component(rows: ArrayLike, directions: ArrayLike) -> Estimate:
    """The mean of the rows along directions `[H, P]` or `[P]`, ± 1.96 standard errors.

    A direction's length does not matter.
    """
    along = np.sum(np.asarray(rows, np.float64) * _units(directions), axis=-1)
    return _mean(along)


def cosine_of_each(rows: ArrayLike, directions: ArrayLike) -> Estimate:
    """The mean cosine of a single row to directions `[H, P]` or `[P]`, ± 1.96 errors.

    0 where a row is 0.
    """
    return _mean(np.sum(_units(rows) * _units(directions), axis=-1))


def _units(vectors: ArrayLike) -> Floats:
    """Vectors `[..., P]` scaled to length 1; zeros stay zeros."""
    vectors = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _mean(values: Floats) -> Estimate:
    mean = values.mean(0)
    error = 1.96 * values.std(0, ddof=1) / np.sqrt(len(values))
    return Estimate(mean, mean - error, mean + error)


def _means(counts: Floats, rows: Floats) -> Floats:
    """Mean gradients `[R, H, P]` of R resamples that take each row so many times."""
    flat = rows.reshape(len(rows), -1)
    return (counts @ flat / len(rows)).reshape(len(counts), *rows.shape[1:])


def _bootstrapped(
    statistic: Callable[[Floats], Floats], rows: int, generator: Generator
) -> Estimate:
    """`statistic` of all rows, and of resamples, `[R, N]` counts to `[R, H]`."""
    drawn = generator.multinomial(rows, np.full(rows, 1 / rows), size=RESAMPLES)
    low, high = np.quantile(statistic(drawn.astype(np.float64)), [0.025, 0.975], axis=0)
    return Estimate(statistic(np.ones((1, rows)))[0], low, high)
