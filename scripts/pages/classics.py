"""Scores on the five classic games."""

import math
from typing import Any

from pages import words
from pages.headline import summary, title

GAMES = {
    "cartpole": ("CartPole", 0),
    "acrobot": ("Acrobot", 0),
    "catch": ("Catch", 2),
    "deep_sea": ("Deep Sea", 2),
    "breakout": ("Breakout (MinAtar)", 1),
}


def one_configuration() -> str:
    """One row per learner: the same configuration in all games."""
    return _scores("classic")


def _scores(folder: str) -> str:
    tables = {game: summary(f"{folder}/{game}") for game in GAMES}
    names = list(dict.fromkeys(name for t in tables.values() for name in t.index))
    rows = [
        [
            title(name),
            *(
                _score(table.loc[name], GAMES[game][1]) if name in table.index else "-"
                for game, table in tables.items()
            ),
        ]
        for name in names
    ]
    return words.table(["", *(game for game, _ in GAMES.values())], rows)


def _score(row: Any, digits: int) -> str:
    """A score and its interval; where runs are equal there is none."""
    value = f"{row.score:.{digits}f}"
    low, high = (
        "?" if math.isnan(x) else f"{x:.{digits}f}"
        for x in (row.score_low, row.score_high)
    )
    return value if low == high == "?" else f"{value} [{low}, {high}]"


def solved() -> str:
    """Who reaches what counts as solved on CartPole and Acrobot, and who does not."""
    parts = []
    for game, bar in (("cartpole", 475), ("acrobot", -100)):
        scores = summary(f"classic/{game}").score
        there = [title(name) for name in scores.index[scores >= bar]]
        short = [title(name) for name in scores.index[scores < bar]]
        parts.append(
            f"{GAMES[game][0]} ({bar} and more) is solved by {words.listed(there)}"
            + (f", not by {words.listed(short)}" if short else "")
        )
    return f"{'; '.join(parts)}. Without an interval: all that is averaged is equal.\n"


BLOCKS = {
    "classics, one configuration": one_configuration,
    "classics, solved": solved,
}
