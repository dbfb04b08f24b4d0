"""What an algorithm is: pure functions over an opaque state.

`Algorithm` is all that training, checkpoints and evaluation know. Beside it stands what
only some can do, each a protocol that an algorithm meets by having its members.
"""

from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jax import Array

from pgvq.envs.contract import actions_in_words
from pgvq.replay.ring import ReplayState
from pgvq.rollout import World
from pgvq.types import InputError, Key, Metrics, PyTree, Transition


@runtime_checkable
class Algorithm(Protocol):
    """The contract: `iterate` keeps the structure, shapes and dtypes of the state.

    The object is its own configuration, a frozen pytree dataclass. What it has learnt
    is finite unless learning has diverged; `learner_of` says what of its state that is.
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

    def initial_memory(self, num_envs: int) -> PyTree:
        """What N agents remember when an episode begins: zeros `[N, ...]`, or ()."""
        ...

    def act(
        self, state: Any, obs: Array, memory: PyTree, key: Key, *, greedy: bool
    ) -> tuple[Array, PyTree]:
        """Actions `[N]` for `obs [N, *O]`, and the memory afterwards.

        The best known actions, or with exploration; `greedy` is static.
        """
        ...


@runtime_checkable
class Continuous(Protocol):
    """An algorithm whose actions are points of a box, not numbers of discrete ones."""

    @property
    def action_box(self) -> spaces.Box:
        """The bounds and the shape `[*U]` of one action; `act` returns `[N, *U]`."""
        ...


def check_actions(name: str, algorithm: Algorithm) -> None:
    """Raises `InputError` unless the environment takes the algorithm's actions."""
    env = algorithm.env
    space = env.action_space(env.default_params)
    if isinstance(algorithm, Continuous):
        if not isinstance(space, spaces.Box):
            raise InputError(
                f"{name} moves in continuous actions and {env.name} has discrete ones; "
                "use an environment such as SmoothPong()"
            )
    elif not isinstance(space, spaces.Discrete):
        raise InputError(
            f"{name}: {env.name} has {actions_in_words(space)} and this algorithm "
            "chooses one of several discrete ones; use an environment whose "
            "action_space is gymnax.environments.spaces.Discrete, such as CartPole-v1"
        )


@runtime_checkable
class Judged(Protocol):
    """An algorithm that says itself what of its state divergence is judged on."""

    def learner_of(self, state: Any) -> PyTree:
        """What it has learnt: parameters and optimiser, but no world and no replay."""
        ...


def learner_of(algorithm: Algorithm, state: Any) -> list[Array]:
    """The arrays of a state that are learnt, whose numbers diverge or do not.

    What an algorithm says by a method of this name. Without one: all of the state but
    what comes from the environment and may be infinite there without harm, as far as it
    is recognised: a `World`, a replay, a `Transition`, and states of the environment by
    their type or structure.
    """
    if isinstance(algorithm, Judged):
        return jax.tree.leaves(algorithm.learner_of(state))
    key = jax.eval_shape(lambda: jax.random.key(0))
    env, params = algorithm.env, algorithm.env_params
    shown = jax.eval_shape(
        env.reset, key, env.default_params if params is None else params
    )
    kind, structure = type(shown[1]), jax.tree.structure(shown[1])
    own = kind not in (dict, list, tuple) and not jax.tree_util.all_leaves([shown[1]])

    def is_lived(part: Any) -> bool:
        if isinstance(part, World | ReplayState | Transition):
            return True
        if own:
            return type(part) is kind
        several = structure.num_leaves > 1 and isinstance(part, dict | list | tuple)
        return several and jax.tree.structure(part) == structure

    leaves = jax.tree.leaves(state, is_leaf=is_lived)
    return [leaf for leaf in leaves if not is_lived(leaf)]


def is_finite(algorithm: Algorithm, state: Any) -> Array:
    """Whether all that an algorithm has learnt is finite, `[]` bool."""
    finite = [
        jnp.all(jnp.isfinite(leaf))
        for leaf in learner_of(algorithm, state)
        if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)
    ]
    return jnp.all(jnp.array(finite, dtype=bool))
