"""Exact policy gradients: against derivatives of the return, and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from pgvq.diagnostics.gradient_exact import (
    exact_policy_gradient,
    expected_actor_critic_gradient,
    expected_visits,
)
from pgvq.envs import FiniteMDP, policy_values, random_mdp
from pgvq.types import InputError

MDP = random_mdp(3, 6, 3, termination=0.1)
LOGITS = np.random.default_rng(1).normal(size=(6, 3))
POLICY = softmax(LOGITS, axis=1)


def expected_return(logits, discount):
    """The discounted return of an episode, by a linear solve that JAX goes through."""
    transitions, rewards, terminations = map(jnp.asarray, MDP.tables)
    policy = jax.nn.softmax(logits)
    moves = (policy * (1 - terminations))[..., None] * transitions
    system = jnp.eye(MDP.num_states) - discount * moves.sum(1)
    return jnp.linalg.solve(system, (policy * rewards).sum(1)).mean()


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.95, 1.0])
def test_discounted_states_give_the_derivative_of_the_return(discount):
    with jax.enable_x64(True):
        derivative = jax.grad(expected_return)(jnp.asarray(LOGITS), discount)
    found = exact_policy_gradient(MDP, LOGITS, discount, discounted_states=True)
    length = expected_visits(MDP, POLICY).sum()
    assert length > 5
    np.testing.assert_allclose(found * length, derivative, atol=1e-9)


def test_without_discount_both_gradients_are_one():
    np.testing.assert_allclose(
        exact_policy_gradient(MDP, LOGITS, 1.0),
        exact_policy_gradient(MDP, LOGITS, 1.0, discounted_states=True),
        atol=1e-12,
    )
    one = exact_policy_gradient(MDP, LOGITS, 0.9)
    other = exact_policy_gradient(MDP, LOGITS, 0.9, discounted_states=True)
    assert np.abs(one - other).max() > 1e-3


def test_visits_and_gradient_by_hand():
    # From 0 one goes on to 1, which ends. Both start half of the episodes.
    chain = FiniteMDP(
        transitions=np.array([[[0, 1], [0, 1]], [[1, 0], [1, 0]]]),
        rewards=np.array([[0, 1], [4, 0]]),
        terminations=np.array([[0, 0], [1, 1]]),
    )
    uniform = np.full((2, 2), 0.5)
    np.testing.assert_allclose(expected_visits(chain, uniform), [0.5, 1.0])
    np.testing.assert_allclose(expected_visits(chain, uniform, 0.5), [0.5, 0.75])
    # Shares 1/3 and 2/3; Q - V is -1/2, +1/2 in the first and +2, -2 in the second.
    gradient = exact_policy_gradient(chain, np.zeros((2, 2)), 0.5)
    np.testing.assert_allclose(gradient, [[-1 / 12, 1 / 12], [2 / 3, -2 / 3]])


@pytest.mark.parametrize("lambda_", [0.0, 0.7, 1.0])
def test_the_right_critic_has_no_bias(lambda_):
    values = (POLICY * policy_values(*MDP.tables, 0.9, POLICY)).sum(1)
    found = expected_actor_critic_gradient(MDP, LOGITS, values, 0.9, lambda_, 5)
    np.testing.assert_allclose(
        found, exact_policy_gradient(MDP, LOGITS, 0.9), atol=1e-12
    )


def test_long_returns_need_no_critic_and_short_ones_believe_it():
    exact = exact_policy_gradient(MDP, LOGITS, 0.9)
    wrong = np.arange(6.0)

    def bias(lambda_, rollout_length):
        found = expected_actor_critic_gradient(
            MDP, LOGITS, wrong, 0.9, lambda_, rollout_length
        )
        return np.linalg.norm(found - exact)

    assert bias(1.0, 4000) < 0.01 * bias(1.0, 1)
    assert bias(0.0, 1) == pytest.approx(bias(1.0, 1)) == pytest.approx(bias(0.0, 9))
    assert bias(1.0, 8) < bias(0.5, 8) < bias(0.0, 8)


def test_what_has_no_gradient_is_said():
    with pytest.raises(InputError, match="give a table"):
        exact_policy_gradient(MDP, np.zeros((2, 2)), 0.9)
    endless = random_mdp(0, termination=0.0)
    with pytest.raises(InputError, match="need not end"):
        exact_policy_gradient(endless, np.zeros((6, 3)), 0.9)
