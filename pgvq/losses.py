"""Losses: free functions of arrays that know no network and reduce nothing.

The algorithm takes the mean. Every function stops the gradient where the theory says
that the quantity is data, so that a caller cannot forget it.
"""

import chex
import jax
import jax.numpy as jnp
from jax import Array


def log_prob(logits: Array, action: Array) -> Array:
    """Log-probability of `action [...]` under a categorical with `logits [..., A]`."""
    chex.assert_equal_shape_prefix([logits, action], action.ndim)
    log_probs = jax.nn.log_softmax(logits)
    return jnp.take_along_axis(log_probs, action[..., None], axis=-1)[..., 0]


def policy_gradient_loss(log_probs: Array, advantage: Array) -> Array:
    """`-log pi(a|s) * A`, whose gradient is the score-function estimator.

    Williams 1992; Sutton & Barto 2018, eq. 13.8. The advantage is data: no gradient
    flows through it.

    Args:
        log_probs: `[...]` log-probability of the action that was taken.
        advantage: `[...]` how much better it was than expected.

    Returns:
        `[...]` losses.
    """
    chex.assert_equal_shape([log_probs, advantage])
    return -log_probs * jax.lax.stop_gradient(advantage)


def entropy(logits: Array) -> Array:
    """Entropy in nats of a categorical with `logits [..., A]`, for a bonus."""
    log_probs = jax.nn.log_softmax(logits)
    return -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)


def squared_error(prediction: Array, target: Array) -> Array:
    """`(target - prediction)^2 / 2`; the target is data. All `[...]`."""
    chex.assert_equal_shape([prediction, target])
    return 0.5 * jnp.square(jax.lax.stop_gradient(target) - prediction)


def huber_error(prediction: Array, target: Array, delta: float = 1.0) -> Array:
    """`squared_error` up to `|target - prediction| = delta`, then linear (Huber 1964).

    Mnih et al. 2015 call it "clipping the error". The target is data. All `[...]`.
    """
    chex.assert_equal_shape([prediction, target])
    error = jnp.abs(jax.lax.stop_gradient(target) - prediction)
    quadratic = jnp.minimum(error, delta)
    return 0.5 * jnp.square(quadratic) + delta * (error - quadratic)


def action_value(q_values: Array, action: Array) -> Array:
    """`Q(s, a)` of `action [...]` out of `q_values [..., A]`: `[...]`."""
    chex.assert_equal_shape_prefix([q_values, action], action.ndim)
    # A one-hot product: its backward pass is dense, where a gather's would scatter.
    one_hot = jax.nn.one_hot(action, q_values.shape[-1], dtype=q_values.dtype)
    return jnp.sum(q_values * one_hot, axis=-1)


def greedy_value(q_values: Array, chooser: Array | None = None) -> Array:
    """Value of the greedy action, chosen by `chooser` where given (double Q-learning).

    Args:
        q_values: `[..., A]` the values that are read.
        chooser: `[..., A]` the values whose maximum names the action; the target
            network is read and the online network chooses in double DQN (van Hasselt
            et al. 2016). None means that `q_values` choose for themselves.

    Returns:
        `[...]`.
    """
    if chooser is None:
        return jnp.max(q_values, axis=-1)
    chex.assert_equal_shape([q_values, chooser])
    return action_value(q_values, jnp.argmax(chooser, axis=-1))
