"""Policy gradients or Q-learning? Both families on exact Atari Pong, side by side."""

import contextlib

from pgvq import devices
from pgvq.types import InputError

with contextlib.suppress(InputError):  # training reports it
    devices.set_up()  # before anything starts JAX, as importing gymnax does

from pgvq.algorithms import (
    ALGORITHMS,
    DQN,
    PPO,
    PQN,
    REINFORCE,
    SAC,
    ActorCritic,
    AnalyticPolicyGradient,
    RolloutAlgorithm,
    Tabular,
)
from pgvq.analysis.combining import combine
from pgvq.envs import Pong, SmoothPong, make
from pgvq.experiments.definition import Experiment
from pgvq.experiments.ladder import Ladder, Rung
from pgvq.experiments.sweeps import sweep
from pgvq.results.store import Results, load
from pgvq.running.adaptive import run_adaptively
from pgvq.running.merging import merge
from pgvq.running.runner import run, train

__version__ = "0.1.0"

__all__ = [
    "ALGORITHMS",
    "DQN",
    "PPO",
    "PQN",
    "REINFORCE",
    "SAC",
    "ActorCritic",
    "AnalyticPolicyGradient",
    "Experiment",
    "InputError",
    "Ladder",
    "Pong",
    "Results",
    "RolloutAlgorithm",
    "Rung",
    "SmoothPong",
    "Tabular",
    "combine",
    "load",
    "make",
    "merge",
    "run",
    "run_adaptively",
    "sweep",
    "train",
]
