"""The learners of both families tuned on Atari Pong, with equal effort for each.

Run it with `pgvq tune experiments/tune_pong.py`, or a learner at a time with `--only`.
Each learner takes 32 x 3 runs and 5 x 5 of its finalists, 121M agent steps. On two
cores with other work beside it, all but SAC took 66 minutes together, half of it DQN;
SAC was not finished after 26 more.
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
