"""From policy gradients to Q-learning a rung at a time, on Atari Pong.

Run it with `pgvq run experiments/ladder.py`, or one half with `--only hidden`.
"""

from pgvq import DQN, PPO, PQN, REINFORCE, SAC, ActorCritic, Experiment, Pong

# Each rung changes one thing: a field, or the algorithm where that is one file.
RUNGS = {
    "reinforce, no baseline": REINFORCE(baseline="none"),
    "reinforce": REINFORCE(),
    "reinforce, value network": REINFORCE(baseline="value network"),
    "actor-critic, 16-step": ActorCritic(lambda_=1.0),
    "actor-critic": ActorCritic(),
    "ppo": PPO(),
    "sac": SAC(),
    "pqn": PQN(),
    "dqn, not double": DQN(double=False),
    "dqn": DQN(),
    "dqn, dueling": DQN(dueling=True),
    "dqn, 3-step": DQN(n_step=3),
    "dqn, prioritised": DQN(prioritized=True),
    "dqn, quantiles": DQN(quantiles=32),
}

# Where things are, and not where they are going: one look is not enough.
HIDDEN = PPO(
    env=Pong(episode="point", observation="positions"),
    num_minibatches=4,
    learning_rate=1e-3,
)

experiments = [
    Experiment(
        name="rungs",
        title="From policy gradients to Q-learning, one rung at a time: Atari Pong",
        algorithms=RUNGS,
        steps=1e6,
        seeds=10,
        evaluations=5,
        games=6,
    ),
    Experiment(
        name="hidden",
        title="Atari Pong with its velocities hidden: what a memory is worth",
        algorithms={
            "ppo": HIDDEN,
            "ppo with memory": HIDDEN.replace(memory_size=64),
        },
        steps=2.5e6,
        seeds=4,
        evaluations=6,
        games=6,
    ),
]
