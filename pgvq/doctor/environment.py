"""The examination of an environment: what training takes for granted, looked at."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from pgvq.doctor.environment_checks import CHECKS
from pgvq.doctor.examination import look_at
from pgvq.doctor.random_play import Subject
from pgvq.doctor.report import Check, Finding, Report, Verdict, chosen, skipped
from pgvq.envs.contract import check_type


def examine_environment(
    env: Any,
    params: Any = None,
    checks: Sequence[str] | None = None,
    begins: Callable[[str, Check], None] = lambda name, check: None,
    ended: Callable[[Finding], None] = lambda finding: None,
) -> Report:
    """Examines an environment by random play.

    Args:
        env: an environment, an object.
        params: its parameters; its default unless given.
        checks: names of `environment_checks.CHECKS`; all unless given.
        begins: called with each check before it is made.
        ended: called with each finding.

    Raises:
        InputError: there is no check of that name, or `env` is no environment.
    """
    made = chosen(CHECKS, checks)
    check_type(env)
    made = {
        name: check if name == "contract" else check._replace(look=_if_played(check))
        for name, check in made.items()
    }
    began = time.perf_counter()
    findings, stuck = look_at(made, Subject(env, params), begins, ended)
    seconds = time.perf_counter() - began
    return Report(type(env).__name__, tuple(findings), seconds, bool(stuck))


def _if_played(check: Check) -> Callable[[Subject], Verdict]:
    """The check of what can be played at all."""

    def look(subject: Subject) -> Verdict:
        if subject.fault:
            return skipped(f"nothing can be played ({subject.fault})")
        return check.look(subject)

    return look
