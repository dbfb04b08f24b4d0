"""The algorithms by name. A new one is a file beside these and a line here."""

from pgvq.algorithms.actor_critic import ActorCritic
from pgvq.algorithms.base import Algorithm, RolloutAlgorithm
from pgvq.algorithms.dqn import DQN
from pgvq.algorithms.reinforce import REINFORCE

ALGORITHMS: dict[str, type] = {
    "reinforce": REINFORCE,
    "actor_critic": ActorCritic,
    "dqn": DQN,
}

__all__ = [
    "ALGORITHMS",
    "DQN",
    "REINFORCE",
    "ActorCritic",
    "Algorithm",
    "RolloutAlgorithm",
]
