"""What a lane owes to the other lanes, to its place and to the devices: nothing.

Compiled as in real use: these tests are about the machine code.
"""

import jax
import numpy as np
import pytest

from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes
from tests.helpers.tiny import tiny


def run(lanes, devices=2, iterations=10):
    """The final states of `(algorithm, seed)` pairs."""
    lanes = [Lane("tiny", algorithm, seed) for algorithm, seed in lanes]
    programs = Lanes(lanes, 1, 2, jax.local_devices()[:devices])
    progress, _ = programs.advance(programs.start(), iterations)
    return programs.to_host(progress)


def lane_of(tree, lane):
    return jax.tree.map(lambda leaf: leaf[lane], tree)


def assert_same(one, other):
    """Bit for bit, and NaN equals NaN."""
    jax.tree.map(np.testing.assert_array_equal, one, other)


def assert_close(one, other, tolerance):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance),
        one,
        other,
    )


@pytest.fixture(scope="module")
def pair():
    """An actor-critic, and its seeds 0 and 5 after ten iterations on one device."""
    algorithm = tiny("actor_critic")
    return algorithm, run([(algorithm, 0), (algorithm, 5)], devices=1)


def test_a_lane_does_not_depend_on_its_neighbour_or_its_place(pair):
    """In programs of one shape a seed's whole state is the same bit for bit."""
    algorithm, both = pair
    other = run([(algorithm, 9), (algorithm, 0)], devices=1)
    assert_same(lane_of(both, 0), lane_of(other, 1))


@pytest.mark.parametrize(
    ("seeds", "devices"),
    [
        pytest.param([0], 1, marks=pytest.mark.slow),
        ([0, 5], 2),
        pytest.param([5, 0, 1], 1, marks=pytest.mark.slow),
        pytest.param([1, 2, 0], 2, marks=pytest.mark.slow),
        pytest.param([4, 3, 2, 1, 0], 2, marks=pytest.mark.slow),
    ],
)
def test_a_seed_alone_is_the_same_seed_in_a_batch(pair, seeds, devices):
    """Other shapes are other machine code, whose sums round in another order.

    So parameters agree up to rounding. What was played, rewards, observations and
    keys, agrees exactly for as long as no rounding tips an action.
    """
    algorithm, both = pair
    alone = run([(algorithm, seed) for seed in seeds], devices)
    one, other = lane_of(both, 0).state, lane_of(alone, seeds.index(0)).state
    assert_same((one.world, one.key), (other.world, other.key))
    assert_close(one.learner, other.learner, 1e-5)


def test_hyper_parameters_as_lanes_equal_separate_runs(pair):
    """A sweep over floats is the same learning as running each value by itself."""
    algorithm, both = pair
    faster = algorithm.replace(learning_rate=1e-2, discount=0.5)
    swept = run([(algorithm, 0), (faster, 0)], devices=1)
    assert_same(lane_of(swept, 0), lane_of(both, 0))
    alone = run([(faster, 3), (faster, 0)], devices=1)
    assert_same(lane_of(swept, 1), lane_of(alone, 1))
    assert (
        jax.tree.leaves(swept.state.learner.params)[0][0]
        != jax.tree.leaves(swept.state.learner.params)[0][1]
    ).any()
