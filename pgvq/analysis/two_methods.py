"""How far two methods end apart, and what that shows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pgvq.statistics import interquartile_mean

MIN_COMPARED = 5  # runs of each; intervals of fewer are far too narrow
RESAMPLES = 5_000

HIGHER, LOWER = "higher", "lower"
NOT_SHOWN = "no difference shown"
TOO_FEW = f"fewer than {MIN_COMPARED} runs"


class Difference(NamedTuple):
    """Of the interquartile means of two sets of runs, with its 95 % interval."""

    value: float  # NaN where one is not known
    low: float  # NaN from fewer than 5 runs
    high: float
    verdict: str  # "higher", "lower", "no difference shown", "fewer than 5 runs"


def difference(a: ArrayLike, b: ArrayLike) -> Difference:
    """By how much the runs `a` [S] end above the runs `b` [S']; runs are not paired.

    The interval is the bootstrap's over whole runs, resampled in each set by itself
    (Efron 1979), always the same for the same runs.
    """
    a, b = (np.asarray(side, np.float64) for side in (a, b))
    value = float(interquartile_mean(a) - interquartile_mean(b))
    if min(len(a), len(b)) < MIN_COMPARED or not np.isfinite(value):
        return Difference(value, np.nan, np.nan, TOO_FEW)
    generator = np.random.default_rng(0)
    means = [
        interquartile_mean(side[generator.integers(len(side), size=(len(side), R))])
        for side, R in ((a, RESAMPLES), (b, RESAMPLES))
    ]
    low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
    verdict = HIGHER if low > 0 else LOWER if high < 0 else NOT_SHOWN
    return Difference(value, float(low), float(high), verdict)
