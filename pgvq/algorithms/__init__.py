"""The algorithms by name, and what the author of a new one needs.

A new one of pgvq's own is a file beside these and a line here.
"""

from pgvq.algorithms.actor_critic import ActorCritic
from pgvq.algorithms.analytic import AnalyticPolicyGradient
from pgvq.algorithms.base import Learner, RolloutAlgorithm
from pgvq.algorithms.contract import Algorithm
from pgvq.algorithms.dqn import DQN
from pgvq.algorithms.fields import leaf, static
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.algorithms.ppo import PPO
from pgvq.algorithms.pqn import PQN
from pgvq.algorithms.q_learning import QLearning
from pgvq.algorithms.reinforce import REINFORCE
from pgvq.algorithms.replay_learning import Experience, ReplayLearning
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
    "Experience",
    "Learner",
    "PolicyGradient",
    "QLearning",
    "ReplayLearning",
    "RolloutAlgorithm",
    "Tabular",
    "leaf",
    "static",
]
