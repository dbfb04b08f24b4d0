"""The learners of both families tuned on Atari Pong, with equal effort for each.

Run it with `pgvq tune experiments/tune_pong.py`, or a learner at a time with `--only`.
"""

from pgvq import DQN, PPO, PQN, REINFORCE, SAC, ActorCritic
from pgvq.tuning import Tuning

tuning = Tuning(
    name="pong",
    title="Both families tuned on Atari Pong with equal effort",
    learners=[REINFORCE(), ActorCritic(), PPO(), PQN(), DQN(), SAC()],
    steps=1e6,
    trials=32,
    seeds=range(1_000_000, 1_000_003),
)
