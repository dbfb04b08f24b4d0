"""Situations of the smooth Pong, among them those of an exact court."""

import jax.numpy as jnp

from pgvq.envs.smooth_pong.environment import SmoothPongState
from pgvq.envs.smooth_pong.rules import KNOB_CENTRE, PIXELS_PER_OHM, SmoothCourt
from tests.helpers.ale_replay import court


def smooth(exact) -> SmoothCourt:
    """The smooth game in the situation of an exact one, a ball in play or not."""
    c = {name: float(number) for name, number in exact._asdict().items()}
    centre = 408_823
    return SmoothCourt(
        **{
            name: jnp.asarray(number, float)
            for name, number in {
                "knob": KNOB_CENTRE + PIXELS_PER_OHM * (c["resistance"] - centre),
                **{name: c[name] for name in ("target", "player", "enemy", "x", "y")},
                "vx": -c["vx"],
                "vy": c["vy"],
                "timer": c["timer"],
                "alive": 1.0,
            }.items()
        }
    )


def state_of(time: int = 0, **numbers: float) -> SmoothPongState:
    """A state with a ball in the middle, flying to the agent, some numbers given."""
    plain = smooth(court(vx=-1))._asdict() | numbers
    fields = {name: jnp.asarray(number, float) for name, number in plain.items()}
    return SmoothPongState(time=jnp.int32(time), court=SmoothCourt(**fields))
