"""What a results folder's tables and description must hold, checked on every way in.

The meaning of each column stands in `pgvq.results`.
"""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pgvq.files import one_line
from pgvq.types import InputError

FORMAT_VERSION = 1
RESTORE = (
    "put a good copy back, or delete the whole folder and run the experiment again"
)

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
_DESCRIPTION_KEYS = {
    "name": str,
    "title": str,
    "budget_agent_steps": int,
    "variants": list,
    "environment": dict,
    "evaluation": dict,
    "score": dict,
}


def empty_table(table_name: str) -> pd.DataFrame:
    """A table of no rows with the right columns and types."""
    columns = TABLES[table_name].items()
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in columns})


def checked_table(
    frame: pd.DataFrame,
    table_name: str,
    where: str,
    remedy: str = "give a table as `pgvq.results` describes it",
) -> pd.DataFrame:
    """Give `frame` its types and order, or raise `InputError` naming `where`."""
    kinds = TABLES[table_name]
    if missing := [name for name in kinds if name not in frame.columns]:
        raise InputError(f"{where} lacks the columns {', '.join(missing)}; {remedy}")
    extra = [name for name in frame.columns if name not in kinds]
    if table_name == "training":
        kinds = kinds | dict.fromkeys(extra, "float64")
    try:
        typed = frame.reindex(columns=[*TABLES[table_name], *extra]).astype(kinds)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{where} holds wrong values ({one_line(error)}); {remedy}"
        ) from error
    keys = _ROW_KEYS[table_name]
    if (twice := typed.duplicated(subset=keys)).any():
        row = typed.loc[twice, keys].iloc[0].to_dict()
        raise InputError(f"{where} has more than one row for {row}; {remedy}")
    return typed.sort_values(by=keys, ignore_index=True)


def name_fault(name: Any) -> str | None:
    """Why something cannot be the name of a folder; None where it can."""
    if not isinstance(name, str):
        return f"is of type {type(name).__name__}; give a text"
    if re.fullmatch(r"\w[\w .,=+@()\[\]-]{0,199}", name) and name != "checkpoints":
        return None
    return (
        "cannot be a folder; use letters, digits and _ - . , = + @ ( ) [ ], at most "
        "200, and not 'checkpoints'"
    )


def checked_description(description: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the description as a dict, or raise `InputError` naming `where`."""
    found = description.get("format_version", FORMAT_VERSION)
    if found != FORMAT_VERSION:
        raise InputError(
            f"{where} has format_version {found}, this pgvq reads {FORMAT_VERSION}; "
            f"use the pgvq that wrote it ({description.get('pgvq_version')}), or run "
            f"the experiment anew in another folder"
        )
    for name, kind in _DESCRIPTION_KEYS.items():
        if not isinstance(description.get(name), kind):
            raise InputError(f"{where} lacks {name!r} ({kind.__name__}); {RESTORE}")
    seen: set[str] = set()
    for variant in description["variants"]:
        if lacking := {"name", "algorithm", "family"} - set(variant):
            raise InputError(f"{where}: a variant lacks {sorted(lacking)}; {RESTORE}")
        name = variant["name"]
        if fault := name_fault(name):
            raise InputError(f"{where}: the variant name {name!r} {fault}")
        # Upper and lower case are the same on some file systems.
        if name.lower() in seen:
            raise InputError(f"{where}: two variants are called {name!r}; rename one")
        seen.add(name.lower())
    if not seen:
        raise InputError(f"{where} has no variants; give at least one")
    return dict(description)
