"""PPO (Schulman et al. 2017): many updates on one rollout, kept close to its policy.

Actor-critic throws a rollout away after one gradient step. PPO takes many on shuffled
minibatches of it, and stops gaining from an action once its probability has moved by
more than `clip`, so that the rollout still speaks for the policy that learns from it.

With `memory_size` minibatches are whole environments and the recurrent network is
trained by backpropagation through the rollout's time.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.algorithms.base import Learner
from pgvq.algorithms.fields import POSITIVE, SHARE, leaf, static
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.networks.heads import Critic
from pgvq.ops.losses import (
    approximate_kl,
    clipped_surrogate_loss,
    clipped_value_error,
    entropy,
    log_prob,
    squared_error,
    standardized,
)
from pgvq.ops.minibatches import epochs
from pgvq.ops.optimizers import apply_gradients
from pgvq.types import InputError, Key, Metrics, Params, PyTree, Transition


class Sample(NamedTuple):
    """What the updates learn from; axes `[T, n, ...]`, or `[1, B, ...]`."""

    obs: Array  # [*O]
    action: Array  # [] int32
    ended: Array  # [] bool: the episode ended with this step
    memory: PyTree  # [1, n, H]: before the first step; () without a memory
    log_prob: Array  # [] of the action, under the policy that took it
    value: Array  # [] by the critic of that time
    returns: Array  # [] lambda-returns
    advantage: Array  # []


class PPO(PolicyGradient[Learner], kw_only=True):
    """Proximal policy optimisation with a clipped surrogate."""

    num_envs: int = static(32, "environments side by side, N", search=(16, 32, 64))
    rollout_length: int = static(
        64, "agent steps per environment and iteration, T", search=(32, 64, 128)
    )
    num_epochs: int = static(
        4, "passes over each rollout", search=(2, 4, 8), within=POSITIVE
    )
    num_minibatches: int = static(
        8,
        "of each pass; of environments with a memory",
        search=(4, 8, 16),
        within=POSITIVE,
    )
    shared_torso: bool = static(False, "policy and critic share a torso")
    normalize: Literal["none", "batch", "minibatch"] = static(
        "minibatch",
        "which advantages get mean 0 and deviation 1: none, batch, minibatch",
    )
    clip_value: bool = static(False, "clip the critic's step by `clip` as well")
    learning_rate: float = leaf(
        2e-3, "of Adam, at the beginning", search=(2e-4, 2e-2, "log")
    )
    clip: float = leaf(
        0.2,
        "how far an action's probability may move, relatively",
        search=(0.1, 0.4),
        within=(1e-6, 1e6),
    )
    lambda_: float = leaf(
        0.95, "trace of the lambda-return", search=(0.8, 0.99, "horizon"), within=SHARE
    )
    value_coef: float = leaf(0.5, "weight of the critic's loss", within=(0.0, 100.0))
    target_kl: float = leaf(
        0.02,
        "nats; the share of updates beyond is the metric `beyond_target_kl`",
        within=(0.0, 1e6),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        dealt = ("num_epochs", "num_envs", "rollout_length")
        self.check_product(dealt, "their order is drawn at once")
        product = f"num_envs * rollout_length = {self.num_envs} * {self.rollout_length}"
        what = "num_envs" if self.memory_size else product
        self.check_divides("num_minibatches", self.num_rows, what)
        self._check_normalize()

    def _check_normalize(self) -> None:
        parts = self.num_minibatches if self.normalize == "minibatch" else 1
        if self.normalize != "none" and self.steps_per_iteration == parts:
            raise InputError(
                f"PPO: normalize={self.normalize!r} over 1 agent step leaves an "
                "advantage of 0 and so nothing to learn from; use a smaller "
                "num_minibatches, a longer rollout, or normalize='none'"
            )

    @property
    def num_rows(self) -> int:
        """What is dealt out to minibatches: agent steps; environments with a memory."""
        return self.num_envs if self.memory_size else self.steps_per_iteration

    @property
    def updates_per_iteration(self) -> int:
        """Gradient steps that one `iterate` takes."""
        return self.num_epochs * self.num_minibatches

    @property
    def critic(self) -> Critic:
        """On the policy's torso or on one of its own."""
        return "shared" if self.shared_torso else "separate"

    def sample(self, params: Params, batch: Transition) -> Sample:
        """What a rollout `[T, N, ...]` says under the parameters that played it."""
        logits, value, returns = self.assess(params, batch, self.lambda_)
        advantage = returns - value
        if self.normalize == "batch":
            advantage = standardized(advantage, returns)
        sample = Sample(
            obs=batch.obs,
            action=batch.action,
            ended=batch.terminated | batch.truncated,
            memory=batch.extras[:1] if self.memory_size else (),
            log_prob=log_prob(logits, batch.action),
            value=value,
            returns=returns,
            advantage=advantage,
        )
        if self.memory_size:
            return sample
        return jax.tree.map(lambda x: x.reshape(1, -1, *x.shape[2:]), sample)

    def loss(self, params: Params, batch: Sample) -> tuple[Array, Metrics]:
        """Clipped surrogate, the critic's regression, and the entropy bonus."""
        memory = batch.memory[0] if self.memory_size else ()
        logits, value, _ = self.outputs(params, batch.obs, memory, batch.ended)
        log_probs = log_prob(logits, batch.action)
        advantage = batch.advantage
        if self.normalize == "minibatch":
            advantage = standardized(advantage, batch.returns)

        actor = clipped_surrogate_loss(log_probs, batch.log_prob, advantage, self.clip)
        if self.clip_value:
            critic = clipped_value_error(value, batch.value, batch.returns, self.clip)
        else:
            critic = squared_error(value, batch.returns)
        bonus = entropy(logits).mean()
        loss = (actor + self.value_coef * critic).mean() - self.entropy_coef * bonus
        kl = approximate_kl(log_probs, batch.log_prob).mean()
        moved = jnp.abs(jnp.exp(log_probs - batch.log_prob) - 1.0) > self.clip
        return loss, {
            "loss": loss,
            "value_loss": critic.mean(),
            "entropy": bonus,
            "kl": kl,
            "beyond_target_kl": (kl > self.target_kl).astype(jnp.float32),
            "clipped_share": moved.mean(),
        }

    def update(
        self, learner: Learner, batch: Transition, key: Key, step: Array
    ) -> tuple[Learner, Metrics]:
        """Epochs of minibatches of a rollout `[T, N, ...]`."""
        rate = self.learning_rate_at(step)

        def one(learner: Learner, part: Sample) -> tuple[Learner, Metrics]:
            grads, metrics = jax.grad(self.loss, has_aux=True)(learner.params, part)
            after = apply_gradients(*learner, grads, rate, self.max_grad_norm)
            return Learner(*after), metrics

        rows = self.sample(learner.params, batch)
        passes = self.num_epochs, self.num_minibatches
        learner, metrics = epochs(one, learner, rows, key, *passes, axis=1)
        return learner, metrics | {"learning_rate": rate}
