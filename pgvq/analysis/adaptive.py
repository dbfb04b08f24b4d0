"""The state of a comparison that stops when it knows: scores, decisions, what is next.

A `Comparison` is a function of its scores alone: the decisions that belong to each look
are computed again from the first one (`pgvq.analysis.sequential_test`), so that one
that was interrupted goes on from a file, or from the scores, and ends the same.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pgvq.analysis.sequential_test import Plan, decided_at, finite
from pgvq.storage.files import plain
from pgvq.storage.schema import (
    choice,
    either,
    flag,
    listed,
    mapped,
    maybe,
    number,
    problem,
    record,
    text,
    whole,
)
from pgvq.storage.seals import opened, sealed
from pgvq.types import InputError

FORMAT_VERSION = 1
A_HIGHER, B_HIGHER, NOT_DECIDED = "a higher", "b higher", "not decided"
MOST_SEEDS = 10_000
MOST_LEARNERS = 100

_SCORE = maybe(either(number(-1e300, 1e300), choice("inf", "-inf")))
_PLAN = record(
    {
        "group": whole(2, MOST_SEEDS),
        "looks": whole(1, MOST_SEEDS),
        "alpha": number(1e-6, 0.5),
        "permutations": whole(99, 10_000_000),
        "seed": whole(0, 2**31 - 1),
    }
)
_FILE = record(
    {
        "format_version": whole(FORMAT_VERSION, FORMAT_VERSION),
        "plan": _PLAN,
        "scores": mapped(listed(_SCORE, most=MOST_SEEDS), most=MOST_LEARNERS),
    },
    optional={
        "finished": flag,
        "pairs": listed(
            record(
                {
                    "a": text(1_000),
                    "b": text(1_000),
                    "verdict": choice(A_HIGHER, B_HIGHER, NOT_DECIDED),
                    "seeds": whole(0, MOST_SEEDS),
                }
            ),
            most=MOST_LEARNERS**2,
        ),
    },
)
_REMEDY = "delete it: the tables say the same, and the same command goes on from them"


class Pair(NamedTuple):
    """Two learners, and which has the higher mean score."""

    a: str
    b: str
    verdict: str  # "a higher", "b higher" or "not decided"
    seeds: int  # of each of the two, when it was decided, or so far


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Scores so far and what they decide; `comparison` makes one."""

    plan: Plan
    # By learner, in the order of seeds; learners that are decided have fewer.
    scores: Mapping[str, tuple[float, ...]]
    pairs: tuple[Pair, ...]

    @property
    def undecided(self) -> tuple[Pair, ...]:
        """Pairs that no look has decided."""
        return tuple(pair for pair in self.pairs if pair.verdict == NOT_DECIDED)

    @property
    def finished(self) -> bool:
        """Whether every pair is decided, or the last look has been taken."""
        return not self.wanted

    @property
    def wanted(self) -> dict[str, range]:
        """By learner, the places of the seeds that the next look needs."""
        group, looks = self.plan.group, self.plan.looks
        names = {name for pair in self.undecided for name in (pair.a, pair.b)}
        return {
            name: range(len(held), len(held) + group)
            for name, held in self.scores.items()
            if name in names and len(held) < group * looks
        }

    @property
    def seeds(self) -> dict[str, int]:
        """How many seeds each learner has needed so far."""
        return {name: len(held) for name, held in self.scores.items()}


def comparison(
    scores: Mapping[str, Sequence[float]], plan: Plan | None = None
) -> Comparison:
    """What scores decide, look by look, using no more of them than the looks ask for.

    Args:
        scores: by learner, in the order of seeds; any number, also none.
        plan: laid down before the first score was seen.

    Raises:
        InputError: there are fewer than two learners, or the plan is impossible.
    """
    plan = checked_plan(Plan() if plan is None else plan)
    if not 2 <= len(scores) <= MOST_LEARNERS:
        raise InputError(
            f"a comparison needs 2 to {MOST_LEARNERS} learners, and there are "
            f"{len(scores)}; give others"
        )
    given = {name: tuple(float(x) for x in held) for name, held in scores.items()}
    names = list(given)
    pairs = tuple(
        Pair(a, b, NOT_DECIDED, 0) for a, b in itertools.combinations(names, 2)
    )
    state = Comparison(plan, dict.fromkeys(names, ()), pairs)
    while wanted := state.wanted:
        if any(len(given[name]) < places.stop for name, places in wanted.items()):
            break
        used = dict(state.scores)
        used |= {name: given[name][: places.stop] for name, places in wanted.items()}
        state = Comparison(plan, used, _judged(plan, used, state.pairs))
    return state


def checked_plan(plan: Plan) -> Plan:
    """The plan; raises `InputError` where it is impossible."""
    if wrong := problem(_PLAN, plain(plan._asdict())):
        raise InputError(f"the plan of a comparison cannot be used: {wrong}")
    if plan.group * plan.looks > MOST_SEEDS:
        raise InputError(
            f"{plan.looks} looks at {plan.group} seeds each are more than "
            f"{MOST_SEEDS:,} seeds; give fewer"
        )
    return plan


def _judged(
    plan: Plan, scores: Mapping[str, tuple[float, ...]], before: tuple[Pair, ...]
) -> tuple[Pair, ...]:
    """The pairs after a look; what was decided before stays as it is."""
    names, group = list(scores), plan.group
    looks = [len(scores[name]) // group for name in names]
    data = np.full((1, len(names), max(looks), group), math.nan)
    for row, name in enumerate(names):
        data[0, row, : looks[row]] = np.reshape(scores[name], (-1, group))
    found = decided_at(data, plan, looks)[0]
    after = []
    for pair in before:
        a, b = names.index(pair.a), names.index(pair.b)
        if pair.verdict != NOT_DECIDED:
            after.append(pair)
            continue
        known = min(looks[a], looks[b])
        verdict = NOT_DECIDED
        if found[a, b] < known:
            means = finite(data[:, (a, b), :known])[0].mean(axis=(1, 2))
            verdict = A_HIGHER if means[0] > means[1] else B_HIGHER
        after.append(pair._replace(verdict=verdict, seeds=known * group))
    return tuple(after)


def to_json(state: Comparison) -> dict[str, Any]:
    """The state as `adaptive.json` holds it, with a checksum."""
    return sealed(
        plain(
            {
                "format_version": FORMAT_VERSION,
                "plan": state.plan._asdict(),
                "scores": state.scores,
                "pairs": [pair._asdict() for pair in state.pairs],
                "finished": state.finished,
            }
        )
    )


def from_json(held: Mapping[str, Any], where: str) -> Comparison:
    """The state that a file holds; its decisions are computed again from its scores.

    Raises:
        InputError: it was changed, or is none; `where` names the file.
    """
    if wrong := problem(_FILE, dict(held)):
        raise InputError(f"{where} is damaged: {wrong}; {_REMEDY}")
    said = opened(held, where, _REMEDY)
    scores = {
        name: [math.nan if x is None else float(x) for x in kept]
        for name, kept in said["scores"].items()
    }
    return comparison(scores, Plan(**{n: said["plan"][n] for n in Plan._fields}))


def sentences(state: Comparison) -> list[str]:
    """The decisions and the seeds that they took, a line each."""
    lines = []
    for pair in state.pairs:
        if pair.verdict == NOT_DECIDED:
            lines.append(f"{pair.a}, {pair.b}: not decided after {pair.seeds} seeds")
            continue
        names = (pair.a, pair.b)
        high, low = names if pair.verdict == A_HIGHER else reversed(names)
        lines.append(f"{high} scores higher than {low} ({pair.seeds} seeds of each)")
    return lines
