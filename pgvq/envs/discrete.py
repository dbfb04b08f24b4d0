"""Environments that show one of few observations, which tabular methods number.

`num_states` and `state_index` answer for an environment whose observation determines
the state. One's own environment joins by registering for both:

    @num_states.register
    def _(env: MyEnv) -> int: ...

    @state_index.register
    def _(env: MyEnv, obs: Array) -> Array: ...

Environments whose observations depend on their parameters, as those of bsuite's chains
do on their lengths, are not numbered: the environment alone does not tell how many.
"""

from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments.bsuite.catch import Catch
from gymnax.environments.bsuite.deep_sea import DeepSea
from gymnax.environments.environment import Environment
from gymnax.environments.misc.rooms import FourRooms
from jax import Array

from pgvq.envs.finite_mdp import FiniteMDP
from pgvq.envs.spaces import kind_of, space_of, start_of
from pgvq.types import InputError


@singledispatch
def num_states(env: Environment) -> int:
    """How many numbers `state_index` gives out; not every one need be reached.

    Raises `InputError` where the environment is not known to have few observations.
    By default it is where its observation space is `Discrete`.
    """
    return int(_discrete_space(env).n)


@singledispatch
def state_index(env: Environment, obs: Array) -> Array:
    """The numbers [...] int32 of observations [..., *O], in 0..num_states(env) - 1.

    Two observations have the same number only if they are equal. What no episode
    shows has no meaningful number. Raises as `num_states`.
    """
    return (obs - start_of(_discrete_space(env))).astype(jnp.int32)


def _discrete_space(env: Environment) -> Any:
    with jax.ensure_compile_time_eval():
        params = env.default_params
    space = space_of(env, "observation_space", params)
    if kind_of(space) == "discrete":
        return space
    raise InputError(
        f"{type(env).__name__} is not known to show one of few observations, which a "
        "tabular method needs: use RandomMDP-pgvq, Catch-bsuite, DeepSea-bsuite, "
        "FourRooms-misc or FrozenLake-misc, or register your own class for "
        "pgvq.envs.num_states and pgvq.envs.state_index"
    )


@num_states.register
def _(env: FiniteMDP) -> int:
    return env.num_states


@state_index.register
def _(env: FiniteMDP, obs: Array) -> Array:
    """The state, which the observation holds one-hot."""
    return jnp.argmax(obs, -1).astype(jnp.int32)


@num_states.register
def _(env: Catch) -> int:
    """A cell for the ball times a column for the paddle."""
    return env.rows * env.columns**2


@state_index.register
def _(env: Catch, obs: Array) -> Array:
    """By the ball's cell and the paddle's column.

    In the last row, where every episode ends, the picture does not tell the two
    apart: there the one to the left counts as the ball.
    """
    ball = jnp.argmax(obs.reshape(*obs.shape[:-2], -1), -1)
    paddle = env.columns - 1 - jnp.argmax(obs[..., -1, ::-1], -1)
    return (ball * env.columns + paddle).astype(jnp.int32)


@num_states.register
def _(env: DeepSea) -> int:
    """A number for each cell and one for the end, which is seen as zeros."""
    return env.size**2 + 1


@state_index.register
def _(env: DeepSea, obs: Array) -> Array:
    """The diver's cell. It is all of the state unless `sample_action_map` is set."""
    cells = obs.reshape(*obs.shape[:-2], -1)
    ended = jnp.all(cells == 0, -1)
    return jnp.where(ended, env.size**2, jnp.argmax(cells, -1)).astype(jnp.int32)


@num_states.register
def _(env: FourRooms) -> int:
    """A free cell for the agent; times one for the goal where that is seen."""
    free = len(env.coords)
    return free if env.use_visual_obs else free**2


@state_index.register
def _(env: FourRooms, obs: Array) -> Array:
    """By the agent's cell, and the goal's where that is seen."""
    free = env.env_map.astype(jnp.int32)
    number = jnp.cumsum(free).reshape(free.shape) - 1  # of each free cell
    if env.use_visual_obs:  # which holds the agent at [column, row]
        cells = jnp.swapaxes(obs[..., 1], -1, -2)
        cell = jnp.argmax(cells.reshape(*cells.shape[:-2], -1), -1)
        return number.reshape(-1)[cell].astype(jnp.int32)
    row, column, goal_row, goal_column = jnp.moveaxis(obs.astype(jnp.int32), -1, 0)
    agent, goal = number[row, column], number[goal_row, goal_column]
    return (agent * len(env.coords) + goal).astype(jnp.int32)
