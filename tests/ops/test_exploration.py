"""Schedules in agent steps and epsilon-greedy choice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.ops.exploration import epsilon_greedy, linear_schedule


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 1.0), (250, 0.75), (500, 0.5), (1000, 0.0), (9999, 0.0)]
)
def test_golden_schedule(step, expected):
    value = linear_schedule(jnp.int32(step), 1.0, 0.0, 1000)
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)


def test_a_duration_of_zero_means_the_end_from_the_beginning():
    assert linear_schedule(jnp.int32(0), 1.0, 0.1, 0) == pytest.approx(0.1)


def test_a_schedule_is_right_past_the_integers_of_float32():
    """Pitfall 16: a float32 counter stops at 2**24 = 16,777,216 agent steps."""
    step = jnp.int32(2**24)
    for _ in range(3):
        step = step + 1
    assert step == 2**24 + 3
    value = linear_schedule(jnp.int32(90_000_000), 1.0, 0.0, 100_000_000)
    np.testing.assert_allclose(value, 0.1, atol=1e-6)
    value = linear_schedule(jnp.int32(2**31 - 1), 1.0, 0.0, 2.0**32)
    np.testing.assert_allclose(value, 0.5, atol=1e-6)


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_actions_are_greedy_but_for_the_share_epsilon(epsilon):
    """Of 40,000 choices among 4, `1 - epsilon * 3 / 4` are the greedy one."""
    q_values = jnp.tile(jnp.array([0.0, 3.0, 1.0, 2.0]), (40_000, 1))
    action = epsilon_greedy(jax.random.key(1), q_values, epsilon)
    counts = np.bincount(action, minlength=4) / 40_000
    others = epsilon / 4
    expected = [others, 1 - 3 * others, others, others]
    np.testing.assert_allclose(counts, expected, atol=0.01)


def test_coin_and_action_do_not_share_a_key():
    """Pitfall 22: drawn from one key, a small coin would mean a small action.

    Then at epsilon 0.5 the exploring choices would never reach the upper actions.
    """
    q_values = jnp.tile(jnp.arange(8.0)[::-1], (8_000, 1))
    with jax.debug_key_reuse(True):
        action = jax.jit(epsilon_greedy)(jax.random.key(0), q_values, 0.5)
    counts = np.bincount(action, minlength=8)
    np.testing.assert_allclose(counts[1:], 500, rtol=0.25)
