"""Estimators against autodiff of the exact expectation, and moments by samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pgvq.ops import estimators

LOGITS = jnp.array([0.4, -1.1, 0.9])
REWARDS = jnp.array([1.0, -2.0, 0.5])
KEY = jax.random.key(0)
SAMPLES = 20_000


def expectation(logits, rewards=REWARDS):
    """The sum over all actions, which needs no sample."""
    return jnp.sum(jax.nn.softmax(logits) * rewards)


def samples(logits=LOGITS):
    """Actions `[N]` and, repeated for each, the logits `[N, A]`."""
    action = jax.random.categorical(KEY, logits, shape=(SAMPLES,))
    return action, jnp.broadcast_to(logits, (SAMPLES, len(logits)))


def assert_mean(estimates, exact):
    """Within four standard errors of the samples' own."""
    error = estimates.std(0) / np.sqrt(len(estimates))
    assert (error > 0).all()
    np.testing.assert_array_less(np.abs(estimates.mean(0) - exact), 4 * error)


def test_the_exact_gradient_is_that_of_the_sum():
    exact = estimators.exact_gradient(LOGITS, REWARDS)
    np.testing.assert_allclose(exact, jax.grad(expectation)(LOGITS), atol=1e-6)


def test_the_exact_gradient_of_a_batch_is_each_ones():
    logits, rewards = jnp.stack([LOGITS, -LOGITS]), jnp.stack([REWARDS, 2 * REWARDS])
    both = estimators.exact_gradient(logits, rewards)
    one = estimators.exact_gradient(logits[1], rewards[1])
    np.testing.assert_allclose(both[1], one, atol=1e-6)


@pytest.mark.parametrize("action", range(3))
def test_the_score_is_the_gradient_of_the_log_probability(action):
    def log_prob(logits):
        return jax.nn.log_softmax(logits)[action]

    got = estimators.score(LOGITS, jnp.array(action))
    np.testing.assert_allclose(got, jax.grad(log_prob)(LOGITS), atol=1e-6)


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_the_score_functions_mean_over_all_actions_is_exact(baseline):
    """With the probabilities as weights there is no sampling error left."""
    every = jnp.arange(3)
    logits = jnp.broadcast_to(LOGITS, (3, 3))
    each = estimators.score_function(logits, every, REWARDS, baseline)
    mean = jax.nn.softmax(LOGITS) @ each
    exact = estimators.exact_gradient(LOGITS, REWARDS)
    np.testing.assert_allclose(mean, exact, atol=1e-6)


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_the_score_functions_variance_is_that_of_samples(baseline):
    action, logits = samples()
    estimates = estimators.score_function(logits, action, REWARDS[action], baseline)
    exact = estimators.score_function_variance(LOGITS, REWARDS, baseline)
    assert_mean(estimates, estimators.exact_gradient(LOGITS, REWARDS))
    squares = np.square(estimates - np.mean(estimates, 0))
    assert_mean(squares, exact)


def test_the_variance_of_two_actions_by_hand():
    """π = (0.8, 0.2), r = (1, -1): estimates of the first are 0.2 and 0.8."""
    logits, rewards = jnp.log(jnp.array([0.8, 0.2])), jnp.array([1.0, -1.0])
    mean = 0.8 * 0.2 + 0.2 * 0.8
    by_hand = 0.8 * 0.2**2 + 0.2 * 0.8**2 - mean**2
    variance = estimators.score_function_variance(logits, rewards)
    np.testing.assert_allclose(variance, [by_hand, by_hand], atol=1e-6)


def test_no_baseline_is_better_than_the_optimal_one():
    best = estimators.optimal_baseline(LOGITS, REWARDS)

    def total(baseline):
        return estimators.score_function_variance(LOGITS, REWARDS, baseline).sum()

    np.testing.assert_allclose(jax.grad(total)(best), 0.0, atol=1e-6)
    assert total(best) < total(expectation(LOGITS))  # the usual one is another
    assert total(best) < total(jnp.float32(0.0))


def test_of_two_actions_the_optimal_baseline_leaves_no_variance():
    logits, rewards = jnp.log(jnp.array([0.9, 0.1])), jnp.array([1.0, -1.0])
    best = estimators.optimal_baseline(logits, rewards)
    np.testing.assert_allclose(best, 0.1 * 1 + 0.9 * -1, atol=1e-6)
    variance = estimators.score_function_variance(logits, rewards, best)
    np.testing.assert_allclose(variance, 0.0, atol=1e-6)


@pytest.mark.parametrize("action", range(3))
def test_straight_through_is_the_action_with_the_policys_derivative(action):
    chosen = jnp.array(action)
    forward = estimators.straight_through(LOGITS, chosen)
    np.testing.assert_array_equal(forward, np.eye(3)[action])

    def linear(logits):
        return estimators.straight_through(logits, chosen) @ REWARDS

    # Where the reward is linear in the action every single estimate is exact.
    exact = estimators.exact_gradient(LOGITS, REWARDS)
    np.testing.assert_allclose(jax.grad(linear)(LOGITS), exact, atol=1e-6)


def test_straight_through_is_biased_where_the_reward_bends():
    """r = x_0²: slopes 2 and 0 at the corners, so 2 π_0 times the exact gradient."""
    corners = jnp.array([1.0, 0.0, 0.0])

    def bent(logits, action):
        return jnp.square(estimators.straight_through(logits, action)[0])

    each = jax.vmap(jax.grad(bent), (None, 0))(LOGITS, jnp.arange(3))
    probs = jax.nn.softmax(LOGITS)
    exact = estimators.exact_gradient(LOGITS, corners)
    np.testing.assert_allclose(probs @ each, 2 * probs[0] * exact, atol=1e-6)


def test_gumbel_softmax_tends_to_samples_of_the_policy():
    noise = jax.random.gumbel(KEY, (SAMPLES, 3))
    logits = jnp.broadcast_to(LOGITS, noise.shape)
    soft = estimators.gumbel_softmax(logits, noise, 1e-4)
    hard = estimators.straight_through_gumbel_softmax(logits, noise, 5.0)
    assert np.abs(soft - hard).mean() < 1e-3  # near ties are between the two
    assert_mean(np.asarray(hard), jax.nn.softmax(LOGITS))


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_gumbel_softmax_is_the_softmax_at_a_temperature(temperature):
    noise = jnp.array([0.3, -0.2, 1.0])
    soft = estimators.gumbel_softmax(LOGITS, noise, temperature)
    weights = np.exp((np.asarray(LOGITS) + np.asarray(noise)) / temperature)
    np.testing.assert_allclose(soft, weights / weights.sum(), rtol=1e-5)


def test_its_straight_through_form_has_the_soft_ones_derivative():
    noise = jnp.array([0.3, -0.2, 1.0])

    def first(form):
        return jax.grad(lambda logits: form(logits, noise, 0.7) @ REWARDS)(LOGITS)

    hard = estimators.straight_through_gumbel_softmax
    np.testing.assert_allclose(first(hard), first(estimators.gumbel_softmax), atol=1e-6)
    np.testing.assert_array_equal(hard(LOGITS, noise, 0.7), [0.0, 0.0, 1.0])


def test_pathwise_is_exact_for_a_smooth_reward():
    """E[a²] = mean² + scale², whose derivatives are 2 mean and 2 scale."""
    noise = jax.random.normal(KEY, (SAMPLES,))
    mean, scale = jnp.full(SAMPLES, 0.3), jnp.full(SAMPLES, 0.2)

    def reward(mean, scale, noise):
        return jnp.square(estimators.pathwise(mean, scale, noise))

    slopes = jax.vmap(jax.grad(reward, (0, 1)))(mean, scale, noise)
    for estimates, exact in zip(slopes, (0.6, 0.4), strict=True):
        assert_mean(np.asarray(estimates), exact)


@pytest.mark.parametrize("mean", [0.2, 0.7])
def test_continuous_scores_are_slopes_of_the_log_density(mean):
    """Central differences over five points, of scipy's densities."""
    h = 1e-3
    means = mean + np.array([-2, -1, 1, 2]) * h
    weights = np.array([1, -8, 8, -1]) / (12 * h)
    action = np.array(0.35)
    gaussian = weights @ stats.norm.logpdf(action, means, 0.3)
    got = estimators.gaussian_score(jnp.array(action), jnp.array(mean), 0.3)
    np.testing.assert_allclose(got, gaussian, rtol=1e-6, atol=1e-6)
    beta = weights @ stats.beta.logpdf(action, 10 * means, 10 * (1 - means))
    got = estimators.beta_score(jnp.array(action), jnp.array(mean), 10.0)
    np.testing.assert_allclose(got, beta, rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (estimators.exact_gradient, (jnp.zeros((4, 2)), jnp.zeros(2))),
        (
            estimators.score_function,
            (jnp.zeros((4, 2)), jnp.zeros(4, int), jnp.ones(3)),
        ),
        (estimators.straight_through, (jnp.zeros((4, 2)), jnp.zeros(3, int))),
        (estimators.gumbel_softmax, (jnp.zeros((4, 2)), jnp.zeros(2), 1.0)),
        (estimators.pathwise, (jnp.zeros(4), 1.0, jnp.zeros((4, 1)))),
        (estimators.beta_score, (jnp.zeros(4), jnp.zeros((4, 1)), 1.0)),
    ],
)
def test_a_silent_broadcast_is_refused(function, arguments):
    with pytest.raises(AssertionError):
        function(*arguments)
