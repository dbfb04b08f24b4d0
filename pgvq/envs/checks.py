"""Checks whose messages give the value, the reason and the remedy."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from pgvq.scalars import as_bool, as_float, as_int, shown
from pgvq.types import InputError

LARGEST = 2**31 - 1  # of any count
COUNTED = "JAX counts in int32"
MAX_FRAME_SKIP = 108_000
WHOLE_GAME = "so many frames are a whole game of ALE, up to its cap"


def check_choice(what: str, given: object, choices: Sequence[str]) -> str:
    """The one of `choices` that `given` is; raises `InputError` if it is none."""
    if isinstance(given, str) and given in choices:
        return str(given)
    close = get_close_matches(shown(given).strip("'"), choices, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise InputError(
        f"unknown {what} {shown(given)}: {hint}use one of {', '.join(choices)}"
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


def check_frame_skip(given: Any) -> int:
    """`given` as Python's int; raises `InputError` unless it is a number of frames."""
    value = check_integer("frame_skip", given, 1)
    return check_integer("frame_skip", value, 1, MAX_FRAME_SKIP, WHOLE_GAME)


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
