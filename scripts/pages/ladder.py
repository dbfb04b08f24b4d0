"""The ladder's rungs and what each change does."""

import functools

import pandas as pd

from pages import ROOT, words
from pages.headline import both_modes_table, results
from pgvq.analysis.rungs import conclusion, rung_table


@functools.cache
def rungs(folder: str) -> pd.DataFrame:
    """A row for each rung and parent of it."""
    return rung_table(results(folder))


def untuned_table() -> str:
    """Every change, and what it does to the final score of its parent."""
    rows = []
    for row in rungs("ladder/untuned").itertuples():
        score = words.with_interval(row.score, row.score_low, row.score_high)
        if not row.parent:
            rows.append([row.rung, "", "", score, "", ""])
            continue
        difference = words.with_interval(
            row.difference, row.difference_low, row.difference_high
        )
        rows.append([row.rung, row.parent, row.change, score, difference, row.verdict])
    head = ["rung", "parent", "the change", "score", "difference to the parent", ""]
    return words.table(head, rows)


def untuned_conclusion() -> str:
    """How many changes matter, and which one most."""
    table = rungs("ladder/untuned")
    seeds = int(table["runs"].min())
    budget = words.steps(results("ladder/untuned").description["budget_agent_steps"])
    return (
        f"{conclusion(table)} ({budget} agent steps, {seeds} seeds of each rung, all "
        "settings that a rung and its parent share held equal; adjusted for the number "
        "of changes.)\n"
    )


UNTUNED = (ROOT / "results" / "ladder" / "untuned", "pgvq run experiments/ladder.py")
FIGURE = "![What each change of the ladder does](results/ladder/untuned/ladder.png)\n"
BLOCKS = {
    "ladder, conclusion and figure": words.once_measured(
        *UNTUNED, lambda: f"{untuned_conclusion()}\n{FIGURE}"
    ),
    "ladder, untuned": words.once_measured(*UNTUNED, untuned_table),
    "ladder, conclusion": words.once_measured(*UNTUNED, untuned_conclusion),
    "memory table": lambda: both_modes_table("ladder/hidden", 0),
}
