"""What a results folder's tables and description must hold, checked on every way in.

The meaning of each column is in `pgvq.results.store`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgvq.storage.casts import exact, strictly_ascending
from pgvq.storage.places import folder_name
from pgvq.storage.schema import (
    anything,
    choice,
    listed,
    mapped,
    maybe,
    number,
    problem,
    record,
    text,
    whole,
)
from pgvq.types import InputError

FORMAT_VERSION = 1
MOST_OF_TITLE = 500  # letters
RESTORE = (
    "put a good copy back, or delete the whole folder and run the experiment again"
)
MOST_ROWS = 2**24  # of a table; a thousand runs with 21 points of 10 games have 420,000
MOST_COLUMNS = 1_000

_POINT = {
    "seed": "int32",
    "agent_steps": "int64",
    "updates": "int64",
    "train_seconds": "float64",
}
TABLES: dict[str, dict[str, str]] = {
    "evaluations": _POINT
    | {
        "mode": "str",
        "game": "int32",
        "score": "float32",
        "length": "int32",
        "truncated": "bool",
    },
    "training": _POINT | {"diverged": "bool"},
}
# What one row is about; no two rows of a table may agree on it.
_ROW_KEYS = {
    "evaluations": ["seed", "agent_steps", "mode", "game"],
    "training": ["seed", "agent_steps"],
}
_NEVER_NEGATIVE = ("seed", "agent_steps", "updates", "train_seconds", "game", "length")
MODES = ("explore", "greedy")  # in the order of the rows

_LARGEST = 2**31 - 1
_BUDGET = whole(1, 2**53)
_SCORE = record(
    {"label": text(200)},
    optional=dict.fromkeys(("random", "parity", "perfect"), maybe(number(-1e15, 1e15))),
)
_ENVIRONMENT = record({"name": text(200)}, optional={"repr": text(100_000)})
_VALUES = mapped(listed(text(1_000), most=2, least=2), most=1_000)
_NAMED = mapped(text(1_000), most=10_000)
# What `pgvq.experiments.ladder.Ladder.describe` makes.
_LADDER = record(
    {
        "steps": listed(
            record(
                {"rung": text(1_000), "parent": text(1_000), "words": text(1_000)},
                optional={
                    "fields": _VALUES,
                    "apart": _VALUES,
                    "brings": _NAMED,
                    "drops": _NAMED,
                },
            ),
            most=10_000,
            least=1,
        )
    },
    optional={"tuned": listed(text(1_000), most=1_000)},
)
_DESCRIPTION = record(
    {
        "name": text(200, 1),
        "title": text(MOST_OF_TITLE),
        "budget_agent_steps": _BUDGET,
        "variants": listed(
            record(
                {"name": text(1_000), "algorithm": text(200), "family": text(200)},
                optional={
                    "fields": mapped(anything, 10_000),
                    "budget_agent_steps": _BUDGET,
                    "environment": maybe(_ENVIRONMENT),
                    "score": maybe(_SCORE),
                },
            ),
            most=10_000,
            least=1,
        ),
        "environment": _ENVIRONMENT,
        "evaluation": record(
            {},
            optional={
                "points": whole(1, 1_000_000),
                "games": whole(1, 1_000_000),
                "modes": listed(choice(*MODES), most=2, least=1),
                "max_game_steps": maybe(whole(1, _LARGEST)),
            },
        ),
        "score": _SCORE,
    },
    optional={"pgvq_version": maybe(text(100)), "ladder": maybe(_LADDER)},
)
_SECONDS = maybe(number(0, 1e12))
_SESSIONS = listed(
    record(
        {},
        optional={
            "started": maybe(text(100)),
            "seeds": listed(whole(0, _LARGEST), most=1_000_000),
            "packages": mapped(maybe(text(200)), most=1_000),
            "agent_steps": maybe(whole(0, 2**63)),
            "lanes": maybe(whole(0, 1_000_000)),
            "train_seconds": _SECONDS,
            "compile_seconds": _SECONDS,
            "evaluation_seconds": _SECONDS,
        },
    ),
    most=100_000,
)


def empty_table(table_name: str) -> pd.DataFrame:
    """A table of no rows with the right columns and types."""
    columns = TABLES[table_name].items()
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in columns})


def checked_table(
    frame: pd.DataFrame,
    table_name: str,
    where: str,
    remedy: str = "give a table as `pgvq.results.store` describes it",
) -> pd.DataFrame:
    """Give `frame` its types and order, or raise `InputError` naming `where`.

    Only casts that lose nothing are made.
    """
    names = [str(name) for name in frame.columns]
    kinds = column_kinds(names, table_name, where, remedy)
    columns: dict[str, Any] = {}
    for name, kind in kinds.items():
        try:
            values = exact(frame[name], kind)
            if name in _NEVER_NEGATIVE and not np.all(values >= 0):
                raise ValueError("one is negative or not a number")
            if name == "train_seconds" and not np.all(np.isfinite(values)):
                raise ValueError("one is infinite")
        except ValueError as error:
            raise InputError(
                f"{where} holds wrong values in {name!r}: {error}; {remedy}"
            ) from error
        columns[name] = pd.Series(values, dtype="str") if kind == "str" else values
    typed = pd.DataFrame(columns)
    if "mode" in typed and (unknown := set(typed["mode"].unique()) - set(MODES)):
        raise InputError(
            f"{where} holds the mode {min(unknown)[:40]!r}, and there are "
            f"{' and '.join(MODES)}; {remedy}"
        )
    return _ordered(typed, _ROW_KEYS[table_name], where, remedy)


def column_kinds(
    names: list[str], table_name: str, where: str, remedy: str
) -> dict[str, str]:
    """The type of each column of a table, known ones first; `InputError` for others."""
    known = TABLES[table_name]
    if missing := [name for name in known if name not in names]:
        raise InputError(f"{where} lacks the columns {', '.join(missing)}; {remedy}")
    if len(set(names)) < len(names):
        raise InputError(f"{where} has two columns of one name; {remedy}")
    extra = [name for name in names if name not in known]
    if table_name != "training" and extra:
        raise InputError(f"{where} has the unknown column {extra[0][:40]!r}; {remedy}")
    if len(extra) > MOST_COLUMNS:
        raise InputError(
            f"{where} has {len(extra):,} metrics, and may have {MOST_COLUMNS:,}; "
            f"{remedy}"
        )
    return known | dict.fromkeys(extra, "float64")


def _ordered(
    typed: pd.DataFrame, keys: list[str], where: str, remedy: str
) -> pd.DataFrame:
    """The rows in the order of their keys; `InputError` where two have the same."""

    def columns(frame: pd.DataFrame) -> list[NDArray]:
        return [
            (frame[key] == MODES[1]).to_numpy(np.int8)
            if key == "mode"
            else frame[key].to_numpy()
            for key in keys
        ]

    if strictly_ascending(columns(typed)) is not None:
        order = np.lexsort(columns(typed)[::-1])
        typed = typed.iloc[order].reset_index(drop=True)
    again = strictly_ascending(columns(typed))
    if again is not None:
        row = typed.loc[again, keys].to_dict()
        raise InputError(f"{where} has more than one row for {row}; {remedy}")
    return typed


def most_rows_of_a_seed(description: Mapping[str, Any], table_name: str) -> int:
    """How many rows a table can have for one seed."""
    evaluation = description["evaluation"]
    # One more than the points: before learning. Some descriptions count it already.
    points = evaluation.get("points", 1_000_000) + 1
    if table_name == "training":
        return points
    return points * len(MODES) * evaluation.get("games", 1_000_000)


def checked_sessions(sessions: list[Any], where: str, remedy: str) -> list[Any]:
    """The sessions, or `InputError` naming `where`."""
    if wrong := problem(_SESSIONS, sessions):
        raise InputError(f"{where} is damaged: {wrong}; {remedy}")
    return sessions


def checked_description(description: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the description as a dict, or raise `InputError` naming `where`."""
    found = description.get("format_version", FORMAT_VERSION)
    if isinstance(found, bool) or found != FORMAT_VERSION:
        raise InputError(
            f"{where} has format_version {str(found)[:40]}, this pgvq reads "
            f"{FORMAT_VERSION}; use the pgvq that wrote it "
            f"({str(description.get('pgvq_version'))[:40]}), or run the experiment "
            "anew in another folder"
        )
    if wrong := problem(_DESCRIPTION, description):
        raise InputError(f"{where}: {wrong}; {RESTORE}")
    seen: set[str] = set()
    for variant in description["variants"]:
        name = folder_name(variant["name"], f"{where}, variants")
        if name.lower() in seen:
            raise InputError(f"{where}: two variants are called {name!r}; rename one")
        seen.add(name.lower())
    modes = description["evaluation"].get("modes", [])
    if len(set(modes)) < len(modes):
        raise InputError(f"{where}: evaluation.modes names one mode twice; {RESTORE}")
    if description.get("ladder"):
        _check_ladder(description["ladder"]["steps"], description["variants"], where)
    return dict(description)


def _check_ladder(
    steps: list[Mapping[str, Any]], variants: list[Mapping[str, Any]], where: str
) -> None:
    """Raises `InputError` where rungs are not variants, or parents form a circle."""
    waiting = {str(variant["name"]): set[str]() for variant in variants}
    for step in steps:
        for name in (step["rung"], step["parent"]):
            if name not in waiting:
                raise InputError(
                    f"{where}: ladder names {name[:40]!r}, which is not a variant; "
                    f"{RESTORE}"
                )
        waiting[step["rung"]].add(step["parent"])
    while waiting:
        ready = {name for name, parents in waiting.items() if not parents & {*waiting}}
        if not ready:
            raise InputError(
                f"{where}: the parents of {min(waiting)[:40]!r} in ladder form a "
                f"circle; {RESTORE}"
            )
        waiting = {n: parents for n, parents in waiting.items() if n not in ready}
