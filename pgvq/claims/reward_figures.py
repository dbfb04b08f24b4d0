"""The figures of the claim on rewards, first values and targets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pgvq.claims.reward_runs import REWARDS, STARTS, TARGETS, pivoted
from pgvq.plotting.panels import COLORS, Curve, Panel, Rows, panels, seeds_curve
from pgvq.study.definition import Finding

SCORE = "score: points won minus lost, per game"
STEPS = "agent steps of each run, thousands"
LIMITS = (-22.0, 22.0)
SHADES = ("", " light", " dark")  # of a method's colour, in the order of the variants


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Three figures: rewards, first values, targets; returns the files."""
    return [
        *draw_rewards(finding, folder),
        *draw_compared(
            finding,
            folder / "starts",
            "Does it matter where a Q-network's values start?",
            STARTS,
            "first values",
        ),
        *draw_compared(
            finding,
            folder / "targets",
            "What does the target network do for DQN?",
            TARGETS,
            "target network",
        ),
    ]


def draw_rewards(finding: Finding, folder: Path) -> list[Path]:
    """Both methods by what they are paid for: final scores and learning curves."""
    scores, methods = finding.tables["scores"], ("actor-critic", "DQN")
    colors = dict(zip(methods, ("policy gradient", "Q-learning"), strict=True))
    shown = {name: name for name in REWARDS}
    of = {method: scores.loc[scores["method"] == method] for method in methods}
    parts: list[Panel | Rows] = [
        score_rows(f"{method}, at the end", of[method], shown, colors[method], finding)
        for method in methods
    ]
    parts += [
        score_curves(f"{method}, while it learns", of[method], shown, colors[method])
        for method in methods
    ]
    return panels(
        folder / "rewards",
        "What must Pong pay for, so that it can be learnt?",
        "Score in games to 21, greedy play, by what training paid for",
        parts,
        caption(finding),
    )


def draw_compared(
    finding: Finding,
    stem: Path,
    question: str,
    variants: Mapping[str, str],
    what: str,
) -> list[Path]:
    """Variants of DQN: final scores, learning curves, and the values they predict."""
    scores = finding.tables["scores"]
    of = scores.loc[scores["method"] == "DQN"]
    color = "Q-learning"
    parts = [
        score_rows("score at the end", of, variants, color, finding),
        score_curves("score while it learns", of, variants, color),
        value_curves(finding.tables["values"], variants, color),
        spread_curves(finding.tables["values"], variants, color),
    ]
    words = (
        f"{caption(finding)} Predicted values: mean over minibatches of replayed "
        "transitions; line: mean over the seeds, band: lowest to highest seed. "
    )
    return panels(
        stem, question, f"DQN on Pong, paid for points, by its {what}", parts, words
    )


def shades(variants: Mapping[str, str], color: str) -> dict[str, str]:
    """A shade for each variant, by the name that is shown."""
    pairs = zip(variants, SHADES, strict=True)
    return {shown: COLORS[color + shade] for shown, shade in pairs}


def score_rows(
    title: str,
    scores: pd.DataFrame,
    variants: Mapping[str, str],
    color: str,
    finding: Finding,
) -> Rows:
    """Final scores, a dot per seed."""
    last = {
        shown: pivoted(scores, name, "score")[1][:, -1]
        for shown, name in variants.items()
    }
    lines = {"before learning": finding.numbers["before"]}
    return Rows(title, SCORE, last, shades(variants, color), lines)


def score_curves(
    title: str, scores: pd.DataFrame, variants: Mapping[str, str], color: str
) -> Panel:
    """Interquartile means of the scores over training, with their intervals."""
    curves = []
    for shown, name in variants.items():
        steps, values = pivoted(scores, name, "score")
        look = shades(variants, color)[shown]
        curves.append(seeds_curve(shown, steps / 1000, values, look))
    return Panel(title, STEPS, "score", curves, y_limits=LIMITS)


def value_curves(
    values: pd.DataFrame, variants: Mapping[str, str], color: str
) -> Panel:
    """Mean predicted values over training."""
    curves = []
    for shown, name in variants.items():
        steps, each = pivoted(values, name, "q_mean")
        ends = each.min(axis=0), each.max(axis=0)
        look = shades(variants, color)[shown]
        curves.append(Curve(shown, steps / 1000, each.mean(axis=0), *ends, look))
    lines = {"every point won": 1.0, "every point lost": -1.0}
    return Panel("mean predicted value", STEPS, "value, points", curves, lines=lines)


def spread_curves(
    values: pd.DataFrame, variants: Mapping[str, str], color: str
) -> Panel:
    """How far apart the seeds' mean predicted values lie."""
    curves: Sequence[Curve] = [
        Curve(
            shown,
            (found := pivoted(values, name, "q_mean"))[0] / 1000,
            found[1].std(axis=0),
            color=shades(variants, color)[shown],
        )
        for shown, name in variants.items()
    ]
    title = "spread of that value over seeds"
    return Panel(title, STEPS, "standard deviation, points", curves)


def caption(finding: Finding) -> str:
    """Seeds, games, and what the marks are."""
    numbers = finding.numbers
    seeds, games = int(numbers["seeds"]), int(numbers["games"])
    return (
        f"{seeds} seeds of each, {games} games per seed and evaluation. Dots: seeds. "
        "Diamonds and lines of scores: interquartile means; bars and bands: 95 % "
        "bootstrap intervals, whole runs resampled."
    )
