"""The numbers of observations: one each, for every observation that can be seen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces
from gymnax.environments.bsuite.catch import Catch
from gymnax.environments.bsuite.catch import EnvState as CatchState
from gymnax.environments.bsuite.deep_sea import DeepSea
from gymnax.environments.environment import Environment
from gymnax.environments.misc.frozen_lake import FrozenLake
from gymnax.environments.misc.rooms import EnvState as RoomsState
from gymnax.environments.misc.rooms import FourRooms

from pgvq.envs import make, num_states, random_mdp, state_index
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)


def grid(*sizes):
    """Every combination of 0..size - 1, one column for each size."""
    return jnp.asarray(list(np.ndindex(*sizes))).T


def catch_views(env):
    """Every picture of ball and paddle."""

    def view(y, x, paddle):
        state = CatchState(
            ball_x=x,
            ball_y=y,
            paddle_x=paddle,
            paddle_y=env.rows - 1,
            prev_done=False,
            time=0,
        )
        return env.get_obs(state)

    return jax.vmap(view)(*grid(env.rows, env.columns, env.columns))


def deep_sea_views(env):
    """Every cell, and the end."""
    _, state = env.reset(KEY)

    def view(row, column):
        return env.get_obs(state.replace(row=row, column=column))

    return jax.vmap(view)(*grid(env.size + 1, env.size))


def rooms_views(env):
    """Every free cell for the agent, with some goals and the usual one."""
    goals = jnp.concatenate([env.coords[::17], env.goal_fixed[None]])

    def view(agent, goal):
        state = RoomsState(pos=env.coords[agent], goal=goals[goal], time=0)
        return env.get_obs(state)

    return jax.vmap(view)(*grid(len(env.coords), len(goals)))


CASES = {
    "mdp": (random_mdp(num_states=5), lambda env: np.eye(5)),
    "catch": (Catch(rows=4, columns=3), catch_views),
    "deep_sea": (DeepSea(size=4), deep_sea_views),
    "four_rooms": (FourRooms(), rooms_views),
    "four_rooms_picture": (FourRooms(use_visual_obs=True), rooms_views),
    "frozen_lake": (FrozenLake(map_name="8x8"), lambda env: np.arange(64)),
}


@pytest.mark.parametrize("case", CASES)
def test_different_observations_have_different_numbers(case):
    env, views = CASES[case]
    seen = np.asarray(views(env))
    index = np.asarray(state_index(env, jnp.asarray(seen)))
    assert index.dtype == np.int32
    assert index.shape == seen.shape[:1]
    assert index.min() >= 0
    assert index.max() < num_states(env)
    flat = seen.reshape(len(seen), -1)
    pairs = np.unique(np.column_stack([flat, index]), axis=0)
    distinct = len(np.unique(flat, axis=0))
    assert len(pairs) == distinct  # one number for an observation
    assert len(np.unique(index)) == distinct  # one observation for a number


@pytest.mark.parametrize("case", ["mdp", "catch", "deep_sea"])
def test_every_observation_of_an_episode_is_one_of_these(case):
    env, views = CASES[case]
    known = {np.asarray(view, np.float32).tobytes() for view in views(env)}
    params = env.default_params

    def step(state, keys):
        action = jax.random.randint(keys[0], (), 0, env.num_actions)
        obs, state, *_, info = env.step(keys[1], state, action, params)
        return state, (obs, info["final_observation"])

    _, state = env.reset(KEY, params)
    _, seen = jax.lax.scan(step, state, jax.random.split(KEY, (60, 2)))
    for obs in np.concatenate([np.asarray(part, np.float32) for part in seen]):
        assert obs.tobytes() in known


@pytest.mark.parametrize("case", CASES)
def test_any_leading_axes_and_jit_give_the_same_numbers(case):
    env, views = CASES[case]
    seen = jnp.asarray(views(env)[:4])
    index = state_index(env, seen)
    boxed = jax.jit(lambda obs: state_index(env, obs))(
        seen.reshape(2, 2, *seen.shape[1:])
    )
    np.testing.assert_array_equal(boxed, index.reshape(2, 2))
    np.testing.assert_array_equal(state_index(env, seen[1]), index[1])


@pytest.mark.parametrize("name", ["CartPole-v1", "Pong-Atari", "MemoryChain-bsuite"])
def test_an_environment_without_few_observations_is_refused(name):
    env, params = make(name)
    obs, _ = env.reset(KEY, params)
    for refused in (lambda: num_states(env), lambda: state_index(env, obs)):
        with pytest.raises(InputError, match=type(env).__name__) as raised:
            refused()
        assert "register your own" in str(raised.value)


class Dial(Environment):
    """An environment of a user's own."""

    def observation_space(self, params):
        return spaces.Box(0, 1, (1,))


def test_ones_own_environment_joins_by_registering():
    @num_states.register
    def _(env: Dial) -> int:
        return 12

    @state_index.register
    def _(env: Dial, obs: jax.Array) -> jax.Array:
        return jnp.int32(12 * obs[..., 0])

    assert num_states(Dial()) == 12
    assert state_index(Dial(), jnp.array([[0.5], [0.75]])).tolist() == [6, 9]


def test_deep_sea_ends_after_as_many_steps_as_it_is_deep():
    """And ends for good: nothing may be bootstrapped beyond it."""
    env, params = make("DeepSea-bsuite", size=5)
    _, state = env.reset(KEY, params)
    ended = []
    for _ in range(5):
        _, state, _, terminated, _, info = env.step(KEY, state, 0, params)
        ended.append(bool(terminated))
    assert ended == [False] * 4 + [True]
    assert state_index(env, info["final_observation"]) == 25
