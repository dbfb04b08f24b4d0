"""How often few runs mislead, against shares that are known in closed form."""

import numpy as np
import pytest
from scipy.stats import norm

from pgvq.analysis import few_runs
from pgvq.types import InputError


def test_wrong_orders_of_normal_runs_are_as_often_as_theory_says():
    generator = np.random.default_rng(0)
    # Three runs: the interquartile mean is the mean, with deviation 1 / sqrt(3).
    scores = {
        "low": norm.ppf((np.arange(400) + 0.5) / 400),
        "high": 1 + norm.ppf((np.arange(400) + 0.5) / 400),
    }
    ((pair, shares),) = few_runs.wrong_orders(scores, [1, 3], generator).items()
    assert pair == ("high", "low")
    for runs in (1, 3):
        expected = norm.cdf(-1 / np.sqrt(2 / runs))
        assert shares[runs] == pytest.approx(expected, abs=0.01)


def test_equal_learners_have_no_order_and_ties_count_one_half():
    equal = {"a": [1.0] * 10, "b": [1.0] * 10}
    assert not few_runs.wrong_orders(equal, [3], np.random.default_rng(0))
    ties = np.zeros(4)
    assert few_runs.share_of_wrong_orders(ties, ties, 1.0) == 0.5


def test_the_winner_among_three_that_are_alike_is_wrong_two_times_in_three():
    generator = np.random.default_rng(1)
    drawn = {name: generator.normal(size=50_000) for name in "abc"}
    assert few_runs.share_of_wrong_winners(drawn, "b") == pytest.approx(2 / 3, abs=0.01)
    tied = {name: np.zeros(3) for name in "ab"}
    assert few_runs.share_of_wrong_winners(tied, "a") == 0.5


def test_too_few_runs_to_draw_from_is_one_line():
    with pytest.raises(InputError, match="give at least 20 runs"):
        few_runs.draws(np.arange(19.0), 10, np.random.default_rng(0))


def test_more_runs_and_larger_differences_are_shown_more_often():
    normal = norm.ppf((np.arange(400) + 0.5) / 400)

    def shown(apart, runs):
        return few_runs.share_shown(normal, apart, runs, np.random.default_rng(2), 200)

    assert shown(0.0, 10) < 0.08  # one direction of a two-sided test at 5 %
    # Two samples of 10 with a standardised difference of 1.5: a t-test's power is 0.89,
    # and the interquartile mean is 84 % as efficient as the mean.
    assert 0.7 < shown(1.5, 10) < 0.95
    assert shown(1.5, 5) < shown(1.5, 10) < shown(3.0, 10)


def test_the_runs_needed_are_the_fewest_that_suffice():
    normal = norm.ppf((np.arange(400) + 0.5) / 400)
    needed = few_runs.runs_needed(normal, 1.5, np.random.default_rng(3), repeats=200)
    assert needed in (10, 15)
    none = few_runs.runs_needed(
        normal, 0.01, np.random.default_rng(3), candidates=(5, 10), repeats=50
    )
    assert none is None
