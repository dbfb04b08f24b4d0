"""Sentences that compare learners, each with its uncertainty."""

import functools

import pandas as pd

from pages import words
from pages.headline import results, summary, title
from pgvq.analysis.comparisons import A_HIGHER, B_HIGHER, NOT_SHOWN
from pgvq.analysis.summary import comparisons


@functools.cache
def compared(folder: str) -> pd.DataFrame:
    """A row per pair of variants, the one with the higher score as `a`."""
    frame = comparisons(results(folder))
    turned = frame["difference"] < 0
    low, high = frame["difference_low"].copy(), frame["difference_high"].copy()
    frame.loc[turned, ["a", "b"]] = frame.loc[turned, ["b", "a"]].to_numpy()
    frame.loc[turned, "difference"] *= -1
    frame.loc[turned, "difference_low"] = -high[turned]
    frame.loc[turned, "difference_high"] = -low[turned]
    opposite = {A_HIGHER: B_HIGHER, B_HIGHER: A_HIGHER}
    frame.loc[turned, "verdict"] = frame.loc[turned, "verdict"].replace(opposite)
    return frame


def pair(folder: str, a: str, b: str) -> pd.Series:
    """The row of two variants, whichever of them scores higher."""
    frame = compared(folder)
    either = frame["a"].isin([a, b]) & frame["b"].isin([a, b])
    return frame.loc[either].iloc[0]


def by(row: pd.Series) -> str:
    """A difference and its interval, "3.1 [1.0, 5.2] points"."""
    numbers = (row.difference, row.difference_low, row.difference_high)
    return "{:.1f} [{:.1f}, {:.1f}] points".format(*numbers)


def sentence(row: pd.Series) -> str:
    """What is known of one pair, without a full stop."""
    a, b = title(row.a), title(row.b)
    if row.verdict == A_HIGHER:
        return f"{a} ends higher than {b}, by {by(row)}"
    if row.verdict == NOT_SHOWN:
        return f"no difference between {a} and {b} is shown ({by(row)})"
    if str(row.verdict).startswith("equal"):
        return f"{a} and {b} are shown to end {row.verdict} point ({by(row)})"
    return f"{a} and {b} are not compared ({row.verdict})"


def all_pairs(folder: str) -> str:
    """Every pair in a sentence, the highest learners first."""
    order = list(summary(folder).score.sort_values(ascending=False).index)
    lines = [
        sentence(pair(folder, a, b))
        for i, a in enumerate(order)
        for b in order[i + 1 :]
    ]
    joined = "; ".join(lines)
    return f"{joined[:1].upper()}{joined[1:]}."


def answer(folder: str) -> str:
    """Which learners end highest at equal steps, and what their steps cost."""
    rows = summary(folder).sort_values("score", ascending=False)
    best, *others = rows.index
    beaten = [o for o in others if pair(folder, best, o).verdict == A_HIGHER]
    known = {name: pair(folder, best, name) for name in others}
    budget = words.steps(results(folder).description["budget_agent_steps"])
    seeds = int(rows.finished.min())
    score = words.with_interval(*rows.loc[best, ["score", "score_low", "score_high"]])
    if len(beaten) == len(others):
        parts = [f"{by(known[name])} above {title(name)}" for name in others]
        first = (
            f"At equal agent steps ({budget}, {seeds} seeds of each) **{title(best)} "
            f"ends highest**, {score}: {words.listed(parts)}."
        )
    else:
        rest = [sentence(known[name]) for name in others if name not in beaten]
        first = (
            f"At equal agent steps ({budget}, {seeds} seeds of each) **no single "
            f"learner is shown to end highest**: {title(best)} scores {score}, and "
            f"{'; '.join(rest)}"
            + "".join(f"; {sentence(known[name])}" for name in beaten)
            + "."
        )
    rate = rows.steps_per_second
    slow, *quick = rate.sort_values().index
    ratios = [
        f"{title(name)}{' takes' * (not i)} {rate[name] / rate[slow]:.1f}"
        for i, name in enumerate(reversed(quick))
    ]
    return (
        f"{first} Per second of training {words.listed(ratios)} times as many agent "
        f"steps as {title(slow)}.\n"
    )


BLOCKS = {
    "headline answer": lambda: answer("pong"),
    "headline verdicts": lambda: all_pairs("pong"),
    "long verdicts": lambda: all_pairs("pong_long"),
}
