"""Claim: delayed and sparse reward, and how to start and update a Q-network.

`Pong(reward=...)` is compiled once for each reward, and compiling is most of what a
short run costs. In `PaidPong` the parameters choose the reward, and they are leaves of
an algorithm: runs that are paid in different ways train as lanes of one program.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import struct
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.algorithms import DQN, ActorCritic, Algorithm
from pgvq.analysis.statistics import MIN_RUNS, Estimate, Floats, difference, estimate
from pgvq.devices import side_by_side
from pgvq.envs import Pong, PongParams, evaluation_env
from pgvq.envs.pong.environment import PongState, Stepped
from pgvq.envs.pong.rewards import REWARDS, Played
from pgvq.experiments.definition import Experiment
from pgvq.plotting.panels import COLORS, Curve, Panel, Rows, panels, seeds_curve
from pgvq.rollout import init_world, rollout
from pgvq.study.definition import Claim, Finding, Say
from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes
from pgvq.types import InputError, Key, PyTree


@struct.dataclass
class PayParams(PongParams):
    """Which reward is paid, and what an episode is; made by `paid_by`."""

    weights: Any = (1.0, 0.0, 0.0)  # of each reward, in the order of `REWARDS`
    by_point: Any = 1.0  # 1 where an episode is a point, 0 where it is a game


def paid_by(reward: str) -> PayParams:
    """Parameters with which `PaidPong` is `Pong(reward=reward)`.

    An episode is a game where the reward comes at its end, and else a point. Raises
    `InputError` for a reward that Pong does not have.
    """
    if reward not in REWARDS:
        raise InputError(
            f"unknown reward {reward!r}: use one of {', '.join(REWARDS)}, as Pong does"
        )
    weights = tuple(float(name == reward) for name in REWARDS)
    return PayParams(weights=weights, by_point=float(reward != "game"))


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class PaidPong(Pong):
    """Pong, paid as its parameters say; otherwise as `Pong`."""

    @property
    def default_params(self) -> PayParams:
        """Paid by points."""
        return PayParams(max_steps_in_episode=self.cap)

    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        key: Key,
        state: PongState,
        action: int | float | Array,
        params: PayParams | None = None,
    ) -> Stepped:
        """One agent step, as `Pong.step`."""
        params = params or self.default_params
        obs, after, points, over, cut, info = super().step(key, state, action, params)
        # After a reset no ball flies, so a return of the ball is seen here as well:
        # none ends a game, whose last point is far from the agent's paddle.
        step = Played(state.court, after.court, points > 0, points < 0)
        score = jnp.where(over, info["score"] / self.points_to_win, 0.0)
        paid = {
            "score": points,
            "hit": REWARDS["hit"](step, self.points_to_win),
            "game": score,
        }
        reward = sum(
            weight * paid[name]
            for name, weight in zip(REWARDS, params.weights, strict=True)
        )
        ended = over | ((points != 0) & (jnp.asarray(params.by_point) > 0))
        return obs, after, jnp.asarray(reward), ended, cut, info | {"terminated": ended}


@evaluation_env.register
def _(env: PaidPong) -> Environment:
    """Complete games scored in points."""
    settings = {f.name: getattr(env, f.name) for f in dataclasses.fields(Pong)}
    return Pong(**settings).replace(episode="game", reward="score")


@partial(jax.jit, static_argnames=("env", "num_envs", "length"))
def paid_share(
    env: PaidPong, params: PayParams, key: Key, num_envs: int, length: int
) -> Array:
    """Share of the agent steps of random play that are paid for, `[]`; consumes `key`.

    Of `num_envs` games side by side, `length` agent steps each.
    """
    key_world, key_play = jax.random.split(key)

    def uniform(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree, PyTree]:
        return jax.random.randint(key, obs.shape[:1], 0, env.num_actions), memory, ()

    world = init_world(env, params, key_world, num_envs)
    batch = rollout(env, params, uniform, world, key_play, length)[1]
    return jnp.mean(batch.reward != 0)


PAID_FOR = {"hits": "hit", "points": "score", "the game's end": "game"}  # ours: Pong's
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
    return {name: paid(ActorCritic(env=env), pays) for name, pays in PAID_FOR.items()}


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
        **{name: paid(agent, pays) for name, pays in PAID_FOR.items()},
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


AT_END = "the game's end"
SMALL = 3.0  # points: less is not called an improvement
CLOSE = 0.1  # between two mean values, of points that count 1


def written(scores: Floats) -> str:
    """The interquartile mean of the seeds' scores `[S]` with its interval, if any."""
    middle, low, high = map(float, estimate(scores))
    if np.isnan([low, high]).all() or len(scores) < MIN_RUNS:
        return f"{middle:+.1f}"
    return f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]"


def gap_numbers(name: str, a: Floats, b: Floats) -> dict[str, float]:
    """How much higher the seeds of A score than those of B, `[S]` and `[S']`."""
    found = zip(("middle", "low", "high"), difference(a, b)[:3], strict=True)
    return {f"{name}_gap_{part}": float(value) for part, value in found}


def last_values(runs: Runs, variant: str) -> Floats:
    """Mean value that each seed predicts at the end of its training, `[S]`."""
    return pivoted(runs.metrics, variant, "q_mean")[1][:, -1]


def on_the_way(runs: Runs, variant: str) -> Floats:
    """Mean score of each seed at the evaluations between the first and last, `[S]`."""
    return runs.curve(variant)[1][:, 1:-1].mean(axis=1)


def numbers(runs: Mapping[str, Runs], shares: Mapping[str, float]) -> dict[str, float]:
    """All that the text names, by name.

    `runs` by algorithm; `shares` of random play's agent steps that each reward pays.
    """
    dqn, critic = runs["DQN"], runs["actor-critic"]
    found: dict[str, float] = {"before": before(runs)}
    for name, pays in PAID_FOR.items():
        found[f"per_thousand_{pays}"] = 1000 * shares[name]
    found["hits_per_point"] = shares["hits"] / shares["points"]
    pairs = {
        "critic_end": (critic, AT_END, BASELINE),
        "critic_hits": (critic, "hits", BASELINE),
        "dqn_end": (dqn, AT_END, BASELINE),
        "dqn_hits": (dqn, "hits", BASELINE),
        "usual": (dqn, "as usual", BASELINE),
        "optimistic": (dqn, "optimistic", BASELINE),
        "averaged": (dqn, "averaged", BASELINE),
        "none": (dqn, "none", BASELINE),
    }
    for name, (of, a, b) in pairs.items():
        found |= gap_numbers(name, of.final(a), of.final(b))
    slower = on_the_way(dqn, "none"), on_the_way(dqn, BASELINE)
    found |= gap_numbers("slower", *slower)
    for name in {**STARTS, **TARGETS}.values():
        values = last_values(dqn, name)
        found[f"value_{slug(name)}"] = float(values.mean())
        found[f"value_spread_{slug(name)}"] = float(values.std())
    cut = [of.last(name, "cut") for of in runs.values() for name in of.variants]
    found["cut_percent"] = 100 * float(np.mean(cut))
    return found


def before(runs: Mapping[str, Runs]) -> float:
    """Mean greedy score of all runs before they learn."""
    first = [of.curve(name)[1][:, 0] for of in runs.values() for name in of.variants]
    return float(np.concatenate(first).mean())


def slug(name: str) -> str:
    """A variant's name as part of an identifier."""
    return name.replace("'", "").replace(" ", "_")


def tables(
    runs: Mapping[str, Runs], shares: Mapping[str, float]
) -> dict[str, pd.DataFrame]:
    """What the figures are drawn from, and the three tables of the text."""
    dqn = runs["DQN"]
    return {
        "scores": every_row(runs, "scores", "score"),
        "values": every_row({"DQN": dqn}, "metrics", "q_mean"),
        "rewards": pd.DataFrame(
            [
                {
                    "paid for": name,
                    "rewards in 1000 agent steps of random play": round(
                        1000 * shares[name], 2
                    ),
                    **{
                        f"{method}, score": written(of.final(name))
                        for method, of in runs.items()
                    },
                }
                for name in PAID_FOR
            ]
        ),
        "starts": compared(dqn, STARTS, "first values"),
        "targets": compared(dqn, TARGETS, "target network"),
    }


def every_row(runs: Mapping[str, Runs], part: str, column: str) -> pd.DataFrame:
    """A column of all runs: a row per method, variant, seed and agent steps."""
    parts = []
    for method, of in runs.items():
        rows = getattr(of, part)
        kept = {name: rows[name] for name in ("variant", "seed", "agent_steps")}
        parts.append(
            pd.DataFrame({"method": method, **kept, column: rows[column].round(4)})
        )
    return pd.concat(parts, ignore_index=True)


def compared(dqn: Runs, variants: Mapping[str, str], what: str) -> pd.DataFrame:
    """A row per variant of DQN: score, worst seed, and the values that it predicts."""
    rows = []
    for shown, name in variants.items():
        scores, values = dqn.final(name), last_values(dqn, name)
        rows.append(
            {
                what: shown,
                "score": written(scores),
                "worst seed": f"{scores.min():+.1f}",
                "score on the way": written(on_the_way(dqn, name)),
                "mean value": f"{values.mean():+.2f}",
                "spread of it over seeds": f"{values.std():.2f}",
            }
        )
    return pd.DataFrame(rows)


def expectations(
    runs: Mapping[str, Runs], found: Mapping[str, float]
) -> dict[str, bool]:
    """What was expected beforehand, and whether it was measured."""

    def score(method: str, variant: str) -> Estimate:
        return estimate(runs[method].final(variant))

    def around_zero(name: str) -> bool:
        return found[f"{name}_gap_low"] <= 0 <= found[f"{name}_gap_high"]

    start = found["before"]
    spread = {name: found[f"value_spread_{name}"] for name in ("points", "none")}
    worst = {name: runs["DQN"].final(name).min() for name in ("points", "none")}
    faded = abs(found["value_optimistic"] - found["value_points"])
    return {
        "Paid for points, both methods play better than before they learnt (their 95 % "
        "intervals lie above it).": all(
            score(method, "points").low > start for method in runs
        ),
        "Paid for hits, both do so too, though no point is ever paid for.": all(
            score(method, "hits").low > start for method in runs
        ),
        f"Paid at the game's end alone, neither gains {SMALL:g} points on its "
        "beginning within this budget.": all(
            score(method, AT_END).value < start + SMALL for method in runs
        ),
        "Hits are the denser reward: random play is paid for them more often than for "
        "points.": found["hits_per_point"] > 1,
        "DQN ends no lower for hits than for points (the interval of the difference "
        "reaches 0 or lies above it).": found["dqn_hits_gap_high"] >= 0,
        "Values that start at zero and values that start as usual end alike (the "
        "interval of the difference contains 0).": around_zero("usual"),
        "Optimism does not last: at the end the mean predicted value is within "
        f"{CLOSE:g} of that after a start at zero.": faded < CLOSE,
        "Optimism does not help: the interval of the difference in score does not lie "
        "above 0.": found["optimistic_gap_low"] <= 0,
        "Copied and averaged targets end alike (the interval of the difference "
        "contains 0).": around_zero("averaged"),
        "Without a target network DQN learns more slowly: on the way it scores lower "
        "than with a copied one (the interval of the difference lies below 0).": found[
            "slower_gap_high"
        ]
        < 0,
        "Without a target network DQN ends lower (the interval of the difference lies "
        "below 0).": found["none_gap_high"] < 0,
        "Without a target network the worst seed ends lower than with a copied one.": (
            worst["none"] < worst["points"]
        ),
        "Without a target network the seeds' predicted values lie farther apart at the "
        "end.": spread["none"] > spread["points"],
    }


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
    shown = {name: name for name in PAID_FOR}
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
    curves = variant_curves(scores, "score", variants, color, seeds_curve)
    return Panel(title, STEPS, "score", curves, y_limits=LIMITS)


def variant_curves(
    table: pd.DataFrame,
    column: str,
    variants: Mapping[str, str],
    color: str,
    curve: Callable[[str, Floats, Floats, str], Curve],
) -> list[Curve]:
    """A curve of a column for each variant.

    `curve` makes it of a name, thousands of agent steps `[P]`, values `[S, P]` and a
    colour.
    """
    looks = shades(variants, color)
    curves = []
    for shown, name in variants.items():
        steps, values = pivoted(table, name, column)
        curves.append(curve(shown, steps / 1000, values, looks[shown]))
    return curves


def value_curves(
    values: pd.DataFrame, variants: Mapping[str, str], color: str
) -> Panel:
    """Mean predicted values over training."""

    def curve(name: str, steps: Floats, each: Floats, look: str) -> Curve:
        return Curve(name, steps, each.mean(0), each.min(0), each.max(0), look)

    curves = variant_curves(values, "q_mean", variants, color, curve)
    lines = {"every point won": 1.0, "every point lost": -1.0}
    return Panel("mean predicted value", STEPS, "value, points", curves, lines=lines)


def spread_curves(
    values: pd.DataFrame, variants: Mapping[str, str], color: str
) -> Panel:
    """How far apart the seeds' mean predicted values lie."""

    def curve(name: str, steps: Floats, each: Floats, look: str) -> Curve:
        return Curve(name, steps, each.std(axis=0), color=look)

    curves = variant_curves(values, "q_mean", variants, color, curve)
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


# Without FIRE it is learnt in a tenth of the time, and that is what a minute has.
ENV = PaidPong(num_actions=3)
PLAYED = (64, 4_000)  # games side by side and agent steps of each, of random play


def measure(
    say: Say,
    *,
    env: PaidPong = ENV,
    sizes: Sizes = Sizes(),  # noqa: B008
    settings: dict[str, Any] | None = None,
    played: tuple[int, int] = PLAYED,
) -> Finding:
    """Trains both methods, the policy gradient by 3 rewards, DQN in 7 ways.

    Args:
        say: is told what is going on.
        env: Pong.
        sizes: of the measurement.
        settings: fields of DQN that are to differ from the claim's.
        played: games and agent steps of the random play that rewards are counted in.
    """
    shared: dict[str, Any] = {
        "seeds": sizes.seeds,
        "evaluations": sizes.evaluations,
        "games": sizes.games,
        "max_game_steps": sizes.max_game_steps,
    }
    experiments = {
        "actor-critic": Experiment(
            name="actor-critic",
            algorithms=actor_critics(env),
            steps=sizes.actor_critic_steps,
            **shared,
        ),
        "DQN": Experiment(
            name="DQN",
            algorithms=dqns(env, **(settings or {})),
            steps=sizes.dqn_steps,
            **shared,
        ),
    }
    runs = train(experiments, sizes.chunks, say)
    say("how often each reward is paid in random play")
    key = jax.random.key(0)
    shares = {
        name: float(paid_share(env, paid_by(pays), key, *played))
        for name, pays in PAID_FOR.items()
    }
    found = numbers(runs, shares) | {
        "seeds": sizes.seeds,
        "games": sizes.games,
        "actor_critic_steps": sizes.actor_critic_steps,
        "dqn_steps": sizes.dqn_steps,
        "max_game_steps": sizes.max_game_steps,
    }
    return Finding(
        numbers=found,
        tables=tables(runs, shares),
        expectations=expectations(runs, found),
    )


TEXT = r"""
A point in Pong is decided many agent steps before it is scored. Which reward can an
agent learn from, where should the values of a Q-network start, and what should they be
regressed on? All runs are on the exact Pong with three actions (nothing, up, down) and
are scored alike: greedy play in games to 21 against the console, points won minus
points lost. Before learning that is <<before:+.1f>>.

### What is paid for

Both families maximise the expected discounted return

$$G_t = r_t + \gamma\, r_{t+1} + \gamma^2 r_{t+2} + \dots$$

and three ways to pay differ in where $r$ is not zero:

- **hits**: +1 for each return of the ball by the agent's paddle, nothing for points;
- **points**: +1 for a point won, -1 for one lost;
- **the game's end**: the final score divided by 21, once, and nothing before.

The last is the sum of the points, divided by 21 and paid late: what differs is the
delay. In 1000 agent steps of random play there are <<per_thousand_hit:.1f>> hits,
<<per_thousand_score:.1f>> points and <<per_thousand_game:.1f>> ends of games. A return
of the ball is rare at first, and the better the agent plays the more there are. For
the game's end we raised $\gamma$ to 0.999: a game lasts some 800 agent steps at first,
and DQN's usual 0.995 would leave its first action $0.995^{800} \approx 2\,\%$ of what
is paid.

<<figure:rewards|Scores of actor-critic and DQN by what they are paid for>>

<<table:rewards>>

Paid at the game's end instead of for points, the score at the end differs by
<<critic_end_gap_middle:+.1f>> points for actor-critic (95 % interval
<<critic_end_gap_low:+.1f>> to <<critic_end_gap_high:+.1f>>) and by
<<dqn_end_gap_middle:+.1f>> for DQN (<<dqn_end_gap_low:+.1f>> to
<<dqn_end_gap_high:+.1f>>); paid for hits instead of points, by
<<critic_hits_gap_middle:+.1f>> (<<critic_hits_gap_low:+.1f>> to
<<critic_hits_gap_high:+.1f>>) and by <<dqn_hits_gap_middle:+.1f>>
(<<dqn_hits_gap_low:+.1f>> to <<dqn_hits_gap_high:+.1f>>).

A reward for hits is of our making. It helps as far as returning the ball is what wins
the game, and an agent paid for hits has no reason to end a rally. The two methods are
not to be compared with each other here: actor-critic had
<<actor_critic_steps:,.0f>> agent steps a run and DQN <<dqn_steps:,.0f>>.

### Where the values start

DQN regresses $Q(s, a)$ on $r + \gamma \max_{a'} Q(s', a')$. On the right stands a value
of the network's own, so what it says before it knows anything is learnt from. Its last
layer can start **at zero** (weights a hundredth of the usual size), **as usual**
($1 / \sqrt{n}$ for $n$ inputs), or **optimistic** (at zero, plus 1 for every action: a
point won for certain). In a table, optimism makes an agent try what it has not tried
yet (Sutton & Barto 2018, section 2.6); but a network generalises, and what it learns of
one state changes the values of all.

<<figure:starts|Scores and predicted values of DQN by where its values start>>

<<table:starts>>

Against the start at zero, the score at the end differs by <<usual_gap_middle:+.1f>>
points for the usual one (<<usual_gap_low:+.1f>> to <<usual_gap_high:+.1f>>) and by
<<optimistic_gap_middle:+.1f>> for the optimistic one (<<optimistic_gap_low:+.1f>> to
<<optimistic_gap_high:+.1f>>). Where an interval holds 0, these runs do not tell the two
apart.

### What the values are regressed on

The value on the right can come from an older copy $\theta^-$ of the weights $\theta$,
so that the goal holds still while it is approached:

- **copied**: $\theta^- \leftarrow \theta$ every 250 updates (Mnih et al. 2015);
- **averaged** (Polyak): $\theta^- \leftarrow \theta^- + 0.005\,(\theta - \theta^-)$ at
  every update;
- **none**: $\theta^- = \theta$ always.

<<figure:targets|Scores and predicted values of DQN by its target network>>

<<table:targets>>

Against copying, the score at the end differs by <<averaged_gap_middle:+.1f>> points for
averaging (<<averaged_gap_low:+.1f>> to <<averaged_gap_high:+.1f>>) and by
<<none_gap_middle:+.1f>> for no target network (<<none_gap_low:+.1f>> to
<<none_gap_high:+.1f>>). On the way, at the evaluations between the first and the last,
no target network differs by <<slower_gap_middle:+.1f>> (<<slower_gap_low:+.1f>> to
<<slower_gap_high:+.1f>>).

### What was expected, and what was measured

<<expectations>>

These are short runs of <<seeds:d>> seeds: intervals from so few are somewhat too
narrow, and all of them hold for this budget only. Games were cut at
<<max_game_steps:,.0f>> agent steps and counted as they stood then: of the last ones
<<cut_percent:.0f>> %.
"""

reward_and_targets = Claim(
    name="reward_and_targets",
    title="Delayed and sparse reward; how to start and update a Q-network",
    measure=measure,
    draw=draw,
    text=TEXT,
)
