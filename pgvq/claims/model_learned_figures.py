"""The figure of the claim on learned models: errors, directions, scores."""

from pathlib import Path

import numpy as np
import pandas as pd

from pgvq.claims.model_learned_numbers import GAME, named
from pgvq.plotting.panels import COLORS, Curve, Panel, Rows, panels
from pgvq.study.definition import Finding

SHADES = ("#D9A5C7", "#A9558C", "#4A1942")  # from little data to much


def draw(finding: Finding, folder: Path) -> list[Path]:
    """One figure of three panels."""
    n, cosines = finding.numbers, finding.tables["cosines"]
    amounts = [int(amount) for amount in cosines.transitions.unique()]
    shades = np.linspace(0, len(SHADES) - 1, len(amounts)).round().astype(int)
    hues = {a: SHADES[s] for a, s in zip(amounts, shades, strict=True)}
    by_model = {named(amount): hue for amount, hue in hues.items()}
    parts = [
        error_panel(finding.tables["unrolled"], by_model),
        Panel(
            "Direction of the gradient through the model",
            "horizon, agent steps",
            "cosine to the game's own",
            cosine_curves(cosines, hues),
            lines={"no better than chance": 0.0},
            y_limits=(-1.05, 1.05),
        ),
        Rows(
            "Policies trained through it, in the game",
            "mean return of a point",
            dict(list(finding.tables["scores"].groupby("trained_through").score)),
            {GAME: COLORS["backpropagation"], **by_model},
            {"random play": n["random"], "level": 0.0},
        ),
    ]
    return panels(
        folder / "models",
        "Can one backpropagate through a game that is only learnt?",
        "Models of the smooth Pong, by the amount of random play they were fitted to",
        parts,
        "Errors: root mean square over the 13 entries of the observation, in games not "
        "used for fitting; cut where a model leaves the panel. Directions: mean "
        f"gradients of {n['gradients']:,.0f} games; bars: 95 % bootstrap intervals. "
        f"Policies: a dot per seed ({n['seeds']:.0f}), the mean of {n['matches']:.0f} "
        "points; diamond and bar: interquartile mean and 95 % bootstrap interval.",
    )


def error_panel(table: pd.DataFrame, by_model: dict[str, str]) -> Panel:
    """Errors of the observation over agent steps; those beyond reading are cut."""
    curves = [
        Curve(
            str(name),
            rows.agent_steps,
            rows.error,
            color=by_model.get(str(name), COLORS["reference"]),
        )
        for name, rows in table.groupby("model", sort=False)
    ]
    usual = table[~table.model.isin(by_model)].error
    return Panel(
        "Error of the model, rolled out",
        "agent steps",
        "error of the observation",
        curves,
        y_limits=(0.0, 1.5 * float(usual.max())),
    )


def cosine_curves(cosines: pd.DataFrame, hues: dict[int, str]) -> list[Curve]:
    """One curve per model."""
    return [
        Curve(
            named(amount),
            rows.horizon,
            rows.cosine,
            rows.low,
            rows.high,
            color=hue,
            marker="o",
        )
        for amount, hue in hues.items()
        for rows in [cosines[cosines.transitions == amount]]
    ]
