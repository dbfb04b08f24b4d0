"""Environments: exact Atari Pong and everything discrete that gymnax offers.

`gymnax.make("Pong-Atari")` works once this package is imported. gymnax itself makes a
JAX array when it is imported, which starts JAX: whoever wants other devices, one per
core for example, must say so to JAX before this import.
"""

from pgvq.envs.choices import Choice, LeftOrRight, Threshold
from pgvq.envs.discrete import num_states, state_index
from pgvq.envs.finite_mdp import (
    FiniteMDP,
    optimal_values,
    policy_values,
    random_mdp,
)
from pgvq.envs.pong.environment import Pong, PongParams
from pgvq.envs.pong.state import PongState
from pgvq.envs.registry import PONG_ID, UNLISTED, discrete_environments, make
from pgvq.envs.smooth_pong.environment import (
    SmoothPong,
    SmoothPongParams,
    as_button,
    as_speed,
)
from pgvq.envs.vector import evaluation_env, resets_memory, vector_reset, vector_step

__all__ = [
    "PONG_ID",
    "UNLISTED",
    "Choice",
    "FiniteMDP",
    "LeftOrRight",
    "Pong",
    "PongParams",
    "PongState",
    "SmoothPong",
    "SmoothPongParams",
    "Threshold",
    "as_button",
    "as_speed",
    "discrete_environments",
    "evaluation_env",
    "make",
    "num_states",
    "optimal_values",
    "policy_values",
    "random_mdp",
    "resets_memory",
    "state_index",
    "vector_reset",
    "vector_step",
]
