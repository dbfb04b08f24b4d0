"""What a check is, and what it found."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pgvq.checks import check_choice
from pgvq.types import InputError

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
    stuck: bool = False  # a check did not end, and what it began still runs

    @property
    def healthy(self) -> bool:
        """Whether nothing failed; what was skipped does not count."""
        return not self.failed

    @property
    def failed(self) -> list[str]:
        """Names of the checks that failed."""
        return [f.name for f in self.findings if f.outcome == "failed"]


Checks = Mapping[str, Check]


def chosen(checks: Checks, names: Sequence[str] | None) -> dict[str, Check]:
    """The checks of these names, in the order of `checks`; all of them for None.

    `stable-state` and `stable_state` name the check "stable state" as well.

    Raises:
        InputError: there is no check of a name, with the nearest one.
    """
    if names is None:
        return dict(checks)
    given = [names] if isinstance(names, str) else names
    plain = {_plain(name): name for name in checks}
    wanted = {plain.get(_plain(name), name) for name in given}
    if not wanted:
        raise InputError("no check is named; leave the names out to make all checks")
    for name in sorted(wanted):
        check_choice("check", name, list(checks))
    return {name: check for name, check in checks.items() if name in wanted}


def _plain(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").strip()


def passed(found: str) -> Verdict:
    """The promise is kept."""
    return Verdict("passed", found)


def failed(found: str) -> Verdict:
    """The promise is broken."""
    return Verdict("failed", found)


def skipped(reason: str) -> Verdict:
    """The promise does not apply, or cannot be judged here; says why."""
    return Verdict("skipped", reason)
