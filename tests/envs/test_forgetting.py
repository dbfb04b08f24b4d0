"""Where an agent's memory starts afresh in an evaluation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.envs import (
    Pong,
    evaluation_env,
    make,
    resets_memory,
    vector_reset,
    vector_step,
)

REWARD = jnp.array([0.0, 1.0, -1.0, 0.0, 0.0])
TERMINATED = jnp.array([False, False, False, True, False])
TRUNCATED = jnp.array([False, False, False, False, True])


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (make("CartPole-v1")[0], [0, 0, 0, 1, 1]),
        (Pong(episode="game"), [0, 0, 0, 1, 1]),
        (Pong(episode="point"), [0, 1, 1, 1, 1]),
    ],
    ids=["CartPole", "game", "point"],
)
def test_memory_ends_where_a_training_episode_ends(env, expected):
    forgotten = resets_memory(env, REWARD, TERMINATED, TRUNCATED)
    assert forgotten.dtype == bool
    np.testing.assert_array_equal(forgotten, np.array(expected, bool))


def test_memory_in_a_whole_game_ends_with_each_point_of_training():
    """The same play in both: what ends an episode in training ends the memory."""
    trained_in = Pong(episode="point", repeat_action_probability=0.0)
    played_in = evaluation_env(trained_in)
    params = trained_in.default_params
    _, state = vector_reset(trained_in, jax.random.key(0), 4, params)
    nothing = jnp.zeros(4, jnp.int32)

    def step(state, key):
        train = vector_step(trained_in, key, state, nothing, params)
        game = vector_step(played_in, key, state, nothing, params)
        forgotten = resets_memory(trained_in, game[2], game[3], game[4])
        return train[1], (train[3] | train[4], forgotten)

    keys = jax.random.split(jax.random.key(1), 150)
    _, (ended, forgotten) = jax.lax.scan(step, state, keys)
    assert ended.sum() >= 4
    np.testing.assert_array_equal(forgotten, ended)
