"""How often do few seeds mislead? A hundred seeds of each learner on Atari Pong.

Run it with `pgvq run experiments/few_seeds.py` (an hour and a half on two cores): each
learner at its defaults, 1M agent steps. What comes of it is in docs/few_seeds.md.
"""

from pgvq import DQN, PPO, PQN, REINFORCE, SAC, ActorCritic, Experiment

experiment = Experiment(
    name="few_seeds",
    title="How often do few seeds mislead? Atari Pong, 1M agent steps",
    algorithms=[REINFORCE(), ActorCritic(), PPO(), PQN(), DQN(), SAC()],
    steps=1e6,
    seeds=100,
    evaluations=5,
    games=10,
)
