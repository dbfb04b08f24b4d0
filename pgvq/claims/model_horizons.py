"""Gradients of a policy of the smooth Pong, over horizons, from games of its own."""

from functools import partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.claims.model_gradients import (
    Act,
    Start,
    Step,
    backpropagated_credit,
    horizon_weights,
    mean_gradients,
    score_credit,
)
from pgvq.envs import SmoothPong, SmoothPongParams
from pgvq.rollout import init_world, rollout
from pgvq.types import Key, Params, PyTree

WARM_UP = 100  # agent steps that are played before a gradient is taken: about a rally
DISCOUNT = 0.99

GAME = SmoothPong().with_transition_gradients()


class Gradients(NamedTuple):
    """Mean gradients of batches of games, `[B, H, P]`, and what their credits say."""

    backpropagation: Array  # [B, H, P]
    score_function: Array  # [B, H, P]
    zero: Array  # [B] share of exact 0 in the longest horizon's backpropagated credits


def contacts(temperature: Array) -> SmoothPongParams:
    """The game's parameters with contacts of this temperature, pixels."""
    return SmoothPongParams(
        max_steps_in_episode=GAME.max_agent_steps,
        temperature=cast(float, temperature),  # a tracer, while it is compiled
    )


def game_step(params: SmoothPongParams) -> Step:
    """The smooth game, one point and no automatic reset: once over it pays nothing."""

    def step(
        obs: Array, state: PyTree, action: Array, key: Key
    ) -> tuple[Array, PyTree, Array]:
        del obs
        over = GAME.is_terminated(state, params)
        obs, state, reward, _, _ = GAME.step_env(key, state, action, params)
        return obs, state, jnp.where(over, 0.0, reward)

    return step


def met_in_play(
    act: Act, params: Params, deviation: float, key: Key, games: int
) -> Start:
    """Where `games` games stand after `WARM_UP` agent steps of a noisy policy."""
    key_world, key_play = jax.random.split(key)
    game = GAME.default_params
    world = init_world(GAME, game, key_world, games)

    def policy(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree, PyTree]:
        noise = deviation * jax.random.normal(key, (len(obs),))
        return act(params, obs) + noise, memory, ()

    world, _, _ = rollout(GAME, game, policy, world, key_play, WARM_UP)
    return world.obs, world.env_state


def sample_gradients(
    act: Act,
    horizons: tuple[int, ...],
    games: int,
    deviation: float,
    params: Params,
    temperatures: Array,
    keys: Key,
) -> Gradients:
    """Both gradients of the discounted return over each horizon, batch by batch.

    Both are taken from the same games: of the same policy with the same noise, from
    situations that it meets.

    Args:
        act: the policy.
        horizons: H of them, agent steps, rising.
        games: N of a batch.
        deviation: of the Gaussian noise on its actions, in full speeds.
        params: its P weights.
        temperatures: `[B]`, of the contacts in each batch, pixels; 0 for hard ones.
        keys: `[B]`, consumed; one for each batch.
    """
    length = horizons[-1]
    weights = horizon_weights(horizons, length, DISCOUNT)

    def batch(row: tuple[Array, Key]) -> Gradients:
        temperature, key = row
        step = game_step(contacts(temperature))
        key_start, key_noise, key_game = jax.random.split(key, 3)
        start = met_in_play(act, params, deviation, key_start, games)
        noise = deviation * jax.random.normal(key_noise, (games, length))
        credit = partial(backpropagated_credit, step, act, params)
        credits, obs, rewards = jax.vmap(credit, in_axes=(0, 0, 0, None))(
            start, noise, jax.random.split(key_game, games), weights
        )
        scores = score_credit(noise, deviation, rewards, weights)
        return Gradients(
            backpropagation=mean_gradients(act, params, obs, credits),
            score_function=mean_gradients(act, params, obs, scores),
            zero=jnp.mean(credits[:, -1] == 0),
        )

    return jax.lax.map(batch, (temperatures, keys))
