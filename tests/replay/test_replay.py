"""The replay against a plain Python list, and its cost against its capacity."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.replay import ring as replay


def numbered(first, count):
    """`count` rows of a nested pytree that all carry their number."""
    number = jnp.arange(first, first + count)
    return {
        "obs": jnp.stack([number, -number], axis=1).astype(jnp.float32),
        "pair": (number.astype(jnp.int32), number % 2 == 0),
    }


def example():
    return jax.tree.map(lambda leaf: leaf[0], numbered(0, 1))


def stored(state):
    """The numbers of the rows that the replay holds."""
    return sorted(np.asarray(state.rows["pair"][0])[: int(state.size)].tolist())


@pytest.mark.parametrize(("capacity", "batch"), [(10, 3), (7, 7), (5, 4), (6, 2)])
def test_the_ring_holds_exactly_the_newest_rows(capacity, batch):
    """Pitfall 19: full or not must not depend on whether the batch divides the size."""
    state, add = replay.init(example(), capacity), jax.jit(replay.add)
    for round_ in range(12):
        state = add(state, numbered(round_ * batch, batch))
        written = (round_ + 1) * batch
        newest = list(range(written))[-capacity:]
        assert stored(state) == newest
        assert state.size == len(newest)
        assert state.position == written % capacity


def test_leaves_of_a_row_stay_together():
    """Every sampled row is one that was written, in all its leaves."""
    state = replay.init(example(), 11)
    for round_ in range(5):
        state = replay.add(state, numbered(round_ * 4, 4))
    batch = replay.sample(state, jax.random.key(0), (3, 50))
    number = batch["pair"][0]
    assert number.shape == (3, 50)
    np.testing.assert_array_equal(batch["obs"][..., 0], number)
    np.testing.assert_array_equal(batch["obs"][..., 1], -number)
    np.testing.assert_array_equal(batch["pair"][1], number % 2 == 0)


def test_dtypes_are_kept():
    state = replay.add(replay.init(example(), 4), numbered(0, 3))
    dtypes = jax.tree.map(lambda leaf: leaf.dtype, replay.sample(state, KEY, (2,)))
    assert dtypes == jax.tree.map(lambda leaf: leaf.dtype, example())


KEY = jax.random.key(3)


@pytest.mark.parametrize("written", [1, 6, 10, 23])
def test_samples_are_uniform_over_what_was_written_and_nothing_else(written):
    """Half empty or wrapped around: never a row of zeros that no one wrote."""
    capacity = 10
    state = replay.init(example(), capacity)
    for number in range(written):
        state = replay.add(state, numbered(100 + number, 1))
    drawn = np.asarray(replay.sample(state, KEY, (20_000,))["pair"][0])
    values, counts = np.unique(drawn, return_counts=True)
    newest = np.arange(100, 100 + written)[-capacity:]
    np.testing.assert_array_equal(values, newest)
    np.testing.assert_allclose(counts / 20_000, 1 / len(newest), rtol=0.1)


def test_a_batch_bigger_than_the_ring_is_refused():
    with pytest.raises(ValueError, match="capacity of at least 5"):
        replay.add(replay.init(example(), 4), numbered(0, 5))


def add_and_sample(state, batch, key):
    """One iteration's use of the replay: write first, then sample."""
    state = replay.add(state, batch)
    return state, replay.sample(state, key, (2, 32))


def compiled(capacity):
    """The iteration for that capacity, its replay donated, and arguments for it."""
    program = jax.jit(add_and_sample, donate_argnums=0)
    args = replay.init(example(), capacity), numbered(0, 128), KEY
    return program.lower(*args).compile(), args


def test_the_cost_does_not_depend_on_the_capacity():
    """Pitfall 18: what XLA says it computes and holds, with 10,000 slots and 1 million.

    The donated ring is written in place, so beside it the program needs no room that
    grows with it.
    """
    costs = []
    for capacity in (10_000, 1_000_000):
        program, _ = compiled(capacity)
        memory = program.memory_analysis()
        ring = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(example()))
        assert memory.alias_size_in_bytes >= ring * capacity
        costs.append((program.cost_analysis()["flops"], memory.temp_size_in_bytes))
    assert costs[0] == costs[1]


@pytest.mark.slow
def test_the_time_does_not_depend_on_the_capacity():
    """Pitfall 18 by the clock; memory far from the cache is slower, a copy far more."""
    seconds = []
    for capacity in (10_000, 1_000_000):
        program, (state, batch, key) = compiled(capacity)
        times = []
        for _ in range(200):
            began = time.perf_counter()
            state, _ = jax.block_until_ready(program(state, batch, key))
            times.append(time.perf_counter() - began)
        seconds.append(np.median(times))
    assert seconds[1] < 1.5 * seconds[0]
