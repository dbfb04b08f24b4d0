"""What a ledger says about a search: how much of it is needed, and of which fields."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from pgvq.tuning.folder import check_folder, read_chosen, read_description
from pgvq.tuning.ledger import read
from pgvq.tuning.ranges import Range
from pgvq.types import InputError

RESAMPLES = 1_000
BINS = 5  # of a float field's values, with equally many trials each

Floats = NDArray[np.float64]


class Trials(NamedTuple):
    """The trials of one learner that have all their runs."""

    learner: str
    scores: Floats  # [C, S] by configuration and seed; a missing one is the lowest
    values: list[dict[str, Any]]  # [C] by dotted field
    ranges: dict[str, Range]
    choices: dict[str, list[Any]]
    own: dict[str, Any]  # the learner's own values

    @property
    def means(self) -> Floats:
        """Mean over seeds `[C]`."""
        return self.scores.mean(axis=1)

    @property
    def fields(self) -> list[str]:
        """What was searched and took more than one value."""
        return [
            field
            for field in (*self.ranges, *self.choices)
            if len({str(one[field]) for one in self.values}) > 1
        ]

    def places(self, field: str) -> Floats:
        """A field's values `[C]` as places on its axis: 0 to 1, or the choice's number.

        Choices that no trial has take no place.
        """
        if field in self.ranges:
            found = [self.ranges[field].unit(one[field]) for one in self.values]
            return np.clip(np.array(found, float), -1.0, 2.0)
        used = self.used(field)
        return np.array([used.index(str(one[field])) for one in self.values], float)

    def used(self, field: str) -> list[str]:
        """The values of a static field that trials have, in the order declared."""
        held = {str(one[field]) for one in self.values}
        return [str(v) for v in self.choices[field] if str(v) in held]


class Curve(NamedTuple):
    """Score of the best of k configurations, `[K]` each, k from 1."""

    k: NDArray[np.int64]
    value: Floats
    low: Floats
    high: Floats


class Found(NamedTuple):
    """A tuning's folder, read."""

    description: dict[str, Any]
    ledger: pd.DataFrame
    trials: dict[str, Trials]


def read_tuning(folder: str | Path) -> Found:
    """A tuning's folder: its description, its ledger, and the trials by learner.

    Raises:
        InputError: it is no tuning's folder, is damaged, or holds no whole trial yet.
    """
    folder = check_folder(folder)
    held, ledger = read_description(folder), read(folder)
    found = {
        name: trials
        for name, space in held["search"].items()
        if (trials := trials_of(ledger, name, space, len(held["seeds"]))) is not None
    }
    if not found:
        raise InputError(
            f"{folder} holds no finished trial yet; go on with `pgvq tune`, then draw"
        )
    return Found(held, ledger, found)


def trials_of(
    ledger: pd.DataFrame, learner: str, space: Mapping[str, Any], seeds: int
) -> Trials | None:
    """The whole trials of a learner; None where there is none."""
    rows = ledger[(ledger.learner == learner) & (ledger.stage == "search")]
    fields = [*space["ranges"], *space["choices"]]
    scores, values = [], []
    for _, runs in rows.groupby("trial", sort=True):
        one = json.loads(runs.configuration.iloc[0])
        if len(runs) == seeds and all(field in one for field in fields):
            order = np.argsort(runs.seed.to_numpy())
            scores.append(runs.score.to_numpy(float)[order])
            values.append(one)
    if not scores:
        return None
    known = np.array(scores)
    lowest = known[np.isfinite(known)].min(initial=np.inf)
    known = np.where(np.isfinite(known), known, lowest if np.isfinite(lowest) else 0.0)
    return Trials(
        learner,
        known,
        values,
        {field: Range(*parts) for field, parts in space["ranges"].items()},
        dict(space["choices"]),
        dict(space["default"]),
    )


def best_of_k(scores: Floats, seed: int = 0, resamples: int = RESAMPLES) -> Curve:
    """The expected score of the best of k configurations, for k = 1 .. C.

    A configuration is chosen by the mean of all seeds but one, and counts with the seed
    left out, averaged over which that is: its own luck does not flatter it. (With one
    seed both are the same, and the curve is too high.) The expectation is over which k
    of the C configurations were tried, exactly: that of rank i among C (0 the best) is
    the best of k with probability `C(C - 1 - i, k - 1) / C(C, k)`.

    Args:
        scores: `[C, S]`.
        seed: of the resampling.
        resamples: of the configurations, for the 95 % interval (percentiles).
    """
    count = len(scores)
    weights = _rank_weights(count)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, count, (resamples, count))
    samples = np.stack([_curve(scores[pick], weights) for pick in picks])
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    return Curve(np.arange(1, count + 1), _curve(scores, weights), low, high)


def _curve(scores: Floats, weights: Floats) -> Floats:
    """Expected scores `[K]` of `scores [C, S]`."""
    seeds = scores.shape[1]
    parts = []
    for left_out in range(seeds):
        others = np.delete(scores, left_out, axis=1) if seeds > 1 else scores
        order = np.argsort(-others.mean(axis=1), kind="stable")
        parts.append(weights @ scores[order, left_out])
    return np.mean(parts, axis=0)


def _rank_weights(count: int) -> Floats:
    """`[K, C]`: chance that the configuration of a rank is the best of k drawn."""
    k = np.arange(1, count + 1)[:, None]
    rank = np.arange(count)[None, :]
    possible = count - 1 - rank >= k - 1

    def log_choose(n: NDArray[Any], m: NDArray[Any]) -> Floats:
        return gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1)

    below = np.where(possible, count - 1 - rank, k - 1)
    logs = log_choose(below, k - 1) - log_choose(np.array(count), k)
    return np.where(possible, np.exp(logs), 0.0)


class Bin(NamedTuple):
    """Trials with near values of a field."""

    place: float  # the middle of theirs, as `Trials.places` has them
    mean: float  # of their scores
    low: float  # quartiles
    high: float


def bin_numbers(trials: Trials, field: str, bins: int = BINS) -> NDArray[np.int64]:
    """Which group of near values each trial `[C]` is in."""
    places = trials.places(field)
    if field not in trials.ranges:
        return places.astype(np.int64)
    number = max(1, min(bins, len(places) // 2))
    ranks = np.argsort(np.argsort(places, kind="stable"), kind="stable")
    return ranks * number // len(places)


def marginal(trials: Trials, field: str) -> list[Bin]:
    """Scores against a field's values, in groups of near ones."""
    places, numbers, means = (
        trials.places(field),
        bin_numbers(trials, field),
        trials.means,
    )
    found = []
    for number in np.unique(numbers):
        mine = means[numbers == number]
        low, high = np.quantile(mine, [0.25, 0.75])
        middle = float(np.median(places[numbers == number]))
        found.append(Bin(middle, float(mine.mean()), float(low), float(high)))
    return found


def influence(trials: Trials, field: str) -> float:
    """The share of the variance of scores that groups of a field's values explain.

    Adjusted for the number of groups (adjusted R squared), 0 where that is negative.
    """
    numbers, means = bin_numbers(trials, field), trials.means
    groups = [means[numbers == number] for number in np.unique(numbers)]
    total = float(np.sum((means - means.mean()) ** 2))
    if len(means) <= len(groups) or total <= 0:
        return 0.0
    within = sum(float(np.sum((group - group.mean()) ** 2)) for group in groups)
    adjusted = (within / (len(means) - len(groups))) / (total / (len(means) - 1))
    return max(0.0, 1.0 - adjusted)


def by_influence(trials: Trials) -> list[tuple[str, float]]:
    """Fields with their influence, the greatest first."""
    found = [(field, influence(trials, field)) for field in trials.fields]
    return sorted(found, key=lambda pair: -pair[1])


def chosen_table(folder: str | Path) -> pd.DataFrame:
    """One row per learner and field: chosen value, the learner's own, the range.

    Raises:
        InputError: nothing is chosen yet, or a file is damaged.
    """
    folder = check_folder(folder)
    held, found = read_description(folder), read_chosen(folder)
    rows = []
    for learner, values in found["chosen"].items():
        space = held["search"].get(learner, {})
        scores = found.get("scores", {}).get(learner, {})
        for field, value in values.items():
            searched: Sequence[Any] = space.get("ranges", {}).get(field) or (
                space.get("choices", {}).get(field, [])
            )
            rows.append(
                {
                    "learner": learner,
                    "field": field,
                    "chosen": value,
                    "own": space.get("default", {}).get(field),
                    "searched": " ".join(map(str, searched)),
                    "trial": scores.get("trial"),
                    "final_score": scores.get("final_score"),
                }
            )
    columns = ["learner", "field", "chosen", "own", "searched", "trial", "final_score"]
    return pd.DataFrame(rows, columns=columns)
