"""The base of methods that learn from rollouts.

`RolloutAlgorithm` implements the contract for them, so that their authors write only
learning.
"""

import abc
from functools import partial
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.algorithms.fields import LARGEST, POSITIVE, SHARE, Configuration, leaf, static
from pgvq.algorithms.interface import check_interface
from pgvq.checks import shown
from pgvq.envs import Pong
from pgvq.envs.contract import check_environment
from pgvq.envs.observations import Reading, reading, untouched
from pgvq.ops.exploration import linear_schedule
from pgvq.rollout import Policy, World, init_world, rollout
from pgvq.types import InputError, Key, Metrics, Params, PyTree, Transition

L = TypeVar("L")  # a learner


class TrainState(NamedTuple):
    """The whole state of an algorithm that learns while its environments go on."""

    learner: PyTree  # what `init_learner` made: parameters, optimiser, replay, ...
    world: World
    key: Key
    agent_steps: Array  # [] int32, since `init` began: all schedules are read at it


class Learner(NamedTuple):
    """What a method that learns from its latest rollout alone has learnt so far."""

    params: Params
    opt_state: Any


class RolloutAlgorithm(
    Configuration, struct.PyTreeNode, abc.ABC, Generic[L], kw_only=True
):
    """Owns collection: each iteration is a rollout of `[T, N]` and one `update`.

    An author writes `init_learner`, `policy` and `update`, and `initial_memory` for
    agents with a memory. They get observations as `encode` makes them of what the
    environment shows: float numbers `[*O]`.

    Schedules (learning rate, epsilon, ...) are read at `step`, the agent steps before
    the iteration's rollout, both to act and to learn: in iteration i = 0, 1, ... at
    `initial_steps + i * steps_per_iteration`. So the last iteration of a budget still
    learns. A schedule runs over a share of the budget, and so differs between budgets,
    unless its length is given in agent steps (`learning_rate_steps` and its like).
    """

    family: ClassVar[str] = "other"
    # Whether `update` gets observations as the environment shows them, to keep them in
    # their small dtype, and encodes itself what it learns from.
    keeps_shown: ClassVar[bool] = False

    env: Environment = static(Pong(episode="point"), "the environment")
    env_params: Any = struct.field(default=None, metadata={"doc": "None: its default"})
    num_envs: int = static(64, "environments side by side, N", within=POSITIVE)
    rollout_length: int = static(
        32, "agent steps per environment and iteration, T", within=POSITIVE
    )
    discount: float = leaf(
        0.99, "gamma, per agent step", search=(0.9, 0.999, "horizon"), within=SHARE
    )
    learning_rate: float = leaf(
        1e-3, "at the beginning", search=(1e-4, 1e-2, "log"), within=(0.0, 10.0)
    )
    final_learning_rate: float = leaf(
        0.0,
        "fraction of it that is left at the end of its schedule; linear between",
        within=SHARE,
    )
    learning_rate_steps: float = leaf(
        0.0,
        "agent steps over which the learning rate changes; 0: the whole budget",
        within=(0, LARGEST),
    )
    budget: float = leaf(
        1e6,
        "agent steps over which the schedules run; an experiment sets its own",
        within=POSITIVE,
    )
    preprocess: bool = static(
        True,
        "read observations as networks can: numbers one-hot, uint8 divided by 255, "
        "images as [H, W, C], dicts and tuples flattened",
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        check_interface(cls)
        super().__init_subclass__(**kwargs)

    def __post_init__(self) -> None:
        self.check_types()
        check_environment(self.env, self.env_params)
        self.check_product(("num_envs", "rollout_length"), "steps are counted in int32")

    @abc.abstractmethod
    def init_learner(self, key: Key, obs: Array) -> L:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""

    @abc.abstractmethod
    def policy(
        self,
        learner: L,
        obs: Array,
        memory: PyTree,
        key: Key,
        *,
        greedy: bool,
        step: Array,
    ) -> tuple[Array, PyTree, PyTree]:
        """Acts on `obs [N, *O]`.

        Args:
            learner: what `init_learner` made and `update` changed.
            obs: `[N, *O]`.
            memory: leaves `[N, ...]`, as `initial_memory` makes it.
            key: consumed, or not needed.
            greedy: the best known actions, or with exploration; static.
            step: `[]` int32, agent steps before the rollout, for schedules.

        Returns:
            Actions `[N]`, the memory afterwards, and extras `[N, ...]` that the rollout
            keeps beside them; () for none.
        """

    @abc.abstractmethod
    def update(
        self, learner: L, batch: Transition, key: Key, step: Array
    ) -> tuple[L, Metrics]:
        """Learns from a rollout `[T, N, ...]`; `step` as in `policy`."""

    def initial_memory(self, num_envs: int) -> PyTree:
        """What is remembered when an episode begins: zeros `[N, ...]`; () is nothing.

        The memory is zeroed where an episode ends.
        """
        return ()

    @property
    def reading(self) -> Reading:
        """What is done to observations before anything is learnt from them."""
        return reading(self.env) if self.preprocess else untouched(reading(self.env))

    def encode(self, obs: PyTree) -> Array:
        """Observations as networks get them, from what the environment shows.

        Any leading axes. Float boxes, but for images in another layout than
        `[H, W, C]`, pass as they are; `pgvq.envs.observations` has the rules.
        """
        return self.reading.encode(obs)

    def encoded(self, batch: Any) -> Any:
        """A rollout, or rows of a replay, with `obs` and `next_obs` encoded."""
        return batch._replace(
            obs=self.encode(batch.obs), next_obs=self.encode(batch.next_obs)
        )

    def behaviour(self, learner: L, step: Array) -> Policy:
        """How a learner explores, on what is shown to it; `step` as in `policy`."""

        def policy(obs: PyTree, memory: PyTree, key: Key) -> tuple[Any, PyTree, PyTree]:
            seen = self.encode(obs)
            return self.policy(learner, seen, memory, key, greedy=False, step=step)

        return policy

    def learning_rate_at(self, agent_steps: Array) -> Array:
        """Learning rate after a number of agent steps: `[]` to `[]`."""
        return linear_schedule(
            agent_steps,
            self.learning_rate,
            self.learning_rate * self.final_learning_rate,
            self.schedule_length(self.learning_rate_steps),
        )

    def schedule_length(self, given: Any, share: Any = 1.0) -> Array:
        """Agent steps `[]` over which a schedule runs.

        Args:
            given: `[]` agent steps, which do not depend on the budget; 0 is none given.
            share: `[]` of the budget, which counts where no agent steps are given.
        """
        return jnp.where(jnp.asarray(given) > 0, given, share * self.budget)

    @property
    def num_actions(self) -> int:
        """A, the number of discrete actions."""
        return self.env.num_actions

    @property
    def initial_steps(self) -> int:
        """Agent steps that `init` takes to warm up."""
        return 0

    @property
    def steps_per_iteration(self) -> int:
        """Agent steps that one `iterate` takes."""
        return self.num_envs * self.rollout_length

    @property
    def updates_per_iteration(self) -> int:
        """Gradient steps that one `iterate` takes."""
        return 1

    def init(self, key: Key) -> TrainState:
        """A fresh state; consumes `key`."""
        key_world, key_learner, key_state = jax.random.split(key, 3)
        memory = self.initial_memory(self.num_envs)
        world = init_world(self.env, self.params, key_world, self.num_envs, memory)
        first = jax.tree.map(lambda leaf: leaf[0], world.obs)
        learner = self.init_learner(key_learner, self.encode(first))
        steps = jnp.int32(self.initial_steps)
        return TrainState(learner, world, key_state, steps)

    def iterate(self, state: TrainState) -> tuple[TrainState, Metrics]:
        """One rollout and what is learnt from it."""
        key, key_rollout, key_update = jax.random.split(state.key, 3)
        world, batch, episodes = rollout(
            self.env,
            self.params,
            self.behaviour(state.learner, state.agent_steps),
            state.world,
            key_rollout,
            self.rollout_length,
        )
        given = batch if self.keeps_shown else self.encoded(batch)
        learner, metrics = self.update(
            state.learner, given, key_update, state.agent_steps
        )
        steps = state.agent_steps + self.steps_per_iteration
        return TrainState(learner, world, key, steps), {**episodes, **metrics}

    def act(
        self, state: TrainState, obs: PyTree, memory: PyTree, key: Key, *, greedy: bool
    ) -> tuple[Array, PyTree]:
        """Actions `[N]` for N observations, and the memory `[N, ...]` afterwards.

        `obs` as the environment shows them, leaves `[N, ...]`. The best known actions,
        or with exploration; `greedy` is static. Raises `InputError` for observations of
        another shape and for a memory of another structure.
        """
        self.reading.check(obs, type(self).__name__)
        fresh = jax.eval_shape(partial(self.initial_memory, 1))
        if jax.tree.structure(memory) != jax.tree.structure(fresh):
            raise InputError(
                f"{type(self).__name__}: memory={shown(memory)} has another structure; "
                "give `initial_memory(num_envs)` at an episode's beginning, and then "
                "what the last `act` returned"
            )
        action, memory, _ = self.policy(
            state.learner,
            self.encode(obs),
            memory,
            key,
            greedy=greedy,
            step=state.agent_steps,
        )
        return action, memory
