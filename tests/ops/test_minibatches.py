"""Minibatches: every row once per epoch, in an order of each epoch's and key's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.ops.minibatches import epochs, shuffled_indices
from pgvq.types import InputError


def drawn(seed):
    """Three epochs of four minibatches of twelve rows, `[3, 12]`."""
    index = shuffled_indices(jax.random.key(seed), 12, 3, 4)
    assert index.shape == (3 * 4, 12 // 4)
    assert index.dtype == jnp.int32
    return np.asarray(index).reshape(3, 12)


def test_every_epoch_names_every_row_once():
    for epoch in drawn(0):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(12))


def test_every_epoch_and_every_key_has_an_order_of_its_own():
    orders = {tuple(epoch) for seed in (0, 1) for epoch in drawn(seed)}
    assert len(orders) == 2 * 3
    assert tuple(range(12)) not in orders
    np.testing.assert_array_equal(drawn(0), drawn(0))


def test_a_number_that_does_not_divide_is_refused():
    """Rows left over would never be learnt from."""
    with pytest.raises(InputError, match=r"num_minibatches=5 must divide .* = 12"):
        shuffled_indices(jax.random.key(0), 12, 3, 5)


@pytest.mark.parametrize("axis", [0, 1])
def test_updates_get_the_minibatches_in_that_order(axis):
    """And their metrics are averaged over all updates."""
    rows = jnp.arange(24.0).reshape(12, 2)
    rows = {"a": jnp.moveaxis(rows, 0, axis), "b": ()}
    index = shuffled_indices(jax.random.key(5), 12, 3, 4)

    def update(carry, part):
        number, seen = carry
        part = jnp.moveaxis(part["a"], axis, 0)
        seen = seen.at[number].set(part)
        return (number + 1, seen), {"number": 1.0 * number}

    start = jnp.int32(0), jnp.zeros((12, 3, 2))
    (number, seen), metrics = epochs(update, start, rows, jax.random.key(5), 3, 4, axis)
    assert number == 3 * 4
    np.testing.assert_array_equal(seen, np.arange(24.0).reshape(12, 2)[index])
    assert metrics["number"] == 5.5
