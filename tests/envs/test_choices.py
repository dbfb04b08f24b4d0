"""The two smallest games: what they pay, what autodiff makes of it, who learns them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import Tabular
from pgvq.envs import (
    LeftOrRight,
    Threshold,
    make,
    num_states,
    state_index,
    vector_reset,
    vector_step,
)
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)


def played(env, actions):
    """Rewards and ends of one agent step, of every action in an episode of its own."""
    params = env.default_params
    _, state = vector_reset(env, KEY, len(actions), params)
    return vector_step(env, KEY, state, jnp.asarray(actions), params)


def test_left_earns_one_and_right_loses_one():
    _, _, reward, terminated, truncated, info = played(LeftOrRight(), [0, 1, 0])
    np.testing.assert_array_equal(reward, [1.0, -1.0, 1.0])
    assert reward.dtype == jnp.float32
    assert terminated.all()
    assert not truncated.any()  # the clock has no part in it
    assert info["final_observation"].shape == (3, 1)


def test_the_threshold_is_above_a_half_and_not_at_it():
    actions = [0.0, 0.3, 0.5, np.nextafter(np.float32(0.5), np.float32(1)), 1.0]
    _, _, reward, terminated, truncated, _ = played(Threshold(), actions)
    np.testing.assert_array_equal(reward, [-1.0, -1.0, -1.0, 1.0, 1.0])
    assert terminated.all()
    assert not truncated.any()


def test_an_action_beyond_the_interval_acts_as_the_nearest():
    env = Threshold(cost=0.5)
    np.testing.assert_allclose(env.reward([-3.0, 0.0, 7.0]), [-1.0, -1.0, 0.5])


def test_the_smoothed_reward_is_a_sigmoid_less_the_cost():
    """By hand: 2 / (1 + exp(-(0.7 - 0.5) / 0.1)) - 1 - 0.5 * 0.7."""
    env = Threshold(temperature=0.1, cost=0.5)
    expected = 2 / (1 + np.exp(-2.0)) - 1 - 0.35
    np.testing.assert_allclose(env.reward(0.7), expected, rtol=1e-6)


def test_smoothing_ends_at_the_game_itself():
    actions = jnp.array([0.1, 0.49, 0.51, 0.9])
    cold = Threshold(temperature=1e-4).reward(actions)
    np.testing.assert_allclose(cold, Threshold().reward(actions), atol=1e-6)


@pytest.mark.parametrize("action", [0.1, 0.5, 0.9])
def test_the_games_own_reward_has_no_derivative_and_never_a_nan(action):
    assert jax.grad(Threshold().reward)(action) == 0.0


def test_the_smoothed_reward_has_one():
    """By hand, at the threshold: 2 * 1/2 * 1/2 / 0.1 = 5."""
    slope = jax.grad(Threshold(temperature=0.1).reward)(0.5)
    np.testing.assert_allclose(slope, 5.0, rtol=1e-6)


def test_gymnaxs_step_passes_the_rewards_derivative_on():
    env = Threshold(temperature=0.1)
    _, state = env.reset(KEY)
    slope = jax.grad(lambda a: env.step(KEY, state, a)[2])(0.5)
    np.testing.assert_allclose(slope, 5.0, rtol=1e-6)


@pytest.mark.parametrize("field", ["temperature", "cost"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_field_without_meaning_is_refused(field, value):
    with pytest.raises(InputError, match=f"{field}="):
        Threshold(**{field: value})


@pytest.mark.parametrize("action", [2, -1, 0.5])
def test_an_action_that_is_neither_left_nor_right_is_refused(action):
    with pytest.raises(InputError, match=r"0\.\.1"):
        LeftOrRight().reward(action)


def test_left_or_right_is_made_by_its_name_and_the_threshold_is_refused():
    env, params = make("LeftOrRight-pgvq")
    assert env == LeftOrRight()
    assert params.max_steps_in_episode > 1
    with pytest.raises(InputError, match="continuous actions"):
        make("pgvq.envs:Threshold")


@pytest.mark.parametrize("env", [LeftOrRight(), Threshold()])
def test_observations_and_actions_lie_in_their_spaces(env):
    params = env.default_params
    obs, _ = env.reset(KEY, params)
    assert env.observation_space(params).contains(obs)
    action = env.action_space(params).sample(KEY)
    assert env.step(KEY, env.reset(KEY)[1], action)[2] in (-1.0, 1.0)
    assert num_states(env) == 1
    assert int(state_index(env, obs)) == 0


def test_a_table_learns_both_values():
    agent = Tabular(env=LeftOrRight(), discount=1.0, budget=4_000)
    state = jax.jit(agent.init)(KEY)
    iterate = jax.jit(agent.iterate)
    for _ in range(4_000 // agent.steps_per_iteration):
        state, _ = iterate(state)
    np.testing.assert_allclose(state.learner.params, [[1.0, -1.0]], atol=1e-3)
