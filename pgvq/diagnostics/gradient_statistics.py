"""Bias, variance and direction of gradient estimates, with honest intervals.

Estimates come in independent groups. Letters: `J` groups of an estimator, `R` groups of
the reference, `P` weights of the policy. Squares of means are taken over pairs of
*different* groups, so that noise does not add to them, and every standard error is the
jackknife's over whole groups (Efron & Stein 1981).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from pgvq.analysis.statistics import Floats

CONFIDENCE = 0.95


class EstimateGroups(NamedTuple):
    """What J independent groups of one estimator's estimates add up to."""

    mean: Floats  # [J, P] of the group's estimates
    unit: Floats  # [J, P] mean of its estimates, each scaled to length 1
    squared: Floats  # [J] mean of their squared lengths
    reference: Floats  # [J, P] the reference gradient, from the same agent steps


# The quantities of `comparison` that have an interval.
QUANTITIES = (
    "bias",
    "relative_bias",
    "alignment",
    "cosine",
    "variance",
    "noise_scale",
    "signal_to_noise_per_step",
)


def comparison(
    groups: EstimateGroups, reference: Floats, agent_steps: float
) -> dict[str, float]:
    """How one estimator's estimates stand to the reference.

    With g an estimate, E g its mean, and r the reference:

        bias           |E g - r|
        relative_bias  |E g - r| / |r|
        alignment      cos(E g, r): the bias that no step size mends
        cosine         E cos(g, r): of a single estimate
        variance       E |g - E g|^2, the trace of the covariance
        noise_scale    agent steps at which an estimate is as much noise as signal,
                       `agent_steps * variance / |E g|^2` (McCandlish et al. 2018)
        signal_to_noise_per_step   its inverse: the share of signal that each agent
                       step spent adds to `|E g|^2 / variance`

    Args:
        groups: J of them.
        reference: [R, P], means of R further groups.
        agent_steps: spent on one estimate.

    Returns:
        Each of these, and the ends of its 95 % interval as `NAME_low` and `NAME_high`;
        and `norm`, |E g|, and `reference_norm`, |r|. NaN where a squared length came
        out negative, which says that there are too few samples. Cosines may come out a
        little above 1, for they are corrected for the reference's noise.

    The jackknife is conservative where there is no bias: the interval of `bias`, made
    on its square, is then up to 1.4 times as wide as it needs to be.
    """
    moments, without_mine, without_reference = _moments(groups, reference)
    whole = _quantities(moments, agent_steps)
    error = np.sqrt(
        _jackknife_variance(_quantities(without_mine, agent_steps))
        + _jackknife_variance(_quantities(without_reference, agent_steps))
    )
    margin = error * stdtrit(len(groups.mean) - 1, (1 + CONFIDENCE) / 2)  # Student's t
    low, high = whole - margin, whole + margin
    with np.errstate(invalid="ignore", divide="ignore"):
        for ends in (whole, low, high):  # the two biases so far are squares
            ends[:2] = np.sqrt(np.maximum(ends[:2], 0.0))
            ends[4:] = np.maximum(ends[4:], 0.0)
        # The interval of the noise scale is that of its inverse, turned round.
        low[5], high[5] = 1 / high[6], 1 / low[6]
        norm, reference_norm = np.sqrt(np.array([moments.mean, moments.reference]))
    row = {"norm": float(norm), "reference_norm": float(reference_norm)}
    for i, name in enumerate(QUANTITIES):
        row |= {name: whole[i], f"{name}_low": low[i], f"{name}_high": high[i]}
    return {name: float(value) for name, value in row.items()}


def cosine_at(
    alignment: Floats | float, noise_scale: Floats | float, agent_steps: Floats | float
) -> Floats:
    """The cosine between the reference and an estimate from `agent_steps` agent steps.

        alignment / sqrt(1 + noise_scale / agent_steps)

    for many weights, where the length of the noise varies little. With few steps the
    noise decides, with many the bias. All `[...]`.
    """
    noise = np.asarray(noise_scale) / np.asarray(agent_steps)
    return np.asarray(alignment) / np.sqrt(1 + noise)


class _Moments(NamedTuple):
    """Products of means; all `[...]`."""

    difference: Floats | float  # |E g - r|^2
    mean: Floats | float  # |E g|^2
    reference: Floats | float  # |r|^2
    towards: Floats | float  # E g . r
    unit_towards: Floats | float  # E (g / |g|) . r
    squared: Floats | float  # E |g|^2


def _moments(
    groups: EstimateGroups, reference: Floats
) -> tuple[_Moments, _Moments, _Moments]:
    """From all groups; [J] without one of them; [R] without one of the reference's."""
    groups = EstimateGroups(*(np.asarray(part, np.float64) for part in groups))
    reference = np.asarray(reference, np.float64)
    difference, some_difference = _squared_lengths(groups.mean - groups.reference)
    mean, some_mean = _squared_lengths(groups.mean)
    length, some_length = _squared_lengths(reference)
    middle, others = reference.mean(0), _means_without_one(reference)
    squared = groups.squared.mean()

    return (
        _Moments(
            difference,
            mean,
            length,
            groups.mean.mean(0) @ middle,
            groups.unit.mean(0) @ middle,
            squared,
        ),
        _Moments(
            some_difference,
            some_mean,
            length,
            _means_without_one(groups.mean) @ middle,
            _means_without_one(groups.unit) @ middle,
            _means_without_one(groups.squared),
        ),
        _Moments(
            difference,
            mean,
            some_length,
            others @ groups.mean.mean(0),
            others @ groups.unit.mean(0),
            squared,
        ),
    )


def _squared_lengths(groups: Floats) -> tuple[float, Floats]:
    """`|E x|^2` from independent `x [J, P]` without the share of noise; [J] of J - 1.

    The mean of `x_i . x_j` over pairs of different groups: unbiased, and so by chance
    negative where the noise is large.
    """
    count, total = len(groups), groups.sum(0)
    squares = np.sum(groups * groups, axis=1)  # [J]
    pairs = total @ total - squares.sum()
    some_pairs = pairs - 2 * (groups @ total - squares)
    whole = float(pairs / (count * (count - 1)))
    return whole, some_pairs / ((count - 1) * (count - 2))


def _means_without_one(values: Floats) -> Floats:
    """Means of all `values [J, ...]` but one, [J, ...]."""
    return (values.sum(0) - values) / (len(values) - 1)


def _quantities(moments: _Moments, agent_steps: float) -> Floats:
    """Those of `QUANTITIES`, [7, ...]; the two biases are squared."""
    difference, mean, reference, towards, unit_towards, squared = np.broadcast_arrays(
        *(np.asarray(moment, np.float64) for moment in moments)
    )
    variance = squared - mean
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt(reference)  # NaN where nothing can be said of it
        signal = mean / variance / agent_steps
        return np.stack(
            [
                difference,
                difference / length**2,
                towards / (np.sqrt(mean) * length),
                unit_towards / length,
                variance,
                1 / signal,
                signal,
            ]
        )


def _jackknife_variance(without_one: Floats) -> Floats:
    """Squared standard errors [7] from values `[7, J]` that lack a group each."""
    return np.var(without_one, axis=1) * (without_one.shape[1] - 1)
