"""Random play of an environment, seen in several ways, for the checks to read.

The same actions and keys, compiled twice, alone and side by side, without compilation,
and with another clock.
"""

import contextlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.doctor.once import once
from pgvq.envs.contract import check_num_actions, shapes_of
from pgvq.envs.spaces import kind_of, space_of
from pgvq.envs.trying import FAST
from pgvq.types import InputError, Key, PyTree

GAMES, STEPS = 8, 160  # of random play, side by side
EAGER = 3  # agent steps without compilation, which are slow
RESETS = 64  # by keys of their own


class Play(NamedTuple):
    """Random play, as numpy arrays; keys in states as their data."""

    first: PyTree  # [G, *O] observation of the reset
    start: PyTree  # [G, ...] state of the reset
    obs: PyTree  # [T, G, *O] after each step, and an automatic reset if there was one
    state: PyTree  # [T, G, ...] the same
    reward: Any  # [T, G]
    terminated: Any  # [T, G]
    truncated: Any  # [T, G]
    final: PyTree  # [T, G, *O] info["final_observation"]

    @property
    def ended(self) -> np.ndarray:
        """[T, G] bool: the episode ended with this step."""
        return np.asarray(self.terminated | self.truncated)

    @property
    def before(self) -> PyTree:
        """[T, G, *O] observations before each step."""
        return jax.tree.map(
            lambda first, obs: np.concatenate([first[None], obs[:-1]]),
            self.first,
            self.obs,
        )


class Subject:
    """An environment and what was seen of it; nothing before it is asked for."""

    def __init__(self, env: Any, params: Any = None) -> None:
        self.env = env
        self.name = type(env).__name__
        self._given = params

    @once
    def fault(self) -> str:
        """What `reset` or `step` return that cannot be played; "" if all can."""
        try:
            hash(self.env)
            check_num_actions(self.name, self.env, self.params)
            shapes_of(self.env, self.params)
        except NotImplementedError:
            return (
                f"{self.name} does not define the property `default_params`; write it"
            )
        except (InputError, TypeError) as error:
            return str(error)
        return ""

    @once
    def params(self) -> Any:
        """Its parameters."""
        return self.env.default_params if self._given is None else self._given

    @once
    def space(self) -> Any:
        """Its observation space."""
        return space_of(self.env, "observation_space", self.params)

    @once
    def keys(self) -> tuple[Key, Key, Array]:
        """Of resets `[G]` and steps `[T, G]`, and random actions `[T, G, ...]`."""
        keys = jax.random.split(jax.random.key(0), 3)
        space = space_of(self.env, "action_space", self.params)
        draws = jax.random.split(keys[2], (STEPS, GAMES))

        def act(key: Key) -> Any:
            if kind_of(space) == "discrete":
                return jax.random.randint(key, (), 0, int(space.n))
            return space.sample(key)

        actions = jax.jit(jax.vmap(jax.vmap(act)))(draws)
        resets = jax.random.split(keys[0], GAMES)
        return resets, jax.random.split(keys[1], (STEPS, GAMES)), actions

    @once
    def together(self) -> Play:
        """All games side by side."""
        return self._run(self.params)

    @once
    def again(self) -> Play:
        """The same once more."""
        return self._run(self.params)

    @once
    def alone(self) -> Play:
        """The first game by itself, without `vmap`: axes `[]` and `[T]`."""
        reset, *steps = self.keys
        inputs = (reset[0], *jax.tree.map(lambda leaf: leaf[:, 0], steps))
        program = self._compiled(self._made(None), inputs)
        return Play(*_on_host(program(self.params, *inputs)))

    @once
    def eager(self) -> Play:
        """The first steps of the first game, without compilation."""
        return self._without_compilation()

    @once
    def eager_again(self) -> Play:
        """The same once more."""
        return self._without_compilation()

    def _without_compilation(self) -> Play:
        reset, step, actions = self.keys
        with jax.disable_jit():
            first, state = start = self.env.reset(reset[0], self.params)
            rows = []
            for at in range(EAGER):
                stepped = self.env.step(step[at, 0], state, actions[at, 0], self.params)
                state = stepped[1]
                rows.append(_row(stepped))
        stacked = jax.tree.map(lambda *leaf: np.stack(leaf), *map(_on_host, rows))
        return Play(_on_host(first), _on_host(start[1]), *stacked)

    def clocked(self, steps: int) -> Play | None:
        """All games with another clock; None where there is no clock to set."""
        if not hasattr(self.params, "max_steps_in_episode"):
            return None
        with contextlib.suppress(Exception):
            like = jnp.asarray(self.params.max_steps_in_episode)
            params = self.params.replace(
                max_steps_in_episode=jnp.asarray(steps, like.dtype)
            )
            return self._run(params)
        return None

    @once
    def resets(self) -> tuple[PyTree, PyTree]:
        """Observations and states of resets by keys of their own, `[R, ...]`."""
        keys = jax.random.split(jax.random.key(7), RESETS)
        reset = jax.jit(jax.vmap(self.env.reset, in_axes=(0, None)))
        obs, state = reset(keys, self.params)
        return _on_host(obs), _on_host(state)

    @once
    def _program(self) -> Any:
        return self._compiled(self._made(GAMES), self.keys)

    def _made(self, games: int | None) -> Any:
        """A program that plays `games` games, or one without an axis of games."""
        env = self.env

        def reset(key: Key, params: Any) -> Any:
            return env.reset(key, params)

        def step(key: Key, state: PyTree, action: Any, params: Any) -> Any:
            return env.step(key, state, action, params)

        if games is not None:
            reset = jax.vmap(reset, in_axes=(0, None))
            step = jax.vmap(step, in_axes=(0, 0, 0, None))

        def play(params: Any, reset_key: Key, keys: Key, actions: Any) -> Any:
            def one(state: PyTree, row: Any) -> tuple[PyTree, Any]:
                stepped = step(row[0], state, row[1], params)
                return stepped[1], _row(stepped)

            obs, state = reset(reset_key, params)
            return obs, state, *jax.lax.scan(one, state, (keys, actions))[1]

        return jax.jit(play)

    def _compiled(self, program: Any, inputs: tuple[Any, ...]) -> Any:
        # Parameters as arrays: another clock has the same program.
        params = jax.tree.map(jnp.asarray, self.params)
        return program.lower(params, *inputs).compile(compiler_options=FAST)

    def _run(self, params: Any) -> Play:
        return Play(*_on_host(self._program(params, *self.keys)))


def _row(stepped: Any) -> tuple[Any, ...]:
    obs, state, reward, terminated, truncated, info = stepped
    return obs, state, reward, terminated, truncated, info["final_observation"]


def _on_host(tree: PyTree) -> PyTree:
    """As numpy arrays, random keys as their data."""

    def plain(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return np.asarray(jax.random.key_data(leaf))
        return np.asarray(leaf)

    return jax.tree.map(plain, tree)
