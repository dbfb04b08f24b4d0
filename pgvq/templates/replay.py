"""MyAlgorithm: double DQN, a place to begin a method of your own that has a replay.

B rows of a minibatch, N environments side by side, A actions, *O observation.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pgvq import Experiment, make
from pgvq.algorithms import Experience, QLearning, ReplayLearning, leaf, static
from pgvq.ops import action_value, adam, apply_gradients, greedy_value, squared_error
from pgvq.types import Key, Metrics, Params


class Learner(NamedTuple):
    """All that changes; its structure, shapes and dtypes never do."""

    params: Params
    target_params: Params  # an average of older ones, which targets are read from
    opt_state: Any
    experience: Experience  # the replay buffer; () within `learn`


class MyAlgorithm(ReplayLearning, QLearning, kw_only=True):
    """Double DQN (van Hasselt et al. 2016) with an averaged target network.

    `ReplayLearning` fills the replay, warms it up with uniform actions and draws
    minibatches from it: uniformly or by priority, with n-step returns (`prioritized`
    and `n_step` work as they are). `QLearning` acts epsilon-greedily on `q_values`.
    """

    # `static` fields shape the program; `leaf` fields are floats that a sweep batches.
    num_envs: int = static(16, "environments side by side, N")
    replay_ratio: float = static(1 / 8, "updates per agent step")
    capacity: int = static(20_000, "transitions that the replay holds")
    warmup_steps: int = static(1_000, "uniform agent steps before learning; rounded up")
    target_rate: float = leaf(
        0.01, "how far the target moves in each update", within=(0.0, 1.0)
    )

    def init_learner(self, key: Key, obs: Array) -> Learner:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        params = self.init_params(key, obs)
        return Learner(
            params=params,
            target_params=jax.tree.map(jnp.copy, params),
            opt_state=adam(0.0, 1.0).init(params),
            experience=self.init_replay(obs),
        )

    def loss(
        self, params: Params, target_params: Params, batch: Any
    ) -> tuple[Array, tuple[Array, Metrics]]:
        """The scalar to descend; also the errors `[B]` and metrics, scalars."""
        rows = batch.rows  # leaves [B, ...]
        # The online network chooses the next action, the target network values it.
        next_q = self.q_values(target_params, rows.next_obs)
        next_value = greedy_value(next_q, self.q_values(params, rows.next_obs))
        # `reward` is the sum over n steps; `discount` is 0 after a termination.
        target = rows.reward + rows.discount * next_value
        q_taken = action_value(self.q_values(params, rows.obs), rows.action)
        # The loss takes its target as data: no gradient flows through it. The weights
        # correct for how the rows were drawn.
        loss = jnp.mean(batch.weight * squared_error(q_taken, target))
        return loss, (target - q_taken, {"loss": loss, "q_mean": q_taken.mean()})

    def learn(
        self, learner: Learner, batch: Any, key: Key, step: Array
    ) -> tuple[Learner, Array, Metrics]:
        """One update; the errors `[B]` become the rows' priorities.

        `batch`: a `pgvq.replay.samplers.Minibatch`. `key` is for methods that draw:
        noisy networks, sampled targets. `step`: agent steps so far, for schedules.
        """
        grads, (error, metrics) = jax.grad(self.loss, has_aux=True)(
            learner.params, learner.target_params, batch
        )
        learning_rate = self.learning_rate_at(step)
        params, opt_state = apply_gradients(
            learner.params, learner.opt_state, grads, learning_rate, self.max_grad_norm
        )
        target = optax.incremental_update(
            params, learner.target_params, self.target_rate
        )
        learner = learner._replace(
            params=params, target_params=target, opt_state=opt_state
        )
        return learner, error, metrics


env, _ = make("Catch-bsuite")  # or leave `env` out, and it is Pong
algorithms = [MyAlgorithm(env=env)]  # add DQN(env=env) to compare
experiment = Experiment(
    name="my_algorithm", algorithms=algorithms, steps=40_000, seeds=3, evaluations=10
)
