"""A measure taken of agents in the course of their training, over seeds."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array
from jax.sharding import Mesh, PartitionSpec

from pgvq.algorithms.base import RolloutAlgorithm
from pgvq.diagnostics.q_values import Measure, overestimated
from pgvq.training.lane import EVALUATION, TRAINING, seed_key
from pgvq.types import InputError


def values_along_training(
    algorithms: Mapping[str, RolloutAlgorithm],
    steps: int,
    points: int,
    seeds: int,
    measure: Measure = overestimated,
    say: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Trains each algorithm with each seed and takes the measure on the way.

    Seeds train side by side, on all devices. What is learnt does not depend on the
    measure: their keys never meet. Seed `i` is that of `pgvq run`.

    Args:
        algorithms: by name. Their schedules are laid over `steps`.
        steps: agent steps to train for; rounded up to whole iterations.
        points: measurements, from the first state to the last, in equal distances.
        seeds: 0..seeds - 1.
        measure: from an algorithm, its state and a key to named scalars.
        say: told the name of each algorithm when its turn has come.

    Returns:
        A row per algorithm, point and seed: `variant`, `seed`, `agent_steps`, and the
        measured scalars by their names.

    Raises:
        InputError: fewer than two points or one seed, or so few steps that two points
            coincide.
    """
    if points < 2 or seeds < 1:
        raise InputError(
            f"points={points} and seeds={seeds} show no training: use at least 2 "
            "points (its beginning and its end) and 1 seed"
        )
    marks = {name: _marks(a, steps, points) for name, a in algorithms.items()}

    def program(name: str) -> Any:
        algorithm = algorithms[name].replace(budget=float(steps))
        return _compiled(algorithm, measure, jnp.diff(marks[name], prepend=0), seeds)

    # XLA compiles one program on one core and meanwhile lets other threads run.
    with ThreadPoolExecutor(2) as pool:
        programs = {name: pool.submit(program, name) for name in algorithms}
        frames = []
        for number, (name, made) in enumerate(programs.items(), 1):
            say(f"{name} ({number} of {len(programs)})")
            found = jax.device_get(made.result()(jnp.arange(seeds)))
            frames.append(_frame(name, algorithms[name], marks[name], found))
    return pd.concat(frames, ignore_index=True)


def _marks(algorithm: RolloutAlgorithm, steps: int, points: int) -> np.ndarray:
    """Iterations at each of the points, [P] int, from 0 on."""
    per_iteration = algorithm.steps_per_iteration
    total = -(-(steps - algorithm.initial_steps) // per_iteration)
    if total < points - 1:
        least = algorithm.initial_steps + (points - 1) * per_iteration
        raise InputError(
            f"{type(algorithm).__name__}: steps={steps} are too few for "
            f"points={points} that differ; use at least {least} steps"
        )
    return np.linspace(0, total, points).round().astype(np.int32)


def _compiled(
    algorithm: RolloutAlgorithm, measure: Measure, iterations: Array, seeds: int
) -> Any:
    """A program from seeds `[S]` to measures `[S, P]`, taken every few iterations."""

    def one_seed(seed: Array) -> dict[str, Array]:
        def to_next(state: Any, row: tuple[Array, Array]) -> tuple[Any, Any]:
            count, point = row
            state = jax.lax.fori_loop(
                0, count, lambda _, s: algorithm.iterate(s)[0], state
            )
            key = jax.random.fold_in(seed_key(seed, EVALUATION), point)
            return state, measure(algorithm, state, key)

        start = algorithm.init(seed_key(seed, TRAINING))
        rows = (iterations, jnp.arange(len(iterations)))
        return jax.lax.scan(to_next, start, rows)[1]

    devices = jax.local_devices()
    used = max(n for n in range(1, min(seeds, len(devices)) + 1) if seeds % n == 0)
    lanes = PartitionSpec("lanes")
    sharded = jax.shard_map(
        jax.vmap(one_seed),
        mesh=Mesh(np.array(devices[:used]), ("lanes",)),
        in_specs=lanes,
        out_specs=lanes,
        check_vma=False,
    )
    return jax.jit(sharded).lower(jnp.arange(seeds)).compile()


def _frame(
    name: str,
    algorithm: RolloutAlgorithm,
    marks: np.ndarray,
    found: dict[str, np.ndarray],
) -> pd.DataFrame:
    """The rows of one algorithm, from measures `[S, P]`."""
    seeds, points = next(iter(found.values())).shape
    steps = algorithm.initial_steps + marks * algorithm.steps_per_iteration
    columns = {name: numbers.ravel() for name, numbers in found.items()}
    return pd.DataFrame(
        {
            "variant": name,
            "seed": np.repeat(np.arange(seeds), points),
            "agent_steps": np.tile(steps, seeds),
            **columns,
        }
    )
