"""What Pong pays the agent for while it trains; evaluations always count points.

Each reward is told from the game before and after an agent step, so the rules need not
know of it. `REWARDS` is the place for further ones.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from pgvq.checks import check_choice, check_integer
from pgvq.envs.pong.rules import Court, is_over
from pgvq.types import InputError

# From one paddle to the other the ball takes at least this number of frames.
CROSSING = 30


class Played(NamedTuple):
    """An agent step, as rewards see it; axes [...]."""

    before: Court
    after: Court
    won: Array  # int32: points of the agent in it
    lost: Array  # int32: points of the opponent


def points(step: Played, points_to_win: int) -> Array:
    """The agent's points of an agent step less its opponent's, [...] float32."""
    del points_to_win
    return (step.won - step.lost).astype(jnp.float32)


def hits(step: Played, points_to_win: int) -> Array:
    """1 where the agent's paddle returned the ball in an agent step, [...] float32.

    A return is the ball's turn from towards the agent to away from it, which nothing
    but the agent's paddle brings about. While ball and paddle overlap they collide
    anew in every frame: all of that is one return. `Court.hits` counts each of those
    frames, and the opponent's too. Exact for agent steps of up to `CROSSING` frames.
    """
    del points_to_win
    return ((step.before.vx < 0) & (step.after.vx > 0)).astype(jnp.float32)


def final_score(step: Played, points_to_win: int) -> Array:
    """The game's score over `points_to_win` where the game ended, [...] float32.

    From -1, lost to nil, to +1; 0 before the end, and never paid where the step cap
    cuts a game. So a game is worth what its points are worth and only *when* it is
    paid differs. A mere +1 or -1 would say the same, -1, of every game that a
    beginner plays.
    """
    score = step.after.player_score - step.after.enemy_score
    ends = (step.won + step.lost > 0) & is_over(step.after, points_to_win)
    return jnp.where(ends, score / points_to_win, 0.0)


REWARDS: dict[str, Callable[[Played, int], Array]] = {
    "score": points,
    "hit": hits,
    "game": final_score,
}


def check_reward(reward: str, episode: str, frame_skip: int) -> str:
    """The reward; raises `InputError` unless Pong can pay it with these settings."""
    reward = check_choice("reward", reward, tuple(REWARDS))
    if reward == "game" and episode != "game":
        raise InputError(
            f"reward='game' is paid when a game ends, and episode={episode!r} cuts "
            "the return at every point before that, so no action would ever be paid "
            "for: use episode='game'"
        )
    if reward == "hit":
        why = (
            "reward='hit' sees the ball turn from one agent step to the next, and in "
            "a longer step both paddles can turn it"
        )
        check_integer("frame_skip", frame_skip, 1, CROSSING, why)
    return reward
