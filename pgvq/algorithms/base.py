"""What an algorithm is: three pure functions over an opaque state.

`Algorithm` is all that training, checkpoints and evaluation know. `RolloutAlgorithm`
implements it for methods that learn from rollouts, so that their authors write only
learning.
"""

import abc
from functools import partial
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.envs import Pong
from pgvq.exploration import linear_schedule
from pgvq.rollout import World, init_world, rollout
from pgvq.types import InputError, Key, Metrics, Params, PyTree, Transition


def static(default: Any, doc: str = "") -> Any:
    """A field that shapes the compiled program: its values train one program each."""
    return struct.field(pytree_node=False, default=default, metadata={"doc": doc})


def leaf(default: float, doc: str = "") -> Any:
    """A float field: its values train as lanes of one program, so it is sweepable."""
    return struct.field(pytree_node=True, default=default, metadata={"doc": doc})


@runtime_checkable
class Algorithm(Protocol):
    """The contract: `iterate` keeps the structure, shapes and dtypes of the state.

    The object is its own configuration, a frozen pytree dataclass. Its state is
    finite unless learning has diverged.
    """

    family: ClassVar[str]  # "policy gradient", "Q-learning" or a word of its own

    @property
    def env(self) -> Environment: ...

    @property
    def env_params(self) -> Any: ...

    @property
    def initial_steps(self) -> int:
        """Agent steps that `init` takes."""
        ...

    @property
    def steps_per_iteration(self) -> int:
        """Agent steps that one `iterate` takes."""
        ...

    @property
    def updates_per_iteration(self) -> int:
        """Gradient steps that one `iterate` takes."""
        ...

    def init(self, key: Key) -> Any:
        """A fresh state; consumes `key`."""
        ...

    def iterate(self, state: Any) -> tuple[Any, Metrics]:
        """Collects and learns; metrics are scalars, NaN where not known."""
        ...

    def act(self, state: Any, obs: Array, key: Key, *, greedy: bool) -> Array:
        """Actions `[N]` for `obs [N, *O]`: the best known, or as while learning."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """An algorithm whose agents carry a memory from one agent step to the next."""

    def initial_memory(self, num_envs: int) -> PyTree:
        """What is remembered when an episode begins: zeros, leaves `[N, ...]`."""
        ...

    def act_with_memory(
        self, state: Any, obs: Array, memory: PyTree, key: Key, *, greedy: bool
    ) -> tuple[Array, PyTree]:
        """As `act`, with the memory before and after it."""
        ...


def initial_memory(algorithm: Algorithm, num_envs: int) -> PyTree:
    """What its agents remember at an episode's beginning, `[N, ...]`; () is nothing."""
    if isinstance(algorithm, Remembering):
        return algorithm.initial_memory(num_envs)
    return ()


def act_with_memory(
    algorithm: Algorithm,
    state: Any,
    obs: Array,
    memory: PyTree,
    key: Key,
    *,
    greedy: bool,
) -> tuple[Array, PyTree]:
    """Actions `[N]` and the memory afterwards, of an algorithm with or without one."""
    if isinstance(algorithm, Remembering):
        return algorithm.act_with_memory(state, obs, memory, key, greedy=greedy)
    return algorithm.act(state, obs, key, greedy=greedy), memory


class TrainState(NamedTuple):
    """The whole state of a `RolloutAlgorithm`."""

    learner: PyTree  # what `init_learner` made: parameters, optimiser, replay, ...
    world: World
    key: Key
    agent_steps: Array  # [] int32


class Learner(NamedTuple):
    """What a method that learns from its latest rollout alone has learnt so far."""

    params: Params
    opt_state: Any
    agent_steps: Array  # [] int32, for the schedules


class RolloutAlgorithm(struct.PyTreeNode, abc.ABC, kw_only=True):
    """Owns collection: each iteration is a rollout of `[T, N]` and one `update`.

    An author writes `init_learner`, `explore`, `choose` and `update`. Agents with a
    memory override `initial_memory` and `behave` as well.
    """

    family: ClassVar[str] = "other"

    env: Environment = static(Pong(episode="point"), "the environment")
    env_params: Any = struct.field(default=None, metadata={"doc": "None: its default"})
    num_envs: int = static(64, "environments side by side, N")
    rollout_length: int = static(32, "agent steps per environment and iteration, T")
    discount: float = leaf(0.99, "gamma, per agent step")
    learning_rate: float = leaf(1e-3, "at the beginning")
    final_learning_rate: float = leaf(
        0.0, "fraction of it that is left at the end of the budget; linear between"
    )
    budget: float = leaf(
        1e6, "agent steps over which the schedules run; an experiment sets its own"
    )

    def __post_init__(self) -> None:
        self.check_at_least("num_envs", 1)
        self.check_at_least("rollout_length", 1)
        self.check_range("discount", 0.0, 1.0)
        self.check_range("learning_rate", 0.0, 10.0)
        self.check_range("final_learning_rate", 0.0, 1.0)
        self.check_range("budget", 1, 2**31 - 1)  # steps are counted in int32

    @abc.abstractmethod
    def init_learner(self, key: Key, obs: Array) -> Any:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""

    @abc.abstractmethod
    def explore(self, learner: Any, obs: Array, key: Key) -> tuple[Array, PyTree]:
        """Actions `[N]` to learn from, and extras `[N, ...]` to keep beside them."""

    @abc.abstractmethod
    def update(self, learner: Any, batch: Transition, key: Key) -> tuple[Any, Metrics]:
        """Learns from a rollout `[T, N, ...]`."""

    @abc.abstractmethod
    def choose(self, learner: Any, obs: Array, key: Key) -> Array:
        """The best known actions `[N]` for `obs [N, *O]`."""

    def initial_memory(self, num_envs: int) -> PyTree:
        """What is remembered when an episode begins: zeros `[N, ...]`; () is nothing.

        The memory is zeroed where an episode ends.
        """
        return ()

    def behave(
        self, learner: Any, obs: Array, memory: PyTree, key: Key, *, greedy: bool
    ) -> tuple[Array, PyTree, PyTree]:
        """Actions `[N]`, the memory afterwards, and extras `[N, ...]` of exploring.

        By default `choose` or `explore`, which remember nothing.
        """
        if greedy:
            return self.choose(learner, obs, key), memory, ()
        action, extras = self.explore(learner, obs, key)
        return action, memory, extras

    def learning_rate_at(self, agent_steps: Array) -> Array:
        """Learning rate after so many agent steps: `[]` to `[]`."""
        return linear_schedule(
            agent_steps,
            self.learning_rate,
            self.learning_rate * self.final_learning_rate,
            self.budget,
        )

    @property
    def params(self) -> Any:
        """The environment's parameters, its default where none were given."""
        return self.env.default_params if self.env_params is None else self.env_params

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
        learner = self.init_learner(key_learner, world.obs[0])
        return TrainState(learner, world, key_state, jnp.int32(0))

    def iterate(self, state: TrainState) -> tuple[TrainState, Metrics]:
        """One rollout and what is learnt from it."""
        key, key_rollout, key_update = jax.random.split(state.key, 3)
        world, batch, episodes = rollout(
            self.env,
            self.params,
            partial(self.behave, state.learner, greedy=False),
            state.world,
            key_rollout,
            self.rollout_length,
        )
        learner, metrics = self.update(state.learner, batch, key_update)
        steps = state.agent_steps + self.steps_per_iteration
        return TrainState(learner, world, key, steps), {**episodes, **metrics}

    def act(self, state: TrainState, obs: Array, key: Key, *, greedy: bool) -> Array:
        """Actions `[N]` for `obs [N, *O]`: the best known, or as while learning."""
        memory = self.initial_memory(len(obs))
        return self.act_with_memory(state, obs, memory, key, greedy=greedy)[0]

    def act_with_memory(
        self, state: TrainState, obs: Array, memory: PyTree, key: Key, *, greedy: bool
    ) -> tuple[Array, PyTree]:
        """As `act`, with the memory before and after it."""
        return self.behave(state.learner, obs, memory, key, greedy=greedy)[:2]

    def check_at_least(self, field: str, smallest: int) -> None:
        """Raises `InputError` unless the whole number `field` is big enough."""
        value = getattr(self, field)
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            raise InputError(
                f"{type(self).__name__}: {field}={value!r} must be a whole number of "
                f"at least {smallest}"
            )

    def check_divides(self, field: str, whole: int, what: str) -> None:
        """Raises `InputError` unless `field` divides `whole`, which `what` names."""
        value = getattr(self, field)
        if whole % value:
            best = max(n for n in range(1, min(value, whole) + 1) if whole % n == 0)
            raise InputError(
                f"{type(self).__name__}: {field}={value} must divide {what} = {whole}; "
                f"use {best}"
            )

    def check_range(self, field: str, low: float, high: float) -> None:
        """Raises `InputError` unless the float `field` lies in `[low, high]`.

        Tracers and arrays pass: they are values that were checked before.
        """
        value = getattr(self, field)
        number = isinstance(value, int | float)
        if isinstance(value, str | bool) or (number and not low <= value <= high):
            raise InputError(
                f"{type(self).__name__}: {field}={value!r} must be a number between "
                f"{low:g} and {high:g}"
            )
