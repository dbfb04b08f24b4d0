"""DQN (Mnih et al. 2015) and the variants that later papers added, each a field.

Q-learning turns the problem into regression: the value of an action is its reward plus
the discounted value of the best action that follows. Two devices make that stable with
a network: a replay, so that minibatches are nearly independent, and a target network,
so that the goal holds still while it is approached.

    double        van Hasselt et al. 2016    dueling      Wang et al. 2016
    n_step        Sutton & Barto 2018, 7.1   prioritized  Schaul et al. 2016
    quantiles     QR-DQN, Dabney et al. 2018

Of the distributional methods it is quantile regression, not C51, because a histogram
needs the range of returns, which differs from game to game.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pgvq.algorithms.fields import POSITIVE, SHARE, WIDEST, leaf, static
from pgvq.algorithms.q_learning import QLearning
from pgvq.algorithms.replay_learning import Experience, ReplayLearning
from pgvq.networks.heads import QNetwork
from pgvq.ops.losses import action_value, greedy_value, huber_error, squared_error
from pgvq.ops.optimizers import adam, apply_gradients
from pgvq.ops.quantiles import quantile_huber_error
from pgvq.replay.samplers import Minibatch
from pgvq.types import Key, Metrics, Params


class QLearner(NamedTuple):
    """What DQN has learnt so far."""

    params: Params
    target_params: Params  # an older copy that the targets are read from
    opt_state: Any
    experience: Experience
    updates: Array  # [] int32, gradient steps so far


class DQN(ReplayLearning[QLearner], QLearning[QLearner], kw_only=True):
    """Deep Q-network: regression of `Q(s, a)` on rows of the replay."""

    target_period: int = static(
        250,
        "updates between moves of the target network",
        search=(100, 250, 1000),
        within=POSITIVE,
    )
    target_rate: float = leaf(
        1.0,
        "how far it moves: 1 copies, less averages (Polyak, with period 1)",
        within=SHARE,
    )
    double: bool = static(True, "the online network chooses the target's action")
    dueling: bool = static(False, "separate heads for state value and advantages")
    quantiles: int = static(
        0,
        "of the return's distribution (QR-DQN); 0 learns its mean alone",
        within=(0, WIDEST),
    )
    huber: bool = static(
        False,
        "Huber loss instead of the squared one (quantiles always have it); where "
        "values are far above 1 it let them run away, on CartPole to 1e5",
    )

    @property
    def network(self) -> QNetwork:
        """Maps `obs [N, *O]` to action values `[N, A]`, or quantiles `[N, A, K]`."""
        return QNetwork(self.torso, self.num_actions, self.dueling, self.quantiles)

    def q_values(self, params: Params, obs: Array) -> Array:
        """`[N, *O]` to action values `[N, A]`."""
        outputs = super().q_values(params, obs)
        return outputs.mean(axis=-1) if self.quantiles else outputs

    def init_learner(self, key: Key, obs: Array) -> QLearner:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        params = self.init_params(key, obs)
        return QLearner(
            params=params,
            target_params=jax.tree.map(jnp.copy, params),
            opt_state=adam(0.0, 1.0).init(params),
            experience=self.init_replay(obs),
            updates=jnp.int32(0),
        )

    def loss(
        self, params: Params, target_params: Params, batch: Minibatch
    ) -> tuple[Array, tuple[Array, Metrics]]:
        """Regression on the targets of a minibatch; also its errors `[B]`, metrics."""
        rows = batch.rows
        chooser = self.q_values(params, rows.next_obs) if self.double else None
        if self.quantiles:
            losses, q_taken, target = self.quantile_losses(
                params, target_params, batch, chooser
            )
        else:
            next_q = self.q_values(target_params, rows.next_obs)
            target = rows.reward + rows.discount * greedy_value(next_q, chooser)
            q_taken = action_value(self.q_values(params, rows.obs), rows.action)
            losses = (huber_error if self.huber else squared_error)(q_taken, target)
        loss = (batch.weight * losses).mean()
        error = jax.lax.stop_gradient(target - q_taken)
        return loss, (error, {"loss": loss, "q_mean": q_taken.mean()})

    def quantile_losses(
        self,
        params: Params,
        target_params: Params,
        batch: Minibatch,
        chooser: Array | None,
    ) -> tuple[Array, Array, Array]:
        """Quantile regression `[B]`, and the means `[B]` of prediction and target."""
        rows = batch.rows
        next_z = super().q_values(target_params, rows.next_obs)  # [B, A, K]
        chooser = next_z.mean(axis=-1) if chooser is None else chooser
        of_action = jax.vmap(action_value, in_axes=(-1, None), out_axes=-1)
        best_z = of_action(next_z, jnp.argmax(chooser, axis=-1))
        target = rows.reward[:, None] + rows.discount[:, None] * best_z
        z_taken = of_action(super().q_values(params, rows.obs), rows.action)
        losses = quantile_huber_error(z_taken, target)
        return losses, z_taken.mean(axis=-1), target.mean(axis=-1)

    def learn(
        self, learner: QLearner, batch: Minibatch, key: Key, step: Array
    ) -> tuple[QLearner, Array, Metrics]:
        """A step of Adam, and a move of the target network when its time has come."""
        grads, (error, metrics) = jax.grad(self.loss, has_aux=True)(
            learner.params, learner.target_params, batch
        )
        rate = self.learning_rate_at(step)
        params, opt_state = apply_gradients(
            learner.params, learner.opt_state, grads, rate, self.max_grad_norm
        )
        updates = learner.updates + 1
        moves = updates % self.target_period == 0
        target = optax.incremental_update(
            params, learner.target_params, jnp.where(moves, self.target_rate, 0.0)
        )
        metrics |= {"epsilon": self.epsilon(step)}
        learner = learner._replace(
            params=params, target_params=target, opt_state=opt_state, updates=updates
        )
        return learner, error, metrics
