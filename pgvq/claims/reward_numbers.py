"""What the runs of the claim on rewards say: numbers, tables, expectations."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pgvq.analysis.statistics import (
    MIN_RUNS,
    Estimate,
    Floats,
    difference,
    estimate,
)
from pgvq.claims.reward_runs import BASELINE, REWARDS, STARTS, TARGETS, Runs, pivoted

AT_END = "the game's end"
SMALL = 3.0  # points: less is not called an improvement
CLOSE = 0.1  # between two mean values, of points that count 1


def written(scores: Floats) -> str:
    """The interquartile mean of the seeds' scores `[S]` with its interval, if any."""
    middle, low, high = map(float, estimate(scores))
    if np.isnan([low, high]).all() or len(scores) < MIN_RUNS:
        return f"{middle:+.1f}"
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def gap(a: Floats, b: Floats) -> Estimate:
    """How much higher the seeds of A score than those of B, `[S]` and `[S']`."""
    return Estimate(*map(np.asarray, difference(a, b)[:3]))


def gap_numbers(name: str, a: Floats, b: Floats) -> dict[str, float]:
    """The ends and the middle of a `gap`, by name."""
    found = zip(("middle", "low", "high"), gap(a, b), strict=True)
    return {f"{name}_gap_{part}": float(value) for part, value in found}


def last_values(runs: Runs, variant: str) -> Floats:
    """Mean value that each seed predicts at the end of its training, `[S]`."""
    return pivoted(runs.metrics, variant, "q_mean")[1][:, -1]


def on_the_way(runs: Runs, variant: str) -> Floats:
    """Mean score of each seed at the evaluations between the first and last, `[S]`."""
    return runs.curve(variant)[1][:, 1:-1].mean(axis=1)


def numbers(runs: Mapping[str, Runs], shares: Mapping[str, float]) -> dict[str, float]:
    """All that the text names, by name.

    `runs` by algorithm; `shares` of random play's agent steps that each reward pays.
    """
    dqn, critic = runs["DQN"], runs["actor-critic"]
    found: dict[str, float] = {"before": before(runs)}
    for name, pays in REWARDS.items():
        found[f"per_thousand_{pays}"] = 1000 * shares[name]
    found["hits_per_point"] = shares["hits"] / shares["points"]
    pairs = {
        "critic_end": (critic, AT_END, BASELINE),
        "critic_hits": (critic, "hits", BASELINE),
        "dqn_end": (dqn, AT_END, BASELINE),
        "dqn_hits": (dqn, "hits", BASELINE),
        "usual": (dqn, "as usual", BASELINE),
        "optimistic": (dqn, "optimistic", BASELINE),
        "averaged": (dqn, "averaged", BASELINE),
        "none": (dqn, "none", BASELINE),
    }
    for name, (of, a, b) in pairs.items():
        found |= gap_numbers(name, of.final(a), of.final(b))
    slower = on_the_way(dqn, "none"), on_the_way(dqn, BASELINE)
    found |= gap_numbers("slower", *slower)
    for name in {**STARTS, **TARGETS}.values():
        values = last_values(dqn, name)
        found[f"value_{slug(name)}"] = float(values.mean())
        found[f"value_spread_{slug(name)}"] = float(values.std())
    cut = [of.last(name, "cut") for of in runs.values() for name in of.variants]
    found["cut_percent"] = 100 * float(np.mean(cut))
    return found


def before(runs: Mapping[str, Runs]) -> float:
    """Mean greedy score of all runs before they learn."""
    first = [of.curve(name)[1][:, 0] for of in runs.values() for name in of.variants]
    return float(np.concatenate(first).mean())


def slug(name: str) -> str:
    """A variant's name as part of an identifier."""
    return name.replace("'", "").replace(" ", "_")


def tables(
    runs: Mapping[str, Runs], shares: Mapping[str, float]
) -> dict[str, pd.DataFrame]:
    """What the figures are drawn from, and the three tables of the text."""
    dqn = runs["DQN"]
    return {
        "scores": every_row(runs, "scores", "score"),
        "values": every_row({"DQN": dqn}, "metrics", "q_mean"),
        "rewards": pd.DataFrame(
            [
                {
                    "paid for": name,
                    "rewards in 1000 agent steps of random play": round(
                        1000 * shares[name], 2
                    ),
                    **{
                        f"{method}, score": written(of.final(name))
                        for method, of in runs.items()
                    },
                }
                for name in REWARDS
            ]
        ),
        "starts": compared(dqn, STARTS, "first values"),
        "targets": compared(dqn, TARGETS, "target network"),
    }


def every_row(runs: Mapping[str, Runs], part: str, column: str) -> pd.DataFrame:
    """A column of all runs: a row per method, variant, seed and agent steps."""
    parts = []
    for method, of in runs.items():
        rows = getattr(of, part)
        kept = {name: rows[name] for name in ("variant", "seed", "agent_steps")}
        parts.append(
            pd.DataFrame({"method": method, **kept, column: rows[column].round(4)})
        )
    return pd.concat(parts, ignore_index=True)


def compared(dqn: Runs, variants: Mapping[str, str], what: str) -> pd.DataFrame:
    """A row per variant of DQN: score, worst seed, and the values that it predicts."""
    rows = []
    for shown, name in variants.items():
        scores, values = dqn.final(name), last_values(dqn, name)
        rows.append(
            {
                what: shown,
                "score": written(scores),
                "worst seed": f"{scores.min():+.1f}",
                "score on the way": written(on_the_way(dqn, name)),
                "mean value": f"{values.mean():+.2f}",
                "spread of it over seeds": f"{values.std():.2f}",
            }
        )
    return pd.DataFrame(rows)


def expectations(
    runs: Mapping[str, Runs], found: Mapping[str, float]
) -> dict[str, bool]:
    """What was expected beforehand, and whether it was measured."""

    def score(method: str, variant: str) -> Estimate:
        return estimate(runs[method].final(variant))

    def around_zero(name: str) -> bool:
        return found[f"{name}_gap_low"] <= 0 <= found[f"{name}_gap_high"]

    start = found["before"]
    spread = {name: found[f"value_spread_{name}"] for name in ("points", "none")}
    worst = {name: runs["DQN"].final(name).min() for name in ("points", "none")}
    faded = abs(found["value_optimistic"] - found["value_points"])
    return {
        "Paid for points, both methods play better than before they learnt (their 95 % "
        "intervals lie above it).": all(
            score(method, "points").low > start for method in runs
        ),
        "Paid for hits, both do so too, though no point is ever paid for.": all(
            score(method, "hits").low > start for method in runs
        ),
        f"Paid at the game's end alone, neither gains {SMALL:g} points on its "
        "beginning within this budget.": all(
            score(method, AT_END).value < start + SMALL for method in runs
        ),
        "Hits are the denser reward: random play is paid for them more often than for "
        "points.": found["hits_per_point"] > 1,
        "DQN ends no lower for hits than for points (the interval of the difference "
        "reaches 0 or lies above it).": found["dqn_hits_gap_high"] >= 0,
        "Values that start at zero and values that start as usual end alike (the "
        "interval of the difference contains 0).": around_zero("usual"),
        "Optimism does not last: at the end the mean predicted value is within "
        f"{CLOSE:g} of that after a start at zero.": faded < CLOSE,
        "Optimism does not help: the interval of the difference in score does not lie "
        "above 0.": found["optimistic_gap_low"] <= 0,
        "Copied and averaged targets end alike (the interval of the difference "
        "contains 0).": around_zero("averaged"),
        "Without a target network DQN learns more slowly: on the way it scores lower "
        "than with a copied one (the interval of the difference lies below 0).": found[
            "slower_gap_high"
        ]
        < 0,
        "Without a target network DQN ends lower (the interval of the difference lies "
        "below 0).": found["none_gap_high"] < 0,
        "Without a target network the worst seed ends lower than with a copied one.": (
            worst["none"] < worst["points"]
        ),
        "Without a target network the seeds' predicted values lie farther apart at the "
        "end.": spread["none"] > spread["points"],
    }
