"""The figures of the threshold: gradients, what smoothing does, learning."""

from pathlib import Path

import numpy as np
import pandas as pd

from pgvq.claims import choice_curves, choice_exact
from pgvq.claims.choice_threshold import (
    BATCH,
    CONCENTRATION,
    COST,
    METHODS,
    SCALE,
    START,
)
from pgvq.envs.choices import THRESHOLD
from pgvq.plotting.panels import COLORS, Curve, Panel, panels
from pgvq.study.definition import Finding

GAUSSIAN, BETA = COLORS["policy gradient"], COLORS["policy gradient dark"]
ITSELF, SMOOTHED = COLORS["backpropagation"], COLORS["other"]


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Three figures."""
    return [
        *draw_gradients(finding, folder),
        *draw_smoothing(finding, folder),
        *draw_learning(finding, folder),
    ]


def draw_gradients(finding: Finding, folder: Path) -> list[Path]:
    """The expected reward as the network's output moves, and its derivative."""
    a = np.linspace(0.02, 0.98, 193)
    step = np.where(a > THRESHOLD, 1.0, -1.0)
    values = [
        Curve("no noise", a, step, color=ITSELF),
        Curve(
            "Gaussian policy", a, choice_exact.gaussian_value(a, SCALE), color=GAUSSIAN
        ),
        Curve("Beta policy", a, choice_exact.beta_value(a, CONCENTRATION), color=BETA),
    ]
    moments = finding.tables["moments"]
    slopes = [Curve("no noise", a, np.zeros_like(a), color=ITSELF)]
    exact = {
        "Gaussian": choice_exact.gaussian_gradient(a, SCALE),
        "Beta": choice_exact.beta_gradient(a, CONCENTRATION),
    }
    for policy, color in (("Gaussian", GAUSSIAN), ("Beta", BETA)):
        slopes.append(Curve(f"{policy} policy", a, exact[policy], color=color))
        slopes.append(dots(moments, policy, color))
    slopes.append(dots(moments, "Gaussian, pathwise", SMOOTHED, "pathwise, Gaussian"))
    return panels(
        folder / "gradients",
        "The network is differentiable and its reward a jump: what is there to climb?",
        "Threshold: expected reward of a policy whose mean is the network's output",
        [
            Panel("expected reward", "output of the network", "reward", values),
            Panel("its derivative", "output of the network", "per output", slopes),
        ],
        f"Lines are exact. Dots are means of {finding.numbers['samples']:,.0f} "
        "estimates by the score function, and by the pathwise derivative, with bars of "
        f"two standard errors. Gaussian policy: standard deviation {SCALE:g}; Beta "
        f"policy: concentration {CONCENTRATION:g}.",
    )


def dots(moments: pd.DataFrame, policy: str, color: str, name: str = "") -> Curve:
    """Measured means with bars of two standard errors."""
    rows = moments[moments.policy == policy]
    low, high = rows["mean"] - 2 * rows.error, rows["mean"] + 2 * rows.error
    return Curve(name, rows.output, rows["mean"], low, high, color, "", "o")


def draw_smoothing(finding: Finding, folder: Path) -> list[Path]:
    """How far a smoothed reward is felt, and where its optimum lies."""
    t = np.geomspace(0.005, 2, 200)
    felt = slope_curves(finding.tables["slopes"], t)
    best = choice_exact.smoothed_optimum(t, COST)
    found = finding.tables["optima"]
    earned = np.where(best > THRESHOLD, 1.0, -1.0) - COST * best
    x, y = found.temperature, found.found
    optima = [
        Curve("closed form", t, best, color=SMOOTHED),
        Curve("learnt", x, y, color=ITSELF, dashes="", marker="o"),
    ]
    rewards = [
        Curve("closed form", t, earned, color=SMOOTHED),
        Curve("learnt", x, found.earned, color=ITSELF, dashes="", marker="o"),
    ]
    label = "temperature"
    return panels(
        folder / "smoothing",
        "What if the jump is smoothed, so that backpropagation has something to climb?",
        "Threshold with the reward 2 σ((a - 1/2) / temperature) - 1",
        [
            Panel(
                "slope of the smoothed reward, by the distance from the jump",
                label,
                "per output",
                felt,
                x_log=True,
                y_log=True,
                y_limits=(1e-8, 1e2),
            ),
            Panel(
                "its best output, at a cost",
                label,
                "output",
                optima,
                x_log=True,
                lines={"best in the game": THRESHOLD},
            ),
            Panel(
                "what that earns in the game itself",
                label,
                "reward",
                rewards,
                x_log=True,
                lines={"best in the game": 1 - COST * THRESHOLD},
            ),
        ],
        f"The cost is {COST:g} of a unit of output. Lines are closed forms. Dots: "
        "autodiff in single precision (first), and where backpropagation of the "
        "smoothed reward ends, one network per temperature (the other two).",
    )


def slope_curves(slopes: pd.DataFrame, temperatures: np.ndarray) -> list[Curve]:
    """Of each distance the closed form along `[K]` temperatures, and autodiff's."""
    shades = ("Q-learning dark", "Q-learning", "Q-learning light", "other light")
    curves = []
    for distance, shade in zip(sorted(slopes.distance.unique()), shades, strict=True):
        color = COLORS[shade]
        exact = choice_exact.smoothed_slope(THRESHOLD - distance, temperatures)
        rows = slopes[(slopes.distance == distance) & (slopes.slope > 0)]
        curves += [
            Curve(f"{distance:g} away", temperatures, exact, color=color),
            Curve("", rows.temperature, rows.slope, color=color, dashes="", marker="o"),
        ]
    return curves


def draw_learning(finding: Finding, folder: Path) -> list[Path]:
    """The output of every method's network as it learns."""
    shades = (ITSELF, SMOOTHED, COLORS["other light"], GAUSSIAN, BETA)
    colors = dict(zip(METHODS, shades, strict=True))
    dashed = ("backpropagation, temperature 0.01",)
    table = finding.tables["learning"]
    curves = choice_curves.learning_curves(table, colors, dashed)
    return panels(
        folder / "learning",
        "Which way of learning crosses the threshold?",
        "Output of the network; above the line it wins",
        [
            Panel(
                "network's output",
                "gradient steps",
                "output",
                curves,
                lines={"threshold": THRESHOLD},
                y_limits=(0.0, 1.0),
            )
        ],
        f"{finding.numbers['seeds']:.0f} seeds from an output of {START:g}; "
        f"{choice_curves.BAND}. The score function has {BATCH} sampled actions per "
        "gradient step.",
    )
