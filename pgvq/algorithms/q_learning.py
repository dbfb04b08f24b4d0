"""The Q-learning family: regression on action values, acting epsilon-greedily.

A member writes `init_learner` and `update`; the family owns the network, its first
values and the exploration. Its learner has at least the field `params`.
"""

from typing import Any, ClassVar, cast

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from pgvq.algorithms.base import L, RolloutAlgorithm
from pgvq.algorithms.fields import LARGEST, SHARE, leaf, static
from pgvq.networks.heads import QNetwork, with_first_values
from pgvq.networks.torsos import Torso
from pgvq.ops import exploration
from pgvq.types import Key, Params, PyTree


class QLearning(RolloutAlgorithm[L], kw_only=True):
    """Epsilon-greedy behaviour around a network of action values."""

    family: ClassVar[str] = "Q-learning"

    torso: nn.Module = static(Torso(), "network below the action values")
    max_grad_norm: float = leaf(
        10.0,
        "bound on the gradient's global norm",
        search=(0.5, 100.0, "log"),
        within=(1e-6, 1e6),
    )
    epsilon_start: float = leaf(
        1.0, "share of uniform actions at the beginning", within=SHARE
    )
    epsilon_end: float = leaf(
        0.01,
        "share of uniform actions after the exploration",
        search=(2e-3, 0.1, "log"),
        within=SHARE,
    )
    exploration_fraction: float = leaf(
        0.4,
        "part of the budget over which epsilon falls, linearly in agent steps",
        search=(0.05, 0.8),
        within=SHARE,
    )
    exploration_steps: float = leaf(
        0.0,
        "agent steps over which it falls, whatever the budget; 0: that part of it",
        within=(0, LARGEST),
    )
    init_scale: float = leaf(
        0.01,
        "of the last layer's first weights: 1 is usual, 0.01 makes values zero",
        within=(0.0, 100.0),
    )
    initial_value: float = leaf(
        0.0,
        "of every action; optimistic where it is above what can be earned",
        within=(-1e6, 1e6),
    )

    @property
    def network(self) -> QNetwork:
        """Maps `obs [N, *O]` to action values `[N, A]`."""
        return QNetwork(self.torso, self.num_actions)

    def init_params(self, key: Key, obs: Array) -> Params:
        """Fresh parameters for observations like `obs [*O]`; consumes `key`."""
        params = self.network.init(key, obs[None])
        return with_first_values(params, self.init_scale, self.initial_value)

    def q_values(self, params: Params, obs: Array) -> Array:
        """`[N, *O]` to action values `[N, A]`."""
        return cast(Array, self.network.apply(params, obs))

    def epsilon(self, agent_steps: Array) -> Array:
        """Share of uniform actions after a number of agent steps: `[]` to `[]`."""
        return exploration.linear_schedule(
            agent_steps,
            self.epsilon_start,
            self.epsilon_end,
            self.schedule_length(self.exploration_steps, self.exploration_fraction),
        )

    def policy(
        self,
        learner: Any,
        obs: Array,
        memory: PyTree,
        key: Key,
        *,
        greedy: bool,
        step: Array,
    ) -> tuple[Array, PyTree, PyTree]:
        """The actions of highest value `[N]`, or epsilon-greedy ones."""
        q_values = self.q_values(learner.params, obs)
        if greedy:
            return jnp.argmax(q_values, axis=-1), memory, ()
        epsilon = self.epsilon(step)
        return exploration.epsilon_greedy(key, q_values, epsilon), memory, ()
