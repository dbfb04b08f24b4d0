"""Rollouts and weights whose losses and gradients can be worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.types import Transition


def batch(reward, terminated, truncated, action=None):
    """A rollout `[T, N]` whose observations are all one, as each value is constant."""
    reward = jnp.array(reward, jnp.float32)
    obs = jnp.ones((*reward.shape, 2))
    if action is None:
        action = jnp.zeros(reward.shape, jnp.int32)
    ends = jnp.array(terminated, bool), jnp.array(truncated, bool)
    return Transition(obs, jnp.array(action), reward, obs, *ends)


def constant(algorithm, logits=(0.0, 0.0), value=0.0):
    """Parameters of a network that says the same of every observation."""
    init = algorithm.network.init
    shapes = jax.eval_shape(init, jax.random.key(0), jnp.ones((1, 2)))["params"]
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    zeros["logits"]["bias"] = jnp.array(logits)
    if "value" in zeros:
        zeros["value"]["bias"] = jnp.array([value])
    return {"params": zeros}


@jax.jit
def loss_of(algorithm, params, rollout):
    return algorithm.loss(params, rollout)


@jax.jit
def gradient(algorithm, params, rollout):
    return jax.grad(lambda p: algorithm.loss(p, rollout)[0])(params)["params"]
