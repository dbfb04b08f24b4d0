"""Collection of experience, and evaluation in complete games."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.envs import resets_memory, vector_reset, vector_step
from pgvq.types import Key, Metrics, PyTree, Ratio, Transition

BLOCK = 32  # agent steps of `play` between two looks whether all games are over


class World(NamedTuple):
    """`N` environments in the middle of their episodes."""

    env_state: PyTree  # leaves [N, ...]
    obs: PyTree  # leaves [N, ...]: what the environments show
    episode_return: Array  # [N] float32: reward so far in the running episode
    episode_length: Array  # [N] int32: agent steps so far in it
    memory: PyTree = ()  # leaves [N, ...]: what the agent carries from step to step


class Games(NamedTuple):
    """What became of `G` games, each played from its reset to its end or to the cap."""

    score: Array  # [G] float32: the sum of rewards
    length: Array  # [G] int32: agent steps
    truncated: Array  # [G] bool: the cap or the environment's clock ended it


# obs as shown, memory, key -> action, memory, extras
Policy = Callable[[PyTree, PyTree, Key], tuple[Array, PyTree, PyTree]]


def init_world(
    env: Environment, params: Any, key: Key, num_envs: int, memory: PyTree = ()
) -> World:
    """`num_envs` freshly reset environments, and `memory [N, ...]`; consumes `key`."""
    obs, env_state = vector_reset(env, key, num_envs, params)
    lengths = jnp.zeros(num_envs, dtype=jnp.int32)
    return World(env_state, obs, jnp.zeros(num_envs), lengths, memory)


def reset_memory(memory: PyTree, where: Array) -> PyTree:
    """`memory [N, ...]` with zeros `where [N]` an episode has ended."""
    return jax.tree.map(
        lambda leaf: jnp.where(
            where.reshape(-1, *[1] * (leaf.ndim - 1)), jnp.zeros_like(leaf), leaf
        ),
        memory,
    )


def rollout(
    env: Environment, params: Any, policy: Policy, world: World, key: Key, length: int
) -> tuple[World, Transition, Metrics]:
    """Takes `length` agent steps in each of the `N` environments.

    Args:
        env: any gymnax environment.
        params: its parameters.
        policy: from observations as the environment shows them, leaves `[N, ...]`,
            memory `[N, ...]` and a key to `action [N]`, the memory afterwards and
            extras `[N, ...]`.
        world: where the environments stand.
        key: consumed.
        length: T, static.

    Returns:
        The world afterwards, the transitions `[T, N, ...]`, and metrics: the mean
        return and length of the episodes that ended meanwhile, as ratios, and their
        number.
    """

    def step(world: World, key: Key) -> tuple[World, tuple[Transition, Array, Array]]:
        key_policy, key_env = jax.random.split(key)
        action, memory, extras = policy(world.obs, world.memory, key_policy)
        obs, env_state, reward, terminated, truncated, info = vector_step(
            env, key_env, world.env_state, action, params
        )
        reward = reward.astype(jnp.float32)
        transition = Transition(
            obs=world.obs,
            action=action,
            reward=reward,
            next_obs=info["final_observation"],
            terminated=terminated,
            truncated=truncated,
            extras=extras,
        )
        episode_return = world.episode_return + reward
        episode_length = world.episode_length + 1
        ended = terminated | truncated
        world = World(
            env_state,
            obs,
            jnp.where(ended, 0.0, episode_return),
            jnp.where(ended, 0, episode_length),
            reset_memory(memory, ended),
        )
        return world, (transition, episode_return, episode_length)

    world, (batch, returns, lengths) = jax.lax.scan(
        step, world, jax.random.split(key, length)
    )
    ended = batch.terminated | batch.truncated
    episodes = jnp.sum(ended)
    metrics: Metrics = {
        "episode_return": Ratio(jnp.sum(jnp.where(ended, returns, 0.0)), episodes),
        "episode_length": Ratio(jnp.sum(1.0 * lengths * ended), episodes),
        "episodes_per_iteration": episodes.astype(jnp.float32),
    }
    return world, batch, metrics


def play(
    env: Environment,
    params: Any,
    act: Callable[[PyTree, PyTree, Key], tuple[Array, PyTree]],
    key: Key,
    games: int,
    max_steps: int,
    memory: PyTree = (),
    trained_in: Environment | None = None,
) -> Games:
    """Plays `games` complete games side by side and reports every one of them.

    A fixed number of games, each counted once: stopping after a fixed number of steps
    would count short games more often than long ones.

    Args:
        env: any gymnax environment whose episode is one game.
        params: its parameters.
        act: from observations as shown, leaves `[G, ...]`, memory and a key to
            `action [G]` and memory.
        key: consumed.
        games: G, static.
        max_steps: agent steps after which a game counts as truncated; static.
        memory: what the agent remembers at the beginning, leaves `[G, ...]`; zeros.
        trained_in: the environment whose episodes say where it is zeroed; `env` itself
            by default.
    """

    def unfinished(carry: tuple[Any, ...]) -> Array:
        return ~jnp.all(carry[-2])

    def block(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        # Keys for many steps are made at once: that saves about a tenth.
        number, *rest = carry
        keys = jax.random.split(jax.random.fold_in(key_play, number), (BLOCK, 2))
        return number + 1, *jax.lax.scan(advance, tuple(rest), keys)[0]

    def advance(carry: tuple[Any, ...], keys: Key) -> tuple[tuple[Any, ...], None]:
        env_state, obs, memory, score, length, done, truncated = carry
        action, memory = act(obs, memory, keys[0])
        obs, env_state, reward, ended, cut, _ = vector_step(
            env, keys[1], env_state, action, params
        )
        memory = reset_memory(
            memory, resets_memory(trained_in or env, reward, ended, cut)
        )
        score = score + jnp.where(done, 0.0, reward.astype(jnp.float32))
        length = length + ~done
        cut = (cut | (length >= max_steps)) & ~ended
        truncated = truncated | (cut & ~done)
        done = done | ended | cut
        return (env_state, obs, memory, score, length, done, truncated), None

    key_reset, key_play = jax.random.split(key)
    obs, env_state = vector_reset(env, key_reset, games, params)
    no = jnp.zeros(games, dtype=bool)
    length = jnp.zeros(games, dtype=jnp.int32)
    score = jnp.zeros(games)
    start = (jnp.int32(0), env_state, obs, memory, score, length, no, no)
    *_, score, length, _, truncated = jax.lax.while_loop(unfinished, block, start)
    return Games(score, length, truncated)
