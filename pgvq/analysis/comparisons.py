"""Which of several methods ends higher, what is equal, and what has not been shown.

Each pair gets one verdict. "No difference shown" says that the runs do not suffice to
tell the two apart; "equal within 1" says that they suffice to exclude a difference of
1 or more. Both kinds of p-values are adjusted for the number of pairs that are tested.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pgvq.analysis.statistics import (
    MIN_RUNS,
    Floats,
    difference,
    probability_of_improvement,
)
from pgvq.checks import as_float, shown
from pgvq.experiments.score_meaning import MARGIN
from pgvq.types import InputError

A_HIGHER, B_HIGHER = "a higher", "b higher"
NOT_SHOWN = "no difference shown"
TOO_FEW = f"fewer than {MIN_RUNS} runs"
OTHER_BUDGET = "different budgets"
LEVEL = 0.05  # probability of any false statement of one kind among all pairs


def equal_within(margin: float) -> str:
    """The verdict of two methods whose difference is shown to be less than `margin`."""
    return f"equal within {margin:g}"


def holm(p_values: ArrayLike) -> Floats:
    """Adjusts p-values `[K]` for K tests, so that each can be compared with the level.

    Whatever the tests have to do with each other, the probability that any true
    hypothesis is rejected is at most the level. NaN, of a test that was not made, stays
    NaN and does not count. Source: Holm, "A simple sequentially rejective multiple test
    procedure" (1979).
    """
    p_values = np.asarray(p_values, np.float64)
    adjusted = np.full(p_values.shape, np.nan)
    order = np.argsort(p_values, kind="stable")[: np.sum(~np.isnan(p_values))]
    factors = len(order) - np.arange(len(order))
    raised = np.maximum.accumulate(p_values[order] * factors)
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted


def compare(
    final: Mapping[str, ArrayLike],
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    budgets: Mapping[str, int] | None = None,
    margin: float | None = MARGIN,
) -> pd.DataFrame:
    """Compares pairs of methods by the final scores of their runs, a row per pair.

    Args:
        final: final scores `[S]` of each method, in points.
        pairs: of names; all by default.
        budgets: agent steps of each method. Methods of different budgets are not
            compared: all numbers of such a pair are NaN.
        margin: points; a smaller difference counts as equality. None: there is no size
            that counts as small, and equality is not tested.

    Returns:
        `a`, `b`; `difference` of their interquartile means with its 95 % interval
        (`difference_low`, `difference_high`); `probability` of improvement, a over b,
        with its own (`probability_low`, `probability_high`); `p`, that they do not
        differ, and `p_apart`, that they differ by the margin or more, both adjusted
        for all pairs (Holm); `verdict`: "a higher" or "b higher" where p < 0.05, else
        "equal within 1" where p_apart < 0.05, else "no difference shown"; and where
        nothing is tested "fewer than 5 runs" or "different budgets".

    Raises:
        InputError: the margin is not a finite number above 0.
    """
    size = np.nan if margin is None else as_float(margin)
    if size is None or not (margin is None or 0 < size < np.inf):
        raise InputError(
            f"margin={shown(margin)} must be a finite number above 0, in points; the "
            f"default is {MARGIN:g}"
        )
    if pairs is None:
        names = list(final)
        pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    rows = [_pair(a, b, final, budgets or {}, size) for a, b in pairs]
    frame = pd.DataFrame(rows, columns=[*_COLUMNS, "verdict"])
    for name in ("p", "p_apart"):
        frame[name] = holm(frame[name])
    different, equal = frame["p"] < LEVEL, frame["p_apart"] < LEVEL
    above = frame["difference"].fillna(0.0) > 0
    above |= frame["difference"].isna() & (frame["probability"] > 0.5)
    tested = frame["verdict"] == NOT_SHOWN
    frame.loc[tested & equal, "verdict"] = equal_within(size)
    frame.loc[tested & different & above, "verdict"] = A_HIGHER
    frame.loc[tested & different & ~above, "verdict"] = B_HIGHER
    return frame


_COLUMNS = (
    "a",
    "b",
    "difference",
    "difference_low",
    "difference_high",
    "probability",
    "probability_low",
    "probability_high",
    "p",
    "p_apart",
)


def _pair(
    a: str,
    b: str,
    final: Mapping[str, ArrayLike],
    budgets: Mapping[str, int],
    margin: float,
) -> tuple[object, ...]:
    """One row, with p-values that are not adjusted yet."""
    if budgets.get(a) != budgets.get(b):
        return (a, b, *[np.nan] * 8, OTHER_BUDGET)
    ours, theirs = (np.asarray(final[name], np.float64) for name in (a, b))
    apart = difference(ours, theirs, margin)
    chance = probability_of_improvement(ours, theirs)
    few = min(len(ours), len(theirs)) < MIN_RUNS
    return (
        a,
        b,
        *apart[:3],
        *map(float, chance),
        *apart[3:],
        TOO_FEW if few else NOT_SHOWN,
    )
