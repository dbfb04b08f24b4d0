"""Replay: a ring of transitions with rows of any pytree.

Write first and sample afterwards, within one iteration: XLA then updates the ring in
place. The other order forces a copy of the whole ring in every iteration.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.types import Key, PyTree


class ReplayState(NamedTuple):
    """The ring and its position; `C` is its capacity in transitions."""

    rows: PyTree  # each leaf [C, ...]
    position: Array  # [] int32: the row that is written next
    size: Array  # [] int32: rows that hold a transition, at most C


def init(example: PyTree, capacity: int) -> ReplayState:
    """An empty ring for rows like `example` (leaves without a leading axis)."""
    rows = jax.tree.map(
        lambda leaf: jnp.zeros((capacity, *jnp.shape(leaf)), jnp.result_type(leaf)),
        example,
    )
    return ReplayState(rows, jnp.int32(0), jnp.int32(0))


def add(state: ReplayState, batch: PyTree) -> ReplayState:
    """Writes `batch` (leaves `[B, ...]`), over the oldest rows when the ring is full.

    `B` need not divide the capacity, but must not exceed it.
    """
    capacity = jax.tree.leaves(state.rows)[0].shape[0]
    count = jax.tree.leaves(batch)[0].shape[0]
    if count > capacity:
        raise ValueError(
            f"a batch of {count} transitions does not fit into a replay of capacity "
            f"{capacity}; use a capacity of at least {count}"
        )
    index = (state.position + jnp.arange(count)) % capacity
    rows = jax.tree.map(
        lambda ring, new: ring.at[index].set(
            new, unique_indices=True, mode="promise_in_bounds"
        ),
        state.rows,
        batch,
    )
    position = (state.position + count) % capacity
    return ReplayState(rows, position, jnp.minimum(state.size + count, capacity))


def sample(state: ReplayState, key: Key, shape: tuple[int, ...]) -> PyTree:
    """Rows drawn uniformly with replacement; leaves `[*shape, ...]`.

    The cost does not depend on the capacity. Sampling an empty ring returns rows of
    zeros: fill it first.
    """
    index = jax.random.randint(key, shape, 0, jnp.maximum(state.size, 1))
    return take(state, index)


def take(state: ReplayState, index: Array) -> PyTree:
    """The rows at `index [...]` (int32, within the capacity); leaves `[..., *leaf]`."""
    return jax.tree.map(
        lambda ring: ring.at[index].get(mode="promise_in_bounds"), state.rows
    )
