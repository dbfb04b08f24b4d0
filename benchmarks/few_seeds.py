"""How many seeds a difference needs, for runs that are spread as each learner's are.

    python benchmarks/few_seeds.py [--repeats 500] [--json FILE]

From the hundred runs of each learner in `results/few_seeds` (two minutes on one core).
`docs/few_seeds.md` has the table; `python scripts/write_pages.py` puts it there.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from pgvq.analysis.curves import curves
from pgvq.analysis.few_runs import runs_needed
from pgvq.results.store import load

ROOT = Path(__file__).resolve().parents[1]
APART = (1.0, 2.0, 5.0)  # points
CANDIDATES = (5, 7, 10, 15, 20, 30, 50)


def main() -> None:
    """Measures, prints a line per learner and difference, and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument(
        "--json", type=Path, default=ROOT / "results" / "benchmarks" / "few_seeds.json"
    )
    asked = parser.parse_args()
    results = load(ROOT / "results" / "few_seeds")
    needed: dict[str, dict[str, int | None]] = {}
    for number, variant in enumerate(results.description["variants"]):
        found = curves(results, variant, "greedy")
        scores = found.scores[found.finished][:, -1]
        row = needed[variant["name"]] = {}
        for apart in APART:
            row[f"{apart:g}"] = runs_needed(
                scores,
                apart,
                np.random.default_rng([number, int(apart)]),
                candidates=CANDIDATES,
                repeats=asked.repeats,
            )
            print(f"{variant['name']}: {apart:g} points, {row[f'{apart:g}']} seeds")
    made = {"repeats": asked.repeats, "candidates": CANDIDATES, "needed": needed}
    asked.json.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
