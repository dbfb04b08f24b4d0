"""Fields of an algorithm: of what kind each is, and how its value is checked.

Values are checked where an algorithm is made, and become plain Python numbers there, so
that `DQN(learning_rate=jnp.float32(1e-4))` equals `DQN(learning_rate=1e-4)`. JAX makes
these objects as well, when it rebuilds a pytree: with tracers, with arrays `[L]` of L
lanes, and with placeholders. Those pass, and so do arrays `[L]` given to `replace`, by
which a configuration is vmapped over.
"""

import dataclasses
import functools
import math
import sys
import typing
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from flax import linen as nn
from flax import struct
from gymnax.environments.environment import Environment
from jax.core import Tracer

from pgvq.checks import COUNTED, LARGEST, as_bool, as_float, as_int, did_you_mean, shown
from pgvq.types import InputError

WIDEST = 65_536  # of any layer
WIDE = "two layers of that width have 17 GB of weights between them"

# How the values of a search range are spread: evenly, evenly in their logarithm, or
# evenly in the logarithm of 1 - value (of the horizon 1 / (1 - value), that is).
Scale = Literal["linear", "log", "horizon"]
SCALES: tuple[Scale, ...] = typing.get_args(Scale)


SHARE = (0.0, 1.0)  # the range of a part of something
POSITIVE = (1, LARGEST)  # that of a count

Range = tuple[float, float]


def static(
    default: Any,
    doc: str = "",
    search: Sequence[Any] = (),
    within: Range | None = None,
) -> Any:
    """A field that shapes the compiled program: its values train one program each.

    `search`: the values that `pgvq tune` chooses from; the default is one of them.
    `within`: the lowest and the highest value that a number may have. A subclass that
    gives the field another default keeps the range.
    """
    metadata = {"doc": doc} | ({"search": search} if search else {})
    metadata |= {} if within is None else {"within": within}
    return struct.field(pytree_node=False, default=default, metadata=metadata)


def leaf(
    default: float,
    doc: str = "",
    search: Range | tuple[float, float, Scale] | None = None,
    within: Range | None = None,
) -> Any:
    """A float field: its values train as lanes of one program, so it is sweepable.

    `search`: the range that `pgvq tune` searches, `(low, high)` or `(low, high, scale)`
    with a scale of `SCALES`; the default lies in it. `within`: the lowest and the
    highest value, which a subclass keeps that gives the field another default.
    """
    metadata = {"doc": doc} | ({} if search is None else {"search": search})
    metadata |= {} if within is None else {"within": within}
    return struct.field(pytree_node=True, default=default, metadata=metadata)


class Configuration:
    """An algorithm as its own configuration; mixed into the class that has the fields.

    The checks are for its `__post_init__`.
    """

    env: Environment
    env_params: Any

    @property
    def params(self) -> Any:
        """The environment's parameters, its default where none were given."""
        return self.env.default_params if self.env_params is None else self.env_params

    def check_types(self) -> None:
        """Makes every field plain, or raises `InputError`: first in `__post_init__`.

        Fields of type float, int and bool take numbers of Python, NumPy and JAX, within
        the range that the field declares; those of type str, Literal and nn.Module what
        they say; all others are left alone.
        """
        kinds = _kinds(type(self))
        swept = [getattr(self, kind.name) for kind in kinds if kind.swept]
        plain = all(type(value) is float for value in swept)
        passes = _no_one if plain else _passing(swept)
        for kind in kinds:
            value = getattr(self, kind.name)
            if kind.swept and passes(value):
                continue
            if type(value) is not kind.type or kind.type is float:
                number = _plain(type(self).__name__, kind, value)
                if number is not value:
                    object.__setattr__(self, kind.name, number)
            if kind.within is not None and kind.type is int:
                self.check_at_least(kind.name, *map(int, kind.within))
            elif kind.within is not None:
                self.check_range(kind.name, *kind.within)

    def check_at_least(self, field: str, smallest: int, largest: int = LARGEST) -> None:
        """Raises `InputError` unless the whole number `field` is in its range."""
        value = as_int(getattr(self, field))
        if value is None or value < smallest:
            raise InputError(
                f"{type(self).__name__}: {field}={shown(getattr(self, field))} must be "
                f"a whole number of at least {smallest}"
            )
        if value > largest:
            why = WIDE if largest == WIDEST else COUNTED
            raise InputError(
                f"{type(self).__name__}: {field}={shown(value)} is more than "
                f"{largest:,} ({why}); use a smaller one"
            )

    def check_product(self, fields: Sequence[str], why: str) -> None:
        """Raises `InputError` where the product of whole numbers leaves int32.

        `why` says what is counted.
        """
        values = [getattr(self, field) for field in fields]
        if math.prod(values) > LARGEST:
            raise InputError(
                f"{type(self).__name__}: {' * '.join(fields)} = "
                f"{' * '.join(map(shown, values))} is more than {LARGEST:,} ({why}); "
                "use smaller ones"
            )

    def check_divides(self, field: str, whole: int, what: str) -> None:
        """Raises `InputError` unless `field` divides `whole`, which `what` names."""
        value = getattr(self, field)
        if whole % value:
            best = max(n for n in range(1, min(value, whole) + 1) if whole % n == 0)
            raise InputError(
                f"{type(self).__name__}: {field}={value} must divide {what} = {whole}; "
                f"use {best}"
            )

    def check_range(self, field: str, low: float, high: float) -> None:
        """Raises `InputError` unless the float `field` lies in `[low, high]`.

        Tracers and arrays pass: they are values that were checked before.
        """
        value = getattr(self, field)
        number = isinstance(value, int | float)
        if isinstance(value, str | bool) or (number and not low <= value <= high):
            raise InputError(
                f"{type(self).__name__}: {field}={shown(value)} must be a number "
                f"between {low:g} and {high:g}"
            )


_INSIDE = ("__init__", "__post_init__", "check_types", "_passing")  # of a construction


class _Kind(NamedTuple):
    """What values a field takes."""

    name: str
    type: Any  # float, int, bool, str, nn.Module, or Literal
    choices: tuple[Any, ...]  # of a Literal
    swept: bool  # a leaf of the pytree
    within: Range | None  # of a number
    example: str  # the default, for messages


@functools.cache
def _kinds(cls: type) -> tuple[_Kind, ...]:
    """The fields of a class whose values can be checked by their annotation."""
    try:
        hints = typing.get_type_hints(cls)
    except Exception:  # names that are known only where a user's class was written
        hints = {}
    simple = {kind.__name__: kind for kind in (float, int, bool, str)}
    kinds = []
    for field in dataclasses.fields(typing.cast(Any, cls)):
        kind = hints.get(field.name, field.type)
        kind = simple.get(kind, kind) if isinstance(kind, str) else kind
        choices: tuple[Any, ...] = ()
        if typing.get_origin(kind) is Literal:
            kind, choices = Literal, typing.get_args(kind)
        leafy = field.metadata.get("pytree_node", True)
        if kind in (float, int, bool, str, nn.Module, Literal):
            missing = field.default is dataclasses.MISSING
            example = "" if missing else shown(field.default)
            swept = leafy and kind is float
            within = declared(cls, field.name, "within")
            kinds.append(_Kind(field.name, kind, choices, swept, within, example))
    return tuple(kinds)


def declared(cls: type, field: str, what: str) -> Any:
    """What a field declares in its metadata, where a class last does."""
    for base in cls.__mro__:
        known = base.__dict__.get("__dataclass_fields__", {}).get(field)
        if known is not None and what in known.metadata:
            return known.metadata[what]
    return None


def _plain(owner: str, kind: _Kind, value: Any) -> Any:
    """A field's value as a plain Python object, or an `InputError`."""
    such = f", such as {kind.example}" if kind.example else ""
    told = f"{owner}: {kind.name}={shown(value)}"
    if kind.type is float:
        number = as_float(value)
        if number is None:
            raise InputError(f"{told} {_no_number(owner, kind, value, such)}")
        if not math.isfinite(number):
            raise InputError(f"{told} must be a finite number{such}")
        return number
    if kind.type is int:
        whole = as_int(value)
        if whole is None:
            raise InputError(f"{told} must be a whole number{such}")
        return whole
    if kind.type is bool:
        answer = as_bool(value)
        if answer is None:
            raise InputError(f"{told} must be True or False")
        return answer
    if kind.type is Literal:
        if not any(type(value) is type(one) and value == one for one in kind.choices):
            hint = did_you_mean(value, map(str, kind.choices), otherwise="", show=repr)
            choices = ", ".join(map(repr, kind.choices))
            raise InputError(f"{told} is not one of {choices}{'; ' * bool(hint)}{hint}")
        return value
    if not isinstance(value, kind.type):
        raise InputError(f"{told} {_no_object(kind, value)}")
    return value


def _no_number(owner: str, kind: _Kind, value: Any, such: str) -> str:
    several = isinstance(value, list | tuple) or np.ndim(value) > 0
    if kind.swept and several:
        return (
            "holds several numbers, and a field holds one; give one variant for each, "
            f"by sweep({owner}(), {kind.name}=[...])"
        )
    return f"must be a number{such}"


def _no_object(kind: _Kind, value: Any) -> str:
    if kind.type is not nn.Module:
        return f"must be a text, such as {kind.example}"
    if isinstance(value, type) and issubclass(value, nn.Module):
        return f"is a class; make a network of it: {value.__name__}()"
    return (
        "must be a flax module, such as Torso() or MLP((64, 64)) of pgvq.networks.heads"
    )


def _no_one(value: Any) -> bool:
    return False


def _passing(swept: Sequence[Any]) -> Callable[[Any], bool]:
    """Which values of swept fields are no user's, but JAX's own, and pass.

    All where JAX rebuilds a pytree. What it returns consists of arrays alone, or of
    placeholders; a user gives a few fields, and the others have their default, a float.
    """
    if not any(isinstance(v, int | float | str | np.generic) for v in swept):
        return lambda value: True
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_name in _INSIDE:
        frame = frame.f_back
    maker = str(frame.f_globals.get("__name__", ""))
    if maker.startswith(("jax.", "jaxlib.")):
        return lambda value: True
    if maker == "dataclasses":  # its `replace`
        return lambda value: (
            isinstance(value, Tracer)
            or (isinstance(value, jax.Array) and value.ndim > 0)
        )
    return lambda value: isinstance(value, Tracer)
