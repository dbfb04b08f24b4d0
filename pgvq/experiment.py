"""Experiments: what is compared, on what budget, and how it is described.

    Experiment(
        name="pong",
        algorithms=[REINFORCE(), sweep(DQN(), learning_rate=[1e-3, 3e-4])],
        steps=2e6,
        seeds=5,
    )

Every algorithm gets the same budget in agent steps, the same evaluation and the same
seeds. `pgvq.runner.run` trains it.
"""

import dataclasses
import difflib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import jax
import numpy as np

from pgvq.algorithms.base import Algorithm, RolloutAlgorithm, check_actions
from pgvq.envs import evaluation_env
from pgvq.envs.contract import check_environment
from pgvq.lane import MODES, Lane
from pgvq.naming import algorithm_name
from pgvq.score_meaning import (
    common_environment,
    common_score,
    game_steps,
    score_of,
)
from pgvq.types import InputError

MAX_STEPS = 2**31 - 1  # counters are int32


def sweep(algorithm: Any, **values: Iterable[Any]) -> dict[str, Any]:
    """The grid of an algorithm over values of its fields: name to algorithm.

    Values of float fields train as lanes of one program, values of other fields as one
    program each.

    Raises:
        InputError: a field is unknown, or a list of values is empty or one value.
    """
    for field, options in values.items():
        check_field(algorithm, field)
        if isinstance(options, str) or not isinstance(options, Iterable):
            raise InputError(
                f"sweep: {field}={options!r} must be a list of values; use "
                f"[{options!r}]"
            )
    grid = [dict(zip(values, point, strict=True)) for point in _product(values)]
    if not grid:
        raise InputError(
            "sweep: a field has an empty list of values; give at least one"
        )
    kind = algorithm_name(algorithm)
    return {
        " ".join([kind, *(f"{k}={_short(v)}" for k, v in point.items())]): (
            algorithm.replace(**point)
        )
        for point in grid
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A comparison of algorithms under one budget and one evaluation.

    Raises `InputError` at construction for what cannot be trained.
    """

    name: str
    # By name, or a list of algorithms and of what `sweep` returns; names are then made.
    algorithms: Mapping[str, Algorithm] | Sequence[Algorithm | Mapping[str, Algorithm]]
    steps: float  # budget of each run, agent steps; met up to one iteration, upwards
    seeds: int = 5  # runs per algorithm: seeds 0 .. seeds - 1
    evaluations: int = 20  # evaluation points after the one before learning
    games: int = 10  # complete games per seed, evaluation point and mode
    # Agent steps after which a game of an evaluation counts as truncated. None: what
    # the environment says, in Pong 108,000 frames, and else 27,000.
    max_game_steps: int | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w .,=+@()\[\]-]*", self.name):
            raise InputError(
                f"name={self.name!r} cannot be a folder; use letters, digits and "
                "_ - . , = + @ ( ) [ ]"
            )
        for field in ("seeds", "evaluations", "games", "max_game_steps"):
            value = getattr(self, field)
            if field == "max_game_steps" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(
                    f"{field}={value!r} must be a whole number, at least 1"
                )
        object.__setattr__(self, "algorithms", named(self.algorithms))
        if not isinstance(self.steps, int | float) or not 0 < self.steps <= MAX_STEPS:
            raise InputError(
                f"steps={self.steps!r} must be a number of agent steps between 1 and "
                f"{MAX_STEPS} (counters are int32)"
            )
        for name, algorithm in self.variants.items():
            check_algorithm(name, algorithm)
            least = algorithm.initial_steps + algorithm.steps_per_iteration
            if self.steps < least:
                raise InputError(
                    f"steps={self.steps:g} is less than what {name} takes until its "
                    f"first update, {least} agent steps; give more, or make its "
                    "num_envs, rollout_length or warmup_steps smaller"
                )

    @property
    def variants(self) -> dict[str, Algorithm]:
        """The algorithms by name, with schedules laid out over the budget."""
        return {
            name: algorithm.replace(budget=float(self.steps))
            if isinstance(algorithm, RolloutAlgorithm)
            else algorithm
            for name, algorithm in named(self.algorithms).items()
        }

    def replace(self, **changes: Any) -> "Experiment":
        """The same experiment with some fields changed, and checked again."""
        return dataclasses.replace(self, **changes)

    def points(self, algorithm: Algorithm) -> list[int]:
        """Iterations after which an algorithm is evaluated, the first of them 0.

        Evenly spaced; the last is the first at which the budget is met.
        """
        left = self.steps - algorithm.initial_steps
        total = math.ceil(left / algorithm.steps_per_iteration)
        marks = range(self.evaluations + 1)
        return sorted({round(total * i / self.evaluations) for i in marks})

    def steps_at(self, algorithm: Algorithm, iteration: int) -> int:
        """Agent steps of one lane after so many iterations, exactly."""
        return algorithm.initial_steps + iteration * algorithm.steps_per_iteration

    def game_steps(self, algorithm: Algorithm) -> int:
        """Agent steps after which a game of its evaluation counts as truncated."""
        if self.max_game_steps is not None:
            return self.max_game_steps
        return game_steps(algorithm)

    def executed_steps(self, algorithm: Algorithm) -> int:
        """Agent steps that the budget comes to in whole iterations."""
        return self.steps_at(algorithm, self.points(algorithm)[-1])

    def batches(self, wanted: Iterable[tuple[str, int]]) -> list[list[Lane]]:
        """Lanes for `wanted` variants and seeds, by what trains in one program."""
        groups: dict[Any, list[Lane]] = {}
        variants = self.variants
        for name, seed in wanted:
            structure = jax.tree.structure(variants[name])
            groups.setdefault(structure, []).append(Lane(name, variants[name], seed))
        return list(groups.values())

    def describe(self) -> dict[str, Any]:
        """Everything resolved, as `experiment.json` keeps it; seeds are no part."""
        variants = self.variants
        environments = {n: describe_environment(a) for n, a in variants.items()}
        caps = {name: self.game_steps(a) for name, a in variants.items()}
        scores = {name: score_of(a, caps[name]) for name, a in variants.items()}
        return {
            "name": self.name,
            "title": self.title or self.name,
            "budget_agent_steps": int(self.steps),
            "variants": [
                {
                    "name": name,
                    "algorithm": type(algorithm).__name__,
                    "family": algorithm.family,
                    "fields": describe_fields(
                        {
                            field.name: getattr(algorithm, field.name)
                            for field in dataclasses.fields(cast(Any, algorithm))
                        }
                    ),
                    "environment": environments[name],
                    "score": scores[name],
                }
                for name, algorithm in variants.items()
            ],
            "environment": common_environment(environments.values()),
            "evaluation": {
                "points": self.evaluations,
                "games": self.games,
                "modes": list(MODES),
                "max_game_steps": max(caps.values()),
            },
            "score": common_score(scores.values()),
        }


def named(algorithms: Any) -> dict[str, Algorithm]:
    """Algorithms by name, from a mapping or a list of algorithms and mappings.

    Raises:
        InputError: there are none, or two of one name.
    """
    if isinstance(algorithms, Mapping):
        pairs = list(algorithms.items())
    elif isinstance(algorithms, Sequence) and not isinstance(algorithms, str):
        parts = [
            a if isinstance(a, Mapping) else {algorithm_name(a): a} for a in algorithms
        ]
        pairs = [pair for part in parts for pair in part.items()]
    else:
        raise InputError(
            f"algorithms={algorithms!r} must be a list of algorithms such as "
            "[REINFORCE(), DQN()], or a dict from names to algorithms"
        )
    if not pairs:
        raise InputError("an experiment needs at least one algorithm")
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two algorithms are called {name!r}; give a dict from names to "
                "algorithms to tell them apart"
            )
    return dict(pairs)


def check_algorithm(name: str, algorithm: Any) -> None:
    """Raises `InputError` unless this can be trained."""
    if isinstance(algorithm, type):
        raise InputError(f"{name} is a class; make an algorithm of it: {name}()")
    if not isinstance(algorithm, Algorithm):
        raise InputError(
            f"{name} is no algorithm: {type(algorithm).__name__} lacks one of "
            "family, env, env_params, initial_steps, steps_per_iteration, "
            "updates_per_iteration, init, iterate, act"
        )
    if not dataclasses.is_dataclass(algorithm):
        raise InputError(
            f"{name}: {type(algorithm).__name__} is no pytree dataclass; derive it "
            "from RolloutAlgorithm or flax.struct.PyTreeNode"
        )
    try:
        check_environment(algorithm.env, algorithm.env_params, strict=True)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    check_actions(name, algorithm)
    for field in dataclasses.fields(algorithm):
        value = getattr(algorithm, field.name)
        number = isinstance(value, int | float) and math.isfinite(value)
        if is_sweepable(field) and not number:
            raise InputError(
                f"{name}: {field.name}={value!r} is not a finite number; give one"
            )


def is_sweepable(field: Any) -> bool:
    """Whether values of this dataclass field train as lanes of one program."""
    return field.metadata.get("pytree_node", True) and field.type in (float, "float")


def check_field(algorithm: Any, field: str) -> None:
    """Raises `InputError` with the nearest name unless the algorithm has the field."""
    fields = [f.name for f in dataclasses.fields(algorithm)]
    if field not in fields:
        close = difflib.get_close_matches(field, fields, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(fields)}"
        raise InputError(f"{type(algorithm).__name__} has no field {field!r}: {hint}")


def _product(values: Mapping[str, Iterable[Any]]) -> Iterable[tuple[Any, ...]]:
    return itertools.product(*[list(options) for options in values.values()])


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "".join(c if c.isalnum() or c in "_.,=+@()[]-" else "-" for c in text)


def describe_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of fields as a description has them: plain, or one line each."""
    plain = (bool, int, float, str, type(None))
    return {
        name: value if isinstance(value, plain) else describe_value(value)
        for name, value in values.items()
    }


def describe_environment(algorithm: Algorithm) -> dict[str, Any]:
    """In which environment an algorithm trains, and is evaluated."""
    env, params = algorithm.env, algorithm.env_params
    described = {
        "name": env.name,
        "repr": describe_value(env),
        "evaluated": describe_value(evaluation_env(env)),
    }
    changed = {} if params is None else changed_parts(env.default_params, params)
    return described | ({"params": changed} if changed else {})


def changed_parts(default: Any, given: Any) -> str:
    """What of parameters is not as by default, as in `gravity=20.0`; "" if nothing."""
    if type(given) is not type(default) or not dataclasses.is_dataclass(given):
        return describe_value(given)
    pairs = {
        field.name: (getattr(default, field.name), getattr(given, field.name))
        for field in dataclasses.fields(given)
    }
    return ", ".join(
        f"{name}={describe_value(now)}"
        for name, (before, now) in pairs.items()
        if not _is_same(before, now)
    )


def _is_same(one: Any, other: Any) -> bool:
    leaves = jax.tree.leaves(one), jax.tree.leaves(other)
    return len(leaves[0]) == len(leaves[1]) and all(
        np.array_equal(a, b) for a, b in zip(*leaves, strict=True)
    )


def describe_value(value: Any) -> str:
    """One line on a network or an environment, the same in every process.

    An object that does not say what it is made of is described by its attributes.
    """
    if type(value).__repr__ is object.__repr__:
        made = (f"{name}={part!r}" for name, part in sorted(vars(value).items()))
        value = f"{type(value).__name__}({', '.join(made)})"
        return re.sub(r" at 0x[0-9a-f]+", "", " ".join(value.split()))
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(value).split()))
