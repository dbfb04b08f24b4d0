"""A group-sequential test of all pairs of learners, with family-wise error control.

Runs come in groups of n seeds, and after each group (a *look*) the pairs that differ
are decided. Whatever learners are equal in distribution, the probability that any pair
of equal ones is decided, at any look, is at most alpha.

**Statistic.** Of learners that may be equal (a *block*), the greatest difference of two
of their mean scores. Its distribution comes from permutations of scores among the
learners of a block, within each group of seeds: under the hypothesis that these
learners are equal, the permuted data are as likely as the data.

**Looks.** Of `permutations` random permutations and the data itself, at look k those
whose statistic is greatest have *crossed*, as many as the share of alpha that is spent
by then allows; what crossed at an earlier look is counted and does not come back. The
hypothesis is rejected if the data crosses. The data and its permutations are treated
alike, so that this holds exactly, for any number of permutations.

**Pairs.** Up to `MOST_JOINTLY` learners: closed testing. A hypothesis is a way to part
the learners into blocks of equal ones; a pair is decided once every hypothesis in which
the two are in one block is rejected. A learner needs seeds as long as one of its pairs
is not decided; a hypothesis that is true loses none of its learners before it is itself
rejected, so that stopping some early does not harm it. Of more learners, pairs are
tested one by one: the permutation p-value of look k over its share of alpha, the least
of these so far, and Holm's method over pairs.

The method follows AdaStop (Mathieu, Della Vecchia, Shilova, Centa, Kohler, Maillard and
Preux, "AdaStop: adaptive statistical testing for sound comparisons of Deep RL agents",
TMLR 2024), which steps down over pairs; closed testing (Marcus, Peritz and Gabriel
1976) takes the place of its step-down, because it is exact also where some learners
differ. Spending of alpha: Lan and DeMets (1983).
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_JOINTLY = 7  # learners have 877 partitions; 8 have 4,140
_SAME = 1e-9  # of the largest score: statistics this near are ties

Blocks = tuple[
    tuple[int, ...], ...
]  # learners by number, those that are alone left out


class Plan(NamedTuple):
    """What is laid down before the first score is seen."""

    group: int = 5  # seeds of a learner from one look to the next
    looks: int = 6  # at most
    alpha: float = 0.05  # family-wise error
    permutations: int = 9_999
    seed: int = 0  # of the permutations


def spent(plan: Plan) -> NDArray[np.float64]:
    """The error that may be spent by each look, `[K]` rising to alpha.

    alpha log(1 + (e - 1) k / K), nearly the same boundary at every look, which stops
    early where differences are large. Source: Lan and DeMets (1983), for Pocock (1977).
    """
    share = np.arange(1, plan.looks + 1) / plan.looks
    return plan.alpha * np.log1p((np.e - 1) * share)


def decided_at(
    scores: ArrayLike, plan: Plan, looks: Sequence[int] | None = None
) -> NDArray[np.int64]:
    """The look, from 0, at which each pair is decided; K where it is not.

    Args:
        scores: `[R, L, K, n]` of R independent comparisons of L learners, n seeds at
            each of K looks. What is not finite counts as the lowest score so far of
            the learners that it is compared with.
        plan: of n and at least K looks.
        looks: `[L]`, how many looks of each learner are there; all K by default.

    Returns:
        `[R, L, L]`, symmetric, with K on the diagonal.
    """
    scores = np.asarray(scores, np.float64)
    count, learners, most, _ = scores.shape
    there = [most] * learners if looks is None else list(looks)
    if learners > MOST_JOINTLY:
        return _by_holm(scores, plan, there)
    budgets = _crossings_allowed(plan)[:most]
    kept: dict[tuple[int, ...], NDArray[np.float64]] = {}
    found = np.full((count, learners, learners), most)
    pairs = list(itertools.combinations(range(learners), 2))
    for a, b in pairs:
        found[:, a, b] = found[:, b, a] = -1
    for blocks in partitions(learners):
        for block in blocks:
            if block not in kept:
                kept[block] = statistics(scores[:, block], plan, block)
        known = min(there[learner] for block in blocks for learner in block)
        ranges = np.max([kept[block][:, :, :known] for block in blocks], axis=0)
        crossed = first_crossing(ranges, budgets[:known], _tolerance(scores))
        crossed = np.where(crossed == known, most, crossed)
        for a, b in pairs:
            if any(a in block and b in block for block in blocks):
                found[:, a, b] = np.maximum(found[:, a, b], crossed)
                found[:, b, a] = found[:, a, b]
    return found


def partitions(learners: int) -> Iterator[Blocks]:
    """Every way to part learners into blocks, but the one in which each is alone."""

    def parted(left: tuple[int, ...]) -> Iterator[list[tuple[int, ...]]]:
        if not left:
            yield []
            return
        first, rest = left[0], left[1:]
        for size in range(len(rest) + 1):
            for others in itertools.combinations(rest, size):
                remaining = tuple(x for x in rest if x not in others)
                for more in parted(remaining):
                    yield [(first, *others), *more]

    for blocks in parted(tuple(range(learners))):
        if several := tuple(block for block in blocks if len(block) > 1):
            yield several


def statistics(
    scores: NDArray[np.float64], plan: Plan, block: tuple[int, ...]
) -> NDArray[np.float64]:
    """The greatest difference of two learners' total scores, for each permutation.

    Args:
        scores: `[R, B, K, n]` of the learners of a block.
        plan: the number of permutations, and their seed.
        block: which learners they are, so that blocks have permutations of their own.

    Returns:
        `[R, 1 + M, K]`, the data itself first, then M permutations of it; totals over
        the seeds of all looks so far.
    """
    count, learners, looks, _ = scores.shape
    filled = finite(scores)
    totals = np.zeros((count, 1 + plan.permutations, learners))
    found = np.empty((count, 1 + plan.permutations, looks))
    for look in range(looks):
        belongs = _assignments(plan, look, block, learners)
        mine = filled[:, :, look].reshape(count, -1)
        totals += np.tensordot(mine, belongs, axes=1)
        found[:, :, look] = np.ptp(totals, axis=2)
    return found


@functools.lru_cache(16)
def _assignments(
    plan: Plan, look: int, block: tuple[int, ...], learners: int
) -> NDArray[np.float64]:
    """Whose each score is, by permutation: ones and zeros `[B n, 1 + M, B]`."""
    generator = np.random.default_rng([plan.seed, look, *block])
    labels = np.repeat(np.arange(learners), plan.group)
    drawn = np.tile(labels, (1 + plan.permutations, 1))
    drawn[1:] = generator.permuted(drawn[1:], axis=1)
    return (drawn.T[:, :, None] == np.arange(learners)).astype(np.float64)


def first_crossing(
    values: NDArray[np.float64], budgets: Sequence[int], tolerance: float = 0.0
) -> NDArray[np.int64]:
    """The look at which the data crosses its boundary, `[R]`; K where it never does.

    Args:
        values: `[R, 1 + M, K]`, as `statistics` returns them.
        budgets: `[K]`, how many of the 1 + M may have crossed by each look.
        tolerance: statistics that differ by no more are equal.
    """
    count, draws, looks = values.shape
    alive = np.ones((count, draws), bool)
    found = np.full(count, looks)
    for look, budget in enumerate(budgets):
        now = np.where(alive, values[:, :, look], -np.inf)
        left = budget - np.sum(~alive, axis=1)  # may cross at this look
        # Greater than the value that is one too many; ties cross together or not.
        falling = -np.sort(-now, axis=1)
        boundary = np.take_along_axis(falling, np.minimum(left, draws - 1)[:, None], 1)
        crossing = now > boundary + tolerance
        found = np.where(crossing[:, 0], look, found)
        alive &= ~crossing
    return found


def finite(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores `[R, B, K, n]` with the lowest finite one so far for each that is not.

    "So far" is up to the same look, over all learners of the block; 0 where no score
    is finite.
    """
    known = np.where(np.isfinite(scores), scores, np.inf)
    lowest = np.minimum.accumulate(known.min(axis=(1, 3)), axis=1)  # [R, K]
    lowest = np.where(np.isfinite(lowest), lowest, 0.0)
    return np.where(np.isfinite(scores), scores, lowest[:, None, :, None])


def _crossings_allowed(plan: Plan) -> list[int]:
    """How many of the data and its permutations may have crossed by each look."""
    draws = 1 + plan.permutations
    return [int(np.floor(share * draws + 1e-9)) for share in spent(plan)]


def _tolerance(scores: NDArray[np.float64]) -> float:
    return _SAME * float(np.max(np.abs(scores), where=np.isfinite(scores), initial=0.0))


def _by_holm(
    scores: NDArray[np.float64], plan: Plan, there: Sequence[int]
) -> NDArray[np.int64]:
    """As `decided_at`, pair by pair."""
    count, learners, looks, _ = scores.shape
    pairs = list(itertools.combinations(range(learners), 2))
    weights = np.diff(spent(plan), prepend=0.0)[:looks] / plan.alpha
    # So many that the least p-value can be decided at the first look.
    enough = int(np.ceil(10 * len(pairs) / (plan.alpha * weights.min())))
    plan = plan._replace(permutations=max(plan.permutations, enough))
    levels = np.full((count, len(pairs), looks), np.inf)
    for number, (a, b) in enumerate(pairs):
        known = min(there[a], there[b])
        values = statistics(scores[:, (a, b), :known], plan, ())
        reached = values >= values[:, :1] - _tolerance(scores)
        p = reached.mean(axis=1) / weights[:known]
        levels[:, number, :known] = np.minimum.accumulate(p, axis=1)
        levels[:, number, known:] = levels[:, number, known - 1 : known]
    found = np.full((count, learners, learners), looks)
    for row, look in itertools.product(range(count), range(looks)):
        order = np.argsort(levels[row, :, look])
        limits = plan.alpha / np.arange(len(pairs), 0, -1)
        passed = levels[row, order, look] <= limits
        for number in order[: int(np.argmin(np.append(passed, False)))]:
            a, b = pairs[number]
            found[row, a, b] = found[row, b, a] = min(found[row, a, b], look)
    return found
