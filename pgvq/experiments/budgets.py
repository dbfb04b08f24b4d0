"""Series of experiments that differ in their budget alone.

A learning curve belongs to its budget, because exploration and learning rate run over
it: its middle is not what a smaller budget would reach. So how a final score depends on
the budget is measured by runs of its own at each budget, with schedules of their own.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pgvq.checks import plain_number
from pgvq.experiments.definition import Experiment
from pgvq.experiments.field_paths import in_short
from pgvq.results.store import read_description
from pgvq.storage.files import stands
from pgvq.types import InputError


def budgets(steps: Sequence[float], algorithms: Any, **fields: Any) -> list[Experiment]:
    """An experiment for each budget, named by it ("0.25M"), the smallest first.

        experiments = budgets([2.5e5, 5e5, 1e6], [PPO(), DQN()], seeds=10)

    Args:
        steps: budgets of each run, agent steps, all different.
        algorithms: as of `Experiment`, the same at every budget.
        fields: other fields of `Experiment`; its `title` gets the budget behind it.

    Raises:
        InputError: the budgets are not a list of different numbers, or an experiment
            cannot be made.
    """
    if isinstance(steps, str | bytes | Mapping) or not hasattr(steps, "__iter__"):
        raise InputError(
            f"budgets: steps={in_short(steps)} must be a list of agent steps, such as "
            "[2.5e5, 1e6]"
        )
    if "name" in fields:
        raise InputError(
            "budgets: each experiment is named by its budget; leave out "
            f"name={in_short(fields['name'])}"
        )
    given = [plain_number(value) for value in steps]
    if len(given) < 2:
        raise InputError(
            f"budgets: steps={in_short(given)} are {len(given)} budgets; a curve needs "
            "at least two"
        )
    for value in given:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or value <= 0:
            raise InputError(
                f"budgets: {in_short(value)} is not a number of agent steps, such as "
                "2.5e5"
            )
    given.sort()
    names = [budget_name(value) for value in given]
    if len(set(names)) < len(names):
        raise InputError(
            f"budgets: two of {', '.join(names)} are one budget; leave one out"
        )
    title = fields.pop("title", "")
    return [
        Experiment(
            name=name,
            title=f"{title}{': ' if title else ''}a budget of {name} agent steps",
            algorithms=algorithms,
            steps=value,
            **fields,
        )
        for name, value in zip(names, given, strict=True)
    ]


def budget_name(steps: float) -> str:
    """A number of agent steps as a folder is called: 0.25M, 8M, 20k, 500."""
    for unit, letter, least in ((1e6, "M", 1e5), (1e3, "k", 1e3)):
        if steps >= least:
            return f"{steps / unit:.6g}{letter}"
    return f"{steps:.6g}"


def series_in(folder: Path) -> list[Path]:
    """The results folders in a folder, by budget, if they are a series; else none.

    They are one where all have the same variants, and each has a budget of its own.
    """
    if not folder.is_dir() or stands(folder / "experiment.json"):
        return []
    parts = sorted(p for p in folder.iterdir() if stands(p / "experiment.json"))
    return in_order({part: read_description(part) for part in parts})


def ladders_in(folder: Path) -> list[Path]:
    """The results folders in a folder that are of one ladder, if there are several.

    Others beside them do not count. The untuned ones come first.
    """
    if not folder.is_dir() or stands(folder / "experiment.json"):
        return []
    groups: dict[str, list[Path]] = {}
    for part in sorted(p for p in folder.iterdir() if stands(p / "experiment.json")):
        steps = (read_description(part).get("ladder") or {}).get("steps")
        if steps:
            ways = [(step["rung"], step["parent"]) for step in steps]
            groups.setdefault(str(ways), []).append(part)
    largest = max(groups.values(), key=len, default=[])
    tuned = {p: bool(read_description(p)["ladder"].get("tuned")) for p in largest}
    return sorted(largest, key=lambda p: tuned[p]) if len(largest) > 1 else []


def in_order(descriptions: Mapping[Any, Mapping[str, Any]]) -> list[Any]:
    """The keys of a series' descriptions by budget; none where they are no series."""
    budget = {key: d["budget_agent_steps"] for key, d in descriptions.items()}
    variants = {
        tuple(sorted((v["name"], v["algorithm"]) for v in d["variants"]))
        for d in descriptions.values()
    }
    if len(budget) < 2 or len(variants) > 1 or len({*budget.values()}) < len(budget):
        return []
    return sorted(budget, key=lambda key: budget[key])
