"""Stepping many environments at once, and what may differ between environments.

Four functions that any gymnax environment answers by default. One that can answer
better registers for its own class, as Pong does here.
"""

from functools import singledispatch
from typing import cast

import jax
from gymnax.environments.environment import Environment
from gymnax.wrappers.purerl import GymnaxWrapper
from jax import Array

from pgvq.envs.pong.environment import Pong, Stepped
from pgvq.types import Key, PyTree


@singledispatch
def vector_reset(
    env: Environment, key: Key, num_envs: int, params: PyTree
) -> tuple[Array, PyTree]:
    """Start N = `num_envs` episodes: observations [N, *O] and states [N, ...].

    Consumes `key`.
    """
    keys = jax.random.split(key, num_envs)
    return jax.vmap(env.reset, in_axes=(0, None))(keys, params)


@singledispatch
def vector_step(
    env: Environment, key: Key, state: PyTree, action: Array, params: PyTree
) -> Stepped:
    """One agent step of N environments: what gymnax's `step` returns, with axis [N].

    `state` [N, ...], `action` [N]. An environment whose episode ends is reset.
    Consumes `key`.
    """
    keys = jax.random.split(key, len(action))
    return jax.vmap(env.step, in_axes=(0, 0, 0, None))(keys, state, action, params)


@singledispatch
def evaluation_env(env: Environment) -> Environment:
    """The environment whose complete episodes are an agent's score: `env` itself."""
    return env


@singledispatch
def resets_memory(
    env: Environment, reward: Array, terminated: Array, truncated: Array
) -> Array:
    """Where the memory of an agent that plays complete episodes starts afresh.

    It has to start where it starts in training: at the end of a training episode,
    which may be less than one of `evaluation_env`.

    Args:
        env: the environment that the agent was *trained* in.
        reward: [N], of the agent step just taken in `evaluation_env`.
        terminated: [N] bool, by the environment that is played in.
        truncated: [N] bool, by the same.

    Returns:
        [N] bool: whether the next agent step begins without memory. By default
        where the episode ended.
    """
    del env, reward
    return terminated | truncated


@vector_reset.register
def _(env: Pong, key: Key, num_envs: int, params: PyTree) -> tuple[Array, PyTree]:
    """One random draw for all."""
    return env.reset(key, params, (num_envs,))


@vector_step.register
def _(env: Pong, key: Key, state: PyTree, action: Array, params: PyTree) -> Stepped:
    """One random draw for all, and no keys to split."""
    return env.step(key, state, action, params)


@evaluation_env.register
def _(env: Pong) -> Environment:
    """Complete games scored in points, whatever training's episode and reward are."""
    return env.replace(episode="game", reward="score")


@evaluation_env.register
def _(env: GymnaxWrapper) -> Environment:
    """The same wrapper around what the environment inside is evaluated in."""
    inner = evaluation_env(env._env)
    if inner is env._env:
        return cast(Environment, env)
    # Not `copy.copy`: a wrapper without its environment asks itself for attributes.
    other = object.__new__(type(env))
    other.__dict__.update(vars(env), _env=inner)
    return cast(Environment, other)


@resets_memory.register
def _(env: GymnaxWrapper, reward: Array, terminated: Array, truncated: Array) -> Array:
    """As the environment inside."""
    return resets_memory(env._env, reward, terminated, truncated)


@resets_memory.register
def _(env: Pong, reward: Array, terminated: Array, truncated: Array) -> Array:
    """At every point, if that is what an episode is in training."""
    ended = terminated | truncated
    return ended | (reward != 0) if env.episode == "point" else ended
