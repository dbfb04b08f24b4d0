"""Policy gradients or Q-learning? REINFORCE, actor-critic and DQN on Atari Pong.

Run it with `pgvq run experiments/pong.py`.

Each has the settings that `pgvq tune experiments/tune_pong.py` chose for it, with the
same effort for all; a test compares them with results/tuning/pong/chosen.json.
"""

from pgvq import DQN, REINFORCE, ActorCritic, Experiment

REINFORCE_TUNED = REINFORCE(
    num_envs=64,
    rollout_length=256,
    discount=0.94724,
    learning_rate=0.04872,
    entropy_coef=0.009444,
)
ACTOR_CRITIC_TUNED = ActorCritic(
    num_envs=32,
    rollout_length=8,
    discount=0.98514,
    learning_rate=0.01734,
    entropy_coef=0.08185,
    lambda_=0.97651,
)
DQN_TUNED = DQN(
    replay_ratio=1 / 4,
    target_period=1_000,
    discount=0.998871,
    learning_rate=0.001581,
    max_grad_norm=22.8,
    epsilon_end=0.006207,
    exploration_fraction=0.2462,
)

experiment = Experiment(
    name="pong",
    title="Policy gradients or Q-learning? Atari Pong, learnt from state features",
    algorithms=[REINFORCE_TUNED, ACTOR_CRITIC_TUNED, DQN_TUNED],
    steps=2e6,
    seeds=10,
    evaluations=10,
    games=6,
)
