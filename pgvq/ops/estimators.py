"""Gradients of an expected reward, E[r(a)] over actions that a policy samples.

The reward of a sampled discrete action has no derivative with respect to the policy;
its expectation has. Here is that gradient, exactly and as several estimators have it
from samples:

- *score function* (REINFORCE): unbiased, knows nothing of r but its values at the
  actions taken, and pays with variance;
- *straight-through* and *Gumbel-softmax*: actions that autodiff can pass, for a reward
  that is also defined between the actions; biased in general;
- *pathwise* (reparametrisation): for continuous actions and a reward with a
  derivative.

Functions of arrays that reduce nothing: samples are leading axes and the caller takes
the mean. `π = softmax(logits)` everywhere, and gradients are with respect to logits.
"""

import chex
import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import digamma


def exact_gradient(logits: Array, rewards: Array) -> Array:
    """`∂/∂logits_k Σ_a π_a r_a = π_k (r_k - Σ_a π_a r_a)`.

    The sum that every estimator here estimates (Sutton & Barto 2018, eq. 2.12, before
    it is sampled).

    Args:
        logits: `[..., A]`.
        rewards: `[..., A]`, of every action.

    Returns:
        `[..., A]`.
    """
    chex.assert_equal_shape([logits, rewards])
    probs = jax.nn.softmax(logits)
    return probs * (rewards - jnp.sum(probs * rewards, axis=-1, keepdims=True))


def score(logits: Array, action: Array) -> Array:
    """`∂/∂logits log π(a) = 1_a - π`: `[..., A]` and `[...]` to `[..., A]`."""
    chex.assert_equal_shape_prefix([logits, action], action.ndim)
    return jax.nn.one_hot(action, logits.shape[-1]) - jax.nn.softmax(logits)


def score_function(
    logits: Array, action: Array, reward: Array, baseline: Array | float = 0.0
) -> Array:
    """`(r - b) ∂/∂logits log π(a)`, whose mean over `a ~ π` is the exact gradient.

    Williams 1992 (REINFORCE). Any baseline that does not depend on the action keeps
    that mean, for the score itself has mean zero.

    Args:
        logits: `[..., A]`.
        action: `[...]`, sampled from them.
        reward: `[...]`, what it earned.
        baseline: `[...]` or `[]`.

    Returns:
        `[..., A]`, an estimate per sample.
    """
    chex.assert_equal_shape([action, reward])
    return (reward - baseline)[..., None] * score(logits, action)


def score_function_variance(
    logits: Array, rewards: Array, baseline: Array | float = 0.0
) -> Array:
    """Variance of one sample of `score_function`, each component by itself.

        Σ_a π_a (r_a - b)² (1_a - π)²  -  (exact gradient)²

    Args:
        logits: `[..., A]`.
        rewards: `[..., A]`, of every action.
        baseline: `[...]` or `[]`.

    Returns:
        `[..., A]`.
    """
    chex.assert_equal_shape([logits, rewards])
    probs = jax.nn.softmax(logits)
    scores = jnp.eye(logits.shape[-1]) - probs[..., None, :]  # [..., A of a, A]
    weights = probs * jnp.square(rewards - jnp.asarray(baseline)[..., None])
    second = jnp.sum(weights[..., None] * jnp.square(scores), axis=-2)
    return second - jnp.square(exact_gradient(logits, rewards))


def optimal_baseline(logits: Array, rewards: Array) -> Array:
    """`E[r |∇ log π|²] / E[|∇ log π|²]`, the baseline of the smallest total variance.

    Greensmith, Bartlett & Baxter 2004, theorem 8: not the expected reward, but an
    average in which an action counts the more, the more its score can move the policy.

    Args:
        logits: `[..., A]`.
        rewards: `[..., A]`, of every action.

    Returns:
        `[...]`.
    """
    chex.assert_equal_shape([logits, rewards])
    probs = jax.nn.softmax(logits)
    scores = jnp.eye(logits.shape[-1]) - probs[..., None, :]
    weights = probs * jnp.sum(jnp.square(scores), axis=-1)
    return jnp.sum(weights * rewards, axis=-1) / jnp.sum(weights, axis=-1)


def straight_through(logits: Array, action: Array) -> Array:
    """The action one-hot, with the derivative of `π` instead of its own, none.

    Bengio, Léonard & Courville 2013, for a softmax. The gradient of a reward of this
    is exact on average where the reward is linear in the one-hot action, and biased
    where it is not: it reads slopes at the corners, and the expectation has none.

    Args:
        logits: `[..., A]`.
        action: `[...]`, sampled from them.

    Returns:
        `[..., A]`, 0 and 1.
    """
    chex.assert_equal_shape_prefix([logits, action], action.ndim)
    one_hot = jax.nn.one_hot(action, logits.shape[-1])
    return _with_derivative_of(jax.nn.softmax(logits), one_hot)


def gumbel_softmax(logits: Array, noise: Array, temperature: Array | float) -> Array:
    """`softmax((logits + noise) / temperature)`: an action that is a bit of each.

    Jang, Gu & Poole 2017; Maddison, Mnih & Teh 2017. Towards a temperature of 0 it
    becomes a sample of `π`, its gradient's bias vanishes and its variance grows.

    Args:
        logits: `[..., A]`.
        noise: `[..., A]`, standard Gumbel (`jax.random.gumbel`).
        temperature: `[]`, > 0.

    Returns:
        `[..., A]`, positive and with sum 1.
    """
    chex.assert_equal_shape([logits, noise])
    return jax.nn.softmax((logits + noise) / temperature)


def straight_through_gumbel_softmax(
    logits: Array, noise: Array, temperature: Array | float
) -> Array:
    """The likeliest action of `gumbel_softmax` one-hot, with the latter's derivative.

    The "straight-through" form of Jang, Gu & Poole 2017: the action is a sample of `π`
    exactly, so the reward is asked for at real actions only. Arguments and result as
    of `gumbel_softmax`, but 0 and 1.
    """
    soft = gumbel_softmax(logits, noise, temperature)
    hard = jax.nn.one_hot(jnp.argmax(soft, axis=-1), soft.shape[-1])
    return _with_derivative_of(soft, hard)


def pathwise(mean: Array, scale: Array | float, noise: Array) -> Array:
    """`mean + scale * noise`: a Gaussian action through which autodiff can pass.

    The reparametrisation of Kingma & Welling 2014. The gradient of a reward of this is
    unbiased where the reward is continuous; a jump between two constants has a
    gradient of zero on either side, whatever the expectation's.

    Args:
        mean: `[...]`.
        scale: `[...]` or `[]`, the standard deviation, > 0.
        noise: `[...]`, standard normal.

    Returns:
        `[...]`.
    """
    chex.assert_equal_shape([mean, noise])
    return mean + scale * noise


def gaussian_score(action: Array, mean: Array, scale: Array | float) -> Array:
    """`∂/∂mean log N(a; mean, scale²) = (a - mean) / scale²`.

    Williams 1992, section 6.

    Args:
        action: `[...]`.
        mean: `[...]`.
        scale: `[...]` or `[]`, the standard deviation, > 0.

    Returns:
        `[...]`.
    """
    chex.assert_equal_shape([action, mean])
    return (action - mean) / jnp.square(scale)


def beta_score(action: Array, mean: Array, concentration: Array | float) -> Array:
    """`∂/∂mean log Beta(a; κ mean, κ (1 - mean))`, for actions between 0 and 1.

        κ (log a - log(1 - a) - ψ(κ mean) + ψ(κ (1 - mean))),   ψ the digamma function

    A Beta policy keeps to the interval that a Gaussian one leaves (Chou, Maturana &
    Scherer 2017).

    Args:
        action: `[...]`, in (0, 1).
        mean: `[...]`, in (0, 1).
        concentration: `[...]` or `[]`, κ > 0; the larger, the less noise.

    Returns:
        `[...]`.
    """
    chex.assert_equal_shape([action, mean])
    alpha, beta = concentration * mean, concentration * (1 - mean)
    log_odds = jnp.log(action) - jnp.log1p(-action)
    return concentration * (log_odds - digamma(alpha) + digamma(beta))


def _with_derivative_of(smooth: Array, value: Array) -> Array:
    """`value`, which autodiff takes for `smooth`."""
    # The sum in this order is `value` to the last bit: the bracket is zero.
    return value + (smooth - jax.lax.stop_gradient(smooth))
