"""The group-sequential test: by hand, in simulations, and with alpha spent wrongly."""

import numpy as np
import pytest

from pgvq.analysis import sequential_test
from pgvq.analysis.sequential_test import (
    Plan,
    decided_at,
    finite,
    first_crossing,
    partitions,
    spent,
    statistics,
)

QUICK = Plan(permutations=199)


def drawn(means, count, seed=0, plan=QUICK):
    """Normal scores `[R, L, K, n]` around these means."""
    noise = np.random.default_rng(seed).normal(
        size=(count, len(means), plan.looks, plan.group)
    )
    return noise + np.asarray(means, float)[:, None, None]


def simulated(means, count, plan=QUICK):
    """Looks `[R, L, L]`; every 50 comparisons have permutations of their own."""
    scores = drawn(means, count, plan=plan)
    return np.concatenate(
        [
            decided_at(scores[start : start + 50], plan._replace(seed=start))
            for start in range(0, count, 50)
        ]
    )


def test_alpha_is_spent_to_the_end_and_never_more():
    shares = spent(Plan(looks=4, alpha=0.05))
    assert np.all(np.diff(shares, prepend=0) > 0)
    assert shares[-1] == pytest.approx(0.05)
    assert shares[0] == pytest.approx(0.05 * np.log(1 + (np.e - 1) / 4))


@pytest.mark.parametrize(("learners", "count"), [(2, 1), (3, 4), (4, 14), (5, 51)])
def test_partitions_are_all_ways_to_be_equal(learners, count):
    found = list(partitions(learners))
    assert len(found) == len(set(found)) == count  # Bell numbers, less one
    assert (tuple(range(learners)),) in found
    for blocks in found:
        members = [x for block in blocks for x in block]
        assert len(set(members)) == len(members)


def test_the_statistic_is_the_range_of_total_scores():
    scores = np.array([[[[1.0, 2.0], [0.0, 4.0]], [[5.0, 5.0], [5.0, 5.0]]]])
    found = statistics(scores, Plan(group=2, looks=2, permutations=400), (0, 1))
    assert found[0, 0].tolist() == [7.0, 13.0]
    # Of {1, 2, 5, 5} in two pairs there are three splits: 7, 1, 1.
    values, counts = np.unique(found[0, :, 0], return_counts=True)
    assert values.tolist() == [1.0, 7.0]
    assert counts[1] / 401 == pytest.approx(1 / 3, abs=0.08)
    # Permutations stay within their group: what the second adds is at most 10 + 10 - 4.
    assert found[0, :, 1].max() <= 7.0 + 6.0


def test_crossing_counts_those_that_crossed_before():
    # The data first, then four permutations; two looks.
    values = np.array([[[3.0, 9.0], [5.0, 0.0], [4.0, 8.0], [1.0, 7.0], [0.0, 6.0]]])
    assert first_crossing(values, [1, 2]).tolist() == [1]
    assert first_crossing(values, [3, 3]).tolist() == [0]
    assert first_crossing(values, [1, 1]).tolist() == [2]  # all of it is spent
    assert first_crossing(values, [0, 0]).tolist() == [2]
    tied = np.zeros((1, 5, 2))
    assert first_crossing(tied, [4, 4]).tolist() == [2]  # ties cross together


def test_learners_without_any_overlap_are_told_apart_at_the_first_look():
    scores = drawn([0, 50], 1, plan=Plan())
    assert decided_at(scores, Plan())[0].tolist() == [[6, 0], [0, 6]]


def test_equal_scores_are_never_decided():
    assert np.all(decided_at(np.full((1, 3, 6, 5), 0.1), QUICK) == 6)
    assert np.all(decided_at(np.full((1, 3, 6, 5), np.nan), QUICK) == 6)


@pytest.mark.parametrize("means", [[0, 0], [0, 0, 0], [0, 0, 4], [0, 0, 4, 4]])
def test_the_family_wise_error_is_kept(means):
    """Where all are equal, and where only some are."""
    count = 1_000 if len(means) == 2 else 400
    looks = simulated(means, count)
    equal = [
        (a, b) for a in range(len(means)) for b in range(a) if means[a] == means[b]
    ]
    wrong = np.mean(np.any([looks[:, a, b] < 6 for a, b in equal], axis=0))
    assert wrong <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / count)
    assert wrong >= 0.015  # and it is used


def test_the_error_is_missed_where_every_look_spends_all_of_alpha(monkeypatch):
    """What the test above is for: the usual mistake of looking again and again."""
    monkeypatch.setattr(
        sequential_test,
        "first_crossing",
        lambda values, budgets, tolerance: _naive(values),
    )
    looks = simulated([0, 0], 400)
    assert np.mean(looks[:, 0, 1] < 6) > 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def _naive(values):
    """A test at 5 % at each look, as if it were the only one."""
    p = np.mean(values >= values[:, :1], axis=1)  # [R, K]
    return np.where(np.any(p <= 0.05, axis=1), np.argmax(p <= 0.05, axis=1), p.shape[1])


def test_large_differences_need_few_seeds_and_small_ones_more():
    far, near = (simulated([0, d], 100)[:, 0, 1] for d in (3, 1.2))
    assert np.mean(far) < 0.7
    assert np.mean(far) < np.mean(near)
    assert np.mean(near < 6) > 0.9


def test_what_is_not_finite_counts_as_the_lowest_score_so_far():
    nan, inf = np.nan, np.inf
    scores = np.array([[[[1.0, nan], [0.0, nan]], [[3.0, 2.0], [-inf, inf]]]])
    assert finite(scores)[0].tolist() == [
        [[1.0, 1.0], [0.0, 0.0]],
        [[3.0, 2.0], [0.0, 0.0]],
    ]
    failed = drawn([0, 0], 1)
    failed[0, 0] = np.nan
    assert decided_at(failed, QUICK)[0, 0, 1] < 6


def test_scale_and_shift_change_nothing():
    scores = drawn([0, 1, 2], 20)
    first = decided_at(scores, QUICK)
    assert np.array_equal(first, decided_at(1e6 * scores - 5e7, QUICK))
    assert np.array_equal(first, decided_at(1e-6 * scores, QUICK))


def test_learners_that_stop_early_change_no_decision():
    """The same decisions from the scores that were asked for and from all of them."""
    scores = drawn([0, 0.9, 6], 10)
    whole = decided_at(scores, QUICK)
    for row in range(len(scores)):
        needed = [min(max(np.delete(whole[row, i], i)) + 1, 6) for i in range(3)]
        fewer = scores[row : row + 1].copy()
        for learner, looks in enumerate(needed):
            fewer[0, learner, looks:] = np.nan
        assert np.array_equal(decided_at(fewer, QUICK, needed)[0], whole[row])


def test_many_learners_are_compared_pair_by_pair():
    plan = Plan(looks=2, permutations=99)
    means = [0] * 7 + [9]
    looks = decided_at(drawn(means, 12, plan=plan), plan)
    assert np.all(looks[:, 7, :7] < 2)
    assert np.mean(np.any(looks[:, :7, :7] < 2, axis=(1, 2))) <= 0.25
