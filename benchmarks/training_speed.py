"""How fast training is, how both cores are used, and what it costs beside bare updates.

    python benchmarks/training_speed.py [--algorithms ppo dqn] [--seeds 1 8 32]
                                        [--seconds 4] [--json FILE]

For every algorithm at its defaults, and some variants, without evaluation: agent steps
per second summed over the seeds, on one core (a process of its own, pinned to it,
because XLA gives even one device threads on every core) and on all devices, and the
time an iteration takes over that of its updates alone. Two such ratios are given:

  rule   the algorithm's own loss: forward passes of every network it reads, backward
         pass and Adam, on rows that never change, out of one real rollout or replay;
  bare   the least one could call an update: one forward and one backward pass on those
         rows, and Adam.

What bare passes forward and back:

  reinforce, actor_critic   policy and critic, on the rollout
  ppo                       policy and critic, on one minibatch
  ppo-memory                the recurrent network, unrolled over the time of a
                            minibatch's environments
  sac                       actor and both critics, on a minibatch's observations
  dqn, pqn                  the network, on a minibatch's observations; with quantiles
                            the error of their mean alone, where the rule compares all
                            pairs of them
  analytic                  nothing, its backward pass goes through the game: '-'
  tabular                   nothing, it has no network: '-', as for an algorithm that
                            `updates_alone.py` does not know

Aimed at are at most 1.6 over bare, and at least 1.8 for two cores over one where there
are seeds for both; what misses that is marked with an exclamation mark.

Compilation is timed apart. All programs take turns, and a ratio is the median of those
within one turn, because the machine may be busy with other things: trust the ratios.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

if any(word.startswith("--only") for word in sys.argv) and sys.platform == "linux":
    # Before JAX starts its threads, which keep to the cores of the one they come from.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import pgvq  # first: it gives JAX one device per core
from pgvq.algorithms import ALGORITHMS
from pgvq.storage.provenance import provenance
from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes

import jax  # isort: skip
import jax.numpy as jnp  # isort: skip
from jax.sharding import PartitionSpec  # isort: skip
from turns import take_turn  # isort: skip
from updates_alone import Loss, Update, update_of, updates  # isort: skip

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ppo-memory": ("ppo", {"memory_size": 64}),
    "dqn-dueling": ("dqn", {"dueling": True}),
    "dqn-3-step": ("dqn", {"n_step": 3}),
    "dqn-prioritized": ("dqn", {"prioritized": True}),
    "dqn-quantiles": ("dqn", {"quantiles": 32}),
}
TURNS = 4
MOST_OVER_BARE = 1.6
LEAST_SCALING = 0.9  # per device


def main() -> None:
    options = parsed()
    if options.only:
        only(options)
        return
    machine = provenance()
    print(f"{machine['processor']}, {pgvq.devices.describe()}, jax {jax.__version__}")
    devices = f"{len(jax.local_devices())} devices"
    print(
        f"{'':16}{'seeds':>5}{'1 core':>10}{devices:>11}{'/ core':>9}"
        f"{'rule':>8}{'bare':>8}{'compile':>9}"
    )
    rows = []
    for name in options.algorithms:
        for seeds in options.seeds:
            rows.append(measure(name, seeds, options.seconds))
            print(described(rows[-1]), flush=True)
    print("agent steps/s of all seeds together; rule and bare: time over updates alone")
    if options.json:
        text = json.dumps({"machine": machine, "rows": rows}, indent=2, default=str)
        options.json.write_text(text + "\n")


def parsed() -> argparse.Namespace:
    """The options of the command line."""
    names = [*ALGORITHMS, *VARIANTS]
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument(
        "--algorithms", nargs="+", choices=names, default=names, metavar="NAME"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=4.0, help="per measurement")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument(
        "--only", choices=names, metavar="NAME", help="its steps/s on one core alone"
    )
    parser.add_argument(
        "--again", action="store_true", help="with --only: once more per line of input"
    )
    return parser.parse_args()


def only(options: argparse.Namespace) -> None:
    """Prints agent steps/s on the devices of this process."""
    for seeds in options.seeds:
        programs = lanes_of(built(options.only), seeds)
        train = paced(trainer(programs), programs, options.seconds)
        turn = partial(take_turn, train, options.seconds / TURNS)
        print(turn()["per_second"], flush=True)
        for _ in sys.stdin if options.again else ():
            print(turn()["per_second"], flush=True)


def measure(name: str, seeds: int, seconds: float) -> dict[str, Any]:
    """All figures of one algorithm with so many seeds, measured in turns."""
    algorithm = built(name)
    update, note = update_of(algorithm)
    with one_core(name, seeds, seconds) as core:
        programs = lanes_of(algorithm, seeds)
        runs = {"all": trainer(programs)}
        if update:
            runs |= updaters(programs, update)
        core()  # what it says first, once it is ready; from now on it waits for us
        works = {turn: paced(run, programs, seconds) for turn, run in runs.items()}
        speeds: dict[str, list[float]] = {turn: [] for turn in ("core", *works)}
        for _ in range(TURNS):
            speeds["core"].append(core(again=True))
            for turn, work in works.items():
                speed = take_turn(work, seconds / TURNS)
                speeds[turn].append(speed["per_second"])
    return {
        "algorithm": name,
        "settings": VARIANTS.get(name, (name, {}))[1],
        "seeds": seeds,
        "one_core": statistics.median(speeds["core"]),
        "all_devices": statistics.median(speeds["all"]),
        "scaling": median_ratio(speeds["all"], speeds["core"]),
        "over_rule": median_ratio(speeds["rule"], speeds["all"]) if update else None,
        "over_bare": median_ratio(speeds["bare"], speeds["all"]) if update else None,
        "compile_seconds": programs.compile_seconds,
        "note": note,
    }


def described(row: dict[str, Any]) -> str:
    """A line of the table."""
    devices = len(jax.local_devices())
    slow = row["seeds"] >= devices > 1 and row["scaling"] < LEAST_SCALING * devices
    costly = row["over_bare"] is not None and row["over_bare"] > MOST_OVER_BARE
    return (
        f"{row['algorithm']:16}{row['seeds']:5d}{row['one_core'] / 1e3:9.0f}k"
        f"{row['all_devices'] / 1e3:10.0f}k{figure(row['scaling'], slow)}"
        f"{figure(row['over_rule'], False)}{figure(row['over_bare'], costly)}"
        f"{row['compile_seconds']:7.1f}s  {row['note']}"
    ).rstrip()


def figure(ratio: float | None, missed: bool) -> str:
    """A ratio, or '-' where there is none, and whether it misses what is aimed at."""
    number = f"{'-':>8}" if ratio is None else f"{ratio:8.2f}"
    return number + ("!" if missed else " ")


def median_ratio(above: list[float], below: list[float]) -> float:
    """The median over the turns of two speeds' ratio."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def built(name: str) -> Any:
    """The algorithm of a row."""
    kind, settings = VARIANTS.get(name, (name, {}))
    return ALGORITHMS[kind](**settings)


def lanes_of(algorithm: Any, seeds: int) -> Lanes:
    """Programs for so many seeds, on all devices of this process."""
    return Lanes([Lane("", algorithm, seed) for seed in range(seeds)], 1, 100)


@contextlib.contextmanager
def one_core(name: str, seeds: int, seconds: float) -> Iterator[Callable[..., float]]:
    """Agent steps/s of a process that is pinned to one core and has one device.

    It compiles while its parent does, says its first figure when it is ready, and then
    one more whenever it is asked to do so again.
    """
    command = [sys.executable, __file__, f"--only={name}", "--again"]
    command += [f"--seeds={seeds}", f"--seconds={seconds}"]
    with subprocess.Popen(
        command,
        env=os.environ | {"PGVQ_DEVICES": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        asked, said = process.stdin, process.stdout

        def speed(again: bool = False) -> float:
            if again:
                print(file=asked, flush=True)
            return float(said.readline())

        yield speed


def paced(
    run: Callable[[int], None], programs: Lanes, seconds: float
) -> Callable[[], int]:
    """`run` by small parts of a turn; each returns the agent steps that it stands for.

    The parts are still long beside the time that it takes to start a program.
    """
    run(1)
    began = time.perf_counter()
    run(4)
    each = max(time.perf_counter() - began, 1e-6) / 4
    iterations = max(1, int(seconds / TURNS / 4 / each))
    steps = programs.lanes[0].algorithm.steps_per_iteration * len(programs.lanes)

    def part() -> int:
        run(iterations)
        return iterations * steps

    return part


def trainer(programs: Lanes) -> Callable[[int], None]:
    """Trains for so many iterations."""
    progress = programs.start()

    def run(iterations: int) -> None:
        nonlocal progress
        progress, _ = programs.advance(progress, iterations)

    return run


def updaters(programs: Lanes, update: Update) -> dict[str, Callable[[int], None]]:
    """The updates of so many iterations alone, on the same devices and lanes."""
    algorithm = programs.lanes[0].algorithm
    lanes, same = PartitionSpec("lanes"), PartitionSpec()
    sharded = partial(
        jax.shard_map, mesh=programs.mesh, out_specs=lanes, check_vma=False
    )
    state = programs.start().state
    make_rows = jax.vmap(partial(update.rows, algorithm))
    rows = jax.jit(sharded(make_rows, in_specs=lanes))(state)
    given = state.learner.params, state.learner.opt_state, rows

    def updater(loss: Loss) -> Callable[[int], None]:
        by_lane = jax.vmap(partial(updates, algorithm, loss), in_axes=(None, 0, 0, 0))
        program = jax.jit(sharded(by_lane, in_specs=(same, lanes, lanes, lanes)))

        def run(iterations: int) -> None:
            jax.block_until_ready(program(jnp.int32(iterations), *given))

        return run

    return {"rule": updater(update.rule), "bare": updater(update.bare)}


if __name__ == "__main__":
    main()
