"""Which variants train in one program: those that differ in numbers alone."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.algorithms.base import Algorithm
from pgvq.identity import Describer, digest
from pgvq.lane import Lane


class Programs:
    """Variants by the program that they train in.

    Two variants share one if their static parts have one description (see
    `pgvq.identity`), whether these are one object or were made twice, and if their
    leaves agree in shape and dtype. Of those that share one, all are given the static
    parts of the first.
    """

    def __init__(self, variants: Mapping[str, Algorithm]) -> None:
        describer = Describer()
        self.keys: dict[str, str] = {}
        self.algorithms: dict[str, Algorithm] = {}
        first: dict[str, Any] = {}
        for name, algorithm in variants.items():
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


def _static(structure: Any) -> Any:
    """All of a tree's structure that its leaves do not hold."""
    data = structure.node_data()
    children = tuple(_static(child) for child in structure.children())
    return (data if data is None else (data[0], data[1]), children)


def _kind(leaf: Any) -> tuple[tuple[int, ...], str]:
    return np.shape(leaf), str(jnp.result_type(leaf))
