"""Final score against budget."""

import functools
from collections.abc import Callable

import pandas as pd

from pages import ROOT, words
from pages.headline import title
from pgvq.analysis import budget_curve
from pgvq.results.store import Results, load

FOLDER = ROOT / "results" / "budgets"
COMMAND = "pgvq run experiments/budgets.py"


@functools.cache
def parts() -> tuple[Results, ...]:
    """The measured budgets, the smallest first."""
    found = [load(p) for p in sorted(FOLDER.iterdir()) if words.is_measured(p)]
    return tuple(sorted(found, key=lambda r: r.description["budget_agent_steps"]))


@functools.cache
def table() -> pd.DataFrame:
    """A row per budget and learner."""
    return budget_curve.budget_table(parts())


def scores_table() -> str:
    """A row per learner, a column per budget."""
    frame = table()
    budgets = sorted(set(frame.budget))
    rows = []
    for variant, own in frame.groupby("variant", sort=False):
        by_budget = own.set_index("budget")
        rows.append(
            [
                title(str(variant)),
                *(
                    words.with_interval(
                        *by_budget.loc[b, ["score", "score_low", "score_high"]]
                    )
                    for b in budgets
                ),
            ]
        )
    return words.table(["", *map(words.steps, budgets)], rows)


def sentences() -> str:
    """Who ends highest on which budget."""
    text = " ".join(budget_curve.sentences(table()))
    for name in sorted(set(table().variant), key=len, reverse=True):
        text = text.replace(name, title(name))
    return text + "\n"


def figure() -> str:
    """The curve as a picture."""
    return (
        "![Final score against budget, each point runs of its own]"
        "(../results/budgets/budgets.png)\n"
    )


def _once_measured(text: Callable[[], str]) -> Callable[[], str]:
    missing = f"*Not measured yet: `{COMMAND}`.*\n"
    return lambda: text() if FOLDER.is_dir() and len(parts()) > 1 else missing


BLOCKS = {
    "budgets, scores": _once_measured(scores_table),
    "budgets, sentences": _once_measured(sentences),
    "budgets, figure": _once_measured(figure),
}
