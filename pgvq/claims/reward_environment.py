"""Pong whose reward is a number instead of a setting, so that runs share a program.

`Pong(reward=...)` is compiled once for each reward, and compiling is most of what a
short run costs. Here the parameters choose, and they are leaves of an algorithm: runs
that are paid in different ways train as lanes of one program.
"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.envs import Pong, PongParams, evaluation_env
from pgvq.envs.pong.environment import PongState, Stepped
from pgvq.envs.pong.rewards import REWARDS, Played
from pgvq.rollout import init_world, rollout
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
