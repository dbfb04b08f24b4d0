"""Tunings: which learners are tuned, on what budget, and how that is described.

    Tuning(
        name="tune_pong",
        learners=[PPO(), DQN()],
        steps=1e6,
        trials=64,
    )

Every learner gets the same number of configurations, the same seeds, the same budget
for each run and the same evaluation. `pgvq.tuning.tune` carries it out.
"""

import dataclasses
import importlib.util
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

from pgvq.algorithms.contract import Algorithm
from pgvq.checks import plain_number, shown, whole_number
from pgvq.experiments.definition import Experiment, named
from pgvq.experiments.field_paths import in_short
from pgvq.experiments.seeds import checked, numbers
from pgvq.identity.description import digest
from pgvq.results.format import MODES
from pgvq.storage.files import plain
from pgvq.tuning.ranges import Space, space_of
from pgvq.types import InputError

FORMAT_VERSION = 1
SAMPLERS = ("auto", "tpe", "random")
INSTALL = "install it with `pip install 'pgvq[tune]'`, or use sampler='random'"
LARGEST_SEED = 2**31 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """A search for the configurations of learners, with equal effort for each.

    Raises `InputError` at construction for what cannot be searched.
    """

    name: str
    learners: Mapping[str, Algorithm] | Sequence[Algorithm | Mapping[str, Algorithm]]
    steps: float  # budget of each run, agent steps
    trials: int = 64  # configurations per learner; the first is its own values
    # Seeds of each trial: a number n means the first n of these defaults. They
    # are never those of a result that is compared with others.
    seeds: int | range | Sequence[int] = range(1_000_000, 1_000_003)
    # Ranges instead of the declared ones: learner to field to (low, high, scale), or a
    # list of values; None takes a field out of the search.
    search: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    sampler: str = "auto"  # "tpe" (Optuna), "random", or "auto": tpe where installed
    mode: str = "greedy"  # whose games are the score
    games: int = 10  # complete games per run and evaluation point
    evaluations: int = 1  # evaluation points; the last one, at the end, is the score
    max_game_steps: int | None = None  # as of an experiment
    # The best of each learner are trained again with other seeds, and by these alone
    # the best of them is chosen; 0 chooses by the trials' own scores.
    finalists: int = 5
    final_seeds: int | range | Sequence[int] = range(1_001_000, 1_001_005)
    round_size: int = 8  # trials that are proposed at once and train side by side
    structures: int = 3  # combinations of static fields: a compilation for each
    sampler_seed: int = 0
    title: str = ""

    def __post_init__(self) -> None:
        for field in ("trials", "round_size", "structures"):
            number = whole_number(field, getattr(self, field))
            object.__setattr__(self, field, number)
        for field in ("finalists", "sampler_seed"):
            object.__setattr__(self, field, _from_zero(field, getattr(self, field)))
        for field in ("seeds", "final_seeds"):
            object.__setattr__(self, field, _seeds(field, getattr(self, field)))
        if both := sorted({*self.seed_numbers} & {*self.final_seed_numbers}):
            raise InputError(
                f"seeds and final_seeds share {both[0]}; give others: finalists are "
                "judged by runs that did not choose them"
            )
        for field, known in (("sampler", SAMPLERS), ("mode", MODES)):
            if getattr(self, field) not in known:
                raise InputError(
                    f"{field}={shown(getattr(self, field))} is not one of "
                    f"{', '.join(known)}"
                )
        if self.sampler == "tpe" and not has_optuna():
            raise InputError(f"sampler='tpe' needs Optuna, which is missing; {INSTALL}")
        object.__setattr__(self, "learners", named(self.learners))
        self._check_search()
        self.experiment.identity()  # what cannot be described is an error here and now
        self.spaces  # noqa: B018 - checked here

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds of each trial."""
        return cast(Any, self.seeds)

    @property
    def final_seed_numbers(self) -> tuple[int, ...]:
        """The seeds that finalists are trained with again."""
        return cast(Any, self.final_seeds)

    @property
    def sampler_used(self) -> str:
        """The sampler that "auto" means here."""
        if self.sampler == "auto":
            return "tpe" if has_optuna() else "random"
        return self.sampler

    @cached_property
    def experiment(self) -> Experiment:
        """The learners as an experiment has them: budget, evaluation, description."""
        return Experiment(
            name=self.name,
            algorithms=self.learners,
            steps=self.steps,
            seeds=1,
            evaluations=self.evaluations,
            games=self.games,
            max_game_steps=self.max_game_steps,
            title=self.title,
        )

    @cached_property
    def spaces(self) -> dict[str, Space]:
        """What is searched of each learner."""
        return {
            name: space_of(
                name,
                algorithm,
                self.search.get(name, {}),
                min(self.structures, self.rounds),
                self._fits,
            )
            for name, algorithm in self.experiment.variants.items()
        }

    @property
    def rounds(self) -> int:
        """Rounds of trials of each learner."""
        return -(-self.trials // self.round_size)

    @property
    def runs(self) -> int:
        """Runs of each learner, those of the finalists included."""
        finals = min(self.finalists, self.trials) * len(self.final_seed_numbers)
        return self.trials * len(self.seed_numbers) + finals

    def replace(self, **changes: Any) -> "Tuning":
        """The same tuning with some fields changed, and checked again."""
        return dataclasses.replace(self, **changes)

    def describe(self) -> dict[str, Any]:
        """Everything resolved, as `tuning.json` keeps it."""
        held = self.experiment.describe()
        made = {
            "format_version": FORMAT_VERSION,
            **{key: held[key] for key in ("name", "title", "budget_agent_steps")},
            "learners": held["variants"],
            "evaluation": held["evaluation"],
            "sources": held["sources"],
            "score": held["score"],
            "mode": self.mode,
            "trials": self.trials,
            "seeds": list(self.seed_numbers),
            "finalists": self.finalists,
            "final_seeds": list(self.final_seed_numbers),
            "sampler": self.sampler_used,
            "sampler_seed": self.sampler_seed,
            "round_size": self.round_size,
            "search": {name: s.describe() for name, s in self.spaces.items()},
        }
        made = plain(made)
        return made | {"digest": tuning_digest(made)}

    def _fits(self, algorithm: Any) -> bool:
        least = algorithm.initial_steps + algorithm.steps_per_iteration
        return least <= self.steps

    def _check_search(self) -> None:
        if not isinstance(self.search, Mapping):
            raise InputError(
                f"search={in_short(self.search)} must be a dict, such as "
                '{"ppo": {"learning_rate": (1e-4, 1e-2, "log")}}'
            )
        known = cast(Any, self.learners)
        for name, ranges in self.search.items():
            if name not in known:
                raise InputError(
                    f"search has the learner {shown(name)}, and there are "
                    f"{', '.join(known)}; use one of these names"
                )
            if not isinstance(ranges, Mapping):
                raise InputError(
                    f"search, {name}: {in_short(ranges)} must be a dict from fields to "
                    'ranges, such as {"learning_rate": (1e-4, 1e-2, "log")}'
                )


# Neither the title nor what follows from the rest.
_FOR_PEOPLE = ("title", "score", "digest")


def tuning_digest(description: Mapping[str, Any]) -> str:
    """The digest of what a tuning is."""
    return digest({k: v for k, v in description.items() if k not in _FOR_PEOPLE})


def has_optuna() -> bool:
    """Whether Optuna is installed."""
    return importlib.util.find_spec("optuna") is not None


def _from_zero(field: str, value: Any) -> int:
    number = plain_number(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise InputError(f"{field}={shown(value)} must be a whole number, at least 0")
    return min(number, LARGEST_SEED)


def _seeds(field: str, value: Any) -> tuple[int, ...]:
    """Seeds as a tuple of numbers, or `InputError`."""
    given: Any = plain_number(value)
    if isinstance(given, int) and not isinstance(given, bool):
        first = 1_000_000 if field == "seeds" else 1_001_000
        if not 1 <= given <= 1_000:
            raise InputError(
                f"{field}={given} must be a number of seeds from 1 to 1000, or the "
                "seeds themselves, such as range(1_000_000, 1_000_003)"
            )
        return tuple(range(first, first + given))
    try:
        found = numbers(checked(value))
    except InputError as error:
        raise InputError(f"{field}: {error}") from None
    if len(found) > 100_000:
        raise InputError(f"{field}={shown(value)} are {len(found):,} seeds; give fewer")
    return tuple(found)
