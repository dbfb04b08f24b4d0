"""A learned model of the smooth Pong, as an environment to train in.

The model is a small network fitted to transitions: from observation and action to what
the observation changes by, what is paid, and whether the point is over. A model's
episodes start from observations that were met in the game and are short, because its
errors add up (Janner et al. 2019, "When to trust your model").
"""

import dataclasses
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.envs import SmoothPong
from pgvq.networks.torsos import MLP
from pgvq.types import Key, Params

SIZE = 13  # O, entries of an observation
EPISODE = 16  # agent steps of an episode in a model
FEATURES = (96, 96, 96)  # widths of the network's layers


class Prediction(NamedTuple):
    """What one agent step leads to, as the model has it; `[N, ...]`."""

    next_obs: Array  # [N, O]
    reward: Array  # [N]
    over: Array  # [N] logit: whether the point is over


class Model(NamedTuple):
    """A fitted model."""

    params: Params
    scale: Array  # [O] how much each entry usually changes


class Transitions(nn.Module):
    """The model's network: `[N, O]` and `[N]` to `[N, O + 2]`."""

    @nn.compact
    def __call__(self, obs: Array, action: Array) -> Array:
        inputs = jnp.concatenate([obs, action[:, None]], axis=-1)
        return nn.Dense(SIZE + 2)(MLP(FEATURES)(inputs))


NETWORK = Transitions()


def predict(model: Model, obs: Array, action: Array) -> Prediction:
    """What follows `obs [N, O]` and `action [N]`."""
    outputs = cast(Array, NETWORK.apply(model.params, obs, action))
    change = model.scale * outputs[:, :SIZE]
    return Prediction(obs + change, outputs[:, SIZE], outputs[:, SIZE + 1])


@struct.dataclass
class ModelParams(environment.EnvParams):
    """The model, and where its episodes start."""

    max_steps_in_episode: int = EPISODE
    model: Any = None  # `Model`
    starts: Any = None  # [M, O] observations


@struct.dataclass
class ModelState(environment.EnvState):
    """What the model knows of a point."""

    time: Array  # [] int32, agent steps taken  # pyright: ignore[reportIncompatibleVariableOverride]
    obs: Array  # [O]


@dataclasses.dataclass(frozen=True)
class ModelledPong(environment.Environment[ModelState, ModelParams]):
    """The game as a learned model has it; the model is one of its parameters.

    transition_gradients: whether `step` lets gradients into the next observation.
    """

    transition_gradients: bool = False

    @property
    def supports_transition_gradients(self) -> bool:
        """A network can be differentiated."""
        return True

    @property
    def transition_gradients_enabled(self) -> bool:
        """Whether gradients pass into the next observation."""
        return self.transition_gradients

    def with_transition_gradients(self) -> "ModelledPong":
        """The same with `transition_gradients`."""
        return ModelledPong(transition_gradients=True)

    @property
    def default_params(self) -> ModelParams:
        """Parameters without a model: an algorithm is given those with one."""
        return ModelParams()

    def reset_env(self, key: Key, params: ModelParams) -> tuple[Array, ModelState]:
        """One of the starts, drawn uniformly; consumes `key`."""
        row = jax.random.randint(key, (), 0, len(params.starts))
        obs = params.starts[row]
        return obs, ModelState(time=jnp.int32(0), obs=obs)

    def step_env(
        self,
        key: Key,
        state: ModelState,
        action: int | float | Array,
        params: ModelParams,
    ) -> tuple[Array, ModelState, Array, Array, dict[Any, Any]]:
        """One agent step as the model has it; `key` is not used."""
        speed = jnp.clip(jnp.asarray(action), -1, 1)
        predicted = predict(params.model, state.obs[None], speed[None])
        obs = predicted.next_obs[0]
        after = ModelState(time=state.time + 1, obs=obs)
        obs, after = self._apply_transition_gradient_policy(obs, after)
        return obs, after, predicted.reward[0], predicted.over[0] > 0, {}

    def action_space(self, params: ModelParams | None = None) -> spaces.Box:
        """A speed in [-1, 1]."""
        return spaces.Box(-1.0, 1.0, (), jnp.float32)

    def observation_space(self, params: ModelParams | None = None) -> spaces.Box:
        """That of the game."""
        return SmoothPong().observation_space()
