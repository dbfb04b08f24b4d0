"""Three small algorithms, sound as they stand, in pieces that a fault can replace.

They are written against the public interface alone, as a user would write them.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from pgvq.algorithms.base import RolloutAlgorithm
from pgvq.algorithms.fields import leaf, static
from pgvq.networks.heads import ActorCritic, QNetwork
from pgvq.networks.torsos import MLP
from pgvq.ops.losses import action_value, entropy, log_prob
from pgvq.ops.returns import has_ended, lambda_returns, one_step_returns
from pgvq.replay import ring as replay
from pgvq.types import Transition


class Learner(NamedTuple):
    params: Any
    opt_state: Any


def over_time(function, params, obs):
    """A function of `[N, *O]` for `[T, N, *O]`."""
    return jax.vmap(lambda row: function(params, row))(obs)


class Pupil(RolloutAlgorithm, kw_only=True):
    """Adam behind a clip."""

    torso: nn.Module = static(MLP((16,)))
    max_grad_norm: float = leaf(1.0)
    lambda_: float = leaf(0.9)

    def clip(self):
        return optax.clip_by_global_norm(self.max_grad_norm)

    @property
    def optimizer(self):
        return optax.chain(self.clip(), optax.adam(self.learning_rate))

    def init_learner(self, key, obs):
        params = self.network.init(key, obs[None])
        return Learner(params, self.optimizer.init(params))

    def descended(self, learner, grads):
        changes, opt_state = self.optimizer.update(grads, learner.opt_state)
        params = optax.apply_updates(learner.params, changes)
        return learner._replace(params=params, opt_state=opt_state)


class Policy(Pupil, kw_only=True):
    """A policy with a critic, or without one and then by complete returns alone."""

    critic: str = static("separate")
    entropy_coef: float = leaf(0.01)

    @property
    def network(self):
        return ActorCritic(self.torso, self.num_actions, self.critic)

    def policy(self, learner, obs, memory, key, *, greedy, step):
        logits, _ = self.network.apply(learner.params, obs)
        if greedy:
            return jnp.argmax(logits, axis=-1), memory, ()
        return jax.random.categorical(key, logits), memory, ()

    def returns(self, batch, next_value):
        ended = (batch.terminated, batch.truncated)
        return lambda_returns(
            batch.reward, next_value, *ended, self.discount, self.lambda_
        )

    def complete(self, batch):
        if self.critic == "none":
            return has_ended(batch.terminated, batch.truncated)
        return jnp.ones(batch.reward.shape, bool)

    def stopped(self, target, advantage):
        return jax.lax.stop_gradient(target), jax.lax.stop_gradient(advantage)

    def bonus(self, logits):
        return self.entropy_coef * entropy(logits)

    def loss(self, params, batch):
        logits, value = over_time(self.network.apply, params, batch.obs)
        _, next_value = over_time(self.network.apply, params, batch.next_obs)
        if self.critic == "none":
            target = self.replace(lambda_=1.0).returns(batch, next_value)
        else:
            target = self.returns(batch, next_value)
        target, advantage = self.stopped(target, target - value)
        actor = -log_prob(logits, batch.action) * advantage - self.bonus(logits)
        critic = jnp.square(target - value) if self.critic != "none" else 0.0
        return jnp.mean(self.complete(batch) * (actor + critic))

    def update(self, learner, batch, key, step):
        loss, grads = jax.value_and_grad(self.loss)(learner.params, batch)
        return self.descended(learner, grads), {"loss": loss}


class Actions(Pupil, kw_only=True):
    """Action values: epsilon-greedy, Q(lambda) on each rollout."""

    epsilon: float = leaf(0.2)

    @property
    def network(self):
        return QNetwork(self.torso, self.num_actions)

    def q_values(self, params, obs):
        return self.network.apply(params, obs)

    def policy(self, learner, obs, memory, key, *, greedy, step):
        best = jnp.argmax(self.q_values(learner.params, obs), axis=-1)
        if greedy:
            return best, memory, ()
        key_coin, key_action = self.two_keys(key)
        random = jax.random.randint(key_action, obs.shape[:1], 0, self.num_actions)
        explores = jax.random.uniform(key_coin, obs.shape[:1]) < self.epsilon
        return jnp.where(explores, random, best), memory, ()

    def two_keys(self, key):
        return jax.random.split(key)

    def targets(self, params, batch):
        next_value = over_time(self.q_values, params, batch.next_obs).max(axis=-1)
        ended = (batch.terminated, batch.truncated)
        return lambda_returns(
            batch.reward, next_value, *ended, self.discount, self.lambda_
        )

    def loss(self, params, batch):
        target = jax.lax.stop_gradient(self.targets(params, batch))
        q_values = over_time(self.q_values, params, batch.obs)
        return jnp.mean(jnp.square(target - action_value(q_values, batch.action)))

    def update(self, learner, batch, key, step):
        loss, grads = jax.value_and_grad(self.loss)(learner.params, batch)
        return self.descended(learner, grads), {"loss": loss}


class ReplayLearner(NamedTuple):
    params: Any
    target_params: Any
    opt_state: Any
    ring: Any
    updates: Array  # [] int32


class Replayed(Actions, kw_only=True):
    """One-step Q-learning from a replay, with a target network."""

    replay_ratio: float = static(1 / 8)
    batch_size: int = static(32)
    capacity: int = static(10_000)
    target_period: int = static(10)

    @property
    def updates_per_iteration(self):
        return round(self.replay_ratio * self.steps_per_iteration)

    def init_learner(self, key, obs):
        params = self.network.init(key, obs[None])
        no = jnp.zeros((), bool)
        row = Transition(obs, jnp.int32(0), jnp.float32(0), obs, no, no)
        ring = replay.init(row, self.capacity)
        target = jax.tree.map(jnp.copy, params)
        opt_state = self.optimizer.init(params)
        return ReplayLearner(params, target, opt_state, ring, jnp.int32(0))

    def rows(self, batch):
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)

    def replay_loss(self, params, target_params, rows):
        next_value = self.q_values(target_params, rows.next_obs).max(axis=-1)
        target = one_step_returns(
            rows.reward, next_value, rows.terminated, self.discount
        )
        error = jax.lax.stop_gradient(target) - action_value(
            self.q_values(params, rows.obs), rows.action
        )
        return jnp.mean(jnp.square(error))

    def moves(self, learner, steps):
        return learner.updates % self.target_period == 0

    def one(self, learner, rows, steps):
        grads = jax.grad(self.replay_loss)(learner.params, learner.target_params, rows)
        learner = self.descended(learner, grads)
        learner = learner._replace(updates=learner.updates + 1)
        moved = optax.incremental_update(
            learner.params,
            learner.target_params,
            jnp.where(self.moves(learner, steps), 1.0, 0.0),
        )
        return learner._replace(target_params=moved)

    def number_of_updates(self):
        return self.updates_per_iteration

    def update(self, learner, batch, key, step):
        ring = replay.add(learner.ring, self.rows(batch))
        shape = (self.number_of_updates(), self.batch_size)
        steps = step + self.steps_per_iteration
        learner, _ = jax.lax.scan(
            lambda learner, rows: (self.one(learner, rows, steps), None),
            learner._replace(ring=ring),
            replay.sample(ring, key, shape),
        )
        return learner, {}
