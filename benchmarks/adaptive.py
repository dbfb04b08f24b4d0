"""How often `--seeds auto` errs, and how many runs it saves: simulated comparisons.

    python benchmarks/adaptive.py [--comparisons 1000] [--json F] [--page F]

Scores are drawn from populations of standard deviation 1: normal, skewed (exponential)
and two-humped (seven runs of ten learn, three do not). **Error**: how often any pair of
equal learners is decided. **Runs**: how many seeds a learner gets on average, beside a
fixed design of equal power: the least n at which all true differences are found as
often, by the better of a permutation test of means and the Mann-Whitney test, each with
Holm's correction over pairs. Powers over 0.999 count as 0.999, because a few thousand
simulated comparisons do not tell them apart.

Differences are those of the committed results: between neighbours among the three
learners of `results/pong` 1.3 and 1.8 standard deviations.
"""

import argparse
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.stats import mannwhitneyu

from pgvq.analysis.sequential_test import Plan, decided_at

ROOT = Path(__file__).parents[1]
JSON = ROOT / "results" / "benchmarks" / "adaptive.json"
PAGE = ROOT / "docs" / "seeds.md"
BEGIN, END = "<!-- adaptive -->", "<!-- end of adaptive -->"

PLAN = Plan(permutations=999)
AT_ONCE = 50  # comparisons that share their permutations
MOST_POWER = 0.999
MOST_FIXED = 80  # seeds of a learner


def normal(generator: Generator, shape: Sequence[int]) -> np.ndarray:
    """Scores around 0."""
    return generator.normal(size=shape)


def skewed(generator: Generator, shape: Sequence[int]) -> np.ndarray:
    """Most a little below 0, some far above."""
    return generator.exponential(size=shape) - 1


def two_humped(generator: Generator, shape: Sequence[int]) -> np.ndarray:
    """Seven of ten around one value, three around a lower one."""
    learns = generator.random(shape) < 0.7
    mixed = np.where(learns, 0.6, -1.4) + 0.3 * generator.normal(size=shape)
    return mixed / np.sqrt(0.84 + 0.09)


POPULATIONS: dict[str, Callable[[Generator, Sequence[int]], np.ndarray]] = {
    "normal": normal,
    "skewed": skewed,
    "two-humped": two_humped,
}
EQUAL = {"2": [0, 0], "3": [0, 0, 0], "5": [0] * 5}
PARTLY = {"2 of 3": [0, 0, 1.8], "2 and 2 of 5": [0, 0, 1.8, 1.8, 3.6]}
APART = {
    "2, by 1.0": [0, 1.0],
    "2, by 1.3": [0, 1.3],
    "2, by 1.8": [0, 1.8],
    "2, by 3.0": [0, 3.0],
    "3, as in results/pong": [0, 1.8, 3.1],
    "5, by 1.3 each": [0, 1.3, 2.6, 3.9, 5.2],
}


def decisions(
    means: Sequence[float],
    kind: str,
    count: int,
    seed: int,
    spread: Sequence[float] = (),
) -> np.ndarray:
    """The look at which each pair is decided, `[R, L, L]`, of so many comparisons."""
    generator = np.random.default_rng(seed)
    scale = np.asarray(spread or [1.0] * len(means))[:, None, None]
    found = []
    for number, start in enumerate(range(0, count, AT_ONCE)):
        shape = (min(AT_ONCE, count - start), len(means), PLAN.looks, PLAN.group)
        drawn = POPULATIONS[kind](generator, shape) * scale
        scores = drawn + np.asarray(means, float)[:, None, None]
        found.append(decided_at(scores, PLAN._replace(seed=number)))
    return np.concatenate(found)


def pairs_of(means: Sequence[float]) -> tuple[list[Any], list[Any]]:
    """The pairs of equal learners, and those of different ones."""
    pairs = list(itertools.combinations(range(len(means)), 2))
    equal = [(a, b) for a, b in pairs if means[a] == means[b]]
    return equal, [pair for pair in pairs if pair not in equal]


def error_of(means: Sequence[float], looks: np.ndarray) -> float:
    """How often any pair of equal learners is decided."""
    equal, _ = pairs_of(means)
    wrong = np.any([looks[:, a, b] < PLAN.looks for a, b in equal], axis=0)
    return float(np.mean(wrong))


def power_of(means: Sequence[float], looks: np.ndarray) -> float:
    """How often all pairs of different learners are decided."""
    _, apart = pairs_of(means)
    return float(np.mean(np.all([looks[:, a, b] < PLAN.looks for a, b in apart], 0)))


def seeds_of(looks: np.ndarray) -> float:
    """Seeds of a learner on average: until its last pair is decided, or the cap."""
    last = np.where(np.eye(looks.shape[1], dtype=bool), -1, looks).max(axis=2)
    return float(np.mean(np.minimum(last + 1, PLAN.looks)) * PLAN.group)


def fixed_design(
    means: Sequence[float], kind: str, power: float, count: int = 4_000
) -> tuple[int | None, str]:
    """The least n of a fixed design with this power, and the test that has it."""
    wanted = min(power, MOST_POWER)

    def enough(seeds: int) -> str:
        powers = {
            name: fixed_power(means, kind, seeds, test, count)
            for name, test in TESTS.items()
        }
        best = max(powers, key=lambda name: powers[name])
        return best if powers[best] >= wanted else ""

    # In steps of four, and then back one by one.
    coarse = next((n for n in range(6, MOST_FIXED + 1, 4) if enough(n)), None)
    if coarse is None:
        return None, ""
    least = next(n for n in range(coarse - 3, coarse + 1) if enough(n))
    return least, enough(least)


def fixed_power(
    means: Sequence[float], kind: str, seeds: int, test: Any, count: int
) -> float:
    """How often a fixed design finds all true differences."""
    generator = np.random.default_rng(seeds)
    drawn = POPULATIONS[kind](generator, (count, len(means), seeds))
    scores = drawn + np.asarray(means, float)[:, None]
    pairs = list(itertools.combinations(range(len(means)), 2))
    p = np.stack([test(scores[:, a], scores[:, b], generator) for a, b in pairs], 1)
    order = np.argsort(p, axis=1)
    limits = PLAN.alpha / np.arange(len(pairs), 0, -1)
    passed = np.cumprod(np.take_along_axis(p, order, 1) <= limits, axis=1)
    rejected = np.zeros_like(p)
    np.put_along_axis(rejected, order, passed, 1)
    apart = [pairs.index(pair) for pair in pairs_of(means)[1]]
    return float(np.mean(rejected[:, apart].all(axis=1)))


def permutation_p(a: np.ndarray, b: np.ndarray, generator: Generator) -> np.ndarray:
    """p-values `[R]` of the difference of means, from 1,999 permutations."""
    both, n = np.concatenate([a, b], axis=1), a.shape[1]
    labels = np.tile(np.repeat([1.0, -1.0], n), (2_000, 1))
    labels[1:] = generator.permuted(labels[1:], axis=1)
    values = np.abs(both @ labels.T)
    return np.mean(values >= values[:, :1] - 1e-9, axis=1)


def rank_p(a: np.ndarray, b: np.ndarray, _: Generator) -> np.ndarray:
    """p-values `[R]` of the Mann-Whitney test, exact up to 20 seeds."""
    method = "exact" if a.shape[1] <= 20 else "asymptotic"
    return mannwhitneyu(a, b, axis=1, method=method).pvalue


TESTS = {"means": permutation_p, "ranks": rank_p}


def measure(comparisons: int) -> dict[str, Any]:
    """All cells."""
    errors, runs = [], []
    for kind in POPULATIONS:
        for name, means in (EQUAL | PARTLY).items():
            looks = decisions(means, kind, comparisons, 1)
            errors.append(
                {"population": kind, "learners": name, "error": error_of(means, looks)}
            )
            print(errors[-1], flush=True)
        for name, means in (APART | PARTLY).items():
            looks = decisions(means, kind, comparisons, 2)
            power = power_of(means, looks)
            fixed, test = fixed_design(means, kind, power)
            runs.append(
                {
                    "population": kind,
                    "learners": name,
                    "power": power,
                    "seeds": seeds_of(looks),
                    "fixed": fixed,
                    "test": test,
                    "share": None if fixed is None else seeds_of(looks) / fixed,
                }
            )
            print(runs[-1], flush=True)
    for spread in ([1, 3], [1, 1, 4]):
        means = [0.0] * len(spread)
        looks = decisions(means, "normal", comparisons, 3, spread)
        name = f"{len(spread)}, standard deviations {', '.join(map(str, spread))}"
        row = {"population": "normal", "learners": name}
        errors.append(row | {"error": error_of(means, looks)})
    return {
        "comparisons": comparisons,
        "plan": PLAN._asdict(),
        "errors": errors,
        "runs": runs,
    }


def page_part(found: dict[str, Any]) -> str:
    """The tables of docs/seeds.md, and which cells miss what was asked for."""
    count = found["comparisons"]
    lines = [f"Errors, from {count:,} simulated comparisons each (per cent):", ""]
    names = list(dict.fromkeys(row["learners"] for row in found["errors"]))
    by_cell = {
        (row["learners"], row["population"]): row["error"] for row in found["errors"]
    }
    lines += [f"| equal learners | {' | '.join(POPULATIONS)} |", "|---|---|---|---|"]
    for name in names:
        cells = [by_cell.get((name, kind)) for kind in POPULATIONS]
        said = ["" if cell is None else f"{100 * cell:.1f}" for cell in cells]
        lines.append(f"| {name} | {' | '.join(said)} |")
    lines += [
        "",
        "Seeds of a learner on average, and those of a fixed design of equal power:",
        "",
        "| learners | population | power | seeds | fixed design | share |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(found["runs"], key=lambda row: names_first(row["learners"])):
        fixed = "over 80" if row["fixed"] is None else f"{row['fixed']} ({row['test']})"
        share = "" if row["share"] is None else f"{row['share']:.0%}"
        lines.append(
            f"| {row['learners']} | {row['population']} | {row['power']:.3f} | "
            f"{row['seeds']:.1f} | {fixed} | {share} |"
        )
    return "\n".join([*lines, "", *missed(found)])


def names_first(name: str) -> int:
    """Where a cell of runs stands in the table."""
    return list(APART | PARTLY).index(name)


def missed(found: dict[str, Any]) -> list[str]:
    """A sentence on the cells with more than 5 % of error or 60 % of the runs."""
    chance = 2 * (0.05 * 0.95 / found["comparisons"]) ** 0.5
    wrong = [
        f"{row['learners']} ({row['population']}, {row['error']:.1%})"
        for row in found["errors"]
        if row["error"] > 0.05 + chance
    ]
    many = [
        f"{row['learners']} ({row['population']}, {row['share']:.0%})"
        for row in found["runs"]
        if row["share"] is not None and row["share"] > 0.6
    ]
    above = f"Errors above 5 % by more than chance allows ({chance:.1%})"
    return [
        f"{above}: {'; '.join(wrong) or 'none'}.",
        "",
        f"More than 60 % of the fixed design's runs: {'; '.join(many) or 'none'}.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=1_000)
    parser.add_argument("--json", type=Path, default=JSON)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--only-page", action="store_true", help="from the JSON file")
    options = parser.parse_args()
    if options.only_page:
        found = json.loads(options.json.read_text())
    else:
        found = measure(options.comparisons)
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    text = options.page.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    options.page.write_text(f"{head}{BEGIN}\n{page_part(found)}\n{END}{tail}")


if __name__ == "__main__":
    main()
