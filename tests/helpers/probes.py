"""Tiny environments whose values are known exactly, one question each.

A learner that misses a value of these by more than a hundredth has a wrong target, a
wrong gradient or a wrong transition; games are too noisy to show that.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.envs import num_states, state_index
from pgvq.types import Key


@struct.dataclass
class State:
    """Where a probe stands."""

    label: Array  # [] float32: drawn at the reset, kept to the episode's end
    time: Array  # [] int32: agent steps since the reset


@struct.dataclass
class Params:
    """`max_steps_in_episode` is the clock: it truncates."""

    max_steps_in_episode: int = 1_000


class Probe(environment.Environment):
    """Two actions, observation `[label, time]`; members say what is paid and ends."""

    length = 1  # agent steps after which the episode terminates; 0 means never
    clock = 1_000

    # Two of a kind are equal, so that what is made of them shares compiled programs.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @property
    def default_params(self) -> Params:
        return Params(max_steps_in_episode=self.clock)

    @property
    def num_actions(self) -> int:
        return 2

    def action_space(self, params: Params) -> spaces.Discrete | spaces.Box:
        return spaces.Discrete(2)

    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.Box(-1e6, 1e6, (2,), jnp.float32)

    def label(self, key: Key) -> Array:
        """The label of a new episode."""
        return jnp.float32(0)

    def reward(self, state: State, action: Array) -> Array:
        """What `action` earns in `state`."""
        return jnp.float32(1)

    def observe(self, key: Any, state: State, action: Any, params: Any) -> Array:
        return jnp.stack([state.label, state.time.astype(jnp.float32)])

    def reset_env(self, key: Key, params: Params) -> tuple[Array, State]:
        state = State(self.label(key), jnp.int32(0))
        return self.observe(None, state, None, params), state

    def step_env(self, key: Key, state: State, action: Array, params: Params) -> Any:
        after = State(state.label, state.time + 1)
        obs = self.observe(None, after, None, params)
        reward = self.reward(state, action)
        terminated = self.terminates(after)
        return obs, after, reward, terminated, {}

    def terminates(self, state: State) -> Array:
        """Whether the step into `state` ended the episode for good."""
        return (state.time >= self.length) & (self.length > 0)


class OneStep(Probe):
    """One agent step, reward 1: the value is 1 whatever the discount."""

    def observe(self, key: Any, state: State, action: Any, params: Any) -> Array:
        return jnp.ones(2)


class Clock(Probe):
    """Reward 1 for ever, seen as one constant state; the clock cuts every two steps.

    With bootstrapping at the cut the value is `1 / (1 - discount)`. An algorithm that
    takes the cut for an end finds less.
    """

    length, clock = 0, 2

    def observe(self, key: Any, state: State, action: Any, params: Any) -> Array:
        return jnp.ones(2)


class Delayed(Probe):
    """A label of +1 or -1 is seen at once and paid at the second and last step.

    The value is `discount * label` at time 0 and `label` at time 1.
    """

    length = 2

    def label(self, key: Key) -> Array:
        return jax.random.rademacher(key, (), dtype=jnp.float32)

    def reward(self, state: State, action: Array) -> Array:
        return jnp.where(state.time == 1, state.label, 0.0)


class Match(Probe):
    """One agent step; 1 for action 1 at label +1 and action 0 at -1, else 0."""

    def label(self, key: Key) -> Array:
        return jax.random.rademacher(key, (), dtype=jnp.float32)

    def reward(self, state: State, action: Array) -> Array:
        return ((state.label > 0) == (action == 1)).astype(jnp.float32)


class Recall(Probe):
    """A label of +1 or -1 is seen at time 0 alone and asked for at time 2, for 1 point.

    Who does not remember it answers half of them right.
    """

    length = 3

    def label(self, key: Key) -> Array:
        return jax.random.rademacher(key, (), dtype=jnp.float32)

    def observe(self, key: Any, state: State, action: Any, params: Any) -> Array:
        shown = jnp.where(state.time == 0, state.label, 0.0)
        return jnp.stack([shown, state.time.astype(jnp.float32)])

    def reward(self, state: State, action: Array) -> Array:
        right = (state.label > 0) == (action == 1)
        return (right & (state.time == 2)).astype(jnp.float32)


class Numbered(Probe):
    """Every reset draws a new number, and the observation is `[number / 2**14, time]`.

    So the true next observation carries the same number at `time + 1`, and a reset
    observation another number at time 0. Even numbers terminate after three agent
    steps, odd ones are truncated after five.
    """

    clock = 5

    def label(self, key: Key) -> Array:
        return jax.random.randint(key, (), 0, 2**14).astype(jnp.float32)

    def observe(self, key: Any, state: State, action: Any, params: Any) -> Array:
        # Small numbers for the networks; a power of two, so that nothing is rounded.
        return jnp.stack([state.label / 2**14, state.time.astype(jnp.float32)])

    def reward(self, state: State, action: Array) -> Array:
        return action.astype(jnp.float32)

    def terminates(self, state: State) -> Array:
        return (state.time >= 3) & (state.label % 2 == 0)


class Steered(Numbered):
    """The same with a continuous action, paid as it is, that gradients pass through."""

    _supports_transition_gradients = True

    @property
    def num_actions(self) -> int:
        return 1

    def action_space(self, params: Params) -> spaces.Box:
        return spaces.Box(-1.0, 1.0, (), jnp.float32)


class Rally(Probe):
    """Never ends and never stops paying: only a cap can finish it."""

    length, clock = 0, 1_000_000_000


# For tabular methods: a state is the time since the reset and whether the number is
# even, which decides how the episode ends.
@num_states.register
def _(env: Numbered) -> int:
    return 12


@state_index.register
def _(env: Numbered, obs: Array) -> Array:
    number, time = obs[..., 0] * 2**14, obs[..., 1]
    return (2 * jnp.clip(time, 0, 5) + number % 2).astype(jnp.int32)
