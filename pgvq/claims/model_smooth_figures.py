"""The figures of the claim on the smooth Pong: learning, gradients over horizons."""

from pathlib import Path

import pandas as pd

from pgvq.claims.model_smooth_numbers import SCORE_FUNCTION
from pgvq.claims.model_smooth_runs import BACKPROPAGATION
from pgvq.plotting.panels import COLORS, Curve, Panel, Rows, panels, seeds_curve
from pgvq.study.definition import Finding

HUES = {
    BACKPROPAGATION: COLORS["backpropagation"],
    "REINFORCE": COLORS["policy gradient"],
    "actor-critic": COLORS["policy gradient light"],
    SCORE_FUNCTION: COLORS["policy gradient"],
}


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Two figures: learning with the exact game's scores, gradients over horizons."""
    return [*draw_learning(finding, folder), *draw_horizons(finding, folder)]


def draw_learning(finding: Finding, folder: Path) -> list[Path]:
    """Learning curves in the smooth game, and scores in the exact one."""
    n = finding.numbers
    curves = [
        learning_curve(name, rows)
        for name, rows in finding.tables["curves"].groupby("algorithm", sort=False)
    ]
    learning = Panel(
        "The smooth game, while learning",
        "thousand agent steps",
        "mean return of a point",
        curves,
        lines={"as many won as lost": 0.0},
    )
    scores = Rows(
        "The exact game",
        "score of a game to 21 points",
        {"policy learnt by backpropagation": finding.tables["exact"].score},
        {"policy learnt by backpropagation": COLORS["backpropagation"]},
        {"random play": n["random_play"], "level": 0.0},
    )
    return panels(
        folder / "learning",
        "Does backpropagation learn Pong where the game is smooth?",
        "Three ways to learn one game, and what the first plays in the real one",
        [learning, scores],
        f"{n['seeds']:.0f} seeds. Lines: interquartile mean over seeds; bands: its "
        "95 % bootstrap interval. Right: a dot per seed, the mean of "
        f"{n['matches']:.0f} complete games against the console; diamond and bar: "
        "interquartile mean and interval.",
    )


def learning_curve(name: object, rows: pd.DataFrame) -> Curve:
    """The interquartile mean over seeds, with its interval."""
    wide = rows.pivot(index="seed", columns="agent_steps", values="mean_return")
    return seeds_curve(str(name), wide.columns / 1000, wide, HUES[str(name)])


def draw_horizons(finding: Finding, folder: Path) -> list[Path]:
    """Noise, signal, bias and direction of both gradients over the horizon."""
    n, table = finding.numbers, finding.tables["horizons"]
    # Bars of the longest horizons may be long beyond all reading: they are cut.
    reach = 2 * float(table[table.estimator == SCORE_FUNCTION].along_high.max())
    parts = [
        Panel(
            "Noise: variance of one game's gradient",
            "horizon, agent steps",
            "total variance",
            horizon_curves(table, "variance", marker=""),
            x_log=True,
            y_log=True,
        ),
        Panel(
            "Signal: length of the mean gradient",
            "horizon, agent steps",
            "length, less what noise adds",
            horizon_curves(table, "norm", marker="o"),
            x_log=True,
            y_log=True,
        ),
        Panel(
            "Bias: mean along the long-horizon gradient",
            "horizon, agent steps",
            "component",
            horizon_curves(table, "along", marker="o"),
            x_log=True,
            lines={"nothing": 0.0},
            y_limits=(-reach, reach),
        ),
        Panel(
            f"Both: direction of one estimate, {n['games']:.0f} games",
            "horizon, agent steps",
            "cosine to the long-horizon one",
            horizon_curves(table, "cosine", marker="o"),
            x_log=True,
            lines={"no better than chance": 0.0},
        ),
    ]
    return panels(
        folder / "horizons",
        "How far ahead should one backpropagate?",
        "Two estimates of one gradient, from the same games of a policy with noise",
        parts,
        f"{n['batches'] * n['games']:,.0f} games of the policy that seed 0 has after "
        f"{n['halfway']:,.0f} agent steps, with Gaussian noise of deviation "
        f"{n['deviation']:g} on its speeds. Bands: 95 % bootstrap intervals; bars: "
        "1.96 standard errors, cut where they leave the panel; no point where noise "
        "hides a length. The long-horizon "
        f"gradient is the score function's for {n['longest']:.0f} agent steps, from "
        "games of its own.",
    )


def horizon_curves(table: pd.DataFrame, what: str, marker: str) -> list[Curve]:
    """One curve of a column for each estimator, with its ends where it has some."""
    return [
        Curve(
            str(name),
            rows.horizon,
            rows[what],
            rows.get(f"{what}_low"),
            rows.get(f"{what}_high"),
            color=HUES[str(name)],
            marker=marker,
        )
        for name, rows in table.groupby("estimator", sort=False)
    ]
