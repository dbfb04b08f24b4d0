"""Checks whose messages give the value, the reason and the remedy."""

import math
import operator
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from pgvq.types import InputError


def check_choice(what: str, given: object, choices: Sequence[str]) -> None:
    """Raise `InputError` unless `given` is one of `choices`."""
    if given in choices:
        return
    close = get_close_matches(str(given), choices, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise InputError(f"unknown {what} {given!r}: {hint}use one of {', '.join(choices)}")


def check_integer(
    name: str, given: Any, low: int, high: int | None = None, why: str = ""
) -> None:
    """Raise `InputError` unless `given` is an integer in `low`..`high`."""
    try:
        value = operator.index(given)
    except TypeError:
        raise InputError(f"{name}={given!r} is not an integer: give one") from None
    if value < low or (high is not None and value > high):
        allowed = f"at least {low}" if high is None else f"{low}..{high}"
        because = f" ({why})" if why else ""
        raise InputError(f"{name}={value} is impossible{because}: use {allowed}")


def check_probability(name: str, given: Any) -> None:
    """Raise `InputError` unless `given` is a number in 0..1."""
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(f"{name}={given!r} is not a probability: use 0..1")


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
