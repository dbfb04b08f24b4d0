"""The comparison of the README's first screen, and the longer one."""

import functools
from typing import Any

import pandas as pd

from pages import ROOT, words
from pgvq.analysis.statistics import RANGE
from pgvq.analysis.summary import summarise
from pgvq.results.store import Results, load

TITLES = {"reinforce": "REINFORCE", "actor_critic": "actor-critic", "dqn": "DQN"}
TITLES |= {"ppo": "PPO", "pqn": "PQN", "sac": "SAC"}


@functools.cache
def results(folder: str) -> Results:
    """The committed results in `results/FOLDER`."""
    return load(ROOT / "results" / folder)


@functools.cache
def summary(folder: str, mode: str = "greedy") -> pd.DataFrame:
    """One row per variant, by its name."""
    return summarise(results(folder), mode).set_index("variant")


def title(variant: str) -> str:
    """A learner's name as people write it."""
    return TITLES.get(variant, variant)


def scored(row: Any, digits: int = 1) -> str:
    """The score of a row of a summary, with its interval."""
    return words.with_interval(row.score, row.score_low, row.score_high, digits)


def seeds_and_steps(folder: str) -> str:
    """How many seeds of how many agent steps, "Ten seeds, 3M agent steps"."""
    seeds = sorted(set(summary(folder).finished))
    budget = results(folder).description["budget_agent_steps"]
    many = " to ".join(map(str, dict.fromkeys([seeds[0], seeds[-1]])))
    return f"{many} seeds of each, {words.steps(budget)} agent steps"


def headline_table() -> str:
    """Score, time to parity and cost of the three."""
    rows = [
        [
            title(row.Index),
            scored(row),
            words.steps(row.steps_to_0),
            words.seconds(row.train_seconds),
            words.steps(row.steps_per_second),
        ]
        for row in summary("pong").itertuples()
    ]
    head = ["", "score, 95 % interval", "agent steps to 0 for good"]
    return words.table([*head, "training, all seeds", "agent steps/s"], rows)


def both_modes_table(folder: str, threshold: int) -> str:
    """Scores in both modes, and agent steps from which on a threshold is kept."""
    explore = summary(folder, "explore")
    table = summary(folder)
    rows = []
    for name in table.index:
        row = table.loc[name]
        reached = f"{row[f'reached_{threshold}']} of {row.seeds}"
        rows.append(
            [
                title(name),
                scored(row),
                scored(explore.loc[name]),
                f"{words.steps(row[f'steps_to_{threshold}'])} ({reached})",
                words.seconds(row.train_seconds),
            ]
        )
    few = set(table.score_interval) == {RANGE}
    kind = "range of the runs" if few else "95 % interval"
    to = f"agent steps to {threshold:+d} for good".replace("+0", "0")
    head = ["", f"score, {kind}", "with exploration", to, "training, all seeds"]
    return words.table(head, rows)


def evaluation_shares() -> str:
    """What evaluation took, in per cent of the training time."""
    parts = []
    for folder, where in (("pong", "the headline"), ("pong_long", "the long run")):
        rows = summary(folder)
        share = rows.evaluation_seconds.sum() / rows.train_seconds.sum()
        parts.append(f"{100 * share:.0f} % of the training time in {where}")
    return f"Evaluation took {words.listed(parts)}.\n"


BLOCKS = {
    "headline table": headline_table,
    "headline, both modes": lambda: both_modes_table("pong", 0),
    "long table": lambda: both_modes_table("pong_long", 15),
    "evaluation shares": evaluation_shares,
}
