"""MyAlgorithm: deep expected SARSA, a place to begin a Q-learning method of your own.

T agent steps of a rollout, N environments side by side, A actions, *O observation.
"""

import jax
from jax import Array

from pgvq import Experiment, make
from pgvq.algorithms import Learner, QLearning, leaf, static
from pgvq.ops import action_value, adam, apply_gradients, lambda_returns, squared_error
from pgvq.types import Key, Metrics, Params, Transition


class MyAlgorithm(QLearning, kw_only=True):
    """Expected SARSA (van Seijen et al. 2009) with traces, on-policy, without replay.

    The family acts epsilon-greedily on `q_values`; its other fields are inherited.
    """

    # `static` fields shape the program; `leaf` fields are floats that a sweep batches.
    num_envs: int = static(16, "environments side by side, N")
    rollout_length: int = static(16, "agent steps per environment and iteration, T")
    lambda_: float = leaf(0.8, "trace of the lambda-return", within=(0.0, 1.0))

    def init_learner(self, key: Key, obs: Array) -> Learner:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        # To keep more than parameters and optimiser, write a NamedTuple of your own
        # with these two in it. Its shapes and dtypes never change.
        params = self.init_params(key, obs)
        return Learner(params, adam(0.0, 1.0).init(params))

    def loss(self, params: Params, batch: Transition, epsilon: Array) -> Array:
        """Regression of `Q(s, a)` on what a rollout `[T, N, ...]` returned."""
        over_time = jax.vmap(self.q_values, in_axes=(None, 0))
        q_values = over_time(params, batch.obs)  # [T, N, A]
        # `next_obs` is what followed, never the observation after a reset.
        next_q = over_time(params, batch.next_obs)
        # What the next action is worth on average, chosen epsilon-greedily.
        next_value = (1 - epsilon) * next_q.max(-1) + epsilon * next_q.mean(-1)
        ended = (batch.terminated, batch.truncated)  # an end, and a cut by the clock
        target = lambda_returns(
            batch.reward, next_value, *ended, self.discount, self.lambda_
        )
        # The loss takes its target as data: no gradient flows through it.
        return squared_error(action_value(q_values, batch.action), target).mean()

    def update(
        self, learner: Learner, batch: Transition, key: Key, step: Array
    ) -> tuple[Learner, Metrics]:
        """One step of Adam on `loss`; metrics are scalars, NaN where not known.

        `step`: the agent steps before the rollout, `[]` int32.
        """
        epsilon = self.epsilon(step)
        loss, grads = jax.value_and_grad(self.loss)(learner.params, batch, epsilon)
        learning_rate = self.learning_rate_at(step)
        after = apply_gradients(*learner, grads, learning_rate, self.max_grad_norm)
        return Learner(*after), {"loss": loss, "epsilon": epsilon}


env, _ = make("Catch-bsuite")  # or leave `env` out, and it is Pong
algorithms = [MyAlgorithm(env=env, learning_rate=3e-3)]  # add DQN(env=env) to compare
experiment = Experiment(
    name="my_algorithm", algorithms=algorithms, steps=60_000, seeds=3, evaluations=10
)
