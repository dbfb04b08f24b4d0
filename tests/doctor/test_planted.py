"""The doctor finds each fault of docs/pitfalls.md that an algorithm can have."""

import types

import pytest

from pgvq.doctor import CHECKS, examine
from tests.helpers.planted import (
    PLANTED,
    AlwaysSamples,
    ClippedByElement,
    CutIsEnd,
    DummyKey,
    EvaluatesWithTrainingKey,
    FirstLaneForAll,
    FloatCounter,
    MovesBySteps,
    OffByOne,
    OneKeyForBoth,
    RatioOfOne,
    ResetStored,
    ShortReturns,
    SolvedUnderVmap,
    TargetNotStopped,
    WrongBonus,
    ZeroBeforeTheFirst,
)

CHECK = {fault: check for _, fault, check in PLANTED}

# Faults that do not hide each other, planted together: their programs compile once.
TOGETHER = [
    (DummyKey, ClippedByElement, AlwaysSamples, ZeroBeforeTheFirst, FloatCounter),
    (MovesBySteps, RatioOfOne),
    (CutIsEnd, WrongBonus, TargetNotStopped),
    (OffByOne,),
    (ResetStored,),
    (ShortReturns,),
    (EvaluatesWithTrainingKey,),
    (OneKeyForBoth,),
]


def examined(fault, checks):
    """The findings of these checks, of which each has failed and says what to do."""
    report = examine(fault(), checks)
    assert report.failed == [finding.name for finding in report.findings]
    assert set(report.failed) == set(checks), report.findings
    assert not report.healthy
    for finding in report.findings:
        # Something was seen: it is no error of the examination itself.
        assert "Error" not in finding.found, finding
        assert finding.why == CHECKS[finding.name].why
        assert finding.remedy == CHECKS[finding.name].remedy


@pytest.mark.parametrize(
    "faults", TOGETHER, ids=[" ".join(f.__name__ for f in row) for row in TOGETHER]
)
def test_planted_faults_are_found(faults):
    several = types.new_class("Several", faults, {"kw_only": True})
    examined(several, [CHECK[fault] for fault in faults])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "check"),
    [pytest.param(f, check, id=f"{n} {f.__name__}") for n, f, check in PLANTED],
)
def test_a_planted_fault_is_found(fault, check):
    examined(fault, [check])


def test_a_fault_that_vmap_alone_shows_is_found():
    """Seeds are compared one by one without vmap, from the states of the batch."""
    (finding,) = examine(FirstLaneForAll(), ["seed alone"]).findings
    assert finding.outcome == "failed"
    assert "alone than beside 3 other seeds after `iterate` number" in finding.found
    assert "compare jax.vmap(f)(x)[1] with f(x[1])" in finding.remedy


@pytest.mark.slow
def test_a_solver_that_converges_is_the_same_under_vmap():
    assert examine(SolvedUnderVmap(), ["seed alone"]).healthy


def test_every_pitfall_of_an_algorithm_is_planted():
    wanted = {*range(1, 11), 15, 16, 22, 24}
    together = {fault for row in TOGETHER for fault in row}
    assert wanted <= {number for number, *_ in PLANTED}
    assert wanted == {number for number, fault, _ in PLANTED if fault in together}
