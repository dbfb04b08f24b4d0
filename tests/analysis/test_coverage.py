"""Intervals hold the true value as often as they say: a few cells of the simulation."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import coverage  # noqa: E402

from pgvq.analysis import statistics  # noqa: E402

MEASURED = ROOT / "results" / "benchmarks" / "coverage.json"
# Known to be too narrow, and said so in captions and in docs/statistics.md.
FEW_OF_TWO_KINDS = (coverage.HUMPED, 5)


@pytest.mark.parametrize("runs", coverage.RUNS)
@pytest.mark.parametrize("name", coverage.POPULATIONS)
def test_interquartile_means_are_covered(name, runs):
    # 0.95 of 1,000 has a standard error of 0.007.
    low = 0.80 if (name, runs) == FEW_OF_TWO_KINDS else 0.92
    assert low <= coverage.mean(name, runs, 1000) <= 0.985


@pytest.mark.parametrize("name", coverage.POPULATIONS)
def test_differences_are_covered(name):
    assert 0.90 <= coverage.gap(name, name, 10, 250) <= 0.995


@pytest.mark.parametrize("name", coverage.POPULATIONS)
def test_probabilities_of_improvement_are_covered(name):
    shift = coverage.SHIFTS[name]
    assert 0.90 <= coverage.probability(name, name, shift, 10, 300) <= 0.99


def test_times_to_a_threshold_are_covered():
    assert 0.88 <= coverage.time("all learn", 10, 80) <= 1.0


def test_too_narrow_intervals_are_seen(monkeypatch):
    """The limits above are found by intervals that leave out three times as much."""
    monkeypatch.setattr(statistics, "_tail", lambda kind, *runs: 0.08)
    for name in (coverage.NORMAL, coverage.HUMPED):
        assert coverage.mean(name, 20, 1000) < 0.92


def test_the_tests_see_what_is_there_and_seldom_what_is_not():
    generator = np.random.default_rng(0)
    apart = [
        statistics.difference(generator.normal(0, 1, 10), generator.normal(2, 1, 10))
        for _ in range(40)
    ]
    assert np.mean([one.p_different < 0.05 for one in apart]) > 0.8
    three = (coverage.NORMAL,) * 3
    assert coverage.false_differences(three, 10, 100) <= 0.1
    assert coverage.false_equality(coverage.NORMAL, 10, 150) <= 0.1


def test_what_was_measured_is_as_promised():
    """At least 2,000 repetitions a cell; of the mean only the named cell is off."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    assert measured["repetitions"] >= 2000
    found = {(c["table"], c["row"], c["runs"]): c["share"] for c in measured["cells"]}
    assert set(found) == {cell[:3] for cell in coverage.cells()}
    off = {
        (row, runs)
        for (table, row, runs), share in found.items()
        if table == "mean" and row in coverage.POPULATIONS and not 0.93 <= share <= 0.97
    }
    assert off == {FEW_OF_TWO_KINDS}
