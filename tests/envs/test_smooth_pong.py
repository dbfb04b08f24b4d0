"""The smooth Pong as an environment: its gradients, its points, its actions."""

import math
from functools import partial

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.envs import Pong, SmoothPong, as_button, as_speed, make
from pgvq.envs.pong.features import MOTION
from pgvq.envs.smooth_pong.rules import observe
from pgvq.types import InputError
from tests.helpers.situations import state_of

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)


# Gradients


def paid(env, key, speeds):
    """Rewards, ends `[T]` and states from a reset on, steered at speeds `[T]`."""
    key_reset, key_steps = jax.random.split(key)
    params = env.default_params
    _, state = env.reset(key_reset, params)

    def step(state, given):
        key, speed = given
        _, state, reward, terminated, truncated, _ = env.step(key, state, speed, params)
        return state, (reward, terminated, truncated, state)

    keys = jax.random.split(key_steps, len(speeds))
    return jax.lax.scan(step, state, (keys, speeds))[1]


def some_speeds(number: int, length: int) -> np.ndarray:
    """Speeds [N, T] that change slowly, inside their bounds."""
    noise = np.random.default_rng(0).normal(size=(number, length + 4))
    return np.tanh(np.lib.stride_tricks.sliding_window_view(noise, 5, -1).mean(-1))


def test_gradients_are_those_of_finite_differences_also_through_a_reset():
    """In float64, by every speed of 70 agent steps; the cap resets after 35."""
    env = SmoothPong(temperature=8.0, max_agent_steps=35).with_transition_gradients()
    with jax.enable_x64(True):
        speeds = jnp.asarray(some_speeds(12, 70), jnp.float64)
        keys = jax.random.split(jax.random.key(1), 12)

        def rewards(key, speeds):
            return paid(env, key, speeds)[0]

        @jax.jit
        @jax.vmap
        def gradients(key, speeds):
            reward, pull_back = jax.vjp(partial(rewards, key), speeds)
            later = (jnp.arange(70) >= 35).astype(float)
            return reward, *pull_back(jnp.ones(70)), *pull_back(later)

        @jax.jit
        @partial(jax.vmap, in_axes=(None, None, 0))
        @partial(jax.vmap, in_axes=(0, 0, None))
        def changed(key, speeds, change):
            return rewards(key, speeds + change).sum()

        reward, gradient, of_later = gradients(keys, speeds)
        assert gradient.dtype == jnp.float64
        change = 1e-5 * jnp.eye(70)
        differences = changed(keys, speeds, change) - changed(keys, speeds, -change)
        np.testing.assert_allclose(gradient, differences.T / 2e-5, atol=1e-8, rtol=1e-5)
        assert (jnp.abs(gradient).max(1) > 1e-3).sum() >= 6
        assert (reward[:, 35:] != 0).any()  # something was paid after the reset
        assert (of_later[:, :35] == 0).all()  # and the reset cuts
        assert (of_later[:, 35:] != 0).any()


SOFT = SmoothPong().with_transition_gradients()


@pytest.mark.parametrize(
    ("env", "least", "most"),
    [
        (SOFT, 0.2, 1.0),
        (SOFT.replace(temperature=0.0), 0.0, 0.0),
        # Unless told otherwise a step hides what follows it, but not its own contact.
        (SmoothPong(), 0.0, 0.03),
    ],
    ids=["soft", "hard", "stopped"],
)
def test_hard_contacts_and_stopped_steps_give_no_gradient(env, least, most):
    def total(key, speeds):
        return paid(env, key, speeds)[0].sum()

    keys, speeds = jax.random.split(KEY, 64), jnp.float32(some_speeds(64, 50))
    value, gradient = jax.jit(jax.vmap(jax.value_and_grad(total, 1)))(keys, speeds)
    assert np.isfinite(gradient).all()
    assert least <= (gradient != 0).mean() <= most
    assert value.min() < -0.9


def test_a_temperature_is_a_number_that_lanes_may_differ_in():
    env, state = SmoothPong(), state_of(x=187.0, player=112.0, target=112.0)
    params = env.default_params

    def points(temperature):
        changed = params.replace(temperature=temperature)
        return env.step_env(KEY, state, 0.0, changed)[2]

    cold, warm, hot = jax.jit(jax.vmap(points))(jnp.array([0.0, 2.0, 5.0]))
    assert cold == -1
    assert -1 < warm < hot < -0.5


# The environment


@pytest.fixture(scope="module")
def lived():
    """A thousand agent steps of 32 points side by side, with random speeds."""
    env = SmoothPong(max_agent_steps=60)
    speeds = jax.random.uniform(KEY, (32, 1_000), minval=-1, maxval=1)
    keys = jax.random.split(KEY, 32)
    seen = jax.jit(jax.vmap(partial(paid, env)))(keys, speeds)
    return env, jax.device_get(seen), (keys, speeds)


def test_a_point_pays_between_minus_one_and_one(lived):
    _, (reward, terminated, truncated, _), _ = lived
    ended = terminated | truncated
    assert ended.sum() > 300
    for row, ends in zip(reward, ended, strict=True):
        points = np.add.reduceat(row, np.flatnonzero(ends[:-1]) + 1)
        assert np.abs(points).max() <= 1 + 1e-6
    assert reward.min() < -0.9
    assert (reward > 0).any()


def test_a_point_ends_when_it_is_decided_or_at_the_cap(lived):
    _, (_, terminated, truncated, state), _ = lived
    assert terminated.any()
    assert truncated.any()
    ended = terminated | truncated
    assert (state.time[ended] == 0).all()  # and the next one has begun
    assert (state.time[~ended] > 0).all()
    assert state.time.max() == 59
    lengths = np.diff(np.flatnonzero(ended[0]))
    assert lengths.max() <= 60


def test_serves_differ_and_come_after_1_to_63_frames(lived):
    _, (_, terminated, truncated, state), _ = lived
    ended = terminated | truncated
    served = jax.tree.map(lambda leaf: leaf[ended], state.court)
    assert set(np.unique(served.vx)) == {-1, 1}
    assert (np.abs(served.vy) <= 1).all()
    assert np.unique(served.vy).size > 0.9 * ended.sum()
    assert (served.timer.min(), served.timer.max()) == (1, 63)
    assert 38 <= served.player.min() < 50
    assert 190 < served.player.max() <= 204
    assert (served.alive == 1).all()


def test_observations_stay_within_their_bounds(lived):
    env, (_, _, _, state), _ = lived
    space = env.observation_space(env.default_params)
    obs = np.asarray(observe(state.court))
    assert obs.shape[2:] == space.shape
    assert obs.min() >= space.low
    assert obs.max() <= space.high
    in_play = obs[..., MOTION.index("in_play")]
    assert ((in_play == 0) == (state.court.timer > 0)).all()


def test_the_same_key_and_speeds_play_the_same_points(lived):
    env, (reward, *_), (keys, speeds) = lived
    again, *_ = jax.jit(jax.vmap(partial(paid, env)))(keys, speeds)
    np.testing.assert_array_equal(again, reward)
    assert (again[0] != again[1]).any()


def test_buttons_are_the_three_speeds():
    made, params = make("SmoothPong-pgvq")
    assert made == SmoothPong(actions="buttons")
    assert (made.num_actions, made.action_space(params).n) == (3, 3)
    state = state_of(player=120.0, target=120.0, knob=120.0)
    speeds = SmoothPong()
    for button, speed in ((0, 0.0), (1, -1.0), (2, 1.0), (7, 3.0)):
        one = made.step_env(KEY, state, button, params)[0]
        other = speeds.step_env(KEY, state, speed, params)[0]
        np.testing.assert_array_equal(one, other)
    assert gymnax.make("SmoothPong-pgvq", actions="speed")[0] == speeds
    with pytest.raises(InputError, match="continuous actions"):
        make("SmoothPong-pgvq", actions="speed")


def test_it_is_compared_by_its_settings():
    """So that programs compiled without gradients are not taken for those with."""
    plain, other = SmoothPong(), SmoothPong().with_transition_gradients()
    assert plain == SmoothPong()
    assert hash(plain) == hash(SmoothPong())
    assert plain != other
    assert not plain.transition_gradients_enabled
    assert other.transition_gradients_enabled
    assert not SmoothPong(actions="buttons").supports_transition_gradients


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"temperature": -1.0}, "temperature=-1.0 is no temperature"),
        ({"temperature": math.nan}, "give pixels, such as 2.0"),
        ({"temperature": True}, "temperature=True"),
        ({"temperature": "warm"}, "temperature='warm'"),
        ({"actions": "button"}, "did you mean buttons"),
        ({"frame_skip": 0}, "frame_skip=0 is impossible"),
        ({"max_agent_steps": 0}, "max_agent_steps=0 is impossible"),
        ({"actions": "buttons", "transition_gradients": True}, 'use actions="speed"'),
    ],
)
def test_what_cannot_work_is_refused(settings, says):
    with pytest.raises(InputError, match=says):
        SmoothPong(**settings)
    with pytest.raises(InputError, match=says):
        SmoothPong().replace(**settings)


def test_an_unknown_setting_is_refused():
    with pytest.raises(InputError, match="did you mean temperature"):
        SmoothPong().replace(temperatur=1.0)
    with pytest.raises(InputError, match='use actions="speed"'):
        SmoothPong(actions="buttons").with_transition_gradients()


def test_a_policy_learnt_here_can_press_the_exact_games_buttons():
    speed = jnp.array([-1.0, -0.6, -0.4, 0.0, 0.5, 0.51])
    np.testing.assert_array_equal(as_button(speed), [1, 1, 0, 0, 0, 2])
    np.testing.assert_array_equal(as_button(speed, 0.0), [1, 1, 1, 0, 2, 2])
    np.testing.assert_array_equal(as_speed(jnp.arange(3)), [0, -1, 1])
    np.testing.assert_array_equal(as_button(as_speed(jnp.arange(3))), [0, 1, 2])
    env = Pong(num_actions=3, observation="motion", repeat_action_probability=0)
    assert env.feature_names == SmoothPong().feature_names == MOTION
    _, state = env.reset(KEY)
    higher, lower = (
        env.step(KEY, state, as_button(jnp.float32(speed)))[1].court.resistance
        for speed in (-1, 1)
    )
    assert higher < state.court.resistance < lower
