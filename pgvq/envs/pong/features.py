"""What the agent sees of a game of Pong: a short vector of numbers.

`OBSERVATIONS` is the place for further ways to see the game, pixels for example.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.envs.pong.rules import (
    MAX_VX,
    MAX_VY,
    PADDLE_CENTRE,
    PADDLE_MAX,
    WAIT,
    Court,
    direction,
    is_fire,
    paddle_reading,
)


class Features(NamedTuple):
    """The entries of the vector, in order; each [...], about -1 .. +1.

    They make the game Markov for the agent: all that the rules depend on is here but
    the scores, which only end it. Lengths are in pixels, times in frames.

    Four cannot be read from a real Atari, neither from its screen nor from its 128
    bytes of memory: `knob` and `player_pull`, because the resistance of the knob is in
    the controller, and `last_move` and `last_fire`, because with sticky actions the
    action that was executed is not reported.
    """

    ball_x: Array  # -1 left .. +1 right end, 77 pixels; 0 while there is no ball
    ball_y: Array  # -1 upper .. +1 lower wall, 82 pixels; 0 while there is no ball
    ball_vx: Array  # > 0 towards the agent, of 4 pixels a frame; before a serve the
    ball_vy: Array  # > 0 down, of 3 pixels a frame;  velocity it will be served with
    in_play: Array  # 0 or 1: whether there is a ball
    serve_timer: Array  # 0 .. 1, of 63 frames until the serve
    player: Array  # -1 top .. +1 bottom, 83 pixels: the agent's paddle
    player_step: Array  # of 16 pixels: its move in the next frame
    player_pull: Array  # of 32 pixels: its way still to go if the knob rests
    knob: Array  # -1 up .. +1 down: the knob's resistance, between its two stops
    enemy: Array  # -1 top .. +1 bottom, 104 pixels: the opponent's paddle
    player_offset: Array  # ball below the middle of the agent's paddle; 32 pixels
    enemy_offset: Array  # and of the opponent's, both cut at +-1; 0 without a ball
    last_move: Array  # -1 up, +1 down, 0: the action executed last
    last_fire: Array  # 0 or 1: whether it held FIRE
    clock_even: Array  # 0 or 1: the console reads the knob every second frame
    clock_cosine: Array  # and the opponent rests every eighth: two triangle waves
    clock_sine: Array  # of period 8, a quarter apart


# Where things are now, and nothing of where they go: no velocity, which before a serve
# would be the coming one; no `player_step`, `player_pull` and `knob`, which say where
# the paddle goes; no timer, no clock and no last action, which would tell time.
POSITIONS = (
    "ball_x",
    "ball_y",
    "in_play",
    "player",
    "enemy",
    "player_offset",
    "enemy_offset",
)

# What moves, and nothing of the console's insides (the last five; but `player_pull` and
# `knob`, which a real Atari does not tell, are among it): all that the agent
# needs of a game without FIRE, without sticky actions and without the console's clock.
# `SmoothPong` shows the same: a policy learnt in one can be played in the other.
MOTION = Features._fields[:-5]


class Moving(NamedTuple):
    """What `MOTION` is made of, in either game; each [...], in pixels unless said."""

    in_play: Array  # 0 .. 1: how much of a ball there is
    x: Array  # ball
    y: Array
    vx: Array  # pixels a frame, positive to the RIGHT; before a serve the coming one
    vy: Array  # pixels a frame, positive is down
    timer: Array  # frames until the serve
    player: Array  # the agent's paddle
    target: Array  # its place in the next frame
    rest: Array  # where it comes to rest if the knob rests
    knob: Array  # -1 .. 1, the knob between its two stops
    enemy: Array  # the opponent's paddle


def features(court: Court) -> Array:
    """The vector of `Features` for a court with axes [...], [..., 18] float32."""
    return _stack(_columns(court))


def positions(court: Court) -> Array:
    """The entries of `Features` that `POSITIONS` names, [..., 7] float32.

    One look does not tell where the ball flies, so that to play well takes memory:
    of the observation before, at least.
    """
    columns = _columns(court)
    return _stack(getattr(columns, name) for name in POSITIONS)


def motion(court: Court) -> Array:
    """The entries of `Features` that `MOTION` names, [..., 13] float32."""
    return _stack(motion_columns(_moving(court)))


def motion_columns(m: Moving) -> tuple[Array, ...]:
    """The entries of `Features` that `MOTION` names, each [...].

    Only constants normalise.

    Contact is a matter of 18 pixels out of 160, so the two offsets are drawn large.
    """
    live = m.in_play > 0
    return (
        jnp.where(live, m.x - 128, 0) * (1 / 77),
        jnp.where(live, m.y - 126, 0) * (1 / 82),
        m.vx * (1 / MAX_VX),
        m.vy * (1 / MAX_VY),
        m.in_play,
        m.timer * (1 / WAIT),
        (m.player - 121) * (1 / 83),
        (m.target - m.player) * (1 / 16),
        (m.rest - m.target) * (1 / 32),
        m.knob,
        (m.enemy - 104) * (1 / 104),
        _offset(live, m.y - m.player - 6),
        _offset(live, m.y - m.enemy - 5),
    )


def _moving(c: Court) -> Moving:
    live = c.timer == 0
    return Moving(
        in_play=live,
        x=c.x,
        y=c.y,
        vx=-jnp.where(live, c.vx, jnp.where(c.vx >= 0, 1, -1)),
        vy=jnp.where(live, c.vy, jnp.where(c.vy < 0, -1, 1)),
        timer=c.timer,
        player=c.player,
        target=c.target,
        rest=paddle_reading(c.resistance),
        knob=(c.resistance - PADDLE_CENTRE) * (1 / (PADDLE_MAX - PADDLE_CENTRE)),
        enemy=c.enemy,
    )


def _columns(c: Court) -> Features:
    return Features(
        *motion_columns(_moving(c)),
        last_move=direction(c.action),
        last_fire=is_fire(c.action),
        clock_even=1 - (c.clock & 1),
        clock_cosine=_wave(c.clock),
        clock_sine=_wave(c.clock + 6),
    )


def _stack(columns: Iterable[Array]) -> Array:
    return jnp.stack([column.astype(jnp.float32) for column in columns], -1)


def _offset(live: Array, pixels: Array) -> Array:
    return jnp.where(live, jnp.clip(pixels, -32, 32), 0) * (1 / 32)


def _wave(clock: Array) -> Array:
    """A triangle of period 8: 1, 0.5, 0, -0.5, -1, -0.5, 0, 0.5."""
    return (jnp.abs((clock & 7) - 4) - 2) * 0.5


class Observation(NamedTuple):
    """One way to see a game."""

    observe: Callable[[Court], Array]  # court [...] -> [..., *shape]
    shape: tuple[int, ...]
    dtype: type[np.generic]
    low: float
    high: float
    names: tuple[str, ...]  # of the last axis; () where it has none


OBSERVATIONS: dict[str, Observation] = {
    "features": Observation(
        features, (len(Features._fields),), np.float32, -1.25, 1.25, Features._fields
    ),
    "positions": Observation(
        positions, (len(POSITIONS),), np.float32, -1.25, 1.25, POSITIONS
    ),
    "motion": Observation(motion, (len(MOTION),), np.float32, -1.25, 1.25, MOTION),
}
