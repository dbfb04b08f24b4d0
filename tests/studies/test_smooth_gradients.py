"""Both gradients against a game whose gradient is known in closed form.

The game: x' = x + a and the reward -x'^2; the policy: a = θ x + ε. Then with g = 1 + θ

    E r_0 = -(g^2 x^2 + σ^2)          E r_1 = -(g^4 x^2 + g^2 σ^2 + σ^2).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from why_not_backprop.smooth_games import (
    backpropagated_credit,
    horizon_weights,
    mean_gradients,
    score_credit,
    unrolled,
)

pytestmark = pytest.mark.studies


THETA, X, DEVIATION = -0.4, 1.3, 0.5
G = 1 + THETA


def step(obs, state, action, key):
    moved = obs + action
    return moved, state + 1, -(moved[0] ** 2)


def act(params, obs):
    return obs[..., 0] * params["theta"]


PARAMS = {"theta": jnp.float32(THETA)}
START = (jnp.array([X]), jnp.int32(0))


def rows_by_backpropagation(noise, weights):
    def one(noise):
        credit, obs, rewards = backpropagated_credit(
            step, act, PARAMS, START, noise, jax.random.key(0), weights
        )
        return mean_gradients(act, PARAMS, obs[None], credit[None]), obs, rewards

    return jax.jit(jax.vmap(one))(noise)


def test_without_noise_backpropagation_is_the_exact_gradient():
    weights = horizon_weights([1, 3], 3, 0.9)
    rows, obs, rewards = rows_by_backpropagation(jnp.zeros((1, 3)), weights)
    grown = X * G ** np.arange(4)
    np.testing.assert_allclose(obs[0, :, 0], grown[:3], rtol=1e-6)
    np.testing.assert_allclose(rewards[0], -(grown[1:] ** 2), rtol=1e-6)
    each = [-2 * (t + 1) * X**2 * G ** (2 * t + 1) * 0.9**t for t in range(3)]
    np.testing.assert_allclose(rows[0, :, 0], [each[0], sum(each)], rtol=1e-6)


def test_both_gradients_have_the_exact_mean():
    count = 20_000
    noise = DEVIATION * jax.random.normal(jax.random.key(1), (count, 2))
    weights = horizon_weights([1, 2], 2, 1.0)
    first = -2 * G * X**2
    exact = np.array([first, first - 4 * G**3 * X**2 - 2 * G * DEVIATION**2])

    by_backpropagation, obs, rewards = rows_by_backpropagation(noise, weights)
    credits = score_credit(noise, DEVIATION, rewards, weights)
    by_score = jax.vmap(lambda o, c: mean_gradients(act, PARAMS, o[None], c[None]))(
        obs, credits
    )
    for rows in (by_backpropagation, by_score):
        mean, error = rows.mean(0)[:, 0], rows.std(0)[:, 0] / np.sqrt(count)
        assert np.all(np.abs(mean - exact) < 4 * error), (mean, exact, error)
        assert np.all(error < 0.1)


def test_the_score_functions_credit_by_hand():
    """Two games of two steps; the baseline of each is the other's return to go."""
    noise = jnp.array([[1.0, -2.0], [3.0, 4.0]])
    rewards = jnp.array([[1.0, 10.0], [2.0, 20.0]])
    weights = jnp.array([[1.0, 0.0], [1.0, 0.5]])
    credits = score_credit(noise, 2.0, rewards, weights)
    np.testing.assert_allclose(
        credits,
        [
            [[-1 / 4, 0.0], [-6 / 4, 10 / 4]],
            [[3 / 4, 0.0], [18 / 4, 20 / 4]],
        ],
        rtol=1e-6,
    )


def test_the_mean_of_games_is_the_mean_of_their_gradients():
    keys = jax.random.split(jax.random.key(2), 2)
    obs = jax.random.normal(keys[0], (3, 4, 1))
    credits = jax.random.normal(keys[1], (3, 2, 4))
    rows = mean_gradients(act, PARAMS, obs, credits)
    expected = np.einsum("nht,nt->h", credits, obs[..., 0]) / 3
    np.testing.assert_allclose(rows[:, 0], expected, rtol=1e-5)


def test_weights_end_at_the_horizon():
    weights = horizon_weights([1, 3], 4, 0.5)
    np.testing.assert_allclose(weights, [[1, 0, 0, 0], [1, 0.5, 0.25, 0]])


def test_unrolling_feeds_each_observation_to_the_policy():
    obs, _ = unrolled(step, act, PARAMS, START, jnp.ones(3), jax.random.key(0))
    expected = [X]
    for _ in range(2):
        expected.append(expected[-1] * G + 1.0)
    np.testing.assert_allclose(obs[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("length", [1, 4])
def test_shapes(length):
    noise = jnp.zeros((2, length))
    rows, obs, rewards = rows_by_backpropagation(noise, jnp.ones((3, length)))
    assert rows.shape == (2, 3, 1)
    assert obs.shape == (2, length, 1)
    assert rewards.shape == (2, length)
