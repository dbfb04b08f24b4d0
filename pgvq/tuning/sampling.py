"""Which configurations are tried next, from the scores of those before.

A round's proposal is a function of the tuning and of the scores of earlier rounds
alone: the sampler is made anew for each round, with a seed of its own. So a search that
was stopped and goes on proposes what it would have proposed.
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import qmc

from pgvq.tuning.definition import Tuning
from pgvq.tuning.ranges import Space, Values

STRUCTURE = "structure"  # a parameter of Optuna's study: the number of a structure


class Trial(NamedTuple):
    """A configuration of a learner; the number 0 is the learner's own."""

    number: int
    structure: int  # of its space
    values: Values


class Known(NamedTuple):
    """A trial that was scored."""

    structure: int
    place: list[float] | None  # in the cube of the space; None outside of it
    score: float  # mean over its seeds; NaN where a run has none


def propose(
    tuning: Tuning, learner: str, number: int, known: Sequence[Known]
) -> list[Trial]:
    """The trials of a round, all of one structure.

    Args:
        tuning: what is searched.
        learner: by its name.
        number: of the round, from 0.
        known: the trials of all rounds before, in order.
    """
    space = tuning.spaces[learner]
    first = number * tuning.round_size
    count = min(tuning.round_size, tuning.trials - first)
    trials = []
    if number == 0:
        own = space.default | space.structures[0]
        trials.append(Trial(0, 0, {f: own[f] for f in _order(space)}))
    asked = count - len(trials)
    # The first rounds see each structure once.
    structure = number % len(space.structures)
    if tuning.sampler_used == "tpe":
        free = number >= len(space.structures)
        seed = _seed(tuning, learner, number)
        structure, places = _tpe(space, known, asked, seed, None if free else structure)
    else:
        places = _random(space, _seed(tuning, learner), first, count)[count - asked :]
    start = first + len(trials)
    for offset, place in enumerate(places):
        values = space.values(structure, place)
        ordered = {field: values[field] for field in _order(space)}
        trials.append(Trial(start + offset, structure, ordered))
    return trials


def _order(space: Space) -> list[str]:
    return [*space.ranges, *space.choices]


def _seed(tuning: Tuning, learner: str, number: int = 0) -> int:
    """A seed that depends on the learner's name and on the round."""
    entropy = [tuning.sampler_seed, number, *learner.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _random(space: Space, seed: int, first: int, count: int) -> list[list[float]]:
    """Places `[count][D]` of a scrambled Sobol sequence, from number `first` on."""
    size = max(len(space.ranges), 1)
    sequence = qmc.Sobol(size, scramble=True, rng=np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is balanced for powers of 2 alone
        if first:
            sequence.fast_forward(first)
        return sequence.random(count)[:, : len(space.ranges)].tolist()


def _tpe(
    space: Space, known: Sequence[Known], count: int, seed: int, structure: int | None
) -> tuple[int, list[list[float]]]:
    """A structure, which the sampler chooses where None is given, and places in it.

    Tree-structured Parzen estimators (Bergstra et al. 2011), of all coordinates
    together; those that are asked for and not yet scored count as bad, which keeps a
    round's trials apart.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions: dict[str, Any] = {
        field: optuna.distributions.FloatDistribution(0.0, 1.0)
        for field in space.ranges
    }
    names = [str(i) for i in range(len(space.structures))]
    distributions[STRUCTURE] = optuna.distributions.CategoricalDistribution(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that `multivariate` is experimental
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True
        )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    scored = [one.score for one in known if np.isfinite(one.score)]
    worst = min(scored, default=0.0)
    for one in known:
        if one.place is not None:
            params = dict(zip(space.ranges, one.place, strict=True))
            study.add_trial(
                optuna.trial.create_trial(
                    params=params | {STRUCTURE: names[one.structure]},
                    distributions=distributions,
                    value=one.score if np.isfinite(one.score) else worst,
                )
            )
    places = []
    for _ in range(count):
        if structure is not None:
            study.enqueue_trial({STRUCTURE: names[structure]})
        asked = study.ask(distributions)
        structure = int(asked.params[STRUCTURE])
        places.append([float(asked.params[field]) for field in space.ranges])
    return structure or 0, places
