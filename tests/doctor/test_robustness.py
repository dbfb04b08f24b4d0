"""Algorithms that break the examination itself: findings, never tracebacks."""

import sys
import threading

import pytest

from pgvq.cli import main
from pgvq.doctor import examine
from pgvq.types import InputError
from tests.helpers.reference_algorithms import Policy

CHEAP = ["stable state", "memory"]


class Raises(Policy, kw_only=True):
    def iterate(self, state):
        raise RuntimeError("not yet")


class Exits(Policy, kw_only=True):
    def iterate(self, state):
        sys.exit(0)


class ReturnsNothing(Policy, kw_only=True):
    def iterate(self, state):
        return None


class ReturnsMore(Policy, kw_only=True):
    def iterate(self, state):
        return (*super().iterate(state), 1)


class HasNoState(Policy, kw_only=True):
    def init(self, key):
        return None


@pytest.mark.parametrize("kind", [Raises, Exits, ReturnsNothing, ReturnsMore])
def test_what_iterate_does_is_a_finding(kind):
    report = examine(kind(), CHEAP)
    assert report.failed == ["stable state"]
    assert "Error" in report.findings[0].found or kind is Exits


def test_what_init_does_is_a_finding():
    assert "stable state" in examine(HasNoState(), CHEAP).failed


class TextForSteps(Policy, kw_only=True):
    @property
    def steps_per_iteration(self):
        return "many"


class PicksItsSizes(Policy, kw_only=True):
    def __post_init__(self):
        super().__post_init__()
        if self.num_envs < 16:
            raise ValueError("num_envs is too small")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (TextForSteps, "cannot be put on a probe .TypeError.*steps_per_iteration"),
        (PicksItsSizes, "takes none of the sizes.*num_envs is too small"),
    ],
)
def test_what_cannot_be_put_on_a_probe_is_said_in_a_sentence(kind, said):
    with pytest.raises(InputError, match=said):
        examine(kind(), CHEAP)


def test_a_property_that_raises_is_one_line(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(
        "from pgvq.algorithms.ppo import PPO\n"
        "class Mine(PPO, kw_only=True):\n"
        "    @property\n"
        "    def steps_per_iteration(self):\n"
        "        raise ValueError('no steps')\n"
    )
    assert main(["doctor", f"{tmp_path / 'mine.py'}:Mine"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("pgvq: error: Mine() cannot be made (ValueError: no steps)")
    assert err.count("\n") == 1


GO_ON = threading.Event()


class NeverEnds(Policy, kw_only=True):
    def iterate(self, state):
        GO_ON.wait()
        return super().iterate(state)


def test_what_never_ends_is_a_finding_and_nothing_more_is_begun():
    GO_ON.clear()
    try:
        report = examine(NeverEnds(), CHEAP, patience=0.1)
    finally:
        GO_ON.set()
    assert report.stuck
    assert [finding.outcome for finding in report.findings] == ["failed", "skipped"]
    assert "has not ended after 0.1 seconds" in report.findings[0].found
    assert "'stable state' still runs" in report.findings[1].found
