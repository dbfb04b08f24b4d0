"""The figures of left or right: gradients, what lies between the actions, learning."""

from pathlib import Path

import numpy as np
import pandas as pd

from pgvq.claims import choice_curves, choice_gradients, choice_learning
from pgvq.claims.choice_gradients import (
    CURVES,
    EXPECTED,
    NO_BASELINE,
    OPTIMAL,
    PROBABILITIES,
    SHIFT,
    SHIFTED,
    TEMPERATURES,
    gumbel_name,
    rows_of,
)
from pgvq.claims.choice_learning import METHODS
from pgvq.plotting.panels import COLORS, Curve, Panel, panels
from pgvq.study.definition import Finding


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Three figures: gradients, what lies between the actions, learning."""
    moments = finding.tables["moments"]
    samples = f"{finding.numbers['samples']:,.0f} samples per policy and estimator"
    return [
        *draw_gradients(moments, folder, samples),
        *draw_between(moments, folder, samples),
        *draw_learning(finding, folder),
    ]


def draw_gradients(moments: pd.DataFrame, folder: Path, samples: str) -> list[Path]:
    """The gradient's mean against the truth, and REINFORCE's deviation."""
    exact = rows_of(moments, NO_BASELINE)
    means = [Curve("exact", exact.probability, exact.exact, color=COLORS["reference"])]
    for method, color in (
        ("REINFORCE", "policy gradient"),
        ("backpropagation", "backpropagation"),
    ):
        rows = rows_of(moments, method)
        low, high = rows["mean"] - 2 * rows.error, rows["mean"] + 2 * rows.error
        means.append(
            Curve(
                method,
                rows.probability,
                rows["mean"],
                low,
                high,
                color=COLORS[color],
                dashes="",
                marker="o",
            )
        )
    named = {
        NO_BASELINE: ("no baseline", "policy gradient"),
        EXPECTED: ("baseline: expected reward", "policy gradient dark"),
        OPTIMAL: ("optimal baseline", "other"),
        SHIFTED: (f"no baseline, {SHIFT:g} added to both rewards", "reference"),
    }
    closed = choice_gradients.exact_deviations(PROBABILITIES)
    spreads = []
    for method, (words, color) in named.items():
        rows = rows_of(moments, method)
        spreads += [
            Curve(words, PROBABILITIES, closed[method], color=COLORS[color]),
            Curve(
                "",
                rows.probability,
                rows.deviation,
                color=COLORS[color],
                dashes="",
                marker="o",
            ),
        ]
    return panels(
        folder / "gradients",
        "What is the gradient of a reward whose action was sampled?",
        "Left or right: gradient of the expected reward with respect to left's logit",
        [
            Panel("mean of the estimates", "P(left)", "gradient", means),
            Panel(
                "REINFORCE: deviation of one estimate", "P(left)", "deviation", spreads
            ),
        ],
        f"{samples}. Left: bars are two standard errors, mostly smaller than the dots. "
        "Right: dots are measured, lines are the closed form.",
    )


def draw_between(moments: pd.DataFrame, folder: Path, samples: str) -> list[Path]:
    """Estimators that need a reward between the actions, and what they make of it."""
    shades = dict(
        zip(CURVES, ("backpropagation", "backpropagation light", "other"), strict=True)
    )
    share = np.linspace(0, 1, 101)
    invented = [
        Curve(name, share, np.asarray(curve.reward(share)), color=COLORS[shades[name]])
        for name, curve in CURVES.items()
    ]
    exact = rows_of(moments, NO_BASELINE)
    passed = []
    for name, shade in shades.items():
        rows = rows_of(moments, "straight-through", name)
        color = COLORS[shade]
        passed.append(Curve(name, rows.probability, rows["mean"], color=color))
    passed.append(
        Curve(
            "exact",
            exact.probability,
            exact.exact,
            color=COLORS["policy gradient dark"],
            dashes=(0, (2, 2)),
        )
    )
    bias, deviation = [], []
    ramp = ("Q-learning dark", "Q-learning", "Q-learning light", "other light")
    for temperature, shade in zip(TEMPERATURES, ramp, strict=True):
        rows = rows_of(moments, gumbel_name(temperature), "straight line")
        words = f"temperature {temperature:g}"
        x, color = rows.probability, COLORS[shade]
        low, high = rows.bias - 2 * rows.error, rows.bias + 2 * rows.error
        bias.append(Curve(words, x, rows.bias, low, high, color=color))
        deviation.append(Curve(words, x, rows.deviation, color=color))
    return panels(
        folder / "between",
        "Can autodiff be made to pass a sampled action?",
        "Estimators that differentiate a reward which is made up between the actions",
        [
            Panel(
                "three rewards of the same game", "share of left", "reward", invented
            ),
            Panel("straight-through: mean", "P(left)", "gradient", passed),
            Panel("Gumbel-softmax, straight line: bias", "P(left)", "bias", bias),
            Panel(
                "Gumbel-softmax, straight line: deviation of one estimate",
                "P(left)",
                "deviation",
                deviation,
            ),
        ],
        f"{samples}. Top left: the game itself pays at 0 (right) and at 1 (left), "
        "nothing is said of what lies between. Bands are two standard errors.",
    )


def draw_learning(finding: Finding, folder: Path) -> list[Path]:
    """Learning curves side by side, and the values that the regression finds."""
    seeds = f"{finding.numbers['seeds']:.0f} seeds"
    shades = (
        "backpropagation",
        "policy gradient",
        "policy gradient light",
        "Q-learning",
        "other",
        "reference",
        "other light",
    )
    colors = {m: COLORS[shade] for m, shade in zip(METHODS, shades, strict=True)}
    dashed = tuple(method for method in METHODS if "straight" in method)
    table = finding.tables["learning"]
    rewards = choice_curves.learning_curves(table, colors, dashed)
    named = {"Q(left)": COLORS["Q-learning"], "Q(right)": COLORS["Q-learning light"]}
    values = choice_curves.learning_curves(finding.tables["values"], named)
    return panels(
        folder / "learning",
        "Which way of learning finds left?",
        "Expected reward of the policy as it behaves, and the values of Q-learning",
        [
            Panel("policy", "gradient steps", "expected reward", rewards),
            Panel("Q-learning's regression", "gradient steps", "reward", values),
        ],
        f"{seeds}, one sampled action per gradient step; {choice_curves.BAND}. "
        f"Q-learning acts at random in {choice_learning.EPSILON:.0%} of its steps. All "
        "begin with a preference for right.",
    )
