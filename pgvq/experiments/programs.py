"""Which variants train in one program: those that differ in numbers alone."""

import copy
import dataclasses
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.algorithms.contract import Algorithm
from pgvq.identity.description import Describer, digest
from pgvq.training.lane import Lane


class Programs:
    """Variants by the program that they train in.

    Two variants share one if their static parts have one description (see
    `pgvq.identity.description`), whether these are one object or were made twice, and
    if their leaves agree in shape and dtype. Of those that share one, all are given the
    static parts of the first.
    """

    def __init__(self, variants: Mapping[str, Algorithm]) -> None:
        describer = Describer()
        self.keys: dict[str, str] = {}
        self.algorithms: dict[str, Algorithm] = {}
        first: dict[str, Any] = {}
        envs: dict[int, Any] = {}
        for name, given in variants.items():
            algorithm: Any = given
            if id(given.env) not in envs:
                envs[id(given.env)] = untraced(given.env, describer)
            if (env := envs[id(given.env)]) is not given.env and _has_env(given):
                algorithm = dataclasses.replace(algorithm, env=env)
            leaves, structure = jax.tree.flatten(algorithm)
            parts = (_static(structure), tuple(_kind(leaf) for leaf in leaves))
            key = digest(describer.describe(parts, name))
            self.keys[name] = key
            self.algorithms[name] = (
                jax.tree.unflatten(first[key], leaves) if key in first else algorithm
            )
            first.setdefault(key, structure)

    def batches(self, wanted: Iterable[tuple[str, int]]) -> list[list[Lane]]:
        """Lanes for variants and seeds, by their program, in the order of `wanted`."""
        groups: dict[str, list[Lane]] = {}
        for name, seed in wanted:
            lane = Lane(name, self.algorithms[name], seed)
            groups.setdefault(self.keys[name], []).append(lane)
        return list(groups.values())

    def same_numbers(self) -> list[tuple[str, str]]:
        """Pairs of variants whose leaves differ, and are the same as float32."""
        seen: dict[Any, tuple[str, list[Any]]] = {}
        found = []
        for name, algorithm in self.algorithms.items():
            exact = [np.asarray(x) for x in jax.tree.leaves(algorithm)]
            rounded = [x.astype(jnp.result_type(x)).tobytes() for x in exact]
            key = (self.keys[name], *rounded)
            other, before = seen.setdefault(key, (name, exact))
            if not all(map(np.array_equal, before, exact)):
                found.append((other, name))
        return found


# By the id of an environment: a reference to it, and by the digest of what it was, the
# object that stands for that.
_environments: dict[int, tuple[Any, dict[str, Any]]] = {}


def untraced(env: Any, describer: Describer) -> Any:
    """The environment, or a copy of it if it was changed in place since it was used.

    JAX keeps what it traced of an environment by its identity, and would go on with
    what it did before.
    """
    try:
        reference = weakref.ref(env)
    except TypeError:
        return env
    now = describer.digest(env, "the environment")
    known = _environments.get(id(env))
    if known is None or known[0]() is not env:
        known = _environments[id(env)] = (reference, {now: reference})
    if now not in known[1]:
        known[1][now] = copy.copy(env)
    return env if known[1][now] is known[0] else known[1][now]


def _static(structure: Any) -> Any:
    """All of a tree's structure that its leaves do not hold."""
    data = structure.node_data()
    if data is None:
        return "leaf"
    return (*data, tuple(_static(child) for child in structure.children()))


def _kind(leaf: Any) -> tuple[tuple[int, ...], str]:
    return np.shape(leaf), str(jnp.result_type(leaf))


def _has_env(algorithm: Any) -> bool:
    """Whether the environment is a field, and not of the class."""
    return any(field.name == "env" for field in dataclasses.fields(algorithm))
