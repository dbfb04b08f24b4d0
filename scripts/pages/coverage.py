"""Tables of docs/statistics.md, from what benchmarks/coverage.py simulated."""

import functools
import json
from typing import Any

from pages import ROOT, words

PLACE = ROOT / "results" / "benchmarks" / "coverage.json"
LEVEL = 0.05
LEAST, MOST = 0.93, 0.97  # what a nominal 95 % interval should cover
TABLES = {
    "mean": "interquartile mean",
    "few runs": "interquartile mean",
    "difference": "difference of two interquartile means",
    "probability": "probability of improvement",
    "time": "time to a threshold",
    "false differences": "any false difference among three methods",
    "false equality": "false equality of two methods",
}


@functools.cache
def measured() -> dict[str, Any]:
    """What the simulation wrote."""
    return json.loads(PLACE.read_text(encoding="utf-8"))


def repetitions() -> str:
    """How often each cell was simulated."""
    return (
        f"Every cell comes from {measured()['repetitions']:,} simulated experiments.\n"
    )


def table(name: str) -> str:
    """One table, a row per population and a column per number of runs."""
    cells = [cell for cell in measured()["cells"] if cell["table"] == name]
    counts = sorted({cell["runs"] for cell in cells})
    shares = {(cell["row"], cell["runs"]): cell["share"] for cell in cells}
    head = [f"{TABLES[name]}, %", *(f"{count} runs" for count in counts)]
    rows = [
        [row, *(marked(name, shares[row, count]) for count in counts)]
        for row in dict.fromkeys(cell["row"] for cell in cells)
    ]
    return words.table(head, rows)


def marked(name: str, share: float) -> str:
    """A share in per cent, in bold where it is not as promised."""
    kept = share <= LEVEL if name.startswith("false") else LEAST <= share <= MOST
    return f"{100 * share:.1f}" if kept else f"**{100 * share:.1f}**"


BLOCKS = {f"coverage - {name}": functools.partial(table, name) for name in TABLES}
BLOCKS |= {"coverage - repetitions": repetitions}
