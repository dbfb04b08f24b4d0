"""What an algorithm is: three pure functions over an opaque state.

`Algorithm` is all that training, checkpoints and evaluation know. `RolloutAlgorithm`
implements it for methods that learn from rollouts, so that their authors write only
learning.
"""

import abc
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.envs import Pong
from pgvq.rollout import World, init_world, rollout
from pgvq.types import InputError, Key, Metrics, PyTree, Transition


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


class TrainState(NamedTuple):
    """The whole state of a `RolloutAlgorithm`."""

    learner: PyTree  # what `init_learner` made: parameters, optimiser, replay, ...
    world: World
    key: Key
    agent_steps: Array  # [] int32


class RolloutAlgorithm(struct.PyTreeNode, abc.ABC, kw_only=True):
    """Owns collection: each iteration is a rollout of `[T, N]` and one `update`."""

    family: ClassVar[str] = "other"

    env: Environment = static(Pong(episode="point"), "the environment")
    env_params: Any = struct.field(default=None, metadata={"doc": "None: its default"})
    num_envs: int = static(64, "environments side by side, N")
    rollout_length: int = static(32, "agent steps per environment and iteration, T")
    budget: float = leaf(
        1e6, "agent steps over which the schedules run; an experiment sets its own"
    )

    def __post_init__(self) -> None:
        self.check_at_least("num_envs", 1)
        self.check_at_least("rollout_length", 1)
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
        world = init_world(self.env, self.params, key_world, self.num_envs)
        learner = self.init_learner(key_learner, world.obs[0])
        return TrainState(learner, world, key_state, jnp.int32(0))

    def iterate(self, state: TrainState) -> tuple[TrainState, Metrics]:
        """One rollout and what is learnt from it."""
        key, key_rollout, key_update = jax.random.split(state.key, 3)
        world, batch, episodes = rollout(
            self.env,
            self.params,
            lambda obs, key: self.explore(state.learner, obs, key),
            state.world,
            key_rollout,
            self.rollout_length,
        )
        learner, metrics = self.update(state.learner, batch, key_update)
        steps = state.agent_steps + self.steps_per_iteration
        return TrainState(learner, world, key, steps), {**episodes, **metrics}

    def act(self, state: TrainState, obs: Array, key: Key, *, greedy: bool) -> Array:
        """Actions `[N]` for `obs [N, *O]`: the best known, or as while learning."""
        if greedy:
            return self.choose(state.learner, obs, key)
        return self.explore(state.learner, obs, key)[0]

    def check_at_least(self, field: str, smallest: int) -> None:
        """Raises `InputError` unless the whole number `field` is big enough."""
        value = getattr(self, field)
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            raise InputError(
                f"{type(self).__name__}: {field}={value!r} must be a whole number of "
                f"at least {smallest}"
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
