"""Losses: golden values, and by value which way gradients point and where they stop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq import losses


def test_log_prob_of_a_known_distribution():
    logits = jnp.log(jnp.array([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]]))
    got = losses.log_prob(logits, jnp.array([2, 1]))
    np.testing.assert_allclose(got, np.log([0.5, 0.6]), rtol=1e-6)


def test_log_prob_is_blind_to_a_shift_and_stays_finite():
    action = jnp.array([0, 1])
    logits = jnp.array([[1.0, 2.0], [-300.0, 300.0]])
    np.testing.assert_allclose(
        losses.log_prob(logits + 7.0, action), losses.log_prob(logits, action)
    )
    assert jnp.isfinite(losses.log_prob(logits, jnp.array([0, 0]))).all()


def test_policy_gradient_raises_the_probability_of_a_better_action():
    """Pitfall 24: descending the loss must make an action with A > 0 more likely.

    By hand: d(-log pi(0) A)/d logits = -A (one_hot - pi) = -2 (0.5, -0.5).
    """

    def loss(logits, advantage):
        log_prob = losses.log_prob(logits, jnp.array(0))
        return losses.policy_gradient_loss(log_prob, jnp.array(advantage))

    np.testing.assert_allclose(jax.grad(loss)(jnp.zeros(2), 2.0), [-1.0, 1.0])
    np.testing.assert_allclose(jax.grad(loss)(jnp.zeros(2), -2.0), [1.0, -1.0])


def test_no_gradient_flows_through_the_advantage():
    """Pitfall 24: an advantage that is not stopped would teach the critic nonsense."""
    loss = losses.policy_gradient_loss
    gradient = jax.grad(loss, argnums=1)(jnp.array(-0.7), jnp.array(3.0))
    assert gradient == 0.0


def test_entropy_is_in_nats_and_its_bonus_flattens():
    """Pitfall 24: descending minus the entropy must flatten the policy.

    By hand: dH/d logit_i = -pi_i (log pi_i + H).
    """
    np.testing.assert_allclose(losses.entropy(jnp.zeros(4)), np.log(4), rtol=1e-6)
    logits = jnp.log(jnp.array([0.8, 0.2]))
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    np.testing.assert_allclose(losses.entropy(logits), entropy, rtol=1e-6)

    gradient = jax.grad(lambda x: -losses.entropy(x))(logits)
    expected = np.array([0.8, 0.2]) * (np.log([0.8, 0.2]) + entropy)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)
    assert gradient[0] > 0 > gradient[1]  # descending lowers the likelier action


@pytest.mark.parametrize(
    ("prediction", "squared", "huber"),
    [(3.0, 0.0, 0.0), (3.5, 0.125, 0.125), (2.0, 0.5, 0.5), (6.0, 4.5, 2.5)],
)
def test_golden_errors_around_a_target_of_three(prediction, squared, huber):
    pair = jnp.array(prediction), jnp.array(3.0)
    np.testing.assert_allclose(losses.squared_error(*pair), squared)
    np.testing.assert_allclose(losses.huber_error(*pair), huber)


@pytest.mark.parametrize("error", [losses.squared_error, losses.huber_error])
def test_targets_are_data(error):
    """Pitfall 24: a target that is not stopped would be moved towards its guess."""
    pair = jnp.array(1.0), jnp.array(1.5)
    assert jax.grad(error, argnums=1)(*pair) == 0.0
    assert jax.grad(error, argnums=0)(*pair) == -0.5


def test_huber_gradient_is_bounded_by_delta():
    gradient, zero = jax.grad(losses.huber_error), jnp.array(0.0)
    assert gradient(jnp.array(100.0), zero) == 1.0
    assert gradient(jnp.array(-100.0), zero) == -1.0
    assert gradient(jnp.array(100.0), zero, 0.25) == 0.25


def test_action_value_picks_and_sends_its_gradient_there_alone():
    q_values = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    action = jnp.array([2, 0])
    np.testing.assert_array_equal(losses.action_value(q_values, action), [3, 4])
    gradient = jax.grad(lambda q: losses.action_value(q, action).sum())(q_values)
    np.testing.assert_array_equal(gradient, [[0, 0, 1], [1, 0, 0]])


def test_greedy_value_alone_and_chosen_by_another():
    """Double Q-learning reads the value of the *other* network's best action."""
    values = jnp.array([[1.0, 5.0], [7.0, 2.0]])
    chooser = jnp.array([[9.0, 0.0], [9.0, 0.0]])
    np.testing.assert_array_equal(losses.greedy_value(values), [5, 7])
    np.testing.assert_array_equal(losses.greedy_value(values, chooser), [1, 7])


@pytest.mark.parametrize(
    "loss",
    [losses.policy_gradient_loss, losses.squared_error, losses.huber_error],
)
def test_a_silent_broadcast_is_refused(loss):
    """`[B]` against `[B, 1]` would average B^2 wrong pairs."""
    with pytest.raises(AssertionError):
        loss(jnp.zeros((4, 1)), jnp.zeros(4))


def test_an_action_of_the_wrong_shape_is_refused():
    with pytest.raises(AssertionError):
        losses.action_value(jnp.zeros((4, 2)), jnp.zeros(3, jnp.int32))
