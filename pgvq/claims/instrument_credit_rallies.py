"""Rallies of Pong, and what three methods and the truth say about their choices."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from pgvq.algorithms import DQN, REINFORCE, ActorCritic, RolloutAlgorithm
from pgvq.diagnostics import credit as lab
from pgvq.diagnostics.credit_alignment import (
    agent_hits,
    average,
    episode_numbers,
    last_of_episode,
    windows,
)
from pgvq.envs import Pong
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
        rows = np.concatenate(
            [
                windows(
                    game.scaled[name], game.events(event), game.ended, before, after
                )
                for game in games
            ]
        )
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
