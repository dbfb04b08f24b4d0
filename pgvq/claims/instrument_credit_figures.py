"""The pictures of credit over time, made from what was found alone."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd

from pgvq.envs import PongState
from pgvq.envs.pong.rendering import render
from pgvq.plotting.credit import Strip, credit_strips
from pgvq.plotting.panels import COLORS, Curve, Panel, panels
from pgvq.study.definition import Finding

LOOKS = {
    "REINFORCE": COLORS["policy gradient light"],
    "actor-critic": COLORS["policy gradient dark"],
    "Q-learning": COLORS["Q-learning"],
}


def draw(finding: Finding, folder: Path) -> list[Path]:
    """One rally as strips, and the mean weights around hits and points."""
    return draw_rally(finding, folder) + draw_aligned(finding, folder)


def draw_rally(finding: Finding, folder: Path) -> list[Path]:
    """The weights of each choice of one rally, below frames of it."""
    rally = {
        name: column.to_numpy() for name, column in finding.tables["rally"].items()
    }
    words = np.stack([rally[f"word_{i}"] for i in range(4)]).astype(np.uint32)
    states = [
        PongState(time=jnp.int32(0), words=tuple(jnp.asarray(word))) for word in words.T
    ]
    error = float(np.sqrt(np.square(rally["error"]).mean()))
    largest = float(np.abs(rally["truth"]).max())
    strips = [Strip("the truth", rally["truth"], f"±{largest:.2g}  (± {error:.1g})")]
    strips += [Strip(name, rally[name]) for name in LOOKS]
    hit = int(rally["step"][rally["hit"].astype(bool)][0])
    return credit_strips(
        folder / "rally",
        "Which choice made the hit possible?",
        "A rally of Pong that the agent (right, green) wins, and the weight that each "
        "method gives to each of its choices",
        [render(state) for state in states],
        rally["step"],
        rally["move"],
        strips,
        {"the hit": hit},
        "Orange: more of this choice; purple: less of it; white: it does not matter. "
        "Each strip has the scale written at its right, in points. The truth: the "
        "difference that the choice makes to the mean discounted return when play "
        "goes on from there many times (in brackets its standard error). The point is "
        "won at step 0. Frames are drawn as they stand before the choice.",
    )


def draw_aligned(finding: Finding, folder: Path) -> list[Path]:
    """Mean weights and mean sizes around hits and points."""
    aligned = finding.tables["aligned"]
    standard = "weight, in its standard deviations"
    size = "mean size of the weight"
    parts = [
        panel(aligned, "hit", "weight", "around the hit that won", standard),
        panel(aligned, "hit", "size", "how large, around that hit", size),
        panel(aligned, "won", "weight", "before a point won", standard),
        panel(aligned, "lost", "weight", "before a point lost", standard),
    ]
    numbers = finding.numbers
    return panels(
        folder / "aligned",
        "For how long before a point does each method hold choices to account?",
        "Pong: weights of three methods for the same choices, rallies laid over each "
        "other",
        parts,
        f"Means over {numbers['hits']:.0f} hits, {numbers['won']:.0f} points won and "
        f"{numbers['lost']:.0f} lost by {numbers['seeds']:.0f} actor-critic agents; "
        "bands are 95 % intervals, rallies taken as independent. Each method's "
        "weights are divided by their standard deviation over all steps of the agent.",
    )


def panel(
    aligned: pd.DataFrame, event: str, column: str, title: str, y_label: str
) -> Panel:
    """One event, a curve per method."""
    curves = []
    for name, color in LOOKS.items():
        rows = aligned[(aligned.event == event) & (aligned.method == name)]
        curves.append(
            Curve(
                name=name,
                x=rows["step"],
                y=rows[column],
                low=rows[f"{column}_low"],
                high=rows[f"{column}_high"],
                color=color,
            )
        )
    x_label = (
        "agent steps after the hit"
        if event == "hit"
        else "agent steps before the point"
    )
    lines = {} if column == "size" else {"no say": 0.0}
    return Panel(title, x_label, y_label, curves, lines=lines)
