"""PPO, DQN and PQN set up alike in pgvq and in rejax, and what still differs.

The settings are rejax's own for CartPole-v1, its configs/gymnax/cartpole.yaml. What
does not change the speed (discount, lambda, schedules) stays at each side's default.
"""

from typing import Any, NamedTuple

from flax import linen as nn

import pgvq
from pgvq.algorithms.dqn import DQN
from pgvq.algorithms.ppo import PPO
from pgvq.algorithms.pqn import PQN
from pgvq.networks.torsos import MLP


class Match(NamedTuple):
    """One algorithm on both sides."""

    ours: Any
    theirs: dict[str, Any]
    steps: int  # agent steps per seed in one call of rejax's `train`
    differences: tuple[str, ...]


CARTPOLE, _ = pgvq.make("CartPole-v1")

ALWAYS = (
    "gymnax {ours} here and {theirs} there, with the same rules of CartPole-v1",
    "pgvq clips the gradient's norm, rejax each of its elements",
    "pgvq keeps the observation before an automatic reset, rejax the one after it",
)

PPO_MATCH = Match(
    ours=PPO(
        env=CARTPOLE,
        num_envs=5,
        rollout_length=100,
        num_epochs=5,
        num_minibatches=5,
        torso=MLP((64, 64), nn.tanh),
        shared_torso=False,
        normalize="minibatch",
        clip_value=True,
        learning_rate=7.5e-4,
        max_grad_norm=0.5,
    ),
    theirs={
        "num_envs": 5,
        "num_steps": 100,
        "num_epochs": 5,
        "num_minibatches": 5,
        "agent_kwargs": {"activation": "tanh"},
        "learning_rate": 7.5e-4,
        "max_grad_norm": 0.5,
    },
    steps=20_000,
    differences=("one gradient and Adam for policy and critic, rejax one for each",),
)

DQN_MATCH = Match(
    ours=DQN(
        env=CARTPOLE,
        num_envs=10,
        rollout_length=1,
        replay_ratio=5 / 10,
        batch_size=100,
        capacity=50_000,
        warmup_steps=5_000,
        target_period=5,
        target_rate=0.02,
        double=True,
        dueling=True,
        torso=MLP((64, 64), nn.swish),
        learning_rate=1e-3,
        max_grad_norm=10.0,
    ),
    theirs={
        "num_envs": 10,
        "num_epochs": 5,
        "batch_size": 100,
        "buffer_size": 50_000,
        "fill_buffer": 0,
        "polyak": 0.98,
        "ddqn": True,
        "agent": "DuelingQNetwork",
        "agent_kwargs": {"activation": "swish"},
        "learning_rate": 1e-3,
        "max_grad_norm": 10.0,
    },
    steps=2_000,
    differences=(
        "the warm-up of 5,000 steps is not timed (rejax's fill_buffer is 0)",
        "pgvq draws minibatches with replacement, rejax without",
    ),
)

PQN_MATCH = Match(
    ours=PQN(
        env=CARTPOLE,
        num_envs=16,
        rollout_length=128,
        num_epochs=5,
        num_minibatches=16,
        torso=MLP((64, 64), layer_norm=True),
        learning_rate=3e-4,
        max_grad_norm=10.0,
    ),
    theirs={
        "num_envs": 16,
        "num_steps": 128,
        "num_epochs": 5,
        "num_minibatches": 16,
        "learning_rate": 3e-4,
        "max_grad_norm": 10.0,
    },
    steps=16_384,
    differences=("rejax values the next states step by step, pgvq a rollout at once",),
)

MATCHES = {"ppo": PPO_MATCH, "dqn": DQN_MATCH, "pqn": PQN_MATCH}
