"""Stepping many environments at once, and what may differ between environments.

Three functions that any gymnax environment answers by default and that an environment
may answer better by registering for its own class.
"""

from functools import singledispatch
from typing import Any

import jax
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.types import Key, PyTree

Stepped = tuple[Array, PyTree, Array, Array, Array, dict[Any, Any]]


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
