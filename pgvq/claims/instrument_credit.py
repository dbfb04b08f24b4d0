"""Instrument: which of many choices each method holds responsible for a point."""

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from pgvq.algorithms import DQN, ActorCritic
from pgvq.claims.instrument_credit_figures import draw
from pgvq.claims.instrument_credit_rallies import (
    DISCOUNT,
    METHODS,
    PONG,
    SHOWN,
    Played,
    along,
    at,
    chosen_rally,
    play,
    trained,
    true_weights,
)
from pgvq.devices import side_by_side
from pgvq.study.definition import Claim, Finding, Say


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
