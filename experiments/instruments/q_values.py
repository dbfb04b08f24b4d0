"""Instrument: what action values promise, what is obtained, and how far Q* is."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgvq.algorithms import DQN, PQN, RolloutAlgorithm, Tabular
from pgvq.analysis.statistics import estimate
from pgvq.diagnostics.exact_pong import SmallPong
from pgvq.diagnostics.q_training import values_along_training
from pgvq.diagnostics.q_values import distance_to_best, overestimated
from pgvq.plotting.panels import (
    COLORS,
    Curve,
    Panel,
    bands_in_words,
    panels,
    seeds_curve,
)
from pgvq.study.definition import Claim, Finding, Say

SMALL_DISCOUNT = 0.95
LOOKS = {
    "DQN": (COLORS["Q-learning dark"], "-"),
    "double DQN": (COLORS["Q-learning"], "-"),
    "PQN": (COLORS["Q-learning light"], "-"),
    "table": (COLORS["reference"], "-"),
}


def on_pong() -> dict[str, RolloutAlgorithm]:
    """The three networks at their defaults, on Pong."""
    return {"DQN": DQN(double=False), "double DQN": DQN(), "PQN": PQN()}


def on_small_pong() -> dict[str, RolloutAlgorithm]:
    """The same on the Pong that is solved exactly, and a table."""
    env = SmallPong()
    networks = {
        name: algorithm.replace(env=env, discount=SMALL_DISCOUNT)
        for name, algorithm in on_pong().items()
    }
    table = Tabular(env=env, discount=SMALL_DISCOUNT, num_envs=32, epsilon=0.2)
    return {**networks, "table": table}


def measure(
    say: Say,
    steps: int = 200_000,
    small_steps: int = 150_000,
    points: int = 6,
    seeds: int = 5,
    max_steps: int = 640,
) -> Finding:
    """Both measures along the training of every method."""
    values = values_along_training(
        on_pong(),
        steps,
        points,
        seeds,
        partial(overestimated, max_steps=max_steps),
        lambda name: say(f"Pong, {name}"),
    )
    best = distance_to_best(SmallPong(), SMALL_DISCOUNT)
    distances = values_along_training(
        on_small_pong(),
        small_steps,
        points,
        seeds,
        best,
        lambda name: say(f"small Pong, {name}"),
    )
    ends = summary(values, "over_estimation")
    far = summary(distances, "mean")
    return Finding(
        numbers=numbers(values, distances, seeds),
        tables={
            "over_estimation": values,
            "distance": distances,
            "at_the_end": display(values, distances),
        },
        expectations={
            "DQN overestimates on Pong: after training its values are higher than what "
            "is obtained (the whole interval is above zero).": ends["DQN"][1] > 0,
            "Double Q-learning overestimates less than DQN: its interval lies below "
            "that of DQN.": ends["double DQN"][2] < ends["DQN"][1],
            "PQN, without a target network, overestimates less than DQN: its interval "
            "lies below that of DQN.": ends["PQN"][2] < ends["DQN"][1],
            "On the small Pong every method comes nearer to the best values: at the "
            "end the mean distance is less than half of that at the beginning.": all(
                at_the_end(distances, name)["mean"].mean()
                < 0.5 * at_the_start(distances, name)["mean"].mean()
                for name in LOOKS
            ),
            "Networks generalise: with as many agent steps double DQN stands nearer to "
            "the best values than a table (intervals apart).": far["double DQN"][2]
            < far["table"][1],
            "Who stands nearer to the best values gives less away: double DQN less per "
            "choice than the table.": summary(distances, "regret")["double DQN"][0]
            < summary(distances, "regret")["table"][0],
        },
    )


def at_the_end(frame: pd.DataFrame, variant: str) -> Any:
    """The rows of the last measurement of every seed of a variant."""
    rows: Any = frame[frame.variant == variant]
    return rows[rows.agent_steps == rows.agent_steps.max()]


def at_the_start(frame: pd.DataFrame, variant: str) -> Any:
    """The rows of the first."""
    rows: Any = frame[frame.variant == variant]
    return rows[rows.agent_steps == rows.agent_steps.min()]


def summary(frame: pd.DataFrame, column: str) -> dict[str, tuple[float, float, float]]:
    """By variant the interquartile mean of the seeds at the end, and its interval."""
    found = {}
    for variant in frame.variant.unique():
        runs = at_the_end(frame, variant)[column].to_numpy()
        middle, low, high = map(float, estimate(runs))
        found[variant] = middle, low, high
    return found


def numbers(
    values: pd.DataFrame, distances: pd.DataFrame, seeds: int
) -> dict[str, float]:
    """What the text quotes."""
    ends = {name: at_the_end(values, name) for name in values.variant.unique()}
    quoted: dict[str, float] = {
        "seeds": seeds,
        "steps": int(values.agent_steps.max()),
        "small_steps": int(distances.agent_steps.max()),
        "bootstrapped": float(
            np.mean([end.bootstrapped_share.mean() for end in ends.values()])
        ),
    }
    for name, end in ends.items():
        word = name.lower().replace(" ", "_")
        quoted[f"{word}_estimated"] = float(end.estimated.mean())
        quoted[f"{word}_obtained"] = float(end.obtained.mean())
        quoted[f"{word}_over"] = float(end.over_estimation.mean())
    return quoted


def display(values: pd.DataFrame, distances: pd.DataFrame) -> pd.DataFrame:
    """A row per method, rounded, for the page."""
    rows = []
    for name in LOOKS:
        row: dict[str, str] = {"method": name}
        on_pong, small = at_the_end(values, name), at_the_end(distances, name)
        for column, title in (
            ("estimated", "promised"),
            ("obtained", "obtained"),
            ("over_estimation", "too high by"),
        ):
            known = len(on_pong) > 0
            row[title] = f"{on_pong[column].mean():+.2f}" if known else "-"
        for column, title in (
            ("mean", "mean distance to Q*"),
            ("largest", "largest distance"),
            ("regret", "given away per choice"),
        ):
            row[title] = f"{small[column].mean():.3f}"
        rows.append(row)
    return pd.DataFrame(rows)


def curve(frame: pd.DataFrame, variant: str, column: str, name: str = "") -> Curve:
    """The interquartile mean of the seeds along training, and its interval."""
    rows = frame[frame.variant == variant]
    runs = rows.pivot(index="seed", columns="agent_steps", values=column)
    thousands = runs.columns.to_numpy() / 1000
    return seeds_curve(name or variant, thousands, runs, *LOOKS[variant])


STEPS = "thousand agent steps"


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Over-estimation on Pong, and the distance to the best values on the small one."""
    values, distances = finding.tables["over_estimation"], finding.tables["distance"]
    seeds = int(finding.numbers["seeds"])
    bands = f"Interquartile means of {seeds} seeds; {bands_in_words(seeds)}."
    parts = []
    for variant in on_pong():
        promised = curve(values, variant, "estimated", "promised")
        obtained = curve(values, variant, "obtained", "obtained")
        grey = COLORS["reference"]
        curves = [promised, obtained._replace(color=grey, dashes=(0, (5, 1.6)))]
        limits = (-1.05, 1.05)
        y_label = "discounted return"
        parts.append(Panel(variant, STEPS, y_label, curves, y_limits=limits))
    over = [curve(values, variant, "over_estimation") for variant in on_pong()]
    title = "promised less obtained"
    parts.append(Panel(title, STEPS, "over-estimation", over, lines={"honest": 0.0}))
    files = panels(
        folder / "over_estimation",
        "Do action values promise more than is obtained?",
        "Pong: Q(s, a) of the actions that are played, and the return that follows",
        parts,
        f"{bands} Each measurement: all agent steps of two points in each of 32 games, "
        "played greedily. A return that is not complete when the measurement ends "
        "closes with the value that the network gives to the last state.",
    )
    parts = [
        Panel(title, STEPS, y_label, [curve(distances, v, column) for v in LOOKS])
        for title, y_label, column in (
            ("mean distance to Q*", "|Q - Q*|", "mean"),
            ("largest distance to Q*", "max |Q - Q*|", "largest"),
            ("too high or too low", "mean of Q - Q*", "bias"),
            ("what a greedy choice gives away", "Q* lost per choice", "regret"),
        )
    ]
    parts[2] = parts[2]._replace(lines={"exact": 0.0})
    return files + panels(
        folder / "distance",
        "How far from the best values is what has been learnt?",
        "Small Pong, solved exactly by value iteration",
        parts,
        f"{bands} States are weighted by how often the best player meets them, if one "
        "action in ten is random; the largest distance is over all states that this "
        "player can meet.",
    )


TEXT = r"""
**Are action values true?** Q-learning regresses on $r + \gamma \max_{a'} Q(s', a')$.
Estimates err in both directions, and the maximum picks those that err upwards: for
noise of mean zero $\mathbb{E} \max_a \hat Q(a) \ge \max_a \mathbb{E} \hat Q(a)$, and
the next target is built on it. *Double* Q-learning lets one network choose the action
and another one say its value.

Two measurements tell how much of this happens. On Pong every network plays greedily,
and each value that it gave to its own action is compared with the discounted return
that really followed:

$$\text{over-estimation} = \mathbb{E}\big[\, Q(s_t, a_t) - \textstyle\sum_{k \ge 0}
\gamma^k r_{t+k} \,\big].$$

<<figure:over_estimation|Values promised and returns obtained along training>>

After <<steps:,.0f>> agent steps DQN promises <<dqn_estimated:+.2f>> per state and gets
<<dqn_obtained:+.2f>>; double DQN promises <<double_dqn_estimated:+.2f>> and gets
<<double_dqn_obtained:+.2f>>; PQN promises <<pqn_estimated:+.2f>> and gets
<<pqn_obtained:+.2f>>. A new network says about zero of everything, whatever it then
obtains. (At the end <<bootstrapped:.0%>> of the agent steps belong to points that
outlast the measurement.)

On a small Pong of 8 by 7 cells the best values $Q^*$ are known exactly, by value
iteration: $Q(s, a) \leftarrow \mathbb{E}[r + \gamma \max_{a'} Q(s', a')]$ until nothing
changes. There the distance itself can be drawn:

<<figure:distance|Distance of learnt action values from the best ones along training>>

<<table:at_the_end>>

A table has to meet a state before it knows anything about it; a network says something
about every state, right or wrong. What a greedy choice gives away depends on the order
of the values alone: a method may be far from $Q^*$ and still choose well.

<<expectations>>
"""

q_values = Claim(
    name="q_values",
    title="What action values promise, and what is obtained",
    measure=measure,
    draw=draw,
    text=TEXT,
)
