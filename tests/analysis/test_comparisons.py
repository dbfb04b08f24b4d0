"""Verdicts of pairs: what is shown, what is not, and what is not even asked."""

import numpy as np
import pytest

from pgvq.analysis.comparisons import compare, holm
from pgvq.types import InputError

NAN = float("nan")


def runs(level, count=12, spread=0.3, seed=0):
    return level + spread * np.random.default_rng(seed).normal(size=count)


def verdict(a, b, **options):
    return compare({"a": a, "b": b}, **options).iloc[0]["verdict"]


def test_holm_by_hand():
    # Of three tests the smallest counts three times, the next twice, and no adjusted
    # p-value is below that of a smaller one.
    np.testing.assert_allclose(holm([0.03, 0.01, 0.04]), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(holm([0.5, NAN, 0.01]), [0.5, NAN, 0.02])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])
    assert holm([]).size == 0
    assert np.isnan(holm([NAN, NAN])).all()


def test_each_pair_has_one_verdict():
    close, far = runs(10, seed=1), runs(14, seed=2)
    assert verdict(far, close) == "a higher"
    assert verdict(close, far) == "b higher"
    assert verdict(close, runs(10, seed=3)) == "equal within 1"
    wide = {"spread": 6.0}
    unsure = verdict(runs(10, seed=4, **wide), runs(11, seed=5, **wide))
    assert unsure == "no difference shown"  # which is not the same as equal
    assert verdict(close, runs(10, seed=3), margin=0.1) == "no difference shown"
    assert verdict(close, runs(10, seed=3), margin=2.5) == "equal within 2.5"


def test_what_cannot_be_tested_is_not():
    few = compare({"a": [1.0] * 4, "b": runs(10)})
    assert few.iloc[0]["verdict"] == "fewer than 5 runs"
    assert np.isnan(few.iloc[0]["p"])
    assert few.iloc[0]["probability"] == 0.0
    assert compare({"a": [], "b": []}).iloc[0]["verdict"] == "fewer than 5 runs"


def test_methods_of_different_budgets_are_not_compared():
    """Pitfall 28: a curve belongs to its budget; only equal budgets are compared."""
    final = {"a": runs(10), "b": runs(14), "c": runs(18)}
    frame = compare(final, budgets={"a": 1000, "b": 3000, "c": 1000}).set_index(
        ["a", "b"]
    )
    refused = "different budgets"
    assert frame["verdict"].tolist() == [refused, "b higher", refused]
    assert frame.loc[("a", "b")].drop("verdict").isna().all()
    # It counts for no adjustment either.
    alone = compare({name: final[name] for name in "ac"}).iloc[0]
    assert frame.loc[("a", "c"), "p"] == alone["p"]


def test_many_pairs_need_more_to_be_told_apart():
    a, b = runs(10, 8, 1.0, 1), runs(11.6, 8, 1.0, 2)
    assert verdict(a, b) == "b higher"
    others = {f"like a {i}": runs(10, 8, 1.0, 10 + i) for i in range(8)}
    frame = compare({"a": a, "b": b} | others)
    assert len(frame) == 45
    assert frame.iloc[0]["p"] > compare({"a": a, "b": b}).iloc[0]["p"]
    assert frame.iloc[0]["verdict"] == "no difference shown"


def test_runs_that_are_nan_are_the_lowest():
    """Pitfall 34: a method that loses most of its runs is not compared without them."""
    broken = np.where(np.arange(12) < 6, NAN, runs(20))
    row = compare({"a": broken, "b": runs(10)}).iloc[0]
    assert np.isnan(row["difference"])
    assert row["probability"] == 0.5
    # Its middle half is lost, and so below every number.
    assert row["verdict"] == "b higher"
    one_lost = np.where(np.arange(12) < 1, NAN, runs(10, seed=6))
    assert verdict(one_lost, runs(10)) != "b higher"
    all_lost = compare({"a": np.full(12, NAN), "b": runs(10)}).iloc[0]
    assert all_lost["verdict"] == "b higher"


@pytest.mark.parametrize("margin", [0, -1, NAN, np.inf, "1 point", [1]])
def test_a_margin_is_a_number_above_zero(margin):
    with pytest.raises(InputError, match="must be a finite number above 0, in points"):
        compare({"a": runs(1), "b": runs(2)}, margin=margin)


def test_without_a_margin_equality_is_not_tested():
    same = {"a": runs(10), "b": runs(10)}
    assert compare(same, margin=1e3).iloc[0]["verdict"] == "equal within 1000"
    found = compare(same, margin=None).iloc[0]
    assert found["verdict"] == "no difference shown"
    assert np.isnan(found["p_apart"])
    assert found["p"] == compare(same).iloc[0]["p"]
