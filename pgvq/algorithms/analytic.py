"""Analytic policy gradient: backpropagation through the environment itself.

Where the environment's step is a differentiable function of state and action, and is
known, nothing has to be estimated by trying actions. With x' = f(x, a), reward r(x, a)
and the policy a = π(x), the discounted return over H agent steps,

    J = E Σ_{t<H} γ^t r(x_t, a_t),

is a function of the policy's weights like the loss of any recurrent network, and its
gradient is backpropagation through time (Freeman et al. 2021, Brax; Xu et al. 2022,
SHAC). It is exact for that horizon; what lies beyond it is not seen. A longer one sees
more, and its gradient varies more, for derivatives of H steps are multiplied; where the
environment decides by thresholds it is zero and wrong (Suh et al. 2022).
"""

from typing import Any, ClassVar, cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.algorithms.base import Learner, TrainState
from pgvq.algorithms.fields import POSITIVE, SHARE, Configuration, leaf, static
from pgvq.envs import SmoothPong
from pgvq.envs.contract import check_type
from pgvq.networks.heads import SMALL
from pgvq.networks.torsos import Torso
from pgvq.ops.optimizers import adam, apply_gradients
from pgvq.rollout import World, init_world, rollout
from pgvq.types import InputError, Key, Metrics, Params, PyTree


class SpeedPolicy(nn.Module):
    """A deterministic policy: numbers in [-1, 1], `[N, *O]` to `[N, *U]`.

    Attributes:
        torso: module below the head.
        shape: *U, of one action.
    """

    torso: nn.Module
    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, obs: Array, noise: Array | float = 0.0) -> Array:
        """`noise [N, *U]` is added before numbers are squashed."""
        size = 1
        for length in self.shape:
            size *= length
        outputs = nn.Dense(size, kernel_init=SMALL, name="speed")(self.torso(obs))
        return nn.tanh(outputs.reshape(-1, *self.shape) + noise)


class AnalyticPolicyGradient(Configuration, struct.PyTreeNode, kw_only=True):
    """Backpropagation through the environment's own step, a short horizon at a time.

    Each iteration plays `horizon` agent steps from where the last one stopped and takes
    one step of Adam up the gradient of what they paid. The gradient passes through the
    actions, the environment and the observations, and ends with an episode.

    The environment has to let it pass, `with_transition_gradients()`, and to take
    continuous actions, as `SmoothPong()` and gymnax's Pendulum do.
    """

    family: ClassVar[str] = "backpropagation"

    env: Environment = static(SmoothPong(), "the environment, differentiable")
    env_params: Any = struct.field(default=None, metadata={"doc": "None: its default"})
    num_envs: int = static(32, "environments side by side, N", within=POSITIVE)
    horizon: int = static(
        16,
        "agent steps that are backpropagated through, H",
        search=(8, 16, 32),
        within=POSITIVE,
    )
    torso: nn.Module = static(Torso(), "network below the policy's head")
    discount: float = leaf(
        0.99, "gamma, per agent step", search=(0.9, 0.999, "horizon"), within=SHARE
    )
    learning_rate: float = leaf(
        2e-3, "of Adam", search=(2e-4, 2e-2, "log"), within=(0.0, 10.0)
    )
    noise: float = leaf(
        0.1,
        "deviation of what is added to the policy's output while learning",
        search=(0.02, 0.5, "log"),
        within=(0.0, 10.0),
    )
    max_grad_norm: float = leaf(
        0.5, "bound on the gradient's global norm", within=(1e-6, 1e6)
    )

    def __post_init__(self) -> None:
        self.check_types()
        self.check_product(("num_envs", "horizon"), "steps are counted in int32")
        check_type(self.env)
        _check_differentiable(self.env)

    @property
    def action_box(self) -> spaces.Box:
        """The bounds and the shape `[*U]` of one action."""
        return cast(spaces.Box, self.env.action_space(self.params))

    @property
    def network(self) -> SpeedPolicy:
        """The policy."""
        return SpeedPolicy(self.torso, self.action_box.shape)

    @property
    def initial_steps(self) -> int:
        """None: `init` only resets."""
        return 0

    @property
    def steps_per_iteration(self) -> int:
        """Agent steps that one `iterate` takes and backpropagates through."""
        return self.num_envs * self.horizon

    @property
    def updates_per_iteration(self) -> int:
        """One gradient step in each `iterate`."""
        return 1

    def init(self, key: Key) -> TrainState:
        """A fresh state; consumes `key`."""
        key_world, key_learner, key_state = jax.random.split(key, 3)
        world = init_world(self.env, self.params, key_world, self.num_envs)
        learner = self.init_learner(key_learner, world.obs[0])
        return TrainState(learner, world, key_state, jnp.int32(0))

    def init_learner(self, key: Key, obs: Array) -> Learner:
        """A fresh policy for observations like `obs [*O]`; consumes `key`."""
        params = self.network.init(key, obs[None])
        return Learner(params, adam(0.0, 1.0).init(params))

    def iterate(self, state: TrainState) -> tuple[TrainState, Metrics]:
        """Plays `horizon` agent steps and climbs the gradient of what they paid."""
        key, key_rollout = jax.random.split(state.key)
        learner = state.learner
        objective = jax.value_and_grad(self.loss, has_aux=True)
        (loss, (world, episodes)), grads = objective(
            learner.params, state.world, key_rollout
        )
        params, opt_state = apply_gradients(
            learner.params,
            learner.opt_state,
            grads,
            self.learning_rate,
            self.max_grad_norm,
        )
        steps = state.agent_steps + self.steps_per_iteration
        learner = Learner(params, opt_state)
        metrics = {"loss": loss, "grad_norm": optax.tree.norm(grads)}
        return TrainState(learner, world, key, steps), {**episodes, **metrics}

    def loss(
        self, params: Params, world: World, key: Key
    ) -> tuple[Array, tuple[World, Metrics]]:
        """Less the discounted return over the horizon, the mean of N environments.

        It is differentiable in `params` through every step that is played. Also returns
        the world afterwards and the metrics of the episodes that ended.
        """

        def policy(
            obs: Array, memory: PyTree, key: Key
        ) -> tuple[Array, PyTree, PyTree]:
            return self.action(params, obs, self.draw(key, len(obs))), memory, ()

        world, batch, episodes = rollout(
            self.env.with_transition_gradients(),
            self.params,
            policy,
            world,
            key,
            self.horizon,
        )
        weight = self.discount ** jnp.arange(self.horizon)
        loss = -jnp.mean(weight @ batch.reward)
        return loss, (world, episodes)

    def action(self, params: Params, obs: Array, noise: Array | float = 0.0) -> Array:
        """Actions `[N, *U]` for `obs [N, *O]`; `noise [N, *U]` as in `SpeedPolicy`."""
        box = self.action_box
        within: Any = self.network.apply(params, obs, noise)
        return box.low + (box.high - box.low) * (within + 1) / 2

    def draw(self, key: Key, count: int) -> Array:
        """Noise `[N, *U]` for N = `count` actions, to explore by."""
        return self.noise * jax.random.normal(key, (count, *self.action_box.shape))

    def initial_memory(self, num_envs: int) -> PyTree:
        """Nothing is remembered."""
        return ()

    def act(
        self, state: TrainState, obs: Array, memory: PyTree, key: Key, *, greedy: bool
    ) -> tuple[Array, PyTree]:
        """Actions `[N, *U]` for `obs [N, *O]`: the policy's, or with noise added."""
        noise = 0.0 if greedy else self.draw(key, len(obs))
        return self.action(state.learner.params, obs, noise), memory


def _check_differentiable(env: Environment) -> None:
    """Raises `InputError` unless gradients pass through an environment's step."""
    space = env.action_space(env.default_params)
    if env.supports_transition_gradients and isinstance(space, spaces.Box):
        return
    why = (
        "its actions are discrete, and cannot be varied a little"
        if isinstance(space, spaces.Discrete)
        else "gradients do not pass through its step"
    )
    raise InputError(
        "analytic needs an environment whose step is differentiable in continuous "
        f"actions, and {env.name} is not ({why}): use SmoothPong(), or gymnax's "
        "Pendulum-v1"
    )
