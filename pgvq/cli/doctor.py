"""`pgvq doctor`: examines an algorithm or an environment, in plain words."""

import contextlib
import importlib
import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gymnax import registration
from gymnax.environments.environment import Environment
from gymnax.wrappers.purerl import GymnaxWrapper
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pgvq import envs
from pgvq.algorithms import ALGORITHMS
from pgvq.algorithms.contract import Algorithm
from pgvq.checks import check_choice, did_you_mean
from pgvq.cli.listing import algorithm_class
from pgvq.cli.loading import fault, load_module
from pgvq.doctor import (
    CHECKS,
    ENVIRONMENT_CHECKS,
    Check,
    Finding,
    Report,
    chosen,
    examine,
    examine_environment,
)
from pgvq.envs.contract import is_environment
from pgvq.experiments.definition import check_algorithm
from pgvq.plain_text import literal, say
from pgvq.plugins import ALGORITHM_PLUGINS, ENVIRONMENT_PLUGINS, plugins
from pgvq.storage.files import one_line
from pgvq.types import InputError

INDENT = 9  # below the outcomes, the longest of which is "skipped"
STYLES = {"passed": "green", "failed": "bold red", "skipped": "dim"}


def visit(
    target: str, env: str | None, console: Console, checks: Sequence[str] = ()
) -> int:
    """Examines and prints; returns the exit status: 1 if something failed.

    Args:
        target: `FILE.py:CLASS`, `package.module:CLASS` or the name of an algorithm
            or environment.
        env: the name of an environment to give the algorithm; its own unless given.
        console: where to.
        checks: names of the checks to make; all unless given.

    Raises:
        InputError: there is nothing of that name, no such check, or it cannot be made.
    """
    names = list(checks) or None
    found = find(target)
    subject = environment(found)
    if subject is not None:
        if env is not None:
            raise InputError(
                f"--env {env}: {target} is an environment itself, and --env gives one "
                "to an algorithm; leave it out"
            )
        known, examined, time = ENVIRONMENT_CHECKS, examine_environment, "some seconds"
    else:
        known, examined, time = CHECKS, examine, "half a minute on two cores"
    count = len(chosen(known, names))
    if subject is None:
        subject = made(found, {} if env is None else {"env": envs.make(env)[0]})
    those = "check" if count == 1 else "checks"
    time = f", {time}" if names is None else ""
    say(console, f"{type(subject).__name__}: {count} {those}{time}")
    status = console.status("") if console.is_terminal else None

    def begins(_: str, check: Check) -> None:
        if status is not None:
            status.update(f"{check.title} ...")

    with status or contextlib.nullcontext():
        report = examined(
            subject,
            checks=names,
            begins=begins,
            ended=lambda finding: tell(finding, console),
        )
    say(console, summary(report), style="bold")
    if report.stuck:  # waiting for it, as Python does at its end, would never end
        sys.stdout.flush()
        os._exit(1)
    return 0 if report.healthy else 1


def check_names() -> str:
    """All names that `--check` takes, for the help."""
    return ", ".join(CHECKS)


def find(target: str) -> Any:
    """The class that a target names.

    Raises:
        InputError: it names none, with the nearest name.
    """
    place, colon, name = target.rpartition(":")
    if not colon and not target.endswith(".py"):
        known = [*ALGORITHMS, *plugins(ALGORITHM_PLUGINS)]
        games = [*registration.registered_envs, *plugins(ENVIRONMENT_PLUGINS)]
        if target in games and target not in known:
            return envs.make(target)[0]
        if target not in known and "." in target:
            raise InputError(
                f"{target} names no class; give {target}:CLASS, as in "
                "my_algorithm.py:MyAlgorithm"
            )
        check_choice("algorithm or environment", target, [*known, *games])
        return algorithm_class(target)
    module = _module(place or target)
    if not colon:
        return _only(target, module)
    if name not in module.__dict__:
        there = f"there is {', '.join(_classes(module)) or 'no algorithm'}"
        hint = did_you_mean(name, _classes(module) or dir(module), there)
        raise InputError(f"{place} defines no {name!r}; {hint}")
    return module.__dict__[name]


def environment(found: Any) -> Any:
    """The environment that was found, made of its class or function; None if none is.

    Raises:
        InputError: it is the class of one, and cannot be made.
    """
    if is_environment(found):
        return found
    kinds = Environment | GymnaxWrapper
    if isinstance(found, type) and not issubclass(found, kinds):
        return None
    if not callable(found):
        return None
    try:
        made = found()
    except InputError:
        raise
    except Exception as error:  # whatever a user's own constructor raises
        if not isinstance(found, type):
            return None
        raise InputError(
            f"{found.__name__}() cannot be made ({type(error).__name__}: "
            f"{one_line(error)}); give every setting a default, or name a function "
            "that makes one"
        ) from error
    return made if is_environment(made) else None


def made(found: Any, changes: dict[str, Any]) -> Any:
    """An algorithm of a class, with the defaults of its other fields.

    Raises:
        InputError: it is no algorithm, or its defaults do not make one.
    """
    name = getattr(found, "__name__", type(found).__name__)
    if not isinstance(found, type):
        raise InputError(
            f"{name} is a {type(found).__name__} and no class; name the class that "
            "implements init, iterate and act"
        )
    try:
        algorithm = found(**changes)
        isinstance(algorithm, Algorithm)  # reads its properties, which may raise
    except InputError as error:
        raise InputError(f"the defaults of {name} do not fit: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a user's own constructor does
        raise InputError(
            f"{name}({', '.join(changes)}) cannot be made "
            f"({fault(error)}); derive it from RolloutAlgorithm, write every abstract "
            "method and give every field a default"
        ) from error
    check_algorithm(name, algorithm)
    return algorithm


def tell(finding: Finding, console: Console) -> None:
    """Prints a finding; of one that failed also why it matters and what to do."""
    outcome = Text(f"{finding.outcome:<{INDENT}}", STYLES[finding.outcome])
    console.print(outcome + literal(finding.title), highlight=False, soft_wrap=True)
    lines = [finding.found]
    if finding.outcome == "failed":
        lines = [
            f"found: {finding.found}",
            f"why it matters: {finding.why}",
            f"what to do: {finding.remedy}",
        ]
    for line in lines:
        style = "" if finding.outcome == "failed" else "dim"
        text = Padding(literal(line, style), (0, 0, 0, INDENT), expand=False)
        console.print(text, highlight=False)


def summary(report: Report) -> str:
    """How many passed, failed and were skipped, and the seconds."""
    outcomes = [finding.outcome for finding in report.findings]
    counts = [f"{outcomes.count(what)} {what}" for what in STYLES]
    verdict = "healthy" if report.healthy else "needs work"
    return f"{report.subject} {verdict}: {', '.join(counts)} in {report.seconds:.0f} s"


def _module(place: str) -> types.ModuleType:
    """A file or an importable module."""
    if place.endswith(".py") or Path(place).is_file():
        return load_module(place)
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` looks beside where one stands
    try:
        return importlib.import_module(place)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a user's own module does
        raise InputError(
            f"{place} cannot be imported ({fault(error)}); give a file, FILE.py:CLASS, "
            "or a module that Python finds"
        ) from error


def _classes(module: types.ModuleType) -> list[str]:
    """Names of the classes that a module itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]


def _only(target: str, module: types.ModuleType) -> Any:
    """The class of a file that defines a single algorithm."""
    held = vars(module)
    kinds = Environment | GymnaxWrapper
    names = [name for name in _classes(module) if hasattr(held[name], "iterate")]
    names = names or [n for n in _classes(module) if issubclass(held[n], kinds)]
    if len(names) != 1:
        there = f"there are {', '.join(names)}" if names else "it defines none"
        raise InputError(f"name the class, as in {target}:MyAlgorithm; {there}")
    return held[names[0]]
