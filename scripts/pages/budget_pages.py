"""Final score against budget."""

import functools
from collections.abc import Callable

import pandas as pd

from pages import ROOT, words
from pages.headline import title
from pgvq.analysis import budget_curve
from pgvq.analysis.rungs import HIGHER, LOWER
from pgvq.results.store import Results, load

FOLDER = ROOT / "results" / "budgets"
COMMAND = "pgvq run experiments/budgets.py"


@functools.cache
def parts() -> tuple[Results, ...]:
    """The measured budgets, the smallest first."""
    found = [load(p) for p in sorted(FOLDER.glob("*/")) if words.is_measured(p)]
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


def families(budget: float = 1e6) -> str:
    """The best learner of each family on the budget that all were tuned for."""
    rows = table().set_index("budget").loc[[budget]]
    best = {
        family: rows[rows.family == family].sort_values("score").iloc[-1]
        for family in ("policy gradient", "Q-learning")
    }
    names = {family: str(row.variant) for family, row in best.items()}
    pairs = budget_curve.pairs(parts())
    both = pairs.a.isin(names.values()) & pairs.b.isin(names.values())
    apart = pairs[both & (pairs.budget == budget)].iloc[0]
    found = {
        family: f"{title(names[family])} ({words.with_interval(*ends)})"
        for family, row in best.items()
        if (ends := (row.score, row.score_low, row.score_high))
    }
    number = f"{apart.difference:.1f} [{apart.low:.1f}, {apart.high:.1f}] points"
    higher, lower = title(apart.a), title(apart.b)
    if apart.verdict == HIGHER:
        said = f"{higher} ends higher, by {number}"
    elif str(apart.verdict).startswith("equal"):
        said = f"they are shown to end {apart.verdict} point ({number})"
    else:
        said = f"no difference is shown ({higher} less {lower}: {number})"
    return (
        f"Of {len(rows)} learners, each tuned with the same effort for "
        f"{words.steps(budget)} agent steps, the best policy gradient is "
        f"{found['policy gradient']} and the best Q-learning method "
        f"{found['Q-learning']}: {said}.\n"
    )


def every_budget() -> str:
    """Whether one family ends above all of the other on every budget."""
    frame = table()
    best = frame[frame.verdict == "highest"]
    budgets = words.listed([words.steps(b) for b in sorted(set(frame.budget))])
    if len(best) < frame.budget.nunique() or best.family.nunique() > 1:
        return ""
    family = best.family.iloc[0]
    others = frame[frame.family != family]
    rivals = {"Q-learning": "policy gradient", "policy gradient": "Q-learning method"}
    methods = {
        "Q-learning": "a Q-learning method",
        "policy gradient": "a policy gradient",
    }
    if not (others.verdict == LOWER).all():
        return (
            f"On each budget ({budgets}) {methods[family]} scores highest; it is not "
            f"shown each time to be above every {rivals[family]}.\n"
        )
    return (
        f"On each budget ({budgets} agent steps, runs of its own) {methods[family]} "
        f"ends above every {rivals[family]}: "
        + words.listed(
            [
                f"{title(row.variant)} with {words.steps(row.budget)}"
                for row in best.itertuples()
            ]
        )
        + ".\n"
    )


def answer() -> str:
    """The best learner of each family, and whether that holds on every budget."""
    return f"{families().strip()} {every_budget()}"


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
    "budgets, families": _once_measured(answer),
    "budgets, figure": _once_measured(figure),
}
