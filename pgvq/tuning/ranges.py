"""What is searched of a learner: its fields, their ranges, and points among them.

Ranges are declared on the fields, `leaf(..., search=(low, high, scale))` and
`static(..., search=(value, ...))`, and may be narrowed, widened, added or taken out for
one tuning. Every float field becomes a coordinate of a unit cube, in which samplers
work; static fields, whose values train one program each, are searched in a few
combinations, the *structures*.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pgvq.algorithms.fields import SCALES, Scale
from pgvq.checks import plain_number
from pgvq.experiments.definition import is_sweepable
from pgvq.experiments.field_paths import fitting, holder, in_short, with_settings
from pgvq.storage.files import plain
from pgvq.types import InputError

Values = dict[str, Any]  # by dotted field: what a configuration sets

DIGITS = 4  # of a float's value, significant on its scale
MOST_COMBINATIONS = 10_000  # of static fields' values
SETTLED = ("budget", "env", "env_params")  # the experiment's, not a learner's


class Range(NamedTuple):
    """Values of a float field, from `low` to `high`, spread evenly on a scale."""

    low: float
    high: float
    scale: Scale = "linear"

    def at(self, unit: float) -> float:
        """The value at a place in [0, 1], rounded to a few digits."""
        low, high = self._inner(self.low), self._inner(self.high)
        inner = low + (high - low) * unit
        if self.scale == "horizon":
            value = 1.0 - float(f"{math.exp(-inner):.{DIGITS}g}")
            value = round(value, 12)
        else:
            value = math.exp(inner) if self.scale == "log" else inner
            value = float(f"{value:.{DIGITS}g}")
        return min(max(value, self.low), self.high)

    def unit(self, value: float) -> float:
        """The place in [0, 1] of a value; outside of it for one out of the range."""
        low, high = self._inner(self.low), self._inner(self.high)
        if self.scale == "log" and value <= 0:
            return -math.inf
        if self.scale == "horizon" and value >= 1:
            return math.inf
        return (self._inner(value) - low) / (high - low)

    def _inner(self, value: float) -> float:
        if self.scale == "log":
            return math.log(value)
        return -math.log1p(-value) if self.scale == "horizon" else value


class Space(NamedTuple):
    """What is searched of one learner."""

    ranges: dict[str, Range]  # of float fields, the sampler's coordinates
    choices: dict[str, tuple[Any, ...]]  # of static fields
    structures: list[Values]  # combinations of `choices`; the learner's own first
    default: Values  # the learner's own values of all these fields

    def values(self, structure: int, place: Sequence[float]) -> Values:
        """The configuration at a place of the cube `[D]`."""
        floats = {
            field: range_.at(float(unit))
            for (field, range_), unit in zip(self.ranges.items(), place, strict=True)
        }
        return floats | self.structures[structure]

    def place(self, values: Mapping[str, Any]) -> list[float] | None:
        """The place `[D]` of a configuration; None where it lies outside."""
        place = [r.unit(values[field]) for field, r in self.ranges.items()]
        inside = all(-1e-6 <= unit <= 1 + 1e-6 for unit in place)
        return [min(max(unit, 0.0), 1.0) for unit in place] if inside else None

    def structure(self, values: Mapping[str, Any]) -> int:
        """Which of the structures a configuration has."""
        mine = {field: plain(values[field]) for field in self.choices}
        return [plain(one) for one in self.structures].index(mine)

    def describe(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {
            "ranges": {field: list(r) for field, r in self.ranges.items()},
            "choices": plain(self.choices),
            "structures": plain(self.structures),
            "default": plain(self.default),
        }


def declared(algorithm: Any) -> dict[str, Any]:
    """The search ranges that the class of an algorithm declares on its fields."""
    return {
        field.name: field.metadata["search"]
        for field in dataclasses.fields(algorithm)
        if "search" in field.metadata
    }


def space_of(
    name: str,
    algorithm: Any,
    search: Mapping[str, Any],
    structures: int,
    fits: Callable[[Any], bool] = lambda algorithm: True,
) -> Space:
    """What is searched of a learner.

    Args:
        name: of the learner, for messages.
        algorithm: the learner with its own values.
        search: ranges instead of the declared ones, by dotted field; None takes a field
            out of the search.
        structures: how many combinations of static fields are tried, at most.
        fits: whether a combination can be trained on the budget.

    Raises:
        InputError: a field is unknown, a range is empty or of another kind than its
            field, or nothing is searched.
    """
    wanted = declared(algorithm) | dict(search)
    ranges: dict[str, Range] = {}
    choices: dict[str, tuple[Any, ...]] = {}
    default: Values = {}
    for field, given in wanted.items():
        thing, own = _held(name, algorithm, field)
        if given is None:
            continue
        default[field] = own
        if _is_swept(thing, field) and not isinstance(given, list):
            ranges[field] = _range(name, field, given)
        else:
            choices[field] = _choices(name, field, given, thing, own)
    if not default:
        raise InputError(
            f"{name} has nothing to search: {type(algorithm).__name__} declares no "
            "ranges; declare one as learning_rate: float = leaf(1e-3, search=(1e-4, "
            f'1e-2, "log")), or give search={{"{name}": {{"learning_rate": (1e-4, '
            '1e-2, "log")}}'
        )
    found = _structures(algorithm, choices, default, structures, fits)
    return Space(ranges, choices, found, default)


def _held(name: str, algorithm: Any, field: str) -> tuple[Any, Any]:
    """What has a field, and its value there."""
    if not isinstance(field, str):
        raise InputError(f"search, {name}: {in_short(field)} is no name of a field")
    path = field.split(".")
    if path[0] in SETTLED:
        raise InputError(
            f"search, {name}: {field} cannot be searched, because every learner is "
            "tuned on the same task and budget; leave it out"
        )
    try:
        thing = holder(algorithm, path)
    except InputError as error:
        raise InputError(f"search, {name}: {error}") from None
    return thing, getattr(thing, path[-1])


def _is_swept(thing: Any, field: str) -> bool:
    """Whether it is the algorithm's own float field; what it holds is static."""
    return any(is_sweepable(f) for f in dataclasses.fields(thing) if f.name == field)


def _range(name: str, field: str, given: Any) -> Range:
    """A range of a float field, checked."""
    said = f"search, {name}: {field}={in_short(given)}"
    parts = tuple(given) if isinstance(given, tuple | Range) else ()
    numbers = [plain_number(part) for part in parts[:2]]
    if len(parts) not in (2, 3) or not all(_is_number(part) for part in numbers):
        raise InputError(
            f"{said} must be (low, high) or (low, high, scale), such as (1e-4, 1e-2, "
            '"log"), or a list of values'
        )
    low, high = map(float, numbers)
    scale = parts[2] if len(parts) == 3 else "linear"
    if scale not in SCALES:
        raise InputError(f"{said} has no scale of {', '.join(SCALES)}; use one of them")
    if low >= high:
        raise InputError(f"{said} is empty, because low is not below high; swap them")
    if scale == "log" and low <= 0:
        raise InputError(
            f"{said} begins at {low:g}, which has no logarithm; begin above 0, or "
            'leave "log" out'
        )
    if scale == "horizon" and high >= 1:
        raise InputError(
            f"{said} ends at {high:g}, which has no horizon 1 / (1 - value); end below "
            '1, or leave "horizon" out'
        )
    return Range(low, high, scale)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _choices(
    name: str, field: str, given: Any, thing: Any, own: Any
) -> tuple[Any, ...]:
    """Values of a field, the learner's own among them, checked."""
    said = f"search, {name}: {field}={in_short(given)}"
    if not isinstance(given, list | tuple) or not given:
        raise InputError(f"{said} must be a list of values, such as {[own]!r}")
    last = field.rpartition(".")[2]
    values = [fitting(thing, last, plain_number(value)) for value in given]
    for value in values:
        if not _is_plain(value):
            raise InputError(
                f"{said} holds {in_short(value)}; values that are searched must be "
                "numbers, texts, True, False, or tuples of these"
            )
    if len({str(value) for value in values}) < len(values):
        raise InputError(f"{said} has a value twice; leave one out")
    return tuple(values) if own in values else (own, *values)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(part) for part in value)
    return isinstance(value, bool | str) or _is_number(value)


def _structures(
    algorithm: Any,
    choices: Mapping[str, tuple[Any, ...]],
    default: Values,
    most: int,
    fits: Callable[[Any], bool],
) -> list[Values]:
    """The learner's own combination, and others drawn without replacement."""
    own = {field: default[field] for field in choices}
    count = math.prod(len(values) for values in choices.values())
    combinations = itertools.islice(
        itertools.product(*choices.values()), MOST_COMBINATIONS
    )
    others = [
        values
        for one in combinations
        if (values := dict(zip(choices, one, strict=True))) != own
    ]
    found = [own]
    order = np.random.default_rng(min(count, MOST_COMBINATIONS)).permutation(
        len(others)
    )
    for number in order:
        if len(found) >= most:
            break
        if _is_possible(algorithm, others[number], fits):
            found.append(others[number])
    return found


def _is_possible(algorithm: Any, values: Values, fits: Callable[[Any], bool]) -> bool:
    try:
        return fits(with_settings(algorithm, values))
    except InputError:
        return False
