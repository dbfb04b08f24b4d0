"""Experiments: what is compared, on what budget, and how it is described.

    Experiment(
        name="pong",
        algorithms=[REINFORCE(), sweep(DQN(), learning_rate=[1e-3, 3e-4])],
        steps=2e6,
        seeds=5,
    )

Every algorithm gets the same budget in agent steps, the same evaluation and the same
seeds (0 to 4 here; `seeds=range(100, 110)` and `seeds=[3, 7, 11]` name them).
`pgvq.running.runner.run` trains it.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from pgvq.algorithms.base import RolloutAlgorithm
from pgvq.algorithms.contract import Algorithm, check_actions
from pgvq.algorithms.interface import check_interface
from pgvq.checks import MAX_STEPS, as_float, plain_number, shown, whole_number
from pgvq.envs.contract import check_environment
from pgvq.experiments import seeds
from pgvq.experiments.field_paths import in_short
from pgvq.experiments.ladder import Ladder
from pgvq.experiments.naming import algorithm_name
from pgvq.experiments.programs import Programs
from pgvq.experiments.score_meaning import (
    common_environment,
    common_score,
    described_environment,
    game_steps,
    score_of,
)
from pgvq.experiments.table_size import check_tables
from pgvq.identity.description import Describer, Description, digest
from pgvq.results.format import MOST_OF_TITLE
from pgvq.storage.places import folder_name_problem
from pgvq.storage.schema import text
from pgvq.training.lane import MODES, Lane
from pgvq.types import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A comparison of algorithms under one budget and one evaluation.

    Raises `InputError` at construction for what cannot be trained.
    """

    name: str
    # By name; or a list of algorithms and of what `sweep` returns, whose names are then
    # made; or a `Ladder`.
    algorithms: (
        Mapping[str, Algorithm] | Sequence[Algorithm | Mapping[str, Algorithm]] | Ladder
    )
    steps: float  # budget of each run, agent steps; met up to one iteration, upwards
    # Runs per algorithm: 5 (seeds 0 to 4), range(100, 110) or [3, 7, 11]. No part of
    # what an experiment is: a folder may get others later.
    seeds: int | range | Sequence[int] = 5
    evaluations: int = 20  # evaluation points after the one before learning
    games: int = 10  # complete games per seed, evaluation point and mode
    # Agent steps after which a game of an evaluation counts as truncated. None: what
    # the environment says, in Pong 108,000 frames, and else 27,000.
    max_game_steps: int | None = None
    title: str = ""
    ladder: Ladder | None = None  # set where `algorithms` is one

    def __post_init__(self) -> None:
        if fault := folder_name_problem(self.name):
            raise InputError(f"name={shown(self.name, 60)} cannot be a folder; {fault}")
        if wrong := text(MOST_OF_TITLE)(self.title, "title"):
            raise InputError(f"{wrong}; give another title")
        object.__setattr__(self, "seeds", seeds.checked(self.seeds))
        for field in ("evaluations", "games", "max_game_steps"):
            if field == "max_game_steps" and self.max_game_steps is None:
                continue
            number = whole_number(field, getattr(self, field))
            object.__setattr__(self, field, number)
        self._set_algorithms()
        object.__setattr__(self, "steps", _checked_steps(self.steps))
        check_tables(
            len(self.seed_numbers),
            self.evaluations,
            self.games,
            len(cast(Any, self.algorithms)),
        )
        for name, algorithm in cast(Any, self.algorithms).items():
            check_algorithm(name, algorithm)
        for name, algorithm in self.variants.items():
            least = algorithm.initial_steps + algorithm.steps_per_iteration
            if self.steps < least:
                raise InputError(
                    f"steps={self.steps:g} is less than what {name} takes until its "
                    f"first update, {least} agent steps; give more, or make its "
                    "num_envs, rollout_length or warmup_steps smaller"
                )
        self.identity()  # what cannot be described is an error here and now

    def _set_algorithms(self) -> None:
        """Names the algorithms; those of a ladder must still be one after a change."""
        given, ladder = self.algorithms, self.ladder
        if isinstance(given, Ladder):
            given, ladder = given.algorithms, given
        elif ladder is not None and not isinstance(ladder, Ladder):
            raise InputError(
                f"ladder={in_short(ladder)} must be a Ladder; give it as algorithms=..."
            )
        algorithms = named(given)
        if ladder is not None:
            ladder = ladder.with_algorithms(algorithms)
        object.__setattr__(self, "algorithms", algorithms)
        object.__setattr__(self, "ladder", ladder)

    @cached_property
    def variants(self) -> dict[str, Algorithm]:
        """The algorithms by name, with schedules laid out over the budget."""
        return {
            name: _resolved(algorithm, float(self.steps))
            for name, algorithm in cast(Any, self.algorithms).items()
        }

    @property
    def seed_numbers(self) -> range | tuple[int, ...]:
        """The seeds of each algorithm, ascending."""
        return seeds.numbers(cast(seeds.Seeds, self.seeds))

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
        """Agent steps of one lane after a number of iterations, exactly."""
        return algorithm.initial_steps + iteration * algorithm.steps_per_iteration

    def game_steps(self, algorithm: Algorithm) -> int:
        """Agent steps after which a game of its evaluation counts as truncated."""
        if self.max_game_steps is not None:
            return self.max_game_steps
        return game_steps(algorithm)

    def executed_steps(self, algorithm: Algorithm) -> int:
        """Agent steps that the budget comes to in whole iterations."""
        return self.steps_at(algorithm, self.points(algorithm)[-1])

    @cached_property
    def programs(self) -> Programs:
        """Which variants train in one program."""
        return Programs(self.variants)

    def batches(self, wanted: Iterable[tuple[str, int]]) -> list[list[Lane]]:
        """Lanes for `wanted` variants and seeds, by what trains in one program."""
        return self.programs.batches(wanted)

    def identity(self) -> tuple[dict[str, Description], dict[str, str]]:
        """Complete descriptions of the variants; digests of the user's own modules.

        Raises:
            InputError: a part of a variant cannot be described.
        """
        describer = Describer()
        variants = {
            name: describer.describe(algorithm, name)
            for name, algorithm in self.variants.items()
        }
        return variants, describer.sources()

    def describe(self) -> dict[str, Any]:
        """Everything resolved, as `experiment.json` keeps it; seeds are no part."""
        described, sources = self.identity()
        variants = self.variants
        environments = {n: described_environment(a) for n, a in variants.items()}
        caps = {name: self.game_steps(a) for name, a in variants.items()}
        scores = {name: score_of(a, caps[name]) for name, a in variants.items()}
        made = {
            "name": self.name,
            "title": self.title or self.name,
            "budget_agent_steps": int(self.steps),
            "variants": [
                {
                    "name": name,
                    "algorithm": type(algorithm).__name__,
                    "family": algorithm.family,
                    **described[name],
                    "environment": environments[name],
                    "score": scores[name],
                }
                for name, algorithm in self.variants.items()
            ],
            "environment": common_environment(environments.values()),
            "evaluation": {
                "points": self.evaluations,
                "games": self.games,
                "modes": list(MODES),
                "max_game_steps": max(caps.values()),
            },
            "score": common_score(scores.values()),
            "sources": sources,
        }
        if self.steps != int(self.steps):
            made["evaluation"]["budget"] = float(self.steps)
        if self.ladder is not None:
            made["ladder"] = self.ladder.describe()
        return made | {"digest": configuration_digest(made)}


# What decides whether two descriptions are of one experiment.
CONFIGURATION = ("name", "budget_agent_steps", "variants", "evaluation", "sources")
FOR_PEOPLE = ("environment", "score")  # of a variant: follows from the rest


def configuration_digest(description: Mapping[str, Any]) -> str:
    """The digest of what an experiment is, without its title and what follows."""
    parts = {name: description.get(name) for name in CONFIGURATION}
    parts["variants"] = [
        {name: value for name, value in variant.items() if name not in FOR_PEOPLE}
        for variant in description.get("variants") or []
    ]
    return digest(parts)


def _checked_steps(steps: Any) -> int | float:
    number = plain_number(steps)
    real = isinstance(number, int | float) and not isinstance(number, bool)
    if not real or not 0 < number <= MAX_STEPS:
        raise InputError(
            f"steps={in_short(steps)} must be a number of agent steps between 1 and "
            f"{MAX_STEPS} (counters are int32)"
            if real
            else f"steps={shown(steps)} must be a number of agent steps, such as 2e6"
        )
    return number


def _resolved(algorithm: Any, budget: float) -> Any:
    """An algorithm with its schedules laid out over a budget, and floats as floats."""
    values = {
        field.name: getattr(algorithm, field.name)
        for field in dataclasses.fields(algorithm)
        if is_sweepable(field)
    }
    changes = {
        name: as_float(value)
        for name, value in values.items()
        if not isinstance(value, float)
    }
    if isinstance(algorithm, RolloutAlgorithm):
        changes["budget"] = budget
    return dataclasses.replace(algorithm, **changes) if changes else algorithm


def named(algorithms: Any) -> dict[str, Algorithm]:
    """Algorithms by name, from a mapping or a list of algorithms and mappings.

    Raises:
        InputError: there are none, two have one name, or a name cannot be a folder.
    """
    if isinstance(algorithms, Mapping):
        pairs = list(algorithms.items())
    elif isinstance(algorithms, Sequence) and not isinstance(algorithms, str | bytes):
        parts = [_named_part(part) for part in algorithms]
        pairs = [pair for part in parts for pair in part.items()]
    else:
        raise InputError(
            f"algorithms={in_short(algorithms)} must be a list of algorithms such as "
            "[REINFORCE(), DQN()], or a dict from names to algorithms"
        )
    if not pairs:
        raise InputError("an experiment needs at least one algorithm")
    seen: set[str] = set()
    for name, _ in pairs:
        if fault := folder_name_problem(name):
            raise InputError(
                f"the variant name {shown(name, 60)} cannot be a folder; {fault}"
            )
        if name.lower() in seen:
            raise InputError(
                f"two algorithms are called {name!r}; give a dict from names to "
                "algorithms to tell them apart"
            )
        seen.add(name.lower())
    return dict(pairs)


def _named_part(part: Any) -> Mapping[str, Algorithm]:
    """One element of a list of algorithms, with its name."""
    if isinstance(part, Mapping):
        return part
    if isinstance(part, str):
        raise InputError(
            f"algorithms holds the text {shown(part, 60)} where an algorithm "
            "should be; give algorithms such as DQN(), and what sweep returns without "
            "a star: algorithms=[sweep(...)]"
        )
    known = isinstance(part, type) or dataclasses.is_dataclass(part)
    check_algorithm(algorithm_name(part) if known else in_short(part), part)
    return {algorithm_name(part): cast(Algorithm, part)}


def check_algorithm(name: str, algorithm: Any) -> None:
    """Raises `InputError` unless this can be trained."""
    if isinstance(algorithm, type):
        made = algorithm.__name__
        raise InputError(f"{name} is a class; make an algorithm of it: {made}()")
    check_interface(type(algorithm))
    if not isinstance(algorithm, Algorithm):
        raise InputError(
            f"{name} is no algorithm: {type(algorithm).__name__} lacks one of "
            "family, env, env_params, initial_steps, steps_per_iteration, "
            "updates_per_iteration, init, iterate, initial_memory, act"
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
        number = as_float(value)
        if is_sweepable(field) and (number is None or not math.isfinite(number)):
            raise InputError(
                f"{name}: {field.name}={shown(value)} is not a finite number; give one"
            )
        if not field.metadata.get("pytree_node", True):
            _check_hashable(f"{name}: {field.name}", value)


def _check_hashable(where: str, value: Any) -> None:
    try:
        hash(value)
    except TypeError as error:
        raise InputError(
            f"{where}={in_short(value)} cannot be part of a compiled program, because "
            "it has no hash; use tuples for lists, and dataclass(eq=False) for an "
            "environment that holds arrays"
        ) from error


def is_sweepable(field: Any) -> bool:
    """Whether values of this dataclass field train as lanes of one program."""
    return field.metadata.get("pytree_node", True) and field.type in (float, "float")
