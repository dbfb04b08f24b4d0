"""Losses: golden values, and by value which way gradients point and where they stop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.ops import losses


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


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (1.0, 2.0, -2.0, -2.0),  # the policy gradient, -A
        (1.1, -2.0, 2.2, 2.2),  # inside the clip, -r A
        (1.5, 2.0, -2.4, 0.0),  # likelier and better: enough, -1.2 A
        (0.5, -2.0, 1.6, 0.0),  # less likely and worse: enough, -0.8 A
        (1.5, -2.0, 3.0, 3.0),  # the wrong way is never clipped
        (0.5, 2.0, -1.0, -1.0),
    ],
)
def test_golden_clipped_surrogate(ratio, advantage, loss, gradient):
    """Pitfall 24: the clip takes the gradient of what already went far enough.

    By hand, with eps = 0.2: d(-r A)/d log pi = -r A where it is not clipped.
    """
    old = jnp.log(0.3)
    args = (old + jnp.log(ratio), old, jnp.array(advantage), 0.2)
    got, slopes = jax.value_and_grad(losses.clipped_surrogate_loss, (0, 1, 2))(*args)
    np.testing.assert_allclose(got, loss, rtol=1e-6)
    np.testing.assert_allclose(slopes, [gradient, 0.0, 0.0], rtol=1e-6)


def test_clipped_surrogate_at_the_old_policy_is_the_policy_gradient():
    log_probs = jnp.log(jnp.array([0.1, 0.6, 0.3]))
    advantage = jnp.array([1.0, -2.0, 0.5])

    def surrogate(x):
        return losses.clipped_surrogate_loss(x, log_probs, advantage, 0.1).sum()

    def plain(x):
        return losses.policy_gradient_loss(x, advantage).sum()

    np.testing.assert_allclose(
        jax.grad(surrogate)(log_probs), jax.grad(plain)(log_probs), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1, 0.0), (2, 1 - np.log(2)), (0.5, np.log(2) - 0.5)]
)
def test_golden_approximate_kl(ratio, expected):
    got = losses.approximate_kl(jnp.log(0.4 * ratio), jnp.log(0.4))
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_approximate_kl_is_the_divergence_on_average():
    """In this direction: the old policy drew the actions."""
    old, new = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.3, 0.1])
    each = losses.approximate_kl(jnp.log(new), jnp.log(old))
    np.testing.assert_allclose(
        np.dot(old, each), np.dot(old, np.log(old / new)), rtol=1e-5
    )


def test_approximate_kl_is_never_negative_and_exact_for_close_policies():
    size = np.logspace(-12, 1, 200)
    log_ratio = jnp.array(np.concatenate([size, -size]), jnp.float32)
    assert losses.approximate_kl(log_ratio, jnp.zeros(400)).min() >= 0.0
    close = losses.approximate_kl(jnp.array(1e-3), jnp.array(0.0))
    np.testing.assert_allclose(close, 5e-7, rtol=1e-2)  # x^2 / 2


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


@pytest.mark.parametrize(
    ("value", "error", "gradient"),
    [
        (0.2, 3.92, -2.8),  # a step within the clip: the plain squared error
        (2.0, 3.125, 0.0),  # came nearer by more: that of 0.5, and no gradient
        (-2.0, 12.5, -5.0),  # went away: never clipped
        (7.0, 8.0, 4.0),  # went past the return and further off: never clipped
    ],
)
def test_golden_clipped_value_error(value, error, gradient):
    """By hand, for a return of 3, an old value of 0 and a clip of 0.5."""
    args = (jnp.array(value), jnp.array(0.0), jnp.array(3.0), 0.5)
    got, slopes = jax.value_and_grad(losses.clipped_value_error, (0, 1, 2))(*args)
    np.testing.assert_allclose(got, error, rtol=1e-6)
    np.testing.assert_allclose(slopes, [gradient, 0.0, 0.0], rtol=1e-6)


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


def test_expected_value_and_its_gradient_through_both():
    q_values = jnp.array([[1.0, 2.0, 3.0], [0.0, 4.0, 8.0]])
    probs = jnp.array([[0.5, 0.25, 0.25], [0.0, 0.75, 0.25]])
    np.testing.assert_allclose(losses.expected_value(q_values, probs), [1.75, 5.0])
    slopes = jax.grad(lambda *x: losses.expected_value(*x).sum(), (0, 1))
    for got, expected in zip(slopes(q_values, probs), (probs, q_values), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 2.0])
def test_golden_soft_value(temperature):
    """By hand: e^(Q/T) is 1, 2, 3, so V = T log 6 and its gradient is 1/6, 2/6, 3/6."""
    q_values = temperature * jnp.log(jnp.array([1.0, 2.0, 3.0]))
    got, slope = jax.value_and_grad(losses.soft_value)(q_values, temperature)
    np.testing.assert_allclose(got, temperature * np.log(6), rtol=1e-5)
    np.testing.assert_allclose(slope, np.array([1, 2, 3]) / 6, rtol=1e-5)


def test_soft_value_is_what_its_policy_earns_with_its_entropy():
    q_values = jnp.array([[1.0, -2.0, 0.5], [3.0, 3.0, 0.0]])
    probs = jax.nn.softmax(q_values / 0.7)
    earned = losses.expected_value(q_values, probs)
    np.testing.assert_allclose(
        losses.soft_value(q_values, 0.7),
        earned + 0.7 * losses.entropy(q_values / 0.7),
        rtol=1e-5,
    )


@pytest.mark.parametrize("temperature", [1e-5, 1e-20, 1e-38, 0.0])
@pytest.mark.parametrize("scale", [1.0, -1.0, 1e6])
def test_soft_value_cools_down_to_the_maximum(scale, temperature):
    q_values = scale * jnp.array([1.0, 3.0, 2.0])
    got, (slope, by_heat) = jax.value_and_grad(losses.soft_value, (0, 1))(
        q_values, temperature
    )
    np.testing.assert_allclose(got, q_values.max(), rtol=1e-6)
    np.testing.assert_array_equal(slope, jax.grad(jnp.max)(q_values))
    assert jnp.isfinite(by_heat)


@pytest.mark.parametrize(
    "loss",
    [
        losses.policy_gradient_loss,
        losses.squared_error,
        losses.huber_error,
        losses.approximate_kl,
        losses.expected_value,
    ],
)
def test_a_silent_broadcast_is_refused(loss):
    """`[B]` against `[B, 1]` would average B^2 wrong pairs."""
    with pytest.raises(AssertionError):
        loss(jnp.zeros((4, 1)), jnp.zeros(4))


@pytest.mark.parametrize(
    "loss", [losses.clipped_surrogate_loss, losses.clipped_value_error]
)
@pytest.mark.parametrize("odd", range(3))
def test_a_silent_broadcast_against_old_data_is_refused(loss, odd):
    arrays = [jnp.zeros((4, 1) if i == odd else 4) for i in range(3)]
    with pytest.raises(AssertionError):
        loss(*arrays, 0.2)


def test_an_action_of_the_wrong_shape_is_refused():
    with pytest.raises(AssertionError):
        losses.action_value(jnp.zeros((4, 2)), jnp.zeros(3, jnp.int32))


def test_standardized_advantages_by_hand():
    """Mean 0 and deviation 1; equal ones are 0; small ones are not enlarged."""
    returns = jnp.array([[3.0, -3.0, 3.0, 3.0]])
    got = losses.standardized(jnp.array([[1.0, 3.0, 1.0, 3.0]]), returns)
    np.testing.assert_allclose(got, [[-1, 1, -1, 1]], rtol=1e-5)
    got = losses.standardized(jnp.full((1, 4), 7.0), returns)
    np.testing.assert_array_equal(got, 0)
    small = jnp.array([[0.01, 0.03, 0.01, 0.03]])  # a deviation of 0.01; 0.3 is a tenth
    got = losses.standardized(small, returns)
    np.testing.assert_allclose(np.abs(got), 0.01 / 0.3, rtol=1e-4)
    got = losses.standardized(jnp.zeros((1, 4)), jnp.zeros((1, 4)))
    np.testing.assert_array_equal(got, 0)


def test_standardized_advantages_do_not_depend_on_the_rewards_unit():
    random = np.random.default_rng(0)
    advantage, returns = (jnp.asarray(random.normal(size=(5, 4))) for _ in range(2))
    one = losses.standardized(advantage, returns)
    other = losses.standardized(1000 * advantage, 1000 * returns)
    np.testing.assert_allclose(one, other, rtol=1e-4)
