"""Lanes: many seeds and hyper-parameters, trained in one program on all devices.

A lane is one algorithm object with one seed. Lanes whose algorithms differ in float
fields alone have the same program, so they train together: vmapped, and sharded over
the devices. Between two chunks of iterations the state comes back to the host, which
is where progress, evaluation, checkpoints and results happen.
"""

import copy
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from pgvq.algorithms.contract import Algorithm
from pgvq.devices import side_by_side
from pgvq.training import debugging
from pgvq.training.lane import (
    Evaluation,
    Lane,
    Progress,
    advance_lane,
    evaluate_lane,
    init_lane,
)
from pgvq.types import InputError


class Lanes:
    """Compiled programs for lanes of one structure.

    Attributes:
        lanes: the L lanes.
        compile_seconds: spent in tracing and compiling so far.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        games: int,
        max_steps: int,
        devices: Sequence[Any] | None = None,
    ) -> None:
        """Lays lanes out over the devices; compiles nothing yet.

        Args:
            lanes: L of them, equal in the structure of their algorithms.
            games: complete games per lane, evaluation and mode.
            max_steps: agent steps after which such a game counts as truncated.
            devices: to train on; all local ones unless given.
        """
        self.lanes = list(lanes)
        self._evaluate = partial(evaluate_lane, games, max_steps)
        self.compile_seconds = 0.0
        self._programs: dict[str, Any] = {}
        # Asked once: programs are compiled in threads, which do not know of a `with`.
        self._eager, self._finds_nans = debugging.is_eager(), debugging.finds_nans()

        used = list(devices or jax.local_devices())[: len(self.lanes)]
        self.mesh = Mesh(np.array(used), ("lanes",))
        # Uneven numbers: the last lane is repeated so that the devices share equally.
        rows = list(range(len(self.lanes)))
        rows += [rows[-1]] * (-len(rows) % len(used))
        self._rows = np.array(rows)
        self._inputs = self._laid_out()

    def with_lanes(self, lanes: Sequence[Lane]) -> "Lanes":
        """Other lanes in the same compiled programs.

        Args:
            lanes: as many, of the same structure.
        """
        assert len(lanes) == len(self.lanes), "programs are compiled for L lanes"
        other = copy.copy(self)
        other.lanes, other.compile_seconds = list(lanes), 0.0
        other._inputs = other._laid_out()
        return other

    def compile(self) -> None:
        """Compiles the three programs side by side, unless that is done already."""
        if self._programs:
            return
        began = time.perf_counter()
        number = jax.ShapeDtypeStruct((), jnp.int32)
        progress = self._shapes
        jobs = {
            "advance": (advance_lane, (number, self._inputs[0], progress), 1, (2,)),
            "evaluate": (
                self._evaluate,
                (number, *self._inputs, progress.state),
                1,
                (),
            ),
            "init": (init_lane, self._inputs, 0, ()),
        }
        self._programs = side_by_side(
            {name: partial(self._compiled, *job) for name, job in jobs.items()}
        )
        self.compile_seconds = time.perf_counter() - began

    def start(self) -> Progress:
        """Every lane at its beginning, after its initial steps."""
        self.compile()
        return self._watched("its start", "init", self._inputs)

    def advance(self, progress: Progress, iterations: int) -> tuple[Progress, float]:
        """Trains for `iterations` iterations; `progress` is donated.

        Returns the new progress and the seconds it took, without compilation.
        """
        self.compile()
        began = time.perf_counter()
        args = (jnp.int32(iterations), self._inputs[0], progress)
        progress = self._watched("", "advance", args)
        return progress, time.perf_counter() - began

    def evaluate(self, progress: Progress, point: int) -> tuple[Evaluation, float]:
        """Plays complete games with every lane, in every mode.

        The keys depend on the seed and on `point` alone, and never meet those of
        training: evaluating more or less often does not change what is learnt, and all
        algorithms meet the same games.

        Returns the games and the seconds they took, without compilation.
        """
        self.compile()
        began = time.perf_counter()
        args = (jnp.int32(point), *self._inputs, progress.state)
        games, diverged = jax.device_get(self._watched("its games", "evaluate", args))
        seconds = time.perf_counter() - began
        count = len(self.lanes)
        games = jax.tree.map(lambda leaf: leaf[:count], games)
        return Evaluation(games, diverged[:count]), seconds

    def metrics(self, progress: Progress) -> tuple[Progress, dict[str, np.ndarray]]:
        """Means `[L]` since the last call (NaN where none was known); starts afresh."""
        held = jax.device_get(progress.metrics)
        count = len(self.lanes)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = {
                name: (np.float64(mean.total) + mean.rounded_off)[:count]
                / np.where(mean.number > 0, mean.number, np.nan)[:count]
                for name, mean in held.items()
            }
        zeros = self._put(jax.tree.map(np.zeros_like, held))
        return progress._replace(metrics=zeros), means

    def to_host(self, progress: Progress) -> Progress:
        """Plain numpy arrays, keys as their data: what a checkpoint can hold.

        Of the L lanes alone, so that it fits machines with other numbers of devices.
        """
        count = len(self.lanes)
        host = jax.device_get(jax.tree.map(_without_key, progress))
        return jax.tree.map(lambda leaf: leaf[:count], host)

    def from_host(self, saved: Progress) -> Progress:
        """The inverse of `to_host`, laid out over this machine's devices."""
        return self._put(self._keyed(jax.tree.map(lambda x: x[self._rows], saved)))

    def host_shapes(self) -> Progress:
        """Shapes and dtypes of what `to_host` returns."""
        count = len(self.lanes)
        return jax.eval_shape(
            lambda tree: jax.tree.map(lambda x: _without_key(x)[:count], tree),
            self._shapes,
        )

    def agent(self, saved: Progress, lane: int) -> tuple[Algorithm, Any]:
        """One lane's algorithm and state, to act with, from what `to_host` returned.

        Compiles none of the programs.
        """
        state = jax.tree.map(lambda leaf: leaf[lane], self._keyed(saved).state)
        return self.lanes[lane].algorithm, state

    def _keyed(self, saved: Progress) -> Progress:
        """`saved` with its key data made into keys again."""
        return jax.tree.map(
            lambda leaf, like: (
                jax.random.wrap_key_data(jnp.asarray(leaf))
                if jnp.issubdtype(like.dtype, jax.dtypes.prng_key)
                else leaf
            ),
            saved,
            self._shapes,
        )

    def _laid_out(self) -> tuple[Algorithm, Array]:
        """Algorithms and seeds, leaves [L, ...], over the devices."""
        lanes = [self.lanes[row] for row in self._rows]
        algorithms = [lane.algorithm for lane in lanes]
        return self._put(
            (
                jax.tree.map(lambda *x: jnp.stack(x), *algorithms),
                jnp.array([lane.seed for lane in lanes], dtype=jnp.uint32),
            )
        )

    def _put(self, tree: Any) -> Any:
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec("lanes")))

    @property
    def _shapes(self) -> Progress:
        """Shapes, dtypes and layout of `start`'s answer."""
        lanes = NamedSharding(self.mesh, PartitionSpec("lanes"))
        with jax.disable_jit(False):  # which would run through every loop
            shapes = jax.eval_shape(_vmapped(init_lane), *self._inputs)
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=lanes), shapes
        )

    def _compiled(
        self, function: Any, args: Any, shared: int, donated: tuple[int, ...]
    ) -> Any:
        """`function`, written for one lane, compiled for all of them.

        Its first `shared` arguments are the same for all lanes.
        """
        # Games are compiled even so: they are long, and nothing is learnt in them.
        if self._eager and function is not self._evaluate:
            return debugging.one_by_one(function, shared)
        if self._finds_nans:
            donated = ()  # what was there before the NaN is run again
        lanes, same = PartitionSpec("lanes"), PartitionSpec()
        sharded = jax.shard_map(
            _vmapped(function, shared),
            mesh=self.mesh,
            in_specs=(same,) * shared + (lanes,) * (len(args) - shared),
            out_specs=lanes,
            check_vma=False,
        )
        with jax.disable_jit(False):
            return jax.jit(sharded, donate_argnums=donated).lower(*args).compile()

    def _watched(self, what: str, name: str, args: tuple[Any, ...]) -> Any:
        """What a program returns; if asked, an `InputError` where a NaN was born.

        `what` it does, in words; empty for training, whose iteration is found.
        """
        program = self._programs[name]
        if self._eager:
            try:
                # Games are compiled even so.
                with jax.disable_jit(name != "evaluate"):
                    return self._put(program(*args))
            except FloatingPointError as error:
                raise debugging.told(error, what or "training") from error
        if not self._finds_nans:
            return jax.block_until_ready(program(*args))
        with jax.debug_nans(False):  # a NaN of a metric is no fault
            found = jax.block_until_ready(program(*args))
        bad = debugging.bad_lanes(found.state) if name != "evaluate" else []
        if bad:
            raise self._birth(what, name, args, bad)
        return found

    def _birth(
        self, what: str, name: str, args: tuple[Any, ...], bad: list[int]
    ) -> InputError:
        """Where the first NaN of a program's state is born."""
        lane = bad[0]
        if name == "advance":
            number, algorithms, progress = args

            def advance(count: int) -> Progress:
                return self._programs["advance"](jnp.int32(count), algorithms, progress)

            count, before = debugging.first_bad(advance, int(number), lane)
            args = (jnp.int32(1), algorithms, progress if before is None else before)
            what = f"iteration {count} of a chunk"
        single = tuple(
            arg if name == "advance" and place == 0 else jax.tree.map(_of(lane), arg)
            for place, arg in enumerate(args)
        )
        function = advance_lane if name == "advance" else init_lane
        who = f"{self.lanes[lane].variant}, seed {self.lanes[lane].seed}"
        return debugging.born(f"{what} of {who}", partial(function, *single))


def _of(lane: int) -> Any:
    return lambda leaf: leaf[lane]


def _vmapped(function: Any, shared: int = 0) -> Any:
    def lanes(*args: Any) -> Any:
        axes = (None,) * shared + (0,) * (len(args) - shared)
        return jax.vmap(function, in_axes=axes)(*args)

    return lanes


def _without_key(leaf: Any) -> Any:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.key_data(leaf)
    return leaf
