"""What each change of a ladder does: a rung's score, less its parent's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgvq.analysis.two_methods import HIGHER, LOWER, NOT_SHOWN, difference
from pgvq.curves import curves
from pgvq.results import Results
from pgvq.statistics import estimate
from pgvq.types import InputError

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
    `mode`, `runs` (finished), `score` with the ends of its interval, `difference` to
    the parent's score with its ends, the `verdict`, and all of it as a `sentence`.

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
        rows += [own | _compared(step, runs) for step in ways] or [own | _nothing()]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _nothing() -> dict[str, Any]:
    """Of the rung that a ladder begins with."""
    numbers = dict.fromkeys(("difference", "difference_low", "difference_high"), np.nan)
    return {"parent": "", "change": "", "verdict": "", "sentence": "", **numbers}


def _compared(
    step: Mapping[str, Any], runs: Mapping[str, NDArray[np.float64]]
) -> dict[str, Any]:
    """One step of the ladder: what it changes, and what came of it."""
    found = difference(runs[step["rung"]], runs[step["parent"]])
    interval = (
        f" [{found.low:+.1f}, {found.high:+.1f}]" if np.isfinite(found.low) else ""
    )
    amount = "not known yet" if np.isnan(found.value) else f"{found.value:+.1f}"
    return {
        "parent": step["parent"],
        "change": step["words"],
        "difference": found.value,
        "difference_low": found.low,
        "difference_high": found.high,
        "verdict": found.verdict,
        "sentence": f"{step['rung']} after {step['parent']} ({step['words']}): "
        f"{amount}{interval}: {found.verdict}.",
    }


def conclusion(table: pd.DataFrame) -> str:
    """What the table of a ladder says, in a few sentences: how many changes matter."""
    steps = table.loc[table["parent"] != ""]
    decided = steps.loc[steps["verdict"].isin([HIGHER, LOWER, NOT_SHOWN])]
    if decided.empty:
        return "Too few runs have finished to say what any change does."
    count = decided["verdict"].value_counts()
    said = (
        f"Of {len(decided)} changes {count.get(HIGHER, 0)} raise the final score, "
        f"{count.get(LOWER, 0)} lower it, and for {count.get(NOT_SHOWN, 0)} no "
        "difference is shown"
    )
    if open_ := len(steps) - len(decided):
        said += f" ({open_} have too few runs)"
    said += "."
    for words, verdict in (("The largest rise", HIGHER), ("The largest fall", LOWER)):
        part = decided.loc[decided["verdict"] == verdict]
        if len(part):
            row = part.loc[part["difference"].abs().idxmax()]
            said += f" {words}: {_change(row)}."
    return said


def _change(row: Any) -> str:
    interval = f"[{row['difference_low']:+.1f}, {row['difference_high']:+.1f}]"
    return f"{row['rung']} ({row['change']}): {row['difference']:+.1f} {interval}"
