"""The environment that algorithms are examined on: any finite decision process.

Its tables are parameters, and so leaves: processes that ask different questions share
one compiled program.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.envs import num_states, state_index
from pgvq.types import Key

STATES, ACTIONS = 6, 2
NEVER = 2**30


@struct.dataclass
class Tables:
    """What a process does; `S` is its number of states here, `A` of actions."""

    start: Array  # [S] chance that an episode begins there
    follows: Array  # [S, A, S] chance of the state that follows
    reward: Array  # [S, A]
    ends: Array  # [S, A] bool: the step terminates the episode
    max_steps_in_episode: Array  # [] int32, the clock: it truncates
    clock_from: Array  # [] int32: before so many steps of the environment it stands
    clock_until: Array  # [] int32: and from here on again


@struct.dataclass
class Place:
    """Where a process stands, and what a reset does not forget."""

    where: Array  # [] int32, the state
    time: Array  # [] int32, agent steps since the reset
    drawn: Array  # [] float32, drawn at the reset
    count: Array  # [] int32, agent steps over all episodes
    trail: Array  # [] uint32, a hash of all actions so far


class Probe(environment.Environment):
    """A finite decision process whose states are seen one-hot, `[S]`."""

    # Two of them are equal, so that what is made of them shares compiled programs.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @property
    def default_params(self) -> Any:
        """A process of one state that never ends and pays nothing."""
        return Tables(
            start=jnp.zeros(STATES).at[0].set(1.0),
            follows=jnp.zeros((STATES, ACTIONS, STATES)).at[..., 0].set(1.0),
            reward=jnp.zeros((STATES, ACTIONS)),
            ends=jnp.zeros((STATES, ACTIONS), dtype=bool),
            max_steps_in_episode=jnp.int32(NEVER),
            clock_from=jnp.int32(0),
            clock_until=jnp.int32(NEVER),
        )

    @property
    def num_actions(self) -> int:
        return ACTIONS

    def action_space(self, params: Any) -> spaces.Discrete:
        return spaces.Discrete(ACTIONS)

    def observation_space(self, params: Any) -> spaces.Box:
        return spaces.Box(0.0, 1.0, (STATES,), jnp.float32)

    def observe(self, key: Any, state: Any, action: Any, params: Any) -> Array:
        return jax.nn.one_hot(state.where, STATES)

    def reset_env(self, key: Key, params: Any) -> tuple[Array, Any]:
        return self._begun(jax.random.uniform(key, (2,)), params)

    def step_env(self, key: Key, state: Any, action: Any, params: Any) -> Any:
        return self._moved(jax.random.uniform(key), state, action, params)

    def step(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, key: Key, state: Any, action: Any, params: Any = None
    ) -> Any:
        """What gymnax's `step` does, from one random draw, so that it compiles fast.

        The count and the trail go on over resets.
        """
        params = self.default_params if params is None else params
        drawn = jax.random.uniform(key, (3,))
        last, after, reward, terminated, info = self._moved(
            drawn[0], state, action, params
        )
        truncated = self.is_truncated(after, params)
        obs, begun = self._begun(drawn[1:], params)
        begun = begun.replace(count=after.count, trail=after.trail)
        over = terminated | truncated
        obs, after = jax.tree.map(
            lambda new, old: jnp.where(over, new, old), (obs, begun), (last, after)
        )
        info |= {"terminated": terminated, "truncated": truncated}
        info |= {"final_observation": last}
        return obs, after, reward, terminated, truncated, info

    def is_truncated(self, state: Any, params: Any) -> Array:
        runs = (state.count > params.clock_from) & (state.count <= params.clock_until)
        return runs & (state.time >= params.max_steps_in_episode)

    def _begun(self, drawn: Array, params: Any) -> tuple[Array, Any]:
        """An episode's beginning, by two numbers `[2]` in [0, 1)."""
        zero, no_actions = jnp.int32(0), jnp.uint32(0)
        where = pick(drawn[0], params.start)
        state = Place(where, zero, drawn[1], zero, no_actions)
        return self.observe(None, state, None, params), state

    def _moved(self, drawn: Array, state: Any, action: Any, params: Any) -> Any:
        """A step without what follows an end, by a number `[]` in [0, 1)."""
        here = (state.where, action)
        # Numbers to the base of three: no two short sequences of actions are equal.
        trail = state.trail * jnp.uint32(3) + jnp.asarray(action, jnp.uint32) + 1
        after = state.replace(
            where=pick(drawn, params.follows[here]),
            time=state.time + 1,
            count=state.count + 1,
            trail=trail,
        )
        obs = self.observe(None, after, None, params)
        return obs, after, params.reward[here], params.ends[here], {}


def pick(drawn: Array, chances: Array) -> Array:
    """The index of `chances [S]` that a number `[]` in [0, 1) falls to: `[]` int32."""
    above = drawn >= jnp.cumsum(chances)
    return jnp.minimum(jnp.sum(above), STATES - 1).astype(jnp.int32)


@num_states.register
def _(env: Probe) -> int:
    return STATES


@state_index.register
def _(env: Probe, obs: Array) -> Array:
    return jnp.argmax(obs, axis=-1).astype(jnp.int32)
