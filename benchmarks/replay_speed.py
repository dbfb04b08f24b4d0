"""What one update's use of the replay costs, uniform and prioritised, as it grows.

    python benchmarks/replay_speed.py [--lanes 1 8] [--updates 16] [--json FILE]

An iteration is what DQN does with its replay: `8 * updates` new rows of Pong's size
are written, then minibatches of 64 are sampled; prioritised, each minibatch then gets
new priorities, one minibatch after the other in a scan. Printed are microseconds per
update and lane, at several capacities, and the time of the largest over that of the
smallest. Everything runs in turns on one device, several times, and the best is taken:
the machine may be busy with other things.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pgvq  # first: it gives JAX one device per core
from pgvq.replay import prioritized
from pgvq.replay import ring as replay
from pgvq.storage.provenance import provenance
from pgvq.types import Transition

import jax  # isort: skip
import jax.numpy as jnp  # isort: skip

BATCH_SIZE = 64
STEPS_PER_UPDATE = 8
OBSERVATION = 18


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    sizes = [10_000, 100_000, 1_000_000]
    parser.add_argument("--capacities", type=int, nargs="+", default=sizes)
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--updates", type=int, default=16, help="per iteration")
    parser.add_argument("--turns", type=int, default=30, help="the best of them is it")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()

    machine = provenance()
    print(f"{machine['processor']}, {pgvq.devices.describe()}, jax {jax.__version__}")
    heads = "".join(f"{capacity:>11,}" for capacity in options.capacities)
    print(f"{'replay':12}{'lanes':>6}{heads}{'ratio':>7}")
    rows = []
    for lanes in options.lanes:
        for name, iterate in (("uniform", uniform), ("prioritised", priority_based)):
            row = measure(iterate, lanes, options)
            rows.append({"replay": name, "lanes": lanes, **row})
            figures = "".join(f"{us:11.2f}" for us in row["microseconds"].values())
            print(f"{name:12}{lanes:6d}{figures}{row['ratio']:7.2f}", flush=True)
    print("microseconds per update and lane: its rows written, sampled, reprioritised")
    if options.json:
        text = json.dumps({"machine": machine, "rows": rows}, indent=2, default=str)
        options.json.write_text(text + "\n")


def measure(iterate: Callable[..., Any], lanes: int, options: Any) -> dict[str, Any]:
    """Best microseconds per update and lane at every capacity, and their ratio."""
    runs = [
        runner(iterate, capacity, lanes, options.updates)
        for capacity in options.capacities
    ]
    best = [float("inf")] * len(runs)
    for _ in range(options.turns):
        for place, run in enumerate(runs):
            best[place] = min(best[place], run())
    scale = 1e6 / (options.updates * lanes)
    figures = [seconds * scale for seconds in best]
    return {
        "microseconds": dict(zip(options.capacities, figures, strict=True)),
        "ratio": figures[-1] / figures[0],
    }


def runner(
    iterate: Callable[..., Any], capacity: int, lanes: int, updates: int
) -> Callable[[], float]:
    """Runs an iteration on full replays, in place, and returns its seconds."""
    program = jax.jit(jax.vmap(iterate), donate_argnums=(0, 1))
    batch = example_rows(jax.random.key(0), updates * STEPS_PER_UPDATE)
    ring = replay.init(jax.tree.map(lambda leaf: leaf[0], batch), capacity)
    ring = ring._replace(size=jnp.int32(capacity))
    everything = jnp.arange(capacity)
    priority = jax.random.exponential(jax.random.key(1), (capacity,))
    tree = jax.jit(prioritized.update)(prioritized.init(capacity), everything, priority)
    state = (ring, tree, batch, jax.random.split(jax.random.key(2), updates))
    ring, tree, batch, keys = jax.tree.map(
        lambda leaf: jnp.stack([leaf] * lanes) if lanes > 1 else leaf[None], state
    )

    def run() -> float:
        nonlocal ring, tree
        began = time.perf_counter()
        ring, tree, _ = jax.block_until_ready(program(ring, tree, batch, keys))
        return time.perf_counter() - began

    run()  # compiles
    return run


def uniform(ring: Any, tree: Any, batch: Transition, keys: Any) -> Any:
    """Writes `batch [T * N, ...]`, then draws and reads a minibatch for every key."""
    ring = replay.add(ring, batch)

    def one(total: Any, key: Any) -> tuple[Any, None]:
        return total + learnt(replay.sample(ring, key, (BATCH_SIZE,))).sum(), None

    total, _ = jax.lax.scan(one, jnp.float32(0), keys)
    return ring, tree, total


def priority_based(ring: Any, tree: Any, batch: Transition, keys: Any) -> Any:
    """As `uniform`, but drawn by priority, which is then set anew."""
    ring = replay.add(ring, batch)
    tree = prioritized.add(tree, ring, batch.reward.shape[0])

    def one(carry: Any, key: Any) -> tuple[Any, None]:
        tree, total = carry
        index, probability = prioritized.sample(tree, key, (BATCH_SIZE,))
        weights = prioritized.importance_weights(probability, ring.size, 0.5)
        error = learnt(replay.take(ring, index))
        tree = prioritized.update(tree, index, (jnp.abs(error) + 1e-6) ** 0.6)
        return (tree, total + (weights * error).sum()), None

    (tree, total), _ = jax.lax.scan(one, (tree, jnp.float32(0)), keys)
    return ring, tree, total


def learnt(rows: Transition) -> Any:
    """Stands for TD errors `[B]`: reads all of the rows, and costs next to nothing."""
    return rows.reward + (rows.obs - rows.next_obs).sum(axis=-1) * ~rows.terminated


def example_rows(key: Any, count: int) -> Transition:
    """Rows of the shapes that DQN stores of Pong's features, drawn at random."""
    keys = jax.random.split(key, 3)
    no = jnp.zeros(count, dtype=bool)
    return Transition(
        obs=jax.random.normal(keys[0], (count, OBSERVATION)),
        action=jnp.zeros(count, jnp.int32),
        reward=jax.random.normal(keys[1], (count,)),
        next_obs=jax.random.normal(keys[2], (count, OBSERVATION)),
        terminated=no,
        truncated=no,
    )


if __name__ == "__main__":
    main()
