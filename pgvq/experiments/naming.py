"""What algorithms are called: in results, in figures and behind `--set`."""

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pgvq.algorithms import ALGORITHMS
from pgvq.plugins import ALGORITHM_PLUGINS


def algorithm_name(algorithm: Any) -> str:
    """The name in `ALGORITHMS` or of the package that offers it, else the class's own.

    A name of pgvq's own is never another's.
    """
    kind = type(algorithm)
    for name, known in ALGORITHMS.items():
        if known is kind:
            return name
    for entry in entry_points(group=ALGORITHM_PLUGINS):
        if entry.name not in ALGORITHMS and _imported(entry) is kind:
            return entry.name
    # A class itself, given where one of its objects is needed, has a name too.
    return getattr(algorithm, "__name__", kind.__name__)


def _imported(entry: EntryPoint) -> Any:
    """What an entry point names, if that is imported already; else None.

    Who holds an algorithm has imported it: the other packages need not be loaded.
    """
    found = sys.modules.get(entry.module)
    for part in entry.attr.split(".") if entry.attr else ():
        found = getattr(found, part, None)
    return found
