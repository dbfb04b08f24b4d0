"""Actor-critic (A2C; Mnih et al. 2016) with lambda-returns (Schulman et al. 2016).

Where REINFORCE waits for the episode's end, the critic's value stands in for the rest
of the return: less variance and learning in every step, at the price of a bias.
"""

import jax.numpy as jnp
from jax import Array

from pgvq.algorithms.base import Learner
from pgvq.algorithms.fields import SHARE, leaf, static
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.networks.heads import Critic
from pgvq.ops.losses import (
    entropy,
    log_prob,
    policy_gradient_loss,
    squared_error,
    standardized,
)
from pgvq.types import Metrics, Params, Transition


class ActorCritic(PolicyGradient[Learner], kw_only=True):
    """Synchronous advantage actor-critic.

    `lambda_=1` gives n-step returns with n = `rollout_length`, `lambda_=0` the one-step
    actor-critic, between them generalised advantage estimation.
    """

    num_envs: int = static(32, "environments side by side, N", search=(16, 32, 64))
    rollout_length: int = static(
        16, "agent steps per environment and iteration, T", search=(8, 16, 32)
    )
    shared_torso: bool = static(False, "policy and critic share a torso")
    normalize: bool = static(True, "advantages get mean 0 and deviation 1")
    learning_rate: float = leaf(
        2e-3, "of Adam, at the beginning", search=(2e-4, 2e-2, "log")
    )
    lambda_: float = leaf(
        0.95, "trace of the lambda-return", search=(0.8, 0.99, "horizon"), within=SHARE
    )
    value_coef: float = leaf(0.5, "weight of the critic's loss", within=(0.0, 100.0))

    @property
    def critic(self) -> Critic:
        """On the policy's torso or on one of its own."""
        return "shared" if self.shared_torso else "separate"

    def loss(self, params: Params, batch: Transition) -> tuple[Array, Metrics]:
        """Score-function surrogate, the critic's regression, and the entropy bonus."""
        logits, value, returns = self.assess(params, batch, self.lambda_)
        advantage = returns - value
        if self.normalize:
            advantage = standardized(advantage, returns)

        actor = policy_gradient_loss(log_prob(logits, batch.action), advantage).mean()
        critic = squared_error(value, returns).mean()
        bonus = entropy(logits).mean()
        loss = actor + self.value_coef * critic - self.entropy_coef * bonus
        explained = 1.0 - jnp.var(returns - value) / jnp.maximum(jnp.var(returns), 1e-8)
        return loss, {
            "loss": loss,
            "value_loss": critic,
            "entropy": bonus,
            "explained_variance": explained,
        }
