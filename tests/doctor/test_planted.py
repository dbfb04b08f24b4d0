"""The doctor finds each fault of docs/pitfalls.md that an algorithm can have."""

import pytest
from planted import PLANTED

from pgvq.doctor import CHECKS, examine

# One fault for each pitfall; the others are planted in `pytest -m slow`.
SECOND = {
    "WrongSeed",
    "CutIsEndReplayed",
    "EndIsCut",
    "UpdatesBySteps",
    "RatioUndeclared",
    "NeverSamples",
    "SameKeyAgain",
    "StaleEpisodes",
    "CountsWithoutWarmUp",
    "FloatInBetween",
    "TargetNotStopped",
    "AdvantageNotStopped",
}


def param(number, fault, check):
    marks = [pytest.mark.slow] if fault.__name__ in SECOND else []
    return pytest.param(fault, check, id=f"{number} {fault.__name__}", marks=marks)


@pytest.mark.parametrize(("fault", "check"), [param(*row) for row in PLANTED])
def test_a_planted_fault_is_found(fault, check):
    report = examine(fault(), [check])
    (finding,) = report.findings
    assert finding.outcome == "failed", finding
    assert report.failed == [check]
    assert not report.healthy
    # Something was seen: it is no error of the examination itself.
    assert "Error" not in finding.found or check == "keys", finding.found
    assert finding.why == CHECKS[check].why
    assert finding.remedy == CHECKS[check].remedy


def test_every_pitfall_of_an_algorithm_is_planted():
    numbers = {number for number, *_ in PLANTED}
    assert {*range(1, 11), 15, 16, 22, 24} <= numbers
