"""Every algorithm of `ALGORITHMS` at its smallest, so that programs compile fast."""

from typing import Any

from pgvq.algorithms import ALGORITHMS, Algorithm
from pgvq.networks.torsos import MLP
from tests.helpers.probes import Numbered, Steered

COMMON = {"num_envs": 4, "rollout_length": 8, "torso": MLP((8,)), "budget": 10_000}

# What an algorithm needs beside that: a replay of a size that nothing divides.
REPLAY = {
    "replay_ratio": 2 / 32,
    "batch_size": 16,
    "warmup_steps": 30,
    "capacity": 53,
}
EXTRA: dict[str, dict[str, Any]] = {
    "dqn": {**REPLAY, "target_period": 3},
    "sac": REPLAY,
    "ppo": {"num_epochs": 2, "num_minibatches": 2},
    "pqn": {"num_epochs": 2, "num_minibatches": 2},
    "analytic": {"env": Steered(), "horizon": 8},
}


def tiny(name: str, **changes: Any) -> Algorithm:
    """The algorithm of that name, unless told otherwise on `Numbered` or its like."""
    common = {k: v for k, v in COMMON.items() if hasattr(ALGORITHMS[name], k)}
    settings = {"env": Numbered(), **common, **EXTRA.get(name, {}), **changes}
    return ALGORITHMS[name](**settings)
