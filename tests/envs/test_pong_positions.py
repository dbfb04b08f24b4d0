"""The observation that hides velocities."""

import jax
import numpy as np
import pytest

from pgvq.envs import Pong, vector_reset, vector_step
from pgvq.envs.pong.features import OBSERVATIONS, POSITIONS, positions
from tests.helpers.ale_replay import court

KEY = jax.random.key(0)
HIDDEN = {  # two values of each number that says where things go, or what time it is
    "vx": (-2, 1),
    "vy": (-1, 2),
    "resistance": (30_000, 500_000),
    "target": (100, 130),
    "clock": (3, 8),
    "action": (1, 2),
    "hits": (0, 9),
    "enemy_score": (0, 20),
    "player_score": (0, 20),
}


@pytest.mark.parametrize("timer", [0, 30], ids=["in_play", "before_a_serve"])
@pytest.mark.parametrize("name", HIDDEN)
def test_courts_that_differ_in_what_is_hidden_look_the_same(name, timer):
    one, other = HIDDEN[name]
    here = {"x": 150, "y": 100, "player": 90, "enemy": 70, "timer": timer}
    seen = positions(court(**here, **{name: one}))
    np.testing.assert_array_equal(positions(court(**here, **{name: other})), seen)


def test_the_time_until_the_serve_is_hidden():
    seen = [positions(court(timer=timer)) for timer in (1, 60)]
    np.testing.assert_array_equal(*seen)


@pytest.mark.parametrize("name", ["x", "y", "player", "enemy"])
def test_where_things_are_is_seen(name):
    here = {"x": 150, "y": 100, "player": 90, "enemy": 70}
    moved = here | {name: 110}
    assert (positions(court(**here)) != positions(court(**moved))).any()


def test_values_equal_those_of_the_same_names_in_the_features():
    env = Pong(observation="positions", episode="point")
    params = env.default_params
    assert env.feature_names == POSITIONS
    assert env.observation_space().shape == (len(POSITIONS),)

    def step(state, keys):
        action = jax.random.randint(keys[0], (16,), 0, env.num_actions)
        out = vector_step(env, keys[1], state, action, params)
        return out[1], (out[0], OBSERVATIONS["features"].observe(out[1].court))

    obs, state = vector_reset(env, KEY, 16, params)
    assert obs.shape == (16, len(POSITIONS))
    _, (obs, whole) = jax.lax.scan(step, state, jax.random.split(KEY, (200, 2)))
    names = Pong().feature_names
    for column, name in enumerate(env.feature_names):
        np.testing.assert_array_equal(obs[..., column], whole[..., names.index(name)])
        assert np.ptp(obs[..., column]) > 0.5, name
