"""Atari 2600 Pong as a gymnax environment, exact to the frame.

The rules are in `pong_rules`, what the agent sees in `pong_features`. Here is what ALE
and its users add: frame skip, sticky actions, no-op starts, the step cap, episodes.
"""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.checks import (
    as_int,
    check_action,
    check_choice,
    check_integer,
    check_probability,
    settle,
    shown,
)
from pgvq.envs.pong.features import OBSERVATIONS, Observation
from pgvq.envs.pong.frame_skip import check_frame_skip
from pgvq.envs.pong.rewards import REWARDS, Played, check_reward
from pgvq.envs.pong.rules import (
    FIRST_WAIT,
    MAX_POINTS,
    NOOP,
    Court,
    is_over,
    start_court,
)
from pgvq.envs.pong.state import PongState, pack, run_frames, unpack
from pgvq.types import InputError, Key, PyTree

EPISODES = ("point", "game")
MAX_FRAMES = 108_000  # half an hour of 60 frames a second, as ALE's users cut games
Stepped = tuple[Array, PyTree, Array, Array, Array, dict[Any, Any]]  # of gymnax's step


@struct.dataclass
class PongParams(environment.EnvParams):
    """What may change without compiling anew."""

    # Cap on a *game*, agent steps. Here for a frame skip of 4; `Pong.default_params`
    # has it for every other.
    max_steps_in_episode: int = MAX_FRAMES // 4


class _Step(NamedTuple):
    """One agent step before any automatic reset; axes [...]."""

    state: PongState
    court: Court  # the same, unpacked
    reward: Array  # float32
    scored: Array  # bool: a point ended in one of the frames
    over: Array  # bool: the game ended


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Pong(environment.Environment[PongState, PongParams]):
    """The agent plays the right paddle against the console.

    episode: what `terminated` ends. "game": a game to `points_to_win`. "point": one
        point; the game itself goes on, its state is reset at the game's end alone.
    reward: what is paid for in training, one of `REWARDS`; evaluations count points.
        "score": +1 for a point won, -1 for one lost. "hit": +1 for each return of the
        ball, and nothing for points. "game": at the game's end its score divided by
        `points_to_win`, -1..+1, and nothing before; needs episode="game".
    frame_skip: frames per agent step. Rewards add up; frames after the game's end
        are not run.
    repeat_action_probability: per frame, that the console repeats the action of the
        frame before instead of taking the new one ("sticky actions", Machado 2018).
    noop_max: a game starts after 0..noop_max frames, uniformly, of doing nothing.
        Gymnasium's Atari preprocessing draws from 1..noop_max, never none.
    points_to_win: of a game.
    num_actions: 6, ALE's minimal set: nothing, FIRE, up, down, up and FIRE, down and
        FIRE (FIRE held at a contact speeds the ball up). 3: nothing, up, down.
    observation: one of `OBSERVATIONS`. "features": 18 numbers, all that the rules
        depend on. "motion": 13 of them, as `SmoothPong` shows them. "positions": 7 of
        them, where things are and not where they go, so that an agent needs memory.
        Four of the 18 cannot be read from a real Atari: `knob` and `player_pull`,
        because the knob's position is not in its memory, `last_move` and `last_fire`,
        because the action executed in the end is not reported. So an agent trained on
        "features" or "motion" cannot be moved to one as it is.
    max_agent_steps: default cap on a game, in agent steps; None is 108,000 frames,
        whatever the frame skip: 27,000 agent steps at 4.

    Raises `InputError` where these cannot work. The object is hashed and compared by
    its configuration, so it can be a static argument of a jitted function.

    Under `jit` an action out of range cannot be an error: it acts as the nearest
    valid one. Outside it is an `InputError`, as a dtype that is not integer always is.
    """

    episode: str = "game"
    reward: str = "score"
    frame_skip: int = 4
    repeat_action_probability: float = 0.25
    noop_max: int = 30
    points_to_win: int = MAX_POINTS
    num_actions: int = 6  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
    observation: str = "features"
    max_agent_steps: int | None = None

    def __post_init__(self) -> None:
        ends = "Atari's own game ends at 21 and counts no further"
        serve = f"the first serve comes {FIRST_WAIT} frames after a reset"
        starts = f"{serve}, and ALE's users start within 30"
        if as_int(self.num_actions) not in (3, 6):
            raise InputError(
                f"num_actions={shown(self.num_actions)} is not an action set of Pong: "
                "use 6 (ALE's minimal set) or 3 (without FIRE)"
            )
        settle(
            self,
            episode=check_choice("episode", self.episode, EPISODES),
            observation=check_choice(
                "observation", self.observation, tuple(OBSERVATIONS)
            ),
            frame_skip=check_frame_skip(self.frame_skip),
            max_agent_steps=self.max_agent_steps
            if self.max_agent_steps is None
            else check_integer("max_agent_steps", self.max_agent_steps, 1),
            points_to_win=check_integer(
                "points_to_win", self.points_to_win, 1, MAX_POINTS, ends
            ),
            noop_max=check_integer("noop_max", self.noop_max, 0, 30, starts),
            repeat_action_probability=check_probability(
                "repeat_action_probability", self.repeat_action_probability
            ),
            num_actions=as_int(self.num_actions),
        )
        reward = check_reward(self.reward, self.episode, self.frame_skip)
        settle(self, reward=reward)

    def __repr__(self) -> str:
        """Only what differs from the defaults."""
        changed = (
            f"{f.name}={getattr(self, f.name)!r}"
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != f.default
        )
        return f"Pong({', '.join(changed)})"

    def replace(self, **changes: Any) -> "Pong":
        """The same with other settings; `InputError` for an unknown one."""
        for name in changes:
            check_choice("setting of Pong", name, list(self.__dataclass_fields__))
        return dataclasses.replace(self, **changes)

    @property
    def default_params(self) -> PongParams:
        """The parameters that are no part of the configuration."""
        return PongParams(max_steps_in_episode=self.cap)

    @property
    def cap(self) -> int:
        """Agent steps after which a game is cut off by default."""
        if self.max_agent_steps is not None:
            return self.max_agent_steps
        return max(1, MAX_FRAMES // self.frame_skip)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the observation's entries, () where they have none."""
        return self._view.names

    def reset(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, key: Key, params: PongParams | None = None, shape: tuple[int, ...] = ()
    ) -> tuple[Array, PongState]:
        """Start a game, or many with axes `shape`: observation [*O] and state.

        Consumes `key` by one draw.
        """
        del params
        return _jitted_reset(self, key, shape)

    def reset_env(self, key: Key, params: PongParams) -> tuple[Array, PongState]:
        """As `reset`; gymnax's hook."""
        return self.reset(key, params)

    def step(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
        key: Key,
        state: PongState,
        action: int | float | Array,
        params: PongParams | None = None,
    ) -> Stepped:
        """One agent step, with an automatic reset at the game's end or cap.

        Returns observation [*O], state, reward (float32, by `reward`), terminated,
        truncated, info. `info["final_observation"]` is what the agent saw before
        any reset, `info["score"]` the game's own (the agent's points less the
        opponent's) at that time, `info["game_over"]` whether a side has won.
        `terminated` and `truncated` may both be true. Consumes `key`: with leading
        axes on `state` and `action` one draw serves the whole batch.
        """
        action = check_action(action, self.num_actions)
        return _jitted_step(self, key, state, action, params or self.default_params)

    def step_env(
        self,
        key: Key,
        state: PongState,
        action: int | float | Array,
        params: PongParams,
    ) -> tuple[Array, PongState, Array, Array, dict[Any, Any]]:
        """One agent step without the automatic reset; gymnax's hook."""
        del params
        bits = jax.random.bits(key, (), jnp.uint32)
        stepped = self._advance(bits, state, check_action(action, self.num_actions))
        obs, terminated = self._view.observe(stepped.court), self._terminates(stepped)
        return obs, stepped.state, stepped.reward, terminated, _info(stepped)

    def observe(
        self,
        key: Key,
        state: PongState,
        action: int | float | Array | None,
        params: PongParams,
    ) -> Array:
        """What the agent sees of a state; draws nothing from `key`."""
        del key, action, params
        return self._view.observe(state.court)

    def is_terminated(self, state: PongState, params: PongParams) -> Array:
        """Whether the game is over. A point is an event of a step, not of a state."""
        del params
        return is_over(state.court, self.points_to_win)

    def action_space(self, params: PongParams | None = None) -> spaces.Discrete:
        """The `num_actions` actions."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: PongParams | None = None) -> spaces.Box:
        """Shape and bounds of the observation."""
        view = self._view
        return spaces.Box(view.low, view.high, view.shape, jnp.dtype(view.dtype))

    # What follows works for any common leading axes [...] of state, action and bits.

    @property
    def _view(self) -> Observation:
        return OBSERVATIONS[self.observation]

    def _start(self, bits: Array) -> PongState:
        """A game by the lower half of `bits` [...] uint32.

        It starts 0..noop_max frames after a reset, all equally likely to 0.05 %.
        """
        low = (bits & np.uint32(0xFFFF)).astype(jnp.int32)
        noops = (low * (self.noop_max + 1)) >> 16
        return PongState(time=jnp.zeros_like(noops), words=pack(start_court(noops)))

    def _step_from(
        self, bits: Array, state: PongState, action: Array, params: PongParams
    ) -> Stepped:
        """An agent step and the automatic reset, by 32 random `bits` [...].

        The upper half decides the sticky action, to 1/65536 (exactly at the usual
        0.25), the lower half the start of the next game.
        """
        stepped = self._advance(bits, state, action)
        truncated = self.is_truncated(stepped.state, params)
        terminated = self._terminates(stepped)
        resets = stepped.over | truncated
        next_state = jax.tree.map(
            lambda start, on: jnp.where(resets, start, on),
            self._start(bits),
            stepped.state,
        )
        obs = self._view.observe(next_state.court)
        info = _info(stepped) | {
            "terminated": terminated,
            "truncated": truncated,
            "final_observation": self._view.observe(stepped.court),
        }
        return obs, next_state, stepped.reward, terminated, truncated, info

    def _advance(self, bits: Array, state: PongState, action: Array) -> _Step:
        """The frames of one agent step by the upper half of `bits` [...]."""
        action = jnp.clip(action, 0, self.num_actions - 1).astype(jnp.int32)
        if self.num_actions == 3:
            action = jnp.where(action > 0, action + 1, NOOP)  # skips FIRE
        # Once the new action was taken, to repeat it changes nothing. So the old one
        # lasts a geometric number of frames and one draw decides.
        numbers = np.arange(1, self.frame_skip + 1)
        limits = np.rint(65536 * self.repeat_action_probability**numbers)
        words = run_frames(
            state.words,
            action,
            limits=jnp.asarray(limits, jnp.int32),
            draw=(bits >> np.uint32(16)).astype(jnp.int32),
            points_to_win=self.points_to_win,
        )
        before, court = state.court, unpack(words)
        state = PongState(time=state.time + 1, words=words)
        won = court.player_score - before.player_score
        lost = court.enemy_score - before.enemy_score
        played = Played(before, court, won, lost)
        reward = REWARDS[self.reward](played, self.points_to_win)
        over = is_over(court, self.points_to_win)
        return _Step(state, court, reward, won + lost > 0, over)

    def _terminates(self, stepped: _Step) -> Array:
        return stepped.scored if self.episode == "point" else stepped.over


def _info(stepped: _Step) -> dict[Any, Any]:
    score = stepped.court.player_score - stepped.court.enemy_score
    return {"score": score, "game_over": stepped.over}


@partial(jax.jit, static_argnames="env")
def _jitted_step(
    env: Pong, key: Key, state: PongState, action: Array, params: PongParams
) -> Stepped:
    bits = jax.random.bits(key, jnp.shape(action), jnp.uint32)
    return env._step_from(bits, state, action, params)


@partial(jax.jit, static_argnames=("env", "shape"))
def _jitted_reset(
    env: Pong, key: Key, shape: tuple[int, ...]
) -> tuple[Array, PongState]:
    state = env._start(jax.random.bits(key, shape, jnp.uint32))
    return env._view.observe(state.court), state
