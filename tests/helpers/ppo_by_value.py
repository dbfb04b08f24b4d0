"""PPO, rollouts and weights whose losses and gradients can be worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.types import Transition
from tests.helpers.tiny import tiny

LENGTH, COUNT = 8, 4  # T and N of `tiny`


def plain(**changes):
    """Nothing but the surrogate."""
    settings = {
        "entropy_coef": 0.0,
        "value_coef": 0.0,
        "normalize": "none",
        "discount": 0.9,
        "lambda_": 0.8,
    }
    return tiny("ppo", **{**settings, **changes})


def random_rollout(seed=0):
    """Rows of which each has numbers of its own, so that mixing them up shows.

    What followed a step is what the next one saw, unless an episode ended there.
    """
    random = np.random.default_rng(seed)
    obs, next_obs = random.normal(size=(2, LENGTH, COUNT, 2)).astype(np.float32)
    reward = random.normal(size=(LENGTH, COUNT)).astype(np.float32)
    action = random.integers(2, size=(LENGTH, COUNT))
    terminated, truncated = random.random((2, LENGTH, COUNT)) < 0.2
    ended = (terminated | truncated)[:-1, :, None]
    next_obs[:-1] = np.where(ended, next_obs[:-1], obs[1:])
    return Transition(obs, action, reward, next_obs, terminated, truncated)


def lively(algorithm):
    """A learner whose policy and values are far from uniform and zero."""
    learner = jax.jit(algorithm.init_learner)(jax.random.key(0), jnp.zeros(2))
    for head in ("logits", "value"):
        learner.params["params"][head]["kernel"] *= 100
    return learner
