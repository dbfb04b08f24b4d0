"""The examination: checks, one after the other, and what they found."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax

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
from pgvq.files import one_line

LIGHT = "jax_disable_most_optimizations"  # half the time to compile


def examine(
    algorithm: Any,
    checks: Sequence[str] | None = None,
    begins: Callable[[str, Check], None] = lambda name, check: None,
    ended: Callable[[Finding], None] = lambda finding: None,
) -> Report:
    """Examines an algorithm; its environment and sizes are replaced.

    Args:
        algorithm: an object with the values of its fields; copies are examined.
        checks: names of `CHECKS`, which alone are made; all unless given.
        begins: called with each check before it is made.
        ended: called with each finding.

    Raises:
        InputError: there is no check of that name, or the algorithm cannot be put on
            a probe.
    """
    made = chosen(CHECKS, checks)
    lab = lab_of(algorithm, made)
    _ = lab.small  # whoever cannot be put on a probe is told before anything begins
    began = time.perf_counter()
    before = jax.config.read(LIGHT)
    jax.config.update(LIGHT, True)
    pool = ThreadPoolExecutor(1)
    try:
        if lab.trials:  # compiled and learnt on the other core meanwhile
            pool.submit(lab.prepare)
        findings = look_at(made, lab, begins, ended)
    finally:
        pool.shutdown()
        jax.config.update(LIGHT, before)
    seconds = time.perf_counter() - began
    return Report(type(algorithm).__name__, tuple(findings), seconds)


def lab_of(algorithm: Any, checks: Checks) -> Lab:
    """The programs of an algorithm, with the trials alone that these checks need."""
    trials = {trial for check in checks.values() for trial in check.trials}
    return Lab(algorithm, [name for name in TRIALS if name in trials])


def look_at(
    checks: Checks,
    subject: Any,
    begins: Callable[[str, Check], None],
    ended: Callable[[Finding], None],
) -> list[Finding]:
    """Makes the checks of an algorithm's lab, or of an environment, one by one."""
    findings: list[Finding] = []
    for name, check in checks.items():
        begins(name, check)
        verdict = _verdict(check, subject, findings)
        finding = Finding(name, check.title, *verdict, check.why, check.remedy)
        findings.append(finding)
        ended(finding)
    return findings


def _verdict(check: Check, lab: Any, before: Sequence[Finding]) -> Verdict:
    try:
        return check.look(lab)
    except Exception as error:  # whatever a user's own code raises is a finding
        told = f"{type(error).__name__}: {one_line(error)}{line_of(error)}"
        for finding in before:
            if finding.found == told:
                return skipped(f"not asked, for it ends as {finding.name!r} does")
        return failed(told)
