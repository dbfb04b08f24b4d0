"""DQN (Mnih et al. 2015), and double DQN (van Hasselt et al. 2016).

Q-learning turns the problem into regression: the value of an action is its reward plus
the discounted value of the best action that follows. Two devices make that stable with
a network: a replay, so that minibatches are nearly independent, and a target network,
so that the goal holds still while it is approached.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pgvq import replay
from pgvq.algorithms.base import TrainState, leaf, static
from pgvq.algorithms.q_learning import QLearner, QLearning
from pgvq.losses import action_value, greedy_value, huber_error, squared_error
from pgvq.optimizers import adam
from pgvq.returns import one_step_returns
from pgvq.rollout import rollout
from pgvq.types import InputError, Key, Metrics, Params, Transition


class DQN(QLearning, kw_only=True):
    """Deep Q-network with uniform replay.

    An iteration is T agent steps in each of N environments, all of them written to the
    replay, and then a fixed number of updates: `replay_ratio * T * N`.
    """

    num_envs: int = static(16, "environments side by side, N")
    rollout_length: int = static(8, "agent steps per environment and iteration, T")
    replay_ratio: float = static(1 / 8, "updates per agent step")
    batch_size: int = static(64, "transitions per update, B")
    capacity: int = static(100_000, "transitions that the replay holds")
    warmup_steps: int = static(5_000, "uniform agent steps before learning; rounded up")
    target_period: int = static(250, "updates between moves of the target network")
    target_rate: float = leaf(
        1.0, "how far it moves: 1 copies, less averages (Polyak, with period 1)"
    )
    double: bool = static(True, "the online network chooses the target's action")
    huber: bool = static(
        False,
        "Huber loss instead of the squared one; where values are far above 1 it let "
        "them run away, on CartPole to 1e5",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_range("target_rate", 0.0, 1.0)
        for field in ("batch_size", "target_period", "warmup_steps"):
            self.check_at_least(field, 1)
        self.check_at_least("capacity", self.steps_per_iteration)
        wanted = self.replay_ratio * self.steps_per_iteration
        if (
            not math.isfinite(wanted)
            or wanted < 1
            or abs(wanted - round(wanted)) > 1e-6
        ):
            best = max(1, round(wanted)) if math.isfinite(wanted) else 1
            raise InputError(
                f"{type(self).__name__}: replay_ratio={self.replay_ratio:g} times "
                f"num_envs * rollout_length = {self.num_envs} * {self.rollout_length} "
                f"is {wanted:g} updates per iteration, not a whole number of at least "
                f"1; use replay_ratio={best}/{self.steps_per_iteration}"
            )

    @property
    def updates_per_iteration(self) -> int:
        """Gradient steps that one `iterate` takes."""
        return round(self.replay_ratio * self.steps_per_iteration)

    @property
    def warmup_length(self) -> int:
        """Agent steps per environment before learning."""
        return -(-self.warmup_steps // self.num_envs)

    @property
    def initial_steps(self) -> int:
        """Agent steps that `init` takes to warm up the replay."""
        return self.warmup_length * self.num_envs

    def init(self, key: Key) -> TrainState:
        """A fresh state whose replay holds `initial_steps` uniform agent steps."""
        key_state, key_warmup = jax.random.split(key)
        state = super().init(key_state)

        def uniform(obs: Array, key: Key) -> tuple[Array, tuple[()]]:
            return jax.random.randint(key, obs.shape[:1], 0, self.num_actions), ()

        def fill(carry: tuple[Any, Any], key: Key) -> tuple[tuple[Any, Any], None]:
            world, ring = carry
            world, batch, _ = rollout(self.env, self.params, uniform, world, key, 1)
            return (world, replay.add(ring, rows(batch))), None

        keys = jax.random.split(key_warmup, self.warmup_length)
        start = (state.world, state.learner.replay)
        (world, ring), _ = jax.lax.scan(fill, start, keys)
        steps = jnp.int32(self.initial_steps)
        learner = state.learner._replace(replay=ring, agent_steps=steps)
        return state._replace(learner=learner, world=world, agent_steps=steps)

    def init_learner(self, key: Key, obs: Array) -> QLearner:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        params = self.network.init(key, obs[None])
        no = jnp.zeros((), dtype=bool)
        example = Transition(obs, jnp.int32(0), jnp.float32(0), obs, no, no)
        return QLearner(
            params=params,
            target_params=jax.tree.map(jnp.copy, params),
            opt_state=adam(0.0, 1.0).init(params),
            replay=replay.init(example, self.capacity),
            agent_steps=jnp.int32(0),
            updates=jnp.int32(0),
        )

    def loss(
        self, params: Params, target_params: Params, batch: Transition
    ) -> tuple[Array, Metrics]:
        """Regression of `Q(s, a)` on its one-step target, of a minibatch `[B, ...]`."""
        next_q = self.q_values(target_params, batch.next_obs)
        chooser = self.q_values(params, batch.next_obs) if self.double else None
        target = one_step_returns(
            batch.reward, greedy_value(next_q, chooser), batch.terminated, self.discount
        )
        q_taken = action_value(self.q_values(params, batch.obs), batch.action)
        error = huber_error if self.huber else squared_error
        loss = error(q_taken, target).mean()
        return loss, {"loss": loss, "q_mean": q_taken.mean()}

    def update(
        self, learner: QLearner, batch: Transition, key: Key
    ) -> tuple[QLearner, Metrics]:
        """Writes the rollout `[T, N, ...]`, then takes the updates on minibatches."""
        ring = replay.add(learner.replay, rows(batch))
        steps = learner.agent_steps + self.steps_per_iteration
        minibatches = replay.sample(
            ring, key, (self.updates_per_iteration, self.batch_size)
        )
        learning_rate = self.learning_rate_at(steps)
        optimizer = adam(learning_rate, self.max_grad_norm)

        def one(carry: Any, minibatch: Transition) -> tuple[Any, Metrics]:
            params, target, opt_state, updates = carry
            grads, metrics = jax.grad(self.loss, has_aux=True)(
                params, target, minibatch
            )
            changes, opt_state = optimizer.update(grads, opt_state)
            params = optax.apply_updates(params, changes)
            updates = updates + 1
            rate = jnp.where(updates % self.target_period == 0, self.target_rate, 0.0)
            target = optax.incremental_update(params, target, rate)
            return (params, target, opt_state, updates), metrics

        start = (
            learner.params,
            learner.target_params,
            learner.opt_state,
            learner.updates,
        )
        (params, target, opt_state, updates), metrics = jax.lax.scan(
            one, start, minibatches
        )
        metrics = jax.tree.map(jnp.mean, metrics)
        metrics |= {"epsilon": self.epsilon(steps), "learning_rate": learning_rate}
        learner = QLearner(params, target, opt_state, ring, steps, updates)
        return learner, metrics


def rows(batch: Transition) -> Transition:
    """A rollout `[T, N, ...]` as rows `[T * N, ...]` of the replay, oldest first."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)
