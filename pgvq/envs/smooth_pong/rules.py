"""The rules of a smooth Pong, frame by frame, in floats.

Court, sizes, speeds, serve and the paddle's lag are those of `pong_rules`; what the
console decides by comparing integers is here a number that derivatives pass through:

    paddle      its speed is any number in [-1, 1] of the exact one's; the knob's two
                stops give way by a few pixels
    contact     the ball is returned to the degree h = σ((half height - |offset|) / τ),
                τ the temperature in pixels; τ = 0 is the hard contact
    deflection  the returned ball's vertical speed is 3 tanh(offset / 9) pixels a frame
    rally       what was returned to the degree h goes on with h of its weight: `alive`
                is the product of all h so far, and a miss pays its part, (1 - h) of it

So the rewards of a point add up to the probability of winning it less that of losing
it, if each contact were a coin that falls to "returned" with probability h. No coin is
thrown: after the serve all is determined, and everything that is paid is a
differentiable function of the paddle's speeds. With τ -> 0 the weights are 0 and 1, and
what is paid no longer depends on the speeds but in jumps.

There is no FIRE, so the ball's horizontal speed is the serve's, and when it arrives
does not depend on what the agent does. Missing is final at the paddle's near side,
where the exact ball flies on for some frames, and there is one contact, not several.

Everything is elementwise: any common leading axes [...], and any float dtype.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.envs.pong.features import Moving, motion_columns
from pgvq.envs.pong.rules import (
    BOTTOM_WALL,
    MAX_VY,
    PADDLE_CENTRE,
    PADDLE_MAX,
    PADDLE_SPEED,
    PLAYER_BOTTOM,
    PLAYER_TOP,
    SERVE_X,
    SERVE_Y,
    TOP_WALL,
    WAIT,
)
from pgvq.types import Key

# The console turns ohms into pixels in steps of 2; this is the line through them.
PIXELS_PER_OHM = 2 * 119 / 950_000
PADDLE_PIXELS = PADDLE_SPEED * PIXELS_PER_OHM  # a frame, at full speed: 5.76
KNOB_CENTRE = (119 * PADDLE_CENTRE + 3_693_750) * 2 / 950_000 - 1
KNOB_REACH = (PADDLE_MAX - PADDLE_CENTRE) * PIXELS_PER_OHM
LAG = 1 - 0.5**0.5  # of the way to the knob per frame; the console goes half in two
ENEMY_PIXELS = 2 * 7 / 8  # a frame: two, and it rests in every eighth

PLAYER_PLANE, ENEMY_PLANE = 188, 68  # ball's x at which the paddles meet it
PLAYER_MIDDLE, ENEMY_MIDDLE = 6.5, 5.0  # of the ball's heights that they meet
PLAYER_HALF, ENEMY_HALF = 9.0, 9.5  # pixels around it
DEFLECTION_MIDDLE = 6.5  # the height that is returned flat, the same on both sides
OVER = 0.01  # a point is over once less than this is left of the rally


class SmoothCourt(NamedTuple):
    """All that one frame of a point knows; every field [...] float, in pixels."""

    knob: Array  # where the agent's paddle comes to rest
    target: Array  # the smoothed knob, its place in the next frame
    player: Array  # the agent's paddle
    enemy: Array  # the opponent's paddle
    x: Array  # ball; before the serve where it will be served
    y: Array
    vx: Array  # pixels a frame, positive to the RIGHT, towards the agent
    vy: Array  # pixels a frame, positive is down
    timer: Array  # frames until the serve, 0 in play
    alive: Array  # 0 .. 1: the share of the rally that no paddle has missed yet


def serve(key: Key) -> SmoothCourt:
    """A point before its serve; consumes `key` by one draw, [] each.

    The exact game has four serves, left or right and up or down at one pixel a frame;
    here the vertical speed is uniform between those two, so that points differ. The
    agent's paddle is anywhere, at rest, and the serve comes after 1 to 63 frames.
    """
    place, wait, side, slope = jax.random.uniform(key, (4,))
    knob = PLAYER_TOP + place * (PLAYER_BOTTOM - PLAYER_TOP)
    return SmoothCourt(
        knob=knob,
        target=knob,
        player=knob,
        enemy=jnp.full_like(knob, SERVE_Y),
        x=jnp.full_like(knob, SERVE_X),
        y=jnp.full_like(knob, SERVE_Y),
        vx=jnp.where(side < 0.5, -1.0, 1.0).astype(knob.dtype),
        vy=2 * slope - 1,
        timer=1 + jnp.floor(wait * WAIT),
        alive=jnp.ones_like(knob),
    )


def advance(
    court: SmoothCourt, speed: Array, temperature: Array | float
) -> tuple[SmoothCourt, Array]:
    """One frame, and the points [...] that it pays.

    `speed` [...] is the paddle's, -1 up at full speed to +1 down; `temperature` [] is
    that of contacts and stops in pixels, 0 for hard ones.
    """
    reward, court = _contact(court, temperature)
    court = _move_ball(court)
    # The opponent follows the ball; without one it goes to the top, as the console's.
    heading = jnp.where(court.timer > 0, 0, court.y)
    step = jnp.clip(heading - court.enemy, -ENEMY_PIXELS, ENEMY_PIXELS)
    serves = court.timer == 1
    knob = stopped(court.knob + PADDLE_PIXELS * speed, temperature)
    court = court._replace(
        enemy=jnp.where(serves, SERVE_Y, court.enemy + step),
        knob=knob,
        player=court.target,
        target=court.target + LAG * (knob - court.target),
        timer=jnp.maximum(court.timer - 1, 0),
    )
    return court, reward


def returned(offset: Array, half: float, temperature: Array | float) -> Array:
    """To which degree a paddle returns a ball `offset` [...] pixels off its middle."""
    margin = half - jnp.abs(offset)
    soft = temperature > 0
    # The division is safe on the branch that is not taken as well, for gradients.
    degree = jax.nn.sigmoid(margin / jnp.where(soft, temperature, 1))
    return jnp.where(soft, degree, jnp.where(margin >= 0, 1, 0))


def stopped(knob: Array, temperature: Array | float) -> Array:
    """The knob [...] between its two stops, which give way by twice the temperature.

    At a hard stop, however far the policy pushes, nothing changes: no gradient would
    ever tell it to turn round.
    """
    width = 2 * temperature
    soft = width > 0
    safe = jnp.where(soft, width, 1)
    over = safe * jax.nn.softplus((knob - PLAYER_BOTTOM) / safe)
    under = safe * jax.nn.softplus((PLAYER_TOP - knob) / safe)
    hard = jnp.clip(knob, PLAYER_TOP, PLAYER_BOTTOM)
    return jnp.where(soft, knob - over + under, hard)


def is_over(court: SmoothCourt) -> Array:
    """Whether the point is over, [...] bool."""
    return court.alive < OVER


def observe(court: SmoothCourt) -> Array:
    """What the agent sees: the exact game's `MOTION`, [..., 13].

    `in_play` is the share of the rally that goes on; 0 or 1 with hard contacts.
    """
    moving = Moving(
        in_play=jnp.where(court.timer > 0, 0, court.alive),
        x=court.x,
        y=court.y,
        vx=court.vx,
        vy=court.vy,
        timer=court.timer,
        player=court.player,
        target=court.target,
        rest=court.knob,
        knob=(court.knob - KNOB_CENTRE) / KNOB_REACH,
        enemy=court.enemy,
    )
    return jnp.stack(motion_columns(moving), -1)


def _contact(
    court: SmoothCourt, temperature: Array | float
) -> tuple[Array, SmoothCourt]:
    """The points paid by a ball that meets a paddle, and the ball that comes back."""
    live = court.timer == 0
    player = live & (court.vx > 0) & (court.x >= PLAYER_PLANE)
    enemy = live & (court.vx < 0) & (court.x <= ENEMY_PLANE)
    contact = player | enemy
    height = court.y - jnp.where(player, court.player, court.enemy)
    degree = jnp.where(
        player,
        returned(height - PLAYER_MIDDLE, PLAYER_HALF, temperature),
        returned(height - ENEMY_MIDDLE, ENEMY_HALF, temperature),
    )
    degree = jnp.where(contact, degree, 1)
    missed = court.alive * (1 - degree)
    deflected = MAX_VY * jnp.tanh((height - DEFLECTION_MIDDLE) / PLAYER_HALF)
    return jnp.where(player, -missed, missed), court._replace(
        vx=jnp.where(contact, -court.vx, court.vx),
        vy=jnp.where(contact, deflected, court.vy),
        alive=court.alive * degree,
    )


def _move_ball(court: SmoothCourt) -> SmoothCourt:
    """The ball one frame on, mirrored at the walls; it rests before the serve."""
    moves = court.timer == 0
    x, y = court.x + court.vx, court.y + court.vy
    top, bottom = moves & (y < TOP_WALL), moves & (y > BOTTOM_WALL)
    y = jnp.where(top, 2 * TOP_WALL - y, jnp.where(bottom, 2 * BOTTOM_WALL - y, y))
    return court._replace(
        x=jnp.where(moves, x, court.x),
        y=jnp.where(moves, y, court.y),
        vy=jnp.where(top | bottom, -court.vy, court.vy),
    )
