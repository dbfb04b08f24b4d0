"""One row per variant: final scores, how fast, how surely and at what cost."""

from typing import Any

import numpy as np
import pandas as pd

from pgvq.analysis.comparisons import compare
from pgvq.analysis.curves import Curves, budget_of, curves
from pgvq.analysis.statistics import (
    estimate,
    interval_kind,
    share_that_learned,
    steps_to_stay,
    time_to_stay,
)
from pgvq.experiments.score_meaning import (
    comparable,
    margin_in,
    score_in,
    score_of_variant,
)
from pgvq.results.store import Results

_COUNTS = ("seeds", "finished", "diverged", "nan_scores", "games")


def summarise(
    results: Results,
    mode: str = "greedy",
    *,
    thresholds: tuple[float, ...] | None = None,
) -> pd.DataFrame:
    """Describe each variant in one row; NaN means unknown.

    `seeds`, `finished` (trained for the whole budget), `diverged` (parameters no
    longer finite; they stay in every number), `nan_scores` (finished seeds whose final
    score is NaN; they stay too, and rank below every number), `games` per evaluation.
    `score`, `score_low`, `score_high`: the mean over a finished seed's games at the
    end, then the interquartile mean over those seeds and its 95 % interval;
    `score_interval` says what it is: "95 %", "range" (the lowest and the highest of two
    to four seeds), "equal" (no interval: what is averaged is equal, or NaN) or "" (one
    seed, no interval).
    `learned`: share of finished seeds that end above the parity score, or, where the
    environment has none, above their own score before learning.
    `truncated`: share of the final games that met the step cap; `cut_off`: the same,
    but 0 where to meet the cap is to succeed, as in CartPole; `identical_games`: share
    of finished seeds whose final games were all the same, and so are one sample.
    `steps_to_X` for each threshold X: agent steps from which on the curve over seeds,
    their interquartile mean, scores X or more for good (interpolated between evaluation
    points; infinity for never), with the interval `steps_to_X_low`, `steps_to_X_high`;
    `reached_X`: how many seeds' own curves do; by default 0 and +15 where the score has
    a parity.
    `train_seconds`, `compile_seconds`, `evaluation_seconds` over all sessions, and
    `steps_per_second`, agent steps of all seeds per second of training.

    Raises `InputError` for a mode that was not evaluated.
    """
    described = results.description
    if thresholds is None:
        thresholds = thresholds_of(results)
    rows = []
    for variant in described["variants"]:
        found = curves(results, variant, mode)
        known = score_of_variant(described, variant)
        rows.append(
            {
                "variant": variant["name"],
                "algorithm": variant["algorithm"],
                "family": variant["family"],
                "mode": mode,
                **_final(found, known.get("parity")),
                **_games(results, variant["name"], mode, found, known.get("perfect")),
                **_speed(found, thresholds),
                **_cost(results.sessions.get(variant["name"], [])),
            }
        )
    return pd.DataFrame(rows).astype(dict.fromkeys(_COUNTS, "Int64"))


def thresholds_of(results: Results) -> tuple[float, ...]:
    """Scores worth reaching: parity and +15 of Pong; none where parity is not known."""
    known = score_in(results.description)["parity"] is not None
    return (0.0, 15.0) if known else ()


def _final(found: Curves, parity: float | None) -> dict[str, Any]:
    """The scores of the finished seeds at the end of their training."""
    scores = found.scores[found.finished]  # [S, P]
    final, first = scores[:, -1:].ravel(), scores[:, :1].ravel()
    score, low, high = map(float, estimate(final))
    return {
        "seeds": len(found.seeds),
        "finished": int(found.finished.sum()),
        "nan_scores": int(np.isnan(final).sum()),
        "score": score,
        "score_low": low,
        "score_high": high,
        "score_interval": interval_kind(len(final), low, high),
        "learned": share_that_learned(final, first if parity is None else parity),
    }


def _games(
    results: Results, name: str, mode: str, found: Curves, perfect: float | None
) -> dict[str, Any]:
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
    met = float(rows["truncated"].to_numpy().mean()) if len(rows) else np.nan
    own = table.loc[table["variant"] == name]
    trained = name in set(results.training["variant"])
    return {
        "diverged": int(found.diverged.sum()) if trained else None,
        "games": found.games,
        "truncated": met,
        "cut_off": 0.0 if _cap_is_success(own, perfect) else met,
        "identical_games": float(np.mean(kinds == 1)) if several else np.nan,
    }


def _cap_is_success(games: pd.DataFrame, perfect: float | None) -> bool:
    """Whether a game that meets the step cap is a perfect one, as it is in CartPole.

    Where no perfect score is known: all games that met it scored the most.
    """
    scores = games["score"].to_numpy(np.float64)
    met = scores[games["truncated"].to_numpy(bool)]
    if not len(met):
        return False
    if perfect is not None:
        return bool(met.min() >= perfect)
    return bool(met.min() == scores.max() > scores.min())


def _speed(found: Curves, thresholds: tuple[float, ...]) -> dict[str, float]:
    """Agent steps from which on the curve over seeds stays above each threshold."""
    row: dict[str, float] = {}
    scores = found.scores[found.complete]
    for bar in thresholds:
        name = f"steps_to_{bar:g}"
        there, low, high = map(float, time_to_stay(found.steps, scores, bar))
        row |= {name: there, f"{name}_low": low, f"{name}_high": high}
        own = steps_to_stay(found.steps, scores, bar)
        row[f"reached_{bar:g}"] = int(np.sum(np.isfinite(own)))
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


def comparisons(
    results: Results, mode: str = "greedy", *, margin: float | None = None
) -> pd.DataFrame:
    """Compares each pair of variants by the final scores of their finished seeds.

    One row per pair, with the columns of `pgvq.analysis.comparisons.compare`; `margin`
    in points, by default that of `margin_in`: equality is tested where the score has a
    parity. Variants that are evaluated in different environments are no pair; those
    trained for different budgets are one that is not tested, and its verdict says so.

    Raises `InputError` for a mode that was not evaluated and a margin that is not a
    finite number above 0.
    """
    described = results.description
    variants = described["variants"]
    final, budgets = {}, {}
    for variant in variants:
        found = curves(results, variant, mode)
        final[variant["name"]] = found.scores[found.finished][:, -1:].ravel()
        budgets[variant["name"]] = budget_of(results, variant)
    pairs = [
        (one["name"], other["name"])
        for number, one in enumerate(variants)
        for other in variants[number + 1 :]
        if comparable(described, one, other)
    ]
    size = margin_in(described) if margin is None else margin
    return compare(final, pairs, budgets=budgets, margin=size)
