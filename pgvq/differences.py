"""What differs between the experiment that a folder holds and another one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pgvq.algorithms.base import Algorithm
from pgvq.experiment import describe_fields

# Not part of the configuration: they may differ between two runs of one experiment.
UNCOMPARED = ("format_version", "pgvq_version", "title", "source", "score")
DERIVED = ("environment",)  # at the top: what the variants have in common


def differences(held: Any, new: Any, where: str = "") -> list[str]:
    """What differs between two descriptions, one phrase each: `field: old -> new`."""
    if isinstance(held, dict) and isinstance(new, dict):
        left_out = (*UNCOMPARED, *([] if where else DERIVED))
        names = [name for name in {**held, **new} if name not in left_out]
        # Folders of older versions do not name the environment of each variant.
        names = [n for n in names if n != "environment" or not where or n in held]
        found = [
            differences(
                held.get(name), new.get(name), f"{where}.{name}" if where else name
            )
            for name in names
        ]
        return [phrase for phrases in found for phrase in phrases]
    if isinstance(held, list) and isinstance(new, list) and _have_names(held + new):
        by_name = [{part["name"]: part for part in parts} for parts in (held, new)]
        return differences(by_name[0], by_name[1], where)
    if held == new:
        return []
    said = ["none" if side is None else _brief(side) for side in (held, new)]
    return [f"{where}: {said[0]} -> {said[1]}"]


def completed(
    held: dict[str, Any], variants: Mapping[str, Algorithm]
) -> dict[str, Any]:
    """The description that a folder holds, with the fields that came after it.

    A field that an algorithm got since the folder was written counts as its default,
    which is what the algorithm did before. Fields that have none stay missing.
    """
    parts = [
        part | {"fields": _defaults(variants[part["name"]]) | part["fields"]}
        if _is_of(part, variants)
        else part
        for part in held["variants"]
    ]
    return held | {"variants": parts}


def _is_of(part: Any, variants: Mapping[str, Algorithm]) -> bool:
    """Whether a variant's description is of the class that has its name now."""
    known = isinstance(part, dict) and part.get("name") in variants
    return (
        known
        and part.get("algorithm") == type(variants[part["name"]]).__name__
        and isinstance(part.get("fields"), dict)
    )


def _defaults(algorithm: Any) -> dict[str, Any]:
    """The defaults of a class, as descriptions have them."""
    return describe_fields(
        {
            field.name: field.default
            for field in dataclasses.fields(algorithm)
            if field.default is not dataclasses.MISSING
        }
    )


def _have_names(parts: list[Any]) -> bool:
    return all(isinstance(part, dict) and "name" in part for part in parts)


def _brief(value: Any) -> str:
    text = str(value.get("algorithm", value)) if isinstance(value, dict) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
