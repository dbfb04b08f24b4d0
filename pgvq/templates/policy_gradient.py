"""MyAlgorithm: actor-critic, a place to begin a policy gradient of your own.

T agent steps of a rollout, N environments side by side, A actions, *O observation.
"""

from typing import Literal

from jax import Array

from pgvq import Experiment, make
from pgvq.algorithms import PolicyGradient, leaf, static
from pgvq.ops import entropy, log_prob, policy_gradient_loss, squared_error
from pgvq.types import Metrics, Params, Transition


class MyAlgorithm(PolicyGradient, kw_only=True):
    """One gradient step per rollout, on the advantage over a critic of its own.

    The family samples actions from the softmax of the network's logits and takes one
    step of Adam down `loss` with the policy that played. Other fields are inherited.
    """

    # `static` fields shape the program; `leaf` fields are floats that a sweep batches.
    num_envs: int = static(16, "environments side by side, N")
    rollout_length: int = static(16, "agent steps per environment and iteration, T")
    lambda_: float = leaf(0.95, "trace of the lambda-return", within=(0.0, 1.0))
    value_coef: float = leaf(0.5, "weight of the critic's loss", within=(0.0, 100.0))

    @property
    def critic(self) -> Literal["none", "shared", "separate"]:
        """None ("none"), on the policy's torso ("shared"), or on one of its own."""
        return "separate"

    def loss(self, params: Params, batch: Transition) -> tuple[Array, Metrics]:
        """The scalar to descend, for a rollout `[T, N, ...]`, and metrics, scalars."""
        # Logits [T, N, A]; values and returns [T, N]. Returns are data: they bootstrap
        # where the clock cut an episode or the rollout ends, never where it terminated.
        logits, value, returns = self.assess(params, batch, self.lambda_)
        advantage = returns - value  # its gradient is stopped in the surrogate

        actor = policy_gradient_loss(log_prob(logits, batch.action), advantage).mean()
        critic = squared_error(value, returns).mean()
        bonus = entropy(logits).mean()
        loss = actor + self.value_coef * critic - self.entropy_coef * bonus
        return loss, {"loss": loss, "value_loss": critic, "entropy": bonus}


env, _ = make("Catch-bsuite")  # or leave `env` out, and it is Pong
algorithms = [MyAlgorithm(env=env, learning_rate=3e-3)]  # add ActorCritic(env=env)
experiment = Experiment(
    name="my_algorithm", algorithms=algorithms, steps=60_000, seeds=3, evaluations=10
)
