"""Networks, in flax.linen: torsos that read an observation, and the heads on them."""

from pgvq.networks.heads import (
    ActorCritic,
    Critic,
    QNetwork,
    RecurrentActorCritic,
    apply_over_time,
    unroll,
    with_first_values,
)
from pgvq.networks.torsos import MLP, Conv, Convolution, Torso

__all__ = [
    "MLP",
    "ActorCritic",
    "Conv",
    "Convolution",
    "Critic",
    "QNetwork",
    "RecurrentActorCritic",
    "Torso",
    "apply_over_time",
    "unroll",
    "with_first_values",
]
