"""The two smallest games in which a network that plays cannot be backpropagated.

In `LeftOrRight` the action is sampled from two; in `Threshold` it is a number, and the
reward jumps. Both are over after a single agent step, so that nothing but the missing
derivative is left of what makes Pong hard.
"""

import abc
import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.checks import as_float, check_action, settle, shown
from pgvq.envs.discrete import num_states, state_index
from pgvq.types import InputError, Key

LEFT, RIGHT = 0, 1
THRESHOLD = 0.5  # in Threshold: actions above it win

Reset = tuple[Array, "ChoiceState"]
Step = tuple[Array, "ChoiceState", Array, Array, dict[Any, Any]]


@struct.dataclass
class ChoiceState(environment.EnvState):
    """Whether the choice has been made."""

    time: Array  # [] int32, agent steps taken: 0 or 1  # pyright: ignore[reportIncompatibleVariableOverride]


class Choice(environment.Environment[ChoiceState, environment.EnvParams], abc.ABC):
    """One state, seen as `[1]` float32 that is always 1; one agent step, then the end.

    The reward depends on the action alone and is not detached: where it has a
    derivative with respect to the action, autodiff finds it.
    """

    @abc.abstractmethod
    def reward(self, action: Any) -> Array:
        """What actions `[...]` earn, `[...]` float32."""

    @property
    def default_params(self) -> environment.EnvParams:
        """A clock that never cuts an episode: it ends by itself before."""
        return environment.EnvParams(max_steps_in_episode=2)

    def reset_env(self, key: Key, params: environment.EnvParams) -> Reset:
        """Start an episode; draws nothing from `key`."""
        state = ChoiceState(time=jnp.int32(0))
        return self.observe(key, state, None, params), state

    def step_env(
        self,
        key: Key,
        state: ChoiceState,
        action: int | float | Array,
        params: environment.EnvParams,
    ) -> Step:
        """The one agent step; draws nothing from `key`."""
        after = ChoiceState(time=state.time + 1)
        obs = self.observe(key, after, action, params)
        return obs, after, self.reward(action), jnp.bool_(True), {}

    def observe(
        self,
        key: Key,
        state: ChoiceState,
        action: int | float | Array | None,
        params: environment.EnvParams,
    ) -> Array:
        """The only observation there is; draws nothing from `key`."""
        del key, state, action, params
        return jnp.ones(1)

    def observation_space(
        self, params: environment.EnvParams | None = None
    ) -> spaces.Box:
        """A single number, 1."""
        return spaces.Box(1, 1, (1,), jnp.float32)


@dataclasses.dataclass(frozen=True)
class LeftOrRight(Choice):
    """Left (action 0) earns +1, right (action 1) earns -1.

    An action that is no integer is an `InputError`, as one out of range is wherever
    values are known; under `jit` everything but 0 is right.
    """

    @property
    def num_actions(self) -> int:
        """Left and right."""
        return 2

    def reward(self, action: Any) -> Array:
        """+1 for left, -1 for right: `[...]` integers to `[...]` float32."""
        return jnp.where(check_action(action, self.num_actions) == LEFT, 1.0, -1.0)

    def action_space(
        self, params: environment.EnvParams | None = None
    ) -> spaces.Discrete:
        """Left and right."""
        return spaces.Discrete(self.num_actions)


@dataclasses.dataclass(frozen=True)
class Threshold(Choice):
    """The action is a number a in [0, 1]: +1 where a > 1/2, else -1, less `cost * a`.

    temperature: 0 for the game itself. Above, its reward is smoothed into
        2 σ((a - 1/2) / temperature) - 1 with the logistic function σ, which has a
        derivative, and is another game.
    cost: of a unit of a, >= 0.

    An action outside of [0, 1] acts as the nearest in it.
    Raises `InputError` where a field is negative or not finite.
    """

    temperature: float = 0.0
    cost: float = 0.0

    def __post_init__(self) -> None:
        for name in ("temperature", "cost"):
            value = as_float(getattr(self, name))
            if value is None or not 0 <= value < math.inf:
                raise InputError(
                    f"{name}={shown(getattr(self, name))} has no meaning below 0 or "
                    "without bound: use 0 for the game itself, or a number such as 0.1"
                )
            settle(self, **{name: value})

    @property
    def num_actions(self) -> int:
        """Numbers in an action: one."""
        return 1

    def reward(self, action: Any) -> Array:
        """Of actions `[...]` float to `[...]` float32."""
        action = jnp.clip(jnp.asarray(action, jnp.float32), 0.0, 1.0)
        return won(action, self.temperature) - self.cost * action

    def action_space(self, params: environment.EnvParams | None = None) -> spaces.Box:
        """The interval from 0 to 1."""
        return spaces.Box(0, 1, (), jnp.float32)


def won(action: Array, temperature: float | Array) -> Array:
    """`sign(a - 1/2)` with -1 at 1/2, or at a temperature `2 σ((a - 1/2) / t) - 1`.

    Args:
        action: `[...]` a.
        temperature: `[...]`, >= 0; may be traced.

    Returns:
        `[...]`, with a derivative in `action` that is zero where the temperature is.
    """
    margin = action - THRESHOLD
    smooth = jnp.asarray(temperature) > 0
    # Where it is not used, the smooth branch must not divide by zero either.
    scaled = margin / jnp.where(smooth, temperature, 1.0)
    hard = jnp.where(margin > 0, 1.0, -1.0)
    return jnp.where(smooth, 2 * jax.nn.sigmoid(scaled) - 1, hard)


@num_states.register
def _(env: Choice) -> int:
    return 1


@state_index.register
def _(env: Choice, obs: Array) -> Array:
    """Of the one state, 0."""
    return jnp.zeros(obs.shape[:-1], jnp.int32)
