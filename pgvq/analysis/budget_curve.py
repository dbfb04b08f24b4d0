"""Final score against budget: which learner ends highest on which budget."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgvq.analysis.comparisons import A_HIGHER, B_HIGHER, TOO_FEW, compare
from pgvq.analysis.curves import curves
from pgvq.analysis.rungs import EQUAL, HIGHER, final_runs
from pgvq.analysis.statistics import MIN_RUNS, estimate
from pgvq.experiments.budgets import budget_name, in_order
from pgvq.experiments.score_meaning import environment_of_variant, margin_in
from pgvq.results.store import Results
from pgvq.types import InputError

LOWER, NOT_LOWER = "lower", "not shown to be lower"


def budget_table(parts: Sequence[Results], mode: str = "greedy") -> pd.DataFrame:
    """A row for each budget and variant of a series of results.

    Columns: `budget`, `variant`, `algorithm`, `family`, `mode`; of the finished `runs`
    their `agent_steps`, `updates` and `seconds` of training, each per run; `score`,
    `score_low`, `score_high`; and `verdict`: "highest" of its budget, "not shown to be
    lower" than that, shown to be "equal within 1" of it, "lower", or that there are
    too few runs to say; adjusted for the number of pairs of a budget (`compare`).

    `seconds` are by the wall clock: runs train side by side, and each has its share.

    Raises:
        InputError: the results are no series (same variants and environment, a budget
            of its own each), or were not evaluated in this mode.
    """
    rows = []
    for part in checked_series(parts):
        rows += _with_verdicts(part, mode)
    return pd.DataFrame(rows)


def checked_series(parts: Sequence[Results]) -> list[Results]:
    """The results by budget, or `InputError` where they are no series."""
    order = in_order({i: part.description for i, part in enumerate(parts)})
    if not order:
        raise InputError(
            "these results are no series of budgets: give at least two with the same "
            "variants, each with a budget of its own"
        )
    environments = {
        str(environment_of_variant(part.description, v).get("evaluated", ""))
        for part in parts
        for v in part.description["variants"]
    }
    if len(environments) > 1:
        raise InputError(
            f"these results are evaluated in {len(environments)} environments, whose "
            "scores are not on one scale; give those of one"
        )
    return [parts[i] for i in order]


def _with_verdicts(results: Results, mode: str) -> list[dict[str, Any]]:
    """The rows of one budget."""
    rows = [_row(results, variant, mode) for variant in results.description["variants"]]
    apart = _apart(final_runs(results, mode), margin_in(results.description))
    known = [row for row in rows if np.isfinite(row["score"])]
    best = max(known, key=lambda row: row["score"], default=None)
    for row in rows:
        if best is None or not row["runs"]:
            row["verdict"] = TOO_FEW
            continue
        if row is best:
            few = row["runs"] < MIN_RUNS
            row["verdict"] = TOO_FEW if few else "highest"
        else:
            found = apart[best["variant"], row["variant"]]["verdict"]
            said = {HIGHER: LOWER, TOO_FEW: TOO_FEW, EQUAL: EQUAL}
            row["verdict"] = said.get(found, NOT_LOWER)
    return rows


def _apart(
    runs: Mapping[str, NDArray[np.float64]], margin: float | None
) -> dict[tuple[str, str], dict[str, Any]]:
    """By pair of variants, in both orders, how far the first is above the second."""
    found = {}
    for row in compare(runs, margin=margin).to_dict("records"):
        a, b, ends = row["a"], row["b"], (row["difference_low"], row["difference_high"])
        verdict = row["verdict"]
        for first, second, sign in ((a, b, 1), (b, a, -1)):
            low, high = ends[::sign]
            higher, lower = (A_HIGHER, B_HIGHER)[::sign]
            found[first, second] = {
                "difference": sign * row["difference"],
                "low": sign * low,
                "high": sign * high,
                "verdict": {higher: HIGHER, lower: LOWER}.get(verdict, verdict),
            }
    return found


def _row(results: Results, variant: dict[str, Any], mode: str) -> dict[str, Any]:
    curve = curves(results, variant, mode)
    final = curve.scores[curve.finished][:, -1:].ravel()
    known = estimate(final)
    table = results.evaluations
    own = table.loc[(table["variant"] == variant["name"]) & (table["mode"] == mode)]
    ended = own.loc[own["agent_steps"] == own["agent_steps"].max()]
    return {
        "budget": results.description["budget_agent_steps"],
        "variant": variant["name"],
        "algorithm": variant["algorithm"],
        "family": variant["family"],
        "mode": mode,
        "runs": len(final),
        "agent_steps": float(ended["agent_steps"].max()) if len(final) else np.nan,
        "updates": float(ended["updates"].max()) if len(final) else np.nan,
        "seconds": _seconds_per_run(results.sessions.get(variant["name"], [])),
        "score": float(known.value),
        "score_low": float(known.low),
        "score_high": float(known.high),
    }


def _seconds_per_run(sessions: list[dict[str, Any]]) -> float:
    """A run's share of the training's wall clock, the mean over runs."""
    seeds: set[int] = set()
    total = 0.0
    for session in sessions:
        own = session.get("seeds") or []
        lanes = session.get("lanes") or len(own)
        if session.get("train_seconds") is None or not own or not lanes:
            continue
        seeds.update(own)
        total += session["train_seconds"] * len(own) / lanes
    return total / len(seeds) if seeds and total > 0 else np.nan


def sentences(table: pd.DataFrame) -> list[str]:
    """Which variant ends highest at each budget, and which are not shown to differ."""
    return [_sentence(part) for _, part in table.groupby("budget", sort=True)]


def _sentence(rows: pd.DataFrame) -> str:
    """The conclusion for one budget."""
    at = f"With {budget_name(float(rows['budget'].iloc[0]))} agent steps"
    best = rows.loc[rows["verdict"] == "highest"]
    if best.empty:
        return f"{at} too few runs have finished to say which learner ends highest."
    top: Any = best.iloc[0]
    interval = f"[{top['score_low']:+.1f}, {top['score_high']:+.1f}]"
    said = f"{at} {top['variant']} ends highest, at {top['score']:+.1f} {interval}"
    names = {
        verdict: list(rows.loc[rows["verdict"] == verdict, "variant"])
        for verdict in (LOWER, EQUAL, NOT_LOWER, TOO_FEW)
    }
    parts = []
    if lower := names[LOWER]:
        end = "ends" if len(lower) == 1 else "end"
        parts.append(f"{_listed(lower)} {end} lower")
    if equal := names[EQUAL]:
        are = "is" if len(equal) == 1 else "are"
        parts.append(f"{_listed(equal)} {are} {EQUAL}")
    if tied := names[NOT_LOWER]:
        parts.append(f"for {_listed(tied)} no difference from it is shown")
    if few := names[TOO_FEW]:
        parts.append(
            f"{_listed(few)} {'has' if len(few) == 1 else 'have'} too few runs"
        )
    return f"{said}; {'; '.join(parts)}." if parts else f"{said}."


def pairs(parts: Sequence[Results], mode: str = "greedy") -> pd.DataFrame:
    """A row for each budget and pair of variants, the higher first.

    Columns: `budget`, `a`, `b`, `difference` of the interquartile means with its ends
    `low` and `high`, `verdict`, and all of it as a `sentence`. Raises what
    `budget_table` raises.
    """
    rows = []
    for part in checked_series(parts):
        runs = final_runs(part, mode)
        apart = _apart(runs, margin_in(part.description))
        budget = part.description["budget_agent_steps"]
        scores = {n: float(estimate(r).value) for n, r in runs.items() if len(r)}
        names = sorted(scores, key=lambda name: -scores[name])
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                found = apart[a, b]
                said = f"{found['difference']:+.1f}"
                if np.isfinite(found["low"]):
                    said += f" [{found['low']:+.1f}, {found['high']:+.1f}]"
                at = f"With {budget_name(budget)} agent steps {a} over {b}"
                sentence = f"{at}: {said}: {found['verdict']}."
                rows.append((budget, a, b, *found.values(), sentence))
    columns = ["budget", "a", "b", "difference", "low", "high", "verdict", "sentence"]
    return pd.DataFrame(rows, columns=columns)


def _listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
