"""The rules of the smooth Pong: the exact one's features and speeds, soft contacts."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.envs.pong.features import MOTION, Features, features, motion
from pgvq.envs.pong.rules import LEFT, NOOP, RIGHT
from pgvq.envs.pong.rules import advance as advance_exact
from pgvq.envs.smooth_pong.rules import advance, observe, returned, serve, stopped
from tests.helpers.ale_replay import court
from tests.helpers.situations import smooth, state_of

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)
SPEED_OF = {NOOP: 0.0, RIGHT: -1.0, LEFT: 1.0}


# The exact game


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"x": 180, "y": 77, "vx": -2, "vy": -2, "player": 80, "target": 90},
        {"x": 60, "y": 200, "vx": 1, "vy": 3, "enemy": 190, "resistance": 700_000},
        {"timer": 40, "vx": -1, "vy": -1, "y": 0, "resistance": 200_000},
    ],
)
def test_it_is_seen_as_the_exact_game_is(numbers):
    exact = court(**numbers)
    named = dict(zip(MOTION, np.asarray(motion(exact)), strict=True))
    for name, number in zip(Features._fields, np.asarray(features(exact)), strict=True):
        assert named.get(name, number) == number
    assert len(MOTION) == 13
    assert named["ball_vx"] == -int(exact.vx) / 4  # in the court left is positive
    for name, number in zip(MOTION, np.asarray(observe(smooth(exact))), strict=True):
        # The console reads its knob in steps of two pixels, one more or less.
        tolerance = 1 / 32 + 1e-6 if name == "player_pull" else 1e-6
        assert number == pytest.approx(named[name], abs=tolerance), name


@pytest.mark.parametrize("action", [NOOP, RIGHT, LEFT])
def test_ball_and_paddles_are_as_fast_as_in_the_exact_game(action):
    """From a serve to the agent, paddle held still, up or down, opponent behind."""
    exact = court(vx=-1, vy=1, clock=0, enemy=60)
    ours = smooth(exact)
    step = jax.jit(partial(advance, temperature=0.0))
    step_exact = jax.jit(advance_exact)
    for _ in range(58):
        exact = step_exact(exact, jnp.int32(action))
        ours, reward = step(ours, jnp.float32(SPEED_OF[action]))
        assert reward == 0
        assert (ours.x, ours.y, ours.vy) == (exact.x, exact.y, exact.vy)
        assert abs(ours.player - exact.player) < 6  # a frame's way, for it halves
        assert abs(ours.enemy - exact.enemy) < 4


def test_the_ball_comes_back_as_the_exact_paddles_return_it():
    """At each of the 18 heights, to half of what the console rounds off and more."""
    for height in range(-2, 16):
        exact = court(x=188, y=120 + height, player=120, target=120, vx=-1)
        returned_exact = advance_exact(exact, jnp.int32(NOOP))
        ours, _ = advance(smooth(exact), jnp.float32(0), 0.0)
        assert ours.vx == -1
        assert returned_exact.vx == 1  # which is positive to the left
        assert ours.vy == pytest.approx(3 * math.tanh((height - 6.5) / 9), abs=1e-6)
        assert abs(ours.vy - returned_exact.vy) < 0.7


def test_walls_mirror_the_ball():
    top, _ = advance(state_of(y=46.0, vy=-2.5).court, jnp.float32(0), 2.0)
    assert (top.y, top.vy) == (46.5, 2.5)
    bottom, _ = advance(state_of(y=205.0, vy=2.5).court, jnp.float32(0), 2.0)
    assert (bottom.y, bottom.vy) == (204.5, -2.5)


# Contacts


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_contact_is_a_hit_to_a_degree(temperature):
    for offset in (-12.0, -9.0, 0.0, 4.0, 10.0):
        degree = 1 / (1 + math.exp(-(9 - abs(offset)) / temperature))
        given = returned(jnp.float32(offset), 9.0, temperature)
        assert given == pytest.approx(degree, abs=1e-6)
        before = state_of(x=188.0, y=100 + 6.5 + offset, player=100.0, alive=0.5).court
        after, reward = advance(before, jnp.float32(0), temperature)
        assert reward == pytest.approx(-0.5 * (1 - degree), abs=1e-6)
        assert after.alive == pytest.approx(0.5 * degree, abs=1e-6)
        # What the opponent misses the agent wins.
        before = before._replace(vx=-before.vx, x=jnp.float32(68), enemy=before.y - 5)
        _, reward = advance(before, jnp.float32(0), temperature)
        assert reward == pytest.approx(
            0.5 / (1 + math.exp(9.5 / temperature)), abs=1e-6
        )


def test_without_a_temperature_a_contact_is_a_hit_or_a_miss():
    hard = returned(jnp.array([-9.01, -9.0, 0.0, 9.0, 9.01]), 9.0, 0.0)
    np.testing.assert_array_equal(hard, [0, 1, 1, 1, 0])
    offset = jnp.linspace(-15, 15, 62)  # never at an end of the paddle
    np.testing.assert_allclose(
        returned(offset, 9.0, 1e-3), returned(offset, 9.0, 0.0), atol=1e-6
    )


def test_the_knobs_stops_give_way_and_tell_a_policy_to_turn_round():
    """At a stop by 4 ln 2 pixels with a temperature of 2; far from both not at all."""
    given = stopped(jnp.array([38.0, 60.0, 120.0, 204.0]), 2.0)
    give = 4 * math.log(2)
    expected = [38 + give, 60 + 4 * math.log1p(math.exp(-5.5)), 120, 204 - give]
    np.testing.assert_allclose(given, expected, atol=2e-5)
    beyond = jnp.array([20.0, 30.0, 120.0, 210.0])
    np.testing.assert_array_equal(stopped(beyond, 0.0), [38, 38, 120, 204])

    def slope(temperature):
        return jax.grad(lambda knob: stopped(knob, temperature).sum())(beyond)

    np.testing.assert_array_equal(slope(0.0), [0, 0, 1, 0])
    assert (slope(2.0) > 0.01).all()


def test_serve_draws_from_its_key_alone():
    one, again, other = serve(KEY), serve(KEY), serve(jax.random.key(1))
    assert one == again
    assert one.player != other.player
