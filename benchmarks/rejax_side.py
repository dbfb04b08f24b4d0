"""rejax's side of `against_rejax.py`, run by the Python of rejax's own environment.

    python benchmarks/rejax_side.py '{"algorithm": "ppo", "settings": {...}, ...}'

Compiles `jax.vmap(algorithm.train)`, as rejax's documentation does, and prints one line
of JSON that says what it will train. Then each line read, a number of seconds, is
answered with one line: the speed of a turn of about so long. `devices` above 1 shares
the seeds out over so many CPU devices, which rejax by itself does not.

The evaluation between chunks is replaced by nothing, and the single chunk is the
whole training, so that only training is timed. Each call of `train` begins with new
networks; that takes milliseconds.
"""

import importlib.metadata
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
from turns import take_turn

JOB = json.loads(sys.argv[1])
jax.config.update("jax_num_cpu_devices", JOB["devices"])  # before JAX starts

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import rejax  # noqa: E402
from flax.training.train_state import TrainState  # noqa: E402
from rejax.buffers import ReplayBuffer  # noqa: E402

PACKAGES = ("rejax", "gymnax", "jax", "jaxlib", "flax", "optax", "distrax", "numpy")


def main() -> None:
    warnings.filterwarnings("ignore", "Explicitly requested dtype int64")
    if JOB["sampling"] == "randint":
        ReplayBuffer.sample = sample_with_replacement
    kind, steps = rejax.get_algo(JOB["algorithm"]), JOB["steps"]
    algorithm = kind.create(
        **JOB["settings"],
        total_timesteps=steps,
        eval_freq=steps,
        skip_initial_evaluation=True,
    ).replace(eval_callback=lambda algorithm, state, key: jnp.zeros(()))
    began = time.perf_counter()
    train = trainer(algorithm, JOB["seeds"], JOB["devices"])
    train()
    facts = work(algorithm) | {"compile_seconds": time.perf_counter() - began}
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        print(json.dumps(take_turn(train, float(line))), flush=True)


def trainer(algorithm: Any, seeds: int, devices: int) -> Callable[[], int]:
    """Trains all seeds from their beginning; returns the agent steps."""
    keys = jax.random.split(jax.random.PRNGKey(0), seeds)
    if devices == 1:
        program = jax.jit(jax.vmap(algorithm.train))
    else:
        keys = keys.reshape(devices, -1, *keys.shape[1:])
        program = jax.pmap(jax.vmap(algorithm.train))
    chunk = algorithm.num_envs * getattr(algorithm, "num_steps", 1)
    steps = -(-algorithm.total_timesteps // chunk) * chunk * seeds

    def train() -> int:
        jax.block_until_ready(program(keys))
        return steps

    return train


def work(algorithm: Any) -> dict[str, Any]:
    """What must be equal on both sides: updates, rows and parameters."""
    if hasattr(algorithm, "num_minibatches"):
        updates = algorithm.num_epochs * algorithm.num_minibatches
        steps, rows = algorithm.iteration_size, algorithm.minibatch_size
    else:
        updates, steps, rows = (
            algorithm.num_epochs,
            algorithm.num_envs,
            algorithm.batch_size,
        )
    state = jax.eval_shape(algorithm.init_state, jax.random.PRNGKey(0))
    trained = [x.params for x in vars(state).values() if isinstance(x, TrainState)]
    return {
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "updates_per_step": updates / steps,
        "rows_per_update": rows,
        "parameters": sum(int(np.prod(x.shape)) for x in jax.tree.leaves(trained)),
    }


def sample_with_replacement(self: Any, num: int, rng: Any) -> Any:
    """Rows at uniform places, for a cost that does not grow with the replay."""
    index = jax.random.randint(rng, (num,), 0, self.num_entries)
    return jax.tree.map(lambda leaf: leaf[index], self.data)


if __name__ == "__main__":
    main()
