"""The policies that backpropagation trains in the claims, and how well they play."""

from collections.abc import Callable

import jax
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.algorithms import AnalyticPolicyGradient
from pgvq.networks.torsos import MLP
from pgvq.rollout import Games, play
from pgvq.types import Key, Params, PyTree

TORSO = MLP((32, 32))  # small, so that many gradients can be taken
ANALYTIC = AnalyticPolicyGradient(torso=TORSO)


def speed(params: Params, obs: Array) -> Array:
    """The speeds `[...]` of `ANALYTIC`'s policy for `obs [..., O]`, without noise."""
    rows = obs.reshape(-1, obs.shape[-1])
    return ANALYTIC.action(params, rows).reshape(obs.shape[:-1])


def play_with(
    env: Environment,
    as_action: Callable[[Array], Array],
    matches: int,
    policies: Params,
    key: Key,
) -> Games:
    """Complete games of `env`, `[S * G]`: G = `matches` with each of S policies.

    Args:
        env: one whose observations are the smooth Pong's.
        as_action: from speeds `[...]` to actions of `env`.
        matches: G, static.
        policies: leaves `[S, ...]`.
        key: consumed.
    """
    count = matches * len(jax.tree.leaves(policies)[0])
    params = env.default_params

    def act(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree]:
        del key
        rows = obs.reshape(-1, matches, obs.shape[-1])
        return as_action(jax.vmap(speed)(policies, rows)).reshape(-1), memory

    return play(env, params, act, key, count, params.max_steps_in_episode)
