"""Instrument: which of many choices each method holds responsible for a point."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from pgvq.algorithms import DQN, REINFORCE, ActorCritic, RolloutAlgorithm
from pgvq.devices import side_by_side
from pgvq.diagnostics import credit as lab
from pgvq.diagnostics.credit_alignment import (
    agent_hits,
    average,
    episode_numbers,
    last_of_episode,
    windows,
)
from pgvq.envs import Pong, PongState
from pgvq.envs.pong.rendering import render
from pgvq.plotting.credit import Strip, credit_strips
from pgvq.plotting.panels import COLORS, Panel, panels, table_curve
from pgvq.study.definition import Claim, Finding, Say
from pgvq.training.lane import EVALUATION, TRAINING, seed_key
from pgvq.types import InputError, PyTree

DISCOUNT = 0.99  # the same for all, so that they weigh the same future
PONG = Pong(episode="point", num_actions=3)
METHODS = ("REINFORCE", "actor-critic", "Q-learning")
SHOWN = 64  # agent steps before a point
AROUND = {"hit": (32, 12), "won": (SHOWN - 1, 0), "lost": (SHOWN - 1, 0)}
MOVES = np.array([0, -1, 1])  # of the three actions: none, up, down


class Played:
    """The rallies of one actor-critic agent, and the weights of the three methods."""

    def __init__(
        self, recording: lab.Recording, weights: dict[str, np.ndarray]
    ) -> None:
        """Takes a recording `[T, N]` and weights `[T, N]` by method."""
        batch = recording.batch
        self.recording = recording
        self.ended = np.asarray(batch.terminated | batch.truncated)
        reward = np.asarray(batch.reward)
        self.won, self.lost = self.ended & (reward > 0), self.ended & (reward < 0)
        self.last_hits = last_of_episode(agent_hits(PONG, batch), self.ended)
        self.weights = weights
        # In standard deviations of all that has a weight: what a normalised
        # policy gradient would multiply the gradient with.
        self.scaled = {n: w / np.nanstd(w) for n, w in weights.items()}

    def around(self, method: str, event: str) -> np.ndarray:
        """Windows `[M, W]` of a method's scaled weights, as long as `AROUND` says."""
        events = self.events(event)
        return windows(self.scaled[method], events, self.ended, *AROUND[event])

    def events(self, event: str) -> np.ndarray:
        """Steps `[T, N]` at which it happened: "won", "lost", or the winning "hit"."""
        if event != "hit":
            return {"won": self.won, "lost": self.lost}[event]
        number = episode_numbers(self.ended)
        winners = {(number[t, n], n) for t, n in np.argwhere(self.won)}
        kept = np.zeros_like(self.last_hits)
        for t, n in np.argwhere(self.last_hits):
            kept[t, n] = (number[t, n], n) in winners
        return kept


@partial(jax.jit, static_argnames="steps")
def trained(algorithm: RolloutAlgorithm, seeds: Array, steps: int) -> Any:
    """States after `steps` agent steps of each of the seeds `[S]`, `[S, ...]`."""
    iterations = (steps - algorithm.initial_steps) // algorithm.steps_per_iteration

    def one(seed: Array) -> Any:
        state = algorithm.init(seed_key(seed, TRAINING))
        return jax.lax.fori_loop(
            0, iterations, lambda _, s: algorithm.iterate(s)[0], state
        )

    return jax.vmap(one)(seeds)


def at(tree: PyTree, index: int) -> Any:
    """One of the leading axis."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def play(
    actor: ActorCritic,
    learner: DQN,
    actor_state: Any,
    learner_state: Any,
    seed: int,
    num_envs: int,
    length: int,
) -> Played:
    """Rallies of one agent, weighed by all."""
    key = seed_key(jnp.uint32(seed), EVALUATION)
    recording = lab.record(actor, actor_state, key, num_envs=num_envs, length=length)
    # Its weights are returns less their mean: no network has a say in them.
    monte_carlo = REINFORCE(env=PONG, discount=DISCOUNT)
    no_say = monte_carlo.init_learner(key, recording.batch.obs[0, 0])
    states = (actor_state._replace(learner=no_say), actor_state, learner_state)
    weigh = jax.jit(lab.action_credit)
    weights = {
        name: np.asarray(weigh(algorithm, state, recording.batch))
        for name, algorithm, state in zip(
            METHODS, (monte_carlo, actor, learner), states, strict=True
        )
    }
    return Played(jax.device_get(recording), weights)


def chosen_rally(game: Played) -> tuple[int, int]:
    """Step and environment of a won point, 8 steps or more after the agent's hit.

    The first whose rally lasted for at least `SHOWN` agent steps.
    """
    hits = windows(game.last_hits, game.won, game.ended, SHOWN - 1)
    points = np.argwhere(game.won)
    for point, row in zip(points, hits, strict=True):
        found = np.flatnonzero(row == 1)
        late = len(found) and SHOWN // 4 <= found[0] < SHOWN - 8
        if late and not np.isnan(row).any():
            return int(point[0]), int(point[1])
    raise InputError(
        f"of {len(points)} points won none follows a rally of {SHOWN} agent steps; let "
        "the agents play longer, or train longer"
    )


def true_weights(
    game: Played,
    rally: tuple[int, int],
    actor: ActorCritic,
    state: Any,
    moments: int,
    replays: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rally and a sample of steps, each with the truth and the three weights."""
    end, env = rally
    times = np.arange(end - SHOWN + 1, end + 1)
    # Of complete rallies, while the ball flies towards the agent: it has to choose.
    vx = game.recording.batch.obs[..., PONG.feature_names.index("ball_vx")]
    pool = np.argwhere((vx > 0) & ~np.isnan(game.weights["REINFORCE"]))
    picked = np.random.default_rng(0).choice(len(pool), moments, replace=False)
    where = np.concatenate([np.stack([times, np.full(SHOWN, env)], 1), pool[picked]])
    chosen = jax.tree.map(lambda leaf: leaf[where[:, 0], where[:, 1]], game.recording)
    truth, error = lab.true_advantage(
        actor, state, chosen, jax.random.key(7), replays=replays, max_steps=256
    )
    rows = pd.DataFrame({"truth": truth, "error": error})
    for name in METHODS:
        rows[name] = game.weights[name][where[:, 0], where[:, 1]]
    shown = rows.iloc[:SHOWN].assign(
        step=np.arange(1 - SHOWN, 1),
        move=MOVES[chosen.batch.action[:SHOWN]],
        hit=game.last_hits[times, env],
        **{f"word_{i}": w[:SHOWN] for i, w in enumerate(chosen.env_state.words)},
    )
    return shown, rows.iloc[SHOWN:]


def along(games: list[Played], event: str) -> pd.DataFrame:
    """Mean weights around an event and their mean sizes, over all agents' rallies.

    `event`: "hit", the agent's last one in a rally that it wins; "won" or "lost", the
    point.
    """
    before, after = AROUND[event]
    frames = []
    for name in METHODS:
        rows = np.concatenate([game.around(name, event) for game in games])
        found, size = average(rows), average(np.abs(rows))
        columns = {
            "step": np.arange(-before, after + 1),
            "weight": found.mean,
            "weight_low": found.low,
            "weight_high": found.high,
            "size": size.mean,
            "size_low": size.low,
            "size_high": size.high,
            "rallies": found.windows,
        }
        frames.append(pd.DataFrame({"event": event, "method": name, **columns}))
    return pd.concat(frames, ignore_index=True)


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
        curves.append(table_curve(name, rows, "step", column, color=color))
    x_label = (
        "agent steps after the hit"
        if event == "hit"
        else "agent steps before the point"
    )
    lines = {} if column == "size" else {"no say": 0.0}
    return Panel(title, x_label, y_label, curves, lines=lines)


def measure(
    say: Say,
    actor_steps: int = 600_000,
    q_steps: int = 250_000,
    seeds: int = 3,
    num_envs: int = 64,
    length: int = 600,
    moments: int = 512,
    replays: int = 64,
) -> Finding:
    """Trains both kinds, lets the actor-critic play, and asks all about its choices."""
    # Not normalised: with these three actions and so few steps most seeds that were
    # came to lose every point, and where nothing is ever won there is no thanks.
    actor = ActorCritic(
        env=PONG, discount=DISCOUNT, budget=float(actor_steps), normalize=False
    )
    learner = DQN(env=PONG, discount=DISCOUNT, budget=float(q_steps))
    say(f"training an actor-critic and a DQN, {seeds} seeds each")
    of_both = side_by_side(
        {
            "actors": partial(trained, actor, jnp.arange(seeds), int(actor_steps)),
            "learners": partial(trained, learner, jnp.arange(seeds), int(q_steps)),
        }
    )
    actors, learners = of_both["actors"], of_both["learners"]
    say("playing and weighing")
    games = [
        play(actor, learner, at(actors, i), at(learners, i), i, num_envs, length)
        for i in range(seeds)
    ]
    say("replaying single choices, for the truth")
    rally = chosen_rally(games[0])
    rally_rows, sampled = true_weights(
        games[0], rally, actor, at(actors, 0), moments, replays
    )
    aligned = pd.concat([along(games, event) for event in ("hit", "won", "lost")])
    return conclude(games, aligned, rally_rows, sampled)


def agreement(sampled: pd.DataFrame) -> dict[str, np.ndarray]:
    """Correlation of each method's weights with the truth, resampled: `[2001]`.

    The first number is that of all sampled steps, the others are of resamples.
    """
    generator = np.random.default_rng(0)
    count = len(sampled)
    rows = generator.integers(count, size=(2000, count))
    rows = np.concatenate([np.arange(count)[None], rows])
    truth = sampled["truth"].to_numpy()[rows]
    return {
        name: correlation(sampled[name].to_numpy()[rows], truth) for name in METHODS
    }


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's, along the last axis of `[..., K]` and `[..., K]`."""
    a = a - a.mean(axis=-1, keepdims=True)
    b = b - b.mean(axis=-1, keepdims=True)
    return (a * b).sum(-1) / np.sqrt(np.square(a).sum(-1) * np.square(b).sum(-1))


def after_to_before(aligned: pd.DataFrame, name: str) -> float:
    """Mean size of the weights in the 8 steps after the hit, of the 16 before it."""
    rows: Any = aligned[(aligned.event == "hit") & (aligned.method == name)]
    size, step = rows["size"].to_numpy(), rows["step"].to_numpy()
    after = size[(step >= 1) & (step <= 8)]
    return float(after.mean() / size[(step >= -16) & (step <= -1)].mean())


def conclude(
    games: list[Played],
    aligned: pd.DataFrame,
    rally: pd.DataFrame,
    sampled: pd.DataFrame,
) -> Finding:
    """Numbers, tables and what was expected."""
    ratio = {name: after_to_before(aligned, name) for name in METHODS}
    agrees = agreement(sampled)
    table = pd.DataFrame(
        {
            "method": METHODS,
            "agreement with the truth": [f"{agrees[n][0]:+.2f}" for n in METHODS],
            "95 % interval": [
                "{:+.2f} to {:+.2f}".format(*np.quantile(agrees[n][1:], [0.025, 0.975]))
                for n in METHODS
            ],
            "size after the hit, of that before": [f"{ratio[n]:.2f}" for n in METHODS],
        }
    )
    noise = float(np.square(sampled["error"]).mean() / sampled["truth"].var())
    return Finding(
        numbers={
            "seeds": len(games),
            "won": sum(int(game.won.sum()) for game in games),
            "lost": sum(int(game.lost.sum()) for game in games),
            "hits": sum(int(game.events("hit").sum()) for game in games),
            "sampled": len(sampled),
            "truth_noise": noise,
        },
        tables={
            "aligned": aligned,
            "rally": rally,
            "sampled": sampled,
            "methods": table,
        },
        expectations=expectations(aligned, ratio, agrees, rally),
    )


def expectations(
    aligned: pd.DataFrame,
    ratio: dict[str, float],
    agrees: dict[str, np.ndarray],
    rally: pd.DataFrame,
) -> dict[str, bool]:
    """What was expected, and whether it is so."""
    hit = int(np.argmax(rally["hit"].to_numpy()))
    truth = np.abs(rally["truth"].to_numpy())
    thanked = aligned[(aligned.event == "won") & (aligned.method == "REINFORCE")]
    better = {
        name: float(np.quantile(agrees[name] - agrees["REINFORCE"], 0.025))
        for name in METHODS[1:]
    }
    return {
        "In the rally drawn the choices after the hit do not matter: the largest true "
        "advantage among them is less than a fifth of the largest before.": bool(
            truth[hit + 1 :].max() < 0.2 * truth[: hit + 1].max()
        ),
        "REINFORCE thanks every choice of a rally that is won: its mean weight is "
        f"above zero at each of the last {SHOWN} steps (every interval).": bool(
            (thanked.weight_low > 0).all()
        ),
        "REINFORCE does not see the hit: after it the weights are about as large as "
        "before (a ratio between 0.75 and 1.33).": 0.75 < ratio["REINFORCE"] < 1.33,
        "Q-learning knows that the ball is hit: after that its weights are less than "
        "half as large as before.": (ratio["Q-learning"] < 0.5),
        "The actor-critic is between the two: its ratio is below that of REINFORCE "
        "and above that of Q-learning.": ratio["Q-learning"]
        < ratio["actor-critic"]
        < ratio["REINFORCE"],
        "The actor-critic's weights agree with the truth better than REINFORCE's "
        "(the whole interval of the difference).": better["actor-critic"] > 0,
        "Q-learning's weights agree with the truth better than REINFORCE's (the whole "
        "interval of the difference).": better["Q-learning"] > 0,
    }


TEXT = r"""
**Which choice made the hit possible?** A point comes after dozens of choices, and the
reward does not say which of them it is for. Each method has an answer of its own: the
weight with which it makes the choice more or less probable, or the value by which it
prefers it:

| method | weight of the choice at step $t$ |
| --- | --- |
| REINFORCE | $\sum_{k \ge 0} \gamma^k r_{t+k} - b$ |
| actor-critic | $\sum_{k \ge 0} (\gamma \lambda)^k \delta_{t+k}$ |
| Q-learning | $Q(s_t, a_t) - \frac{1}{A} \sum_a Q(s_t, a)$ |

Here $\delta_t = r_t + \gamma V(s_{t+1}) - V(s_t)$ is the critic's surprise at step $t$.
Q-learning looks at the choice alone: a good one stays good in a rally that is lost.
All three estimate the advantage of the choice, $A(s, a) = Q(s, a) - V(s)$. The truth
can be had as well, because the game can be set back to any moment: play on from there
many times with this choice, and as often with one drawn from the policy.

<<figure:rally|Frames of a rally, and the weights that methods give to its choices>>

One rally tells a story; <<won:.0f>> rallies won and <<lost:.0f>> lost by <<seeds:.0f>>
agents, laid over each other, tell the rule:

<<figure:aligned|Mean weights around the agent's last hit and before the point>>

<<table:methods>>

The agreement is the correlation of the weights with the true advantages of
<<sampled:.0f>> choices, made by one agent while the ball flew towards it (intervals
take the choices as independent). Of the variance of the true advantages
<<truth_noise:.0%>> is the error of their own measurement, which lowers all correlations
alike. Before a point that is won a weight above zero is thanks; about zero says that
the choice did not matter. Q-learning was trained by its own play, and here judges that
of the actor-critic.

<<expectations>>
"""

credit = Claim(
    name="credit",
    title="Which choice is held to account",
    measure=measure,
    draw=draw,
    text=TEXT,
)
