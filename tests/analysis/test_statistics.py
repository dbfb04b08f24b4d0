"""Statistics against values worked out by hand, and intervals against simulation."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, trim_mean

from pgvq.analysis.statistics import (
    bootstrap_interval,
    difference,
    estimate,
    interquartile_mean,
    interval_kind,
    probability_of_improvement,
    share_that_learned,
    steps_to_reach,
    steps_to_stay,
    time_to_stay,
)

NAN = float("nan")


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([5.0], 5.0),
        ([1.0, 2.0, 6.0], 3.0),  # fewer than four: the plain mean
        ([-100.0, 1.0, 2.0, 100.0], 1.5),
        ([9.0, 1.0, 2.0, 3.0, 100.0], 14 / 3),  # 2, 3, 9 remain
        ([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 0.0], 4.5),  # 3, 4, 5, 6 remain
        ([NAN, 1.0, 2.0, 6.0], 1.5),  # a NaN is the lowest of four, and cut
        ([1.0, NAN, 6.0, 2.0, 9.0], 3.0),
        ([1.0, NAN, 2.0], NAN),  # of three none is cut
        ([NAN, NAN, 1.0, 2.0, 100.0], NAN),  # two of five, one is cut
        ([NAN, NAN], NAN),
        ([1.0, np.inf, 2.0], np.inf),
        ([np.inf, -np.inf, 2.0], NAN),
        ([], NAN),
    ],
)
def test_interquartile_mean_by_hand(scores, expected):
    np.testing.assert_allclose(interquartile_mean(scores), expected, rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("runs", range(1, 14))
def test_interquartile_mean_is_scipys_trimmed_mean(runs, axis):
    scores = np.moveaxis(generator().normal(size=(runs, 2, 3)), 0, axis)
    np.testing.assert_allclose(
        interquartile_mean(scores, axis), trim_mean(scores, 0.25, axis), rtol=1e-12
    )


def test_bootstrap_percentiles_by_hand():
    """Resamples of 0, 0, 0, 0, 5 have mean k where the last is drawn k times of 5."""
    runs = np.array([0.0, 0.0, 0.0, 0.0, 5.0])

    def mean(resampled):
        return resampled.mean(axis=0)

    # k is 0, 1, 2 or more with chance 0.328, 0.410, 0.263. A mean of 5 normal numbers
    # is in 0.6 of experiments within 0.94 standard errors: the percentiles of
    # 0.94 * sqrt(5 / 4), 0.146 and 0.854, are drawn 0 and 2 times.
    low, high = bootstrap_interval(
        runs, generator(), mean, confidence=0.6, resamples=20_000
    )
    assert (low, high) == (0.0, 2.0)
    low, high = bootstrap_interval(runs, generator(), mean, confidence=0.1)
    assert (low, high) == (1.0, 1.0)  # 0.440 and 0.560


def simulated_runs(source, seeds=12, points=40):
    """Learning curves around 0 whose noise lasts for the whole run. [S, P]"""
    level = source.normal(size=(seeds, 1))
    return level + 0.3 * source.normal(size=(seeds, points))


def area(curves):
    """Mean over the points of the curve of interquartile means. [S, *R, P] -> [*R]"""
    return interquartile_mean(curves).mean(axis=-1)


def coverage(interval, experiments=250):
    """In which share of experiments the interval of the area holds its true value 0."""
    source = generator(1)
    ends = [interval(simulated_runs(source), source) for _ in range(experiments)]
    return np.mean([low <= 0 <= high for low, high in ends])


def test_whole_runs_cover_the_area_under_the_curve():
    def whole(runs, source):
        return bootstrap_interval(runs, source, area, resamples=300)

    def per_point(runs, source):
        shape = (300, *runs.shape)
        drawn = source.integers(len(runs), size=shape)
        mixed = np.take_along_axis(runs[None], drawn, axis=1)
        return np.quantile(area(np.swapaxes(mixed, 0, 1)), [0.025, 0.975])

    # Nominally 0.95; 12 runs and 250 experiments allow no more than this.
    assert 0.88 <= coverage(whole) <= 0.98
    # What the intervals would be worth if each point drew its own runs.
    assert coverage(per_point) < 0.6


def test_interval_covers_the_final_score():
    def final(runs, source):
        return bootstrap_interval(runs[:, -1], source, resamples=300)

    assert 0.88 <= coverage(final) <= 0.98


def ends(runs):
    return [float(end) for end in estimate(runs)[1:]]


def test_from_two_to_four_runs_there_is_the_range():
    for runs in ([1.0, 5.0], [5.0, 1.0, 2.0], [5.0, 4.0, 1.0, 2.0]):
        assert ends(runs) == [1.0, 5.0]
        assert interval_kind(len(runs), 1.0, 5.0) == "range"
    assert np.isnan(ends([1.0])).all()
    assert np.isnan(ends([])).all()
    assert interval_kind(1, NAN, NAN) == interval_kind(0, NAN, NAN) == ""
    low, high = ends([1.0, 2.0, 3.0, 4.0, 5.0])
    assert interval_kind(5, low, high) == "95 %"


def test_no_interval_has_width_zero():
    for runs in ([3.0] * 2, [0.1] * 5, [500.0] * 10, [-21.0] * 29 + [-20.0]):
        assert np.isnan(ends(runs)).all()
        assert interval_kind(len(runs), *ends(runs)) == "equal"
    # Eight of ten at the maximum: more than a quarter of all runs may be below it.
    low, high = ends([500.0] * 8 + [300.0, 200.0])
    assert low < 500 == high
    certain = probability_of_improvement([2] * 5, [1] * 5)
    assert certain.value == certain.high == 1
    assert 0.5 < certain.low < 0.8
    # The curve is there from the beginning in each resample, or in none.
    for level in (-1.0, 1.0):
        never = time_to_stay([0, 1], np.full((6, 2), level), 0.0)
        assert np.isnan([never.low, never.high]).all()


def test_an_interval_counts_runs_that_scored_nan():
    """A NaN is the lowest run: the low end is NaN where it may not be cut off."""
    low, high = ends([0.0, 1.0, 2.0, NAN])
    assert np.isnan(low)
    assert high == 2.0
    low, high = ends([0.0, 1.0, 2.0, 3.0, NAN])
    assert np.isnan(low)
    assert 1.5 < high < 6
    assert np.isnan(ends([NAN] * 5)).all()
    # Of twenty runs one NaN is cut off in nearly every draw.
    many = np.append(np.arange(19.0), NAN)
    low, high = ends(many)
    assert 0 < low < interquartile_mean(many) < high
    assert np.isfinite(ends(np.append(np.arange(19.0), np.inf))).all()


def test_intervals_move_and_stretch_with_the_runs():
    runs = generator(3).normal(size=(12, 4))
    first = np.array(estimate(runs))
    moved = np.array(estimate(100 + 7 * runs))
    np.testing.assert_allclose(moved, 100 + 7 * first, rtol=1e-12)
    turned = estimate(-runs)
    np.testing.assert_allclose(turned.low, -first[2], atol=0.1)
    shuffled = estimate(generator(4).permutation(runs))
    np.testing.assert_allclose(shuffled, first, rtol=1e-12)
    for column in range(4):  # each by itself
        np.testing.assert_allclose(
            np.array(estimate(runs[:, column])), first[:, column], rtol=1e-12
        )


def test_a_difference_is_seen_from_both_sides():
    a, b = generator(1).normal(3, 1, 12), generator(2).normal(0, 2, 7)
    one, other = difference(a, b), difference(b, a)
    assert one.value == interquartile_mean(a) - interquartile_mean(b)
    assert one.low < one.value < one.high
    np.testing.assert_allclose(
        [-other.value, -other.high, -other.low], one[:3], rtol=1e-2
    )
    assert one.p_different == pytest.approx(other.p_different, rel=1e-6)
    assert one.p_apart == pytest.approx(other.p_apart, rel=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_an_interval_excludes_zero_where_its_p_value_is_small(seed):
    a, b = generator(seed).normal(1.2, 1, 10), generator(100 + seed).normal(0, 1, 10)
    found = difference(a, b)
    assert (found.low > 0 or found.high < 0) == (found.p_different < 0.05)


def test_p_values_are_those_that_few_runs_can_have():
    certain = difference([9, 8, 7, 6, 5], [0, -1, -2, -3, -4])
    assert certain.p_different == pytest.approx(2 / 252)
    assert certain.p_apart > 0.99
    same = difference([21.0] * 5, [21.0] * 5)
    assert same.p_different == 1
    assert same.p_apart == pytest.approx(1 / 252)
    assert np.isnan([same.low, same.high]).all()
    few = difference([1.0, 2.0, 3.0, 4.0], [9.0] * 5)
    assert few.value == -6.5
    assert np.isnan(few[1:]).all()
    lost = difference([NAN] * 5, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert lost.p_different == pytest.approx(2 / 252)


def test_the_time_of_a_curve_over_runs():
    """Interquartile means at 0, 10, 20 are -4, 0, 4: there at 10."""
    curves = [[-6, -2, 2], [-5, -1, 3], [-4, 0, 4], [-3, 1, 5], [-2, 2, 6]]
    found = time_to_stay([0, 10, 20], curves, 0.0)
    assert found.value == 10
    assert 5 <= found.low < 10 < found.high <= 15
    few = time_to_stay([0, 10, 20], curves[:3], 0.0)
    assert few == (12.5, 10, 15)  # the runs' own times
    late = time_to_stay([0, 10, 20], [*curves, [-6, -6, -6], [-6, -6, -6]], 3.0)
    assert late.value == np.inf  # "never" is a value,
    assert late.low < np.inf == late.high  # and an end
    assert np.isnan(time_to_stay([0], np.empty((0, 1)), 0.0)).all()


def test_interval_is_that_of_its_generator_and_of_no_batch_size():
    runs = generator(2).normal(size=(9, 20))
    first = bootstrap_interval(runs, generator(3))
    np.testing.assert_array_equal(first, bootstrap_interval(runs, generator(3)))
    assert np.any(np.array(first) != bootstrap_interval(runs, generator(4)))
    # Twenty times the numbers are resampled in batches, and drawn the same.
    wide = bootstrap_interval(np.tile(runs, 20), generator(3))
    np.testing.assert_allclose(np.array(wide)[:, :20], first, rtol=1e-12)


def test_probability_of_improvement_by_hand():
    # Of the 6 pairs A wins 3 (2>1, 5>1, 5>4) and ties 1 (1=1).
    value, low, high = probability_of_improvement([1, 2, 5], [1, 4])
    assert value == pytest.approx(3.5 / 6)
    assert np.isnan([low, high]).all()  # fewer than five runs
    # NaN loses to every number, and ties with NaN.
    lost = probability_of_improvement([4, 5, NAN, NAN], [1, NAN])
    assert lost.value == pytest.approx((2 * 2 + 2 * 0.5) / 8)
    assert np.isnan(probability_of_improvement([], [1])).all()


def test_probability_of_improvement_is_the_mann_whitney_statistic():
    a = generator(5).integers(0, 9, 11)
    b = generator(6).integers(2, 9, 8)
    value, low, high = probability_of_improvement(a, b)
    assert value == pytest.approx(mannwhitneyu(a, b).statistic / (11 * 8))
    assert 0 <= low < value < high <= 1
    opposite = probability_of_improvement(b, a)
    np.testing.assert_allclose(1 - np.array(opposite)[[0, 2, 1]], [value, low, high])


def test_the_interval_of_a_probability_is_newcombes():
    """His equation, where the runs' own variance is the smaller one."""
    a, b = np.arange(10.0) + 4.5, np.arange(10.0)
    value, *found = probability_of_improvement(a, b)
    for end in found:
        parts = 9 * ((1 - end) / (2 - end) + end / (1 + end))
        variance = end * (1 - end) * (1 + parts) / 100
        error = abs(end - value) / np.sqrt(variance)
        assert error >= 1.96 - 0.01
    even = probability_of_improvement(np.arange(10), np.arange(10))
    own = 2 * np.var((np.arange(10) + 0.5) / 10, ddof=1) / 10
    model = 0.25 * (1 + 9 * (2 / 3)) / 100
    end = float(even.high)
    parts = 9 * ((1 - end) / (2 - end) + end / (1 + end))
    variance = end * (1 - end) * (1 + parts) / 100
    assert end - 0.5 == pytest.approx(
        1.96 * np.sqrt(variance * max(1, np.sqrt(own / model))), abs=2e-4
    )


def test_steps_to_reach_is_the_first_point_at_or_above():
    steps = [0, 10, 20, 30]
    curves = [
        [-20, 0, -5, 3],  # reaching counts, falling back does not undo it
        [-20, -1, -1, -1],
        [1, 2, 3, 4],
        [-20, NAN, 5, NAN],
    ]
    reached = steps_to_reach(steps, curves, 0.0)
    np.testing.assert_array_equal(reached, [10, NAN, 0, 20])
    assert np.isnan(steps_to_reach([], np.empty((2, 0)), 0.0)).tolist() == [True, True]


def test_share_that_learned_is_strictly_above_its_bar():
    assert share_that_learned([0.0, 1.0, -3.0, 2.0], 0.0) == 0.5
    assert share_that_learned([5.0, 5.0, NAN, 5.0], [4.0, 6.0, 0.0, NAN]) == 0.25
    assert share_that_learned([NAN], 0.0) == 0
    assert np.isnan(share_that_learned([], 0.0))


def test_steps_to_stay_is_interpolated_and_for_good():
    """Pitfall 30: a curve that falls back has not got there; never is infinity."""
    steps = [0, 10, 20, 30]
    curves = [
        [-4, -2, 2, 4],  # half-way between 10 and 20
        [-4, 5, -1, 3],  # fell back: a quarter behind 20
        [-4, 5, 6, -1],  # is not there at the end
        [1, 2, 3, 4],  # from the beginning
        [-4, -3, -2, -1],
        [-4, 1, 2, NAN],
        [-4, NAN, 2, 3],  # not known at 10: from 20 on
    ]
    there = steps_to_stay(steps, curves, 0.0)
    inf = np.inf
    np.testing.assert_allclose(there, [15, 22.5, inf, 0, inf, inf, 20])
    assert steps_to_stay([], np.empty((2, 0)), 0.0).tolist() == [inf, inf]
