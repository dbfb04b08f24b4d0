"""Samplers: by which rule rows of the replay become minibatches.

A sampler is an object of static settings; what changes, its state, is a pytree of its
own: `()` for uniform sampling, a tree of priorities for proportional sampling.

    state = sampler.init(capacity)
    state = sampler.add(state, ring, count)          # `count` rows were written
    plan = sampler.plan(ring, key, updates)          # leaves [U, ...], for a scan
    batch = sampler.sample(state, ring, plan[u], beta)
    state = sampler.update(state, batch.places, error)
"""

from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.replay import prioritized, ring
from pgvq.replay.ring import ReplayState
from pgvq.types import Key, PyTree


class Minibatch(NamedTuple):
    """Rows sampled for one update."""

    rows: PyTree  # leaves [B, ...]
    places: Array  # [B] int32: their positions in the replay
    weight: Array  # [B] float32: importance weights; 1 for uniform sampling


class Sampler(Protocol):
    """How rows are sampled, `B` for each update."""

    def init(self, capacity: int) -> PyTree:
        """The state of an empty replay of `capacity` rows."""
        ...

    def add(self, state: PyTree, replay: ReplayState, count: int) -> PyTree:
        """The state after `count` rows were written; `replay` holds them already."""
        ...

    def plan(self, replay: ReplayState, key: Key, updates: int) -> PyTree:
        """What each of `updates` updates samples by, leaves `[U, ...]`; consumes `key`.

        It is made before the first update, so it may not depend on the state.
        """
        ...

    def sample(
        self, state: PyTree, replay: ReplayState, plan: PyTree, beta: Array | float
    ) -> Minibatch:
        """The minibatch of one update, by its part of `plan`.

        `beta`, `[]`: 1 corrects fully for non-uniform sampling, 0 not at all.
        """
        ...

    def update(self, state: PyTree, places: Array, error: Array) -> PyTree:
        """The state after rows at `places [B]` had the errors `|error| [B]`."""
        ...


class Uniform(NamedTuple):
    """Every row alike, with replacement.

    All minibatches of an iteration are gathered at once, because one large gather costs
    less than many small ones.
    """

    batch_size: int  # B

    def init(self, capacity: int) -> PyTree:
        """No state."""
        return ()

    def add(self, state: PyTree, replay: ReplayState, count: int) -> PyTree:
        """No state."""
        return state

    def plan(self, replay: ReplayState, key: Key, updates: int) -> Minibatch:
        """The minibatches themselves, leaves `[U, B, ...]`."""
        shape = (updates, self.batch_size)
        places = jax.random.randint(key, shape, 0, jnp.maximum(replay.size, 1))
        return Minibatch(ring.take(replay, places), places, jnp.ones(shape))

    def sample(
        self, state: PyTree, replay: ReplayState, plan: Minibatch, beta: Array | float
    ) -> Minibatch:
        """The planned minibatch."""
        return plan

    def update(self, state: PyTree, places: Array, error: Array) -> PyTree:
        """No state."""
        return state


class Proportional(NamedTuple):
    """In proportion to priorities, `|error| ** exponent` (Schaul et al. 2016)."""

    batch_size: int  # B
    exponent: Array | float  # [], alpha of the paper: 0 is uniform, 1 proportional

    def init(self, capacity: int) -> prioritized.Priorities:
        """A tree of zero priorities."""
        return prioritized.init(capacity)

    def add(
        self, state: prioritized.Priorities, replay: ReplayState, count: int
    ) -> prioritized.Priorities:
        """New rows get the highest priority so far."""
        return prioritized.add(state, replay, count)

    def plan(self, replay: ReplayState, key: Key, updates: int) -> Key:
        """A key for each update `[U]`, because every update changes the priorities."""
        return jax.random.split(key, updates)

    def sample(
        self,
        state: prioritized.Priorities,
        replay: ReplayState,
        plan: Key,
        beta: Array | float,
    ) -> Minibatch:
        """Rows in proportion to their priorities, with importance weights."""
        shape = (self.batch_size,)
        places, probability = prioritized.sample(state, plan, shape)
        weight = prioritized.importance_weights(probability, replay.size, beta)
        return Minibatch(ring.take(replay, places), places, weight)

    def update(
        self, state: prioritized.Priorities, places: Array, error: Array
    ) -> prioritized.Priorities:
        """Rows at `places` get the priorities of their errors."""
        priority = (jnp.abs(error) + 1e-6) ** self.exponent
        return prioritized.update(state, places, priority)
