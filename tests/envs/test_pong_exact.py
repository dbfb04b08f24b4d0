"""Every number of every frame is ALE's, by games recorded from ALE itself."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest

from pgvq.envs.pong.rules import (
    FIRE,
    NOOP,
    PADDLE_MAX,
    PADDLE_MIN,
    Court,
    advance,
    paddle_reading,
    start_court,
)
from pgvq.envs.pong.state import pack, unpack
from tests.helpers.ale_replay import FIELDS, assert_equal_games, court, replay

FILE = Path(__file__).parents[1] / "data" / "ale_pong.npz"
with np.load(FILE) as file:
    DATA = dict(file)
NAMES = sorted({name.split("/")[0] for name in DATA if "/" in name})


class Record(NamedTuple):
    action: np.ndarray
    reward: np.ndarray
    reset: np.ndarray
    state: np.ndarray


def recorded(name: str) -> Record:
    state = DATA[f"{name}/change"].T.cumsum(0, dtype=np.uint8)
    return Record(*(DATA[f"{name}/{k}"] for k in Record._fields[:3]), state)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_and_reward_of_recorded_games_is_equal(name):
    assert tuple(DATA["fields"]) == FIELDS
    games = recorded(name)
    skip = int(DATA[f"{name}/frame_skip"])
    assert_equal_games(games, replay(games.action, games.reset, skip))


def test_the_records_hold_whole_games_of_both_outcomes_and_all_speeds():
    games = [recorded(name) for name in NAMES]
    states = np.concatenate([g.state for g in games])
    frames = sum(len(recorded(n).action) * DATA[f"{n}/frame_skip"] for n in NAMES)
    assert frames > 60_000
    for score in ("enemy_score", "player_score"):
        assert states[:, FIELDS.index(score)].max() == 21
    velocity = states[:, FIELDS.index("vx")].view(np.int8)
    assert set(velocity) >= {-4, -3, -2, -1, 1, 2, 3, 4}
    assert FILE.stat().st_size < 300_000


def test_a_game_that_ends_inside_an_agent_step_stands_still():
    games = recorded("random-skip")
    end = np.flatnonzero(games.reset)[1] - 1
    assert (
        games.state[end, FIELDS.index("timer")] == 63
    )  # of a wait of 63: no frame run


def test_the_start_after_no_ops_is_the_start_and_its_frames():
    starts = start_court(np.arange(58, dtype=np.int32))
    now = start_court(np.int32(0))
    step = jax.jit(lambda now: advance(now, np.int32(NOOP)))
    for noops in range(58):
        got = {name: int(getattr(starts, name)[noops]) for name in Court._fields}
        assert got == {name: int(getattr(now, name)) for name in Court._fields}
        now = step(now)


# By hand, from the page of rules: (ball above the enemy's line, vy after contact).
@pytest.mark.parametrize(
    ("below", "vy"), [(-4, -3), (-3, -2), (0, -2), (1, -1), (5, 0), (9, 1), (14, 2)]
)
def test_the_enemy_returns_by_where_the_ball_meets_it(below, vy):
    after = advance(court(x=66, y=100 + below, enemy=100, vx=2, vy=1), np.int32(0))
    assert (int(after.vx), int(after.vy)) == (-2, vy)


@pytest.mark.parametrize(("before", "speed"), [(NOOP, 2), (FIRE, 3)])
def test_the_button_held_in_the_frame_before_a_contact_speeds_the_ball(before, speed):
    now = court(x=190, y=110, player=105, vx=-2, vy=1, action=before)
    assert int(advance(now, np.int32(NOOP)).vx) == speed


def test_speed_ends_at_four():
    now = court(x=190, y=110, player=105, vx=-4, action=FIRE)
    assert int(advance(now, np.int32(FIRE)).vx) == 4


def test_the_two_divisions_of_the_reading_are_one():
    knob = np.arange(PADDLE_MIN, PADDLE_MAX + 1, 7, dtype=np.int32)
    lines = knob.astype(np.int64) * 1904 // 100_000
    expected = np.maximum(2 * ((lines + 591) // 152), 38)
    np.testing.assert_array_equal(paddle_reading(knob), expected)


def test_packing_keeps_the_extremes():
    low = {"vx": -4, "vy": -3, "resistance": PADDLE_MIN}
    high = {
        "resistance": PADDLE_MAX,
        "vx": 4,
        "vy": 3,
        "timer": 63,
        "enemy_score": 21,
        "player_score": 21,
        "action": 5,
    } | dict.fromkeys(("target", "player", "enemy", "x", "y", "clock", "hits"), 255)
    for numbers in (low, high):
        given = court(**numbers)
        back = unpack(pack(given))
        assert {k: int(v) for k, v in back._asdict().items()} == {
            k: int(v) for k, v in given._asdict().items()
        }
