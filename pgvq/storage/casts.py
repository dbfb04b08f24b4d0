"""Casts that lose nothing: a value that does not fit its column is an error."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def exact(values: pd.Series | ArrayLike, kind: str) -> NDArray:
    """The values as an array of `kind`, all of them unchanged but for rounded floats.

    `kind` is a NumPy dtype of whole numbers, floats or bool, or "str" (an array of
    Python's texts). Whole numbers may be given as floats and floats as whole numbers,
    bools only as bools, texts only as texts. Not known (None, NaN) is NaN in a float
    column and an error in others.

    Raises:
        ValueError: a value would change, said with the value.
    """
    array = _plain(values)
    wanted = np.dtype(object if kind == "str" else kind)
    if wanted.kind == "O":
        return _all_of(array, str, "a text")
    if wanted.kind == "b":
        return _all_of(array, bool, "true or false").astype(bool)
    if array.dtype.kind not in "iuf":
        wrong = next((x for x in array.tolist() if not _is_number(x)), None)
        raise ValueError(f"{_shown(wrong)} is not a number")
    with np.errstate(all="ignore"):
        cast = array.astype(wanted)
        unchanged = _unchanged(array, cast)
    if not np.all(unchanged):
        changed = array[np.argmin(unchanged)].item()
        raise ValueError(f"{_shown(changed)} is not exactly a number of type {kind}")
    return cast


def _unchanged(array: NDArray, cast: NDArray) -> NDArray:
    """Where numbers are the same before and after a cast; casting back is not enough.

    A number beyond a type's range wraps, and wraps back.
    """
    was, now = array.dtype.kind in "iu", cast.dtype.kind in "iu"
    if was and now:
        old, new = np.iinfo(array.dtype), np.iinfo(cast.dtype)
        low, high = max(old.min, new.min), min(old.max, new.max)
        return (array >= low) & (array <= high)
    if was:
        small = (array >= -(2**53)) & (array <= 2**53)  # all of them exact as float64
        return small & (cast.astype(np.float64) == array.astype(np.float64))
    if now:
        limits = np.iinfo(cast.dtype)
        # The upper limit itself may be no float; the next number is a power of two.
        inside = (array >= float(limits.min)) & (array < float(limits.max) + 1.0)
        return inside & (cast.astype(array.dtype) == array)
    # A float may be rounded to the column's precision, but not become infinite.
    same_kind = np.isnan(cast) == np.isnan(array)
    return same_kind & (np.isinf(cast) == np.isinf(array))


def _plain(values: pd.Series | ArrayLike) -> NDArray:
    """A NumPy array: of numbers or bools where all are, else of objects."""
    if isinstance(values, pd.Series) and not isinstance(values.dtype, np.dtype):
        kind = values.dtype
        if pd.api.types.is_bool_dtype(kind) or not pd.api.types.is_numeric_dtype(kind):
            array = values.to_numpy(object)
        elif values.isna().any():
            array = values.to_numpy(np.float64, na_value=np.nan)
        else:
            array = values.to_numpy()
    else:
        array = np.asarray(values)
    return _numbers(array) if array.dtype.kind == "O" else array


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool)


def _numbers(array: NDArray) -> NDArray:
    """Objects that are all numbers, or not known, as an array of numbers."""
    parts: list[Any] = array.tolist()
    if not all(part is None or _is_number(part) for part in parts):
        return array
    whole = all(isinstance(part, int | np.integer) for part in parts)
    known = [np.nan if part is None else part for part in parts]
    try:
        return np.array(known, dtype=np.int64 if whole else np.float64)
    except OverflowError:
        raise ValueError("a whole number is too large") from None


def _all_of(array: NDArray, kind: type, called: str) -> NDArray:
    """The array, if every part of it is of a type."""
    if kind is bool and array.dtype.kind == "b":
        return array
    for part in array.tolist():
        if not isinstance(part, kind):
            raise ValueError(f"{_shown(part)} is not {called}")
    return array


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def strictly_ascending(keys: Sequence[NDArray]) -> int | None:
    """None if rows come in the order of their keys, no two alike; else a row that not.

    `keys` [N] each, the first decides first.
    """
    if not len(keys[0]):
        return None
    undecided = np.ones(len(keys[0]) - 1, bool)  # equal to the row before so far
    for key in keys:
        before, after = key[:-1], key[1:]
        if np.any(wrong := undecided & (after < before)):
            return int(np.argmax(wrong)) + 1
        undecided &= after == before
    return int(np.argmax(undecided)) + 1 if np.any(undecided) else None
