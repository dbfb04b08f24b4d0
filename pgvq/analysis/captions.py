"""What captions say, in words: how many seeds and games, intervals, and what differs.

Every sentence is made from the numbers that a figure draws, and of each kind there is
one, which names the variants that it is about.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pgvq.analysis.curves import Curves, final_scores_of
from pgvq.analysis.statistics import (
    ENOUGH,
    INTERVAL,
    MIN_RUNS,
    NOTHING,
    RANGE,
    interval_kind,
    too_narrow,
)

_MOST_NAMED = 4  # variants that a sentence names


def seeds_in_words(counts: Mapping[str, int], each: str = "method") -> str:
    """How many seeds the variants have: "10 per method (dqn: 8)"."""
    numbers = list(counts.values())
    if not numbers:
        return "none"
    [(usual, _)] = Counter(numbers).most_common(1)
    others = {name: n for name, n in counts.items() if n != usual}
    if not others:
        return f"{usual} per {each}"
    if len(others) > _MOST_NAMED:
        return f"{min(numbers)} to {max(numbers)} per {each}"
    listed = ", ".join(f"{name}: {n}" for name, n in others.items())
    return f"{usual} per {each} ({listed})"


def games_in_words(games: Sequence[int]) -> str:
    """What one evaluation of one seed is: "the mean of 6 to 10 complete games"."""
    low, high = min(games, default=0), max(games, default=0)
    if low == high == 1:
        return "one complete game"
    number = str(low) if low == high else f"{low} to {high}"
    return f"the mean of {number} complete games"


def interval_in_words(mark: str, counts: Mapping[str, int]) -> str:
    """What `statistics.estimate` gives beside a middle, a sentence for each kind.

    Args:
        mark: what is drawn, such as "Band" or "Bar".
        counts: the runs of each variant; where kinds differ, the names are there.
    """
    groups: dict[str, list[str]] = {}
    for name, count in counts.items():
        groups.setdefault(interval_kind(count, 0.0, 1.0), []).append(name)
    words = {
        INTERVAL: f"{mark}: its 95\N{NO-BREAK SPACE}% interval over whole runs",
        RANGE: f"{mark} of 2 to {MIN_RUNS - 1} seeds: their range, no interval",
        NOTHING: f"No {mark.lower()} from one seed",
    }
    found = [kind for kind in words if kind in groups]
    sentences = [
        f"{words[kind]}{f' ({listed(groups[kind])})' if number else ''}."
        for number, kind in enumerate(found)
    ]
    few = [count for count in counts.values() if MIN_RUNS <= count < ENOUGH]
    return " ".join([*sentences, *([too_narrow()] if few else [])])


def listed(parts: Sequence[str], most: int = _MOST_NAMED) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    mark = "; " if any("," in part for part in parts) else ", "
    return mark.join(parts[:most]) + more


def steps_in_words(steps: float) -> str:
    """A number of agent steps as captions have it: 3M, 200k, 500."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if steps >= unit:
            return f"{steps / unit:.3g}{name}"
    return f"{steps:g}"


def budgets_in_words(budgets: Mapping[str, int]) -> str:
    """That budgets differ, and what follows from it; "" where they are equal."""
    groups = _groups(budgets)
    if len(groups) < 2:
        return ""
    parts = (f"{steps_in_words(b)} ({listed(groups[b])})" for b in sorted(groups))
    return (
        f"Budgets differ, in agent steps: {'; '.join(parts)}. Exploration and learning "
        "rates run over the budget, so a curve belongs to its budget, and only end "
        "points of equal budgets compare."
    )


def caps_in_words(caps: Mapping[str, int | None]) -> str:
    """That evaluation games are cut off at different lengths; "" where they are not."""
    groups = _groups({name: cap for name, cap in caps.items() if cap is not None})
    if len(groups) < 2:
        return ""
    parts = (f"{cap:,} ({listed(groups[cap])})" for cap in sorted(groups))
    return f"Games are cut off after different agent steps: {'; '.join(parts)}."


def _groups(values: Mapping[str, int]) -> dict[int, list[str]]:
    groups: dict[int, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(value, []).append(name)
    return groups


def notes_on_runs(curves: Mapping[str, Curves], *, scores: bool, final: bool) -> str:
    """What deviates from what a caption says, one sentence for each kind.

    Args:
        curves: by the variant's label.
        scores: whether the values are scores, of which NaN ranks lowest.
        final: whether only the last values of finished seeds are drawn.
    """
    unfinished, none, diverged, lost = [], [], [], []
    for name, curve in curves.items():
        in_use = curve.finished if final else curve.complete
        of = len(curve.seeds)
        if behind := int(np.sum(~in_use)):
            unfinished.append(f"{name} {behind} of {of}")
        if not curve.finished.any():
            none.append(name)
        if count := int(curve.diverged.sum()):
            diverged.append(f"{name} {count} of {of}")
        values = final_scores_of(curve) if final else curve.scores[curve.complete]
        missing = np.isnan(values)
        missing = missing.any(axis=1) if missing.ndim > 1 else missing
        if scores and missing.any():
            lost.append(f"{name} {int(missing.sum())} of {of}")
    drawn = "left out" if final else "as thin lines only"
    kinds = {
        f"Seeds unfinished, {drawn}": unfinished,
        "No seed has finished": [] if final else none,
        "Diverged (×), counted like the others": diverged,
        "Seeds with NaN as a score, ranked below every number": lost,
    }
    return " ".join(f"{what}: {listed(who, 8)}." for what, who in kinds.items() if who)
