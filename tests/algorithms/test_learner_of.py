"""Divergence is judged on what is learnt, not on the world and not on the replay."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import struct
from gymnax.environments import environment, spaces
from gymnax.wrappers.purerl import LogWrapper

from pgvq import DQN, PPO
from pgvq.algorithms.contract import is_finite, learner_of
from pgvq.envs.vector import vector_reset
from pgvq.rollout import init_world
from tests.helpers.tiny import tiny


@struct.dataclass
class State:
    best: Any
    time: Any


class BestSoFar(environment.Environment):
    """Keeps the best reward so far, which is infinite as long as there is none."""

    @property
    def default_params(self):
        return environment.EnvParams(max_steps_in_episode=5)

    num_actions = 2

    def action_space(self, params):
        return spaces.Discrete(2)

    def observation_space(self, params):
        return spaces.Box(0.0, 9.0, (1,), jnp.float32)

    def reset_env(self, key, params):
        return jnp.zeros(1), State(jnp.float32(-jnp.inf), jnp.int32(0))

    def step_env(self, key, state, action, params):
        after = State(state.best, state.time + 1)
        return jnp.zeros(1), after, jnp.float32(1), jnp.array(False), {}


ENV = BestSoFar()
SMALL = {"num_envs": 2, "rollout_length": 8}
KEY = jax.random.key(0)


def broken(tree):
    """The same tree with NaN in all floats."""
    return jax.tree.map(
        lambda x: x * jnp.nan if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


@pytest.mark.parametrize("env", [ENV, LogWrapper(ENV)])
@pytest.mark.parametrize("kind", [PPO, DQN])
def test_an_infinity_of_the_environment_s_own_is_no_divergence(kind, env):
    more = {"num_minibatches": 2} if kind is PPO else {"warmup_steps": 8}
    algorithm = kind(env=env, **SMALL, **more)
    state = jax.jit(algorithm.init)(KEY)
    assert any(jnp.isinf(x).any() for x in jax.tree.leaves(state.world.env_state))
    assert is_finite(algorithm, state)
    learner = state.learner._replace(params=broken(state.learner.params))
    assert not is_finite(algorithm, state._replace(learner=learner))


def test_a_replay_of_infinite_rewards_is_no_divergence():
    algorithm = tiny("dqn").replace(n_step=2)
    state = jax.jit(algorithm.init)(KEY)
    learner = state.learner
    lived = learner.experience
    assert jax.tree.leaves(lived.pending)
    experience = lived._replace(
        replay=broken(lived.replay), pending=broken(lived.pending)
    )
    assert is_finite(
        algorithm, state._replace(learner=learner._replace(experience=experience))
    )
    for part in ("opt_state", "target_params"):
        wrong = learner._replace(**{part: broken(getattr(learner, part))})
        assert not is_finite(algorithm, state._replace(learner=wrong))


class Foreign(struct.PyTreeNode):
    """An algorithm of one's own, whose state is a dict."""

    env: Any = struct.field(pytree_node=False, default=ENV)
    env_params: Any = None


class Says(Foreign):
    def learner_of(self, state):
        return state["mine"]


def test_of_a_foreign_state_what_is_the_environment_s_is_recognised():
    env_state = vector_reset(ENV, KEY, 3, ENV.default_params)[1]
    world = init_world(ENV, ENV.default_params, KEY, 3)
    state = {"mine": jnp.ones(2), "seen": env_state, "world": world}
    assert is_finite(Foreign(), state)
    assert len(learner_of(Foreign(), state)) == 1
    assert not is_finite(Foreign(), state | {"mine": jnp.array([1.0, jnp.nan])})
    assert not is_finite(Foreign(), state | {"other": jnp.inf * jnp.ones(1)})


def test_an_algorithm_says_itself_what_it_has_learnt():
    state = {"mine": jnp.ones(2), "record": jnp.array(-jnp.inf)}
    assert not is_finite(Foreign(), state)
    assert is_finite(Says(), state)
    assert not is_finite(Says(), state | {"mine": jnp.array([jnp.nan])})
