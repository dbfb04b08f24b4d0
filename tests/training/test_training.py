"""Lanes: seeds that differ, that do not depend on each other, and exact bookkeeping."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import ALGORITHMS, Tabular
from pgvq.training.lane import (
    EVALUATION,
    MODES,
    TRAINING,
    Lane,
    advance_lane,
    empty_mean,
    init_lane,
    seed_key,
    with_value,
)
from pgvq.training.lanes import Lanes
from pgvq.types import Ratio
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

NAMES = list(ALGORITHMS)
OBS = jnp.stack([jnp.arange(256) / 256, jnp.arange(256) % 5], axis=1)


def programs(lanes, devices=2):
    """Programs for `(algorithm, seed)` pairs, in games of at most 20 agent steps."""
    lanes = [Lane("tiny", algorithm, seed) for algorithm, seed in lanes]
    return Lanes(lanes, 6, 20, jax.local_devices()[:devices])


def host(lanes, progress):
    return lanes.to_host(progress)


def lane_of(tree, lane):
    return jax.tree.map(lambda leaf: leaf[lane], tree)


def assert_same(one, other):
    """Bit for bit, and NaN equals NaN."""
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.fixture(scope="module", params=NAMES)
def three(request):
    """Seeds 0, 1 and 2 of an algorithm on two devices: a number that does not divide.

    With them their states at the beginning and after four iterations.
    """
    algorithm = tiny(request.param)
    lanes = programs([(algorithm, seed) for seed in range(3)])
    progress = lanes.start()
    first = host(lanes, progress)
    progress, _ = lanes.advance(progress, 4)
    return lanes, first, host(lanes, progress)


def test_seeds_differ_in_everything(three):
    """Pitfall 1: in parameters, first environment states and first actions."""
    lanes, first, _ = three

    def beginning(lane):
        algorithm, state = lanes.agent(first, lane)
        # The largest array: biases and temperatures all begin with one number.
        kernel = max(jax.tree.leaves(state.learner.params), key=jnp.size)
        action, _ = algorithm.act(state, OBS, (), jax.random.key(0), greedy=False)
        later, _ = algorithm.act(state, OBS, (), state.key, greedy=False)
        return kernel, state.world.obs, state.world.env_state.label, action, later

    lived = [jax.device_get(beginning(lane)) for lane in range(3)]
    for one, other in itertools.combinations(lived, 2):
        kernel, obs, label, action, later = (
            (x != y).any() for x, y in zip(one, other, strict=True)
        )
        assert kernel or isinstance(lanes.lanes[0].algorithm, Tabular)  # all zeros
        assert obs
        assert label
        assert later
        del action  # two networks may agree; under their own keys they do not


def test_seeds_fill_their_replay_differently(three):
    """Pitfall 1: the uniform warm-up too is each seed's own."""
    _, first, _ = three
    if not hasattr(first.state.learner, "experience"):
        return  # it keeps none
    actions = first.state.learner.experience.replay.rows.action
    for one, other in itertools.combinations(range(3), 2):
        assert (actions[one] != actions[other]).any()


def test_keys_of_seeds_and_purposes_never_meet():
    """Pitfalls 9 and 21: seed 0 is a seed like any other."""
    keys = {
        tuple(np.asarray(jax.random.key_data(seed_key(jnp.uint32(seed), purpose))))
        for seed in range(200)
        for purpose in (TRAINING, EVALUATION)
    }
    assert len(keys) == 400


def test_agent_steps_are_those_that_were_executed(three):
    """Pitfall 13: the warm-up included, in every lane."""
    lanes, first, later = three
    algorithm = lanes.lanes[0].algorithm
    steps = algorithm.initial_steps
    np.testing.assert_array_equal(first.state.agent_steps, [steps] * 3)
    steps += 4 * algorithm.steps_per_iteration
    np.testing.assert_array_equal(later.state.agent_steps, [steps] * 3)


def test_evaluating_more_or_less_often_changes_nothing(three):
    """Pitfall 9: parameters, keys and worlds are the same, evaluated twice or never."""
    lanes, _, never = three
    progress = lanes.start()
    for point in range(2):
        lanes.evaluate(progress, 2 * point)
        progress, _ = lanes.advance(progress, 2)
        lanes.evaluate(progress, 2 * point + 1)
    assert_same(host(lanes, progress), never)


def test_chunks_do_not_matter_and_a_saved_state_goes_on_bit_for_bit(three):
    """Pitfall 17: everything that learning needs is in what `to_host` returns."""
    lanes, first, unbroken = three
    progress, _ = lanes.advance(lanes.from_host(first), 1)
    saved = host(lanes, progress)
    shapes = jax.tree.map(lambda x: (x.shape, x.dtype), saved)
    assert shapes == jax.tree.map(lambda x: (x.shape, x.dtype), lanes.host_shapes())
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(saved))
    progress, _ = lanes.advance(lanes.from_host(saved), 3)
    assert_same(host(lanes, progress), unbroken)


def test_evaluations_are_complete_games_in_both_modes(three):
    """Pitfalls 8 and 11, and the games of a point repeat while others are new."""
    lanes, _, later = three
    progress = lanes.from_host(later)
    (first, _), (again, _), (other, _) = (
        lanes.evaluate(progress, point) for point in (0, 0, 1)
    )
    assert set(first.games) == set(MODES) == {"greedy", "explore"}
    assert_same(first, again)
    assert not first.diverged.any()
    for mode in MODES:
        games = first.games[mode]
        assert games.score.shape == games.length.shape == (3, 6)
        assert set(np.unique(games.length)) <= {3, 5}
        np.testing.assert_array_equal(games.truncated, games.length == 5)
        assert (games.length != other.games[mode].length).any()


def test_metrics_are_means_of_what_is_known(three):
    """Pitfall 10: NaN before anything is known; after a read-out they start afresh."""
    lanes, first, later = three
    _, metrics = lanes.metrics(lanes.from_host(first))
    assert all(np.isnan(mean).all() for mean in metrics.values())
    progress, metrics = lanes.metrics(lanes.from_host(later))
    assert metrics["episodes_per_iteration"].shape == (3,)
    assert all(np.isfinite(mean).all() for mean in metrics.values())
    episodes = metrics["episodes_per_iteration"]
    assert ((episodes > 4) & (episodes < 12)).all()
    _, metrics = lanes.metrics(progress)
    assert all(np.isnan(mean).all() for mean in metrics.values())


def test_ratios_are_sums_by_sums():
    """Pitfall 31: episodes of 1 and of 16 steps, whose true mean return is 4.0.

    A mean over iterations of means would count the one long episode of an iteration as
    much as its sixteen short ones.
    """
    mean = empty_mean()
    for total, number in ((16.0, 16), (100.0, 1), (0.0, 0), (16.0, 16)):
        mean = with_value(mean, Ratio(jnp.float32(total), jnp.int32(number)))
    assert float(mean.total / mean.number) == pytest.approx(132 / 33)


@pytest.mark.parametrize(
    "iterations", [200_000, pytest.param(10_000_000, marks=pytest.mark.slow)]
)
def test_millions_of_iterations_cost_no_digit(iterations):
    """A constant is its own mean, and small values count beside a large total."""
    start = empty_mean(), empty_mean()

    @jax.jit
    def after(count):
        def one(i, means):
            small = jnp.where(i == 0, 1e7, 1e-3)
            return with_value(means[0], jnp.float32(0.1)), with_value(means[1], small)

        return jax.lax.fori_loop(0, count, one, start)

    constant, mixed = jax.device_get(after(iterations))
    tenth, thousandth = np.float64(np.float32(0.1)), np.float64(np.float32(1e-3))
    for mean, exact in (
        (constant, iterations * tenth),
        (mixed, 1e7 + (iterations - 1) * thousandth),
    ):
        assert mean.number == iterations
        assert np.float64(mean.total) + mean.rounded_off == pytest.approx(exact, 1e-7)


def test_unknown_and_infinite_values():
    """NaN changes nothing; infinity is a value and does not become NaN."""
    mean = with_value(empty_mean(), jnp.float32(2.0))
    mean = with_value(mean, jnp.float32(jnp.nan))
    assert (mean.total, mean.number) == (2.0, 1)
    mean = with_value(with_value(mean, jnp.float32(jnp.inf)), jnp.float32(1.0))
    assert mean.total + mean.rounded_off == jnp.inf


@pytest.mark.parametrize("name", ["reinforce", "dqn"])
def test_a_diverged_lane_is_marked_and_disturbs_no_other(name):
    """A learning rate of 1e38 makes its own lane NaN and leaves the others bit for bit.

    The programs are the same ones: the rate is a value in them.
    """
    algorithm = tiny(name, learning_rate=1e-3)
    # A user cannot give such a rate, and JAX can.
    huge = jnp.float32(1e38)
    broken = jax.tree.map(lambda leaf: huge if leaf == 1e-3 else leaf, algorithm)
    assert broken.learning_rate is huge
    states = []
    for middle in (algorithm, broken):
        lanes = programs([(algorithm, 0), (middle, 1), (algorithm, 2)])
        progress, _ = lanes.advance(lanes.start(), 10)
        evaluation, _ = lanes.evaluate(progress, 0)
        states.append((host(lanes, progress), evaluation))
    (healthy, fine), (ill, marked) = states
    assert fine.diverged.tolist() == [False, False, False]
    assert marked.diverged.tolist() == [False, True, False]
    for lane in (0, 2):
        assert_same(lane_of(healthy, lane), lane_of(ill, lane))
        assert_same(lane_of(fine.games, lane), lane_of(marked.games, lane))
    assert np.isfinite(marked.games["greedy"].score).all()  # kept and counted


def test_the_replay_is_written_in_place_in_every_iteration():
    """Pitfall 18: the compiled program copies no array of the replay's size.

    And beside the donated state it needs less room than one more replay.
    """
    capacity = 20_011  # a number that occurs nowhere else in the program
    lane = tiny("dqn", capacity=capacity), jnp.uint32(0)
    lanes = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), lane)
    progress = jax.eval_shape(jax.vmap(init_lane), *lanes)
    advance = jax.jit(jax.vmap(advance_lane, (None, 0, 0)), donate_argnums=2)
    program = advance.lower(jnp.int32(4), lanes[0], progress).compile()
    copies = [
        line
        for line in program.as_text().splitlines()
        if f"{capacity}" in line and (" copy(" in line or " copy-start(" in line)
    ]
    assert copies == []
    ring = 2 * capacity * (4 * 4 + 4 + 4 + 2)  # bytes: obs twice, action, reward, ends
    memory = program.memory_analysis()
    assert memory.alias_size_in_bytes >= ring
    assert memory.temp_size_in_bytes < ring / 4
