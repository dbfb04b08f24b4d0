"""What differs between the experiment that a folder holds and another one.

Folders written by pgvq 0.1 before it kept digests hold a text for each network and each
environment. These are compared as texts, which do not show all: neither the code of a
function, nor the middle of a long array.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from pgvq.algorithms.contract import Algorithm
from pgvq.experiments.definition import (
    CONFIGURATION,
    FOR_PEOPLE,
    Experiment,
    configuration_digest,
)
from pgvq.identity.description import Description, changes, describe
from pgvq.storage.files import plain
from pgvq.types import InputError

# Of a variant, beside its description.
_LABELS = ("name", "algorithm", "family", *FOR_PEOPLE)
# Objects of pgvq by the names that older folders have for them.
RENAMED = {"pgvq.torsos.Torso": "pgvq.networks.Torso"}


def has_digest(held: Mapping[str, Any]) -> bool:
    """Whether a folder's description says completely what was run."""
    return isinstance(held.get("digest"), str)


def check_untouched(held: Mapping[str, Any], where: str) -> None:
    """Raises `InputError` where a description is not the one that was written."""
    if has_digest(held) and held["digest"] != configuration_digest(held):
        raise InputError(
            f"{where} was changed since it was written: its digest is of another "
            "configuration; put the old file back, or use --fresh to start anew"
        )


def differences(
    held: Mapping[str, Any], experiment: Experiment, *, variants_alone: bool = False
) -> list[str]:
    """What differs from a folder's description, one phrase each: `field: old -> new`.

    A field that a class got since the folder was written counts as its default, which
    is what the class did before. With `variants_alone`, budget and evaluation may
    differ.
    """
    new = plain(experiment.describe())
    if not has_digest(held):
        return _of_texts(held, new, experiment.variants, variants_alone)
    held, found = with_names_of_today(held), []
    if not variants_alone:
        names = [n for n in CONFIGURATION if n not in ("variants", "sources")]
        found += [x for n in names for x in _of_values(held.get(n), new[n], n)]
    found += _of_sources(held.get("sources") or {}, new["sources"])
    return found + _of_variants(held["variants"], new["variants"], experiment.variants)


def with_names_of_today(held: Any) -> Any:
    """A description, with pgvq's own objects by the names that they have now."""
    if isinstance(held, Mapping):
        return {name: with_names_of_today(value) for name, value in held.items()}
    if isinstance(held, list):
        return [with_names_of_today(value) for value in held]
    return RENAMED.get(held, held) if isinstance(held, str) else held


def differences_of_folders(
    one: Mapping[str, Any], other: Mapping[str, Any]
) -> list[str]:
    """What differs between two descriptions that have digests, one phrase each.

    Empty where, and only where, both are of one configuration.
    """
    if configuration_digest(one) == configuration_digest(other):
        return []
    names = [n for n in CONFIGURATION if n not in ("variants", "sources")]
    found = [x for n in names for x in _of_values(one.get(n), other.get(n), n)]
    found += _of_sources(one.get("sources") or {}, other.get("sources") or {})
    before, after = (
        {part["name"]: part for part in side["variants"]} for side in (one, other)
    )
    for name in {**before, **after}:
        if name not in before or name not in after:
            said = [_kind(side.get(name)) for side in (before, after)]
            found.append(f"{name}: {said[0]} -> {said[1]}")
        else:
            found += changes(_described(before[name]), _described(after[name]), name)
    if not found and list(before) != list(after):
        found.append("the order of the variants")
    return found or ["their digests"]


def _of_variants(
    held: list[Any], new: list[Any], variants: Mapping[str, Algorithm]
) -> list[str]:
    before, after = ({part["name"]: part for part in side} for side in (held, new))
    found = []
    for name in {**before, **after}:
        if name not in before or name not in after:
            said = [_kind(side.get(name)) for side in (before, after)]
            found.append(f"{name}: {said[0]} -> {said[1]}")
            continue
        old = completed(_described(before[name]), variants[name])
        found += changes(old, _described(after[name]), name)
    return found


def _kind(part: Any) -> str:
    return "none" if part is None else str(part.get("algorithm"))


def _described(part: Mapping[str, Any]) -> Description:
    return {name: value for name, value in part.items() if name not in _LABELS}


def completed(held: Description, value: Any) -> Description:
    """A description, with the fields that the classes in it got since.

    Such a field counts as its default; those that have none stay missing.
    """
    fields = held.get("fields") if isinstance(held, dict) else None
    if not isinstance(fields, dict) or not dataclasses.is_dataclass(value):
        return held
    now = describe(value)
    if held.get("object") != now.get("object"):
        return held
    filled = dict(fields)
    for field in dataclasses.fields(value):
        if field.name not in now["fields"]:
            continue  # such as the parent of a flax module
        if field.name in filled:
            part = getattr(value, field.name)
            filled[field.name] = completed(filled[field.name], part)
        elif field.default is not dataclasses.MISSING:
            filled[field.name] = plain(describe(field.default))
        elif field.default_factory is not dataclasses.MISSING:
            filled[field.name] = plain(describe(field.default_factory()))
    return {**held, "fields": filled}


def _of_sources(held: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    found = []
    for module in sorted({*held, *new}):
        if module not in new:
            found.append(f"the module {module} is not used any more")
        elif module not in held:
            found.append(f"the module {module} is used as well")
        elif held[module] != new[module]:
            found.append(f"the source of the module {module} changed")
    return found


def _of_values(held: Any, new: Any, where: str) -> list[str]:
    """Of plain values and dicts of them."""
    if isinstance(held, dict) and isinstance(new, dict):
        parts = [
            _of_values(held.get(name), new.get(name), f"{where}.{name}")
            for name in {**held, **new}
        ]
        return [phrase for part in parts for phrase in part]
    said = ["none" if side is None else str(side)[:60] for side in (held, new)]
    return [] if held == new else [f"{where}: {said[0]} -> {said[1]}"]


def _of_texts(
    held: Mapping[str, Any],
    new: Mapping[str, Any],
    variants: Mapping[str, Algorithm],
    variants_alone: bool,
) -> list[str]:
    """Of a description that has a text for each value."""
    names = () if variants_alone else ("name", "budget_agent_steps", "evaluation")
    found = [x for n in names for x in _of_values(held.get(n), new[n], n)]
    before = {part["name"]: part for part in held["variants"]}
    after = {part["name"]: part for part in new["variants"]}
    for name in {**before, **after}:
        said = [_kind(side.get(name)) for side in (before, after)]
        if said[0] != said[1]:
            found.append(f"{name}: {said[0]} -> {said[1]}")
            continue
        fields = before[name].get("fields")
        old = dict(fields) if isinstance(fields, dict) else {}
        now = {}
        for field in dataclasses.fields(variants[name]):  # pyright: ignore[reportArgumentType]
            value = getattr(variants[name], field.name)
            if field.name not in old and field.default is not dataclasses.MISSING:
                old[field.name] = text_of(field.default)
            now[field.name] = _without_new(text_of(value), value, old.get(field.name))
        found += _of_values(old, plain(now), name)
    return found


def _without_new(text: Any, value: Any, held: Any) -> Any:
    """A network's text without the fields, at their defaults, that `held` lacks."""
    if not isinstance(held, str) or " # attributes" not in str(text):
        return text
    for field in dataclasses.fields(value):
        at_default = getattr(value, field.name, None) is field.default
        if at_default and f" {field.name} = " not in held:
            shown = getattr(field.default, "__name__", repr(field.default))
            text = text.replace(f" {field.name} = {' '.join(shown.split())}", "")
    return text


def text_of(value: Any) -> Any:
    """A value as old descriptions have it: plain, or one line."""
    if isinstance(value, bool | int | float | str | None):
        return value
    text = repr(value)
    if type(value).__repr__ is object.__repr__:
        made = (f"{name}={part!r}" for name, part in sorted(vars(value).items()))
        text = f"{type(value).__name__}({', '.join(made)})"
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(text.split()))
