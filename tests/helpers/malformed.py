"""Contents of results folders that no pgvq wrote: damaged, mistaken or hostile."""

import copy
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pgvq.results import store as results
from tests.helpers.synthetic_results import description, evaluations, sessions, training

VARIANTS = {"dqn": "DQN"}
DEEP = "[" * 100_000 + "]" * 100_000
ABSURD = [
    None,
    True,
    5,
    -1,
    0.5,
    10**400,
    "x",
    "",
    "x" * 200_000,
    [],
    [5],
    [None],
    {},
    {"x": None},
    "\x1b[2J",
]


def written(folder):
    """A right results folder of one variant."""
    results.create(folder, description(VARIANTS) | {"source": {"text": "x = 1"}})
    table = evaluations(np.arange(2 * 6 * 3.0).reshape(2, 6, 3))
    results.write_table(folder, "dqn", "evaluations", table)
    results.write_table(folder, "dqn", "training", training(table))
    results.add_session(folder, "dqn", sessions(VARIANTS)["dqn"][0])
    return folder


def places(value, path=()):
    """Every place within a JSON value, the outermost first."""
    yield path
    below = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, part in below:
        yield from places(part, (*path, name))


def replaced(value, path, new):
    """A copy of a JSON value with another one at a place."""
    if not path:
        return new
    value = copy.deepcopy(value)
    inner = value
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = new
    return value


def absurd_values(value, path=()):
    """Texts of JSON with each place's value replaced by each absurd one."""
    for place in places(value):
        for new in ABSURD:
            yield json.dumps(replaced(value, place, new))


def _with_more(text, part):
    """A JSON list or object with one more part."""
    inside, end = text.rstrip()[:-1], text.rstrip()[-1]
    return inside + (f', "z": {part}' if end == "}" else f", {part}") + end


def spelled(text):
    """Texts that are wrong as JSON, made of right ones."""
    return {
        "deep": DEEP,
        "deep within": text.replace('"x = 1"', DEEP).replace('"dqn"', DEEP, 1),
        "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
        "rather deep": _with_more(text, "[" * 900 + "]" * 900),
        "infinite": text.replace("21.0", "1e999").replace("10.0", "1e999"),
        "NaN": text.replace("0.0", "NaN").replace("10.0", "NaN"),
        "Infinity": text.replace("21.0", "Infinity").replace("10.0", "-Infinity"),
        "digits": text.replace("1000000", "9" * 400).replace("5000000", "9" * 400),
        "more digits": text.replace("1000000", "9" * 5000).replace(
            "[0", "[" + "9" * 5000
        ),
        "twice": text.replace("{", '{"name": "a", "name": "b", ', 1),
        "surrogate": text.replace("made-up", "\\ud800").replace("2026", "\\ud800"),
        "not text": text.replace("e", "\udcff", 1),
        "cut": text[: len(text) // 2],
        "empty": "",
        "nul": text.replace(" ", "\0", 1),
        "list": "[null]",
        "number": "5",
        "many": "[" + "0," * 3_000_000 + "0]",
    }


GOOD = evaluations(np.arange(2 * 6 * 3.0).reshape(2, 6, 3)).reset_index(drop=True)


def column(name, values, kind=None):
    """The evaluations with another column, as an Arrow table."""
    table = pa.Table.from_pandas(GOOD, preserve_index=False)
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, pa.array(values, kind))


def _first(name, value):
    values = GOOD[name].tolist()
    values[0] = value
    return values


def tables():
    """Arrow tables that are no evaluations, by what is wrong with them."""
    rows = len(GOOD)
    whole = pa.Table.from_pandas(GOOD, preserve_index=False)
    game = whole.schema.get_field_index("game")
    return {
        "seed 0.5": column("seed", _first("seed", 0.5)),
        "seed 2**32": column("seed", _first("seed", 2**32)),
        "seed -1": column("seed", _first("seed", -1)),
        "seed null": column("seed", _first("seed", None), pa.int64()),
        "seed NaN": column("seed", _first("seed", math.nan), pa.float64()),
        "seed text": column("seed", [str(s) for s in GOOD["seed"]]),
        "seed bool": column("seed", [bool(s) for s in GOOD["seed"]]),
        "seed date": column("seed", GOOD["seed"].tolist(), pa.date32()),
        "steps -5": column("agent_steps", _first("agent_steps", -5)),
        "steps 1e300": column("agent_steps", _first("agent_steps", 1e300)),
        "steps unsigned": column(
            "agent_steps", _first("agent_steps", 2**63), pa.uint64()
        ),
        "steps inf": column(
            "agent_steps", _first("agent_steps", math.inf), pa.float64()
        ),
        "truncated text": column("truncated", ["False"] * rows),
        "truncated 2": column("truncated", [2] * rows),
        "truncated 1": column("truncated", [1] * rows),
        "truncated null": column("truncated", _first("truncated", None)),
        "score text": column("score", [str(s) for s in GOOD["score"]]),
        "score 1e300": column("score", _first("score", 1e300)),
        "score 0.1": column("score", _first("score", 0.1)),
        "score list": column("score", [[1.0]] * rows),
        "mode unknown": column("mode", _first("mode", "best")),
        "mode null": column("mode", _first("mode", None)),
        "mode number": column("mode", list(range(rows))),
        "mode long": column("mode", _first("mode", "x" * 10_000_000)),
        "seconds -1": column("train_seconds", _first("train_seconds", -1.0)),
        "seconds inf": column("train_seconds", _first("train_seconds", math.inf)),
        "length 3e9": column("length", _first("length", 3_000_000_000)),
        "length 0.5": column("length", _first("length", 0.5)),
        "game same": column("game", [0] * rows),
        "a column twice": whole.append_column("seed", whole["seed"]),
        "a column too many": whole.append_column("more", whole["score"]),
        "a column too few": whole.remove_column(game),
        "no columns": pa.table({}),
        "rows twice": pa.concat_tables([whole, whole]),
        "seeds like sand": pa.table(
            {
                name: pa.array(
                    np.arange(300_000) if name == "game" else [kind] * 300_000
                )
                for name, kind in GOOD.iloc[0].items()
            }
        ),
    }


def huge(path, rows=20_000_000):
    """A small file that declares many rows, all alike, a column at a time."""
    first = GOOD.iloc[0]
    schema = pa.Table.from_pandas(GOOD, preserve_index=False).schema
    at_once = 1_000_000
    part = pa.table(
        {
            name: pa.array([first[name]] * at_once, schema.field(name).type)
            for name in schema.names
        }
    )
    with pq.ParquetWriter(path, part.schema, compression="zstd") as writer:
        for _ in range(rows // at_once):
            writer.write_table(part)
