"""What the checks look at: programs, and what they left behind.

Compilation is what an examination costs, so each program is made once, when the first
check asks for it, and asked as much as possible: lanes of one program differ in seed,
in the values of float fields, and in the decision process that they live in.
"""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.doctor import anatomy
from pgvq.doctor.once import once
from pgvq.doctor.probe import STATES
from pgvq.doctor.school import ASKED, Learnt, School
from pgvq.doctor.sizing import AWKWARD, Size, sized
from pgvq.doctor.trials import TRIALS, WANDER
from pgvq.training.lane import TRAINING, Lane, Progress, seed_key
from pgvq.training.lanes import Lanes
from pgvq.types import InputError, Key

SEEDS = 4  # of the contract
COUNTED = 12  # iterations of the contract
HALF = COUNTED // 2
QUIET = 3  # iterations before the first episode can end
LOUD = 8  # iterations after which none ends any more
TINY_NORM = 1e-3


class Lived(NamedTuple):
    """Lanes of the contract, step by step."""

    lanes: Lanes
    names: list[str]  # of the lanes: "seed 0", ..., then the changed fields
    snapshots: list[Progress]  # on the host, after 0, 1, ... iterations
    metrics: list[dict[str, np.ndarray]]  # [L] of each iteration


class Alone(NamedTuple):
    """Each seed in programs that are not vmapped."""

    begun: list[Any]  # by seed: what `init` makes
    # By seed, then by iteration 1, 2, ...: what `iterate` makes of the state that the
    # batch had before it. So rounding cannot grow, and what differs is the iteration's.
    iterated: list[list[Any]]


class Acted(NamedTuple):
    """Actions of a fresh agent."""

    actions: dict[str, np.ndarray]  # by mode, [2, ASKED], one row per key


class Lab:
    """Everything that is made of one algorithm; nothing before it is asked for."""

    def __init__(self, algorithm: Any, trials: Sequence[str] = tuple(TRIALS)) -> None:
        """`trials` are those that will be asked for: they are learnt together."""
        self.algorithm = algorithm
        self.trials = tuple(trials)

    @once
    def _awkward(self) -> tuple[Any, Size]:
        algorithm, size = sized(self.algorithm, AWKWARD, WANDER)
        budget = algorithm.initial_steps + COUNTED * algorithm.steps_per_iteration
        before = algorithm.initial_steps // size.num_envs
        world = dataclasses.replace(
            WANDER,
            clock_from=jnp.int32(before + QUIET * size.rollout_length),
            clock_until=jnp.int32(before + LOUD * size.rollout_length),
        )
        changes = {"env_params": world, "budget": float(budget)}
        return anatomy.replaced(algorithm, **changes), size

    @property
    def small(self) -> Any:
        """The algorithm in awkward numbers, on a probe."""
        return self._awkward[0]

    @property
    def size(self) -> Size:
        """Those numbers."""
        return self._awkward[1]

    @once
    def own(self) -> tuple[Any, str]:
        """It on its own environment; where that does not fit, small, and why."""
        try:
            jax.eval_shape(self.algorithm.init, jax.random.key(0))
        except InputError as error:
            return self.small, str(error)
        return self.algorithm, ""

    @once
    def changed(self) -> dict[str, Any]:
        """The small algorithm with another value in one float field, by that field."""
        return {
            name: other
            for name in anatomy.sweepable(self.small)
            if (other := _with_another(self.small, name)) is not None
        }

    @once
    def lived(self) -> Lived:
        """Seeds and changed fields side by side, a look at each iteration."""
        seeds = [Lane("it", self.small, seed) for seed in range(SEEDS)]
        others = [Lane(name, other, 0) for name, other in self.changed.items()]
        names = [f"seed {seed}" for seed in range(SEEDS)] + list(self.changed)
        if "max_grad_norm" in anatomy.sweepable(self.small):
            names.append("clipped")
            world = self.small.env_params.replace(
                reward=100.0 * self.small.env_params.reward
            )
            changes = {"max_grad_norm": TINY_NORM, "env_params": world}
            clipped = anatomy.replaced(self.small, **changes)
            others.append(Lane("clipped", clipped, 0))
        # One device is enough for what is over in milliseconds, and compiles faster.
        one = jax.local_devices()[:1]
        lanes = Lanes(seeds + others, games=2, max_steps=6, devices=one)
        progress = lanes.start()
        snapshots, metrics = [lanes.to_host(progress)], []
        for _ in range(COUNTED):
            progress, _ = lanes.advance(progress, 1)
            progress, known = lanes.metrics(progress)
            snapshots.append(lanes.to_host(progress))
            metrics.append(known)
        return Lived(lanes, names, snapshots, metrics)

    @once
    def series(self) -> list[Any]:
        """States of seed 0 after 0, 1, ... iterations, keys as their data."""
        return [lane_of(progress.state, 0) for progress in self.lived.snapshots]

    def checked_for_keys(self) -> None:
        """Traces everything with JAX's check that no key is used twice.

        Raises:
            jax.errors.KeyReuseError: one is.
        """
        small, obs = self.small, jnp.tile(anatomy.seen(), (2, 1))

        def all_of_it(key: Key, key_act: Key, key_explore: Key) -> Any:
            state = small.init(key)
            for _ in range(2):
                state, _ = small.iterate(state)
            return (
                state,
                anatomy.actions(small, state, obs, key_act, greedy=True),
                anatomy.actions(small, state, obs, key_explore, greedy=False),
            )

        keys = jax.random.split(jax.random.key(0), 3)
        with jax.debug_key_reuse(True):
            jax.jit(all_of_it).trace(*keys)

    @once
    def alone(self) -> Alone:
        """The seeds of the contract, each step of theirs without `vmap`."""
        init, iterate = jax.jit(self.small.init), jax.jit(self.small.iterate)
        keys = [seed_key(jnp.uint32(seed), TRAINING) for seed in range(SEEDS)]
        begun = [init(key) for key in keys]
        kinds, before = begun[0], self.lived.snapshots[:-1]
        iterated = [
            [iterate(keyed(lane_of(s.state, seed), kinds))[0] for s in before]
            for seed in range(SEEDS)
        ]
        return Alone(begun, iterated)

    @once
    def acted(self) -> Acted:
        """What a fresh agent does, in both modes and with two keys."""
        small = self.small
        obs = jnp.tile(anatomy.seen(), (ASKED // STATES + 1, 1))[:ASKED]

        @jax.jit
        def act(key: Key, keys: Key) -> dict[str, list[Array]]:
            state = small.init(key)
            return {
                mode: [
                    anatomy.actions(small, state, obs, key, greedy=mode == "greedy")
                    for key in keys
                ]
                for mode in ("greedy", "explore")
            }

        key, keys = seed_key(jnp.uint32(1), TRAINING), jax.random.key(9)
        acted = jax.device_get(act(key, jax.random.split(keys, 2)))
        return Acted({mode: np.stack(rows) for mode, rows in acted.items()})

    @once
    def school(self) -> School:
        """Where the trials are learnt."""
        return School(self.algorithm, self.trials)

    def prepare(self) -> None:
        """Has the trials learnt; what they raise is raised again when one is asked."""
        with contextlib.suppress(Exception, SystemExit):
            _ = self.school.learnt

    def learnt(self, trial: str) -> Learnt | None:
        """What came of a trial; None where the algorithm lacks a field for it."""
        return self.school.learnt.get(trial)

    def longer(self, trial: str) -> Learnt:
        """The same after four times as much learning."""
        return self.school.longer[trial]


def _with_another(algorithm: Any, name: str) -> Any:
    """The algorithm with another value in a field; None if it takes none of some."""
    value = float(getattr(algorithm, name))
    for other in (value / 2, 0.1 if value == 0 else 2 * value, value + 0.1):
        if other != value:
            try:
                return dataclasses.replace(algorithm, **{name: other})
            except InputError:
                continue
    return None


def keyed(tree: Any, like: Any) -> Any:
    """A tree with keys where `like` has them, and their data in it."""
    return jax.tree.map(
        lambda leaf, kind: (
            jax.random.wrap_key_data(jnp.asarray(leaf))
            if jnp.issubdtype(kind.dtype, jax.dtypes.prng_key)
            else leaf
        ),
        tree,
        like,
    )


def lane_of(tree: Any, lane: int) -> Any:
    """One lane's part of a tree with leaves `[L, ...]`."""
    return jax.tree.map(lambda leaf: leaf[lane], tree)
