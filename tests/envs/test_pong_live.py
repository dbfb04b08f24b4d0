"""Against the Arcade Learning Environment itself: `pytest -m slow`, extra `atari`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.envs import Pong, vector_reset, vector_step
from pgvq.envs.pong.rules import (
    BOTTOM_WALL,
    FIRE,
    NOOP,
    PADDLE_CENTRE,
    RIGHT,
    TOP_WALL,
    Court,
    advance,
)
from tests.helpers.ale_replay import FIELDS, assert_equal_games, replay

pytest.importorskip("ale_py", reason="the extra `atari` is not installed")
from tests.helpers import ale_player

pytestmark = pytest.mark.slow
FRAMES = 18_000  # of each policy: 126,000 in all at frame skip 1


@pytest.mark.parametrize("policy", ale_player.POLICIES)
def test_games_to_21_are_equal_in_every_frame(policy):
    games = ale_player.record(policy, FRAMES, seed=7)
    assert_equal_games(games, replay(games.action, games.reset))


@pytest.mark.parametrize("frame_skip", [2, 4, 5])
@pytest.mark.parametrize("policy", ["sticky", "winning"])
def test_agent_steps_are_equal_and_end_with_the_game(policy, frame_skip):
    games = ale_player.record(policy, 3_000, seed=8, frame_skip=frame_skip)
    assert_equal_games(games, replay(games.action, games.reset, frame_skip))


def test_states_written_into_memory_go_on_equally():
    """Rare contacts too; with the knob at its centre, which is not in memory."""
    generator = np.random.default_rng(9)
    ale = ale_player.console()
    ale.reset_game()
    actions = ale.getMinimalActionSet()
    starts, frames = [], []
    for _ in range(8_000):
        for name, number in _random_play(generator).items():
            ale.setRAM(ale_player.ADDRESSES[name], number % 256)
        first, second = generator.choice([NOOP, FIRE], 2)
        # Contacts are judged by the last picture, so what was written has to be drawn.
        ale.act(actions[first])
        before = ale_player.memory(ale)
        ale.act(actions[second])
        starts.append(before)
        frames.append((first, second, *ale_player.memory(ale)))
    given = np.array(starts, np.uint8)
    signed = given.astype(np.int8).astype(np.int32)
    numbers = {
        name: signed[:, f] if name in ("vx", "vy") else given[:, f].astype(np.int32)
        for f, name in enumerate(FIELDS)
    }
    first, second, *expected = np.array(frames, np.int32).T
    knob = np.full_like(first, PADDLE_CENTRE)
    after = jax.jit(advance)(Court(**numbers, resistance=knob, action=first), second)
    ours = np.array([np.asarray(getattr(after, name)) & 255 for name in FIELDS])
    # No ball of a real game is within a wall and already leaving it.
    y, vy = numbers["y"], numbers["vy"]
    real = ~((y <= TOP_WALL) & (vy > 0) | (y >= BOTTOM_WALL) & (vy < 0))
    np.testing.assert_array_equal(ours[:, real], np.array(expected)[:, real])
    contacts = np.asarray(after.hits) != numbers["hits"]
    assert real.sum() > 7_000
    assert contacts.sum() > 500
    assert set(np.asarray(after.vy)[contacts].tolist()) == {-3, -2, -1, 0, 1, 2}


def _random_play(generator: np.random.Generator) -> dict[str, int]:
    """A ball near something to meet, and scores that leave the game unfinished."""
    enemy = 2 * int(generator.integers(20, 104))
    near = enemy if generator.random() < 0.7 else 109
    return {
        "enemy": enemy,
        "x": int(generator.choice([64, 66, 68] if near == enemy else [188, 190, 192])),
        "y": int(np.clip(near + generator.integers(-8, 20), 46, 205)),
        "vx": int(generator.choice([-4, -3, -2, -1, 1, 2, 3, 4])),
        "vy": int(generator.integers(-3, 3)),
        "timer": 0,
        "enemy_score": 3,
        "player_score": 5,
        "clock": int(generator.integers(256)),
    }


def test_sticky_actions_have_ales_distribution():
    """Two agent steps up, one that fires nothing: where the paddle's target is."""
    samples, sequence = 1_500, (RIGHT, RIGHT, NOOP)
    ale = ale_player.console(seed=3, frame_skip=4, repeat=0.25)
    actions = ale.getMinimalActionSet()
    theirs = []
    for _ in range(samples):
        ale.reset_game()
        for action in sequence:
            ale.act(actions[action])
        theirs.append(int(ale_player.memory(ale)[FIELDS.index("target")]))
    env = Pong(noop_max=0)
    _, state = vector_reset(env, jax.random.key(0), 200_000, env.default_params)
    for number, action in enumerate(sequence):
        given = jnp.full(200_000, action)
        key = jax.random.key(1 + number)
        _, state, *_ = vector_step(env, key, state, given, env.default_params)
    ours = np.asarray(state.court.target)
    assert set(theirs) <= set(ours.tolist())
    for target in np.unique(ours):
        share = (ours == target).mean()
        seen = np.mean(np.array(theirs) == target)
        assert abs(seen - share) < 4.5 * np.sqrt(share * (1 - share) / samples) + 1e-3
