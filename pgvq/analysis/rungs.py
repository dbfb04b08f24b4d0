"""What each change of a ladder does: a rung's score, less its parent's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgvq.analysis.comparisons import (
    A_HIGHER,
    B_HIGHER,
    NOT_SHOWN,
    TOO_FEW,
    compare,
    equal_within,
)
from pgvq.analysis.curves import curves
from pgvq.analysis.statistics import estimate, interquartile_mean
from pgvq.experiments.score_meaning import MARGIN, margin_in, score_of_variant
from pgvq.results.store import Results
from pgvq.types import InputError

HIGHER, LOWER, EQUAL = "higher", "lower", equal_within(MARGIN)
NEITHER = "neither learnt"  # both play like random play, which says nothing
AT_RANDOM = 1.0  # points above random play that still count as it
# What a comparison of a rung with its parent is called.
_VERDICTS = {A_HIGHER: HIGHER, B_HIGHER: LOWER}
COLUMNS = {
    "rung": "str",
    "parent": "str",
    "change": "str",
    "mode": "str",
    "runs": "int64",
    "score": "float64",
    "score_low": "float64",
    "score_high": "float64",
    "difference": "float64",
    "difference_low": "float64",
    "difference_high": "float64",
    "verdict": "str",
    "sentence": "str",
}


def has_ladder(results: Results) -> bool:
    """Whether the variants are rungs of a ladder."""
    return bool(results.description.get("ladder"))


def ways_of(results: Results) -> list[tuple[str, str]]:
    """Rung and parent of every step of a ladder; none where it is not one."""
    described = results.description.get("ladder") or {}
    return [_way(step) for step in described.get("steps", [])]


def final_runs(results: Results, mode: str) -> dict[str, NDArray[np.float64]]:
    """The final score of each finished run, `[S]`, by variant."""
    found = {}
    for variant in results.description["variants"]:
        curve = curves(results, variant, mode)
        found[variant["name"]] = curve.scores[curve.finished][:, -1:].ravel()
    return found


def rung_table(results: Results, mode: str = "greedy") -> pd.DataFrame:
    """A row for each rung and parent of it, in the order of the variants.

    Columns: `rung`, `parent` ("" for the rung that has none), `change` in words,
    `mode`, `runs` (finished), `score` with the ends of its interval (as `estimate`
    has them), `difference` to the parent's score with its own, the `verdict`, which is
    adjusted for the number of changes (`compare`), and all of it as a `sentence`. A
    rung and a parent that both play like random play are not called equal: "neither
    learnt".

    Raises `InputError` where the results are not of a ladder, and for a mode that was
    not evaluated.
    """
    if not has_ladder(results):
        raise InputError(
            "these results are not of a ladder; give algorithms=Ladder(...) to the "
            "experiment"
        )
    runs = final_runs(results, mode)
    steps = results.description["ladder"]["steps"]
    pairs = [(step["rung"], step["parent"]) for step in steps]
    compared = compare(runs, pairs, margin=margin_in(results.description))
    found = dict(zip(map(_way, steps), compared.to_dict("records"), strict=True))
    bars = {
        v["name"]: score_of_variant(results.description, v).get("random")
        for v in results.description["variants"]
    }
    idle = {
        name
        for name, scores in runs.items()
        if (bar := bars[name]) is not None
        and interquartile_mean(scores) <= bar + AT_RANDOM
    }
    for (rung, parent), row in found.items():
        if {rung, parent} <= idle and row["verdict"] != TOO_FEW:
            row["verdict"] = NEITHER
    rows = []
    for name, scores in runs.items():
        ways = [step for step in steps if step["rung"] == name]
        known = estimate(scores)
        own = {
            "rung": name,
            "mode": mode,
            "runs": len(scores),
            "score": float(known.value),
            "score_low": float(known.low),
            "score_high": float(known.high),
        }
        said = [own | _compared(step, found[_way(step)], len(steps)) for step in ways]
        rows += said or [own | _nothing()]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _way(step: Mapping[str, Any]) -> tuple[str, str]:
    return step["rung"], step["parent"]


def _nothing() -> dict[str, Any]:
    """Of the rung that a ladder begins with."""
    numbers = dict.fromkeys(("difference", "difference_low", "difference_high"), np.nan)
    return {"parent": "", "change": "", "verdict": "", "sentence": "", **numbers}


def _compared(
    step: Mapping[str, Any], found: Mapping[str, Any], comparisons: int
) -> dict[str, Any]:
    """One step of the ladder: what it changes, and what came of it."""
    ends = found["difference_low"], found["difference_high"]
    interval = f" [{ends[0]:+.1f}, {ends[1]:+.1f}]" if np.isfinite(ends).all() else ""
    value, verdict = found["difference"], found["verdict"]
    verdict = _VERDICTS.get(verdict, verdict)
    # One interval of many may leave 0 out by chance.
    by_itself = ends[0] > 0 or ends[1] < 0
    among = f" among {comparisons} comparisons" if by_itself else ""
    among = among if verdict == NOT_SHOWN else ""
    amount = "not known yet" if np.isnan(value) else f"{value:+.1f}"
    return {
        "parent": step["parent"],
        "change": step["words"],
        "difference": value,
        "difference_low": ends[0],
        "difference_high": ends[1],
        "verdict": verdict,
        "sentence": f"{step['rung']} after {step['parent']} ({step['words']}): "
        f"{amount}{interval}: {verdict}{among}.",
    }


def conclusion(table: pd.DataFrame) -> str:
    """What the table of a ladder says, in a few sentences: how many changes matter."""
    steps = table.loc[table["parent"] != ""]
    decided = steps.loc[steps["verdict"] != TOO_FEW]
    if decided.empty:
        return "Too few runs have finished to say what any change does."
    count = decided["verdict"].value_counts()
    equal = f"{n} leave it {EQUAL}, " if (n := count.get(EQUAL, 0)) else ""
    said = (
        f"Of {len(decided)} changes {count.get(HIGHER, 0)} raise the final score, "
        f"{count.get(LOWER, 0)} lower it, {equal}and for {count.get(NOT_SHOWN, 0)} no "
        "difference is shown"
    )
    if idle := count.get(NEITHER, 0):
        said += f"; for {idle} neither the rung nor its parent learnt anything"
    if open_ := len(steps) - len(decided):
        said += f" ({open_} have too few runs)"
    said += "."
    for words, verdict in (("The largest rise", HIGHER), ("The largest fall", LOWER)):
        part = decided.loc[decided["verdict"] == verdict]
        if len(part):
            row = part.loc[part["difference"].abs().idxmax()]
            said += f" {words}: {_change(row)}."
    return said


def agreement(tables: Mapping[str, pd.DataFrame]) -> str:
    """Which changes do the same in every table of one ladder, in a sentence or two."""
    ways: list[dict[tuple[str, str], str]] = [
        dict(zip(zip(t["rung"], t["parent"], strict=True), t["verdict"], strict=True))
        for t in tables.values()
    ]
    same = {
        verdict: [
            f"{rung} (from {parent})"
            for rung, parent in ways[0]
            if parent and all(way.get((rung, parent)) == verdict for way in ways)
        ]
        for verdict in (HIGHER, LOWER)
    }
    names = " and ".join(tables)
    if not any(same.values()):
        return f"No change is shown to do the same in {names}."
    parts = [
        f"{word} by {', '.join(same[verdict])}"
        for verdict, word in ((HIGHER, "raised"), (LOWER, "lowered"))
        if same[verdict]
    ]
    return f"In {names} alike the final score is {' and '.join(parts)}."


def _change(row: Any) -> str:
    interval = f"[{row['difference_low']:+.1f}, {row['difference_high']:+.1f}]"
    return f"{row['rung']} ({row['change']}): {row['difference']:+.1f} {interval}"
