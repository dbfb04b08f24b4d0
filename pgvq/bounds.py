"""Counts of an experiment: whole numbers, and no more than fit in memory."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, dtypes

from pgvq.machine import in_words, machine_memory
from pgvq.scalars import as_float, as_int, shown
from pgvq.types import InputError

MAX_STEPS = 2**31 - 1  # counters are int32

# Bytes that a row of a table takes in memory while another is added to it.
_GAME_ROW = 100
_TRAINING_ROW = 400

# What each count is as a rule: the one that exceeds this most is to blame.
_USUAL = {"seeds": 5, "evaluations": 20, "games": 10}


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


def check_tables(seeds: int, evaluations: int, games: int, variants: int) -> None:
    """Raises `InputError` where the results would not fit in this machine's memory."""
    counts = {"seeds": seeds, "evaluations": evaluations, "games": games}
    memory = machine_memory()

    def size(counts: dict[str, int]) -> int:
        points = variants * counts["seeds"] * (counts["evaluations"] + 1)
        return points * (counts["games"] * 2 * _GAME_ROW + _TRAINING_ROW)

    if memory is None or size(counts) <= memory:
        return
    most = max(counts, key=lambda name: counts[name] / _USUAL[name])
    low, high = 0, counts[most]  # the greatest that fits, by halving
    while high - low > 1:
        middle = (low + high) // 2
        fits = size(counts | {most: middle}) <= memory
        low, high = (middle, high) if fits else (low, middle)
    others = " and ".join(f"{n}={v}" for n, v in counts.items() if n != most)
    remedy = f"give at most {low}" if low else "make all of them smaller"
    raise InputError(
        f"{most}={counts[most]} is too many: with {others} and {variants} "
        f"variant{'s' if variants > 1 else ''} the results take "
        f"{in_words(size(counts))}, and this machine has {in_words(memory)} of memory; "
        f"{remedy}"
    )
