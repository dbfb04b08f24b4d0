"""Prioritised replay (Schaul et al. 2016, the proportional variant): a sum tree.

The tree belongs to the ring of `pgvq.replay.ring`: leaf `i` is the priority of row
`i`, every other node the sum of its children, so that a row is drawn in proportion to
its priority by descending from the root. Nodes have many children, because on every
device a few wide levels are faster than many narrow ones: a million rows have 5 levels.

    ring = replay.add(ring, batch)                                # leaves [B, ...]
    tree = prioritized.add(tree, ring, B)
    index, probability = prioritized.sample(tree, key, (B,))
    rows = replay.take(ring, index)
    weights = prioritized.importance_weights(probability, ring.size, beta)
    tree = prioritized.update(tree, index, (jnp.abs(td_error) + 1e-6) ** alpha)
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
from jax import Array

from pgvq.replay.ring import ReplayState
from pgvq.types import InputError, Key

FAN_OUT = 16  # children of every node; measured by benchmarks/replay_speed.py


class Priorities(NamedTuple):
    """The sum tree over a ring of `C` rows; `F` is the fan-out.

    Row `n` of a level holds the children of node `n` of the level above it. What is
    beyond the capacity is zero.
    """

    levels: tuple[Array, ...]  # [ceil(C / F), F], [ceil(C / F^2), F], ..., [1, F]
    max_priority: Array  # [] float32: the highest priority so far, for new rows


def init(capacity: int) -> Priorities:
    """Priorities of an empty ring of `capacity` rows: all zero.

    New rows get the highest priority so far; before any was seen that is 1, as in the
    paper (algorithm 1). Raises `InputError` if `capacity` is less than 1.
    """
    if capacity < 1:
        raise InputError(
            f"capacity={capacity} leaves no row to give a priority to; use at least 1"
        )
    levels, count = [], capacity
    while not levels or count > 1:
        count = -(-count // FAN_OUT)
        levels.append(jnp.zeros((count, FAN_OUT), jnp.float32))
    return Priorities(tuple(levels), jnp.float32(1))


def update(tree: Priorities, index: Array, priority: Array) -> Priorities:
    """Gives the rows `index [B]` (int32) their new `priority [B]`, as it is.

    Priorities are finite and not negative; a row of priority 0 is never drawn again, so
    the paper adds a little to `|TD error|` before raising it to alpha (section 3.3).
    Which priority holds of a row that is named twice is not specified. Every sum above
    a leaf is computed anew from its children, so that rounding never adds up.
    """
    chex.assert_equal_shape((index, priority))
    levels, node, value = [], index, priority
    for level in tree.levels:
        parent, child = node // FAN_OUT, node % FAN_OUT
        level = level.at[parent, child].set(value, mode="promise_in_bounds")
        levels.append(level)
        node = parent
        value = level.at[node].get(mode="promise_in_bounds").sum(axis=-1)
    highest = jnp.maximum(tree.max_priority, priority.max())
    return Priorities(tuple(levels), highest)


def add(tree: Priorities, ring: ReplayState, count: int) -> Priorities:
    """Gives the `count` newest rows of `ring` the highest priority so far.

    `ring` is the ring after they were written.
    """
    capacity = jax.tree.leaves(ring.rows)[0].shape[0]
    index = (ring.position - count + jnp.arange(count)) % capacity
    return update(tree, index, jnp.full((count,), tree.max_priority))


def sample(tree: Priorities, key: Key, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Rows drawn in proportion to their priorities; consumes `key`.

    Returns their `index [*shape]` (int32) and `probability [*shape]` (float32). The
    last axis of `shape` is a minibatch: the sum of all priorities is cut into as many
    equal ranges, and one row is drawn from each (appendix B.2.1). Never draws a row of
    priority zero, however sums are rounded, if any row has another. If none has, or if
    priorities were not finite, the rows are within the ring but mean nothing.
    """
    total = tree.levels[-1].sum()
    strata = jnp.arange(shape[-1]) + jax.random.uniform(key, shape)
    target = strata / shape[-1] * total
    node = jnp.zeros(shape, jnp.int32)
    priority = jnp.broadcast_to(total, shape)
    for level in reversed(tree.levels):
        children = level.at[node].get(mode="promise_in_bounds")
        child, target, priority = choose_child(children, target)
        node = node * FAN_OUT + child
    return node, priority / total


def choose_child(children: Array, target: Array) -> tuple[Array, Array, Array]:
    """The child that covers `target [...]` in the running sum of `children [..., F]`.

    Returns its position, what is left of the target, and its value, all `[...]`. It is
    the last child above zero that begins at the target or before, which there always
    is, even where rounding took the target past the end of the last one.
    """
    # A product with a triangle of ones: XLA's cumsum is several times slower here.
    earlier = jnp.triu(jnp.ones((FAN_OUT, FAN_OUT), jnp.float32), 1)
    before = jnp.dot(children, earlier, precision=jax.lax.Precision.HIGHEST)
    reached = (before <= target[..., None]) & (children > 0)
    child = jnp.max(jnp.where(reached, jnp.arange(FAN_OUT), 0), axis=-1)
    at = child[..., None]
    left = target - jnp.take_along_axis(before, at, axis=-1)[..., 0]
    return child, left, jnp.take_along_axis(children, at, axis=-1)[..., 0]


def importance_weights(probability: Array, size: Array, beta: Array | float) -> Array:
    """`w_i = (N P(i))^-beta / max_j w_j` of minibatches `probability [..., B]`.

    Corrects what non-uniform sampling does to an expectation, fully with `beta` 1
    (section 3.4); N is `size`, the number of rows in the ring. Largest weight is 1.
    """
    weights = (size * probability) ** -beta
    return weights / weights.max(axis=-1, keepdims=True)
