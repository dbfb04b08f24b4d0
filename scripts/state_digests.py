"""Prints digests of what is learned, to compare before and after a change of the code.

    python scripts/state_digests.py > before.txt
    ... a change that must not alter what any algorithm learns ...
    python scripts/state_digests.py > after.txt && diff before.txt after.txt

A line for every algorithm on Pong and on CartPole, of its state after 20 iterations,
and one for the tables of a short experiment. Digests are comparable on one machine
with the same versions only: programs for other processors round the last bit otherwise.
"""

import hashlib
import tempfile
from typing import Any

import jax
import numpy as np

from pgvq import ALGORITHMS, DQN, REINFORCE, ActorCritic, Experiment, Pong, make, run
from pgvq.envs import SmoothPong

SMALL: dict[str, Any] = {"warmup_steps": 256, "buffer_size": 2_048}
TIMES = ["train_seconds"]  # columns that no two runs have alike


def digest(arrays: Any) -> str:
    """The first 16 digits of a digest of all leaves of floats, in order.

    Not of keys and counters, so that a state may count in another place.
    """
    made = hashlib.sha256()
    for leaf in jax.tree.leaves(arrays):
        if not jax.numpy.issubdtype(leaf.dtype, jax.numpy.floating):
            continue
        array = np.ascontiguousarray(leaf)
        made.update(f"{array.dtype}{array.shape}".encode())
        made.update(array.tobytes())
    return made.hexdigest()[:16]


def state_after(algorithm: Any, iterations: int) -> Any:
    """The state of seed 0 after some iterations."""
    state = algorithm.init(jax.random.key(0))
    iterate = jax.jit(lambda state: algorithm.iterate(state)[0])
    for _ in range(iterations):
        state = iterate(state)
    return state


def environments(name: str) -> dict[str, Any]:
    """The environments that an algorithm is tried in, by name."""
    if name == "analytic":
        return {"smooth_pong": SmoothPong()}
    if name == "tabular":
        return {"catch": make("Catch-bsuite")[0]}
    return {"pong": Pong(episode="point"), "cartpole": make("CartPole-v1")[0]}


def main() -> None:
    """Prints one line per algorithm and environment, and one for the tables."""
    for name, kind in ALGORITHMS.items():
        fields = {f for f in kind.__dataclass_fields__ if f in SMALL}
        small = {field: SMALL[field] for field in fields}
        for where, env in environments(name).items():
            state = state_after(kind(env=env, **small), 20)
            print(f"{name} on {where}: {digest(state)}", flush=True)
    experiment = Experiment(
        name="digests",
        algorithms=[REINFORCE(), ActorCritic(), DQN()],
        steps=2e5,
        seeds=2,
        evaluations=4,
        games=2,
    )
    with tempfile.TemporaryDirectory() as folder:
        results = run(experiment, folder)
    for table in ("evaluations", "training"):
        frame = getattr(results, table).drop(columns=TIMES, errors="ignore")
        text = frame.to_csv(index=False)
        print(f"{table}: {hashlib.sha256(text.encode()).hexdigest()[:16]}")


if __name__ == "__main__":
    main()
