"""What tuning costs beside a plain sweep over the same configurations and seeds.

    python benchmarks/tuning_speed.py [--algorithm ppo] [--trials 256] [--seeds 3]
                                      [--steps 16384] [--turns 3] [--json FILE]

Each turn tunes one algorithm on Pong, then trains what was proposed once more as the
variants of an experiment, in memory both times. Given are:

  compilations   programs that were compiled: at most 3 are aimed at for tuning
  training       agent steps of all lanes per second of training, without compilation
  whole          the same by the wall-clock, without compilation: proposals, ledger,
                 starts and games included (an experiment also plays before learning,
                 so this favours tuning a little)

and their ratios, tuning over sweep, of which at least 0.90 is aimed at for `training`.
A ratio is the median of those within one turn, because the machine may be busy with
other things: trust the ratios.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import pgvq  # first: it gives JAX one device per core
from pgvq.algorithms import ALGORITHMS
from pgvq.experiments.definition import Experiment
from pgvq.running.progress import Reporter
from pgvq.storage.provenance import provenance
from pgvq.training.lanes import Lanes
from pgvq.tuning import Tuning, tune, tuned


class Counter(Reporter):
    """Agent steps and seconds of training, of all lanes."""

    def __init__(self) -> None:
        self.steps, self.seconds = 0, 0.0

    def advanced(
        self, done_steps: int, lane_steps: int, seconds: float, compile_seconds: float
    ) -> None:
        self.steps += lane_steps
        self.seconds += seconds


class Compilations:
    """Counts programs that are compiled, and the seconds that takes, from here on."""

    def __init__(self) -> None:
        self.number, self.seconds = 0, 0.0
        self._compile = Lanes.compile
        Lanes.compile = self._counted(self._compile)

    def _counted(self, compile_lanes: Any) -> Any:
        def counted(lanes: Lanes) -> None:
            if not lanes._programs:
                began = time.perf_counter()
                compile_lanes(lanes)
                self.number += 1
                self.seconds += time.perf_counter() - began

        return counted

    def stop(self) -> None:
        Lanes.compile = self._compile


def measured(work: Any) -> tuple[dict[str, float], Any]:
    """What a piece of work takes, and what it returns."""
    counter, compilations = Counter(), Compilations()
    began = time.perf_counter()
    try:
        found = work(counter)
    finally:
        compilations.stop()
    wall = time.perf_counter() - began - compilations.seconds
    return {
        "compilations": compilations.number,
        "compile_seconds": compilations.seconds,
        "training": counter.steps / counter.seconds,
        "whole": counter.steps / wall,
    }, found


def turn(asked: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Tuning, then the sweep over what it proposed."""
    base = ALGORITHMS[asked.algorithm]()
    shared = {"steps": asked.steps, "evaluations": 1, "games": 1, "max_game_steps": 200}
    tuning = Tuning(
        name="speed",
        learners={asked.algorithm: base},
        trials=asked.trials,
        seeds=range(asked.seeds),
        finalists=0,
        round_size=asked.round_size,
        sampler=asked.sampler,
        **shared,
    )
    ours, outcome = measured(lambda reporter: tune(tuning, None, reporter))
    texts = outcome.ledger.drop_duplicates("trial").configuration
    variants = {
        f"trial {number}": tuned(base, json.loads(text))
        for number, text in enumerate(texts)
    }
    experiment = Experiment(
        name="speed", algorithms=variants, seeds=asked.seeds, **shared
    )
    plain, _ = measured(lambda reporter: pgvq.run(experiment, None, reporter))
    ratios = {what: ours[what] / plain[what] for what in ("training", "whole")}
    return {"tuning": ours, "sweep": plain, "ratio": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="ppo")
    parser.add_argument("--trials", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=float, default=16384)
    parser.add_argument("--round-size", type=int, default=8)
    parser.add_argument("--sampler", default="auto")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    turns = []
    for number in range(asked.turns):
        turns.append(found := turn(asked))
        for name, one in found.items():
            parts = ", ".join(f"{what} {value:,.2f}" for what, value in one.items())
            print(f"turn {number + 1}, {name}: {parts}", flush=True)
    for what in ("training", "whole"):
        ratio = statistics.median(one["ratio"][what] for one in turns)
        mark = " !" if what == "training" and ratio < 0.9 else ""
        print(f"{what}: tuning has {ratio:.2f} of the sweep's agent steps/s{mark}")
    most = max(one["tuning"]["compilations"] for one in turns)
    print(f"compilations: {most:.0f}{' !' if most > 3 else ''}")
    if asked.json:
        held = {"asked": {k: str(v) for k, v in vars(asked).items()}, "turns": turns}
        asked.json.write_text(json.dumps(held | {"made_by": provenance()}, indent=1))


if __name__ == "__main__":
    main()
