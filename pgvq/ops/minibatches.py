"""Minibatches of a rollout: every row once per epoch, in a new order each time."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.types import InputError, Key, Metrics, PyTree


def epochs(
    update: Callable[[Any, PyTree], tuple[Any, Metrics]],
    carry: Any,
    rows: PyTree,
    key: Key,
    num_epochs: int,
    num_minibatches: int,
    axis: int = 0,
) -> tuple[Any, Metrics]:
    """Updates on all minibatches of every epoch, one after the other.

    Args:
        update: from what is carried and a minibatch to what is carried on and metrics.
        carry: what the first update gets.
        rows: R rows along `axis` of every leaf.
        key: consumed.
        num_epochs: E, passes over the rows.
        num_minibatches: M, per epoch; it divides R.
        axis: of the rows.

    Returns:
        What the last update carried on, and the means of the metrics over all updates.
    """
    before = (slice(None),) * axis

    def one(carry: Any, index: Array) -> tuple[Any, Metrics]:
        return update(carry, jax.tree.map(lambda x: x[*before, index], rows))

    count = jax.tree.leaves(rows)[0].shape[axis]
    order = shuffled_indices(key, count, num_epochs, num_minibatches)
    carry, metrics = jax.lax.scan(one, carry, order)
    return carry, jax.tree.map(jnp.mean, metrics)


def shuffled_indices(
    key: Key, count: int, num_epochs: int, num_minibatches: int
) -> Array:
    """Row numbers of every minibatch of every epoch, in the order they are used.

    Args:
        key: consumed.
        count: R, rows; `num_minibatches` divides it.
        num_epochs: E, passes over the rows.
        num_minibatches: M, per epoch.

    Returns:
        `[E * M, R / M]` int32: the M rows of one epoch name every row once.

    Raises:
        InputError: where `num_minibatches` does not divide `count`.
    """
    if count % num_minibatches:
        raise InputError(
            f"num_minibatches={num_minibatches} must divide the number of rows = "
            f"{count}, so that an epoch uses every row once; use one of its divisors"
        )
    # Sorting random bits with the row number in their last bits is several times as
    # fast as a permutation, which sorts pairs. Of 2,048 rows about one pair an epoch
    # has equal bits and so stays in order.
    width = max(1, (count - 1).bit_length())
    bits = jax.random.bits(key, (num_epochs, count), jnp.uint32) << width
    mixed = jnp.sort(bits | jnp.arange(count, dtype=jnp.uint32), axis=1)
    orders = (mixed & ((1 << width) - 1)).astype(jnp.int32)
    return orders.reshape(num_epochs * num_minibatches, -1)
