"""PQN (Gallici et al. 2024): Q-learning on fresh rollouts alone, as PPO's sibling.

No replay and no target network: many environments side by side make the minibatches
diverse, layer normalisation keeps the network from chasing its own predictions, and
Q(lambda) looks further ahead than one step.
"""

from typing import Any

import jax
from flax import linen as nn
from jax import Array

from pgvq.algorithms.base import Learner
from pgvq.algorithms.fields import POSITIVE, SHARE, leaf, static
from pgvq.algorithms.q_learning import QLearning
from pgvq.networks.torsos import Torso
from pgvq.ops.losses import action_value, greedy_value, squared_error
from pgvq.ops.minibatches import epochs
from pgvq.ops.optimizers import adam, apply_gradients
from pgvq.ops.returns import lambda_returns
from pgvq.types import Key, Metrics, Params, Transition


class PQN(QLearning[Learner], kw_only=True):
    """Parallelised Q-network: regression on Q(lambda) targets of each rollout."""

    num_envs: int = static(32, "environments side by side, N", search=(16, 32, 64))
    rollout_length: int = static(
        32, "agent steps per environment and iteration, T", search=(16, 32, 64)
    )
    num_epochs: int = static(
        4, "passes over each rollout", search=(2, 4, 8), within=POSITIVE
    )
    num_minibatches: int = static(8, "of each pass", search=(4, 8, 16), within=POSITIVE)
    torso: nn.Module = static(
        Torso(layer_norm=True), "network below the action values; keep its layer_norm"
    )
    discount: float = leaf(
        0.995, "gamma, per agent step", search=(0.9, 0.999, "horizon")
    )
    learning_rate: float = leaf(
        2e-3, "of Adam, at the beginning", search=(2e-4, 2e-2, "log")
    )
    lambda_: float = leaf(
        0.65,
        "trace of Q(lambda); 0 is one-step Q-learning",
        search=(0.3, 0.95),
        within=SHARE,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        dealt = ("num_epochs", "num_envs", "rollout_length")
        self.check_product(dealt, "their order is drawn at once")
        what = "num_envs * rollout_length"
        self.check_divides("num_minibatches", self.steps_per_iteration, what)

    @property
    def updates_per_iteration(self) -> int:
        """Gradient steps that one `iterate` takes."""
        return self.num_epochs * self.num_minibatches

    def init_learner(self, key: Key, obs: Array) -> Learner:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        params = self.init_params(key, obs)
        return Learner(params, adam(0.0, 1.0).init(params))

    def targets(self, params: Params, batch: Transition) -> Array:
        """Q(lambda) `[T, N]`: the lambda-return of a rollout, its value `max_a Q`."""
        shape = batch.reward.shape
        flat = batch.next_obs.reshape(-1, *batch.next_obs.shape[2:])
        next_value = greedy_value(self.q_values(params, flat)).reshape(shape)
        return lambda_returns(
            batch.reward,
            next_value,
            batch.terminated,
            batch.truncated,
            self.discount,
            self.lambda_,
        )

    def loss(
        self, params: Params, obs: Array, action: Array, target: Array
    ) -> tuple[Array, Metrics]:
        """Regression of `Q(s, a)` on its target, of a minibatch `[B, ...]`."""
        q_taken = action_value(self.q_values(params, obs), action)
        loss = squared_error(q_taken, target).mean()
        return loss, {"loss": loss, "q_mean": q_taken.mean()}

    def update(
        self, learner: Learner, batch: Transition, key: Key, step: Array
    ) -> tuple[Learner, Metrics]:
        """Epochs of minibatches of a rollout `[T, N, ...]`, targets fixed before."""
        rows = (batch.obs, batch.action, self.targets(learner.params, batch))
        rows = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), rows)
        known = {"epsilon": self.epsilon(step)}
        known["learning_rate"] = rate = self.learning_rate_at(step)

        def regress(learner: Learner, minibatch: Any) -> tuple[Learner, Metrics]:
            gradient = jax.grad(self.loss, has_aux=True)
            grads, metrics = gradient(learner.params, *minibatch)
            after = apply_gradients(*learner, grads, rate, self.max_grad_norm)
            return Learner(*after), metrics

        learner, metrics = epochs(
            regress, learner, rows, key, self.num_epochs, self.num_minibatches
        )
        return learner, metrics | known
