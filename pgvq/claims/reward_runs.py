"""The runs behind the claim on rewards, first values and targets, and their scores."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgvq.algorithms import DQN, ActorCritic, Algorithm
from pgvq.analysis.statistics import Floats
from pgvq.claims.reward_environment import PaidPong, paid_by
from pgvq.devices import side_by_side
from pgvq.experiments.definition import Experiment
from pgvq.study.definition import Say
from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes

REWARDS = {"hits": "hit", "points": "score", "the game's end": "game"}  # ours: Pong's
BASELINE = "points"  # the DQN that takes part in all three comparisons
STARTS = {"at zero": BASELINE, "as usual": "as usual", "optimistic": "optimistic"}
TARGETS = {"copied": BASELINE, "averaged": "averaged", "none": "none"}

# A game lasts about 800 agent steps, of which 0.995 to the power of 800 leaves 2 %.
FAR_SIGHTED = 0.999


class Sizes(NamedTuple):
    """How much is measured; the defaults take about a minute on two cores."""

    seeds: int = 5
    actor_critic_steps: float = 300_000  # agent steps of each run
    dqn_steps: float = 120_000
    evaluations: int = 3  # after the one before learning
    games: int = 3  # complete games of each evaluation
    max_game_steps: int = 15_000
    chunks: int = 18  # of training, one mean of the metrics each


def actor_critics(env: PaidPong) -> dict[str, Algorithm]:
    """The policy gradient, by what it is paid for."""
    return {name: paid(ActorCritic(env=env), pays) for name, pays in REWARDS.items()}


def dqns(env: PaidPong, **settings: Any) -> dict[str, Algorithm]:
    """Q-learning, by what it is paid for, where it starts and what it aims at."""
    agent = DQN(
        env=env,
        n_step=3,
        learning_rate=2e-3,
        capacity=50_000,
        env_params=paid_by("score"),
    ).replace(**settings)
    each = agent.replace(target_period=1)
    return {
        **{name: paid(agent, pays) for name, pays in REWARDS.items()},
        "as usual": agent.replace(init_scale=1.0),
        "optimistic": agent.replace(initial_value=1.0),
        "averaged": each.replace(target_rate=0.005),
        "none": each.replace(target_rate=1.0),
    }


def paid(agent: Any, reward: str) -> Algorithm:
    """The same agent, paid by this reward of Pong's."""
    far = {"discount": FAR_SIGHTED} if reward == "game" else {}
    return agent.replace(env_params=paid_by(reward), **far)


class Runs(NamedTuple):
    """What became of the runs of one algorithm: tidy, a row per variant and seed."""

    scores: pd.DataFrame  # and agent_steps; score, cut: means of the greedy games
    metrics: pd.DataFrame  # and agent_steps; means of the metrics since the row before

    @property
    def variants(self) -> list[str]:
        """Their names, in order."""
        return list(dict.fromkeys(self.scores["variant"]))

    def curve(self, variant: str) -> tuple[Floats, Floats]:
        """Agent steps `[P]` and scores `[S, P]`."""
        return pivoted(self.scores, variant, "score")

    def final(self, variant: str) -> Floats:
        """The last score of each seed, `[S]`."""
        return self.last(variant, "score")

    def last(self, variant: str, column: str) -> Floats:
        """A column of the last evaluation, by seed, `[S]`."""
        return pivoted(self.scores, variant, column)[1][:, -1]


def pivoted(table: pd.DataFrame, variant: str, column: str) -> tuple[Floats, Floats]:
    """Agent steps `[P]` and the values `[S, P]` of one variant."""
    rows = table.loc[table["variant"] == variant]
    wide = rows.pivot(index="seed", columns="agent_steps", values=column)
    return wide.columns.to_numpy(float), wide.to_numpy(float)


def train(
    experiments: Mapping[str, Experiment], chunks: int, say: Say
) -> dict[str, Runs]:
    """Trains all lanes of some experiments, by name; says what is going on.

    `chunks`: parts of the training, of each of which the metrics are known.
    """
    say("compiling the programs")
    waiting = [
        (
            name,
            Lanes(lanes, experiment.games, experiment.game_steps(lanes[0].algorithm)),
        )
        for name, experiment in experiments.items()
        for lanes in experiment.batches(
            (variant, seed)
            for variant in experiment.variants
            for seed in experiment.seed_numbers
        )
    ]
    side_by_side({str(i): item[1].compile for i, item in enumerate(waiting)})
    found: dict[str, list[Runs]] = {name: [] for name in experiments}
    for number, (name, programs) in enumerate(waiting, 1):
        lanes = programs.lanes
        variants = ", ".join(dict.fromkeys(lane.variant for lane in lanes))
        say(f"{name}: {variants} ({number} of {len(waiting)} programs)")
        found[name].append(train_lanes(experiments[name], programs, chunks))
    return {
        name: Runs(*map(pd.concat, zip(*parts, strict=True)))
        for name, parts in found.items()
    }


def train_lanes(experiment: Experiment, programs: Lanes, chunks: int) -> Runs:
    """Trains lanes to the end of the budget; evaluates at the experiment's points."""
    algorithm = programs.lanes[0].algorithm
    points = experiment.points(algorithm)
    evenly = {round(points[-1] * part / chunks) for part in range(chunks + 1)}
    scores, metrics = [], []
    progress, now = programs.start(), 0
    for mark in sorted(evenly.union(points)):
        progress, _ = programs.advance(progress, mark - now)
        progress, means = programs.metrics(progress)
        now, steps = mark, experiment.steps_at(algorithm, mark)
        if mark:
            metrics.append(table(programs.lanes, steps, means))
        if mark in points:
            games = programs.evaluate(progress, points.index(mark))[0].games["greedy"]
            each = {"score": games.score, "cut": games.truncated}
            means = {name: np.mean(values, axis=1) for name, values in each.items()}
            scores.append(table(programs.lanes, steps, means))
    return Runs(pd.concat(scores), pd.concat(metrics))


def table(
    lanes: Sequence[Lane], agent_steps: int, columns: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """A row per lane; `columns` `[L]` each."""
    which = {
        "variant": [lane.variant for lane in lanes],
        "seed": [lane.seed for lane in lanes],
        "agent_steps": agent_steps,
    }
    return pd.DataFrame({**which, **columns})
