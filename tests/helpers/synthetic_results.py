"""Made-up experiments for the tests of results, summaries and pictures."""

from typing import Any

import numpy as np
import pandas as pd

from pgvq.results.store import Results, assemble

FAMILIES = {
    "REINFORCE": "policy gradient",
    "ActorCritic": "policy gradient",
    "DQN": "Q-learning",
}


def description(variants: dict[str, str], budget: int = 1_000_000) -> dict[str, Any]:
    """A valid description; `variants` maps names to algorithms."""
    return {
        "name": "synthetic",
        "title": "A made-up experiment",
        "budget_agent_steps": budget,
        "variants": [
            {"name": name, "algorithm": kind, "family": FAMILIES[kind], "fields": {}}
            for name, kind in variants.items()
        ],
        "environment": {"name": "pong", "repr": "Pong()"},
        "evaluation": {"points": 6, "games": 3, "modes": ["greedy", "explore"]},
        "score": {
            "label": "score (points won - lost per game)",
            "random": -20.3,
            "parity": 0.0,
            "perfect": 21.0,
        },
    }


def evaluations(scores: np.ndarray, budget: int = 1_000_000) -> pd.DataFrame:
    """A table from scores [S, P, G] in both modes; explore is one point worse.

    Points are spaced evenly from 0 to `budget` agent steps; a NaN score is no row:
    the seed is unfinished. Training runs at 100,000 agent steps per second.
    """
    seeds, points, games = scores.shape
    index = pd.MultiIndex.from_product(
        [range(seeds), range(points), range(games)], names=["seed", "point", "game"]
    )
    rows = pd.DataFrame({"score": scores.ravel()}, index=index).reset_index()
    rows["agent_steps"] = rows.pop("point") * budget // (points - 1)
    rows["updates"] = rows["agent_steps"] // 100
    rows["train_seconds"] = rows["agent_steps"] / 100_000
    rows["length"] = 1000 + rows["game"]
    rows["truncated"] = False
    greedy = rows.dropna().assign(mode="greedy")
    return pd.concat([greedy, greedy.assign(mode="explore", score=greedy["score"] - 1)])


def training(table: pd.DataFrame, diverged: tuple[int, ...] = ()) -> pd.DataFrame:
    """The training table that goes with an evaluations table."""
    columns = ["seed", "agent_steps", "updates", "train_seconds"]
    rows = table[columns].drop_duplicates().assign(loss=0.5)
    last = rows.groupby("seed")["agent_steps"].transform("max") == rows["agent_steps"]
    return rows.assign(diverged=rows["seed"].isin(diverged) & last)


def learning(
    variants: dict[str, str], seeds: int = 5, points: int = 6, games: int = 3
) -> Results:
    """Variants whose scores rise from random play, each to its own level."""
    generator = np.random.default_rng(7)
    tables = {}
    for number, name in enumerate(variants):
        time = np.linspace(0, 1, points)[:, None]
        level = generator.normal(5 * (1 + number % 4), 3, [seeds, 1, 1])
        rise = (level + 20.3) * (1 - np.exp(-6 * time)) - 20.3
        noise = generator.normal(0, 1, [seeds, points, games])
        table = evaluations(np.clip(np.round(rise + noise), -21, 21))
        tables[name] = {"evaluations": table, "training": training(table)}
    return assemble(description(variants), tables, sessions(variants))


def sessions(variants: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """One session of five seeds for each variant."""
    session = {
        "started": "2026-01-01T00:00:00+00:00",
        "seeds": [0, 1, 2, 3, 4],
        "compile_seconds": 4.0,
        "train_seconds": 10.0,
        "evaluation_seconds": 1.0,
        "agent_steps": 5_000_000,
    }
    return {name: [session] for name in variants}
