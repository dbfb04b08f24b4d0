"""Statistics against values worked out by hand, and intervals against simulation."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, trim_mean

from pgvq.statistics import (
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
    share_that_learned,
    steps_to_reach,
    steps_to_stay,
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


def test_interval_of_three_runs_by_hand():
    """Resamples of 0, 0, 3 have mean 0, 1, 2, 3 with chance 8, 12, 6, 1 of 27."""
    runs = np.array([[0.0, 10.0], [0.0, 10.0], [3.0, 40.0]])
    # The quantiles 0.275 and 0.725 lie below 8/27 and 20/27.
    low, high = bootstrap_interval(runs, generator(), confidence=0.45, resamples=20_000)
    np.testing.assert_array_equal(low, [0.0, 10.0])
    np.testing.assert_array_equal(high, [1.0, 20.0])
    low, high = bootstrap_interval(runs, generator(), confidence=0.99)
    np.testing.assert_array_equal(high, [3.0, 40.0])


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


def test_no_interval_from_fewer_than_three_runs():
    for runs in ([[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]], np.empty((0, 2))):
        low, high = bootstrap_interval(np.asarray(runs), generator())
        assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, True]


def test_an_interval_counts_runs_that_scored_nan():
    """One of three: 8 of 27 resamples are without it, so only the low end is NaN."""
    runs = [[0.0, 1.0], [1.0, 2.0], [2.0, NAN]]
    low, high = bootstrap_interval(runs, generator())
    assert np.isnan(low).tolist() == [False, True]
    assert np.isnan(high).tolist() == [False, False]
    assert low[0] < 1.0 < high[0]
    all_lost = bootstrap_interval(np.full((5, 1), NAN), generator())
    assert np.isnan(all_lost).all()
    # Of twenty runs one NaN is cut off in nearly every resample.
    many = np.append(np.arange(19.0), NAN)
    low, high = bootstrap_interval(many, generator())
    assert low < interquartile_mean(many) < high


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
    estimate, low, high = probability_of_improvement([1, 2, 5], [1, 4], generator())
    assert estimate == pytest.approx(3.5 / 6)
    assert np.isnan([low, high]).all()  # B has two runs
    sure = probability_of_improvement([4, 5, 6], [1, 2, 3], generator())
    assert sure == (1.0, 1.0, 1.0)
    # NaN loses to every number, and ties with NaN.
    lost = probability_of_improvement([4, 5, NAN, NAN], [1, NAN], generator())
    assert lost[0] == pytest.approx((2 * 2 + 2 * 0.5) / 8)
    assert np.isnan(probability_of_improvement([], [1], generator())).all()


def test_probability_of_improvement_is_the_mann_whitney_statistic():
    a = generator(5).integers(0, 9, 11)
    b = generator(6).integers(2, 9, 8)
    estimate, low, high = probability_of_improvement(a, b, generator())
    statistic = mannwhitneyu(a, b).statistic
    assert estimate == pytest.approx(statistic / (11 * 8))
    assert 0 <= low < estimate < high <= 1
    opposite = probability_of_improvement(b, a, generator())[0]
    assert estimate + opposite == pytest.approx(1)


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
