"""How far a comparison from few runs can be trusted, measured on many runs.

Of many runs of each learner, all of them give the order that is taken for true; small
experiments are then drawn out of them, and it is counted how often these say otherwise.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from pgvq.analysis.statistics import Floats, difference, interquartile_mean
from pgvq.types import InputError

_REPEATS = 20_000


def draws(
    scores: ArrayLike, runs: int, generator: Generator, repeats: int = _REPEATS
) -> Floats:
    """Interquartile means `[R]` of experiments of `runs` runs each.

    `scores` [S] of all runs; each experiment draws from them without replacement.

    Raises:
        InputError: there are fewer than twice as many scores as runs to draw, so that
            the experiments would be nearly the same one.
    """
    scores = np.asarray(scores, np.float64)
    if len(scores) < 2 * runs:
        raise InputError(
            f"experiments of {runs} runs cannot be drawn from {len(scores)}; give at "
            f"least {2 * runs} runs"
        )
    order = np.argsort(generator.random((repeats, len(scores))), axis=1)[:, :runs]
    return interquartile_mean(scores[order], axis=1)


def share_of_wrong_orders(a: Floats, b: Floats, difference: float) -> float:
    """How often experiments `a` [R] and `b` [R] are not in the order of `difference`.

    `difference` is a's true score less b's, and not 0. A tie counts one half.
    """
    found = (a - b) * np.sign(difference)
    return float(np.mean(found < 0) + 0.5 * np.mean(found == 0))


def share_of_wrong_winners(drawn: Mapping[str, Floats], best: str) -> float:
    """How often another learner than `best` scores highest; [R] of each learner.

    Where k learners tie for the first place, `best` among them, it is 1 - 1/k.
    """
    names = list(drawn)
    scores = np.stack([drawn[name] for name in names])  # [learners, R]
    first = scores == scores.max(axis=0)
    right = first[names.index(best)] / first.sum(axis=0)
    return float(1 - right.mean())


def wrong_orders(
    scores: Mapping[str, Sequence[float] | Floats],
    runs: Sequence[int],
    generator: Generator,
    repeats: int = _REPEATS,
) -> dict[tuple[str, str], dict[int, float]]:
    """For every pair, the higher one first, the share of wrong orders by runs each.

    Args:
        scores: of all runs of each learner, `[S]`; they give the order taken for true.
        runs: of each of two learners in a small experiment, such as 3, 5, 10.
        generator: of random numbers.
        repeats: small experiments drawn.

    Pairs whose interquartile means are equal have no order and are left out.
    """
    true = {name: float(interquartile_mean(s)) for name, s in scores.items()}
    names = sorted(true, key=lambda name: -true[name])
    drawn = {
        n: {name: draws(scores[name], n, generator, repeats) for name in names}
        for n in runs
    }
    return {
        (a, b): {
            n: share_of_wrong_orders(drawn[n][a], drawn[n][b], true[a] - true[b])
            for n in runs
        }
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if true[a] != true[b]
    }


def share_shown(
    scores: ArrayLike,
    apart: float,
    runs: int,
    generator: Generator,
    repeats: int = 500,
    level: float = 0.05,
) -> float:
    """How often a difference between two learners is shown (the test's power).

    Args:
        scores: `[S]` of many runs; the two learners' runs are spread as these are.
        apart: points by which the runs of one are above those of the other.
        runs: of each learner in an experiment.
        generator: of random numbers.
        repeats: experiments; their runs are drawn with replacement.
        level: p-values below it show a difference, in the right direction.
    """
    scores = np.asarray(scores, np.float64)
    shown = 0
    for _ in range(repeats):
        low, high = generator.choice(scores, (2, runs))
        found = difference(high + apart, low)
        shown += found.p_different < level and found.value > 0
    return shown / repeats


def runs_needed(
    scores: ArrayLike,
    apart: float,
    generator: Generator,
    *,
    candidates: Sequence[int] = (5, 7, 10, 15, 20, 30, 50),
    power: float = 0.8,
    repeats: int = 500,
) -> int | None:
    """The fewest runs of each of two learners that show a difference often enough.

    Args:
        scores, apart, generator, repeats: as in `share_shown`.
        candidates: numbers of runs, rising.
        power: the share of experiments in which the difference has to be shown.

    Returns None where none of the candidates suffices.
    """
    for runs in candidates:
        if share_shown(scores, apart, runs, generator, repeats) >= power:
            return runs
    return None
