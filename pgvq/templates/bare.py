"""MyAlgorithm: an evolution strategy, a place to begin without any family.

T agent steps of a rollout, N environments side by side, A actions, *O observation.
"""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.environment import Environment
from jax import Array

from pgvq import Experiment, make
from pgvq.algorithms import leaf, static
from pgvq.ops import has_ended, lambda_returns
from pgvq.rollout import World, init_world, rollout


class State(NamedTuple):
    """All that changes; its structure, shapes and dtypes never do."""

    weights: Array  # [F, A] of a linear policy, F numbers in an observation
    world: World  # N environments in the middle of their episodes
    key: Array
    agent_steps: Array  # [] int32


class MyAlgorithm(struct.PyTreeNode):
    """Evolution strategy (Salimans et al. 2017), a member in each environment.

    Members are the weights plus noise. The weights then move along the noise, in
    proportion to how well its member did. Nothing is differentiated.
    """

    family: ClassVar[str] = "evolution"

    # `static` fields shape the program; `leaf` fields are floats that a sweep batches.
    env: Environment = static(make("Catch-bsuite")[0], "the environment")
    env_params: Any = struct.field(default=None, metadata={"doc": "None: its default"})
    num_envs: int = static(64, "members, each in an environment of its own, N")
    rollout_length: int = static(36, "agent steps per member and iteration, T")
    learning_rate: float = leaf(0.3, "how far the weights move along the noise")
    sigma: float = leaf(0.3, "standard deviation of the noise")
    discount: float = leaf(0.99, "gamma, per agent step")

    @property
    def initial_steps(self) -> int:
        """Agent steps that `init` takes."""
        return 0

    @property
    def steps_per_iteration(self) -> int:
        """Agent steps that one `iterate` takes."""
        return self.num_envs * self.rollout_length

    @property
    def updates_per_iteration(self) -> int:
        """Moves of the weights in one `iterate`."""
        return 1

    def init(self, key: Array) -> State:
        """A fresh state; consumes `key`."""
        key_world, key_state = jax.random.split(key)
        params = self.env_params or self.env.default_params
        world = init_world(self.env, params, key_world, self.num_envs)
        weights = jnp.zeros((world.obs[0].size, self.env.num_actions))
        return State(weights, world, key_state, jnp.int32(0))

    def iterate(self, state: State) -> tuple[State, dict[str, Any]]:
        """Lets every member play T agent steps and moves the weights."""
        key, key_noise, key_rollout = jax.random.split(state.key, 3)
        noise = jax.random.normal(key_noise, (self.num_envs, *state.weights.shape))
        members = state.weights + self.sigma * noise

        def policy(obs: Array, memory: Any, key: Array) -> tuple[Array, Any, Any]:
            return best_action(members, obs), memory, ()

        params = self.env_params or self.env.default_params
        world, batch, metrics = rollout(
            self.env, params, policy, state.world, key_rollout, self.rollout_length
        )
        ended = (batch.terminated, batch.truncated)
        nothing = jnp.zeros_like(batch.reward)  # there are no values to bootstrap from
        returns = lambda_returns(batch.reward, nothing, *ended, self.discount, 1.0)
        complete = has_ended(*ended)  # [T, N]: the episode's end was seen
        fitness = (returns * complete).sum(0) / jnp.maximum(complete.sum(0), 1)  # [N]
        score = (fitness - fitness.mean()) / (fitness.std() + 1e-8) / self.num_envs
        weights = state.weights + self.learning_rate * jnp.tensordot(score, noise, 1)
        steps = state.agent_steps + self.steps_per_iteration
        return State(weights, world, key, steps), {**metrics, "fitness": fitness.mean()}

    def initial_memory(self, num_envs: int) -> Any:
        """What an agent remembers at an episode's beginning: nothing."""
        return ()

    def act(
        self, state: State, obs: Array, memory: Any, key: Array, *, greedy: bool
    ) -> tuple[Array, Any]:
        """Actions `[N]` for `obs [N, *O]`: of the weights, or of a member for each."""
        if greedy:
            return best_action(state.weights[None], obs), memory
        noise = jax.random.normal(key, (len(obs), *state.weights.shape))
        return best_action(state.weights + self.sigma * noise, obs), memory


def best_action(weights: Array, obs: Array) -> Array:
    """Actions `[N]` of linear policies `[N or 1, F, A]` for `obs [N, *O]`."""
    features = obs.reshape(len(obs), 1, -1).astype(jnp.float32)
    return jnp.argmax((features @ weights)[:, 0], axis=-1)


experiment = Experiment(
    name="my_algorithm", algorithms=[MyAlgorithm()], steps=200_000, seeds=3
)
