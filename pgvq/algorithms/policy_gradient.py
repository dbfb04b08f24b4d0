"""The policy-gradient family: a categorical policy that climbs its expected return.

A member writes `loss`, the surrogate whose gradient is its estimate; the family owns
the policy, the optimiser and its schedule.
"""

import abc
from typing import Any, ClassVar, cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from pgvq.algorithms.base import L, Learner, RolloutAlgorithm
from pgvq.algorithms.fields import WIDEST, leaf, static
from pgvq.networks.heads import (
    ActorCritic,
    Critic,
    RecurrentActorCritic,
    apply_over_time,
    unroll,
)
from pgvq.networks.torsos import Torso
from pgvq.ops.optimizers import adam, apply_gradients
from pgvq.ops.returns import lambda_returns
from pgvq.types import Key, Metrics, Params, PyTree, Transition


class PolicyGradient(RolloutAlgorithm[L], kw_only=True):
    """One gradient step on `loss` per rollout, taken with the policy that made it."""

    family: ClassVar[str] = "policy gradient"

    torso: nn.Module = static(Torso(), "network below the heads")
    entropy_coef: float = leaf(
        0.01,
        "weight of the entropy bonus",
        search=(1e-4, 0.1, "log"),
        within=(0.0, 10.0),
    )
    max_grad_norm: float = leaf(
        0.5, "bound on the gradient's global norm", within=(1e-6, 1e6)
    )
    memory_size: int = static(
        0,
        "units of a recurrent network (GRU) above the torso, H, that policy and critic "
        "share; 0: no memory",
        within=(0, WIDEST),
    )

    @abc.abstractmethod
    def loss(self, params: Params, batch: Any) -> tuple[Array, Metrics]:
        """The scalar to descend, for a rollout `[T, N, ...]`, and metrics."""

    @property
    def critic(self) -> Critic:
        """Which critic, if any, the network carries."""
        return "none"

    @property
    def network(self) -> ActorCritic | RecurrentActorCritic:
        """The policy and its critic; with a memory they share everything below."""
        if self.memory_size:
            return RecurrentActorCritic(
                self.torso, self.num_actions, self.memory_size, self.critic != "none"
            )
        return ActorCritic(self.torso, self.num_actions, self.critic)

    def initial_memory(self, num_envs: int) -> PyTree:
        """Zeros `[N, H]`, or () without a memory."""
        return jnp.zeros((num_envs, self.memory_size)) if self.memory_size else ()

    def step(
        self, params: Params, obs: Array, memory: PyTree
    ) -> tuple[Array, Array, PyTree]:
        """Logits `[N, A]`, values `[N]` and the memory after seeing `obs [N, *O]`."""
        if self.memory_size:
            return cast(Any, self.network.apply(params, obs, memory))
        return *cast(Any, self.network.apply(params, obs)), memory

    def outputs(
        self, params: Params, obs: Array, memory: PyTree, ended: Array
    ) -> tuple[Array, Array, PyTree]:
        """The same along a rollout: `obs [T, N, *O]`, starting from `memory [N, H]`.

        Where an episode ended, `ended [T, N]`, the memory is zeroed and no gradient
        crosses; the memories returned, `[T, N, H]`, are those before that.
        """
        if self.memory_size:
            network = cast(RecurrentActorCritic, self.network)
            return unroll(network, params, obs, memory, ended)
        return *apply_over_time(self.network, params, obs), memory

    def init_learner(self, key: Key, obs: Array) -> Any:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        memory = (self.initial_memory(1),) if self.memory_size else ()
        params = self.network.init(key, obs[None], *memory)
        return Learner(params, adam(0.0, 1.0).init(params))

    def judged(self, params: Params, batch: Transition) -> tuple[Array, Array, Array]:
        """Logits `[T, N, A]`, values of `obs` and of `next_obs` `[T, N]`.

        No gradient flows through the values of `next_obs`: they are data.
        """
        memory = batch.extras[0] if self.memory_size else ()
        ended = batch.terminated | batch.truncated
        logits, value, after = self.outputs(params, batch.obs, memory, ended)
        seen = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[2:]), (batch.next_obs, after)
        )
        next_value = self.step(params, *seen)[1].reshape(value.shape)
        return logits, value, jax.lax.stop_gradient(next_value)

    def assess(
        self, params: Params, batch: Transition, lambda_: Array | float
    ) -> tuple[Array, Array, Array]:
        """Logits `[T, N, A]`, values and lambda-returns `[T, N]` of a rollout."""
        logits, value, next_value = self.judged(params, batch)
        returns = lambda_returns(
            batch.reward,
            next_value,
            batch.terminated,
            batch.truncated,
            self.discount,
            lambda_,
        )
        return logits, value, returns

    def policy(
        self,
        learner: Any,
        obs: Array,
        memory: PyTree,
        key: Key,
        *,
        greedy: bool,
        step: Array,
    ) -> tuple[Array, PyTree, PyTree]:
        """Actions `[N]`, the most probable or sampled; the extra is `memory`."""
        logits, _, after = self.step(learner.params, obs, memory)
        if greedy:
            return jnp.argmax(logits, axis=-1), after, memory
        return jax.random.categorical(key, logits), after, memory

    def update(
        self, learner: Any, batch: Transition, key: Key, step: Array
    ) -> tuple[Any, Metrics]:
        """One step of Adam down the gradient of `loss`."""
        grads, metrics = jax.grad(self.loss, has_aux=True)(learner.params, batch)
        return self.descended(learner, grads, metrics, step)

    def descended(
        self, learner: Any, grads: Params, metrics: Metrics, step: Array
    ) -> tuple[Any, Metrics]:
        """The learner after one step of Adam down `grads`, and all metrics.

        A learner has at least the fields of `Learner`; the others stay as they are.
        """
        learning_rate = self.learning_rate_at(step)
        params, opt_state = apply_gradients(
            learner.params, learner.opt_state, grads, learning_rate, self.max_grad_norm
        )
        metrics = {
            **metrics,
            "grad_norm": optax.tree.norm(grads),
            "learning_rate": learning_rate,
        }
        return learner._replace(params=params, opt_state=opt_state), metrics
