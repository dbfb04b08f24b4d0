"""Quantile regression: golden values, its limits, and what its minimum is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.ops.quantiles import quantile_huber_error, quantile_midpoints


def reference(prediction, target, delta):
    """Dabney et al. 2018, eq. 10, one pair at a time."""
    total = 0.0
    for i, guess in enumerate(prediction):
        tau = (2 * i + 1) / (2 * len(prediction))
        for aim in target:
            gap = aim - guess
            if delta == 0:
                size = abs(gap)
            elif abs(gap) <= delta:
                size = 0.5 * gap**2 / delta
            else:
                size = abs(gap) - 0.5 * delta
            total += abs(tau - (gap < 0)) * size / len(target)
    return total


def test_midpoints():
    np.testing.assert_allclose(quantile_midpoints(1), [0.5])
    np.testing.assert_allclose(quantile_midpoints(4), [0.125, 0.375, 0.625, 0.875])


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        # tau is 1/4 and 3/4. Prediction 0: 1/4 (0.5 + 2.5) / 2; prediction 2: below
        # it 1/4 * 0.5, above it 3/4 * 0.5, halved.
        (1.0, 0.375 + 0.25),
        # Plain: prediction 0: 1/4 (1 + 3) / 2; prediction 2: (1/4 + 3/4) / 2.
        (0.0, 0.5 + 0.5),
        # Quadratic alone, over delta: 1/4 (0.5 + 4.5) / 2 / 10, (1/8 + 3/8) / 2 / 10.
        (10.0, 0.0625 + 0.025),
    ],
)
def test_golden_errors(delta, expected):
    got = quantile_huber_error(jnp.array([0.0, 2.0]), jnp.array([1.0, 3.0]), delta)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("delta", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize(("num", "num_target"), [(1, 1), (5, 5), (7, 3)])
def test_random_distributions_against_the_definition(num, num_target, delta):
    generator = np.random.default_rng(0)
    prediction = generator.normal(size=(2, 3, num))
    target = generator.normal(size=(2, 3, num_target))
    got = jax.jit(quantile_huber_error)(prediction, target, delta)
    assert got.shape == (2, 3)
    for where in np.ndindex(2, 3):
        expected = reference(prediction[where], target[where], delta)
        np.testing.assert_allclose(got[where], expected, rtol=1e-5)


def test_gradients_point_to_the_target_and_stop_there():
    """Pitfall 24. By hand: -tau_i for a target above, 1 - tau_i for one below."""
    prediction, target = jnp.array([0.0, 9.0]), jnp.array([4.0, 5.0])
    gradient = jax.jit(jax.grad(quantile_huber_error, (0, 1)))
    for delta in (0.0, 0.5, 1.0):
        slopes = gradient(prediction, target, delta)
        np.testing.assert_allclose(slopes[0], [-0.25, 0.25], rtol=1e-6)
        np.testing.assert_array_equal(slopes[1], [0.0, 0.0])


@pytest.mark.parametrize("num", [1, 4, 5])
def test_the_minimum_is_at_the_quantiles_of_the_target(num):
    """Descending plain regression finds the quantiles, here those of 0, 1, ... 999."""
    target = jnp.arange(1000.0)

    def step(prediction, rate):
        slope = jax.grad(quantile_huber_error)(prediction, target, 0.0)
        return prediction - rate * slope, None

    rates = 1000.0 * 0.98 ** jnp.arange(600)
    learnt, _ = jax.lax.scan(step, jnp.zeros(num), rates)
    np.testing.assert_allclose(learnt, 1000 * quantile_midpoints(num), atol=2.0)


def test_one_quantile_of_one_target_is_half_the_huber_error():
    """K = K' = 1: tau is 1/2, and distributional Q-learning is Q-learning."""
    got = quantile_huber_error(jnp.array([[0.5], [6.0]]), jnp.array([[0.0], [3.0]]))
    np.testing.assert_allclose(got, [0.0625, 1.25])


def test_delta_may_be_traced():
    pair = jnp.array([0.0, 2.0]), jnp.array([1.0, 3.0])
    deltas = jnp.array([0.0, 1.0])
    got = jax.jit(jax.vmap(lambda delta: quantile_huber_error(*pair, delta)))(deltas)
    np.testing.assert_allclose(got, [1.0, 0.625], rtol=1e-6)


@pytest.mark.parametrize(
    "shapes", [((4, 3), (3,)), ((3,), (4, 3)), ((4, 3), (5, 3)), ((4, 3), (1, 3))]
)
def test_a_silent_broadcast_is_refused(shapes):
    with pytest.raises(AssertionError):
        quantile_huber_error(*map(jnp.zeros, shapes))
