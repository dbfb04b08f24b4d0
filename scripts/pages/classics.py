"""Scores on the five classic games."""

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
    numbers = (f"{x:.{digits}f}" for x in (row.score, row.score_low, row.score_high))
    return "{} [{}, {}]".format(*numbers)


BLOCKS = {"classics, one configuration": one_configuration}
