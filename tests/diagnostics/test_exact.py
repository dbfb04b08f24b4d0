"""Finite environments: values by hand, one solver against another, and the game."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.diagnostics.exact import (
    action_values_of,
    distance,
    epsilon_greedy_policy,
    observations,
    outcomes,
    value_iteration,
    visits,
)
from pgvq.diagnostics.exact_pong import SmallPong
from pgvq.envs import (
    FiniteMDP,
    Pong,
    num_states,
    optimal_values,
    policy_values,
    random_mdp,
    state_index,
)
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

RANDOM = random_mdp(3, 7, 2, max_agent_steps=50)
SMALL = SmallPong(width=4, height=5, skill=0.7)


def chain(length=4):
    """Action 1 goes one state further, action 0 gives up for 0.3; the end pays 1."""
    transitions = np.zeros((length, 2, length))
    transitions[:, 0, 0] = 1
    transitions[np.arange(length), 1, np.minimum(np.arange(length) + 1, length - 1)] = 1
    rewards = np.zeros((length, 2))
    rewards[:, 0], rewards[-1, 1] = 0.3, 1.0
    terminations = np.zeros((length, 2))
    terminations[:, 0] = terminations[-1, 1] = 1
    return FiniteMDP(transitions, rewards, terminations, 20)


def test_the_best_values_of_a_chain_by_hand():
    """0.5 per step: 1, 0.5, and then giving up for 0.3 is worth more than 0.25."""
    best = value_iteration(outcomes(chain()), 0.5)
    onward = [0.5 * 0.3, 0.5 * 0.5, 0.5 * 1.0, 1.0]
    wanted = np.stack([np.full(4, 0.3), onward], axis=1)
    np.testing.assert_allclose(best, wanted, atol=1e-6)


@pytest.mark.parametrize("discount", [0.0, 0.6, 0.98])
def test_value_iteration_against_policy_iteration(discount):
    best = value_iteration(outcomes(RANDOM), discount)
    np.testing.assert_allclose(
        best, optimal_values(*RANDOM.tables, discount), atol=1e-9
    )


def test_sparse_policy_values_against_the_dense_solve():
    policy = np.random.default_rng(0).dirichlet(np.ones(2), 7)
    got = action_values_of(outcomes(RANDOM), policy, 0.9)
    wanted = policy_values(*RANDOM.tables, 0.9, policy)
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_visits_add_up_to_the_value():
    """J = sum_s start(s) V(s) = sum_s d(s) r(s), the two sides of one linear system."""
    mdp, discount = outcomes(RANDOM), 0.9
    policy = np.random.default_rng(1).dirichlet(np.ones(2), 7)
    value = (policy * action_values_of(mdp, policy, discount)).sum(axis=1)
    earned = (policy * RANDOM.tables[1]).sum(axis=1)
    np.testing.assert_allclose(
        visits(mdp, policy, discount) @ earned, mdp.start @ value, atol=1e-12
    )


def test_a_policy_greedy_in_the_best_values_earns_them():
    mdp = outcomes(SMALL)
    best = value_iteration(mdp, 0.9)
    greedy = epsilon_greedy_policy(best, 0.0)
    np.testing.assert_allclose(action_values_of(mdp, greedy, 0.9), best, atol=1e-8)
    assert (best.max(axis=1)[mdp.start > 0] > 0).all()  # it can be won


def test_the_small_pong_that_is_solved_is_the_one_that_is_played():
    """Of 4,000 steps played at random each is an outcome, and as often as it says."""
    count = 4_000
    mdp, params = outcomes(SMALL), SMALL.default_params
    states = jax.tree.map(
        lambda leaf: jnp.tile(leaf, -(-count // len(leaf)))[:count], SMALL.states()
    )
    actions = jnp.arange(count) % 3
    keys = jax.random.split(jax.random.key(0), count)
    step = jax.vmap(partial(SMALL.step_env, params=params))
    obs, _, reward, terminated, _ = step(keys, states, actions)

    here = np.arange(count) % num_states(SMALL), np.asarray(actions)
    same = mdp.reward[here] == np.asarray(reward)[:, None]
    same &= mdp.terminated[here] == np.asarray(terminated)[:, None]
    there = np.asarray(state_index(SMALL, obs))
    on = np.asarray(~terminated)
    same[on] &= (mdp.successor[here] == there[:, None])[on]
    assert same.any(axis=1).all()
    moves = same[:, 0] & ~same[:, 1]  # the opponent's move shows
    rests = same[:, 1] & ~same[:, 0]
    told = moves.sum() + rests.sum()
    error = 0.5 / np.sqrt(told)
    assert told > 300
    assert np.ptp(mdp.probability[..., 0]) == 0
    assert abs(moves.sum() / told - mdp.probability[0, 0, 0]) < 4 * error


def test_states_of_the_small_pong_have_the_numbers_that_observations_show():
    numbers = np.arange(num_states(SMALL))
    assert (np.asarray(SMALL.number(SMALL.states())) == numbers).all()
    assert (np.asarray(state_index(SMALL, observations(SMALL))) == numbers).all()
    assert np.abs(observations(SMALL)).max() == 1


def test_a_point_of_the_small_pong_by_hand():
    """The ball falls from the top, bounces, is hit with the paddle's lower cell."""
    env = SmallPong(width=5, height=5)
    start = env.states()
    state = jax.tree.map(lambda leaf: jnp.zeros_like(leaf[0]), start)
    state = state.replace(x=2, y=1, vx=1, vy=-1, player=1, enemy=3)
    rests = jnp.bool_(False)
    state, reward = env.advance(state, jnp.int32(0), rests)
    assert (int(state.x), int(state.y), int(state.vy), float(reward)) == (3, 0, -1, 0)
    hit, reward = env.advance(state, jnp.int32(0), rests)
    assert (int(hit.x), int(hit.y)) == (4, 1)
    assert (int(hit.vx), int(hit.vy), float(reward)) == (-1, 0, 0.0)
    _, reward = env.advance(state.replace(player=3), jnp.int32(2), rests)
    assert float(reward) == -1.0
    at_enemy = state.replace(x=1, y=1, vx=-1, vy=0)
    assert float(env.advance(at_enemy, jnp.int32(0), rests)[1]) == 1.0
    alert = env.advance(at_enemy, jnp.int32(0), jnp.bool_(True))
    assert (int(alert[0].vy), int(alert[0].vx), float(alert[1])) == (-1, 1, 0.0)


def test_a_distance_by_hand():
    reference = jnp.array([[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]])
    q_values = jnp.array([[1.5, 0.0], [1.0, 0.5], [0.0, 0.0]])
    got = distance(q_values, reference, jnp.array([3.0, 1.0, 0.0]))
    assert float(got.largest) == 1.5
    assert float(got.mean) == pytest.approx((3 * 0.25 + 1.25) / 4)
    assert float(got.bias) == pytest.approx((3 * 0.25 - 0.25) / 4)
    assert float(got.regret) == pytest.approx(2.0 / 4)


def test_what_cannot_be_solved_is_said():
    mdp = outcomes(RANDOM)
    with pytest.raises(InputError, match="cannot be solved exactly"):
        outcomes(Pong())
    with pytest.raises(InputError, match="cannot be solved exactly"):
        observations(Pong())
    with pytest.raises(InputError, match=r"discount=1.*below 1"):
        value_iteration(mdp, 1.0)
    with pytest.raises(InputError, match="tolerance=0"):
        value_iteration(mdp, 0.9, 0)
    with pytest.raises(InputError, match=r"shape \(2, 7\)"):
        visits(mdp, np.full((2, 7), 0.5), 0.9)
    with pytest.raises(InputError, match="rows that sum to 1"):
        action_values_of(mdp, np.ones((7, 2)), 0.9)
    with pytest.raises(InputError, match="height"):
        SmallPong(height=3)
    with pytest.raises(InputError, match="skill"):
        SmallPong(skill=1.5)
