"""The sum tree against numpy: what it holds, what it draws, and what it never draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.replay import prioritized
from pgvq.replay import ring as replay
from pgvq.replay.prioritized import FAN_OUT
from pgvq.types import InputError

KEY = jax.random.key(5)

update = jax.jit(prioritized.update)
sample = jax.jit(prioritized.sample, static_argnums=2)
add = jax.jit(prioritized.add, static_argnums=2)
write = jax.jit(replay.add)
SHAPE = (4_000, 16)  # of all draws here, so that few programs are compiled

# One level, its edge, the next, and capacities that nothing divides.
CAPACITIES = [1, FAN_OUT, FAN_OUT + 1, 37, 1009]


def filled(priority):
    """A tree whose leaves are `priority [C]`."""
    tree = prioritized.init(len(priority))
    priority = jnp.asarray(priority, jnp.float32)
    return update(tree, jnp.arange(len(priority)), priority)


def leaves(tree, capacity):
    return np.asarray(tree.levels[0]).reshape(-1)[:capacity]


def assert_sums_agree(tree):
    for below, level in zip(tree.levels, tree.levels[1:], strict=False):
        sums = np.asarray(below, np.float64).sum(axis=-1)
        held = np.asarray(level).reshape(-1)
        np.testing.assert_allclose(held[: len(sums)], sums, rtol=1e-6)
        assert not held[len(sums) :].any()
    assert tree.levels[-1].shape[0] == 1


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_sums_stay_those_of_the_leaves(capacity):
    """Also where a row is named twice in one batch, and after many changes."""
    rng = np.random.default_rng(capacity)
    tree, wanted = prioritized.init(capacity), np.zeros(capacity, np.float32)
    for _ in range(60):
        index = rng.integers(capacity, size=24)
        priority = (rng.exponential(size=24) ** 4 * (index % 3)).astype(np.float32)
        tree = update(tree, jnp.asarray(index), jnp.asarray(priority))
        held = leaves(tree, capacity)
        for row in set(index):
            assert held[row] in priority[index == row]
        wanted[index] = held[index]
        np.testing.assert_array_equal(held, wanted)
        assert_sums_agree(tree)
        assert not np.asarray(tree.levels[0]).reshape(-1)[capacity:].any()


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_rows_are_drawn_in_proportion_to_their_priorities(capacity):
    """Expected draws of each row are exact; stratified draws stray less than free ones.

    Chi-square: its mean is at most the degrees of freedom d, its deviation sqrt(2 d).
    """
    priority = np.random.default_rng(0).exponential(size=capacity) + 0.05
    index, probability = sample(filled(priority), KEY, SHAPE)
    wanted = priority / priority.sum()
    np.testing.assert_allclose(probability, wanted[index], rtol=1e-5)
    count = np.bincount(np.ravel(index), minlength=capacity)
    expected = wanted * index.size
    chi_square = ((count - expected) ** 2 / expected).sum()
    assert chi_square <= capacity - 1 + 4 * np.sqrt(2 * capacity)


def test_each_draw_comes_from_its_own_range():
    """Appendix B.2.1: draw `i` of `B` lies in range `i` of the summed priorities."""
    priority = np.random.default_rng(1).exponential(size=1009)
    index = np.asarray(sample(filled(priority), KEY, SHAPE)[0])
    edges = np.concatenate([[0], np.cumsum(priority)]) / priority.sum() * SHAPE[-1]
    draw = np.arange(SHAPE[-1])
    assert (edges[index] <= draw + 1 + 1e-4).all()
    assert (edges[index + 1] >= draw - 1e-4).all()
    assert len(np.unique(index)) > 900


def nasty(kind, capacity):
    """Priorities that are awkward to add up, many of them zero."""
    rng = np.random.default_rng(capacity)
    zero = rng.random(capacity) < 0.6
    values = {
        "magnitudes": 10.0 ** rng.uniform(-30, 30, capacity),
        "thirds": np.full(capacity, 1 / 3),
        "one large": np.where(np.arange(capacity) == capacity // 2, 1e8, 1e-8),
        "tiny": rng.uniform(1e-37, 2e-37, capacity),
        "last only": np.arange(capacity) == capacity - 1,
        "first only": np.arange(capacity) == 0,
    }[kind]
    return np.where(zero & ~kind.endswith("only"), 0, values)


@pytest.mark.parametrize(
    "kind", ["magnitudes", "thirds", "one large", "tiny", "last only", "first only"]
)
def test_a_row_of_priority_zero_is_never_drawn(kind):
    priority = nasty(kind, 1009).astype(np.float32)
    index, probability = sample(filled(priority), KEY, SHAPE)
    assert (priority[index] > 0).all()
    assert (np.asarray(probability) > 0).all()


@pytest.mark.parametrize("target", [0.0, 0.4, 0.5, 0.75, 1.0, 1.1, np.inf])
def test_a_target_on_an_edge_or_past_the_end_falls_on_a_child_above_zero(target):
    children = np.zeros(FAN_OUT, np.float32)
    children[[2, 3, 6]] = [0.5, 0.25, 0.25]
    begins = np.array([0.0, 0.5, 0.75])
    wanted = np.array([2, 3, 6])[(begins <= target).sum() - 1]
    child, left, value = prioritized.choose_child(
        jnp.asarray(children), jnp.float32(target)
    )
    assert child == wanted
    assert left == target - children[:wanted].sum()
    assert value == children[wanted]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_rows_stay_within_the_ring_whatever_the_priorities(bad):
    """A seed that diverges must not read beyond its own replay."""
    priority = np.random.default_rng(2).exponential(size=37)
    priority[[0, 5, 36]] = bad
    for values in (priority, np.full(37, bad)):
        index, _ = sample(filled(values), KEY, SHAPE)
        assert (np.asarray(index) >= 0).all()
        assert (np.asarray(index) < 37).all()


@pytest.mark.parametrize(("capacity", "batch"), [(37, 5), (40, 40), (19, 7)])
def test_new_rows_get_the_highest_priority_so_far(capacity, batch):
    """Round and round the ring; the other rows keep what they were given."""
    ring, tree = replay.init(jnp.int32(0), capacity), prioritized.init(capacity)
    wanted, highest = np.zeros(capacity), 1.0
    for round_ in range(12):
        number = round_ * batch + np.arange(batch)
        ring = write(ring, jnp.asarray(number))
        tree = add(tree, ring, batch)
        wanted[number % capacity] = highest
        np.testing.assert_array_equal(leaves(tree, capacity), wanted)
        index, priority = np.array([round_, 15]), np.array([0.25, round_ / 2])
        tree = update(tree, jnp.asarray(index), jnp.asarray(priority, jnp.float32))
        wanted[index] = priority
        highest = max(highest, round_ / 2)
        assert tree.max_priority == highest
        assert_sums_agree(tree)


def test_only_rows_that_were_written_are_drawn():
    ring = write(replay.init(jnp.int32(0), 37), 100 + jnp.arange(21))
    tree = add(prioritized.init(37), ring, 21)
    index, probability = sample(tree, KEY, SHAPE)
    assert set(np.ravel(replay.take(ring, index))) == set(range(100, 121))
    np.testing.assert_allclose(probability, 1 / 21, rtol=1e-6)


def test_importance_weights_by_hand():
    """N = 4: `(4 P)^-1/2` is 1, 1/sqrt(2), 2 and in the second batch 1, 1/2, 1/4."""
    probability = jnp.array([[1 / 4, 1 / 2, 1 / 16], [1 / 4, 1, 4]])
    weights = prioritized.importance_weights(probability, jnp.int32(4), 0.5)
    wanted = [[1 / 2, 1 / np.sqrt(8), 1], [1, 1 / 2, 1 / 4]]
    np.testing.assert_allclose(weights, wanted, rtol=1e-6)
    none = prioritized.importance_weights(probability, jnp.int32(4), 0.0)
    np.testing.assert_array_equal(none, 1)


def test_weights_undo_what_priorities_do_to_a_mean():
    """With beta 1 the weighted mean of minibatches is that of uniform sampling."""
    rng = np.random.default_rng(3)
    value, priority = rng.normal(size=37), rng.exponential(size=37) + 0.1
    index, probability = map(np.ravel, sample(filled(priority), KEY, SHAPE))
    weights = prioritized.importance_weights(probability, jnp.int32(37), 1.0)
    mean = np.average(value[index], weights=weights)
    assert abs(mean - value.mean()) < 0.01
    assert abs(value[index].mean() - value.mean()) > 0.03


def iterated(tree, ring, key):
    """What an algorithm does with its priorities in one iteration."""
    ring = replay.add(ring, jnp.arange(7))
    tree = prioritized.add(tree, ring, 7)

    def one(tree, key):
        index, probability = prioritized.sample(tree, key, (8,))
        priority = 0.1 + jnp.abs(jnp.sin(replay.take(ring, index) + probability))
        return prioritized.update(tree, index, priority), index

    tree, index = jax.lax.scan(one, tree, jax.random.split(key, 3))
    return tree, ring, index


def test_lanes_do_not_touch_each_other():
    """Under vmap each lane is what it is alone."""
    ring = write(replay.init(jnp.int32(0), 37), jnp.arange(30))
    trees = [filled(np.arange(37) * (1.0 + lane)) for lane in range(3)]
    keys = jax.random.split(KEY, 3)
    stacked = jax.tree.map(lambda *leaf: jnp.stack(leaf), *trees)
    together = jax.jit(jax.vmap(iterated, (0, None, 0)))(stacked, ring, keys)
    single = jax.jit(iterated)
    for lane, tree in enumerate(trees):
        alone = jax.tree.leaves(single(tree, ring, keys[lane]))
        for one, all_lanes in zip(alone, jax.tree.leaves(together), strict=True):
            np.testing.assert_allclose(one, all_lanes[lane], rtol=1e-6)


def test_the_tree_is_written_in_place():
    """Pitfall 18: beside the donated tree the program needs no room that grows."""

    def room(capacity):
        ring, tree = replay.init(jnp.int32(0), capacity), prioritized.init(capacity)
        program = jax.jit(iterated, donate_argnums=(0, 1))
        memory = program.lower(tree, ring, KEY).compile().memory_analysis()
        assert memory.alias_size_in_bytes >= 4 * capacity
        return memory.temp_size_in_bytes

    small, large = room(10_000), room(1_000_000)
    assert large < 2 * small


def test_a_ring_without_rows_is_refused():
    with pytest.raises(InputError, match="use at least 1"):
        prioritized.init(0)


def test_a_priority_for_every_row_is_asked_for():
    with pytest.raises(AssertionError):
        prioritized.update(prioritized.init(4), jnp.arange(3), jnp.ones(2))
