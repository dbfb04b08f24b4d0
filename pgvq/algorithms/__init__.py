"""The algorithms by name. A new one is a file beside these and a line here."""

from pgvq.algorithms.actor_critic import ActorCritic
from pgvq.algorithms.analytic import AnalyticPolicyGradient
from pgvq.algorithms.base import Algorithm, RolloutAlgorithm
from pgvq.algorithms.dqn import DQN
from pgvq.algorithms.ppo import PPO
from pgvq.algorithms.pqn import PQN
from pgvq.algorithms.reinforce import REINFORCE
from pgvq.algorithms.sac import SAC
from pgvq.algorithms.tabular import Tabular

# From one family to the other, a rung at a time; and what needs neither.
ALGORITHMS: dict[str, type] = {
    "reinforce": REINFORCE,
    "actor_critic": ActorCritic,
    "ppo": PPO,
    "sac": SAC,
    "dqn": DQN,
    "pqn": PQN,
    "tabular": Tabular,
    "analytic": AnalyticPolicyGradient,
}

__all__ = [
    "ALGORITHMS",
    "DQN",
    "PPO",
    "PQN",
    "REINFORCE",
    "SAC",
    "ActorCritic",
    "Algorithm",
    "AnalyticPolicyGradient",
    "RolloutAlgorithm",
    "Tabular",
]
