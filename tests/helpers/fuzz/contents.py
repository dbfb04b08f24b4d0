"""Wrong contents of a results folder, generated: seeded, the same in every run.

Texts of JSON files from right ones, and Arrow tables from right ones. Some of them are
still right, as far as anybody can say: what reads them must then read what they say.
"""

import copy
import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from tests.helpers import malformed

NUMBERS = [0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63), 2**64, 10**18, 10**400, 0.1,
           -0.0, 1e-320, 1e300, 1.5, 3.0, 12345678901234567890.0]  # fmt: skip
TEXTS = ["", " ", "x", "..", "../x", "/", "a/b", "\0", "\x1b[31m", "nan", "Infinity",
         "\u202e", "\ufeff", "[/x]", "[red]", "$\\frac12", "$x", "x" * 300,
         "y" * 99_999,
         "CON", "a\nb", "1", "true", "🚀" * 50, "greedy", "\u2028", "%s%n", "{0}",
         "<script>", "\ud800", "-", "None", "é", "\t"]  # fmt: skip


# --- JSON


def deep(draw: random.Random) -> Any:
    """A value that is nested, by a few levels or by very many."""
    value: Any = draw.choice([5, None, "x", []])
    for _ in range(draw.choice([3, 50, 150, 250])):
        value = [value] if draw.random() < 0.5 else {"a": value}
    return value


def another(draw: random.Random, value: Any) -> Any:
    """A value to put in the place of one, of any type, near to it or far."""
    kind = draw.randrange(9)
    if kind == 0:
        return draw.choice(malformed.ABSURD)
    if kind == 1:
        return draw.choice(NUMBERS)
    if kind == 2:
        return draw.choice(TEXTS)
    if kind == 3:
        return deep(draw)
    if kind == 4:
        return [copy.deepcopy(value)] * draw.choice([0, 1, 2, 5000])
    if kind == 5:
        return {"": value, "x" * draw.choice([1, 500]): value}
    if isinstance(value, bool):
        return draw.choice([not value, int(value), str(value)])
    if isinstance(value, int | float):
        return draw.choice([value + 1, -value, value * 10**6, float(value), str(value)])
    if isinstance(value, str):
        return draw.choice([value + "x", value.upper(), value[::-1], value * 100, ""])
    if isinstance(value, list):
        return draw.choice(
            [value + value, value[:-1], value[::-1], dict(enumerate(value))]
        )
    if isinstance(value, dict):
        return draw.choice([list(value.items()), {}, {**value, "more": value}])
    return draw.choice([0, "", [], {}])


def mutated(draw: random.Random, value: Any) -> Any:
    """A JSON value with one to three changes at any depth."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        path = draw.choice(list(malformed.places(value)))
        inner = value
        for name in path:
            inner = inner[name]
        kind = draw.randrange(6)
        new = copy.deepcopy(inner)
        if kind == 0 and isinstance(new, dict) and new:
            del new[draw.choice(list(new))]
        elif kind == 1 and isinstance(new, dict):
            new[draw.choice(TEXTS)] = another(draw, None)
        elif kind == 2 and isinstance(new, list) and new:
            new.insert(draw.randrange(len(new)), copy.deepcopy(draw.choice(new)))
        else:
            new = another(draw, inner)
        value = malformed.replaced(value, path, new)
        if max(map(len, malformed.places(value))) > 100:
            break  # deeper yet, and Python could not copy it
    return value


def broken(draw: random.Random, text: str) -> str:
    """A text that was JSON, with its letters changed."""
    kind = draw.randrange(6)
    at = draw.randrange(len(text))
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + draw.choice('{}[]",:\\\0\x7f0-eN\u00a0') + text[at:]
    if kind == 2:
        return text[:at] + text[at + draw.randrange(1, 9) :]
    if kind == 3:
        return draw.choice(["\ufeff", "//\n", "/**/", "", "NaN", "'"]) + text
    if kind == 4:
        return text + draw.choice(["x", "{}", "\0", "]", "\n\n", ",", text])
    return malformed.spelled(text)[draw.choice(list(malformed.spelled("{}")))]


def json_text(draw: random.Random, text: str) -> bytes:
    """Wrong content of a JSON file whose right content is `text`."""
    if draw.random() < 0.25:
        return broken(draw, text).encode("utf-8", "surrogatepass")
    value = mutated(draw, json.loads(text))
    said = json.dumps(value, ensure_ascii=draw.random() < 0.5)
    return said.encode("utf-8", "surrogatepass")


# --- tables

TYPES = [pa.int8(), pa.int32(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(),
         pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.bool_(),
         pa.date32(), pa.timestamp("us"), pa.decimal128(38, 5), pa.null(),
         pa.list_(pa.float64()), pa.struct([("a", pa.int64())]),
         pa.dictionary(pa.int32(), pa.string()), pa.duration("s")]  # fmt: skip
VALUES = [None, 0, 1, -1, 0.5, 2**31, 2**32, 2**63 - 1, 1e300, -1e300, math.nan,
          math.inf, -math.inf, "x", "", "greedy", "1", True, False, b"x",
          [1.0]]  # fmt: skip


def _column(
    table: pa.Table, name: str, values: list[Any], kind: Any = None
) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, pa.array(values, kind))


def other_type(draw: random.Random, table: pa.Table) -> pa.Table:
    """A column as another type, with its values where these can be."""
    name, kind = draw.choice(table.column_names), draw.choice(TYPES)
    try:
        column = table[name].cast(kind, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        column = pa.nulls(len(table), kind)
    return table.set_column(table.schema.get_field_index(name), name, column)


def other_value(draw: random.Random, table: pa.Table) -> pa.Table:
    """One or several values of a column replaced."""
    name = draw.choice(table.column_names)
    values = table[name].to_pylist()
    for _ in range(draw.choice([1, 1, 3])):
        values[draw.randrange(len(values))] = draw.choice(VALUES)
    try:
        return _column(table, name, values, draw.choice([None, table[name].type]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return _column(table, name, [str(value) for value in values])


def other_rows(draw: random.Random, table: pa.Table) -> pa.Table:
    """Rows missing, twice, or in another order."""
    rows = list(range(len(table)))
    kind = draw.randrange(6)
    if kind == 0:
        rows.pop(draw.randrange(len(rows)))
    elif kind == 1:
        rows.insert(draw.randrange(len(rows)), draw.choice(rows))
    elif kind == 2:
        draw.shuffle(rows)
    elif kind == 3:
        rows = rows[: draw.randrange(len(rows))]
    elif kind == 4:
        rows = rows * draw.choice([2, 500])
    else:
        rows = draw.choices(rows, k=len(rows))
    return table.take(pa.array(rows, pa.int64()))


def other_columns(draw: random.Random, table: pa.Table) -> pa.Table:
    """A column missing, one too many, one of another name, or one twice."""
    name = draw.choice(table.column_names)
    place = table.schema.get_field_index(name)
    kind = draw.randrange(5)
    if kind == 0:
        return table.remove_column(place)
    if kind == 1:
        return table.append_column(name, table[name])
    new = draw.choice([*(t for t in TEXTS if "\ud800" not in t), "variant", "algorithm",
                       "family", "Seed", "seed "])  # fmt: skip
    if kind == 2:
        return table.append_column(new, pa.array([0.5] * len(table)))
    if kind == 3:
        names = [new if n == name else n for n in table.column_names]
        return table.rename_columns(names)
    order = draw.sample(table.column_names, len(table.column_names))
    return table.select(order)


def many(draw: random.Random, table: pa.Table) -> pa.Table:
    """Many more rows than there can be, or many columns."""
    if draw.random() < 0.5:
        return table.take(pa.array(np.zeros(draw.choice([50_000, 400_000]), np.int64)))
    extra = {f"m{i}": [0.0] * len(table) for i in range(draw.choice([20, 1500]))}
    for name, values in extra.items():
        table = table.append_column(name, pa.array(values))
    return table


CHANGES: list[Callable[[random.Random, pa.Table], pa.Table]] = [
    other_type, other_type, other_value, other_value, other_rows, other_rows,
    other_columns, many,
]  # fmt: skip


def table(draw: random.Random, right: pa.Table) -> pa.Table:
    """A table from a right one, with one or two changes of any kind."""
    for change in draw.sample(CHANGES, draw.choice([1, 1, 2])):
        names = right.column_names
        if len(right) and names and len(set(names)) == len(names):
            right = change(draw, right)
    return right


def options(draw: random.Random) -> dict[str, Any]:
    """How a table is written: what is in it stays the same."""
    return {
        "compression": draw.choice(["none", "snappy", "zstd", "gzip"]),
        "row_group_size": draw.choice([1, 7, 1_000_000]),
        "use_dictionary": draw.choice([True, False]),
        "version": draw.choice(["1.0", "2.6"]),
        "data_page_version": draw.choice(["1.0", "2.0"]),
    }
