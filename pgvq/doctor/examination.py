"""The examination: checks, one after the other, and what they found."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax

from pgvq.algorithms.interface import check_interface
from pgvq.doctor.checks import CHECKS
from pgvq.doctor.lab import Lab
from pgvq.doctor.report import (
    Check,
    Checks,
    Finding,
    Report,
    Verdict,
    chosen,
    failed,
    skipped,
)
from pgvq.doctor.trials import TRIALS
from pgvq.envs.contract import line_of
from pgvq.storage.files import one_line
from pgvq.types import InputError

PATIENCE = 900.0  # seconds per check: far more than a sound algorithm needs
LIGHT = "jax_disable_most_optimizations"  # half the time to compile


TOO_LONG = (
    "it has not ended after {:g} seconds: look for a loop whose condition stays true, "
    "in `init`, `iterate` or `act`"
)


def examine(
    algorithm: Any,
    checks: Sequence[str] | None = None,
    begins: Callable[[str, Check], None] = lambda name, check: None,
    ended: Callable[[Finding], None] = lambda finding: None,
    patience: float = PATIENCE,
) -> Report:
    """Examines an algorithm; its environment and sizes are replaced.

    Args:
        algorithm: an object with the values of its fields; copies are examined.
        checks: names of `CHECKS`, which alone are made; all unless given.
        begins: called with each check before it is made.
        ended: called with each finding.
        patience: seconds after which a check that still runs has failed, and no
            further one is begun. What it runs goes on in a thread of its own: a
            compiled loop cannot be stopped from outside.

    Raises:
        InputError: there is no check of that name, the algorithm has methods of
            another form than the contract's, or it cannot be put on a probe.
    """
    made = chosen(CHECKS, checks)
    check_interface(type(algorithm))
    lab = lab_of(algorithm, made)
    _put_on_a_probe(lab)  # before anything begins
    began = time.perf_counter()
    before = jax.config.read(LIGHT)
    jax.config.update(LIGHT, True)
    preparing = threading.Thread(target=lab.prepare, daemon=True)
    try:
        if lab.trials:  # compiled and learnt on the other core meanwhile
            preparing.start()
        findings, stuck = look_at(made, lab, begins, ended, patience)
        if lab.trials and not stuck:
            preparing.join()
    finally:
        jax.config.update(LIGHT, before)
    seconds = time.perf_counter() - began
    return Report(type(algorithm).__name__, tuple(findings), seconds, bool(stuck))


def lab_of(algorithm: Any, checks: Checks) -> Lab:
    """The programs of an algorithm, with the trials alone that these checks need."""
    trials = {trial for check in checks.values() for trial in check.trials}
    return Lab(algorithm, [name for name in TRIALS if name in trials])


def look_at(
    checks: Checks,
    subject: Any,
    begins: Callable[[str, Check], None],
    ended: Callable[[Finding], None],
    patience: float = PATIENCE,
) -> tuple[list[Finding], str]:
    """Makes the checks of an algorithm's lab, or of an environment, one by one.

    Returns the findings, and the name of the check that did not end in `patience`
    seconds and still runs, "" if none does.
    """
    findings: list[Finding] = []
    stuck = ""
    for name, check in checks.items():
        begins(name, check)
        if stuck:
            verdict = skipped(f"not asked, because {stuck!r} still runs")
        else:
            verdict = _in_time(check, subject, findings, patience)
            if verdict is None:
                stuck, verdict = name, failed(TOO_LONG.format(patience))
        finding = Finding(name, check.title, *verdict, check.why, check.remedy)
        findings.append(finding)
        ended(finding)
    return findings, stuck


def _put_on_a_probe(lab: Lab) -> None:
    """Makes the small algorithm, and reads what it says of itself.

    Raises:
        InputError: it cannot be made.
    """
    name = type(lab.algorithm).__name__
    try:
        _ = lab.small
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's own code raises
        raise InputError(
            f"{name} cannot be put on a probe ({_told(error)}): let `__post_init__` "
            "and the properties initial_steps, steps_per_iteration and "
            "updates_per_iteration work for any num_envs and rollout_length"
        ) from error


def _in_time(
    check: Check, subject: Any, before: Sequence[Finding], patience: float
) -> Verdict | None:
    """A check's verdict; None if there is none after `patience` seconds."""
    verdicts: list[Verdict] = []
    thread = threading.Thread(
        target=lambda: verdicts.append(_verdict(check, subject, before)), daemon=True
    )
    thread.start()
    thread.join(patience)
    return verdicts[0] if verdicts else None


def _verdict(check: Check, subject: Any, before: Sequence[Finding]) -> Verdict:
    try:
        return check.look(subject)
    except (Exception, SystemExit) as error:  # what a user's own code raises
        told = _told(error)
        for finding in before:
            if finding.found == told:
                return skipped(f"not asked, for it ends as {finding.name!r} does")
        return failed(told)


def _told(error: BaseException) -> str:
    """Kind, text and place of an error."""
    return f"{type(error).__name__}: {one_line(error)}{line_of(error)}"
