"""What a JSON file must hold, said once per file and checked at every depth.

A rule is a function `(value, where) -> None or what is wrong with it`. Rules are built
from each other:

    POINT = record({"seed": whole(0, 9)}, optional={"label": text(80)})
    problem(POINT, {"seed": -1})   # "seed is -1, not a whole number from 0 to 9"

Names that a record does not know are allowed, so that files may gain some.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[[Any, str], str | None]


def problem(rule: Rule, value: Any) -> str | None:
    """The first thing that is wrong with a value; None where it is right."""
    return rule(value, "")


def anything(value: Any, where: str) -> None:
    """Any value."""


def whole(low: int, high: int) -> Rule:
    """A whole number within bounds; no float, no bool."""

    def check(value: Any, where: str) -> str | None:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole and low <= value <= high:
            return None
        return _wrong(value, where, f"a whole number from {low} to {high}")

    return check


def number(low: float, high: float) -> Rule:
    """A finite number within bounds; no bool."""

    def check(value: Any, where: str) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and low <= value <= high:  # not true of NaN
            return None
        return _wrong(value, where, f"a number from {low:g} to {high:g}")

    return check


def flag(value: Any, where: str) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else _wrong(value, where, "true or false")


def identifier(value: Any, where: str) -> str | None:
    """A text that can name a variable, and so a file."""
    if isinstance(value, str) and value.isidentifier() and len(value) <= 100:
        return None
    return _wrong(value, where, "a name of letters, digits and _")


def text(most: int, least: int = 0) -> Rule:
    """A text of bounded length without control characters but line breaks and tabs."""

    def check(value: Any, where: str) -> str | None:
        if not isinstance(value, str):
            return _wrong(value, where, "a text")
        if not least <= len(value) <= most:
            said = f"has {len(value):,} letters, and may have {least} to {most:,}"
            return f"{_named(where)} {said}"
        if any(ord(letter) < 32 and letter not in "\n\r\t\f" for letter in value):
            return f"{_named(where)} holds control characters"
        return None

    return check


def choice(*known: str) -> Rule:
    """One of these texts."""

    def check(value: Any, where: str) -> str | None:
        if isinstance(value, str) and value in known:
            return None
        return _wrong(value, where, f"one of {', '.join(known)}")

    return check


def either(first: Rule, second: Rule) -> Rule:
    """What one of two rules allows; the first says what is wrong otherwise."""

    def check(value: Any, where: str) -> str | None:
        wrong = first(value, where)
        return None if wrong is None or second(value, where) is None else wrong

    return check


def maybe(rule: Rule) -> Rule:
    """What the rule allows, or null."""
    return lambda value, where: None if value is None else rule(value, where)


def listed(rule: Rule, most: int, least: int = 0) -> Rule:
    """A list of bounded length, every part of which keeps the rule."""

    def check(value: Any, where: str) -> str | None:
        if not isinstance(value, list):
            return _wrong(value, where, "a list")
        if not least <= len(value) <= most:
            said = f"has {len(value):,} parts, and may have {least} to {most:,}"
            return f"{_named(where)} {said}"
        found = (rule(part, f"{where}[{i}]") for i, part in enumerate(value))
        return next((wrong for wrong in found if wrong is not None), None)

    return check


def pair(first: Rule, second: Rule) -> Rule:
    """A list of two."""

    def check(value: Any, where: str) -> str | None:
        if not isinstance(value, list) or len(value) != 2:
            return _wrong(value, where, "a list of two")
        return first(value[0], f"{where}[0]") or second(value[1], f"{where}[1]")

    return check


def mapped(rule: Rule, most: int, names: Rule = anything) -> Rule:
    """An object of bounded size whose values keep the rule, and whose names theirs."""

    def check(value: Any, where: str) -> str | None:
        if not isinstance(value, dict):
            return _wrong(value, where, "an object")
        if len(value) > most:
            return f"{_named(where)} has {len(value):,} names, and may have {most:,}"
        for name, part in value.items():
            below = _below(where, name)
            wrong = names(name, below) or rule(part, below)
            if wrong is not None:
                return wrong
        return None

    return check


def record(
    required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None
) -> Rule:
    """An object with these names, and perhaps those; others may be there too."""
    known = {**required, **(optional or {})}

    def check(value: Any, where: str) -> str | None:
        if not isinstance(value, Mapping):
            return _wrong(value, where, "an object")
        for name, rule in known.items():
            if name in value:
                wrong = rule(value[name], _below(where, name))
            else:
                lacks = f"{_named(where)} lacks {name!r}"
                wrong = lacks if name in required else None
            if wrong is not None:
                return wrong
        return None

    return check


def _below(where: str, name: str) -> str:
    short = name if len(name) <= 40 else name[:37] + "..."
    return f"{where}.{short}" if where else short


def _named(where: str) -> str:
    return where or "it"


def _wrong(value: Any, where: str, wanted: str) -> str:
    return f"{_named(where)} is {_brief(value)}, not {wanted}"


def _brief(value: Any) -> str:
    """A value in a few words, however large it is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else f"{value:g}"
    if isinstance(value, int):
        large = abs(value) >= 10**18
        return f"a number of {value.bit_length():,} bits" if large else str(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "...")
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value):,}"
    return f"of the type {type(value).__name__}"
