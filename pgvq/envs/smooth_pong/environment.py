"""Pong that is differentiable in its actions, as a gymnax environment.

The rules are in `smooth_pong_rules`: the exact game's court and speeds, with contacts
that are soft to a temperature. Backpropagation through the environment (Freeman et al.
2021, Brax; Xu et al. 2022, SHAC) has something to differentiate here, where the exact
game in integers has nothing.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.checks import as_float, check_choice, check_flag, check_integer, settle, shown
from pgvq.envs.pong.features import MOTION
from pgvq.envs.pong.frame_skip import check_frame_skip
from pgvq.envs.smooth_pong.rules import SmoothCourt, advance, is_over, observe, serve
from pgvq.types import InputError, Key

ACTIONS = ("speed", "buttons")


@struct.dataclass
class SmoothPongParams(environment.EnvParams):
    """What may change, and be swept, without compiling anew."""

    max_steps_in_episode: int = 200  # cap on a point, agent steps
    temperature: float = 2.0  # of the contacts, pixels


@struct.dataclass
class SmoothPongState(environment.EnvState):
    """One point."""

    time: Array  # [] int32, agent steps taken in it  # pyright: ignore[reportIncompatibleVariableOverride]
    court: SmoothCourt


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmoothPong(environment.Environment[SmoothPongState, SmoothPongParams]):
    """The agent plays one point at the right paddle; the paddle's speed is continuous.

    The return of an episode is the probability of winning the point less that of losing
    it (`smooth_pong_rules` says what is random about it: nothing but the serve).

    actions: "speed", a number in [-1, 1]: -1 moves the paddle up at the exact game's
        speed, +1 down. "buttons": 0 stay, 1 up, 2 down, as the exact game with
        `num_actions=3`, for algorithms that choose.
    frame_skip: frames per agent step. Rewards add up.
    temperature: of contacts and the knob's stops. A ball that many pixels inside the
        paddle's end is returned to 73 %, one that many outside to 27 %. 0 is the exact
        game's hard contact.
    max_agent_steps: cap on a point, agent steps; a rally takes 60 from hit to hit.
    transition_gradients: whether `step` lets gradients into the next state and
        observation; `with_transition_gradients()` turns it on.

    Observations are the exact game's `observation="motion"`, 13 numbers.

    Raises `InputError` where these cannot work. The object is hashed and compared by
    its configuration, so it can be a static argument of a jitted function.
    """

    actions: str = "speed"
    frame_skip: int = 4
    temperature: float = 2.0
    max_agent_steps: int = 200
    transition_gradients: bool = False

    def __post_init__(self) -> None:
        temperature = as_float(self.temperature)
        if temperature is None or not 0 <= temperature < math.inf:
            raise InputError(
                f"temperature={shown(self.temperature)} is no temperature of a "
                "contact: give pixels, such as 2.0, or 0 for a hard contact"
            )
        settle(
            self,
            actions=check_choice("actions", self.actions, ACTIONS),
            frame_skip=check_frame_skip(self.frame_skip),
            temperature=temperature,
            max_agent_steps=check_integer("max_agent_steps", self.max_agent_steps, 1),
            transition_gradients=check_flag(
                "transition_gradients", self.transition_gradients
            ),
        )
        if self.transition_gradients and not self.supports_transition_gradients:
            raise InputError(
                "transition_gradients=True needs an action that can be varied a "
                'little, and buttons cannot: use actions="speed"'
            )

    def replace(self, **changes: Any) -> "SmoothPong":
        """The same with other settings; `InputError` for an unknown one."""
        for name in changes:
            check_choice("setting of SmoothPong", name, list(self.__dataclass_fields__))
        return dataclasses.replace(self, **changes)

    @property
    def supports_transition_gradients(self) -> bool:
        """Whether there is a gradient to take: with speeds, not with buttons."""
        return self.actions == "speed"

    @property
    def transition_gradients_enabled(self) -> bool:
        """Whether gradients pass into the next state and observation."""
        return self.transition_gradients

    def with_transition_gradients(self) -> "SmoothPong":
        """The same with `transition_gradients`.

        A field and no hidden attribute, as in gymnax, for `step` is compiled once for
        all environments that compare equal.
        """
        return self.replace(transition_gradients=True)

    @property
    def default_params(self) -> SmoothPongParams:
        """The parameters that the settings mean."""
        return SmoothPongParams(
            max_steps_in_episode=self.max_agent_steps, temperature=self.temperature
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the observation's entries."""
        return MOTION

    def reset_env(
        self, key: Key, params: SmoothPongParams
    ) -> tuple[Array, SmoothPongState]:
        """The start of a point: observation [13] and state. Consumes `key`."""
        court = serve(key)
        return observe(court), SmoothPongState(time=jnp.int32(0), court=court)

    def step_env(
        self,
        key: Key,
        state: SmoothPongState,
        action: int | float | Array,
        params: SmoothPongParams,
    ) -> tuple[Array, SmoothPongState, Array, Array, dict[Any, Any]]:
        """One agent step before any automatic reset; `key` is not used.

        Returns observation [13], state, reward (points), terminated, info. A speed
        out of range acts as the nearest valid one, and so does a button.
        """
        action = jnp.asarray(action)
        speed = as_speed(action) if self.actions == "buttons" else action
        speed = jnp.clip(speed, -1, 1)

        def frame(court: SmoothCourt, _: None) -> tuple[SmoothCourt, Array]:
            return advance(court, speed, params.temperature)

        court, rewards = jax.lax.scan(frame, state.court, length=self.frame_skip)
        state = SmoothPongState(time=state.time + 1, court=court)
        terminated = is_over(court)
        obs, state = self._apply_transition_gradient_policy(observe(court), state)
        return obs, state, rewards.sum(), terminated, {}

    def is_terminated(self, state: SmoothPongState, params: SmoothPongParams) -> Array:
        """Whether the point is over."""
        return is_over(state.court)

    @property
    def num_actions(self) -> int:
        """3 buttons, or one speed."""
        return 3 if self.actions == "buttons" else 1

    def action_space(
        self, params: SmoothPongParams | None = None
    ) -> spaces.Box | spaces.Discrete:
        """A speed in [-1, 1], or the three buttons."""
        if self.actions == "buttons":
            return spaces.Discrete(3)
        return spaces.Box(-1.0, 1.0, (), jnp.float32)

    def observation_space(self, params: SmoothPongParams | None = None) -> spaces.Box:
        """Shape and bounds of the observation."""
        return spaces.Box(-1.25, 1.25, (len(MOTION),), jnp.float32)


def as_speed(button: Array) -> Array:
    """The paddle's speed [...] float for buttons [...]: 0 stay, 1 up, 2 down."""
    button = jnp.clip(button, 0, 2)
    return jnp.where(button == 0, 0.0, jnp.where(button == 1, -1.0, 1.0))


def as_button(speed: Array, dead_band: float = 0.5) -> Array:
    """The button [...] int32 for speeds [...]: 0 within the dead band, 1 up, 2 down.

    So a policy of speeds plays the exact game, `Pong(num_actions=3,
    observation="motion")`.
    """
    up, down = speed < -dead_band, speed > dead_band
    return jnp.where(up, 1, jnp.where(down, 2, 0)).astype(jnp.int32)
