"""Grids of an algorithm over values of its fields, and the names of their variants."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pgvq.checks import plain_number
from pgvq.experiments.field_paths import (
    Changes,
    changed,
    fitting,
    holder,
    in_short,
    note,
)
from pgvq.experiments.naming import algorithm_name
from pgvq.identity.description import Describer, Description, brief, digest
from pgvq.storage.places import folder_name_problem
from pgvq.types import InputError

LONGEST = 40  # letters of one value in a name
PARTS = 3  # fields of an object that are named before its digest says it shorter


def sweep(algorithm: Any, **values: Iterable[Any]) -> dict[str, Any]:
    """The grid of an algorithm over values of its fields: name to algorithm.

        sweep(DQN(), learning_rate=[1e-3, 3e-4])
        sweep(PPO(), **{"torso.features": [(32,), (64, 64)]})
        sweep(PPO(env=env), **{"env_params.gravity": [5, 20]})

    A field is one of the algorithm, or a path to one of what it holds. Values of float
    fields, and of the environment's parameters, train as lanes of one program; values
    of other fields as one program each. Variants are named by what differs, floats by
    as many digits as tell them apart. Two floats that differ are two variants, also
    where they train the same because float32 has one number for both.

    Raises:
        InputError: a field is unknown, a list of values is empty or one value, or a
            value is there twice.
    """
    _check_algorithm(algorithm)
    if unlisted := [k for k, v in values.items() if isinstance(v, Iterator)]:
        values = values | {field: list(values[field]) for field in unlisted}
    # Parameters are fields of the environments that are swept with them.
    envs = [algorithm]
    if "env" in values and getattr(algorithm, "env_params", 0) is None:
        given = _values(algorithm, "env", values["env"])
        envs = [changed(algorithm, Changes(env=env)) for env in given]
    lists: dict[str, list[Any]] = {}
    for one in envs:
        lists = {field: _values(one, field, v) for field, v in values.items()}
    describer = Describer()
    named = {
        field: _named(field, options, describer) for field, options in lists.items()
    }
    kind = algorithm_name(algorithm)
    grid: dict[str, Any] = {}
    for point in itertools.product(*named.values()):
        changes = Changes()
        for field, (_, value) in zip(named, point, strict=True):
            note(changes, field.split("."), value)
        grid[_unique(" ".join([kind, *(text for text, _ in point)]), grid)] = changed(
            algorithm, changes
        )
    return grid


def _check_algorithm(algorithm: Any) -> None:
    if isinstance(algorithm, type):
        name = algorithm.__name__
        raise InputError(f"sweep: {name} is a class; make an algorithm of it: {name}()")
    if not hasattr(type(algorithm), "__dataclass_fields__"):
        raise InputError(
            f"sweep: {in_short(algorithm)!r} of type {type(algorithm).__name__} is no "
            "algorithm; give one such as DQN()"
        )


def _values(algorithm: Any, field: str, values: Any) -> list[Any]:
    """The values of one field as it has them, or `InputError`."""
    last = field.rpartition(".")[2]
    if last == "budget":
        raise InputError("sweep: the budget is the experiment's; use its steps")
    try:
        thing = holder(algorithm, field.split("."))
    except InputError as error:
        raise InputError(f"sweep: {error}") from None
    single = (
        isinstance(values, str | bytes | Mapping) or getattr(values, "ndim", 1) == 0
    )
    if single or not isinstance(values, Iterable):
        shown = in_short(values)
        raise InputError(
            f"sweep: {field}={shown} must be a list of values; use [{shown}]"
        )
    found = [fitting(thing, last, plain_number(value)) for value in values]
    if not found:
        raise InputError(
            f"sweep: {field} has an empty list of values; give at least one"
        )
    return found


def _named(
    field: str, values: list[Any], describer: Describer
) -> list[tuple[str, Any]]:
    """Each value of a field with what it is called in a variant's name.

    Raises:
        InputError: two of the values are the same.
    """
    described = [
        describer.describe(value, f"sweep: {field}[{i}]")
        for i, value in enumerate(values)
    ]
    digests = [digest(one) for one in described]
    for i, one in enumerate(digests):
        if one in digests[:i]:
            raise InputError(
                f"sweep: {field} has {brief(described[i])} twice (numbers "
                f"{digests.index(one) + 1} and {i + 1}); leave one out"
            )
    texts = _texts(field, values, described)
    if len({text.lower() for text in texts}) < len(texts):
        texts = [f"{t}@{d[:6]}" for t, d in zip(texts, digests, strict=True)]
    return list(zip(texts, values, strict=True))


def _texts(field: str, values: list[Any], described: list[Description]) -> list[str]:
    """`field=value` of each: short, and different as far as that can be."""
    if all(isinstance(value, float) for value in values):
        return [f"{field}={text}" for text in shortest(values)]
    plain = [_short(one) for one in described]
    if all(text is not None for text in plain) and len(set(plain)) == len(plain):
        return [f"{field}={text}" for text in plain]
    parts = _what_differs(described)
    if parts is not None:
        return [
            " ".join(f"{field}.{path}={text}" for path, text in one.items())
            for one in parts
        ]
    titles = [_title(value, one) for value, one in zip(values, described, strict=True)]
    return [
        f"{field}={title}"
        if titles.count(title) == 1 and title not in ("", "lambda")
        else f"{field}={title}@{digest(one)[:6]}"
        for title, one in zip(titles, described, strict=True)
    ]


def shortest(values: Sequence[float]) -> list[str]:
    """Each number with as few digits, but six at least, as tell it from the others."""

    def text(value: float, digits: int) -> str:
        return f"{value:.{digits}g}"

    def fewest(value: float) -> int:
        for digits in range(6, 17):
            same = [
                other for other in values if text(other, digits) == text(value, digits)
            ]
            if len(same) == 1:
                return digits
        return 17

    each = [text(value, fewest(value)) for value in values]
    if len(set(each)) == len(each):
        return each
    most = max(fewest(value) for value in values)
    return [text(value, most) for value in values]


def _short(described: Description) -> str | None:
    """A value as names have it; None where it is not short."""
    if isinstance(described, float) or described is None or isinstance(described, int):
        return _cleaned(f"{described:g}" if _is_rounded(described) else str(described))
    if isinstance(described, str):
        return _cleaned(described)
    if isinstance(described, list):
        parts = [_short(part) for part in described]
        if any(part is None for part in parts):
            return None
        inside = ",".join(str(part) for part in parts)
        text = f"({inside},)" if len(parts) == 1 else f"({inside})"
        return text if len(text) <= LONGEST else None
    if isinstance(described, dict) and set(described) == {"function"}:
        return _cleaned(described["function"].rpartition(".")[2])
    return None


def _is_rounded(value: Any) -> bool:
    return (
        isinstance(value, float)
        and math.isfinite(value)
        and float(f"{value:g}") == value
    )


def _cleaned(text: str) -> str | None:
    kept = "".join(c if c.isalnum() or c in "_.,=+@()[]-" else "-" for c in text)
    return kept if 0 < len(kept) <= LONGEST else None


def _what_differs(described: list[Description]) -> list[dict[str, str]] | None:
    """By path, the values in which objects of one class differ; None if not short."""
    if not all(isinstance(one, dict) and "object" in one for one in described):
        return None
    leaves = [_leaves(one) for one in described]
    if any(one.keys() != leaves[0].keys() for one in leaves):
        return None
    paths = [p for p in leaves[0] if len({digest(one[p]) for one in leaves}) > 1]
    if not 0 < len(paths) <= PARTS:
        return None
    made = []
    for one in leaves:
        texts = {_path(path): _short(one[path]) for path in paths}
        if None in texts.values() or len(texts) < len(paths):
            return None
        made.append({path: str(text) for path, text in texts.items()})
    if len({str(one) for one in made}) < len(made):
        return None
    return made


def _leaves(described: Description, path: tuple[str, ...] = ()) -> dict[Any, Any]:
    """All that an object is described by, by path; classes are parts of it too."""
    if not isinstance(described, dict) or "object" not in described:
        return {path: described}
    rest = {k: v for k, v in described.items() if k != "fields"}
    found: dict[Any, Any] = {(*path, ""): rest}
    for name, value in (described.get("fields") or {}).items():
        found |= _leaves(value, (*path, name))
    return found


def _path(path: tuple[str, ...]) -> str:
    """Names of fields, without the private ones that only wrap others."""
    shown = [name for name in path[:-1] if not name.startswith("_")]
    return ".".join([*shown, path[-1].strip("_")])


def _title(value: Any, described: Description) -> str:
    """What people call a value: an environment's name, a class, a function."""
    read: list[Callable[[], Any]] = [
        lambda: value.name,
        lambda: value.__name__,
        lambda: type(value).__name__,
    ]
    for one in read:
        try:
            text = one()
        except Exception:  # a property of a user's class
            continue
        if isinstance(text, str) and (kept := _cleaned(text.strip("<>"))):
            return kept
    return ""


def _unique(name: str, taken: Mapping[str, Any]) -> str:
    """The name, or a shorter one that says the same by a digest."""
    if folder_name_problem(name) is not None and len(name) > 100:
        name = f"{name[:100]}@{digest(name)[:6]}"
    return name
