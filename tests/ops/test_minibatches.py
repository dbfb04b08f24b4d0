"""Minibatches: every row once per epoch, in an order of each epoch's and key's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.ops.minibatches import shuffled_indices
from pgvq.types import InputError


def epochs(seed):
    """Three epochs of four minibatches of twelve rows, `[3, 12]`."""
    index = shuffled_indices(jax.random.key(seed), 12, 3, 4)
    assert index.shape == (3 * 4, 12 // 4)
    assert index.dtype == jnp.int32
    return np.asarray(index).reshape(3, 12)


def test_every_epoch_names_every_row_once():
    for epoch in epochs(0):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(12))


def test_every_epoch_and_every_key_has_an_order_of_its_own():
    orders = {tuple(epoch) for seed in (0, 1) for epoch in epochs(seed)}
    assert len(orders) == 2 * 3
    assert tuple(range(12)) not in orders
    np.testing.assert_array_equal(epochs(0), epochs(0))


def test_a_number_that_does_not_divide_is_refused():
    """Rows left over would never be learnt from."""
    with pytest.raises(InputError, match=r"num_minibatches=5 must divide .* = 12"):
        shuffled_indices(jax.random.key(0), 12, 3, 5)
