"""What the two small games' expectations are, in closed form; numpy, float64.

References for what is estimated and measured elsewhere: they use neither samples nor
autodiff.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, digamma, expit, ndtr

from pgvq.envs.choices import THRESHOLD

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(100)  # of an integral over (-1, 1)


def gaussian_value(mean: ArrayLike, scale: float) -> Floats:
    """`E[sign(a - 1/2)] = 2 Φ(z) - 1` of `a ~ N(mean, scale²)`: `[...]` to `[...]`.

    `z = (mean - 1/2) / scale`, and Φ is the standard normal's distribution function.
    """
    return 2 * ndtr((np.asarray(mean, np.float64) - THRESHOLD) / scale) - 1


def gaussian_gradient(mean: ArrayLike, scale: float) -> Floats:
    """Derivative of `gaussian_value` in the mean, `2 φ(z) / scale`, φ the density."""
    z = (np.asarray(mean, np.float64) - THRESHOLD) / scale
    return 2 * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / scale


def beta_value(mean: ArrayLike, concentration: float) -> Floats:
    """`E[sign(a - 1/2)] = 1 - 2 I_{1/2}(κ mean, κ (1 - mean))`, `a` of that Beta.

    `mean` `[...]` in (0, 1) to `[...]`; κ is the concentration and I the regularised
    incomplete beta function.
    """
    mean = np.asarray(mean, np.float64)
    alpha, beta = concentration * mean, concentration * (1 - mean)
    return 1 - 2 * betainc(alpha, beta, THRESHOLD)


def beta_gradient(mean: ArrayLike, concentration: float) -> Floats:
    """Derivative of `beta_value` in the mean: `E[sign(a - 1/2) ∂ log p(a) / ∂ mean]`.

    The score has mean zero, so the integral over one side of 1/2 is enough, twice. It
    is taken on the side away from the mean, where the density is smooth, by Gauss and
    Legendre's rule with 100 nodes.

    Args:
        mean: `[...]`, in (0, 1).
        concentration: κ, at least 4, where this is exact to 1e-6.

    Returns:
        `[...]`.
    """
    mean = np.asarray(mean, np.float64)[..., None]
    above = mean < THRESHOLD  # the side that is integrated over
    offset = (1 + _NODES) / 4  # (0, 1/2)
    action = np.where(above, THRESHOLD + offset, THRESHOLD - offset)
    alpha, beta = concentration * mean, concentration * (1 - mean)
    log_density = (
        (alpha - 1) * np.log(action)
        + (beta - 1) * np.log1p(-action)
        - betaln(alpha, beta)
    )
    log_odds = np.log(action) - np.log1p(-action)
    score = concentration * (log_odds - digamma(alpha) + digamma(beta))
    sides = np.where(above, 2.0, -2.0)[..., 0]
    return sides * np.sum(np.exp(log_density) * score * _WEIGHTS / 4, axis=-1)


def smoothed_slope(action: ArrayLike, temperature: ArrayLike) -> Floats:
    """Derivative of `2 σ((a - 1/2) / t) - 1` in a: `2 σ(x) σ(-x) / t`.

    `[...]` each, and `[...]`; the temperature t is > 0.
    """
    temperature = np.asarray(temperature, np.float64)
    scaled = (np.asarray(action, np.float64) - THRESHOLD) / temperature
    return 2 * expit(scaled) * expit(-scaled) / temperature


def smoothed_optimum(temperature: ArrayLike, cost: float) -> Floats:
    """Which a in [0, 1] maximises `2 σ((a - 1/2) / t) - 1 - cost * a`.

    The slope is zero at `1/2 + 2 t arccosh(1 / √(2 t cost))`, where `2 t cost <= 1`,
    and at its mirror image, a minimum. The largest value is there (within the interval)
    or at 0, and for higher temperatures at 0, the wrong side of the threshold. The game
    itself has its best value just above 1/2.

    Args:
        temperature: `[...]`, t > 0.
        cost: of a unit of a, in (0, 2).

    Returns:
        `[...]`.
    """
    temperature = np.asarray(temperature, np.float64)
    steepness = np.minimum(2 * temperature * cost, 1.0)
    inner = THRESHOLD + 2 * temperature * np.arccosh(1 / np.sqrt(steepness))
    inner = np.minimum(inner, 1.0)
    nothing = np.zeros_like(inner)
    better = smoothed_value(inner, temperature, cost) > smoothed_value(
        nothing, temperature, cost
    )
    return np.where(better, inner, nothing)


def smoothed_value(
    action: ArrayLike, temperature: ArrayLike, cost: float = 0.0
) -> Floats:
    """`2 σ((a - 1/2) / t) - 1 - cost * a`: `[...]` each, and `[...]`."""
    action = np.asarray(action, np.float64)
    scaled = (action - THRESHOLD) / np.asarray(temperature, np.float64)
    return 2 * expit(scaled) - 1 - cost * action
