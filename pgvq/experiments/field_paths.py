"""Fields of algorithms by their paths: `torso.features`, `env_params.gravity`.

What follows an algorithm's field is a field of what it holds: of the environment, of
its parameters, of a network. `sweep` and the command line's `--set` both walk here.
"""

import dataclasses
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from pgvq.checks import did_you_mean, plain_number, shown
from pgvq.identity.description import brief, describe
from pgvq.types import InputError


class Changes(dict[str, Any]):
    """Field to value, or to the `Changes` of what it holds."""


# Functions that a field may be given by name, such as `activation=tanh`.
_NAMES = """celu elu gelu glu hard_sigmoid hard_silu hard_swish hard_tanh identity
leaky_relu log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_sign softmax
softplus sparse_plus squareplus standardize swish tanh sin cos sinc arctan square abs"""
FUNCTIONS = {
    name: getattr(jax.nn, name, None) or getattr(jnp, name)
    for name in _NAMES.split()
    if hasattr(jax.nn, name) or hasattr(jnp, name)
}


class NoFieldError(InputError):
    """The thing has no such field."""


def settable(thing: Any) -> list[str]:
    """Names of the fields of an algorithm, a network, an environment or its params."""
    if not dataclasses.is_dataclass(thing):
        return []
    hidden = ("parent", "name") if isinstance(thing, nn.Module) else ()
    return [f.name for f in dataclasses.fields(thing) if f.name not in hidden]


def inner(thing: Any, name: str) -> Any:
    """What a field holds; the environment's default parameters where none are given."""
    value = getattr(thing, name)
    if value is None and name == "env_params":
        return thing.env.default_params
    return value


def holder(thing: Any, path: Sequence[str]) -> Any:
    """What has the last field of a path.

    Raises:
        NoFieldError: there is no field of that path; with the nearest name.
    """
    for position, name in enumerate(path):
        known = settable(thing)
        if name not in known:
            where = f" ({'.'.join(path[:position])})" if position else ""
            what = f"has no field {name!r}: {nearest(name, known)}"
            if not known:
                what = f"has no fields that can be set, and so no {name!r}"
            raise NoFieldError(f"{type(thing).__name__}{where} {what}")
        if position < len(path) - 1:
            thing = inner(thing, name)
    return thing


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice for a name that is not known: the nearest, or all of them."""
    known = list(known)
    return did_you_mean(name, known, f"it has {', '.join(known)}")


def note(changes: Changes, path: Sequence[str], value: Any) -> None:
    """Adds the change of the field of a path to `changes`.

    Raises:
        InputError: the field, or what holds it, is changed already.
    """
    name, *rest = path
    if not rest:
        if name in changes:
            raise InputError(f"{name} is set twice; choose one")
        changes[name] = value
        return
    if not isinstance(changes.setdefault(name, Changes()), Changes):
        raise InputError(f"{name} itself is set as well; choose one")
    note(changes[name], rest, value)


def changed(thing: Any, changes: Changes) -> Any:
    """The same with other fields, each class by its own way of copying."""
    values = {k: v for k, v in changes.items() if not isinstance(v, Changes)}
    # Parameters belong to the environment that is set with them, not to the old one.
    new_env = "env" in values and getattr(thing, "env_params", 0) is None
    for name, value in changes.items():
        if isinstance(value, Changes):
            new = new_env and name == "env_params"
            held = values["env"].default_params if new else inner(thing, name)
            values[name] = changed(held, value)
    if isinstance(thing, nn.Module):
        return thing.clone(**values)
    if hasattr(thing, "replace"):
        return thing.replace(**values)
    return dataclasses.replace(thing, **values)


def with_settings(algorithm: Any, settings: Mapping[str, Any]) -> Any:
    """An algorithm with fields of other values, by path: `{"torso.features": (32,)}`.

    Raises:
        InputError: there is no such field, one is set twice, or a value is wrong.
    """
    changes = Changes()
    for field, value in settings.items():
        path = str(field).split(".")
        thing = holder(algorithm, path)
        note(changes, path, fitting(thing, path[-1], plain_number(value)))
    return changed(algorithm, changes) if changes else algorithm


def fitting(thing: Any, name: str, value: Any) -> Any:
    """A value as the field has it: its own float, int or tuple, where it means one."""
    held = getattr(thing, name)
    value = plain_number(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and (isinstance(held, float) or type_of(thing, name) is float):
        return float(value)
    if isinstance(held, tuple) and isinstance(value, list | np.ndarray):
        return tuple(plain_number(part) for part in value)
    return value


def type_of(thing: Any, name: str) -> Any:
    """The type that a field is declared with; None where that cannot be known."""
    try:
        return typing.get_type_hints(type(thing)).get(name)
    except Exception:  # names that are imported for type checkers alone
        return None


def function_named(name: str, field: str) -> Any:
    """A function of `FUNCTIONS`.

    Raises:
        InputError: there is none of that name; with the nearest.
    """
    if name not in FUNCTIONS:
        hint = did_you_mean(name, FUNCTIONS, f"use one of {_names(FUNCTIONS)}")
        raise InputError(f"{field}={name!r} is no function of jax.nn: {hint}")
    return FUNCTIONS[name]


def _names(known: Mapping[str, Any]) -> str:
    return ", ".join(sorted(known))


def in_short(value: Any) -> str:
    """A few words for a value, without line breaks and addresses, for errors."""
    if type(value).__repr__ is not object.__repr__:
        try:
            text = repr(value)
        except Exception:  # whatever a user's own `__repr__` raises
            return shown(value)
        if len(text) <= 60 and "\n" not in text and " at 0x" not in text:
            return text
    try:
        return brief(describe(value))
    except InputError:
        return f"an object of type {type(value).__name__}"
