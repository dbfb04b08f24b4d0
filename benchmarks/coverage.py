"""How often intervals hold the true value, and how often tests see what is not there.

    python benchmarks/coverage.py [--repetitions 2000] [--json FILE]

Experiments of 5, 10, 20 and 30 runs are simulated from populations of which the truth
is known, and what `pgvq.analysis.statistics` says about them is checked against it. Ten
minutes or so on one core; `python scripts/write_pages.py` then puts the tables of
results/benchmarks/coverage.json into docs/statistics.md.
"""

import argparse
import json
import math
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pgvq.analysis.comparisons import holm
from pgvq.analysis.statistics import (
    difference,
    estimate,
    interquartile_mean,
    probability_of_improvement,
    steps_to_stay,
    time_to_stay,
)

Floats = NDArray[np.float64]
Population = Callable[[Generator, Any], Floats]

RUNS = (5, 10, 20, 30)
FEW_RUNS = (6, 7, 8, 9)
TEST_RUNS = (5, 10, 20)
TRUTH = 1_000_000  # draws that a population's true value is computed from
LEVEL = 0.05


def two_humped(lost: float) -> Population:
    """A share of the runs is lost, near -20; the others end near +15."""

    def draw(generator: Generator, shape: Any) -> Floats:
        fails = generator.random(shape) < lost
        failed, good = generator.normal(-20, 0.5, shape), generator.normal(15, 2, shape)
        return np.where(fails, failed, good)

    return draw


POPULATIONS: dict[str, Population] = {
    "normal": lambda g, shape: g.normal(10, 3, shape),
    "skewed to the right (lognormal)": lambda g, shape: g.lognormal(0, 1, shape),
    "skewed to the left (below a maximum)": lambda g, s: 21 - g.exponential(3, s),
    "two-humped (30 % lost)": two_humped(0.3),
}
NORMAL, RIGHT, LEFT, HUMPED = POPULATIONS
# Not looked at when the intervals were calibrated.
OTHERS: dict[str, Population] = {
    "two-humped (15 % lost)": two_humped(0.15),
    "two-humped (50 % lost)": two_humped(0.5),
    "heavy tails (Student, 3)": lambda g, shape: g.standard_t(3, shape),
    "uniform": lambda g, shape: g.random(shape),
}
ALL = POPULATIONS | OTHERS
PAIRS = [(name, name) for name in POPULATIONS] + [
    (NORMAL, RIGHT), (NORMAL, LEFT), (NORMAL, HUMPED)
]  # fmt: skip
# How far A is above B, in the unit of B's population.
SHIFTS = {NORMAL: 3.0, RIGHT: 1.5, LEFT: 3.0, HUMPED: 3.0}
CURVES = {
    "all learn": 0.0,
    "learn at very different times": 15.0,
    "30 % never learn": 0.0,
    "end near the threshold": 14.0,
}
STEPS = np.linspace(0, 1, 21)


def learning(kind: str, generator: Generator, runs: int) -> Floats:
    """Noisy learning curves `[S, P]` from -20.5 to the level of each run, in points."""
    start = generator.normal(0.4, 0.1, runs)
    level = generator.normal(18, 2, runs)
    if kind == "learn at very different times":
        start = 0.15 + generator.lognormal(-1.6, 0.7, runs)
        level = 21 - generator.exponential(2, runs)
    elif kind == "30 % never learn":
        start = start + np.where(generator.random(runs) < 0.3, 5.0, 0.0)
    elif kind == "end near the threshold":
        start, level = start + 0.1, generator.normal(15, 3, runs)
    rise = 1 / (1 + np.exp(-(STEPS - start[:, None]) / 0.05))
    noise = generator.normal(0, 1.5, (runs, len(STEPS)))
    return np.clip(-20.5 + (level[:, None] + 20.5) * rise + noise, -21, 21)


@cache
def true_mean(name: str) -> float:
    """The population's own interquartile mean."""
    draws = ALL[name](np.random.default_rng(1), TRUTH)
    return float(interquartile_mean(draws))


@cache
def true_probability(a: str, b: str, shift: float) -> float:
    """That a draw of A, moved by `shift`, is above one of B; the two never tie."""
    ours = ALL[a](np.random.default_rng(2), TRUTH) + shift
    theirs = np.sort(ALL[b](np.random.default_rng(3), TRUTH))
    return float(np.searchsorted(theirs, ours).mean() / TRUTH)


@cache
def true_time(kind: str) -> float:
    """Where the interquartile mean of 200,000 runs crosses the threshold for good."""
    curves = learning(kind, np.random.default_rng(4), 200_000)
    return float(
        steps_to_stay(STEPS, interquartile_mean(curves)[None], CURVES[kind])[0]
    )


def mean(name: str, runs: int, repetitions: int) -> float:
    """How often the interval of the interquartile mean holds it."""
    generator = seeded("mean", name, runs)
    found = estimate(ALL[name](generator, (runs, repetitions)))
    return held(found.low, true_mean(name), found.high)


def gap(a: str, b: str, runs: int, repetitions: int) -> float:
    """How often the interval of the difference of two means holds it."""
    generator, truth = seeded("gap", a, b, runs), true_mean(a) - true_mean(b)
    found = [
        difference(ALL[a](generator, runs), ALL[b](generator, runs))
        for _ in range(repetitions)
    ]
    return held([f.low for f in found], truth, [f.high for f in found])


def probability(a: str, b: str, shift: float, runs: int, repetitions: int) -> float:
    """How often the interval of the probability of improvement holds it."""
    generator = seeded("probability", a, b, shift, runs)
    found = [
        probability_of_improvement(
            ALL[a](generator, runs) + shift, ALL[b](generator, runs)
        )
        for _ in range(repetitions)
    ]
    truth = true_probability(a, b, shift)
    return held([f.low for f in found], truth, [f.high for f in found])


def time(kind: str, runs: int, repetitions: int) -> float:
    """How often the interval of the time to a threshold holds it."""
    generator, truth = seeded("time", kind, runs), true_time(kind)
    found = [
        time_to_stay(STEPS, learning(kind, generator, runs), CURVES[kind])
        for _ in range(repetitions)
    ]
    return held([f.low for f in found], truth, [f.high for f in found])


def false_differences(
    names: tuple[str, str, str], runs: int, repetitions: int
) -> float:
    """How often Holm sees any difference among three methods whose means are equal."""
    generator = seeded("false differences", *names, runs)
    seen = 0
    for _ in range(repetitions):
        methods = [ALL[name](generator, runs) - true_mean(name) for name in names]
        pairs = [(0, 1), (0, 2), (1, 2)]
        tests = [difference(methods[i], methods[j]).p_different for i, j in pairs]
        seen += bool(np.any(holm(tests) < LEVEL))
    return seen / repetitions


def false_equality(name: str, runs: int, repetitions: int) -> float:
    """How often two methods that are exactly a margin apart are shown to be equal.

    The margin is 3 standard errors of the difference, so that equality can be shown.
    """
    generator = seeded("false equality", name, runs)
    sample = ALL[name](np.random.default_rng(5), (runs, 2000))
    margin = 3 * math.sqrt(2) * float(interquartile_mean(sample).std())
    found = [
        difference(
            ALL[name](generator, runs) + margin, ALL[name](generator, runs), margin
        ).p_apart
        for _ in range(repetitions)
    ]
    return float(np.mean(np.less(found, LEVEL)))


def held(low: Any, truth: float, high: Any) -> float:
    """The share of intervals that hold the truth; no interval holds nothing."""
    return float(np.mean((np.asarray(low) <= truth) & (truth <= np.asarray(high))))


def seeded(*cell: Any) -> Generator:
    """A generator of its own for each cell of the tables."""
    return np.random.default_rng(zlib.crc32(repr(cell).encode()))


def cells() -> list[tuple[str, str, int, Callable[[int], float]]]:
    """All that is simulated: table, row, runs, and what measures it."""
    found: list[tuple[str, str, int, Callable[[int], float]]] = []

    def add(
        table: str, row: str, counts: tuple[int, ...], what: Any, *args: Any
    ) -> None:
        found.extend((table, row, n, partial(what, *args, n)) for n in counts)

    for name in ALL:
        add("mean", name, RUNS, mean, name)
    for name in POPULATIONS:
        add("few runs", name, FEW_RUNS, mean, name)
    for a, b in PAIRS:
        add("difference", f"{a} and {'the same' if a == b else b}", RUNS, gap, a, b)
    for name in POPULATIONS:
        for shift in (0.0, SHIFTS[name], 2.5 * SHIFTS[name]):
            chance = f"{true_probability(name, name, shift):.2f}"
            row = f"{name}, true value {chance}"
            add("probability", row, RUNS, probability, name, name, shift)
    chance = f"{true_probability(NORMAL, HUMPED, 0.0):.2f}"
    row = f"{NORMAL} over {HUMPED}, true value {chance}"
    add("probability", row, RUNS, probability, NORMAL, HUMPED, 0.0)
    for kind in CURVES:
        add("time", kind, RUNS, time, kind)
    for name in POPULATIONS:
        three = (name, name, name)
        add("false differences", name, TEST_RUNS, false_differences, three)
    mixed = (NORMAL, LEFT, HUMPED)
    add("false differences", " / ".join(mixed), TEST_RUNS, false_differences, mixed)
    for name in POPULATIONS:
        add("false equality", name, TEST_RUNS, false_equality, name)
    return found


def measured_cell(
    cell: tuple[str, str, int, Callable[[int], float]], times: int
) -> dict[str, Any]:
    table, row, runs, what = cell
    return {"table": table, "row": row, "runs": runs, "share": round(what(times), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", default="", help="a table's name")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    wanted = [cell for cell in cells() if cell[0].startswith(options.only)]
    rows = []
    with ProcessPoolExecutor(options.processes) as pool:
        work = partial(measured_cell, times=options.repetitions)
        for row in pool.map(work, wanted):
            rows.append(json.dumps(row))
            print(rows[-1], flush=True)
    if options.json:
        head = f'{{"repetitions": {options.repetitions}, "cells": [\n  '
        options.json.write_text(head + ",\n  ".join(rows) + "\n]}\n")


if __name__ == "__main__":
    main()
