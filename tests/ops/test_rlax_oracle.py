"""Our maths against rlax's, on random inputs.

rlax brings distrax and a nightly build of TensorFlow Probability, so it is no
dependency of ours, and where it is absent this module skips. To run it:

    pip install -e ".[test,oracle]" -c constraints.txt
    pytest tests/ops/test_rlax_oracle.py

Passed with rlax 0.1.9, distrax 0.1.9, tfp-nightly 0.26.0.dev20261027, jax 0.10.2.

rlax writes an end as a discount of zero and has no truncation: where the clock ended
an episode it is told to mix in nothing of what follows, by a lambda of zero. The
categorical losses (C51) have no counterpart: we learn quantiles, which need no range
of returns per environment.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.ops import losses, quantiles, returns

rlax = pytest.importorskip("rlax", reason="rlax is an oracle: pip install '.[oracle]'")

DISCOUNT = 0.9
LENGTH, ENVS, ACTIONS = 30, 8, 4


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def columns(function):
    """rlax works on one sequence `[T]`; ours on `[T, N]`."""
    return jax.vmap(function, in_axes=1, out_axes=1)


def same_loss_and_gradient(ours, theirs, where):
    pairs = zip(
        jax.value_and_grad(ours)(where), jax.value_and_grad(theirs)(where), strict=True
    )
    for got, expected in pairs:
        close(got, expected)


class Rollout:
    """Random rows `[T, N]` with ends of both kinds in them."""

    def __init__(self):
        generator = np.random.default_rng(0)
        shape = (LENGTH, ENVS)
        self.reward, self.next_value, self.value = jnp.array(
            generator.normal(size=(3, *shape)), jnp.float32
        )
        self.q_values, self.next_q, self.other_q = jnp.array(
            generator.normal(size=(3, *shape, ACTIONS)), jnp.float32
        )
        self.action = jnp.array(generator.integers(ACTIONS, size=shape))
        self.terminated, self.truncated = jnp.array(
            generator.random((2, *shape)) < 0.15
        )
        self.discounts = DISCOUNT * (1.0 - self.terminated)
        self.running = 1.0 - (self.terminated | self.truncated)

    def lambda_returns(self, next_value, lambda_):
        ends = self.terminated, self.truncated
        return returns.lambda_returns(self.reward, next_value, *ends, DISCOUNT, lambda_)


@pytest.fixture(scope="module")
def rollout():
    return Rollout()


def each_row(function):
    """rlax's one-step errors take one row; here all `[T, N]` of them."""
    return jax.vmap(jax.vmap(function))


def one_step_error(rollout, next_value):
    target = returns.one_step_returns(
        rollout.reward, next_value, rollout.terminated, DISCOUNT
    )
    return target - losses.action_value(rollout.q_values, rollout.action)


def rows_of(rollout):
    return rollout.q_values, rollout.action, rollout.reward, rollout.discounts


def test_q_learning(rollout):
    got = one_step_error(rollout, losses.greedy_value(rollout.next_q))
    close(got, each_row(rlax.q_learning)(*rows_of(rollout), rollout.next_q))


def test_double_q_learning(rollout):
    pair = rollout.next_q, rollout.other_q
    got = one_step_error(rollout, losses.greedy_value(*pair))
    close(got, each_row(rlax.double_q_learning)(*rows_of(rollout), *pair))


def test_expected_sarsa(rollout):
    pair = rollout.next_q, jax.nn.softmax(rollout.other_q)
    got = one_step_error(rollout, losses.expected_value(*pair))
    close(got, each_row(rlax.expected_sarsa)(*rows_of(rollout), *pair))


@pytest.mark.parametrize("lambda_", [0.0, 0.6, 1.0])
def test_lambda_returns(rollout, lambda_):
    got = rollout.lambda_returns(rollout.next_value, lambda_)
    expected = columns(rlax.lambda_returns)(
        rollout.reward,
        rollout.discounts,
        rollout.next_value,
        lambda_ * rollout.running,
    )
    close(got, expected)


@pytest.mark.parametrize("lambda_", [0.0, 0.6, 1.0])
def test_q_of_lambda(rollout, lambda_):
    """Peng's Q(lambda), as PQN learns it."""
    target = rollout.lambda_returns(losses.greedy_value(rollout.next_q), lambda_)
    got = target - losses.action_value(rollout.q_values, rollout.action)
    expected = columns(rlax.q_lambda)(
        *rows_of(rollout), rollout.next_q, lambda_ * rollout.running
    )
    close(got, expected)


@pytest.mark.parametrize("lambda_", [0.0, 0.6, 1.0])
def test_generalised_advantages(rollout, lambda_):
    """rlax reads what follows a row in the next row's value: no truncations here."""
    last = rollout.next_value[-1:]
    values = jnp.concatenate([rollout.value, last])  # [T + 1, N]
    got = returns.lambda_returns(
        rollout.reward,
        values[1:],
        rollout.terminated,
        jnp.zeros_like(rollout.terminated),
        DISCOUNT,
        lambda_,
    )
    estimate = columns(
        lambda r, g, v: rlax.truncated_generalized_advantage_estimation(
            r, g, lambda_, v
        )
    )
    close(got - rollout.value, estimate(rollout.reward, rollout.discounts, values))


@pytest.mark.parametrize("n", [1, 2, 5, LENGTH])
def test_n_steps(rollout, n):
    ends = rollout.terminated, rollout.truncated
    earned, bootstrap, last = returns.n_step(rollout.reward, *ends, DISCOUNT, n)
    got = earned + bootstrap * jnp.take_along_axis(rollout.next_value, last, axis=0)
    expected = columns(
        lambda r, g, v, trace: rlax.n_step_bootstrapped_returns(r, g, v, n, trace)
    )(rollout.reward, rollout.discounts, rollout.next_value, rollout.running)
    # rlax lets the last windows shrink at the edge, where we give none.
    close(got, expected[: LENGTH - n + 1])


@pytest.mark.filterwarnings("ignore:Rlax softmax will be:PendingDeprecationWarning")
def test_policy_gradient(rollout):
    logits, action, advantage = (
        x[0] for x in (rollout.q_values, rollout.action, rollout.value)
    )

    def ours(logits):
        log_probs = losses.log_prob(logits, action)
        return losses.policy_gradient_loss(log_probs, advantage).mean()

    def theirs(logits):
        return rlax.policy_gradient_loss(logits, action, advantage, jnp.ones(ENVS))

    same_loss_and_gradient(ours, theirs, logits)


@pytest.mark.parametrize("clip", [0.05, 0.2, 0.5])
def test_clipped_surrogate(rollout, clip):
    """Loss and gradient, with ratios on both sides of the clip."""
    old, advantage = rollout.next_value[:, 0] - 2.0, rollout.value[:, 0]
    new = old + 0.5 * rollout.reward[:, 0]

    def ours(log_probs):
        loss = losses.clipped_surrogate_loss(log_probs, old, advantage, clip)
        return loss.mean()

    def theirs(log_probs):
        ratio = jnp.exp(log_probs - old)
        return rlax.clipped_surrogate_pg_loss(ratio, advantage, clip)

    same_loss_and_gradient(ours, theirs, new)


@pytest.mark.parametrize("delta", [0.0, 0.5, 1.0])
def test_quantile_regression(delta):
    """rlax does not divide by delta; its delta of 0 is plain regression, as ours."""
    generator = np.random.default_rng(1)
    prediction = jnp.array(generator.normal(size=(6, 7)), jnp.float32)
    target = jnp.array(generator.normal(size=(6, 5)), jnp.float32)
    tau = quantiles.quantile_midpoints(7)

    def ours(prediction):
        return quantiles.quantile_huber_error(prediction, target, delta).sum()

    def theirs(prediction):
        each = jax.vmap(lambda p, t: rlax.quantile_regression_loss(p, tau, t, delta))(
            prediction, target
        )
        return each.sum() / (delta or 1.0)

    same_loss_and_gradient(ours, theirs, prediction)


def test_huber(rollout):
    got = losses.huber_error(rollout.value, rollout.next_value, 0.7)
    close(got, rlax.huber_loss(rollout.next_value - rollout.value, 0.7))
