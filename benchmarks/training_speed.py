"""How fast training is, how both cores are used, and what it costs beside bare updates.

    python benchmarks/training_speed.py [--seeds 1 8 32] [--seconds 4] [--json FILE]

For every algorithm at its defaults on Pong, without evaluation: agent steps per second
summed over the seeds, on one core (a process of its own, pinned to it, because XLA
gives even one device threads on every core), on one device and on all of them, and the
time an iteration takes over that of its updates alone. Two such ratios are given:

  rule   the algorithm's own loss: forward passes of every network it reads, backward
         pass and Adam, on rows of the same shape that never change;
  bare   the least one could call an update: one forward and one backward pass of the
         network on those rows, and Adam.

Compilation is timed apart. Everything is measured in turns within one run, because the
machine may be busy with other things: trust the ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if any(word.startswith("--only") for word in sys.argv) and sys.platform == "linux":
    # Before JAX starts its threads, which keep to the cores of the one they come from.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import pgvq  # first: it gives JAX one device per core
from pgvq.algorithms import ALGORITHMS
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.lane import Lane
from pgvq.losses import action_value, entropy, log_prob, squared_error
from pgvq.networks import apply_over_time
from pgvq.optimizers import adam
from pgvq.provenance import provenance
from pgvq.training import Lanes
from pgvq.types import Transition

import jax  # isort: skip
import jax.numpy as jnp  # isort: skip
import optax  # isort: skip
from jax.sharding import PartitionSpec  # isort: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=4.0, help="per measurement")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--only", help="steps/s of one algorithm, nothing else")
    options = parser.parse_args()
    if options.only:
        algorithm = ALGORITHMS[options.only]()
        for seeds in options.seeds:
            print(steps_per_second(algorithm, seeds, options.seconds))
        return

    machine = provenance()
    count = len(jax.local_devices())
    print(f"{machine['processor']}, {pgvq.devices.describe()}, jax {jax.__version__}")
    print(
        f"{'':14}{'seeds':>6}{'1 core':>10}{'1 device':>10}{f'{count} devices':>11}"
        f"{'/ core':>7}"
        f"{'rule':>7}{'bare':>7}{'compile':>9}"
    )
    rows = []
    for name, kind in ALGORITHMS.items():
        for seeds in options.seeds:
            row = measure(name, kind(), seeds, options.seconds)
            rows.append(row)
            print(
                f"{name:14}{seeds:6d}{row['one_core'] / 1e3:9.0f}k"
                f"{row['one_device'] / 1e3:9.0f}k{row['all_devices'] / 1e3:10.0f}k"
                f"{row['scaling']:7.2f}"
                f"{row['over_rule']:7.2f}{row['over_bare']:7.2f}"
                f"{row['compile_seconds']:8.1f}s",
                flush=True,
            )
    print("agent steps/s of all seeds together; rule and bare: time over updates alone")
    if options.json:
        text = json.dumps({"machine": machine, "rows": rows}, indent=2, default=str)
        options.json.write_text(text + "\n")


def measure(name: str, algorithm: Any, seeds: int, seconds: float) -> dict[str, Any]:
    """All figures of one algorithm with so many seeds, measured in turns."""
    lanes = [Lane(name, algorithm, seed) for seed in range(seeds)]
    everything = Lanes(lanes, 1, 100)
    one = Lanes(lanes, 1, 100, devices=jax.local_devices()[:1])
    turns: dict[str, Callable[[int], float]] = {
        "all": trainer(everything),
        "one": trainer(one),
        "rule": updater(everything, rule_loss),
        "bare": updater(everything, bare_loss),
    }
    before = one_core(name, seeds)
    counts = {turn: calibrated(run, seconds / 4) for turn, run in turns.items()}
    spent: dict[str, list[float]] = {turn: [] for turn in turns}
    for _ in range(4):
        for turn, run in turns.items():
            spent[turn].append(run(counts[turn]) / counts[turn])
    best = {turn: statistics.median(times) for turn, times in spent.items()}
    # Before and after what it is compared with, for the machine may change its pace.
    core = (before + one_core(name, seeds)) / 2
    steps = algorithm.steps_per_iteration * seeds
    return {
        "algorithm": name,
        "seeds": seeds,
        "one_core": core,
        "one_device": steps / best["one"],
        "all_devices": steps / best["all"],
        "scaling": steps / best["all"] / core,
        "over_rule": best["all"] / best["rule"],
        "over_bare": best["all"] / best["bare"],
        "compile_seconds": everything.compile_seconds,
    }


def one_core(name: str, seeds: int) -> float:
    """Agent steps/s of a process that is pinned to one core and has one device."""

    said = subprocess.run(
        [sys.executable, __file__, f"--only={name}", "--seeds", str(seeds)],
        env=os.environ | {"PGVQ_DEVICES": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(said.stdout)


def steps_per_second(algorithm: Any, seeds: int, seconds: float) -> float:
    """Agent steps/s of all seeds together, on all devices of this process."""
    train = trainer(Lanes([Lane("", algorithm, s) for s in range(seeds)], 1, 100))
    count = calibrated(train, seconds / 2)
    times = [train(count) / count for _ in range(2)]
    return algorithm.steps_per_iteration * seeds / statistics.median(times)


def calibrated(run: Callable[[int], float], seconds: float) -> int:
    """How many iterations take about so long."""
    run(1)
    return max(2, int(4 * seconds / max(run(4), 1e-6)))


def trainer(programs: Lanes) -> Callable[[int], float]:
    """Trains for so many iterations and returns the seconds."""
    progress = programs.start()

    def run(iterations: int) -> float:
        nonlocal progress
        progress, seconds = programs.advance(progress, iterations)
        return seconds

    return run


def updater(programs: Lanes, loss: Callable[..., Any]) -> Callable[[int], float]:
    """The updates of so many iterations alone, on the same devices and lanes."""
    algorithm = programs.lanes[0].algorithm
    learner = programs.start().state.learner
    data = example_rows(algorithm)

    def updates(count: Any, params: Any, opt_state: Any) -> Any:
        def one(_: Any, carry: Any) -> Any:
            params, opt_state = carry
            grads = jax.grad(loss, argnums=1)(algorithm, params, data)
            changes, opt_state = adam(1e-4, 1.0).update(grads, opt_state)
            return optax.apply_updates(params, changes), opt_state

        return jax.lax.fori_loop(
            0, count * algorithm.updates_per_iteration, one, (params, opt_state)
        )

    shard = PartitionSpec("lanes")
    program = jax.jit(
        jax.shard_map(
            jax.vmap(updates, in_axes=(None, 0, 0)),
            mesh=programs.mesh,
            in_specs=(PartitionSpec(), shard, shard),
            out_specs=shard,
            check_vma=False,
        )
    )

    def run(iterations: int) -> float:
        began = time.perf_counter()
        args = (jnp.int32(iterations), learner.params, learner.opt_state)
        jax.block_until_ready(program(*args))
        return time.perf_counter() - began

    return run


def example_rows(algorithm: Any) -> Transition:
    """Rows of the shape that one update sees, drawn at random."""
    is_rollout = isinstance(algorithm, PolicyGradient)
    shape = (
        (algorithm.rollout_length, algorithm.num_envs)
        if is_rollout
        else (algorithm.batch_size,)
    )
    keys = jax.random.split(jax.random.key(0), 4)
    width = algorithm.env.observation_space(algorithm.params).shape
    return Transition(
        obs=jax.random.normal(keys[0], shape + width),
        action=jax.random.randint(keys[1], shape, 0, algorithm.num_actions),
        reward=jax.random.normal(keys[2], shape),
        next_obs=jax.random.normal(keys[3], shape + width),
        terminated=jnp.zeros(shape, dtype=bool).at[0].set(True),
        truncated=jnp.zeros(shape, dtype=bool),
    )


def rule_loss(algorithm: Any, params: Any, rows: Transition) -> Any:
    """The algorithm's own loss, with every network that it reads."""
    if isinstance(algorithm, PolicyGradient):
        return algorithm.loss(params, rows)[0]
    older = jax.tree.map(jax.lax.stop_gradient, params)
    return algorithm.loss(params, older, rows)[0]


def bare_loss(algorithm: Any, params: Any, rows: Transition) -> Any:
    """One forward pass, and a loss on every output."""
    if isinstance(algorithm, PolicyGradient):
        logits, value = apply_over_time(algorithm.network, params, rows.obs)
        policy = -log_prob(logits, rows.action) * rows.reward - 0.01 * entropy(logits)
        return (policy + squared_error(value, rows.reward)).mean()
    q_values = algorithm.network.apply(params, rows.obs)
    return squared_error(action_value(q_values, rows.action), rows.reward).mean()


if __name__ == "__main__":
    main()
