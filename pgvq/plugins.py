"""Algorithms and environments that other installed packages bring along.

A package offers them as entry points, in its own `pyproject.toml`:

    [project.entry-points."pgvq.algorithms"]
    my_algorithm = "my_package.algorithms:MyAlgorithm"

    [project.entry-points."pgvq.environments"]
    "MyEnv-v0" = "my_package.environments:MyEnv"

Nothing is imported before its name is used, so that a broken package does not harm
those who do not use it. A name of pgvq's own is never replaced: names are looked up
among pgvq's own first.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pgvq.types import InputError

ALGORITHM_PLUGINS = "pgvq.algorithms"
ENVIRONMENT_PLUGINS = "pgvq.environments"


def plugins(group: str) -> dict[str, Callable[[], Any]]:
    """What installed packages offer in `group`: names in order, each with its loader.

    A loader imports and returns the object that the entry point names. It raises
    `InputError`, with the distribution's name, where that fails, and where several
    distributions offer the same name.
    """
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, []).append(entry)
    return {name: partial(_load, found[name]) for name in sorted(found)}


def _load(entries: list[EntryPoint]) -> Any:
    entry, *others = entries
    if others:
        raise InputError(
            f"{entry.name!r} is offered by several packages, "
            f"{' and '.join(sorted(map(_source, entries)))}: uninstall all but one"
        )
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever another's module does when it is imported
        raise InputError(
            f"{entry.name!r} of the package {_source(entry)} cannot be loaded from "
            f"{entry.value} ({type(error).__name__}: {error}): repair, update or "
            "uninstall that package"
        ) from error


def _source(entry: EntryPoint) -> str:
    """Name and version of the distribution that an entry point belongs to."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "(unknown)"
