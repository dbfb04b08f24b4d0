"""Minibatches of a rollout: every row once per epoch, in a new order each time."""

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.types import InputError, Key


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
    keys = jax.random.split(key, num_epochs)
    orders = jax.vmap(lambda key: jax.random.permutation(key, count))(keys)
    return orders.astype(jnp.int32).reshape(num_epochs * num_minibatches, -1)
