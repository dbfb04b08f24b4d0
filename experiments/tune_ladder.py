"""The same effort for each rung of the ladder: its learning rate and its like.

Run it with `pgvq tune experiments/tune_ladder.py --out results/tuning/ladder`; then
`pgvq run experiments/ladder.py --only tuned`.
"""

import dataclasses
from typing import Any

from ladder import LADDER, NUISANCE  # the file beside this one
from pgvq.tuning import Tuning

# One range for all rungs, whatever their class declares.
RANGES: dict[str, Any] = {
    "learning_rate": (2e-4, 5e-2, "log"),
    "discount": (0.9, 0.999, "horizon"),
    "entropy_coef": (1e-4, 0.1, "log"),
    "exploration_fraction": (0.05, 0.8),
}
assert set(RANGES) == set(NUISANCE)


def searched(algorithm: Any) -> dict[str, Any]:
    """Ranges of the nuisance settings that an algorithm has, and no others."""
    fields = dataclasses.fields(algorithm)
    own = {f.name: RANGES[f.name] for f in fields if f.name in RANGES}
    declared = [f.name for f in fields if "search" in f.metadata]
    return dict.fromkeys(declared) | own


tuning = Tuning(
    name="ladder",
    title="Each rung of the ladder, tuned with the same effort",
    learners=LADDER.algorithms,
    search={name: searched(a) for name, a in LADDER.algorithms.items()},
    steps=1e6,
    trials=24,
    seeds=range(1_000_000, 1_000_002),  # a result's seeds begin with 0
    finalists=4,
    final_seeds=range(1_001_000, 1_001_005),
    structures=1,
)
