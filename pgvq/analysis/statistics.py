"""What a handful of runs says about a method: point estimates and intervals.

A *run* is one seed's whole training; runs are independent, the points of one run's
learning curve are not. So an interval is over whole runs everywhere here.

Every run counts. One whose number is NaN, because its score is, ranks below all others:
the interquartile mean cuts it off with the lowest quarter, and is NaN itself where more
runs than that are NaN; in comparisons it loses to every number. So no run is left out,
neither one that failed nor one that diverged. Runs that have not got so far have no
place here: give only those that have.

**Intervals.** Nominally 95 %. The share of the population below the i-th lowest of n
runs is distributed as the i-th lowest of n uniform numbers, whatever the population
(David & Nagaraja, "Order Statistics", 2003). So the shares between neighbouring runs
are drawn, as in the Bayesian bootstrap (Rubin 1981; Banks 1988), and where in its gap a
share lies is drawn too: at one of the two ends. What lies outside of all runs ends
1.5 mean gaps away. Each draw is a population, and its interquartile mean is computed
exactly. An interval goes from one quantile of the draws to another; which, was
calibrated by simulation. What is made of several points of a curve, such as the time to
a threshold, has a bootstrap interval instead. How often these intervals hold the true
value: docs/statistics.md, measured by benchmarks/coverage.py.

**Too few runs.** From two to four there is the range of the runs, which is not an
interval, and from one nothing. Nor is there an interval of width zero: where all that
is averaged is equal, runs say nothing about their spread, and the ends are NaN.

The measures are those of Agarwal et al., "Deep Reinforcement Learning at the Edge of
the Statistical Precipice" (2021).
"""

from collections.abc import Callable
from functools import lru_cache
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import t as student_t

from pgvq.experiments.score_meaning import MARGIN

Floats = NDArray[np.float64]

MIN_RUNS = 5  # fewer have a range and no interval
ENOUGH = 8  # from fewer runs, some of which fail entirely, intervals are too narrow
INTERVAL, RANGE, EQUAL, NOTHING = "95 %", "range", "equal", ""
_BATCH = 2_000_000  # resampled numbers held at a time, 16 MB
_TAIL = 0.025  # of a nominal 95 % interval
_OUTSIDE = 1.5  # mean gaps between runs
# Shares of the draws beyond each end, by how many runs there are: those for which the
# intervals of normal, skewed and two-humped populations cover what they say.
_CALIBRATION = {
    "mean": {5: 0.025, 10: 0.029, 20: 0.029, 30: 0.026},
    "difference": {5: 0.045, 10: 0.038, 20: 0.028, 30: 0.026},
}


class Estimate(NamedTuple):
    """Numbers `[*Q]` with the ends of their 95 % intervals, or of the runs' range."""

    value: Floats
    low: Floats
    high: Floats


class Difference(NamedTuple):
    """By how much one method's interquartile mean is above another's."""

    value: float
    low: float  # of the 95 % interval; NaN where there is none
    high: float
    p_different: float  # that there is no difference, two-sided
    p_apart: float  # that it is the margin or more, in either direction


def estimate(
    runs: ArrayLike, statistic: Callable[[Floats], Floats] | None = None
) -> Estimate:
    """A statistic of S runs `[S, *P]` and its interval, always the same.

    The interquartile mean by default; its 95 % interval is described above. Of any
    other `statistic`, which reduces the leading axis, `[S, *P]` -> `[*Q]`, it is that
    of `bootstrap_interval`, with a generator that starts from 0.

    From two to four runs `low` and `high` are the lowest and the highest run, or the
    statistic's values for single runs: `interval_kind` says which of the two it is. NaN
    from fewer, at an end that NaN runs reach, and where the ends would be equal.
    """
    runs = np.asarray(runs, np.float64)
    measured = (statistic or interquartile_mean)(runs)
    if len(runs) < 2:
        low = high = np.full(np.shape(measured), np.nan)
    elif len(runs) < MIN_RUNS:
        of = statistic or interquartile_mean
        each = np.stack([of(runs[i : i + 1]) for i in range(len(runs))])
        each = np.where(np.isnan(each), -np.inf, each)
        low, high = each.min(axis=0), each.max(axis=0)
    elif statistic is None:
        low, high = _mean_interval(runs)
    else:
        low, high = bootstrap_interval(runs, np.random.default_rng(0), statistic)
    return Estimate(measured, *_honest(measured, low, high))


def interval_kind(runs: int, low: float, high: float) -> str:
    """What `low` and `high` from `runs` runs are: "95 %", "range", "equal" or "".

    "equal" where they are NaN because all that is averaged is equal (or NaN), "" where
    there are fewer than two runs.
    """
    if runs < 2:
        return NOTHING
    if np.isnan(low) and np.isnan(high):
        return EQUAL
    return RANGE if runs < MIN_RUNS else INTERVAL


def too_narrow() -> str:
    """What captions say of intervals from 5 to 7 runs."""
    return (
        f"From {MIN_RUNS} to {ENOUGH - 1} seeds of which some fail entirely, intervals "
        "are too narrow and verdicts too sure (docs/statistics.md)."
    )


def interquartile_mean(scores: ArrayLike, axis: int = 0) -> Floats:
    """Mean of the middle half: the lowest and the highest quarter are cut off.

    `scores` [S, *P] of S runs along `axis` gives [*P]. Of n numbers floor(n / 4) are
    cut at each end, as in `scipy.stats.trim_mean(scores, 0.25)`: from fewer than four
    runs it is the plain mean. NaN rank lowest; NaN where one of them is not cut off,
    and where there are no runs.
    """
    given = np.moveaxis(np.asarray(scores, np.float64), axis, 0)
    lost = np.sum(np.isnan(given), axis=0)
    ordered = np.sort(np.where(np.isnan(given), -np.inf, given), axis=0)
    count = len(ordered)
    cut = count // 4
    rank = np.arange(count).reshape(-1, *[1] * (ordered.ndim - 1))
    middle = (rank >= cut) & (rank < count - cut)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        total = np.sum(ordered, axis=0, where=middle)
    return np.where(
        (count > 0) & (lost <= cut), total / max(count - 2 * cut, 1), np.nan
    )


def bootstrap_interval(
    runs: ArrayLike,
    generator: Generator,
    statistic: Callable[[Floats], Floats] = interquartile_mean,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> tuple[Floats, Floats]:
    """Expanded percentile bootstrap over whole runs: low and high end, [*Q] each.

    `runs` [S, *P] are S runs with P numbers each, a learning curve for instance;
    `statistic` reduces the leading axis, [S, *P] -> [*Q], and keeps further axes apart.
    Each resample draws S runs with replacement, and with each run all its numbers, so
    that the interval is also right for what depends on several points of a curve.

    NaN from fewer than 5 runs, and at an end that NaN runs reach. Percentiles are those
    further out for which the interval of a mean is as wide as Student's.
    Source: Hesterberg, "What teachers should know about the bootstrap" (2015).
    """
    runs = np.asarray(runs, np.float64)
    count = len(runs)
    if count < MIN_RUNS:
        nothing = np.full(np.shape(statistic(runs)), np.nan)
        return nothing, nothing.copy()

    drawn = generator.integers(count, size=(count, resamples))  # [S, R]
    parts = max(1, -(-runs.size * resamples // _BATCH))
    batches = np.array_split(drawn, min(parts, resamples), axis=1)
    values = np.concatenate([statistic(runs[batch]) for batch in batches])  # [R, *Q]
    quantile = student_t.ppf((1 + confidence) / 2, count - 1)
    return _ends(values, float(ndtr(-quantile * np.sqrt(count / (count - 1)))))


def difference(a: ArrayLike, b: ArrayLike, margin: float = MARGIN) -> Difference:
    """How far the interquartile mean of runs `a` [S] is above that of `b` [S'].

    The interval and both p-values come from all pairs of draws (see above), so that the
    interval lies apart from 0 where `p_different` is below 0.05. No p-value is smaller
    than the least that a permutation of the runs can give: 2 / 252 from five of each.
    `p_apart` is that of two one-sided tests (Schuirmann 1987): where it is below 0.05,
    the means are shown to be equal within the margin; NaN where that is NaN. All but
    `value` are NaN where either side has fewer than 5 runs.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        value = float(interquartile_mean(a) - interquartile_mean(b))
        if min(len(a), len(b)) < MIN_RUNS:
            return Difference(value, np.nan, np.nan, np.nan, np.nan)
        draws = [_thinned(_possible_means(side[:, None])[:, 0]) for side in (a, b)]
        apart = (draws[0][:, None] - draws[1]).ravel()
    tail = _tail("difference", len(a), len(b))
    low, high = _honest(np.asarray(value), *_ends(apart, tail))
    least = 1 / comb(len(a) + len(b), len(a))

    def p(differences: Floats, level: float) -> float:
        """The p-value of the hypothesis that the difference is `level` or less."""
        share = np.mean(differences < level)
        share += 0.5 * np.mean((differences == level) | np.isnan(differences))
        return max(float(ndtr(ndtri(share) * ndtri(_TAIL) / ndtri(tail))), least)

    p_different = min(1.0, 2 * min(p(apart, 0.0), p(-apart, 0.0)))
    known = not np.isnan(margin)
    p_apart = max(p(apart, -margin), p(-apart, -margin)) if known else np.nan
    return Difference(value, float(low), float(high), p_different, p_apart)


def probability_of_improvement(a: ArrayLike, b: ArrayLike) -> Estimate:
    """How often a run of A scores higher than a run of B, with its 95 % interval.

    `a` [S] and `b` [S'] are scores of independent runs; ties count one half. This is
    the Mann-Whitney U statistic over S * S'. NaN is lower than every number. The ends
    are NaN where either side has fewer than 5 runs, all are NaN where it has none.

    The interval holds every probability from which the estimate is less than 1.96
    standard errors away. Their squares are those of Newcombe, "Confidence intervals for
    an effect size measure based on the Mann-Whitney statistic, part 2" (2006), method
    5, and where the runs' own estimate (DeLong et al. 1988) is greater, as it is for
    populations of unequal shape, enlarged by the root of the ratio.
    """
    a, b = (_lowest(np.asarray(side, np.float64)) for side in (a, b))
    nothing = np.asarray(np.nan)
    if not (len(a) and len(b)):
        return Estimate(nothing, nothing, nothing)
    wins = (a[:, None] > b) + 0.5 * (a[:, None] == b)  # [S, S']
    value = np.asarray(wins.mean())
    if min(len(a), len(b)) < MIN_RUNS:
        return Estimate(value, nothing, nothing)
    mean_runs = (len(a) + len(b)) / 2

    def variance(p: Floats) -> Floats:
        pairs = (mean_runs - 1) * ((1 - p) / (2 - p) + p / (1 + p))
        return p * (1 - p) * (1 + pairs) / (len(a) * len(b))

    own = sum(wins.mean(axis=1 - i).var(ddof=1) / len(x) for i, x in enumerate((a, b)))
    ratio = own / variance(value) if 0 < value < 1 else 1.0
    p = np.sort(np.append(np.linspace(0, 1, 10_001)[1:-1], value))
    errors = np.sqrt(variance(p) * np.sqrt(max(ratio, 1.0)))
    inside = p[np.abs(p - value) <= -ndtri(_TAIL) * errors]
    return Estimate(value, np.fmin(inside[0], value), np.fmax(inside[-1], value))


def steps_to_reach(steps: ArrayLike, curves: ArrayLike, threshold: float) -> Floats:
    """The first evaluation point at which each run scores `threshold` or more.

    `steps` [P] in agent steps (or any unit), rising; `curves` [S, P]. Returns [S] in
    the unit of `steps`, NaN for a run that never gets there.
    """
    steps, reached = np.asarray(steps, np.float64), np.asarray(curves) >= threshold
    if steps.size == 0:
        return np.full(len(reached), np.nan)
    return np.where(reached.any(axis=1), steps[reached.argmax(axis=1)], np.nan)


def steps_to_stay(steps: ArrayLike, curves: ArrayLike, threshold: float) -> Floats:
    """From where on each curve scores `threshold` or more, up to its end.

    A curve that falls below the threshold again has not reached it, however high it
    was before. Between the last evaluation point below and the next one the crossing is
    interpolated. `steps` [P] in agent steps (or any unit), rising; `curves` [*S, P].
    Returns [*S] in the unit of `steps`, infinity for "never", also where P is 0 or the
    curve's end is NaN.
    """
    steps, curves = np.asarray(steps, np.float64), np.asarray(curves, np.float64)
    count = len(steps)
    if not count:
        return np.full(curves.shape[:-1], np.inf)
    below = ~(curves >= threshold)
    last = count - 1 - np.argmax(below[..., ::-1], axis=-1)  # the last point below
    after = np.minimum(last + 1, count - 1)
    ends = [np.take_along_axis(curves, i[..., None], -1)[..., 0] for i in (last, after)]
    with np.errstate(invalid="ignore", divide="ignore"):
        rise = ends[1] - ends[0]
        share = np.where(np.isfinite(rise), (threshold - ends[0]) / rise, 1.0)
        crossing = steps[last] + share * (steps[after] - steps[last])
    crossing = np.where(last == count - 1, np.inf, crossing)
    return np.where(below.any(axis=-1), crossing, steps[0])


def time_to_stay(steps: ArrayLike, curves: ArrayLike, threshold: float) -> Estimate:
    """From where on the curve over runs scores `threshold` or more, and its interval.

    The curve over runs is their interquartile mean at each of the `steps` [P]; `curves`
    [S, P] are the runs' own. In the unit of `steps`; infinity means "never", as
    the value and as an end of the interval. That resamples whole runs; from two to four
    it is the range of the runs' own times. NaN where there are no runs.
    """
    curves = np.asarray(curves, np.float64)
    if not len(curves):
        return Estimate(*[np.asarray(np.nan)] * 3)

    def of_the_mean(runs: Floats) -> Floats:
        return steps_to_stay(steps, interquartile_mean(runs), threshold)

    return estimate(curves, of_the_mean)


def share_that_learned(final: ArrayLike, bar: ArrayLike) -> float:
    """The share of runs whose final score lies above `bar`, from 0 to 1.

    `final` [S]; `bar` is one score or [S], each run's own. A run with a NaN on either
    side has not been seen to learn. NaN without any run.
    """
    final, bar = np.broadcast_arrays(np.asarray(final, float), np.asarray(bar, float))
    return float(np.mean(final > bar)) if len(final) else np.nan


@lru_cache(maxsize=32)
def _weights(runs: int) -> Floats:
    """Weights of the interquartile mean in R populations: [R, n + 2], always the same.

    Those of the n runs in their order; first and last of what lies outside of them.
    """
    number = int(np.clip(_BATCH // runs, 400, 8_000))
    generator = np.random.default_rng(runs)
    below = np.sort(generator.random((number, runs)), axis=1)
    edges = np.concatenate([np.zeros((number, 1)), below, np.ones((number, 1))], axis=1)
    shares = 2 * np.diff(np.clip(edges, 0.25, 0.75), axis=1)  # of the middle half
    lower = generator.random(shares.shape) < 0.5  # at which end of its gap it is
    weights = np.zeros((number, runs + 2))
    weights[:, :-1] += np.where(lower, shares, 0)
    weights[:, 1:] += np.where(lower, 0, shares)
    return weights


def _possible_means(runs: Floats) -> Floats:
    """Interquartile means of the populations that runs [S, Q] may come from: [R, Q].

    Infinite where such a population's middle half reaches a run that is, or is NaN.
    """
    weights = _weights(len(runs))
    ordered = np.sort(_lowest(runs), axis=0)
    known = np.isfinite(ordered)
    # Equal runs give exactly their number: sums are over differences to the middle one.
    centre = np.where(known, ordered, 0.0)[len(runs) // 2]
    first = np.where(known, ordered, np.inf).min(axis=0)
    last = np.where(known, ordered, -np.inf).max(axis=0)
    gaps = np.maximum(known.sum(axis=0) - 1, 1)
    outside = _OUTSIDE * np.where(last > first, last - first, 0.0) / gaps
    points = np.concatenate([ordered[:1] - outside, ordered, ordered[-1:] + outside])
    values = weights @ np.where(np.isfinite(points), points - centre, 0.0) + centre
    for column in np.flatnonzero(~known.all(axis=0)):
        for infinity in (np.inf, -np.inf):  # what ranks lowest is put in last
            reached = weights[:, points[:, column] == infinity].any(axis=1)
            values[reached, column] = infinity
    return values


def _mean_interval(runs: Floats) -> tuple[Floats, Floats]:
    """The interval of the interquartile means of runs [S, *P]: [*P] each."""
    flat = runs.reshape(len(runs), -1)
    tail = _tail("mean", len(runs))
    columns = max(1, _BATCH // len(_weights(len(runs))))
    ends = [
        _ends(_possible_means(flat[:, i : i + columns]), tail)
        for i in range(0, max(flat.shape[1], 1), columns)
    ]
    low, high = (np.concatenate(side) for side in zip(*ends, strict=True))
    return low.reshape(runs.shape[1:]), high.reshape(runs.shape[1:])


def _ends(values: Floats, tail: float) -> tuple[Floats, Floats]:
    """The values [R, *Q] with a share `tail` of them below, and above: [*Q] each."""
    below = int(tail * len(values))
    places = [below, len(values) - 1 - below]
    low, high = np.partition(_lowest(values), places, axis=0)[places]
    return low, high


def _honest(value: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Ends that hold the value; NaN where NaN runs reach them, and where they meet."""
    low, high = np.fmin(low, value), np.fmax(high, value)
    meet = np.isclose(low, high, rtol=1e-12, atol=0.0)  # but for rounding
    unknown = [meet | (end == -np.inf) for end in (low, high)]
    return np.where(unknown[0], np.nan, low), np.where(unknown[1], np.nan, high)


def _tail(kind: str, *runs: int) -> float:
    """The share of the draws beyond each end; `runs` of each of one or two methods."""
    known = _CALIBRATION[kind]
    inverse = float(np.mean([1 / count for count in runs]))
    at = [0.0, *(1 / count for count in reversed(known))]
    return float(np.interp(inverse, at, [_TAIL, *reversed(known.values())]))


def _thinned(draws: Floats, number: int = 250) -> Floats:
    """`number` of the draws [R], evenly spaced in their order."""
    return np.sort(draws)[(len(draws) * (np.arange(number) + 0.5) / number).astype(int)]


def _lowest(numbers: Floats) -> Floats:
    """NaN ranks below every number."""
    return np.where(np.isnan(numbers), -np.inf, numbers)
