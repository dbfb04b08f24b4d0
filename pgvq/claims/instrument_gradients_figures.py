"""Figures of the gradient lab on Pong: against lambda, and against the batch's size."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pgvq.diagnostics.gradient_estimators import LAMBDAS
from pgvq.diagnostics.gradient_statistics import cosine_at
from pgvq.plotting.panels import COLORS, Curve, Panel, panels
from pgvq.study.definition import Finding

ACTOR_CRITIC = "actor-critic, λ = {:g}"
DEFAULT, ONE_STEP, N_STEP = (ACTOR_CRITIC.format(x) for x in (0.95, 0.0, 1.0))
NAMES = [ACTOR_CRITIC.format(lambda_) for lambda_ in LAMBDAS]
SHADES = ("policy gradient light", "policy gradient", "policy gradient dark")
SIZES = np.geomspace(500, 1e7, 60)  # agent steps of an estimate
COMPARED = {
    ONE_STEP: ("one-step actor-critic", COLORS["other light"]),
    DEFAULT: ("actor-critic, λ=0.95", COLORS["policy gradient"]),
    N_STEP: ("16-step actor-critic", COLORS["policy gradient dark"]),
    "REINFORCE, running mean": ("REINFORCE", COLORS["reference"]),
}


def when(trained: int) -> str:
    """A point of training in words."""
    return f"after {round(trained, -3):,} steps" if trained else "before training"


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Against lambda, and against the size of an estimate."""
    frame = finding.tables["lab"]
    files = panels(
        folder / "lambda",
        "How far should an advantage look ahead before it trusts the critic?",
        "Actor-critic's gradient on rollouts of 16 agent steps, against the λ of its "
        "returns, before and along training",
        lambda_panels(frame),
        caption(finding.numbers)
        + " Bars are 95 % intervals. λ = 0 believes the critic after one step, λ = 1 "
        "after 16. Cosines of means are corrected for noise, and cut where that leads "
        "above 1.",
    )
    points = sorted(set(frame.trained_steps))
    return files + panels(
        folder / "batch_size",
        "How many agent steps does a gradient need, before it points the right way?",
        "Cosine of one estimate with the reference, against the agent steps that it is "
        "made from",
        [size_panel(frame, point) for point in (points[0], points[-1])],
        caption(finding.numbers)
        + " Lines follow from the measured bias and noise; dots are estimates measured "
        "at the algorithm's own size. A line that levels off below 1 is biased, if the "
        "table's interval says so too.",
    )


def caption(numbers: Mapping[str, float]) -> str:
    return (
        f"One training of an actor-critic on Pong. Estimates from "
        f"{numbers['sampled_steps'] / 1e6:.1f}M agent steps per point, the reference "
        f"from {numbers['reference_steps'] / 1e6:.1f}M others."
    )


def lambda_panels(frame: pd.DataFrame) -> list[Panel]:
    """Bias, its direction, noise, and what is left of a single estimate."""
    return [
        Panel(
            title="Bias of the estimate",
            x_label="λ",
            y_label="of the reference's length",
            curves=_curves(frame, "relative_bias"),
            lines={"no bias": 0.0},
        ),
        Panel(
            title="Direction of the mean estimate",
            x_label="λ",
            y_label="cosine with the reference",
            curves=_curves(frame, "alignment", highest=1.0),
            lines={"no bias": 1.0},
            y_limits=(-0.5, 1.05),
        ),
        Panel(
            title="Signal to noise per agent step",
            x_label="λ",
            y_label="squared mean / variance",
            curves=_curves(frame, "signal_to_noise_per_step"),
            y_log=True,
        ),
        Panel(
            title="Direction of a single estimate",
            x_label="λ",
            y_label="cosine with the reference",
            curves=_curves(frame, "cosine"),
            lines={"pure noise": 0.0},
        ),
    ]


def _curves(frame: pd.DataFrame, name: str, highest: float = math.inf) -> list[Curve]:
    """A curve per point of training, cut at `highest`."""
    curves = []
    points = frame.groupby("trained_steps")
    for shade, (trained, part) in zip(SHADES, points, strict=False):
        part = part.set_index("estimator").loc[NAMES]
        curves.append(
            Curve(
                name=when(int(str(trained))),
                x=part.lambda_,
                y=part[name].clip(upper=highest),
                low=part[f"{name}_low"].clip(upper=highest),
                high=part[f"{name}_high"].clip(upper=highest),
                color=COLORS[shade],
                marker="o",
            )
        )
    return curves


def size_panel(frame: pd.DataFrame, trained: int) -> Panel:
    """The cosine of larger and larger estimates, at one point of training."""
    rows = frame[frame.trained_steps == trained].set_index("estimator")
    curves = []
    for name, (words, color) in COMPARED.items():
        row = rows.loc[name]
        line = cosine_at(min(row.alignment, 1.0), row.noise_scale, SIZES)
        dot = [np.array([row[end]]) for end in ("cosine", "cosine_low", "cosine_high")]
        size = [row.agent_steps]
        curves += [
            Curve(words, SIZES, line, color=color),
            Curve("", size, *dot, color=color, dashes="", marker="o"),
        ]
    return Panel(
        title=when(trained)[0].upper() + when(trained)[1:],
        x_label="agent steps of the estimate",
        y_label="cosine with the reference",
        curves=curves,
        x_log=True,
        y_limits=(-0.3, 1.05),
        lines={"no bias, no noise": 1.0},
    )
