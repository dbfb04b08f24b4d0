"""One row per variant: final scores, how fast, how surely and at what cost."""

from typing import Any

import numpy as np
import pandas as pd

from pgvq.curves import Curves, curves
from pgvq.results import Results
from pgvq.score_meaning import comparable, score_in, score_of_variant
from pgvq.statistics import (
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
    share_that_learned,
    steps_to_stay,
)

_COUNTS = ("seeds", "finished", "diverged", "nan_scores", "games")


def summarise(
    results: Results,
    mode: str = "greedy",
    *,
    thresholds: tuple[float, ...] | None = None,
) -> pd.DataFrame:
    """Describe each variant in one row; NaN stands for what is not known.

    `seeds`, `finished` (trained for the whole budget), `diverged` (parameters no
    longer finite; they stay in every number), `nan_scores` (finished seeds whose final
    score is NaN; they stay too, and rank below every number), `games` per evaluation.
    `score`, `score_low`, `score_high`: the mean over a finished seed's games at the
    end, then the interquartile mean over those seeds and its 95 % interval.
    `learned`: share of finished seeds that end above the parity score, or, where the
    environment has none, above their own score before learning.
    `truncated`: share of the final games that met the step cap; `identical_games`:
    share of finished seeds whose final games were all the same, and so are one sample.
    `steps_to_X`, `reached_X` for each threshold X: agent steps from which on the curve
    over seeds, their interquartile mean, scores X or more for good (interpolated
    between evaluation points; infinity for never), and how many seeds' own curves do;
    by default 0 and +15 where the score has a parity.
    `train_seconds`, `compile_seconds`, `evaluation_seconds` over all sessions, and
    `steps_per_second`, agent steps of all seeds per second of training.

    Raises `InputError` for a mode that was not evaluated.
    """
    described = results.description
    if thresholds is None:
        known = score_in(described)["parity"] is not None
        thresholds = (0.0, 15.0) if known else ()
    rows = []
    for variant in described["variants"]:
        found = curves(results, variant, mode)
        parity = score_of_variant(described, variant).get("parity")
        rows.append(
            {
                "variant": variant["name"],
                "algorithm": variant["algorithm"],
                "family": variant["family"],
                "mode": mode,
                **_final(found, parity),
                **_games(results, variant["name"], mode, found),
                **_speed(found, thresholds),
                **_cost(results.sessions.get(variant["name"], [])),
            }
        )
    return pd.DataFrame(rows).astype(dict.fromkeys(_COUNTS, "Int64"))


def _final(found: Curves, parity: float | None) -> dict[str, Any]:
    """The scores of the finished seeds at the end of their training."""
    scores = found.scores[found.finished]  # [S, P]
    final, first = scores[:, -1:].ravel(), scores[:, :1].ravel()
    low, high = bootstrap_interval(final, np.random.default_rng(0))
    return {
        "seeds": len(found.seeds),
        "finished": int(found.finished.sum()),
        "nan_scores": int(np.isnan(final).sum()),
        "score": float(interquartile_mean(final)),
        "score_low": float(low),
        "score_high": float(high),
        "learned": share_that_learned(final, first if parity is None else parity),
    }


def _games(results: Results, name: str, mode: str, found: Curves) -> dict[str, Any]:
    """What the single games at the end, and the training's end, look like."""
    table = results.evaluations
    rows = table.loc[
        (table["variant"] == name)
        & (table["mode"] == mode)
        & table["seed"].isin(found.seeds[found.finished].tolist())
        & (table["agent_steps"] == max(found.steps, default=0))
    ]
    kinds = (
        rows.groupby("seed")[["score", "length"]]
        .nunique(dropna=False)
        .to_numpy()
        .max(axis=1)
    )
    several = found.games > 1 and len(rows) > 0
    trained = name in set(results.training["variant"])
    return {
        "diverged": int(found.diverged.sum()) if trained else None,
        "games": found.games,
        "truncated": float(rows["truncated"].to_numpy().mean())
        if len(rows)
        else np.nan,
        "identical_games": float(np.mean(kinds == 1)) if several else np.nan,
    }


def _speed(found: Curves, thresholds: tuple[float, ...]) -> dict[str, float]:
    """Agent steps from which on the curve over seeds stays above each threshold."""
    row: dict[str, float] = {}
    scores = found.scores[found.complete]
    for bar in thresholds:
        middle = interquartile_mean(scores)[None] if len(scores) else scores
        there = steps_to_stay(found.steps, middle, bar)
        row[f"steps_to_{bar:g}"] = float(there[0]) if len(there) else np.inf
        there = steps_to_stay(found.steps, scores, bar)
        row[f"reached_{bar:g}"] = int(np.sum(np.isfinite(there)))
    return row


def _cost(sessions: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds by the wall clock, and throughput, over all sessions of a variant."""

    def total(name: str) -> float:
        known = [s[name] for s in sessions if s.get(name) is not None]
        return float(sum(known)) if known else np.nan

    seconds = {
        name: total(name)
        for name in ("train_seconds", "compile_seconds", "evaluation_seconds")
    }
    trained = seconds["train_seconds"]
    rate = total("agent_steps") / trained if trained > 0 else np.nan
    return {**seconds, "steps_per_second": rate}


def duels(results: Results, mode: str = "greedy") -> pd.DataFrame:
    """For each pair of variants: how often a run of `a` ends above one of `b`.

    Columns `a`, `b`, `probability` (ties count one half) and its 95 % interval `low`,
    `high`, over finished seeds; NaN as in `probability_of_improvement`. Variants that
    are evaluated in different environments are no pair.
    """
    final, variants = {}, {}
    for variant in results.description["variants"]:
        variants[variant["name"]] = variant
        found = curves(results, variant, mode)
        final[variant["name"]] = found.scores[found.finished][:, -1:].ravel()
    rows = [
        (
            a,
            b,
            *probability_of_improvement(final[a], final[b], np.random.default_rng(0)),
        )
        for a in final
        for b in final
        if a != b and comparable(results.description, variants[a], variants[b])
    ]
    return pd.DataFrame(rows, columns=["a", "b", "probability", "low", "high"])
