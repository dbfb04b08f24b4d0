"""The policy-gradient family: a categorical policy that climbs its expected return.

A member writes `loss`, the surrogate whose gradient is its estimate; the family owns
the policy, the optimiser and its schedule.
"""

import abc
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from pgvq import exploration
from pgvq.algorithms.base import RolloutAlgorithm, leaf, static
from pgvq.networks import MLP, ActorCritic, Critic, apply_over_time
from pgvq.optimizers import adam
from pgvq.returns import lambda_returns
from pgvq.types import Key, Metrics, Params, PyTree, Transition


class PolicyLearner(NamedTuple):
    """What a policy-gradient method has learnt so far."""

    params: Params
    opt_state: Any
    agent_steps: Array  # [] int32, for the schedules


class PolicyGradient(RolloutAlgorithm, kw_only=True):
    """One gradient step on `loss` per rollout, taken with the policy that made it."""

    family: ClassVar[str] = "policy gradient"

    torso: nn.Module = static(MLP((64, 64)), "network below the heads")
    learning_rate: float = leaf(1e-3, "of Adam, at the beginning")
    final_learning_rate: float = leaf(
        0.0, "fraction of it that is left at the end of the budget; linear between"
    )
    discount: float = leaf(0.99, "gamma, per agent step")
    entropy_coef: float = leaf(0.01, "weight of the entropy bonus")
    max_grad_norm: float = leaf(0.5, "bound on the gradient's global norm")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_range("learning_rate", 0.0, 10.0)
        self.check_range("final_learning_rate", 0.0, 1.0)
        self.check_range("discount", 0.0, 1.0)
        self.check_range("entropy_coef", 0.0, 10.0)
        self.check_range("max_grad_norm", 1e-6, 1e6)

    @abc.abstractmethod
    def loss(self, params: Params, batch: Transition) -> tuple[Array, Metrics]:
        """The scalar to descend, for a rollout `[T, N, ...]`, and metrics."""

    @property
    def critic(self) -> Critic:
        """Which critic, if any, the network carries."""
        return "none"

    @property
    def network(self) -> ActorCritic:
        """Maps `obs [N, *O]` to logits `[N, A]` and values `[N]`."""
        return ActorCritic(self.torso, self.num_actions, self.critic)

    def init_learner(self, key: Key, obs: Array) -> PolicyLearner:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        params = self.network.init(key, obs[None])
        return PolicyLearner(params, adam(0.0, 1.0).init(params), jnp.int32(0))

    def assess(
        self, params: Params, batch: Transition, lambda_: Array | float
    ) -> tuple[Array, Array, Array]:
        """Logits `[T, N, A]`, values and lambda-returns `[T, N]` of a rollout.

        Returns are data: no gradient flows through the values that they bootstrap from.
        """
        logits, value = apply_over_time(self.network, params, batch.obs)
        _, next_value = apply_over_time(self.network, params, batch.next_obs)
        returns = lambda_returns(
            batch.reward,
            jax.lax.stop_gradient(next_value),
            batch.terminated,
            batch.truncated,
            self.discount,
            lambda_,
        )
        return logits, value, returns

    def explore(
        self, learner: PolicyLearner, obs: Array, key: Key
    ) -> tuple[Array, PyTree]:
        """Actions `[N]` sampled from the policy."""
        logits, _ = self.network.apply(learner.params, obs)
        return jax.random.categorical(key, logits), ()

    def choose(self, learner: PolicyLearner, obs: Array, key: Key) -> Array:
        """The most probable actions `[N]`."""
        logits, _ = self.network.apply(learner.params, obs)
        return jnp.argmax(logits, axis=-1)

    def update(
        self, learner: PolicyLearner, batch: Transition, key: Key
    ) -> tuple[PolicyLearner, Metrics]:
        """One step of Adam down the gradient of `loss`."""
        grads, metrics = jax.grad(self.loss, has_aux=True)(learner.params, batch)
        learning_rate = exploration.linear_schedule(
            learner.agent_steps,
            self.learning_rate,
            self.learning_rate * self.final_learning_rate,
            self.budget,
        )
        optimizer = adam(learning_rate, self.max_grad_norm)
        changes, opt_state = optimizer.update(grads, learner.opt_state)
        params = optax.apply_updates(learner.params, changes)
        steps = learner.agent_steps + self.steps_per_iteration
        metrics = {
            **metrics,
            "grad_norm": optax.tree.norm(grads),
            "learning_rate": learning_rate,
        }
        return PolicyLearner(params, opt_state, steps), metrics
