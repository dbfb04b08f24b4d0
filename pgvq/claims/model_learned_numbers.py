"""What is made of the runs of the claim on learned models: tables and expectations."""

import numpy as np
import pandas as pd

from pgvq.analysis.statistics import INTERVAL, MIN_RUNS, RANGE, estimate
from pgvq.claims.model_environment import EPISODE
from pgvq.claims.model_learned_runs import Measured, Sizes
from pgvq.claims.model_statistics import cosine
from pgvq.study.definition import Finding

GAME = "the game itself"
RIGHT = 0.5  # a cosine above it is called the right direction


def finding(measured: Measured, sizes: Sizes) -> Finding:
    """All numbers and tables, and what was expected of them."""
    errors = error_table(measured, sizes)
    cosines = cosine_table(measured, sizes)
    scores = score_table(measured, sizes)
    numbers = {
        "least": sizes.amounts[0],
        "most": sizes.amounts[-1],
        "unrolled": sizes.unrolled,
        "seeds": sizes.seeds,
        "matches": sizes.matches,
        "updates": sizes.updates,
        "episode": EPISODE,
        "gradients": sizes.batches * sizes.games,
        "policy_steps": sizes.stretches * sizes.steps,
        "policy_updates": sizes.stretches * sizes.iterations,
        "shortest": sizes.horizons[0],
        "longest": sizes.horizons[-1],
        "random": float(measured.learnt.random),
        **model_numbers(measured),
        **cosine_numbers(cosines, sizes),
        **score_numbers(measured),
    }
    return Finding(
        numbers=numbers,
        tables={
            "errors": errors,
            "unrolled": unrolled_table(measured, sizes),
            "cosines": cosines,
            "scores": scores,
            "played": played_table(measured, sizes),
        },
        expectations=expectations(numbers, measured),
    )


def named(amount: int) -> str:
    """A model by the data that it was fitted to."""
    return f"model of {amount:,} transitions"


def error_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per model: what one agent step leaves unexplained."""
    share = measured.learnt.one_step
    return pd.DataFrame(
        {
            "transitions": [f"{amount:,}" for amount in sizes.amounts],
            "change, all": [f"{v:.0%}" for v in share["change"]],
            "change, contacts": [f"{v:.0%}" for v in share["change in contacts"]],
            "change, elsewhere": [f"{v:.0%}" for v in share["change elsewhere"]],
            "payment": [f"{v:.0%}" for v in share["payment"]],
        }
    )


def unrolled_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per model and agent step; and of the guess that nothing changes."""
    steps = np.arange(1, sizes.unrolled + 1)
    errors = dict(zip(map(named, sizes.amounts), measured.learnt.unrolled, strict=True))
    errors["nothing changes"] = measured.learnt.still
    return pd.concat(
        [
            pd.DataFrame({"model": name, "agent_steps": steps, "error": error})
            for name, error in errors.items()
        ],
        ignore_index=True,
    )


def cosine_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per model and horizon: the cosine to the game's gradient, and its ends."""
    generator = np.random.default_rng(0)
    tables = []
    for number, amount in enumerate(sizes.amounts):
        modelled = measured.modelled[:, number]
        estimate = cosine(modelled, measured.true, generator)
        lengths = [
            np.linalg.norm(np.mean(rows, axis=0, dtype=float), axis=-1)
            for rows in (modelled, measured.true)
        ]
        tables.append(
            pd.DataFrame(
                {
                    "transitions": amount,
                    "horizon": sizes.horizons,
                    "cosine": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "length": lengths[0] / np.maximum(lengths[1], 1e-12),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def score_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per policy: what it was trained through, and its mean return."""
    names = [GAME, *map(named, sizes.amounts)]
    return pd.DataFrame(
        [
            {"trained_through": name, "seed": seed, "score": float(score)}
            for name, scores in zip(names, measured.scores, strict=True)
            for seed, score in enumerate(scores)
        ]
    )


def played_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per way of training: the interquartile mean over seeds, and interval."""
    kind = f"{INTERVAL} interval" if sizes.seeds >= MIN_RUNS else RANGE
    rows = []
    for name, scores in zip(
        [GAME, *map(named, sizes.amounts)], measured.scores, strict=True
    ):
        rows.append(
            {
                "trained through": name,
                f"mean return ({kind})": (
                    "{:+.2f} ({:+.2f} to {:+.2f})".format(*estimate(scores))
                ),
            }
        )
    return pd.DataFrame(rows)


def model_numbers(measured: Measured) -> dict[str, float]:
    """Errors of the model with the most data."""
    learnt = measured.learnt
    share = {name: float(values[-1]) for name, values in learnt.one_step.items()}
    return {
        "contacts": share["contacts"],
        "in_contacts": share["change in contacts"],
        "elsewhere": share["change elsewhere"],
        "of_payment": share["payment"],
        "first_error": float(learnt.unrolled[-1, 0]),
        "last_error": float(learnt.unrolled[-1, -1]),
        "last_still": float(learnt.still[-1]),
    }


def cosine_numbers(cosines: pd.DataFrame, sizes: Sizes) -> dict[str, float]:
    """Directions of the gradients through the models with the least and most data."""
    least = cosines[cosines.transitions == sizes.amounts[0]]
    most = cosines[cosines.transitions == sizes.amounts[-1]]
    return {
        "cosine_first": float(most.cosine.iloc[0]),
        "cosine_last": float(most.cosine.iloc[-1]),
        "cosine_low": float(most.low.min()),
        "least_last": float(least.cosine.iloc[-1]),
    }


def score_numbers(measured: Measured) -> dict[str, float]:
    """Mean returns in the game: trained in it, with the most and the least data."""
    numbers = {}
    for name, row in (("game", 0), ("most", -1), ("least", 1)):
        found = zip(
            ("score", "low", "high"), estimate(measured.scores[row]), strict=True
        )
        numbers |= {f"{name}_{part}": float(value) for part, value in found}
    return numbers


def expectations(n: dict[str, float], measured: Measured) -> dict[str, bool]:
    """What was expected before it was measured."""
    changes = measured.learnt.one_step["change"]
    return {
        "More transitions make a better model: its one-step error falls each time.": (
            bool(np.all(np.diff(changes) < 0))
        ),
        "The best model errs most where points are decided: contacts leave more of the "
        "change unexplained than other agent steps.": n["in_contacts"] > n["elsewhere"],
        f"Errors add up: after {n['unrolled']:.0f} agent steps the best model is off "
        "by more than four times as much as after one.": (
            n["last_error"] > 4 * n["first_error"]
        ),
        "With the most data the model's gradient points the right way (cosine above "
        f"{RIGHT:g}, whole interval) at every horizon.": n["cosine_low"] > RIGHT,
        "Its direction is worse at the longest horizon than at the shortest.": (
            n["cosine_last"] < n["cosine_first"]
        ),
        "A policy trained through that model plays better than at random (interval).": (
            n["most_low"] > n["random"]
        ),
        "It plays worse than one trained through the game itself (its interval "
        "is below that one's).": n["most_high"] < n["game_low"],
        "With the least data the policy is no better than random play (interval).": (
            n["least_low"] <= n["random"]
        ),
    }
