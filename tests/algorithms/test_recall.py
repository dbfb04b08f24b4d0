"""Memory is of use: a recurrent PPO answers what was seen, in lanes and resumed."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import PPO
from pgvq.networks.torsos import MLP
from pgvq.training.lane import Lane, advance_lane, evaluate_lane, init_lane
from pgvq.training.lanes import Lanes
from tests.helpers.probes import Recall

pytestmark = pytest.mark.usefixtures("light_compilation")

ITERATIONS = 60


def recalling(memory_size):
    return PPO(
        env=Recall(),
        memory_size=memory_size,
        torso=MLP((8,)),
        num_envs=32,
        rollout_length=8,
        num_epochs=4,
        num_minibatches=4,
        discount=0.9,
        learning_rate=2e-2,
        final_learning_rate=1.0,
        entropy_coef=0.0,
    )


@pytest.fixture(scope="module")
def two():
    """Seeds 0 and 1 of a recurrent PPO, with their state after four iterations."""
    lanes = Lanes([Lane("recall", recalling(8), seed) for seed in (0, 1)], 256, 10)
    progress, _ = lanes.advance(lanes.start(), 4)
    return lanes, lanes.to_host(progress)


def test_a_memory_answers_what_was_seen_two_steps_ago(two):
    lanes, saved = two
    progress, _ = lanes.advance(lanes.from_host(saved), ITERATIONS)
    games = lanes.evaluate(progress, 0)[0].games["greedy"]
    np.testing.assert_array_equal(games.length, 3)
    assert (games.score.mean(axis=1) > 0.95).all()


def test_without_a_memory_it_cannot_be_answered():
    """Always the same answer: right for one label in two (here within 3 deviations)."""

    @jax.jit
    def learn(algorithm, seed):
        progress = advance_lane(ITERATIONS, algorithm, init_lane(algorithm, seed))
        return evaluate_lane(256, 10, 0, algorithm, seed, progress.state)

    games, _ = learn(recalling(0), jnp.uint32(0))
    np.testing.assert_allclose(games["greedy"].score.mean(), 0.5, atol=0.1)


def test_memory_is_part_of_what_is_saved(two):
    """Pitfall 17: saved, restored and trained on is trained on, bit for bit."""
    lanes, saved = two
    assert saved.state.world.memory.shape == (2, 32, 8)
    assert saved.state.world.memory.any()
    unbroken, _ = lanes.advance(lanes.start(), 6)
    resumed, _ = lanes.advance(lanes.from_host(saved), 2)
    jax.tree.map(
        np.testing.assert_array_equal,
        lanes.to_host(resumed),
        lanes.to_host(unbroken),
    )


def test_a_seed_alone_is_that_seed_beside_others(two):
    lanes, saved = two

    @jax.jit
    def learn(algorithm, seed):
        return advance_lane(4, algorithm, init_lane(algorithm, seed)).state

    alone = learn(recalling(8), jnp.uint32(1))._replace(key=None)
    _, beside = lanes.agent(saved, 1)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5),
        alone,
        beside._replace(key=None),
    )
