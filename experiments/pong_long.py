"""How far the three go on Atari Pong: ten seeds, five times the headline's budget.

Run it with `pgvq run experiments/pong_long.py`.
"""

from pgvq import DQN, REINFORCE, ActorCritic, Experiment

experiment = Experiment(
    name="pong_long",
    title="Policy gradients or Q-learning? Atari Pong, ten seeds, 15M agent steps",
    algorithms=[REINFORCE(), ActorCritic(), DQN()],
    steps=1.5e7,
    seeds=10,
    evaluations=20,
    games=10,
)
