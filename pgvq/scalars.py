"""Numbers as users write them: Python's, NumPy's and JAX's, as plain Python numbers.

Configurations hold plain Python numbers, so that two that mean the same are equal, hash
alike, are described alike and train in one program. Each function returns None for what
is not one such number, and says nothing: whoever asks knows the field and the remedy.
"""

import math
import numbers
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

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
