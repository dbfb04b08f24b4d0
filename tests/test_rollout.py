"""Collection and evaluation, on environments that number their episodes and steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.errors import KeyReuseError

from pgvq.envs import Pong
from pgvq.rollout import init_world, play, rollout
from tests.helpers.probes import Clock, Numbered, OneStep, Rally


def coin(obs, memory, key):
    """A policy of random actions that records the key's draw beside them."""
    action = jax.random.randint(key, obs.shape[:1], 0, 2)
    return action, memory, action * 10


def lived(env, policy, num_envs, length, rollouts=1):
    """`rollouts` rollouts one after the other; all lists of what each returned."""
    key_world, key = jax.random.split(jax.random.key(0))
    memory = jnp.zeros((num_envs, 2), jnp.int32)
    world = init_world(env, env.default_params, key_world, num_envs, memory)
    run = jax.jit(
        lambda world, key: rollout(env, env.default_params, policy, world, key, length)
    )
    worlds, batches, metrics = [world], [], []
    for number in range(rollouts):
        world, batch, metric = run(world, jax.random.fold_in(key, number))
        worlds.append(world)
        batches.append(batch)
        metrics.append(metric)
    return jax.device_get((worlds, batches, metrics))


@pytest.fixture(scope="module")
def numbered():
    """Three rollouts of [20, 6] in the environment that numbers its resets."""
    return lived(Numbered(), coin, 6, 20, rollouts=3)


def test_next_obs_is_what_followed_and_not_the_reset(numbered):
    """Pitfall 4: the true next observation has the same number and one step more."""
    for batch in numbered[1]:
        np.testing.assert_array_equal(batch.next_obs[..., 0], batch.obs[..., 0])
        np.testing.assert_array_equal(batch.next_obs[..., 1], batch.obs[..., 1] + 1)


def test_the_row_after_an_end_begins_a_new_episode(numbered):
    _, batches, _ = numbered
    obs = np.concatenate([batch.obs for batch in batches])
    next_obs = np.concatenate([batch.next_obs for batch in batches])
    ended = np.concatenate([batch.terminated | batch.truncated for batch in batches])
    running = ~ended[:-1]
    np.testing.assert_array_equal(obs[1:][running], next_obs[:-1][running])
    np.testing.assert_array_equal(obs[1:][~running][:, 1], 0)
    assert (obs[1:][~running][:, 0] != next_obs[:-1][~running][:, 0]).all()


def test_ends_are_told_apart(numbered):
    """Even numbers terminate after three steps, odd ones are truncated after five."""
    for batch in numbered[1]:
        even = batch.obs[..., 0] * 2**14 % 2 == 0
        time = batch.next_obs[..., 1]
        np.testing.assert_array_equal(batch.terminated, even & (time == 3))
        np.testing.assert_array_equal(batch.truncated, ~even & (time == 5))
        assert batch.terminated.any()
        assert batch.truncated.any()


def test_the_world_goes_on_where_the_last_rollout_stopped(numbered):
    worlds, batches, _ = numbered
    for world, batch in zip(worlds[:-1], batches, strict=True):
        np.testing.assert_array_equal(batch.obs[0], world.obs)


def test_actions_rewards_and_extras_belong_to_the_same_step(numbered):
    for batch in numbered[1]:
        np.testing.assert_array_equal(batch.reward, batch.action)
        np.testing.assert_array_equal(batch.extras, batch.action * 10)
        assert 0 < np.mean(batch.action) < 1
        assert len(np.unique(batch.action, axis=1).T) > 1


def test_episodes_are_reported_over_rollout_edges_exactly(numbered):
    """Pitfall 10: no placeholder, no stale episode: recounted from the transitions."""
    _, batches, metrics = numbered
    total, steps = np.zeros(6), np.zeros(6)
    for batch, metric in zip(batches, metrics, strict=True):
        returns, lengths = [], []
        ended = np.asarray(batch.terminated | batch.truncated)
        for row in range(20):
            total = total + batch.reward[row]
            steps += 1
            returns += total[ended[row]].tolist()
            lengths += steps[ended[row]].tolist()
            total[ended[row]] = steps[ended[row]] = 0
        assert metric["episodes_per_iteration"] == len(returns)
        assert metric["episode_return"].value == pytest.approx(np.mean(returns))
        assert metric["episode_length"].value == pytest.approx(np.mean(lengths))


def test_before_the_first_episode_ends_nothing_is_known():
    """Pitfall 10: NaN and a count of zero, not a return of 0."""
    _, _, (metrics,) = lived(Rally(), coin, 2, 4)
    assert metrics["episodes_per_iteration"] == 0
    assert np.isnan(metrics["episode_return"].value)
    assert np.isnan(metrics["episode_length"].value)


def test_environments_start_and_act_differently():
    """Neither the reset nor the policy may give all environments one draw."""
    worlds, (batch,), _ = lived(Numbered(), coin, 8, 6)
    assert len(np.unique(worlds[0].obs[:, 0])) == 8
    assert len(np.unique(batch.action, axis=1).T) > 2


def test_no_key_is_used_twice():
    """Pitfall 22: neither between action and environment step nor between steps."""
    with jax.debug_key_reuse(True):
        lived(Numbered(), coin, 2, 3)


def test_the_check_of_keys_sees_a_second_use():
    def twice(key):
        return jax.random.bits(key) + jax.random.bits(key)

    with jax.debug_key_reuse(True), pytest.raises(KeyReuseError):
        jax.jit(twice)(jax.random.key(0))


def played(env, games, max_steps, act=lambda *seen: coin(*seen)[:2]):
    run = jax.jit(lambda key: play(env, env.default_params, act, key, games, max_steps))
    return jax.device_get(run(jax.random.key(5)))


def test_every_game_is_played_to_its_end_and_counted_once():
    """Pitfall 11: short games do not count more often, long ones are not left out.

    Games of three steps (terminated) and of five (cut by the environment's clock)
    side by side; the short ones must not go on earning in a second episode.
    """
    ones = jnp.ones(64, jnp.int32)
    games = played(Numbered(), 64, 100, lambda obs, memory, key: (ones, memory))
    assert set(games.length.tolist()) == {3, 5}
    np.testing.assert_array_equal(games.score, games.length)
    np.testing.assert_array_equal(games.truncated, games.length == 5)
    assert 0.2 < np.mean(games.length == 3) < 0.8


def test_a_game_without_end_meets_the_cap():
    """Pitfall 12: the loop ends, and says that the cap ended it."""
    games = played(Rally(), 3, 40)
    np.testing.assert_array_equal(games.length, 40)
    np.testing.assert_array_equal(games.score, 40)
    assert games.truncated.all()


def test_a_game_that_ends_in_the_last_allowed_step_is_complete():
    games = played(OneStep(), 3, 1)
    assert not games.truncated.any()
    games = played(Clock(), 3, 2)
    assert games.truncated.all()  # by the environment's clock


def test_games_differ_among_each_other_and_repeat_with_the_key():
    first, again = played(Numbered(), 32, 10), played(Numbered(), 32, 10)
    np.testing.assert_array_equal(first.score, again.score)
    assert len(np.unique(first.score)) > 2


def test_evaluation_uses_no_key_twice():
    with jax.debug_key_reuse(True):
        played(Numbered(), 2, 3)


def counting(obs, memory, key):
    """A policy that counts its agent steps in its memory and acts at random."""
    action, memory, _ = coin(obs, memory + 1, key)
    return action, memory, memory[:, 0]


def test_memory_goes_on_between_rollouts_and_is_zeroed_where_an_episode_ends():
    worlds, batches, _ = lived(Numbered(), counting, 6, 7, rollouts=3)
    for batch in batches:
        np.testing.assert_array_equal(batch.extras, batch.next_obs[..., 1])
    time = worlds[-1].obs[:, 1]  # agent steps in the running episode
    np.testing.assert_array_equal(worlds[-1].memory, np.stack([time, time], axis=1))


def test_memory_in_evaluation_is_zeroed_where_a_training_episode_ends():
    """A game of Pong is many points: an agent's memory is reset at each."""

    def remembered(trained_in):
        def act(obs, memory, key):
            jax.debug.callback(lambda m: steps.append(int(m[0])), memory)
            return jnp.zeros(1, jnp.int32), memory + 1

        env = Pong(points_to_win=2, noop_max=0, repeat_action_probability=0.0)
        steps: list[int] = []
        memory = jnp.zeros(1, jnp.int32)
        key = jax.random.key(0)
        games = play(env, env.default_params, act, key, 1, 500, memory, trained_in)
        jax.effects_barrier()
        return steps[: int(games.length[0])]

    whole = remembered(Pong(points_to_win=2))
    points = remembered(Pong(points_to_win=2, episode="point"))
    assert whole == list(range(len(whole)))
    assert points.count(0) == 2
    assert len(points) == len(whole)
