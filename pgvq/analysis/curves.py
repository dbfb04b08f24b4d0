"""Learning curves as arrays, taken from the tidy tables of a results folder."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgvq.checks import did_you_mean
from pgvq.results.format import TABLES
from pgvq.results.store import Results
from pgvq.types import InputError


class Curves(NamedTuple):
    """One variant's learning curves in one mode; P are its evaluation points.

    NaN where a seed has not got so far, and where its score is NaN: of a complete seed,
    always the latter. A seed is `complete` when it went as far as
    the furthest of its variant, `finished` when that is also the whole budget: only
    complete seeds enter a curve over seeds, so that it is one set of runs from end to
    end, and only finished ones a final score.
    """

    seeds: NDArray[np.int64]  # [S]
    steps: NDArray[np.int64]  # [P] agent steps
    scores: NDArray[np.float64]  # [S, P] mean over the games of an evaluation
    seconds: NDArray[np.float64]  # [S, P] of training, by the wall clock
    complete: NDArray[np.bool_]  # [S]
    finished: NDArray[np.bool_]  # [S]
    diverged: NDArray[np.bool_]  # [S] as far as the training table knows
    games: int  # at each evaluation point
    updates: NDArray[np.float64]  # [S, P] gradient updates


def modes(results: Results) -> list[str]:
    """The modes that were evaluated: "greedy", "explore" or both."""
    found = set(results.evaluations["mode"])
    described = results.description["evaluation"].get("modes", ["greedy", "explore"])
    return [mode for mode in described if mode in found or not found]


def curves(results: Results, variant: dict[str, Any], mode: str) -> Curves:
    """Arrange the evaluations of `variant`, one of `description["variants"]`.

    A variant without rows gives S = P = 0. Raises `InputError` for an unknown mode.
    """
    if mode not in (known := modes(results)):
        raise InputError(
            f"no evaluation has the mode {mode!r}; use {' or '.join(known)}"
        )
    table = results.evaluations
    rows = table.loc[(table["variant"] == variant["name"]) & (table["mode"] == mode)]
    return _arranged(results, variant, rows, "score")


def metrics(results: Results) -> list[str]:
    """The algorithms' own metrics in the training table, such as "loss"."""
    known = {"variant", "algorithm", "family", *TABLES["training"]}
    return [str(name) for name in results.training if name not in known]


def check_metric(results: Results, metric: str) -> None:
    """Raises `InputError` for a metric that the training table does not have."""
    if metric not in (known := metrics(results)):
        raise InputError(
            f"no metric is called {metric!r}; {did_you_mean(metric, known, show=repr)}"
        )


def metric_curves(results: Results, variant: dict[str, Any], metric: str) -> Curves:
    """Arrange a training metric of `variant` as `curves` does the scores; no games.

    Its `scores` are the metric's values, NaN where it was not yet known too. Raises
    `InputError` for an unknown metric.
    """
    check_metric(results, metric)
    table = results.training
    rows = table.loc[table["variant"] == variant["name"]]
    return _arranged(results, variant, rows, metric)._replace(games=0)


def _arranged(
    results: Results, variant: dict[str, Any], rows: pd.DataFrame, value: str
) -> Curves:
    """Rows of one variant as arrays, a row per seed and a column per point."""
    seeds, at_seed = np.unique(rows["seed"].to_numpy(np.int64), return_inverse=True)
    steps, at_step = np.unique(
        rows["agent_steps"].to_numpy(np.int64), return_inverse=True
    )
    count = np.zeros([len(seeds), len(steps)])
    np.add.at(count, (at_seed, at_step), 1)

    def mean(column: str) -> NDArray[np.float64]:
        total = np.zeros_like(count)
        with np.errstate(invalid="ignore"):  # infinity less infinity is NaN, and kept
            np.add.at(total, (at_seed, at_step), rows[column].to_numpy(np.float64))
        return total / np.where(count > 0, count, np.nan)

    training = results.training
    broken = training.loc[
        training["diverged"] & (training["variant"] == variant["name"])
    ]
    complete = np.asarray(np.all(count[:, -1:] > 0, axis=1))
    reached = bool(len(steps) and steps[-1] >= budget_of(results, variant))
    return Curves(
        seeds=seeds,
        steps=steps,
        scores=mean(value),
        seconds=mean("train_seconds"),
        complete=complete,
        finished=complete & reached,
        diverged=np.isin(seeds, broken["seed"].to_numpy(np.int64)),
        games=int(count.max(initial=0)),
        updates=mean("updates"),
    )


def budget_of(results: Results, variant: dict[str, Any]) -> int:
    """The agent steps that each run of a variant may take."""
    return variant.get("budget_agent_steps", results.description["budget_agent_steps"])


def final_scores_of(curve: Curves) -> NDArray[np.float64]:
    """The last scores of the finished seeds. [S]"""
    return curve.scores[curve.finished][:, -1:].ravel()
