"""What the agent sees of a game of Pong: short vectors of numbers about it.

`OBSERVATIONS` is the place for further ways to see the game, pixels for example.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.envs.pong_rules import (
    MAX_VX,
    MAX_VY,
    PADDLE_CENTRE,
    PADDLE_MAX,
    PLAYER_BOTTOM,
    PLAYER_TOP,
    WAIT,
    PongState,
    direction,
    is_fire,
    paddle_reading,
)

# Only constants normalise, so an observation is a function of the state alone. Sums
# and offsets of coordinates are integers until the last multiplication.
FEATURES: dict[str, Callable[[PongState, Array], Array]] = {
    # name: about -1 .. +1, from the state and whether a ball is in play
    "ball_x": lambda s, live: (s.x - 128) * live * (1 / 77),  # left .. right
    "ball_y": lambda s, live: (s.y - 126) * live * (1 / 82),  # top .. bottom wall
    # While there is no ball, these two are what it will be served with.
    "ball_vx": lambda s, live: _velocity_x(s, live) * (-1 / MAX_VX),  # > 0 to the agent
    "ball_vy": lambda s, live: _velocity_y(s, live) * (1 / MAX_VY),  # > 0 is down
    "in_play": lambda s, live: live * 1.0,  # 0 or 1
    "serve_timer": lambda s, live: s.timer * (1 / WAIT),  # 0 .. 1, frames until serve
    "player": lambda s, live: (
        (s.player - PLAYER_MID) * (2 / PLAYER_SPAN)
    ),  # top..bottom
    # Where the paddle goes in the next frame, and in the end if the knob rests: it
    # lags behind the knob, and the console reads that only when the clock is even.
    "player_step": lambda s, live: (s.target - s.player) * (1 / 16),
    "player_pull": lambda s, live: (paddle_reading(s.resistance) - s.target) * (1 / 32),
    "knob": lambda s, live: (s.resistance - PADDLE_CENTRE) * (1 / KNOB_SPAN),
    "enemy": lambda s, live: (s.enemy - 104) * (1 / 104),
    # Contact is a matter of 18 pixels of 160, so the two offsets are drawn large:
    # 32 pixels and more off the paddle's middle are +-1.
    "player_offset": lambda s, live: _offset(s.y - s.player - 6) * live,
    "enemy_offset": lambda s, live: _offset(s.y - s.enemy - 5) * live,
    "last_move": lambda s, live: direction(s.action) * 1.0,  # -1 up, +1 down
    "last_fire": lambda s, live: is_fire(s.action) * 1.0,  # 0 or 1
    # The clock matters modulo 8: the knob is read every second frame and the enemy
    # rests every eighth. Two triangle waves, a quarter apart, are its cosine and sine.
    "clock_even": lambda s, live: ((s.clock & 1) == 0) * 1.0,
    "clock_cosine": lambda s, live: _wave(s.clock),
    "clock_sine": lambda s, live: _wave(s.clock + 6),
}
PLAYER_MID = (PLAYER_TOP + PLAYER_BOTTOM) // 2
PLAYER_SPAN = PLAYER_BOTTOM - PLAYER_TOP
KNOB_SPAN = PADDLE_MAX - PADDLE_CENTRE


def features(state: PongState) -> Array:
    """The vector of `FEATURES` for a state with axes [...], [..., 18] float32."""
    live = (state.timer == 0).astype(jnp.int32)
    return jnp.stack(
        [f(state, live).astype(jnp.float32) for f in FEATURES.values()], -1
    )


def _velocity_x(s: PongState, live: Array) -> Array:
    return jnp.where(live > 0, s.vx, jnp.where(s.vx >= 0, 1, -1))


def _velocity_y(s: PongState, live: Array) -> Array:
    return jnp.where(live > 0, s.vy, jnp.where(s.vy < 0, -1, 1))


def _offset(pixels: Array) -> Array:
    return jnp.clip(pixels, -32, 32) * (1 / 32)


def _wave(clock: Array) -> Array:
    """A triangle of period 8: 1, 0.5, 0, -0.5, -1, -0.5, 0, 0.5."""
    return (jnp.abs((clock & 7) - 4) - 2) * 0.5


class Observation(NamedTuple):
    """One way to see a game."""

    observe: Callable[[PongState], Array]  # state [...] -> [..., *shape]
    shape: tuple[int, ...]
    dtype: type[np.generic]
    low: float
    high: float
    names: tuple[str, ...]  # of the last axis; () where it has none


OBSERVATIONS: dict[str, Observation] = {
    "features": Observation(
        features, (len(FEATURES),), np.float32, -1.25, 1.25, tuple(FEATURES)
    ),
}
