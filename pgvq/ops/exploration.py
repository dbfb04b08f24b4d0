"""Exploration: schedules in agent steps, and epsilon-greedy action choice."""

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.types import Key


def linear_schedule(
    step: Array, start: Array | float, end: Array | float, duration: Array | float
) -> Array:
    """From `start` at step 0 to `end` at `duration`, linear, and `end` ever after.

    Args:
        step: `[]` int32, agent steps so far.
        start: `[]` value at step 0.
        end: `[]` value from `duration` on.
        duration: `[]` agent steps; 0 means that `end` holds from the beginning.

    Returns:
        `[]` float32.
    """
    fraction = jnp.clip(step / jnp.maximum(duration, 1e-6), 0.0, 1.0)
    fraction = jnp.where(jnp.asarray(duration) <= 0, 1.0, fraction)
    return start + fraction * (end - start)


def epsilon_greedy(key: Key, q_values: Array, epsilon: Array | float) -> Array:
    """A uniform action with probability `epsilon`, else the greedy one.

    Args:
        key: consumed.
        q_values: `[N, A]`.
        epsilon: `[]`, in [0, 1].

    Returns:
        `[N]` int32 actions.
    """
    key_coin, key_action = jax.random.split(key)
    greedy = jnp.argmax(q_values, axis=-1)
    random = jax.random.randint(key_action, greedy.shape, 0, q_values.shape[-1])
    explores = jax.random.uniform(key_coin, greedy.shape) < epsilon
    return jnp.where(explores, random, greedy)
