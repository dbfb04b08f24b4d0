"""The classics beside Pong: five games that the field's other suites report.

Run it with `pgvq run experiments/classic.py`, or one game with `--only cartpole`.
One configuration per algorithm, the same in all five games, none tuned to a game.
"""

from typing import Any

from pgvq import DQN, PPO, PQN, REINFORCE, SAC, ActorCritic, Experiment, Tabular, make
from pgvq.networks import Torso

# Fields that differ from the defaults, which were found on Pong: there a reward comes
# some hundred steps later and agent steps are plenty, here the budgets are small.
ALGORITHMS = {
    "reinforce": REINFORCE(num_envs=8, rollout_length=512, learning_rate=1e-2),
    "actor_critic": ActorCritic(num_envs=16),
    "ppo": PPO(),
    "sac": SAC(discount=0.99),
    "dqn": DQN(
        torso=Torso(layer_norm=True),
        replay_ratio=1 / 4,
        target_period=100,
        discount=0.99,
        max_grad_norm=100.0,  # of errors of values that reach 100, not 1
        exploration_fraction=0.2,
        epsilon_end=0.04,
    ),
    "pqn": PQN(),
}
TABULAR = {
    "q-learning, table": Tabular(),
    "sarsa, table": Tabular(rule="sarsa"),
}


# A convolution takes a CPU some minutes per run, and with a replay hours.
IMAGES = {name: ALGORITHMS[name] for name in ("ppo", "pqn")}


def game(
    name: str,
    title: str,
    environment: str,
    steps: float,
    algorithms: dict[str, Any] = ALGORITHMS,
    seeds: int = 10,
) -> Experiment:
    """Algorithms in one environment."""
    env, _ = make(environment)
    return Experiment(
        name=name,
        title=f"{title}, one configuration per algorithm for all of five games",
        algorithms={n: a.replace(env=env) for n, a in algorithms.items()},
        steps=steps,
        seeds=seeds,
        evaluations=10,
        games=10,
        max_game_steps=5_000,
    )


experiments = [
    game("cartpole", "CartPole", "CartPole-v1", 2e5),
    game("acrobot", "Acrobot", "Acrobot-v1", 2e5),
    game("catch", "Catch", "Catch-bsuite", 1e5, ALGORITHMS | TABULAR),
    game("deep_sea", "Deep Sea", "DeepSea-bsuite", 1e5, ALGORITHMS | TABULAR),
    game("breakout", "MinAtar Breakout", "Breakout-MinAtar", 1e6, IMAGES, seeds=4),
]
