"""How fast a convolutional Q-network learns on MinAtar's images, by either method.

    python benchmarks/convolution_speed.py [--batch 32 128 1024] [--lanes 1 4]
        [--rounds 5] [--seconds 1] [--json FILE]

An update is a forward pass, a backward pass and Adam, on a batch of images
[10, 10, 4] of bool and the network of MinAtar's papers: 16 filters of 3 x 3, a dense
layer of 128, 6 action values. With several lanes every lane has weights and rows of its
own, and the updates of all are counted. The rows change from update to update, and one
device is used. Compilation is not timed.

The methods run in turns, because the machine may be busy with other things: trust the
ratio. It is that of the seconds of CPU where the backend is a CPU, which other work
disturbs least, and of the best round's wall-clock elsewhere.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pgvq  # first: it settles JAX's devices
from pgvq.networks.heads import QNetwork
from pgvq.networks.torsos import Conv, Method
from pgvq.ops.losses import action_value, squared_error
from pgvq.ops.optimizers import adam
from pgvq.storage.provenance import provenance

import jax  # isort: skip
import jax.numpy as jnp  # isort: skip
import optax  # isort: skip

METHODS = tuple(name for name in get_args(Method) if name != "auto")
BATCHES = 4  # of rows, taken in turns
ACTIONS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128, 1024])
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="per round")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()

    machine = provenance()
    print(f"{machine['processor']}, {pgvq.devices.describe()}, jax {jax.__version__}")
    print(f"{'lanes':>6}{'batch':>6}{'im2col':>12}{'lax':>12}{'ratio':>8}")
    rows = []
    for lanes in options.lanes:
        for batch in options.batch:
            row = measure(lanes, batch, options.rounds, options.seconds)
            rows.append(row)
            print(
                f"{lanes:6d}{batch:6d}{row['im2col']:10.0f}/s{row['lax']:10.0f}/s"
                f"{row['ratio']:8.2f}",
                flush=True,
            )
    print("updates/s of all lanes together, the best round's wall-clock")
    if options.json:
        text = json.dumps({"machine": machine, "rows": rows}, indent=2, default=str)
        options.json.write_text(text + "\n")


def measure(lanes: int, batch: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Updates/s by both methods, measured in turns, and how they compare."""
    turns = {method: learner(method, lanes, batch) for method in METHODS}
    counts = {method: calibrated(run, seconds) for method, run in turns.items()}
    wall: dict[str, list[float]] = {method: [] for method in turns}
    cpu: dict[str, list[float]] = {method: [] for method in turns}
    for _ in range(rounds):
        for method, run in turns.items():
            before = time.process_time()
            wall[method].append(run(counts[method]) / counts[method])
            spent = time.process_time() - before
            cpu[method].append(spent / counts[method])
    times = cpu if jax.default_backend() == "cpu" else wall
    return {
        "lanes": lanes,
        "batch": batch,
        **{method: lanes / min(wall[method]) for method in METHODS},
        **{f"{method}_per_cpu_second": lanes / min(cpu[method]) for method in METHODS},
        "ratio": min(times["lax"]) / min(times["im2col"]),
    }


def calibrated(run: Callable[[int], float], seconds: float) -> int:
    """How many updates take about so long."""
    run(1)
    return max(2, int(3 * seconds / max(run(3), 1e-6)))


def learner(method: Any, lanes: int, batch: int) -> Callable[[int], float]:
    """Trains for so many updates and returns the seconds."""
    network = QNetwork(Conv(method=method), ACTIONS)
    optimizer = adam(1e-4, 1.0)
    keys = jax.random.split(jax.random.key(0), lanes)
    rows = jax.vmap(lambda key: example_rows(key, batch))(keys)
    params = jax.vmap(lambda key: network.init(key, rows[0][0, 0]))(keys)
    opt_state = jax.vmap(optimizer.init)(params)

    def loss(params: Any, obs: Any, action: Any, target: Any) -> Any:
        q_values = network.apply(params, obs)
        return squared_error(action_value(q_values, action), target).mean()

    def updates(count: Any, params: Any, opt_state: Any, rows: Any) -> Any:
        def one(index: Any, carry: Any) -> Any:
            params, opt_state = carry
            row = jax.tree.map(lambda leaf: leaf[index % BATCHES], rows)
            grads = jax.grad(loss)(params, *row)
            changes, opt_state = optimizer.update(grads, opt_state)
            return optax.apply_updates(params, changes), opt_state

        return jax.lax.fori_loop(0, count, one, (params, opt_state))

    if lanes == 1:
        params, opt_state, rows = jax.tree.map(
            lambda x: x[0], (params, opt_state, rows)
        )
        program = jax.jit(updates)
    else:
        program = jax.jit(jax.vmap(updates, in_axes=(None, 0, 0, 0)))

    def run(count: int) -> float:
        began = time.perf_counter()
        jax.block_until_ready(program(jnp.int32(count), params, opt_state, rows))
        return time.perf_counter() - began

    return run


def example_rows(key: Any, batch: int) -> tuple[Any, Any, Any]:
    """Batches of images, actions and targets drawn at random, `[BATCHES, B, ...]`."""
    keys = jax.random.split(key, 3)
    shape = (BATCHES, batch)
    return (
        jax.random.bernoulli(keys[0], 0.2, (*shape, 10, 10, 4)),
        jax.random.randint(keys[1], shape, 0, ACTIONS),
        jax.random.normal(keys[2], shape),
    )


if __name__ == "__main__":
    main()
