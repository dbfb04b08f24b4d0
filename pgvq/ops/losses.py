"""Losses: free functions of arrays that know no network and reduce nothing.

The algorithm takes the mean. Every function stops the gradient where the theory says
that the quantity is data, so that a caller cannot forget it.
"""

import chex
import jax
import jax.numpy as jnp
from jax import Array

SMALLEST = 0.1  # share of the returns' size below which deviations are not enlarged


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


def clipped_surrogate_loss(
    log_probs: Array, old_log_probs: Array, advantage: Array, clip: Array | float
) -> Array:
    """`-min(r A, clip(r, 1 - eps, 1 + eps) A)`, `r = pi(a|s) / pi_old(a|s)`.

    Schulman et al. 2017, eq. 7: a step that made a good action likelier by more than
    `eps`, or a bad one less likely, earns nothing more and so has no gradient.

    Args:
        log_probs: `[...]` log-probability of the action that was taken.
        old_log_probs: `[...]` the same under the policy that took it; data.
        advantage: `[...]` how much better it was than expected; data.
        clip: `[]` eps, in (0, 1).

    Returns:
        `[...]` losses.
    """
    chex.assert_equal_shape([log_probs, old_log_probs, advantage])
    ratio = jnp.exp(log_probs - jax.lax.stop_gradient(old_log_probs))
    clipped = jnp.clip(ratio, 1.0 - clip, 1.0 + clip)
    advantage = jax.lax.stop_gradient(advantage)
    return -jnp.minimum(ratio * advantage, clipped * advantage)


def approximate_kl(log_probs: Array, old_log_probs: Array) -> Array:
    """`(r - 1) - log r`, `r = pi(a|s) / pi_old(a|s)`: a metric in nats, never negative.

    Its mean over actions drawn from the old policy is `KL(pi_old, pi)`, with less
    variance than that of `-log r` (Schulman 2020, "Approximating KL Divergence", k3).

    Args:
        log_probs: `[...]` log-probability of the action that was taken.
        old_log_probs: `[...]` the same under the policy that took it; data.

    Returns:
        `[...]`.
    """
    chex.assert_equal_shape([log_probs, old_log_probs])
    log_ratio = log_probs - jax.lax.stop_gradient(old_log_probs)
    # Policies that barely differ would lose every digit of exp(x) - 1.
    return jnp.expm1(log_ratio) - log_ratio


def entropy(logits: Array) -> Array:
    """Entropy in nats of a categorical with `logits [..., A]`, for a bonus."""
    log_probs = jax.nn.log_softmax(logits)
    return -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)


def squared_error(prediction: Array, target: Array) -> Array:
    """`(target - prediction)^2 / 2`; the target is data. All `[...]`."""
    chex.assert_equal_shape([prediction, target])
    return 0.5 * jnp.square(jax.lax.stop_gradient(target) - prediction)


def huber_error(prediction: Array, target: Array, delta: Array | float = 1.0) -> Array:
    """`squared_error` up to `|target - prediction| = delta`, then linear (Huber 1964).

    Mnih et al. 2015 call it "clipping the error". The target is data. All `[...]`.
    """
    chex.assert_equal_shape([prediction, target])
    error = jnp.abs(jax.lax.stop_gradient(target) - prediction)
    quadratic = jnp.minimum(error, delta)
    return 0.5 * jnp.square(quadratic) + delta * (error - quadratic)


def clipped_value_error(
    value: Array, old_value: Array, returns: Array, clip: Array | float
) -> Array:
    """The larger `squared_error` of `value` and of its clipped step from `old_value`.

    The critic's part of PPO as its authors' code has it (Engstrom et al. 2020, sec.
    3): no gradient once a value came nearer to its return by more than `clip`.

    Args:
        value: `[...]` what the critic says now.
        old_value: `[...]` what it said when the rollout was made; data.
        returns: `[...]` what it should say; data.
        clip: `[]`, in units of the return, > 0.

    Returns:
        `[...]` errors.
    """
    chex.assert_equal_shape([value, old_value, returns])
    old_value = jax.lax.stop_gradient(old_value)
    clipped = old_value + jnp.clip(value - old_value, -clip, clip)
    return jnp.maximum(squared_error(value, returns), squared_error(clipped, returns))


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


def expected_value(q_values: Array, probs: Array) -> Array:
    """`sum_a pi(a|s) Q(s, a)`: `[..., A]` and `[..., A]` to `[...]`.

    The target of expected Sarsa (Sutton & Barto 2018, eq. 6.9), and what a discrete
    soft actor-critic raises; the gradient flows through both.
    """
    chex.assert_equal_shape([q_values, probs])
    return jnp.sum(probs * q_values, axis=-1)


def soft_value(q_values: Array, temperature: Array | float) -> Array:
    """`temperature * log sum_a exp(Q(s, a) / temperature)`: the soft maximum.

    The value of the policy `softmax(Q / temperature)`, its entropy paid for at
    `temperature` per nat (Haarnoja et al. 2017, Theorem 1). Towards 0 it is the
    maximum, at 0 as well.

    Args:
        q_values: `[..., A]`.
        temperature: `[]`, in units of the return, >= 0.

    Returns:
        `[...]`.
    """
    chex.assert_rank(temperature, 0)
    temperature = jnp.maximum(temperature, 1e-12)  # no value of float32 shows it
    return temperature * jax.nn.logsumexp(q_values / temperature, axis=-1)


def standardized(advantage: Array, returns: Array) -> Array:
    """Advantages with mean 0, divided by their `safe_scale`, over all axes.

    So equal advantages are zeros, and nearly equal ones stay small.

    Args:
        advantage: `[...]`.
        returns: `[...]` the returns that they come from.

    Returns:
        `[...]`.
    """
    chex.assert_equal_shape([advantage, returns])
    size = jnp.sqrt(jnp.mean(jnp.square(returns)))
    return (advantage - advantage.mean()) / safe_scale(advantage.std(), size)


def safe_scale(deviation: Array, size: Array) -> Array:
    """What to divide advantages by: their deviation, at least `SMALLEST` of `size`.

    Where nothing that is done makes a difference the deviation is rounding and the
    critic's error. Divided by it they become gradients of unit size: on Pong, a policy
    that lost every point then lost its entropy as well, and never won again.

    Args:
        deviation: `[]`, of the advantages, in units of the return.
        size: `[]`, the root mean square of the returns that they come from.

    Returns:
        `[]`, above 0.
    """
    chex.assert_equal_shape([deviation, size])
    return jnp.maximum(deviation, SMALLEST * size) + 1e-8
