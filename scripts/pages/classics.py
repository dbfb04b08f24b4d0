"""Scores on the five classic games."""

import math
from typing import Any

from pages import ROOT, words
from pages.headline import summary, title

GAMES = {
    "cartpole": ("CartPole", 0),
    "acrobot": ("Acrobot", 0),
    "catch": ("Catch", 2),
    "deep_sea": ("Deep Sea", 2),
    "breakout": ("Breakout (MinAtar)", 1),
}


SOLVED = {"cartpole": 475, "acrobot": -100}


def one_configuration() -> str:
    """One row per learner: the same configuration in all games."""
    return _scores({game: f"classic/{game}" for game in GAMES})


def tuned() -> str:
    """One row per learner, tuned for each game that has such results."""
    return _scores(_tuned_folders())


def _tuned_folders() -> dict[str, str]:
    folders = {game: f"classic/{game}_tuned" for game in GAMES}
    return {g: f for g, f in folders.items() if words.is_measured(ROOT / "results" / f)}


def _scores(folders: dict[str, str]) -> str:
    tables = {game: summary(folder) for game, folder in folders.items()}
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
    return words.table(["", *(GAMES[game][0] for game in tables)], rows)


def _score(row: Any, digits: int) -> str:
    """A score and its interval; where runs are equal there is none."""
    value = f"{row.score:.{digits}f}"
    low, high = (
        "?" if math.isnan(x) else f"{x:.{digits}f}"
        for x in (row.score_low, row.score_high)
    )
    return value if low == high == "?" else f"{value} [{low}, {high}]"


def solved() -> str:
    """Who solves CartPole and Acrobot with one configuration, and who does not."""
    return _solved({game: f"classic/{game}" for game in GAMES})


def solved_tuned() -> str:
    """Who solves CartPole and Acrobot when tuned for it, and who does not."""
    return _solved(_tuned_folders())


def _solved(folders: dict[str, str]) -> str:
    parts = []
    for game, bar in SOLVED.items():
        if game not in folders:
            continue
        scores = summary(folders[game]).score
        there = [title(name) for name in scores.index[scores >= bar]]
        short = [title(name) for name in scores.index[scores < bar]]
        parts.append(
            f"{GAMES[game][0]} ({bar} and more) is solved by "
            + (words.listed(there) or "none")
            + (f", not by {words.listed(short)}" if short else "")
        )
    return f"{'; '.join(parts)}. Without an interval: all that is averaged is equal.\n"


_ANY = ROOT / "results" / "classic" / "cartpole_tuned"
_COMMAND = (
    "pgvq run experiments/classic.py` after `pgvq tune experiments/tune_classic.py"
)

BLOCKS = {
    "classics, one configuration": one_configuration,
    "classics, solved": solved,
    "classics, tuned": words.once_measured(_ANY, _COMMAND, tuned),
    "classics, tuned, solved": words.once_measured(_ANY, _COMMAND, solved_tuned),
}
