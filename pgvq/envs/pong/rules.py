"""The rules of Atari 2600 Pong, frame by frame, in integers.

Everything here is elementwise: every field and argument may be a scalar or have any
common leading axes, so that one frame of 4096 games is one fused kernel.

Names and units are the game's own. `x` grows to the right (screen column + 49), `y`
downwards (screen row + 14), both in pixels; velocities are pixels per frame. The agent
is the right paddle. The numbers were measured from the Arcade Learning Environment
(ALE) and `tests/envs` holds every variable of every frame against it.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

PADDLE_MIN, PADDLE_MAX, PADDLE_SPEED = 27_450, 790_196, 23_000  # ohms, ohms per frame
PADDLE_CENTRE = (PADDLE_MIN + PADDLE_MAX) // 2
PLAYER_TOP, PLAYER_BOTTOM = 38, 204  # where the paddle comes to rest at its two stops
LEFT_OUT, RIGHT_OUT = 52, 205  # at or beyond these a point is over
TOP_WALL, BOTTOM_WALL = 45, 206  # at or beyond these the ball bounces
SERVE_X = SERVE_Y = 128
FIRST_WAIT, WAIT = 59, 63  # frames until the serve: after a reset, after a point
MAX_VX, MAX_VY = 4, 3
MAX_POINTS = 21

# ALE's minimal action set, in its order. RIGHT moves the paddle up, LEFT down.
NOOP, FIRE, RIGHT, LEFT, RIGHTFIRE, LEFTFIRE = range(6)


class Court(NamedTuple):
    """All that one frame of a game knows; every field [...] int32.

    In brackets the address in the console's memory of the same number.
    """

    resistance: Array  # of the agent's knob, PADDLE_MIN..PADDLE_MAX; not in memory
    target: Array  # [60] the smoothed knob, the player's place in the next frame
    player: Array  # [51] the agent's paddle
    enemy: Array  # [21] the opponent's paddle
    x: Array  # [49] ball
    y: Array  # [54] ball; 0 while there is none
    vx: Array  # [58] positive is to the LEFT: the ball moves by -vx
    vy: Array  # [56] positive is down
    timer: Array  # [11] frames until the serve, 0 in play
    clock: Array  # [8] frames modulo 256
    action: Array  # last executed, as ALE's minimal set numbers them; not in memory
    enemy_score: Array  # [13]
    player_score: Array  # [14]
    hits: Array  # [17] paddle contacts in this rally; nothing depends on it


def is_fire(action: Array) -> Array:
    """Whether an action [...] of the minimal set holds the button, [...] bool."""
    return (action == FIRE) | (action >= RIGHTFIRE)


def direction(action: Array) -> Array:
    """Where an action [...] moves the paddle: -1 up, +1 down, 0 not; [...] int32."""
    moves = action >= RIGHT
    return jnp.where(moves, 2 * (action & 1) - 1, 0)


def paddle_reading(resistance: Array) -> Array:
    """Where the paddle comes to rest for a knob's resistance [...], [...] int32.

    The console counts scan lines until a capacitor is charged; two floors, of
    `resistance * 1904 / 100000` and of its quotient by 152, make one.
    """
    lines = lax.div(resistance * 119 + 3_693_750, jnp.int32(950_000))
    return jnp.maximum(2 * lines, PLAYER_TOP)


def start_court(noops: Array) -> Court:
    """The game `noops` [...] frames (at most 58) after a reset, all of them NOOP.

    Until the first serve only the enemy moves: to the top, resting when the clock
    is 1 modulo 8. So there is a closed form and nothing to simulate.
    """
    zero = jnp.zeros_like(noops)
    rests = (noops + 6) >> 3
    return Court(
        resistance=zero + PADDLE_CENTRE,
        target=zero + 109,
        player=zero + 109,
        enemy=jnp.maximum(22 - 2 * (noops - rests), 0),
        x=zero,
        y=jnp.where(noops == 0, 60, 0),
        vx=zero,
        vy=zero,
        timer=FIRST_WAIT - noops,
        clock=71 + noops,
        action=zero,
        enemy_score=zero,
        player_score=zero,
        hits=zero,
    )


def is_over(court: Court, points_to_win: int) -> Array:
    """Whether a side has won the game, [...] bool."""
    return jnp.maximum(court.enemy_score, court.player_score) >= points_to_win


def advance(court: Court, action: Array) -> Court:
    """One frame, `action` [...] int32 of the minimal set executed in it."""
    resistance = jnp.clip(
        court.resistance + PADDLE_SPEED * direction(action), PADDLE_MIN, PADDLE_MAX
    )
    clock = (court.clock + 1) & 255
    court = _advance_ball(court)

    rests = (clock & 7) == 1
    enemy = court.enemy + jnp.where(rests, 0, 2 * jnp.sign(court.y - court.enemy))
    # The console reads the knob every second frame, halves the way to it, and draws
    # the paddle one frame late.
    reads = (clock & 1) == 0
    target = (court.target + paddle_reading(resistance)) >> 1
    return court._replace(
        resistance=resistance,
        clock=clock,
        enemy=enemy,
        player=court.target,
        target=jnp.where(reads, target, court.target),
        action=action,
    )


def _advance_ball(court: Court) -> Court:
    """Wait, score, or play: ball, timer and scores after one frame."""
    waits = court.timer > 0
    serves = court.timer == 1
    lost = ~waits & (court.x >= RIGHT_OUT)
    won = ~waits & (court.x <= LEFT_OUT)
    scores = lost | won
    vx, vy, y, contact = _bounce(court)
    # The velocity with which the ball left the court decides the next serve.
    serve_vx = jnp.where(court.vx >= 0, 1, -1)
    serve_vy = jnp.where(court.vy < 0, -1, 1)
    moves = ~waits & ~scores

    def pick(served: Array | int, played: Array, otherwise: Array | int) -> Array:
        return jnp.where(serves, served, jnp.where(moves, played, otherwise))

    return court._replace(
        x=pick(SERVE_X - serve_vx, court.x - vx, court.x),
        y=pick(SERVE_Y + serve_vy, y + vy, jnp.where(waits, 0, court.y)),
        vx=pick(serve_vx, vx, court.vx),
        vy=pick(serve_vy, vy, court.vy),
        timer=jnp.where(scores, WAIT, jnp.maximum(court.timer - 1, 0)),
        enemy=jnp.where(serves, SERVE_Y, court.enemy),
        enemy_score=court.enemy_score + lost,
        player_score=court.player_score + won,
        hits=pick(0, (court.hits + contact) & 255, court.hits),
    )


def _bounce(court: Court) -> tuple[Array, Array, Array, Array]:
    """Velocity, height and contact of a ball in play, before it moves.

    Collisions are judged by the last frame's picture, at most one in a frame. One
    that still overlaps collides again in the next frame: steeper, and with the
    button held faster, each time.
    """
    x, y, vx, vy = court.x, court.y, court.vx, court.vy
    top = y <= TOP_WALL
    bottom = ~top & (y >= BOTTOM_WALL)
    free = ~(top | bottom)
    from_top = y - ((court.player + 1) & ~1)
    player = free & (x >= 188) & (x <= 192) & (from_top >= -2) & (from_top <= 15)
    below = y - court.enemy
    enemy = free & (x >= 64) & (x <= 68) & (below >= -4) & (below <= 14)

    speed = jnp.abs(vx)
    faster = jnp.minimum(speed + is_fire(court.action), MAX_VX)
    height = jnp.where(player, court.player, court.enemy)
    deflected = ((y - height - 1) >> 2) - 1  # floor of a quarter
    contact = player | enemy
    steep = jnp.abs(vy)
    bounced = jnp.where(top, steep, jnp.where(bottom, -steep, vy))
    return (
        jnp.where(player, faster, jnp.where(enemy, -speed, vx)),
        jnp.where(contact, deflected, bounced),
        y + top - bottom,
        contact,
    )
