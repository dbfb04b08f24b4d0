"""What Pong pays for, held against games recorded from ALE."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.envs import Pong, evaluation_env, resets_memory
from pgvq.envs.pong.rewards import REWARDS, Played, check_reward
from pgvq.types import InputError
from tests.helpers.ale_replay import FIELDS, court, replay

with np.load(Path(__file__).parents[1] / "data" / "ale_pong.npz") as file:
    DATA = dict(file)
NAMES = {name.split("/")[0] for name in DATA if "/" in name}


def recorded(frame_skip):
    """All games recorded with this frame skip, one after the other."""
    names = [n for n in sorted(NAMES) if int(DATA[f"{n}/frame_skip"]) == frame_skip]

    def joined(part):
        return np.concatenate([DATA[f"{name}/{part}"] for name in names])

    states = [DATA[f"{n}/change"].T.cumsum(0, dtype=np.uint8) for n in names]
    return joined("action"), joined("reward"), joined("reset"), np.concatenate(states)


def contacts_and_returns(state, reset):
    """Per act: ALE's count of the agent's contacts, and of those that return the ball.

    ALE counts both paddles' contacts, in eight bits; the ball's place says whose one
    was. A contact is a return unless the last of the rally was the agent's already.
    """
    x, count, timer = (
        state[:, FIELDS.index(name)].astype(int) for name in ("x", "hits", "timer")
    )
    contacts, returns = np.zeros(len(x)), np.zeros(len(x))
    last = ""
    for t in range(1, len(x)):
        if reset[t] or timer[t] or timer[t - 1]:  # the count starts anew at a serve
            last = ""
        elif new := (count[t] - count[t - 1]) % 256:
            side = "agent" if x[t] > 128 else "opponent"
            if side == "agent":
                contacts[t] = new
                returns[t] = last != "agent"
            last = side
    return contacts, returns


@pytest.mark.parametrize("frame_skip", [1, 4])
def test_a_hit_is_each_return_of_the_ball_that_ale_counted(frame_skip):
    action, _, reset, state = recorded(frame_skip)
    contacts, returns = contacts_and_returns(state, reset)
    paid = replay(action, reset, frame_skip, "hit")[1]
    np.testing.assert_array_equal(paid, returns)
    assert returns.sum() > 25
    assert contacts.sum() > returns.sum()  # some overlap for several frames


@pytest.mark.parametrize("frame_skip", [1, 4])
def test_a_game_pays_its_points_at_its_end(frame_skip):
    action, points, reset, _ = recorded(frame_skip)
    paid, over = replay(action, reset, frame_skip, "game")[1:]
    scores, score = np.zeros(len(points)), 0
    for t, point in enumerate(points):
        score = point if reset[t] else score + point
        scores[t] = score
    np.testing.assert_allclose(paid, np.where(over, scores / 21, 0), atol=1e-7)
    assert over.sum() >= 2
    if frame_skip == 1:
        assert (paid > 0).any()
        assert (paid < 0).any()


def paid(reward, before, after, points_to_win=21):
    courts = court(**before), court(**after)
    won, lost = (
        getattr(courts[1], name) - getattr(courts[0], name)
        for name in ("player_score", "enemy_score")
    )
    return float(REWARDS[reward](Played(*courts, won, lost), points_to_win))


@pytest.mark.parametrize(
    ("before", "after", "hit"),
    [
        ({"vx": -2}, {"vx": 2}, 1),
        ({"vx": -2}, {"vx": 3}, 1),  # with FIRE
        ({"vx": 2}, {"vx": 3}, 0),  # still in contact: faster, but returned before
        ({"vx": 2}, {"vx": -2}, 0),  # the opponent's
        ({"vx": 0}, {"vx": 1}, 0),  # the first serve
        ({"vx": -1}, {"vx": -1, "enemy_score": 1, "timer": 63}, 0),
    ],
)
def test_only_the_agents_return_is_a_hit(before, after, hit):
    assert paid("hit", before, after) == hit


def test_the_last_point_pays_the_whole_game_once():
    before, after = {"enemy_score": 4, "player_score": 1}, {"enemy_score": 5}
    after |= {"player_score": 1}
    assert paid("game", before, after, 5) == pytest.approx(-4 / 5)
    assert paid("game", before, after, 21) == 0
    assert paid("game", after, after, 5) == 0  # a finished game stands still
    won = paid("game", {"player_score": 20}, {"player_score": 21})
    assert won == pytest.approx(1)


def test_points_are_the_difference_of_both_sides():
    assert paid("score", {"player_score": 3}, {"player_score": 4}) == 1
    assert paid("score", {"enemy_score": 3}, {"enemy_score": 4}) == -1


@pytest.mark.parametrize(
    "env",
    [
        Pong(episode="point", reward="hit"),
        Pong(episode="game", reward="game"),
        Pong(episode="game", reward="hit"),
    ],
    ids=repr,
)
def test_evaluation_counts_points_whatever_training_is_paid_for(env):
    assert evaluation_env(env) == Pong()


def test_memory_ends_with_points_even_where_hits_are_paid():
    points = jnp.array([0.0, 1.0, -1.0, 0.0])  # of the evaluation
    game_over, no = jnp.array([False, False, False, True]), jnp.zeros(4, bool)
    by_point = resets_memory(Pong(episode="point", reward="hit"), points, game_over, no)
    by_game = resets_memory(Pong(reward="game"), points, game_over, no)
    np.testing.assert_array_equal(by_point, [False, True, True, True])
    np.testing.assert_array_equal(by_game, game_over)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reward": "hits"}, "unknown reward 'hits': did you mean hit.* use one of"),
        ({"reward": "game", "episode": "point"}, "episode='point' cuts .* use episode"),
        ({"reward": "hit", "frame_skip": 31}, "frame_skip=31 .* use 1..30"),
    ],
)
def test_what_cannot_be_paid_is_refused_with_a_remedy(settings, message):
    with pytest.raises(InputError, match=message):
        Pong(**settings)


def test_the_longest_step_in_which_hits_are_exact():
    """Hit in its first frame, the fastest ball meets the opponent in the 31st."""
    check_reward("hit", "point", 30)
    x = 188 - 4
    frames = 1
    while x > 68:
        x, frames = x - 4, frames + 1
    assert frames == 30  # so it is in the next frame that the other paddle can turn it
