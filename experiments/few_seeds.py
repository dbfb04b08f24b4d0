"""How often do few seeds mislead? A hundred seeds of each learner on Atari Pong.

Run it with `pgvq run experiments/few_seeds.py`, or first with `--seeds 50` (24 minutes
on two cores with other work beside it): each learner at its defaults, 1M agent steps.
SAC is left out, because it is the slowest. docs/few_seeds.md has what the runs show.
"""

from pgvq import DQN, PPO, PQN, REINFORCE, ActorCritic, Experiment

experiment = Experiment(
    name="few_seeds",
    title="How often do few seeds mislead? Atari Pong, 1M agent steps",
    algorithms=[REINFORCE(), ActorCritic(), PPO(), PQN(), DQN()],
    steps=1e6,
    seeds=100,
    evaluations=5,
    games=10,
)
