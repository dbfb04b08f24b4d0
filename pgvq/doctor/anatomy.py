"""What can be seen of an algorithm that was written by someone else.

Only `Algorithm` is promised. Everything here is what many have beside it, looked up by
the names that the algorithms of this package use; what is not there is simply not seen.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pgvq.algorithms.contract import Algorithm
from pgvq.doctor.probe import STATES, Place
from pgvq.experiments.definition import is_sweepable
from pgvq.types import Key, PyTree


def field_names(algorithm: Algorithm) -> list[str]:
    """Names of its fields."""
    return [field.name for field in dataclasses.fields(algorithm)]  # pyright: ignore[reportArgumentType]


def sweepable(algorithm: Algorithm) -> list[str]:
    """Names of its float fields that are leaves."""
    fields = dataclasses.fields(algorithm)  # pyright: ignore[reportArgumentType]
    return [field.name for field in fields if is_sweepable(field)]


def static_floats(algorithm: Algorithm) -> list[str]:
    """Names of its float fields that are not leaves."""
    fields = dataclasses.fields(algorithm)  # pyright: ignore[reportArgumentType]
    return [
        field.name
        for field in fields
        if field.type in (float, "float") and not is_sweepable(field)
    ]


def replaced(algorithm: Any, **changes: Any) -> Any:
    """A copy with other values in those of the named fields that it has."""
    known = field_names(algorithm)
    return dataclasses.replace(
        algorithm, **{name: value for name, value in changes.items() if name in known}
    )


def found(tree: PyTree, kind: type) -> list[Any]:
    """All parts of a tree that are of a type."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda part: isinstance(part, kind))
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def adams(state: PyTree) -> list[Any]:
    """The states of optax's Adam that a state holds, of networks alone.

    A single number that is tuned beside them, such as a temperature, is none.
    """
    return [
        adam
        for adam in found(state, optax.ScaleByAdamState)
        if len(jax.tree.leaves(adam.mu)) > 1
    ]


def places(state: PyTree) -> list[Place]:
    """Where its environments stand, as far as its state keeps them."""
    return found(state, Place)


def parameters(state: PyTree) -> dict[str, PyTree]:
    """What Adam trains, and copies of it such as target networks, by their paths."""
    trees: dict[str, PyTree] = {}
    for adam in adams(state):
        structure = jax.tree.structure(adam.mu)
        parts, _ = jax.tree_util.tree_flatten_with_path(
            state, is_leaf=lambda part, like=structure: jax.tree.structure(part) == like
        )
        for path, part in parts:
            name = jax.tree_util.keystr(path)
            moment = name.endswith((".mu", ".nu"))
            if jax.tree.structure(part) == structure and not moment:
                trees[name] = part
    return trees


def targets(state: PyTree) -> dict[str, PyTree]:
    """Those of `parameters` that are called targets."""
    return {name: tree for name, tree in parameters(state).items() if "target" in name}


def learns_values(algorithm: Any) -> bool | None:
    """Whether it learns values to bootstrap from; None where that cannot be seen."""
    if hasattr(algorithm, "q_values"):
        return True
    for owner in (algorithm, getattr(algorithm, "network", None)):
        critic = getattr(owner, "critic", None)
        if isinstance(critic, str):
            return critic != "none"
    return None


def values(algorithm: Any, state: Any, obs: Array) -> Array | None:
    """What it thinks that observations `[B, *O]` are worth, `[B]`; None if unseen.

    Of action values, the best.
    """
    params = getattr(getattr(state, "learner", None), "params", None)
    remembers = bool(jax.tree.leaves(algorithm.initial_memory(1)))
    if params is None or remembers or learns_values(algorithm) is not True:
        return None
    if hasattr(algorithm, "encode"):
        obs = algorithm.encode(obs)
    if hasattr(algorithm, "q_values"):
        q_values = algorithm.q_values(params, obs)
        shape = jnp.shape(q_values)
        return jnp.max(q_values, axis=-1) if shape == (len(obs), 2) else None
    outputs = algorithm.network.apply(params, obs)
    if isinstance(outputs, tuple) and jnp.shape(outputs[-1]) == (len(obs),):
        return outputs[-1]
    return None


def actions(
    algorithm: Algorithm, state: Any, obs: Array, key: Key, *, greedy: bool
) -> Array:
    """Actions `[N]` for `obs [N, *O]`, as at an episode's beginning."""
    memory = algorithm.initial_memory(len(obs))
    return algorithm.act(state, obs, memory, key, greedy=greedy)[0]


def seen() -> Array:
    """The observations of all states of a probe, `[S, S]`."""
    return jnp.eye(STATES)
