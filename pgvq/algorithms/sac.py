"""Soft actor-critic with discrete actions (Haarnoja et al. 2018; Christodoulou 2019).

The bridge between the families: action values are learnt off-policy from a replay, as
in Q-learning, and a policy network is trained by the exact gradient of its expected
value, as in policy gradients. Both maximise return plus `temperature` times entropy.
The best policy of that kind is `softmax(Q / temperature)`: as the temperature falls to
0 it becomes Q-learning's maximum.
"""

from typing import Any, ClassVar, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from pgvq.algorithms.fields import SHARE, leaf, static
from pgvq.algorithms.replay_learning import Experience, ReplayLearning
from pgvq.networks.heads import ActorCritic, QNetwork
from pgvq.networks.torsos import Torso
from pgvq.ops.losses import action_value, entropy, expected_value, squared_error
from pgvq.ops.optimizers import adam, apply_gradients
from pgvq.replay.samplers import Minibatch
from pgvq.types import Key, Metrics, Params, PyTree

CRITICS = 2  # the smaller of two values counts (Fujimoto et al. 2018)


class SoftLearner(NamedTuple):
    """What SAC has learnt so far."""

    params: Params  # "actor", "critics" (leaves [2, ...]) and "log_temperature"
    target_params: Params  # an older copy of the critics
    opt_state: Any  # by the names of `params`
    experience: Experience


class SAC(ReplayLearning[SoftLearner], kw_only=True):
    """Soft actor-critic: two critics, one actor, a temperature that finds itself."""

    family: ClassVar[str] = "soft Q-learning"

    torso: nn.Module = static(Torso(), "network below every head")
    max_grad_norm: float = leaf(
        10.0, "bound on each gradient's global norm", within=(1e-6, 1e6)
    )
    target_rate: float = leaf(
        0.01,
        "how far the target critics move in each update",
        search=(1e-3, 0.1, "log"),
        within=SHARE,
    )
    temperature: float = leaf(
        0.1, "price of entropy, reward per nat; at first if tuned", within=(1e-6, 1e6)
    )
    tune_temperature: bool = static(True, "move it towards `target_entropy`")
    target_entropy: float = leaf(
        0.4,
        "of the policy, as a share of the uniform one's",
        search=(0.05, 0.9),
        within=SHARE,
    )

    @property
    def network(self) -> ActorCritic:
        """The actor: `obs [N, *O]` to logits `[N, A]`, and zeros for values."""
        return ActorCritic(self.torso, self.num_actions, "none")

    def logits(self, params: Params, obs: Array) -> Array:
        """The actor's logits `[N, A]` for `obs [N, *O]`."""
        return cast(Any, self.network.apply(params["actor"], obs))[0]

    def critics(self, params: Params, obs: Array) -> Array:
        """Action values `[2, N, A]` by the parameters `[2, ...]` of the critics."""
        network = QNetwork(self.torso, self.num_actions)
        return cast(Array, jax.vmap(network.apply, in_axes=(0, None))(params, obs))

    def init_learner(self, key: Key, obs: Array) -> SoftLearner:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        key_actor, key_critics = jax.random.split(key)
        network = QNetwork(self.torso, self.num_actions)
        critics = jax.vmap(network.init, in_axes=(0, None))(
            jax.random.split(key_critics, CRITICS), obs[None]
        )
        params = {
            "actor": self.network.init(key_actor, obs[None]),
            "critics": critics,
            "log_temperature": jnp.log(jnp.asarray(self.temperature, jnp.float32)),
        }
        return SoftLearner(
            params=params,
            target_params=jax.tree.map(jnp.copy, critics),
            opt_state={name: adam(0.0, 1.0).init(p) for name, p in params.items()},
            experience=self.init_replay(obs),
        )

    def policy(
        self,
        learner: SoftLearner,
        obs: Array,
        memory: PyTree,
        key: Key,
        *,
        greedy: bool,
        step: Array,
    ) -> tuple[Array, PyTree, PyTree]:
        """The actor's most probable actions `[N]`, or sampled ones."""
        logits = self.logits(learner.params, obs)
        if greedy:
            return jnp.argmax(logits, axis=-1), memory, ()
        return jax.random.categorical(key, logits), memory, ()

    def loss(
        self, params: Params, target_params: Params, batch: Minibatch
    ) -> tuple[Array, tuple[Array, Metrics]]:
        """The sum of three losses, each on parameters of its own; errors `[B]`.

        Christodoulou 2019, eq. 4, 10 and 11: expectations over actions are exact sums.
        """
        rows, frozen = batch.rows, jax.lax.stop_gradient(params)
        temperature = jnp.exp(frozen["log_temperature"])

        next_logits = self.logits(frozen, rows.next_obs)
        next_q = self.critics(target_params, rows.next_obs).min(axis=0)
        next_value = expected_value(next_q, jax.nn.softmax(next_logits))
        next_value += temperature * entropy(next_logits)
        target = rows.reward + rows.discount * next_value
        taken = jnp.broadcast_to(rows.action, (CRITICS, *rows.action.shape))
        q_taken = action_value(self.critics(params["critics"], rows.obs), taken)
        errors = squared_error(q_taken, jnp.broadcast_to(target, q_taken.shape))
        critic = (batch.weight * errors.sum(axis=0)).mean()

        logits = self.logits(params, rows.obs)
        q_values = self.critics(frozen["critics"], rows.obs).min(axis=0)
        value = expected_value(q_values, jax.nn.softmax(logits))
        bonus = entropy(logits)
        actor = -(batch.weight * (value + temperature * bonus)).mean()

        surplus = jax.lax.stop_gradient(bonus.mean()) - self.target_entropy * jnp.log(
            float(self.num_actions)
        )
        tuning = params["log_temperature"] * surplus * self.tune_temperature
        error = jax.lax.stop_gradient(target - q_taken.mean(axis=0))
        return critic + actor + tuning, (
            error,
            {
                "loss": critic,
                "q_mean": q_taken.mean(),
                "entropy": bonus.mean(),
                "temperature": temperature,
            },
        )

    def learn(
        self, learner: SoftLearner, batch: Minibatch, key: Key, step: Array
    ) -> tuple[SoftLearner, Array, Metrics]:
        """A step of Adam for each part, and a small move of the target critics."""
        grads, (error, metrics) = jax.grad(self.loss, has_aux=True)(
            learner.params, learner.target_params, batch
        )
        rate = self.learning_rate_at(step)
        params, opt_state = {}, {}
        for part, grad in grads.items():
            params[part], opt_state[part] = apply_gradients(
                learner.params[part],
                learner.opt_state[part],
                grad,
                rate,
                self.max_grad_norm,
            )
        target = optax.incremental_update(
            params["critics"], learner.target_params, self.target_rate
        )
        learner = learner._replace(
            params=params, target_params=target, opt_state=opt_state
        )
        return learner, error, metrics
