"""Finite MDPs: the tables are what happens, and the exact values are exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.envs import (
    FiniteMDP,
    make,
    optimal_values,
    policy_values,
    random_mdp,
    vector_reset,
    vector_step,
)
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)

# Two states. In 0, action 0 stays for 1 and action 1 goes to 1 for nothing; in 1, both
# end the episode, for 2 and for 8. By hand, at a discount of a half:
CHAIN = FiniteMDP(
    transitions=np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]),
    rewards=np.array([[1, 0], [2, 8]]),
    terminations=np.array([[0, 0], [1, 1]]),
)


def test_optimal_values_of_a_chain_by_hand():
    values = optimal_values(*CHAIN.tables, 0.5)
    np.testing.assert_allclose(values, [[3, 4], [2, 8]], atol=1e-12)


def test_values_of_a_policy_by_hand():
    always_first = np.array([[1.0, 0.0], [1.0, 0.0]])
    values = policy_values(*CHAIN.tables, 0.5, always_first)
    np.testing.assert_allclose(values, [[2, 1], [2, 8]], atol=1e-12)
    uniform = np.full((2, 2), 0.5)  # v(1) = 5; v(0) = (1 + v(0) / 2 + 5 / 2) / 2
    values = policy_values(*CHAIN.tables, 0.5, uniform)
    v = 3.5 / 2 / 0.75
    np.testing.assert_allclose(values, [[1 + v / 2, 2.5], [2, 8]], atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("discount", [0.0, 0.9, 0.999])
def test_policy_iteration_agrees_with_value_iteration(seed, discount):
    transitions, rewards, terminations = random_mdp(seed, 7, 4).tables
    values = np.zeros_like(rewards)
    for _ in range(2_000):
        onward = (1 - terminations) * (transitions @ values.max(1))
        values = rewards + discount * onward
    exact = optimal_values(transitions, rewards, terminations, discount)
    np.testing.assert_allclose(exact, values, atol=1e-9)


def test_policy_iteration_ends_where_rounding_is_larger_than_the_gains():
    for seed in range(20):  # every action twice, so that rounding alone decides
        tables = [
            np.repeat(table, 2, axis=1)
            for table in random_mdp(seed, 12, 2, termination=0).tables
        ]
        values = optimal_values(*tables, 1 - 1e-9)
        onward = tables[1] + (1 - 1e-9) * tables[0] @ values.max(1)
        np.testing.assert_allclose(values, onward, rtol=1e-6)


def test_no_policy_beats_the_optimal_values():
    tables = random_mdp(3).tables
    best = optimal_values(*tables, 0.9)
    for policy in np.random.default_rng(0).dirichlet(np.ones(3), (50, 6)):
        assert (policy_values(*tables, 0.9, policy) <= best + 1e-9).all()


def test_a_discount_of_one_needs_steps_that_can_end():
    ends = random_mdp(0).tables
    optimal_values(*ends, 1.0)
    with pytest.raises(InputError, match="discount below 1"):
        optimal_values(*CHAIN.tables, 1.0)
    with pytest.raises(InputError, match=r"discount=1\.5"):
        optimal_values(*ends, 1.5)


def test_a_policy_that_is_none_is_an_error():
    for policy in (np.ones((2, 2)), np.full((2, 3), 1 / 3), np.ones(2)):
        with pytest.raises(InputError, match="give probabilities of shape"):
            policy_values(*CHAIN.tables, 0.5, policy)


def test_what_happens_is_what_the_tables_say():
    env = random_mdp(1, num_states=3, num_actions=2, branches=2, termination=0.3)
    params = env.default_params
    count = 12_000
    state = jnp.repeat(jnp.arange(3), count // 3)
    action = jnp.tile(jnp.arange(2), count // 2)
    _, start = jax.jit(vector_reset, static_argnums=(0, 2))(env, KEY, count, params)
    np.testing.assert_allclose(np.bincount(start.state) / count, 1 / 3, atol=0.02)
    there = start.replace(state=state.astype(jnp.int32))
    out = jax.jit(vector_step, static_argnums=0)(env, KEY, there, action, params)
    _, _, reward, terminated, truncated, info = out
    transitions, rewards, terminations = env.tables
    np.testing.assert_allclose(reward, rewards[state, action], rtol=1e-6)
    assert not truncated.any()
    for pair in np.ndindex(3, 2):
        here = (state == pair[0]) & (action == pair[1])
        seen = np.asarray(info["final_observation"])[here]
        np.testing.assert_allclose(seen.mean(0), transitions[pair], atol=0.04)
        assert (seen.sum(0) > 0).tolist() == (transitions[pair] > 0).tolist()
        ended = np.asarray(terminated)[here].mean()
        np.testing.assert_allclose(ended, terminations[pair], atol=0.04)


def test_ending_and_moving_on_are_independent():
    """So that the values may multiply the two."""
    env = FiniteMDP(np.full((2, 1, 2), 0.5), np.zeros((2, 1)), np.full((2, 1), 0.5))
    params = env.default_params
    _, state = vector_reset(env, KEY, 10_000, params)
    out = vector_step(env, KEY, state, jnp.zeros(10_000, jnp.int32), params)
    second = np.asarray(out[5]["final_observation"])[:, 1]
    assert abs(second[np.asarray(out[3])].mean() - 0.5) < 0.03


def test_the_clock_truncates():
    env = FiniteMDP(CHAIN.transitions, CHAIN.rewards, CHAIN.terminations, 3)
    state = env.reset(KEY)[1].replace(state=jnp.int32(0))
    cut = []
    for _ in range(3):
        _, state, _, terminated, truncated, _ = env.step(KEY, state, 0)
        assert not terminated
        cut.append(bool(truncated))
    assert cut == [False, False, True]


def test_it_is_compared_and_hashed_by_its_tables():
    assert random_mdp(1) == random_mdp(1) != random_mdp(2)
    assert hash(random_mdp(1)) == hash(random_mdp(1))
    assert repr(random_mdp(1)) == repr(random_mdp(1)) != repr(random_mdp(2))
    assert make("RandomMDP-pgvq", seed=1)[0] == random_mdp(1)
    assert random_mdp(max_agent_steps=7) != random_mdp()
    assert repr(random_mdp(max_agent_steps=7)) != repr(random_mdp())


def test_a_random_mdp_branches_as_told():
    transitions, rewards, terminations = random_mdp(0, 8, 3, branches=2).tables
    assert ((transitions > 0).sum(-1) == 2).all()
    assert np.abs(rewards).max() <= 1
    assert terminations.min() > 0
    assert terminations.max() <= 0.2


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"num_states": 0}, "use at least 1"),
        ({"num_actions": 1.5}, "not an integer"),
        ({"branches": 7}, r"use 1\.\.6"),
        ({"termination": 0.6}, r"use 0\.\.0\.5"),
        ({"max_agent_steps": 0}, "use at least 1"),
    ],
)
def test_an_impossible_random_mdp_is_refused(setting, says):
    with pytest.raises(InputError, match=says):
        random_mdp(**setting)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rewards": np.zeros(2)}, r"give \[S, A\]"),
        ({"rewards": np.array([[1, np.nan], [0, 0]])}, "not finite"),
        ({"transitions": np.ones((2, 2))}, r"of shape \(2, 2, 2\)"),
        ({"transitions": np.full((2, 2, 2), 0.4)}, "sum to 1"),
        ({"terminations": np.zeros((2, 3))}, r"of shape \(2, 2\)"),
        ({"terminations": np.full((2, 2), 1.5)}, r"outside 0\.\.1"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changes, says):
    given = {
        "transitions": CHAIN.transitions,
        "rewards": CHAIN.rewards,
        "terminations": CHAIN.terminations,
    }
    with pytest.raises(InputError, match=says):
        FiniteMDP(**given | changes)
