"""Networks, in flax.linen: a torso that reads the observation, and the heads on it.

A torso is any module from `[N, *O]` to `[N, F]`. Modules are frozen and compare by
value, so they can be static fields of an algorithm.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from pgvq.types import Params

# Small last layers make the first policy uniform and the first values zero.
SMALL = nn.initializers.variance_scaling(1e-4, "fan_in", "truncated_normal")
HE = nn.initializers.he_normal()

Critic = Literal["none", "shared", "separate"]


class MLP(nn.Module):
    """Flattens each observation and applies dense layers.

    Attributes:
        features: width of each layer.
        activation: after each layer; relu is the cheapest on a CPU.
    """

    features: tuple[int, ...] = (64, 64)
    activation: Callable[[Array], Array] = nn.relu

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        """`obs [N, *O]`, any dtype, to `[N, F]`."""
        hidden = obs.reshape(obs.shape[0], -1).astype(jnp.float32)
        for width in self.features:
            hidden = self.activation(nn.Dense(width, kernel_init=HE)(hidden))
        return hidden


class ActorCritic(nn.Module):
    """Policy logits `[N, A]` and, if there is a critic, state values `[N]`.

    Attributes:
        torso: module below the policy's head.
        num_actions: A.
        critic: none (values are zero), on the policy's torso (shared), or on a torso of
            its own with the same shape (separate).
    """

    torso: nn.Module
    num_actions: int
    critic: Critic = "separate"

    @nn.compact
    def __call__(self, obs: Array) -> tuple[Array, Array]:
        hidden = self.torso(obs)
        logits = nn.Dense(self.num_actions, kernel_init=SMALL, name="logits")(hidden)
        if self.critic == "none":
            return logits, jnp.zeros(obs.shape[0])
        if self.critic == "separate":
            hidden = self.torso.copy(name="critic_torso")(obs)
        value = nn.Dense(1, kernel_init=SMALL, name="value")(hidden)
        return logits, value[..., 0]


class QNetwork(nn.Module):
    """Action values: `[N, *O]` to `[N, A]`."""

    torso: nn.Module
    num_actions: int

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        hidden = self.torso(obs)
        return nn.Dense(self.num_actions, kernel_init=SMALL, name="q")(hidden)


def apply_over_time(network: nn.Module, params: Params, obs: Array) -> Any:
    """Applies a network for `[N, *O]` to a rollout `[T, N, *O]`, as one big batch."""
    length, count = obs.shape[:2]
    outputs = network.apply(params, obs.reshape(length * count, *obs.shape[2:]))
    return jax.tree.map(lambda x: x.reshape(length, count, *x.shape[1:]), outputs)
