"""Environments that break the contract in one place, generated."""

import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces


@struct.dataclass
class State:
    place: Any
    time: Any


@struct.dataclass
class Params:
    max_steps_in_episode: int = 5


@dataclasses.dataclass(frozen=True)
class Right(environment.Environment):
    """Nothing is wrong with it."""

    @property
    def default_params(self):
        return Params()

    @property
    def num_actions(self):
        return 2

    def action_space(self, params):
        return spaces.Discrete(2)

    def observation_space(self, params):
        return spaces.Box(0.0, 10.0, (2,), jnp.float32)

    def reset_env(self, key, params):
        state = State(jnp.float32(0), jnp.int32(0))
        return jnp.stack([state.place, state.place]), state

    def step_env(self, key, state, action, params):
        after = State((state.place + action) % 4, state.time + 1)
        obs = jnp.stack([after.place, after.place])
        return obs, after, jnp.float32(1), after.place > 2, {}


def _raises(*_: Any) -> Any:
    raise KeyError("not here")


# What becomes of a value that `step_env` or `reset_env` returns.
TURNS = {
    "None": lambda x: None,
    "a text": lambda x: "x",
    "a Python float": lambda x: 1.0,
    "a Python int": lambda x: 1,
    "a Python bool": lambda x: True,
    "a list": lambda x: [x],
    "a tuple": lambda x: (x, x),
    "an empty tuple": lambda x: (),
    "a dict": lambda x: {"a": x},
    "an object": lambda x: object(),
    "a function": lambda x: len,
    "NumPy zeros": lambda x: np.zeros(3),
    "NumPy text": lambda x: np.array("x"),
    "float16": lambda x: jnp.ones(2, jnp.float16),
    "uint32": lambda x: jnp.ones((), jnp.uint32),
    "complex": lambda x: jnp.ones((), jnp.complex64),
    "NaN": lambda x: jnp.float32(jnp.nan),
    "a large array": lambda x: jnp.ones((3, 4, 5)),
    "an empty array": lambda x: jnp.ones((0,)),
    "an error": _raises,
    "a class": lambda x: State,
    "a set": lambda x: {1},
}
PARTS = ("obs", "state", "reward", "terminated", "info")
WRONG_SPACES = [None, 5, "x", spaces.Discrete, spaces.Discrete(0),
                spaces.Discrete(10**9), object(), spaces.Box(0, 1, ()), (), {},
                spaces.Box(1.0, 0.0, (2,)), spaces.Box(0, 1, (0,)),
                np.zeros(2)]  # fmt: skip
WRONG_NUMBERS = [
    None,
    0,
    -1,
    1,
    3,
    2.0,
    "2",
    True,
    10**30,
    (),
    np.int64(2),
    jnp.int32(2),
]
WRONG_PARAMS = [None, 5, "x", {}, (), object(), State(1, 2),
                {"max_steps_in_episode": 5},
                Params("x"), Params(None), Params(-1), Params(0), Params(jnp.arange(3)),
                Params(float("nan")), Params(10**30)]  # fmt: skip


def _stepping(number: int, turn: Any) -> type:
    class Stepping(Right):
        def step_env(self, key, state, action, params):
            given = list(super().step_env(key, state, action, params))
            given[number] = turn(given[number])
            return tuple(given)

    return Stepping


def _resetting(number: int, turn: Any) -> type:
    class Resetting(Right):
        def reset_env(self, key, params):
            given = list(super().reset_env(key, params))
            given[number] = turn(given[number])
            return tuple(given)

    return Resetting


def _returning(method: str, turn: Any) -> type:
    def whole(self: Any, *given: Any) -> Any:
        return turn(getattr(Right, method)(self, *given))

    return type("Returning", (Right,), {method: whole})


def _having(name: str, value: Any, is_property: bool) -> type:
    held = property(lambda self: value) if is_property else lambda self, params: value
    return type("Having", (Right,), {name: held})


def faulty(draw: random.Random) -> Iterator[tuple[str, type]]:
    """Classes with a fault each, and what it is; some turns do no harm."""
    for said in draw.sample(list(TURNS), 12):
        for number, part in enumerate(PARTS):
            yield f"step_env's {part} is {said}", _stepping(number, TURNS[said])
        for number, part in enumerate(PARTS[:2]):
            yield f"reset_env's {part} is {said}", _resetting(number, TURNS[said])
        for method in ("step_env", "reset_env"):
            yield f"{method} returns {said}", _returning(method, TURNS[said])
    for space in WRONG_SPACES:
        for name in ("action_space", "observation_space"):
            yield f"{name} is {str(space)[:60]}", _having(name, space, False)
    for number in WRONG_NUMBERS:
        yield f"num_actions is {number!r}", _having("num_actions", number, True)
    for params in WRONG_PARAMS:
        yield f"default_params is {params!r}", _having("default_params", params, True)
