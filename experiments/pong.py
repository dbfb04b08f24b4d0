"""Policy gradients or Q-learning? REINFORCE, actor-critic and DQN on Atari Pong.

Run it with `pgvq run experiments/pong.py`.
"""

from pgvq import DQN, REINFORCE, ActorCritic, Experiment

experiment = Experiment(
    name="pong",
    title="Policy gradients or Q-learning? Atari Pong, learnt from state features",
    algorithms=[REINFORCE(), ActorCritic(), DQN()],
    steps=3e6,
    seeds=10,
    evaluations=10,
    games=6,
)
