"""What stands around the rules: episodes, resets, sticky actions, batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.envs import Pong, PongState, evaluation_env, vector_reset, vector_step
from pgvq.envs.pong.features import Features
from pgvq.envs.pong.rules import LEFT, NOOP, RIGHT, start_court
from pgvq.envs.pong.state import pack
from tests.helpers.ale_replay import court

KEY = jax.random.key(0)
PLAIN = Pong(repeat_action_probability=0)


def state_of(time: int = 0, **numbers: int) -> PongState:
    return PongState(time=jnp.int32(time), words=pack(court(**numbers)))


def about_to_lose(**numbers: int) -> PongState:
    """Two frames before the agent loses a point."""
    return state_of(**({"x": 202, "y": 150, "vx": -3, "vy": 1} | numbers))


def numbers(state: PongState) -> dict[str, int]:
    return {name: int(number) for name, number in state.court._asdict().items()}


# Episodes


def test_a_point_ends_an_episode_of_one_point_and_the_game_goes_on():
    env = PLAIN.replace(episode="point")
    before = about_to_lose(enemy_score=3, time=50)
    obs, state, reward, terminated, truncated, info = env.step(KEY, before, RIGHT)
    assert (float(reward), bool(terminated), bool(truncated)) == (-1, True, False)
    after = numbers(state)
    assert (after["enemy_score"], int(state.time)) == (4, 51)
    assert after["timer"] == 61  # 63 at the point, and two frames more
    assert after["resistance"] == 408_823 - 4 * 23_000
    assert not info["game_over"]
    np.testing.assert_array_equal(obs, info["final_observation"])
    # The next serve flies as the ball flew that was lost.
    for _ in range(16):
        _, state, _, terminated, _, _ = env.step(KEY, state, NOOP)
        assert not terminated
    after = numbers(state)
    assert (after["timer"], after["vx"], after["vy"]) == (0, -1, 1)
    assert after["x"] > 128


def test_a_point_does_not_end_an_episode_of_one_game():
    _, state, reward, terminated, _, _ = PLAIN.step(KEY, about_to_lose(), NOOP)
    assert (float(reward), bool(terminated)) == (-1, False)
    assert int(state.court.enemy_score) == 1


@pytest.mark.parametrize("episode", ["point", "game"])
def test_the_last_point_ends_the_game_and_resets_it(episode):
    env = PLAIN.replace(episode=episode, noop_max=0)
    before = about_to_lose(enemy_score=20, player_score=7, time=900)
    obs, state, reward, terminated, truncated, info = env.step(KEY, before, NOOP)
    assert (float(reward), bool(terminated), bool(truncated)) == (-1, True, False)
    assert (int(info["score"]), bool(info["game_over"])) == (-14, True)
    assert int(state.time) == 0
    assert numbers(state) == {k: int(v) for k, v in start_court(0)._asdict().items()}
    names = list(env.feature_names)
    timer = names.index("serve_timer")
    assert info["final_observation"][timer] == 1  # 63 of 63: the frames after not run
    np.testing.assert_allclose(obs[timer], 59 / 63, rtol=1e-6)
    np.testing.assert_array_equal(obs, env.reset(KEY)[0])


def test_fewer_points_make_a_shorter_game():
    env = PLAIN.replace(points_to_win=2)
    assert not env.step(KEY, about_to_lose(enemy_score=0), NOOP)[3]
    assert env.step(KEY, about_to_lose(enemy_score=1), NOOP)[3]


def test_without_automatic_reset_a_finished_game_stands_still():
    params = PLAIN.default_params
    before = about_to_lose(enemy_score=20)
    _, state, _, terminated, _ = PLAIN.step_env(KEY, before, NOOP, params)
    assert terminated
    assert PLAIN.is_terminated(state, params)
    _, again, reward, _, _ = PLAIN.step_env(KEY, state, RIGHT, params)
    assert reward == 0
    assert numbers(again) == numbers(state)


def test_the_cap_truncates_and_resets():  # pitfall 3
    params = PLAIN.default_params.replace(max_steps_in_episode=10)
    before = state_of(time=8)
    _, state, _, terminated, truncated, _ = PLAIN.step(KEY, before, NOOP, params)
    assert (bool(terminated), bool(truncated), int(state.time)) == (False, False, 9)
    obs, state, _, terminated, truncated, info = PLAIN.step(KEY, state, NOOP, params)
    assert (bool(terminated), bool(truncated), int(state.time)) == (False, True, 0)
    assert info["final_observation"][PLAIN.feature_names.index("in_play")] == 1
    assert obs[PLAIN.feature_names.index("in_play")] == 0  # pitfall 4
    assert Pong(max_agent_steps=10).default_params.max_steps_in_episode == 10


def test_evaluation_is_of_whole_games():
    env = Pong(episode="point", frame_skip=2)
    assert evaluation_env(env) == Pong(frame_skip=2)


# Chance


def test_games_start_after_a_uniform_number_of_no_ops():
    _, state = vector_reset(Pong(), KEY, 62_000, None)
    clocks, counts = np.unique(np.asarray(state.court.clock), return_counts=True)
    np.testing.assert_array_equal(clocks, 71 + np.arange(31))
    assert np.abs(counts - 2_000).max() < 5 * np.sqrt(2_000)


def test_automatic_resets_start_as_uniformly():
    env, n = Pong(noop_max=3), 40_000
    before = jax.tree.map(lambda leaf: jnp.full(n, leaf), about_to_lose(enemy_score=20))
    action = jnp.zeros(n, jnp.int32)
    _, state, *_ = vector_step(env, KEY, before, action, env.default_params)
    counts = np.bincount(np.asarray(state.court.clock) - 71, minlength=4)
    assert np.abs(counts - n / 4).max() < 5 * np.sqrt(n / 4)


@pytest.mark.parametrize("probability", [0.0, 0.25, 0.6, 1.0])
def test_an_action_is_repeated_frame_by_frame_with_that_probability(probability):
    """The knob turns by 23,000 in each frame that executes the new action."""
    env, n = Pong(repeat_action_probability=probability), 100_000
    before = jax.tree.map(lambda leaf: jnp.full(n, leaf), state_of(action=NOOP))
    down = jnp.full(n, LEFT)
    _, state, *_ = vector_step(env, KEY, before, down, env.default_params)
    frames = (np.asarray(state.court.resistance) - 408_823) // 23_000
    counts = np.bincount(frames, minlength=5)
    late = probability ** np.arange(5)  # that the old action lasts j frames or more
    shares = (late - np.append(late[1:], 0))[::-1]
    np.testing.assert_allclose(counts / n, shares, atol=5 * 0.5 / np.sqrt(n))
    executed = np.asarray(state.court.action)
    assert ((executed == LEFT) == (frames > 0)).all()


def test_a_step_draws_once_and_wastes_no_key():
    env = Pong()
    with jax.debug_key_reuse(True):
        key_reset, key_step = jax.random.split(jax.random.key(3))
        _, state = env.reset(key_reset)
        env.step(key_step, state, 2)
        key_reset, key_step = jax.random.split(jax.random.key(4))
        _, state = vector_reset(env, key_reset, 5, env.default_params)
        action = jnp.zeros(5, jnp.int32)
        vector_step(env, key_step, state, action, env.default_params)


# Batches and transformations


def test_a_batch_is_what_its_games_are_alone():
    env = Pong(episode="point", points_to_win=1)
    params = env.default_params
    _, state = vector_reset(env, KEY, 64, params)
    single = jax.jit(lambda b, s, a: env._step_from(b, s, a, params))
    resets = 0
    for step in range(90):
        key = jax.random.key(step)
        action = jax.random.randint(jax.random.key(1_000 + step), (64,), 0, 6)
        out = vector_step(env, key, state, action, params)
        resets += int(out[3].sum())
        if step % 30 == 29:
            bits = jax.random.bits(key, (64,), jnp.uint32)
            for game in (7, 40):
                alone = single(*_pick((bits, state, action), game))
                jax.tree.map(np.testing.assert_array_equal, _pick(out, game), alone)
        state = out[1]
    assert resets > 0


def test_one_game_is_a_batch_of_one():
    env = Pong()
    _, states = vector_reset(env, KEY, 1, env.default_params)
    batch = env.step(KEY, states, jnp.array([2]))
    alone = env.step(KEY, _pick(states, 0), 2)
    jax.tree.map(np.testing.assert_array_equal, _pick(batch, 0), alone)


def _pick(tree, game: int):
    return jax.tree.map(lambda leaf: leaf[game], tree)


def test_jit_and_vmap_change_nothing():
    env, keys = Pong(), jax.random.split(KEY, 8)
    _, states = jax.vmap(env.reset)(keys)
    actions = jnp.arange(8) % 6
    batch = jax.jit(jax.vmap(env.step))(keys, states, actions)
    for i in range(8):
        alone = env.step(keys[i], _pick(states, i), actions[i])
        jax.tree.map(np.testing.assert_array_equal, _pick(batch, i), alone)


def test_three_actions_are_those_of_six_without_fire():
    three = PLAIN.replace(num_actions=3)
    for action, same in enumerate([NOOP, RIGHT, LEFT]):
        ours = three.step(KEY, state_of(), action)[1]
        assert numbers(ours) == numbers(PLAIN.step(KEY, state_of(), same)[1])
    assert three.action_space().n == 3


# Observation


def random_play(env: Pong, steps: int, num_envs: int) -> np.ndarray:
    """Observations [T, N, F] of actions kept for eight agent steps on average."""
    params = env.default_params

    def body(carry, key):
        state, action = carry
        key_step, key_new, key_action = jax.random.split(key, 3)
        new = jax.random.bernoulli(key_new, 1 / 8, (num_envs,))
        other = jax.random.randint(key_action, (num_envs,), 0, env.num_actions)
        action = jnp.where(new, other, action)
        obs, state, *_ = vector_step(env, key_step, state, action, params)
        return (state, action), obs

    _, state = vector_reset(env, KEY, num_envs, params)
    carry = state, jnp.zeros(num_envs, jnp.int32)
    return np.asarray(jax.lax.scan(body, carry, jax.random.split(KEY, steps))[1])


def test_features_stay_in_their_range_and_use_it():
    obs = random_play(Pong(), 1_500, 64).reshape(-1, len(Features._fields))
    space = Pong().observation_space()
    assert obs.dtype == np.float32
    assert obs.shape[1:] == space.shape
    assert np.abs(obs).max() <= space.high
    one_sided = {"in_play", "serve_timer", "last_fire", "clock_even"}
    for name, column in zip(Pong().feature_names, obs.T, strict=True):
        assert column.min() < (0.05 if name in one_sided else -0.3), name
        assert column.max() > 0.3, name


def test_a_feature_says_what_its_name_says():
    before = state_of(x=205 - 77, y=126 + 41, vx=-2, vy=-1, player=121, target=121)
    obs = PLAIN.observe(KEY, before, None, PLAIN.default_params)
    seen = dict(zip(PLAIN.feature_names, np.asarray(obs).tolist(), strict=True))
    assert seen["ball_x"] == pytest.approx(0)
    assert seen["ball_y"] == pytest.approx(0.5)
    assert seen["ball_vx"] == pytest.approx(0.5)  # towards the agent
    assert seen["ball_vy"] == pytest.approx(-1 / 3)  # up
    assert seen["in_play"] == 1
    assert seen["player"] == pytest.approx(0)
    assert seen["player_offset"] == 1  # cut: forty pixels below
    assert seen["enemy_offset"] == 1
