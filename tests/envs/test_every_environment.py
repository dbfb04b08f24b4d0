"""Every environment with discrete actions runs with every algorithm.

By default programs are traced alone, which finds what does not fit together; the slow
part runs them. A tabular method runs where observations are numbered, and says so
where they are not; one that moves in continuous actions says so everywhere.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import ALGORITHMS, AnalyticPolicyGradient
from pgvq.envs import discrete_environments, make, num_states, vector_reset
from pgvq.types import InputError
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

ENVIRONMENTS = discrete_environments()
A_FEW = ["CartPole-v1", "Catch-bsuite", "Breakout-MinAtar"]
CHEAP = ["reinforce", "dqn"]  # one of each family
CHOOSING = [name for name in ALGORITHMS if name != "analytic"]
ALL_PAIRS = [(name, env) for env in ENVIRONMENTS for name in CHOOSING]
TRACED = [(name, env) for name, env in ALL_PAIRS if name in CHEAP or env in A_FEW]
KEY = jax.random.key(0)


made = cache(make)  # what is traced of one environment object is traced once


def needs_numbers(name, env):
    """Whether the algorithm is tabular and the environment does not suit it."""
    if not getattr(ALGORITHMS[name], "needs_discrete_states", False):
        return False
    try:
        return num_states(env) < 1
    except InputError:
        return True


def shapes(tree):
    return jax.tree.map(lambda leaf: (jnp.shape(leaf), jnp.result_type(leaf)), tree)


@pytest.mark.parametrize(("name", "env_name"), TRACED)
def test_every_algorithm_traces_in_every_environment(name, env_name):
    env, params = made(env_name)
    if needs_numbers(name, env):
        with pytest.raises(InputError, match="num_states"):
            jax.eval_shape(tiny(name, env=env).init, KEY)
        return
    algorithm = tiny(name, env=env)
    state = jax.eval_shape(algorithm.init, KEY)
    after, metrics = jax.eval_shape(algorithm.iterate, state)
    assert shapes(after) == shapes(state)  # so that iterations can be scanned
    assert all(leaf.shape == () for leaf in jax.tree.leaves(metrics))
    obs, _ = jax.eval_shape(lambda key: vector_reset(env, key, 3, params), KEY)
    for greedy in (True, False):
        act = partial(algorithm.act, greedy=greedy)
        memory = jax.eval_shape(partial(algorithm.initial_memory, 3))
        action, _ = jax.eval_shape(act, state, obs, memory, KEY)
        assert action.shape == (3,)
        assert jnp.issubdtype(action.dtype, jnp.integer)


@pytest.mark.parametrize("env_name", ENVIRONMENTS)
def test_backpropagation_needs_an_action_that_can_be_varied(env_name):
    with pytest.raises(InputError, match="discrete, and cannot be varied"):
        AnalyticPolicyGradient(env=made(env_name)[0])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "env_name"), ALL_PAIRS)
def test_every_algorithm_runs_in_every_environment(name, env_name):
    env, params = made(env_name)
    if needs_numbers(name, env):
        with pytest.raises(InputError, match="num_states"):
            tiny(name, env=env).init(KEY)
        return
    algorithm = tiny(name, env=env)
    state = jax.jit(algorithm.init)(KEY)
    iterate = jax.jit(algorithm.iterate)
    for _ in range(2):
        state, _ = iterate(state)
    for leaf in jax.tree.leaves(state):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            assert np.isfinite(leaf).all()
    obs, _ = vector_reset(env, KEY, 8, params)
    for greedy in (True, False):
        action = np.asarray(algorithm.act(state, obs, (), KEY, greedy=greedy)[0])
        assert action.min() >= 0
        assert action.max() < env.num_actions
