"""Which fields an experiment's variants sweep, read from its description."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgvq.analysis.captions import steps_in_words

FEWEST = 3  # variants of a sweep
MOST_FIELDS = 4


class Sweep(NamedTuple):
    """Variants of one algorithm that differ in numbers alone."""

    algorithm: str
    fields: tuple[str, ...]  # paths, such as "learning_rate" or "env_params.gravity"
    names: tuple[str, ...]  # of the variants
    values: NDArray[np.float64]  # [V, F] of each variant and field
    budget: str  # "" unless another sweep has the same algorithm

    @property
    def title(self) -> str:
        """What it is called where there are several."""
        return f"{self.algorithm} {self.budget}".strip()


def sweeps(description: Mapping[str, Any]) -> list[Sweep]:
    """The sweeps among the variants; often none.

    Variants of one algorithm and budget are one if there are three or more and they
    differ in one to four fields that hold numbers, each with other values. The budget
    itself is no such field.
    """
    if description.get("ladder"):
        return []  # its rungs are no grid of values
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for variant in description["variants"]:
        budget = variant.get("budget_agent_steps", description["budget_agent_steps"])
        groups.setdefault((variant["algorithm"], budget), []).append(variant)
    found = []
    for (algorithm, budget), variants in groups.items():
        several = sum(name == algorithm for name, _ in groups) > 1
        said = f"({steps_in_words(budget)})" if several else ""
        if sweep := _sweep(algorithm, variants, said):
            found.append(sweep)
    return found


def _sweep(
    algorithm: str, variants: Sequence[Mapping[str, Any]], budget: str
) -> Sweep | None:
    leaves = [_leaves(variant.get("fields", {})) for variant in variants]
    first = leaves[0]
    if len(variants) < FEWEST or any(one.keys() != first.keys() for one in leaves):
        return None
    differ = [path for path in first if any(one[path] != first[path] for one in leaves)]
    differ = [path for path in differ if path != "budget"]
    rows = [tuple(one[path] for path in differ) for one in leaves]
    numeric = all(_is_number(value) for row in rows for value in row)
    if not 1 <= len(differ) <= MOST_FIELDS or not numeric:
        return None
    if len(set(rows)) < len(rows):
        return None
    names = tuple(variant["name"] for variant in variants)
    values = np.array(rows, np.float64)
    return Sweep(algorithm, tuple(differ), names, values, budget)


def is_geometric(values: NDArray[np.float64]) -> bool:
    """Whether numbers are spread by factors, so that a logarithmic axis suits them."""
    each = np.unique(values)
    if len(each) < 2 or each[0] <= 0:
        return False
    ratios = each[1:] / each[:-1]
    even = len(each) > 2 and ratios.min() >= 1.4 and ratios.max() <= 1.3 * ratios.min()
    return bool(even or each[-1] >= 10 * each[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _leaves(fields: Any, path: str = "") -> dict[str, Any]:
    """All values by path; what describes an object's own fields is no part of it."""
    if not isinstance(fields, Mapping):
        return {path: fields}
    if "object" in fields and isinstance(fields.get("fields"), Mapping):
        rest = {key: value for key, value in fields.items() if key != "fields"}
        return {f"{path}!": str(rest)} | _leaves(fields["fields"], path)
    found: dict[str, Any] = {}
    for name, value in fields.items():
        found |= _leaves(value, f"{path}.{name}" if path else str(name))
    return found
