"""What is made of the runs of the claim on the smooth Pong: tables and expectations."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pgvq.analysis.statistics import estimate, interquartile_mean, steps_to_reach
from pgvq.claims.model_smooth_runs import (
    BACKPROPAGATION,
    DEVIATION,
    STRETCH,
    Measured,
    Sizes,
)
from pgvq.claims.model_statistics import (
    component,
    cosine_of_each,
    total_variance,
)
from pgvq.experiments.score_meaning import RANDOM_PLAY
from pgvq.study.definition import Finding

SCORES = (-0.5, 0.0)  # mean returns of a point whose agent steps are counted
SHORT = 16  # agent steps: a horizon that ends before most rallies are decided
SCORE_FUNCTION = "score function"
CRITICAL = 4.0  # standard errors


def finding(measured: Measured, refusals: pd.DataFrame, sizes: Sizes) -> Finding:
    """All numbers and tables, and what was expected of them."""
    horizons = horizon_table(measured, sizes)
    exact = measured.exact.mean(1)
    middle, low, high = estimate(exact)
    numbers = {
        "seeds": sizes.seeds,
        "matches": sizes.matches,
        "games": sizes.games,
        "batches": sizes.batches,
        "steps": sizes.stretches * STRETCH,
        "halfway": measured.halfway,
        "deviation": DEVIATION,
        "refused": float(refusals.refused.mean()),
        "hard_zero": measured.hard_zero,
        "soft_zero": float(np.mean(measured.gradients.zero)),
        "exact": float(middle),
        "exact_low": float(low),
        "exact_high": float(high),
        "random_play": RANDOM_PLAY,
        **reached(measured),
        **horizon_numbers(horizons, sizes),
    }
    return Finding(
        numbers=numbers,
        tables={
            "refusals": refusals.drop(columns="refused"),
            "curves": curve_table(measured),
            "speed": speed_table(measured),
            "horizons": horizons,
            "variances": variances_shown(horizons),
            "exact": pd.DataFrame({"seed": np.arange(sizes.seeds), "score": exact}),
        },
        expectations=expectations(numbers, sizes),
    )


def curve_table(measured: Measured) -> pd.DataFrame:
    """A row per algorithm, seed and point of the curve."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "algorithm": name,
                    "seed": seed,
                    "agent_steps": STRETCH * np.arange(1, len(run) + 1),
                    "mean_return": run.astype(float).round(4),
                }
            )
            for name, curves in measured.curves.items()
            for seed, run in enumerate(curves)
        ],
        ignore_index=True,
    )


def steps_of(curves: np.ndarray, score: float) -> tuple[float, int]:
    """Median agent steps of `[S, K]` curves to a score, and how many get there.

    The median counts seeds that do not as slower than all; NaN where it is one of them.
    """
    steps = steps_to_reach(STRETCH * np.arange(1, curves.shape[1] + 1), curves, score)
    middle = float(np.median(np.where(np.isnan(steps), np.inf, steps)))
    return middle if np.isfinite(middle) else np.nan, int(np.sum(~np.isnan(steps)))


def speed_table(measured: Measured) -> pd.DataFrame:
    """A row per algorithm: agent steps to each score, and the last mean return."""
    rows = []
    for name, curves in measured.curves.items():
        row: dict[str, object] = {"algorithm": name}
        for score in SCORES:
            steps, count = steps_of(curves, score)
            known = "-" if np.isnan(steps) else f"{steps:,.0f}"
            row[f"steps to {score:g}"] = f"{known} ({count} of {len(curves)})"
        row["return at the end"] = f"{interquartile_mean(curves[:, -1]):+.2f}"
        rows.append(row)
    return pd.DataFrame(rows)


def reached(measured: Measured) -> dict[str, float]:
    """The median agent steps to each score by name, and the last mean return."""
    names = {"backpropagation": "bp", "REINFORCE": "reinforce", "actor-critic": "a2c"}
    numbers = {}
    for name, curves in measured.curves.items():
        first, second = (steps_of(curves, score)[0] for score in SCORES)
        numbers[f"first_{names[name]}"] = first
        numbers[f"parity_{names[name]}"] = second
        numbers[f"last_{names[name]}"] = float(interquartile_mean(curves[:, -1]))
    return numbers


def horizon_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per estimator and horizon: variance, length, direction, each with its ends.

    The long-horizon gradient is the score function's, from the first half of the
    batches; what is compared with it comes from the second half.
    """
    generator = np.random.default_rng(0)
    half = sizes.batches // 2
    gradients = {
        BACKPROPAGATION: measured.gradients.backpropagation,
        SCORE_FUNCTION: measured.gradients.score_function,
    }
    reference = np.mean(gradients[SCORE_FUNCTION][:half, -1], axis=0)
    tables = []
    for name, rows in gradients.items():
        estimates = {
            "variance": total_variance(rows, generator),
            "along": component(rows[half:], reference),
            "cosine": cosine_of_each(rows[half:], reference),
        }
        columns: dict[str, object] = {
            "estimator": name,
            "horizon": sizes.horizons,
            "norm": norms(rows),
        }
        for what, found in estimates.items():
            scale = sizes.games if what == "variance" else 1  # of a single game
            columns[what] = scale * found.value
            columns[f"{what}_low"] = scale * found.low
            columns[f"{what}_high"] = scale * found.high
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def norms(rows: ArrayLike) -> np.ndarray:
    """Lengths of the mean gradients `[H]` of rows `[B, H, P]`, less what noise adds.

    NaN where noise is longer than they are.
    """
    rows = np.asarray(rows, float)
    noise = rows.var(0, ddof=1).sum(-1) / len(rows)
    squares = np.square(rows.mean(0)).sum(-1) - noise
    return np.sqrt(np.where(squares > 0, squares, np.nan))


def variances_shown(horizons: pd.DataFrame) -> pd.DataFrame:
    """The variances for the page, a row per horizon."""
    wide = horizons.pivot(index="horizon", columns="estimator", values="variance")
    return pd.DataFrame(
        {
            "horizon, agent steps": wide.index,
            "variance, backpropagation": [f"{v:.3g}" for v in wide[BACKPROPAGATION]],
            "variance, score function": [f"{v:.3g}" for v in wide[SCORE_FUNCTION]],
        }
    )


def horizon_numbers(horizons: pd.DataFrame, sizes: Sizes) -> dict[str, float]:
    """The numbers that the text and the expectations use."""
    by_estimator = {
        name: horizons[horizons.estimator == name].set_index("horizon")
        for name in (BACKPROPAGATION, SCORE_FUNCTION)
    }
    back, score = by_estimator[BACKPROPAGATION], by_estimator[SCORE_FUNCTION]
    longest = sizes.horizons[-1]
    short = max(h for h in sizes.horizons if h <= SHORT)
    error = np.hypot(back.along_high - back.along, score.along_high - score.along)
    apart = 1.96 * np.abs(back.along - score.along) / np.where(error > 0, error, 1.0)
    best = int(back.cosine.idxmax())
    noisier = back.index[back.variance > score.variance]
    return {
        "short": short,
        "longest": longest,
        "back_short": float(back.variance[short]),
        "back_long": float(back.variance[longest]),
        "growth": float(back.variance[longest] / back.variance[short]),
        "score_short": float(score.variance[short]),
        "score_long": float(score.variance[longest]),
        "score_growth": float(score.variance[longest] / score.variance[short]),
        "crossing": float(noisier[0]) if len(noisier) else np.nan,
        "apart": float(np.max(apart)),
        "along_short": float(back.along[short]),
        "along_long": float(score.along[longest]),
        "best": best,
        "cosine_best": float(back.cosine[best]),
        "cosine_short": float(back.cosine[short]),
        "cosine_long": float(back.cosine[longest]),
        "cosine_score": float(score.cosine[longest]),
    }


def expectations(n: dict[str, float], sizes: Sizes) -> dict[str, bool]:
    """What was expected before it was measured."""
    short, longest = n["short"], n["longest"]
    slower = {name: n[f"parity_{name}"] for name in ("reinforce", "a2c")}
    first = all(
        np.isnan(steps) or n["parity_bp"] < steps for steps in slower.values()
    ) and not np.isnan(n["parity_bp"])
    return {
        "JAX refuses to differentiate the exact game's reward by an action.": (
            n["refused"] == 1
        ),
        "With hard contacts the derivative is exactly zero for more than 99.9 % of the "
        "actions.": n["hard_zero"] > 0.999,
        "Backpropagation through the smooth game comes to a mean return of 0 in fewer "
        "agent steps than REINFORCE and actor-critic (medians).": first,
        f"At {short:.0f} agent steps the backpropagated gradient varies less than the "
        "score function's.": n["back_short"] < n["score_short"],
        "The variance of the backpropagated gradient grows faster than the horizon "
        f"(from {short:.0f} to {longest:.0f} agent steps).": (
            n["growth"] > longest / short
        ),
        f"At {longest:.0f} agent steps it varies more than the score function's.": (
            n["back_long"] > n["score_long"]
        ),
        "The two estimators have the same mean: along the long-horizon gradient they "
        f"are within {CRITICAL:.0f} standard errors at every horizon.": (
            n["apart"] < CRITICAL
        ),
        "Backpropagation's best direction, from the same number of games, has a "
        f"horizon shorter than {longest:.0f} agent steps.": n["best"] < longest,
        "In the exact Pong the policy plays better than at random (interval above "
        f"{n['random_play']:.1f}).": n["exact_low"] > n["random_play"],
        "It even beats the console's own player there (interval above 0).": (
            n["exact_low"] > 0
        ),
    }
