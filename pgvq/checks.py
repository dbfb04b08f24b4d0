"""Checks of what users give, whose messages say the value, the reason and the remedy.

Configurations hold plain Python numbers, so that two that mean the same are equal, hash
alike, are described alike and train in one program: `as_float`, `as_int` and `as_bool`
make them of numbers of Python, NumPy and JAX, and return None for anything else.
"""

import difflib
import math
import numbers
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, dtypes
from jax.core import Tracer

from pgvq.types import InputError

MAX_STEPS = 2**31 - 1  # counters are int32
LARGEST = MAX_STEPS  # of any count
COUNTED = "JAX counts in int32"
MOST_NAMED = 20  # names that a message lists

# Of these precisions the shortest decimal that rounds to a number is what was written:
# `jnp.float32(1e-4)` is 1e-4, not 9.999999747378752e-05. Both train alike, in float32.
_SHORTEST = (np.dtype(np.float32), np.dtype(np.float16))


def as_float(value: Any) -> float | None:
    """The float that a real number means, NaN and infinity included; else None."""
    if isinstance(value, bool | np.bool_ | Tracer):
        return None
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        return _of_array(value)
    if isinstance(value, numbers.Real):
        try:
            return float(value)
        except OverflowError:  # a whole number of more than 308 digits
            return math.inf
    return None


def as_int(value: Any) -> int | None:
    """The int that a whole number means; else None, also for 2.0 and True."""
    if isinstance(value, bool | np.bool_ | Tracer):
        return None
    if isinstance(value, int):
        return int(value)
    arrays = np.generic | np.ndarray | jax.Array
    if isinstance(value, arrays) and jnp.issubdtype(value.dtype, jnp.integer):
        return None if value.ndim else int(np.asarray(value))
    return None


def as_bool(value: Any) -> bool | None:
    """The bool that True or False of Python, NumPy or JAX means; else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Tracer) or not hasattr(value, "dtype"):
        return None
    return bool(value) if value.dtype == np.bool_ and np.ndim(value) == 0 else None


def shown(value: Any, most: int = 80) -> str:
    """A value as a message quotes it: one line, at most `most` characters."""
    try:
        text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(value).split()))
    except Exception:  # whatever a user's own `__repr__` raises
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= most else text[: most - 3] + "..."


def _of_array(value: Any) -> float | None:
    if value.ndim or not (
        jnp.issubdtype(value.dtype, jnp.floating)
        or jnp.issubdtype(value.dtype, jnp.integer)
    ):
        return None
    number: Any = np.asarray(value)[()]
    if number.dtype in _SHORTEST:
        return float(np.format_float_scientific(number))
    return float(number)


def did_you_mean(
    name: Any,
    known: Iterable[str],
    otherwise: str | None = None,
    show: Callable[[str], str] = str,
    most: int = 1,
) -> str:
    """Advice for a name that is not known: "did you mean X?" with the nearest that is.

    Args:
        name: what was given.
        known: the names that there are.
        otherwise: the advice where none is near; by default it lists what there is.
        show: how a name is written.
        most: names to give at the most, the nearest first.
    """
    names = list(known)
    text = (name if isinstance(name, str) else shown(name)).strip("'")
    if near := difflib.get_close_matches(text, names, n=most, cutoff=0.5):
        return f"did you mean {' or '.join(map(show, near))}?"
    if otherwise is not None:
        return otherwise
    if not names:
        return "there are none"
    more = len(names) - MOST_NAMED
    listed = ", ".join(map(show, names[:MOST_NAMED]))
    return f"there are {listed}" + (f" and {more} more" if more > 0 else "")


def plain_number(value: Any) -> Any:
    """The Python number that a scalar of NumPy or JAX is; anything else as it is."""
    if isinstance(value, Array) and jnp.issubdtype(value.dtype, dtypes.extended):
        return value  # a key of JAX's random numbers
    if not isinstance(value, np.generic | np.ndarray | Array) or np.ndim(value):
        return value
    known = (read(value) for read in (as_int, as_float))
    found = next((number for number in known if number is not None), None)
    return np.asarray(value).item() if found is None else found


def whole_number(name: str, value: Any) -> int:
    """A count as a Python number, or `InputError` unless it is a whole one above 0."""
    number = plain_number(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InputError(f"{name}={shown(value)} must be a whole number, at least 1")
    if number > MAX_STEPS:
        raise InputError(
            f"{name}={number} is too many: counters are int32, so that {MAX_STEPS} is "
            "the most"
        )
    return number


def check_choice(what: str, given: object, choices: Sequence[str]) -> str:
    """The one of `choices` that `given` is; raises `InputError` if it is none."""
    if isinstance(given, str) and given in choices:
        return str(given)
    hint = did_you_mean(given, choices, otherwise="", most=3)
    raise InputError(
        f"unknown {what} {shown(given)}: {hint}{' ' * bool(hint)}use one of "
        f"{', '.join(choices)}"
    )


def check_integer(
    name: str, given: Any, low: int, high: int | None = None, why: str = ""
) -> int:
    """`given` as Python's int; raises `InputError` unless it is one in `low`..`high`.

    Integers of NumPy and JAX are integers; True and 2.0 are none. Without `high` the
    bound is int32's.
    """
    value = as_int(given)
    if value is None:
        raise InputError(f"{name}={shown(given)} is not an integer: give one")
    if value < low or (high is not None and value > high):
        allowed = f"at least {low}" if high is None else f"{low}..{high}"
        because = f" ({why})" if why and value > low else ""
        raise InputError(f"{name}={shown(value)} is impossible{because}: use {allowed}")
    if value > LARGEST:
        raise InputError(
            f"{name}={shown(value)} is impossible ({COUNTED}): use at most {LARGEST}"
        )
    return value


def check_probability(name: str, given: Any) -> float:
    """`given` as Python's float; raises `InputError` unless it is one in 0..1."""
    value = as_float(given)
    if value is None or not 0 <= value <= 1:
        raise InputError(f"{name}={shown(given)} is not a probability: use 0..1")
    return value + 0.0  # of -0.0 as well, from which NumPy cannot draw


def check_flag(name: str, given: Any) -> bool:
    """`given` as Python's bool; raises `InputError` unless it is True or False."""
    value = as_bool(given)
    if value is None:
        raise InputError(f"{name}={shown(given)} must be True or False")
    return value


def settle(owner: Any, **values: Any) -> None:
    """Sets fields of a frozen object to their checked values, in its construction.

    They are Python's own then, so that `Pong(frame_skip=np.int64(4))` equals, hashes
    like and is described like `Pong(frame_skip=4)`.
    """
    for name, value in values.items():
        object.__setattr__(owner, name, value)


def check_action(given: Any, num_actions: int) -> Array:
    """`given` [...] as an array of integers.

    Raises `InputError` for another dtype and, outside of `jit`, where values are
    known, for an action that is not one of 0..num_actions - 1.
    """
    action = given if isinstance(given, jax.Array) else np.asarray(given)
    if not jnp.issubdtype(action.dtype, jnp.integer):
        raise InputError(
            f"an action of dtype {action.dtype} is none: give integers "
            f"0..{num_actions - 1}"
        )
    if not isinstance(action, Tracer) and action.size:
        # By numpy: while another function is traced, JAX would trace this as well.
        values = np.asarray(action)
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= num_actions:
            raise InputError(
                f"action {low if low < 0 else high} is out of range: give integers "
                f"0..{num_actions - 1}"
            )
    return jnp.asarray(action)
