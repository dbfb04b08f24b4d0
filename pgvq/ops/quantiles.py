"""Quantile regression: a distribution of returns, learnt as K equally likely values.

Unlike a histogram (C51, Bellemare et al. 2017) it needs no range of returns, which
would have to be known for every game.
"""

import chex
import jax.numpy as jnp
from jax import Array

from pgvq.ops.losses import huber_error


def quantile_midpoints(num_quantiles: int) -> Array:
    """`tau_i = (2 i + 1) / (2 K)`: which quantiles are learnt, `[K]`.

    The middles of K equal shares of probability are the values that stand nearest to
    a distribution in the 1-Wasserstein metric (Dabney et al. 2018, Lemma 2).
    """
    return (jnp.arange(num_quantiles) + 0.5) / num_quantiles


def quantile_huber_error(
    prediction: Array, target: Array, delta: Array | float = 1.0
) -> Array:
    """`sum_i mean_j |tau_i - (u_ij < 0)| huber(u_ij) / delta`, `u_ij = t_j - p_i`.

    Dabney et al. 2018, eq. 10 and Algorithm 1: the mean over targets, the sum over
    predictions. The division by `delta` (Dabney et al. 2018b, eq. 3) keeps the slope
    far from the target the same, so that `delta` to 0 is plain quantile regression.

    Args:
        prediction: `[..., K]` quantiles at `quantile_midpoints(K)`; they may cross.
        target: `[..., K']` equally likely samples of the return; data.
        delta: `[]` where the error turns from quadratic to linear, in units of the
            return, >= 0; 0 is plain quantile regression.

    Returns:
        `[...]` errors.
    """
    chex.assert_equal_rank([prediction, target])
    chex.assert_equal_shape_prefix([prediction, target], prediction.ndim - 1)
    delta = jnp.maximum(delta, 1e-10)  # no error of float32 shows it
    guess, aim = jnp.broadcast_arrays(prediction[..., None], target[..., None, :])
    tau = quantile_midpoints(prediction.shape[-1])[:, None]
    weight = jnp.where(aim < guess, 1.0 - tau, tau)
    errors = weight * huber_error(guess, aim, delta) / delta
    return errors.mean(axis=-1).sum(axis=-1)
