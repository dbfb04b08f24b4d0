"""Environments: exact Atari Pong and everything discrete that gymnax offers.

`gymnax.make("Pong-Atari")` works once this package is imported. gymnax itself makes a
JAX array when it is imported, which starts JAX: whoever wants other devices, one per
core for example, must say so to JAX before this import.
"""

from difflib import get_close_matches
from typing import Any

import gymnax
from gymnax import registration
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from pgvq.envs.pong import Pong, PongParams
from pgvq.envs.pong_state import PongState
from pgvq.envs.vector import evaluation_env, forgets, vector_reset, vector_step
from pgvq.types import InputError

__all__ = [
    "Pong",
    "PongParams",
    "PongState",
    "evaluation_env",
    "forgets",
    "make",
    "vector_reset",
    "vector_step",
]

PONG_ID = "Pong-Atari"

if PONG_ID not in registration.registered_envs:
    registration.register(PONG_ID, Pong)


def make(name: str, **settings: Any) -> tuple[Environment, Any]:
    """A gymnax environment by its name, with its default parameters.

    Raises `InputError` where there is none of that name, where a setting is unknown,
    and where its actions are not discrete.
    """
    known = registration.registered_envs
    if name not in known:
        close = get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}?" if close else f"one of {known}"
        raise InputError(f"there is no environment named {name!r}: {hint}")
    try:
        env, params = gymnax.make(name, **settings)
    except TypeError as error:
        raise InputError(
            f"{name} does not take these settings ({error}): leave out or correct "
            f"{', '.join(settings)}"
        ) from error
    if not isinstance(env.action_space(params), spaces.Discrete):
        raise InputError(
            f"{name} has continuous actions and every algorithm here chooses among "
            "discrete ones: use CartPole-v1, Pong-Atari or another discrete one"
        )
    return env, params
