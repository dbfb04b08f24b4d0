"""Seeds by their numbers: how many, a range, or a list, in Python and as text.

    5                   seeds 0 to 4
    range(100, 110)     seeds 100 to 109           100:110
    [3, 7, 11]          these three                3,7,11
                        seeds 0-4 and 100-104      0:5,100:105

In a text a number alone says how many seeds, and a number in a list says which; one
seed by its number is 7:8. Ends are excluded, as in Python's slices.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import jax
import numpy as np

from pgvq.checks import as_int, shown, whole_number
from pgvq.types import InputError

AUTO = "auto"  # as many as a comparison needs, see `pgvq.running.adaptive`
LARGEST = 2**31 - 1  # tables and keys hold seeds as int32
Seeds = int | range | tuple[int, ...]  # as `checked` returns them

_MOST_LISTED = 1_000_000  # seeds that are no range; a range may have more
_FORMS = "a number of seeds such as 8, a range such as 100:110, or a list such as 3,7"


def checked(given: Any) -> Seeds:
    """Seeds in their smallest form: how many from 0 on, a range, or a sorted tuple.

    Args:
        given: a whole number, or a range, sequence, set or array `[S]` of them.

    Raises:
        InputError: it is none of these, empty, reversed, names a seed twice, or a seed
            is negative or over 2**31 - 1.
    """
    if isinstance(given, range):
        return _of_range(given)
    lists = isinstance(given, Sequence | AbstractSet) and not isinstance(
        given, str | bytes
    )
    if lists or (isinstance(given, np.ndarray | jax.Array) and np.ndim(given) == 1):
        return _of_list(given)
    if isinstance(given, str):
        raise InputError(
            f"seeds={shown(given)} is a text; give a whole number, range(100, 110) or "
            "a list such as [3, 7, 11]"
        )
    return whole_number("seeds", given)


def numbers(seeds: Seeds) -> range | tuple[int, ...]:
    """The seeds one by one, ascending."""
    return range(seeds) if isinstance(seeds, int) else seeds


def from_text(text: str, option: str = "--seeds") -> Seeds:
    """Seeds that a command line names, as `checked` returns them.

    Raises:
        InputError: the text is of none of the forms, or names what cannot be a seed.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 1 and (count := _whole(parts[0])) is not None:
        if not 1 <= count <= LARGEST:
            raise InputError(
                f"{option} {shown_text(text)} must be a number of seeds from 1 to "
                f"{LARGEST}"
            )
        return count
    ranges = [_range(part, text, option) for part in parts]
    try:
        alone = [checked(part) for part in ranges]
        if len(alone) == 1:
            return alone[0]
        if (total := sum(len(part) for part in ranges)) > _MOST_LISTED:
            raise InputError(
                f"it names {total:,} seeds in several parts, which may have "
                f"{_MOST_LISTED:,} together; give one range"
            )
        return checked([number for part in ranges for number in part])
    except InputError as error:
        raise InputError(f"{option} {shown_text(text)}: {error}") from None


def as_text(seeds: Seeds) -> str:
    """The text that `from_text` reads as these seeds."""
    if isinstance(seeds, int):
        return str(seeds)
    parts = _stretches(seeds)
    if len(parts) == 1:
        return f"{parts[0].start}:{parts[0].stop}"
    return ",".join(
        str(part.start) if len(part) == 1 else f"{part.start}:{part.stop}"
        for part in parts
    )


def in_words(seeds: Seeds) -> str:
    """How many seeds, and which unless they are the first ones: for people."""
    many = len(numbers(seeds))
    count = f"{many:,} seed{'s' if many > 1 else ''}"
    return count if isinstance(seeds, int) else f"{count} ({listed(seeds)})"


def listed(seeds: Iterable[int], most: int = 8) -> str:
    """Such as `0-4, 100-104, 200`; the first `most` stretches."""
    parts = _stretches(seeds, most + 1)
    said = [
        f"{part[0]}-{part[-1]}" if len(part) > 2 else ", ".join(map(str, part))
        for part in parts[:most]
    ]
    return ", ".join(said) + (", ..." if len(parts) > most else "")


def _of_range(given: range) -> Seeds:
    if not given:
        low, high = sorted((given.start, given.stop))
        hint = f"range({low}, {high})" if low < high else "range(100, 110)"
        raise InputError(f"seeds={given} is empty; give one such as {hint}")
    if given.step < 0:
        raise InputError(
            f"seeds={given} runs backwards; give range({given[-1]}, {given[0] + 1}"
            f"{'' if given.step == -1 else f', {-given.step}'})"
        )
    _check_ends(given[0], given[-1], given)
    if given.step > 1 and len(given) > 1:
        return given
    return _smallest(range(given[0], given[-1] + 1))


def _of_list(given: Any) -> Seeds:
    if not len(given):
        raise InputError(
            f"seeds={shown(given)} is empty; give at least one, as in seeds=[0]"
        )
    found: list[int] = []
    for value in given:
        number = as_int(value)
        if number is None:
            raise InputError(
                f"seeds={shown(given)} holds {shown(value, 40)}, and seeds are whole "
                "numbers; give such as [3, 7, 11]"
            )
        found.append(number)
    found.sort()
    _check_ends(found[0], found[-1], given)
    twice = next((a for a, b in itertools.pairwise(found) if a == b), None)
    if twice is not None:
        raise InputError(
            f"seeds={shown(given)} names seed {twice} twice, and it would be the same "
            "run; name each once"
        )
    if found[-1] - found[0] + 1 == len(found):
        return _smallest(range(found[0], found[-1] + 1))
    return tuple(found)


def _smallest(seeds: range) -> int | range:
    """How many instead of a range that starts from 0."""
    return len(seeds) if seeds.start == 0 else seeds


def _check_ends(low: int, high: int, given: Any) -> None:
    """Raises `InputError` for seeds that no run can have."""
    wrong = low if low < 0 else high
    if low < 0 or high > LARGEST:
        raise InputError(
            f"seeds={shown(given)} holds {shown(wrong, 40)}, and seeds are numbers "
            f"from 0 to {LARGEST} (int32); give others"
        )


def _stretches(seeds: Iterable[int], most: int | None = None) -> list[range]:
    """Ascending seeds as ranges without gaps, the first `most` of them."""
    if isinstance(seeds, range) and seeds.step == 1:
        return [seeds]
    found: list[range] = []
    for seed in seeds:
        if found and seed == found[-1].stop:
            found[-1] = range(found[-1].start, seed + 1)
        elif most is not None and len(found) == most:
            break
        else:
            found.append(range(seed, seed + 1))
    return found


def _range(part: str, text: str, option: str) -> range:
    """The seeds that one part of a text names."""
    first, colon, last = part.partition(":")
    low, high = _whole(first), _whole(last if colon else first)
    if low is None or high is None:
        hint = ""
        if colon and (low is None) != (high is None) and "" in (first, last):
            hint = "; a range needs both ends, the last one excluded, as in 100:110"
        raise InputError(f"{option} {shown_text(text)} must be {_FORMS}{hint}")
    return range(low, high if colon else high + 1)


def _whole(text: str) -> int | None:
    """A whole number of ASCII digits, of a length that is quickly read."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,40}", text.strip()) else None


def shown_text(text: str) -> str:
    """A word of the command line as a message quotes it."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return short if short and not any(c.isspace() for c in short) else repr(short)


def of_changes(given: Any) -> Seeds | None:
    """Seeds as a results folder keeps them: a number, a text, or None.

    Raises:
        InputError: they cannot be read.
    """
    if given is None or given == AUTO:
        return None
    if isinstance(given, str):
        return from_text(given, "seeds")
    return checked(given)
