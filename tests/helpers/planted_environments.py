"""A healthy environment, and others with one fault each that a check has to see."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces

from pgvq.envs import num_states, state_index


@struct.dataclass
class State:
    place: Any
    begun: Any
    time: Any


@struct.dataclass
class Params:
    max_steps_in_episode: int = 12


@dataclasses.dataclass(frozen=True)
class Walk(environment.Environment):
    """From a place of 0 to 2 to place 4, a step at a time; 1 is paid there."""

    @property
    def default_params(self):
        return Params()

    @property
    def num_actions(self):
        return 2

    def action_space(self, params):
        return spaces.Discrete(2)

    def observation_space(self, params):
        return spaces.Box(0.0, 4.0, (2,), jnp.float32)

    def observe(self, key, state, action, params):
        return jnp.stack([state.place, 0 * state.place]).astype(jnp.float32)

    def start(self, key):
        return jax.random.randint(key, (), 0, 3)

    def reset_env(self, key, params):
        place = self.start(key)
        state = State(place, jnp.int32(1), jnp.int32(0))
        return self.observe(None, state, None, params), state

    def step_env(self, key, state, action, params):
        place = jnp.maximum(state.place + 2 * action - 1, 0)
        after = State(place, jnp.int32(0), state.time + 1)
        obs = self.observe(None, after, action, params)
        return obs, after, (place == 4).astype(jnp.float32), place == 4, {}


class FloatFlag(Walk):
    def step_env(self, key, state, action, params):
        obs, state, reward, over, info = super().step_env(key, state, action, params)
        return obs, state, reward, over.astype(jnp.float32), info


class OtherDtype(Walk):
    def observation_space(self, params):
        return spaces.Box(0, 4, (2,), jnp.int32)


class TooFar(Walk):
    def observation_space(self, params):
        return spaces.Box(0.0, 3.0, (2,), jnp.float32)


class PaysNaN(Walk):
    def step_env(self, key, state, action, params):
        obs, state, reward, *rest = super().step_env(key, state, action, params)
        return obs, state, reward / jnp.where(state.place == 3, 0.0, 1.0), *rest


class PythonDraws(Walk):
    def observe(self, key, state, action, params):
        noise = np.random.random()  # noqa: NPY002
        return super().observe(key, state, action, params) * noise


class ReadsNeighbours(Walk):
    """Its step is written for many games, and mixes them."""

    def step(self, key, state, action, params=None):
        stepped = super().step(key, state, action, params)
        return *stepped[:2], mixed(stepped[2] + state.place * 1.0), *stepped[3:]


@jax.custom_batching.custom_vmap
def mixed(reward):
    return reward


@mixed.def_vmap
def _(size, batched, reward):
    return jnp.full_like(reward, reward.mean()), batched[0]


class OtherWhenCompiled(Walk):
    def start(self, key):
        traced = isinstance(key, jax.core.Tracer)
        return super().start(key) if traced else jnp.int32(2) - super().start(key)


class FinalIsReset(Walk):
    def step(self, key, state, action, params=None):
        *stepped, info = super().step(key, state, action, params)
        return *stepped, info | {"final_observation": stepped[0]}


class FinalIsBefore(Walk):
    def step(self, key, state, action, params=None):
        *stepped, info = super().step(key, state, action, params)
        before = self.observe(None, state, None, params)
        return *stepped, info | {"final_observation": before}


class LeavesRemains(Walk):
    """After an end the clock goes on, and the state is not that of a reset."""

    def step(self, key, state, action, params=None):
        obs, after, reward, over, cut, info = super().step(key, state, action, params)
        after = after.replace(begun=jnp.where(over | cut, 0, after.begun))
        return obs, after, reward, over, cut, info


class ClockTerminates(Walk):
    def step_env(self, key, state, action, params):
        obs, state, reward, over, _ = super().step_env(key, state, action, params)
        return (
            obs,
            state,
            reward,
            over | (state.time >= params.max_steps_in_episode),
            {},
        )


class ClockIsLate(Walk):
    def is_truncated(self, state, params):
        return state.time > params.max_steps_in_episode


class TimeStands(Walk):
    def is_truncated(self, state, params):
        return state.time >= 2 * params.max_steps_in_episode

    def step_env(self, key, state, action, params):
        obs, after, *rest = super().step_env(key, state, action, params)
        return obs, after.replace(time=state.time + 2), *rest


class OwnKey(Walk):
    """An automatic reset begins alike each time."""

    def step(self, key, state, action, params=None):
        params = self.default_params if params is None else params
        obs, state, reward, over, info = self.step_env(key, state, action, params)
        cut = self.is_truncated(state, params)
        first, begun = self.reset_env(jax.random.key(3), params)
        info = info | {"final_observation": obs}
        obs, state = jax.tree.map(
            lambda a, b: jnp.where(over | cut, a, b), (first, begun), (obs, state)
        )
        return obs, state, reward, over, cut, info


class Registered(Walk):
    pass


class SharesNumbers(Walk):
    pass


class TooFewNumbers(Walk):
    pass


for kind, number, divisor in (
    (Registered, 5, 1), (SharesNumbers, 5, 2), (TooFewNumbers, 4, 1)
):  # fmt: skip
    num_states.register(kind, lambda env, number=number: number)
    state_index.register(
        kind,
        lambda env, obs, divisor=divisor: obs[..., 0].astype(jnp.int32) // divisor,
    )

# The check that sees a fault, and what it says.
FAULTS = {
    FloatFlag: ("contract", "`terminated` as float32"),
    OtherDtype: ("dtypes", "declares int32 and float32 is shown"),
    TooFar: (
        "bounds",
        "numbers from 0 to 4 where its observation_space goes from 0 to 3",
    ),
    PaysNaN: ("rewards", "random steps pay nan, the first after"),
    PythonDraws: ("determinism", "the same keys and actions give other numbers"),
    ReadsNeighbours: ("vmap", "has other numbers of the reward"),
    OtherWhenCompiled: ("jit", "other numbers of the reset's"),
    FinalIsReset: (
        "final observation",
        "is the observation of the reset that followed",
    ),
    FinalIsBefore: ("final observation", "is not the observation that step returns"),
    LeavesRemains: ("auto-reset", "the state.begun is 0 in"),
    ClockTerminates: ("clock", "is reported as `terminated`"),
    ClockIsLate: ("clock", "an episode goes on for 7 agent steps"),
    TimeStands: ("clock", "`time` does not go up by 1"),
    OwnKey: ("keys", "automatic resets in one"),
    SharesNumbers: ("states", "5 different observations have 3 different numbers"),
    TooFewNumbers: ("states", "state_index gives 0 to 4, and num_states says 4"),
}
