"""How many agent steps of Pong a second, for 1 to 4096 games at once.

    python benchmarks/pong_speed.py [--environments 64 4096] [--rounds 7] [--no-ale]

Random actions, frame skip 4, sticky actions 0.25, automatic reset. Every step's
features, rewards and flags are stored as rollouts [T, N, ...], and each rollout is
read once, as training would. The games are shared out over one XLA device per core.
Compilation is timed apart.

Other work on the machine disturbs the times: besides the best and the median of the
rounds, a fixed reference (16 million random words on the same devices) is timed in
each round, and the seconds of CPU that the process itself got are counted. The ratio
to the reference and the agent steps per CPU second compare runs better than the speed.
If the extra `atari` is there, ALE's own AtariVectorEnv runs in the same session.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pgvq  # first: it asks JAX for one device per core

# isort: split
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import PartitionSpec as P

from pgvq.devices import describe
from pgvq.envs import vector_reset, vector_step

ENV = pgvq.Pong()
PARAMS = ENV.default_params
LENGTH = 32  # T of a rollout, agent steps
REFERENCE_WORDS = 1 << 24
HEADINGS = (
    "environments",
    "devices",
    "best steps/s",
    "median steps/s",
    "best frames/s",
    "steps per CPU s",
    "ratio to reference",
    "compile s",
)


def rollout(state: Any, key: Array) -> tuple[Any, Array]:
    """T agent steps of N games, and the mean of all that was stored."""

    def step(state, key):
        key_action, key_step = jax.random.split(key)
        bits = jax.random.bits(key_action, state.time.shape, jnp.uint32)
        action = ((bits >> 16) * ENV.num_actions >> 16).astype(jnp.int32)
        out = vector_step(ENV, key_step, state, action, PARAMS)
        obs, state, reward, terminated, truncated, _ = out
        return state, (obs, reward, terminated, truncated)

    state, stored = jax.lax.scan(step, state, jax.random.split(key, LENGTH))
    return state, sum(jnp.mean(leaf, dtype=jnp.float32) for leaf in stored)


def program(devices: int, rollouts: int) -> Callable[[Any, Array], Any]:
    """`rollouts` in a row, the games sharded over `devices`."""
    mesh = jax.make_mesh(
        (devices,),
        ("cores",),
        (jax.sharding.AxisType.Auto,),
        devices=jax.devices()[:devices],
    )

    def run(state, keys):
        state, means = jax.lax.scan(rollout, state, jax.random.split(keys[0], rollouts))
        return state, means.mean(keepdims=True)

    specs = P("cores"), P("cores")
    return jax.jit(
        jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=specs, check_vma=False)
    )


@partial(jax.pmap, static_broadcasted_argnums=1)
def reference(key: Array, words: int) -> Array:
    """A fixed amount of arithmetic on every device."""
    return jax.random.bits(key, (words,), jnp.uint32).max()


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def measure(environments: int, rounds: int) -> None:
    devices = min(jax.device_count(), environments)
    rollouts = max(1, 2_000_000 // (LENGTH * max(environments, 64)))
    steps = rollouts * LENGTH * environments
    _, state = vector_reset(ENV, jax.random.key(0), environments, PARAMS)
    keys = jax.random.split(jax.random.key(1), devices)
    run = program(devices, rollouts)
    compiled_in = seconds(lambda: run.lower(state, keys).compile())
    seconds(lambda: run(state, keys))
    share = REFERENCE_WORDS // jax.device_count()
    all_keys = jax.random.split(jax.random.key(2), jax.device_count())
    seconds(lambda: reference(all_keys, share))
    speeds, ratios, per_cpu = [], [], []
    for _ in range(rounds):
        cpu = time.process_time()
        speeds.append(steps / seconds(lambda: run(state, keys)))
        per_cpu.append(steps / (time.process_time() - cpu))
        words = REFERENCE_WORDS / seconds(lambda: reference(all_keys, share))
        ratios.append(speeds[-1] / words)
    cells = (
        f"{environments:,}",
        f"{devices}",
        f"{max(speeds):,.0f}",
        f"{np.median(speeds):,.0f}",
        f"{ENV.frame_skip * max(speeds):,.0f}",
        f"{max(per_cpu):,.0f}",
        f"{np.median(ratios):.3f}",
        f"{compiled_in:.1f}",
    )
    print_row(cells)


def print_row(cells: Sequence[str]) -> None:
    widths = (len(heading) for heading in HEADINGS)
    print(
        "  ".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)), flush=True
    )


def measure_ale(environments: int, steps: int) -> None:
    """Agent steps of ALE's own vector environment, on as many threads as cores."""
    try:
        from ale_py.vector_env import AtariVectorEnv
    except ImportError:
        print("ALE: the extra `atari` is not installed")
        return
    threads = jax.device_count()
    games = AtariVectorEnv(
        "pong", environments, num_threads=threads, repeat_action_probability=0.25
    )
    games.reset(seed=0)
    generator = np.random.default_rng(0)
    start = time.perf_counter()
    for _ in range(steps):
        games.step(generator.integers(0, 6, environments))
    speed = steps * environments / (time.perf_counter() - start)
    games.close()
    print(
        f"ALE AtariVectorEnv, {environments} environments, {threads} threads: "
        f"{speed:,.0f} agent steps/s, {4 * speed:,.0f} frames/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--environments", type=int, nargs="+", default=[1, 64, 1024, 4096]
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-ale", action="store_true")
    arguments = parser.parse_args()
    print(f"{describe()}; jax {jax.__version__}; rollouts of {LENGTH} agent steps")
    print_row(HEADINGS)
    for environments in arguments.environments:
        measure(environments, arguments.rounds)
    if not arguments.no_ale:
        measure_ale(64, 100)


if __name__ == "__main__":
    main()
