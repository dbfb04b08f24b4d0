"""REINFORCE (Williams 1992; Sutton & Barto 2018, section 13.3-13.4).

The gradient of the expected return is the expectation of `G * grad log pi(a|s)`: play,
wait for the episode's end, and make every action more probable in proportion to the
return that followed. Nothing is bootstrapped; a baseline reduces the variance.
"""

from typing import Literal

import jax.numpy as jnp
from jax import Array

from pgvq.algorithms.base import leaf, static
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.losses import entropy, log_prob, policy_gradient_loss, squared_error
from pgvq.networks import Critic
from pgvq.returns import has_ended
from pgvq.types import Metrics, Params, Transition

BASELINES = ("none", "batch mean", "value network")


class REINFORCE(PolicyGradient, kw_only=True):
    """Monte Carlo policy gradient with complete returns only.

    Steps whose episode is still running at the rollout's edge are dropped, and their
    share is the metric `dropped_share`. They are rather those with a long future, so
    make `rollout_length` several episodes long.
    An episode that the clock cut counts what it earned; with a value network as
    baseline it bootstraps there, as every other algorithm does.
    """

    num_envs: int = static(32, "environments side by side, N")
    rollout_length: int = static(256, "agent steps per environment and iteration, T")
    baseline: Literal["none", "batch mean", "value network"] = static(
        "batch mean", "what is subtracted from the returns: " + ", ".join(BASELINES)
    )
    normalize: bool = static(True, "divide advantages by their deviation in the batch")
    learning_rate: float = leaf(2e-2, "of Adam, at the beginning")
    discount: float = leaf(0.98, "gamma, per agent step")
    value_coef: float = leaf(0.5, "weight of the value network's loss")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_range("value_coef", 0.0, 100.0)

    @property
    def critic(self) -> Critic:
        """A torso of its own, so that the baseline does not shape the policy."""
        return "separate" if self.baseline == "value network" else "none"

    def loss(self, params: Params, batch: Transition) -> tuple[Array, Metrics]:
        """Score-function surrogate over the steps with a complete return."""
        logits, value, returns = self.assess(params, batch, 1.0)
        complete = has_ended(batch.terminated, batch.truncated)

        baseline = masked_mean(returns, complete) if self.critic == "none" else value
        advantage = returns - (0.0 if self.baseline == "none" else baseline)
        if self.normalize:
            deviation = jnp.sqrt(masked_mean(jnp.square(advantage), complete))
            advantage = advantage / (deviation + 1e-8)

        actor = policy_gradient_loss(log_prob(logits, batch.action), advantage)
        bonus = entropy(logits)
        loss = masked_mean(actor - self.entropy_coef * bonus, complete)
        if self.critic != "none":
            error = masked_mean(squared_error(value, returns), complete)
            loss = loss + self.value_coef * error
        return loss, {
            "loss": loss,
            "entropy": bonus.mean(),
            "return_mean": masked_mean(returns, complete),
            "dropped_share": 1.0 - complete.mean(),
        }


def masked_mean(values: Array, mask: Array) -> Array:
    """Mean of `values` where `mask`; 0, and no gradient, where there are none."""
    return jnp.sum(values * mask) / jnp.maximum(jnp.sum(mask), 1)
