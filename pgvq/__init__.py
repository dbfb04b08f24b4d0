"""Policy gradients or Q-learning? Both families on exact Atari Pong, side by side."""

from pgvq import devices

devices.set_up()  # before anything starts JAX, as importing gymnax does

from pgvq.algorithms import (  # noqa: E402
    ALGORITHMS,
    DQN,
    REINFORCE,
    ActorCritic,
    RolloutAlgorithm,
)
from pgvq.envs import Pong, make  # noqa: E402
from pgvq.experiment import Experiment, sweep  # noqa: E402
from pgvq.results import Results, load  # noqa: E402
from pgvq.runner import run, train  # noqa: E402
from pgvq.types import InputError  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "ALGORITHMS",
    "DQN",
    "REINFORCE",
    "ActorCritic",
    "Experiment",
    "InputError",
    "Pong",
    "Results",
    "RolloutAlgorithm",
    "load",
    "make",
    "run",
    "sweep",
    "train",
]
