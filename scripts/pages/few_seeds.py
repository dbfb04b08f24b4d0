"""How often few seeds mislead, from a hundred runs of each learner."""

import functools
import itertools
import json

import numpy as np

from pages import ROOT, words
from pages.headline import results, title
from pgvq.analysis import few_runs
from pgvq.analysis.curves import curves
from pgvq.analysis.statistics import Estimate, estimate, interquartile_mean

RUNS = (3, 5, 10)


@functools.cache
def scores() -> dict[str, np.ndarray]:
    """Final greedy scores of all finished runs, by learner, the highest first."""
    held = results("few_seeds")
    found = {}
    for variant in held.description["variants"]:
        curve = curves(held, variant, "greedy")
        found[variant["name"]] = curve.scores[curve.finished][:, -1]
    return dict(sorted(found.items(), key=lambda item: -interquartile_mean(item[1])))


@functools.cache
def orders() -> dict[tuple[str, str], dict[int, float]]:
    """The share of wrong orders of each pair, by runs."""
    return few_runs.wrong_orders(scores(), RUNS, np.random.default_rng(0))


def learners_table() -> str:
    """What all runs of each learner came to."""
    rows = []
    for name, runs in scores().items():
        all_runs = estimate(runs)
        low, high = np.quantile(runs, [0.1, 0.9])
        rows.append(
            [
                title(name),
                str(len(runs)),
                interval(all_runs),
                f"{runs.std(ddof=1):.1f}",
                f"{words.score(low)} to {words.score(high)}",
                f"{100 * np.mean(runs < 0):.0f} %",
            ]
        )
    head = ["", "seeds", "score, 95 % interval", "deviation between runs"]
    return words.table([*head, "eight runs of ten", "runs below 0"], rows)


def interval(found: Estimate) -> str:
    """An estimate with its interval."""
    return words.with_interval(float(found.value), float(found.low), float(found.high))


def pairs_table() -> str:
    """Every pair: the difference, and how often few seeds rank it wrongly."""
    true = {name: float(interquartile_mean(runs)) for name, runs in scores().items()}
    rows = [
        [
            f"{title(a)} over {title(b)}",
            f"{true[a] - true[b]:.1f}",
            *(f"{100 * share:.0f} %" for share in shares.values()),
        ]
        for (a, b), shares in orders().items()
    ]
    head = ["", "difference of all runs", *(f"{n} seeds" for n in RUNS)]
    return words.table(head, rows)


def sentences() -> str:
    """How often an order or a winner is wrong, over all pairs."""
    names = list(scores())
    neighbours = list(itertools.pairwise(names))
    lines = []
    for n in RUNS:
        all_pairs = np.mean([shares[n] for shares in orders().values()])
        beside = [orders()[pair][n] for pair in neighbours if pair in orders()]
        drawn = {
            name: few_runs.draws(runs, n, np.random.default_rng(i))
            for i, (name, runs) in enumerate(scores().items())
        }
        winner = few_runs.share_of_wrong_winners(drawn, names[0])
        lines.append(
            f"- With **{n} seeds** of each learner {100 * all_pairs:.0f} % of all "
            f"pairs are ranked the wrong way round, neighbours in the ranking in "
            f"{100 * min(beside):.0f} to {100 * max(beside):.0f} %, and in "
            f"{100 * winner:.0f} % of such experiments another learner than "
            f"{title(names[0])} comes first."
        )
    return "\n".join(lines) + "\n"


def needed_table() -> str:
    """Seeds that a difference of so many points needs."""
    path = ROOT / "results" / "benchmarks" / "few_seeds.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    most = max(found["candidates"])
    needed = found["needed"]
    points = list(next(iter(needed.values())))
    rows = [
        [
            title(name),
            *(f"more than {most}" if n is None else str(n) for n in row.values()),
        ]
        for name, row in needed.items()
    ]
    return words.table(["", *(f"{p} points" for p in points)], rows)


RUN = "pgvq run experiments/few_seeds.py"
BLOCKS = {
    f"few seeds, {name}": words.once_measured(ROOT / "results" / place, command, text)
    for name, place, command, text in (
        ("learners", "few_seeds", RUN, learners_table),
        ("pairs", "few_seeds", RUN, pairs_table),
        ("sentences", "few_seeds", RUN, sentences),
        (
            "needed",
            "benchmarks/few_seeds.json",
            f"{RUN}` and then `python benchmarks/few_seeds.py",
            needed_table,
        ),
    )
}
