"""What a check is, and what it found."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

Outcome = Literal["passed", "failed", "skipped"]


class Verdict(NamedTuple):
    """How one check ended, and what it saw, in a sentence."""

    outcome: Outcome
    found: str


class Check(NamedTuple):
    """One promise, and what to tell whoever breaks it."""

    title: str  # the promise
    why: str  # what goes wrong where it is broken
    remedy: str  # what to do
    look: Callable[[Any], Verdict]  # of a `Lab`, or an environment's `Subject`
    trials: tuple[str, ...] = ()  # those of `trials.TRIALS` that it judges by


class Finding(NamedTuple):
    """A check of a report, in plain words."""

    name: str
    title: str
    outcome: Outcome
    found: str
    why: str
    remedy: str


class Report(NamedTuple):
    """All findings on one algorithm, in the order of the checks."""

    subject: str
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def healthy(self) -> bool:
        """Whether nothing failed; what was skipped does not count."""
        return not self.failed

    @property
    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        return [f.name for f in self.findings if f.outcome == "failed"]


Checks = Mapping[str, Check]


def passed(found: str) -> Verdict:
    """The promise is kept."""
    return Verdict("passed", found)


def failed(found: str) -> Verdict:
    """The promise is broken."""
    return Verdict("failed", found)


def skipped(reason: str) -> Verdict:
    """The promise does not apply, or cannot be judged here; says why."""
    return Verdict("skipped", reason)
