"""The rules of Atari 2600 Pong, frame by frame, in integers.

Everything here is elementwise: every field and argument may be a scalar or have any
common leading axes, so that one frame of 4096 games is one fused kernel.

Names and units are the game's own. `x` grows to the right (screen column + 49), `y`
downwards (screen row + 14), both in pixels; velocities are pixels per frame. The agent
is the right paddle. The numbers were measured from the Arcade Learning Environment
(ALE) and `tests/envs` holds every variable of every frame against it.
"""

from typing import cast

import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment
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


@struct.dataclass
class PongState(environment.EnvState):
    """One game, or many with common leading axes; every field is int32.

    In brackets the address in the console's memory where the same number stands.
    """

    time: Array  # agent steps taken in this game
    resistance: Array  # of the agent's knob, PADDLE_MIN..PADDLE_MAX; not in memory
    target: Array  # [60] the smoothed knob, where the player stands next frame
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


def start_state(noops: Array) -> PongState:
    """The game `noops` [...] frames (at most 58) after a reset, all of them NOOP.

    Until the first serve only the enemy moves: to the top, resting when the clock
    is 1 modulo 8. So there is a closed form and nothing to simulate.
    """
    zero = jnp.zeros_like(noops)
    rests = (noops + 6) >> 3
    return PongState(
        time=zero,
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


def advance(state: PongState, action: Array) -> tuple[PongState, Array]:
    """One frame. `action` [...] int32 of the minimal set; the reward is [...] int32."""
    resistance = jnp.clip(
        state.resistance + PADDLE_SPEED * direction(action), PADDLE_MIN, PADDLE_MAX
    )
    clock = (state.clock + 1) & 255
    state, reward = _advance_ball(state)

    rests = (clock & 7) == 1
    enemy = state.enemy + jnp.where(rests, 0, 2 * jnp.sign(state.y - state.enemy))
    # The console reads the knob every second frame, halves the way to it, and draws
    # the paddle one frame late.
    reads = (clock & 1) == 0
    target = (state.target + paddle_reading(resistance)) >> 1
    state = state.replace(
        resistance=resistance,
        clock=clock,
        enemy=enemy,
        player=state.target,
        target=jnp.where(reads, target, state.target),
        action=action,
    )
    return cast(PongState, state), reward


def _advance_ball(state: PongState) -> tuple[PongState, Array]:
    """Wait, score, or play: ball, timer and scores after one frame, and the reward."""
    waits = state.timer > 0
    serves = state.timer == 1
    lost = ~waits & (state.x >= RIGHT_OUT)
    won = ~waits & (state.x <= LEFT_OUT)
    scores = lost | won
    vx, vy, y, contact = _bounce(state)
    # The velocity with which the ball left the court decides the next serve.
    serve_vx = jnp.where(state.vx >= 0, 1, -1)
    serve_vy = jnp.where(state.vy < 0, -1, 1)
    moves = ~waits & ~scores

    def pick(served: Array | int, played: Array, otherwise: Array | int) -> Array:
        return jnp.where(serves, served, jnp.where(moves, played, otherwise))

    state = state.replace(
        x=pick(SERVE_X - serve_vx, state.x - vx, state.x),
        y=pick(SERVE_Y + serve_vy, y + vy, jnp.where(waits, 0, state.y)),
        vx=pick(serve_vx, vx, state.vx),
        vy=pick(serve_vy, vy, state.vy),
        timer=jnp.where(scores, WAIT, jnp.maximum(state.timer - 1, 0)),
        enemy=jnp.where(serves, SERVE_Y, state.enemy),
        enemy_score=state.enemy_score + lost,
        player_score=state.player_score + won,
        hits=pick(0, state.hits + contact, state.hits),
    )
    return cast(PongState, state), won.astype(jnp.int32) - lost


def _bounce(state: PongState) -> tuple[Array, Array, Array, Array]:
    """Velocity, height and contact of a ball in play, before it moves.

    Collisions are judged by the last frame's picture, at most one in a frame. One
    that still overlaps collides again in the next frame: steeper, and with the
    button held faster, each time.
    """
    x, y, vx, vy = state.x, state.y, state.vx, state.vy
    top = y <= TOP_WALL
    bottom = ~top & (y >= BOTTOM_WALL)
    free = ~(top | bottom)
    from_top = y - ((state.player + 1) & ~1)
    player = free & (x >= 188) & (x <= 192) & (from_top >= -2) & (from_top <= 15)
    below = y - state.enemy
    enemy = free & (x >= 64) & (x <= 68) & (below >= -4) & (below <= 14)

    speed = jnp.abs(vx)
    faster = jnp.minimum(speed + is_fire(state.action), MAX_VX)
    height = jnp.where(player, state.player, state.enemy)
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
