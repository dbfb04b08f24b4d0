"""Making environments, and what bad input gets."""

import importlib

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pgvq.envs.registry
from pgvq.envs import Pong, make, vector_reset, vector_step
from pgvq.types import InputError

KEY = jax.random.key(0)


def test_gymnax_knows_pong_once_the_package_is_imported():
    env, params = gymnax.make("Pong-Atari", episode="point")
    assert env == Pong(episode="point")
    assert params.max_steps_in_episode == 27_000
    importlib.reload(pgvq.envs.registry)  # once more does no harm
    assert gymnax.registration.registered_envs.count("Pong-Atari") == 1


def test_a_configuration_is_compared_and_hashed_by_its_values():
    assert Pong(frame_skip=2) == Pong(frame_skip=2) != Pong()
    assert hash(Pong(frame_skip=2)) == hash(Pong(frame_skip=2))
    assert repr(Pong(episode="point", frame_skip=2)) == (
        "Pong(episode='point', frame_skip=2)"
    )
    assert eval(repr(Pong(noop_max=3))) == Pong(noop_max=3)
    with pytest.raises(AttributeError):
        Pong().frame_skip = 3  # pyright: ignore


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("frame_skip", 0, "use at least 1"),
        ("frame_skip", 2.5, "not an integer"),
        ("points_to_win", 0, "use 1..21"),
        ("points_to_win", 22, "ends at 21"),
        ("noop_max", -1, "use 0..30"),
        ("noop_max", 31, "59 frames after a reset"),
        ("repeat_action_probability", 1.5, "use 0..1"),
        ("repeat_action_probability", float("nan"), "use 0..1"),
        ("repeat_action_probability", "often", "use 0..1"),
        ("num_actions", 18, "use 6"),
        ("episode", "points", "did you mean point?"),
        ("observation", "feature", "did you mean features?"),
        ("max_agent_steps", 0, "use at least 1"),
    ],
)
def test_an_impossible_setting_is_named_with_a_remedy(setting, value, says):
    with pytest.raises(InputError, match=says) as raised:
        Pong(**{setting: value})
    assert str(value) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unknown_setting_is_named_with_its_neighbour():
    with pytest.raises(InputError, match="did you mean frame_skip"):
        Pong().replace(frameskip=2)
    with pytest.raises(InputError, match="frameskip"):
        make("Pong-Atari", frameskip=2)


def test_an_action_that_is_none_is_an_error():
    env = Pong()
    _, state = env.reset(KEY)
    _, states = vector_reset(env, KEY, 3, env.default_params)
    for action in (6, -1, jnp.int32(6), np.int64(7)):
        with pytest.raises(InputError, match=r"0\.\.5"):
            env.step(KEY, state, action)
    for action in (1.0, jnp.float32(1), True):
        with pytest.raises(InputError, match="dtype"):
            env.step(KEY, state, action)
    with pytest.raises(InputError, match="dtype"):
        jax.jit(env.step)(KEY, state, jnp.float32(1))
    with pytest.raises(InputError, match="action 9"):
        vector_step(env, KEY, states, jnp.array([0, 9, 1]), env.default_params)


def test_a_constant_action_may_stand_in_a_traced_function():
    env = Pong()

    def step(state, key):
        return env.step(key, state, jnp.int32(0))[1], None

    _, state = env.reset(KEY)
    state, _ = jax.lax.scan(step, state, jax.random.split(KEY, 2))
    assert state.time == 2


def test_an_unknown_environment_is_named_with_its_neighbours():
    with pytest.raises(InputError, match="did you mean CartPole-v1"):
        make("CartPole-v2")
    with pytest.raises(InputError, match="Pong-Atari"):
        make("Pong")
    with pytest.raises(InputError, match="Catch-bsuite"):
        make("no such thing")


@pytest.mark.parametrize("name", ["Pendulum-v1", "MountainCarContinuous-v0"])
def test_continuous_actions_are_refused(name):
    with pytest.raises(InputError, match="continuous"):
        make(name)


@pytest.mark.parametrize("name", ["CartPole-v1", "Catch-bsuite", "Pong-Atari"])
def test_many_environments_step_and_differ(name):  # pitfall 1
    env, params = make(name)
    key_reset, key_step = jax.random.split(KEY)
    obs, state = vector_reset(env, key_reset, 16, params)
    action = jnp.zeros(16, jnp.int32)
    out = vector_step(env, key_step, state, action, params)
    next_obs, _, reward, terminated, truncated, info = out
    assert next_obs.shape == obs.shape == info["final_observation"].shape
    assert reward.shape == terminated.shape == truncated.shape == (16,)
    flat = np.asarray(obs).reshape(16, -1)
    assert len(np.unique(flat, axis=0)) > 1
