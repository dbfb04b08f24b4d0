"""How fast PPO, DQN and PQN train beside rejax, the nearest JAX library, on CartPole.

    python benchmarks/against_rejax.py [--json results/benchmarks/against_rejax.json]

Makes an environment of rejax's own (`--venv FOLDER` keeps it), because rejax and pgvq
need different versions of gymnax, and installs rejax there. Both sides train the same
number of seeds with rejax's own settings for CartPole-v1, in turns, in warm processes;
compilation and evaluation are not timed. What each side does per agent step is asked of
it and compared: gradient steps, rows of each, parameters. They must be equal.

Three ways to run rejax are measured:

  rejax               as it comes, `jax.vmap(algorithm.train)`, one XLA device
  rejax, sharded      the seeds shared out over one device per core, as pgvq does
  rejax, randint      DQN alone: sharded, and its replay patched to draw its minibatches
                      with replacement, for its own way costs time in proportion to the
                      replay's size

Ratios are medians over the turns, of speeds measured right after one another. The
agent steps per second of CPU say what remains when others use the machine as well.
"""

import argparse
import importlib.metadata
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pgvq  # first: it gives JAX one device per core
from pgvq.storage.provenance import provenance
from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes

import jax  # isort: skip
from rejax_settings import ALWAYS, MATCHES, Match  # isort: skip
from turns import Speed, take_turn  # isort: skip

# rejax 0.1.3 unpacks five values from `step`, where gymnax 1 returns six; it needs
# distrax, which needs a nightly build of its own: the two that it was tried with.
PEER = (
    "rejax==0.1.3",
    "gymnax==0.0.9",
    "distrax==0.1.9",
    "tfp-nightly==0.26.0.dev20261027",
)
SAME = ("jax", "jaxlib", "flax", "optax", "chex", "numpy")  # as pgvq runs with here


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--algorithms", nargs="+", default=list(MATCHES))
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument(
        "--venv", type=Path, help="rejax's environment, made if missing"
    )
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        python = peer_python(options.venv or Path(folder))
        machine = provenance()
        print(
            f"{machine['processor']}, {pgvq.devices.describe()}, {options.seeds} seeds"
        )
        rows = []
        for name, match in MATCHES.items():
            if name in options.algorithms:
                rows += measure(name, match, python, options)
    if options.json:
        chosen = {name: vars(options)[name] for name in ("seeds", "seconds", "turns")}
        text = json.dumps({"machine": machine, **chosen, "rows": rows}, indent=2)
        options.json.write_text(text + "\n")


def peer_python(folder: Path) -> str:
    """The Python of an environment with rejax in `folder`, made where it is missing."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    same = [f"{name}=={importlib.metadata.version(name)}" for name in SAME]
    install = [python, "-m", "pip", "install", "-q", *PEER, *same]
    subprocess.run(install, check=True)
    return str(python)


class Side(NamedTuple):
    """A program that is ready to train."""

    work: dict[str, Any]
    turn: Callable[[float], Speed]


def measure(name: str, match: Match, python: str, options: Any) -> list[dict[str, Any]]:
    """All sides of one algorithm, in turns; prints and returns a row for each."""
    devices = math.gcd(options.seeds, len(jax.local_devices()))
    job = {"algorithm": name, "settings": {"env": "CartPole-v1", **match.theirs}}
    job |= {"steps": match.steps, "seeds": options.seeds, "sampling": "own"}
    jobs = {"rejax": job | {"devices": 1}}
    if devices > 1:
        jobs["rejax, sharded"] = job | {"devices": devices}
    if name == "dqn":
        jobs["rejax, randint"] = job | {"devices": devices, "sampling": "randint"}
    # All of them compile at the same time.
    processes = {side: start(python, job) for side, job in jobs.items()}
    try:
        sides = {"pgvq": our_side(match.ours, options.seeds)}
        for side, process in processes.items():
            sides[side] = their_side(side, process)
            check_same_work(name, sides["pgvq"].work, sides[side].work)
        turns: dict[str, list[Speed]] = {side: [] for side in sides}
        for _ in range(options.turns):
            for side, program in sides.items():
                turns[side].append(program.turn(options.seconds))
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    rows = [
        {"algorithm": name, "side": side, **figures(turns["pgvq"], turns[side])}
        | {"work": sides[side].work, "turns": turns[side]}
        for side in sides
    ]
    said = report(rows, match)
    return [row | {"differences": said} for row in rows]


def our_side(algorithm: Any, seeds: int) -> Side:
    """pgvq's lanes on all devices of this process."""
    programs = Lanes([Lane("", algorithm, seed) for seed in range(seeds)], 1, 100)
    progress, _ = programs.advance(programs.start(), 1)
    progress, seconds = programs.advance(progress, 10)
    count = max(1, int(10 * 0.3 / seconds))

    def train() -> int:
        nonlocal progress
        progress, _ = programs.advance(progress, count)
        return count * algorithm.steps_per_iteration * seeds

    updates, steps = algorithm.updates_per_iteration, algorithm.steps_per_iteration
    in_rollout = steps // getattr(algorithm, "num_minibatches", 1)
    params = jax.tree.leaves(progress.state.learner.params)
    versions = {name: importlib.metadata.version(name) for name in ("gymnax", *SAME)}
    work = {
        "versions": versions,
        "updates_per_step": updates / steps,
        "rows_per_update": getattr(algorithm, "batch_size", in_rollout),
        "parameters": sum(leaf[0].size for leaf in params),
        "compile_seconds": programs.compile_seconds,
    }
    return Side(work, lambda seconds: take_turn(train, seconds))


def start(python: str, job: dict[str, Any]) -> "subprocess.Popen[str]":
    """A process of rejax's environment, which begins to compile."""
    program = Path(__file__).with_name("rejax_side.py")
    return subprocess.Popen(
        [python, program, json.dumps(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def their_side(name: str, process: "subprocess.Popen[str]") -> Side:
    """That process once it is compiled, waiting for its turns."""
    assert process.stdin is not None
    assert process.stdout is not None
    asked, answers = process.stdin, process.stdout

    def answer() -> Any:
        line = answers.readline()
        if not line:
            sys.exit(f"the process of {name!r} ended; what it said stands above")
        return json.loads(line)

    def turn(seconds: float) -> Speed:
        print(seconds, file=asked, flush=True)
        return answer()

    return Side(answer(), turn)


def check_same_work(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Ends the program where the two sides would not do the same per agent step."""
    for what in ("updates_per_step", "rows_per_update", "parameters"):
        if not math.isclose(ours[what], theirs[what]):
            sys.exit(
                f"{name}: {what} is {ours[what]:g} in pgvq and {theirs[what]:g} in "
                "rejax, so their speeds do not compare; make the settings equal"
            )


def figures(ours: list[Speed], theirs: list[Speed]) -> dict[str, float]:
    """Medians over the turns, and how many times pgvq is as fast."""
    middle = {
        unit: statistics.median(turn[unit] for turn in theirs)
        for unit in ("per_second", "per_cpu_second")
    }
    ratios = {
        f"pgvq_{unit}_over_it": statistics.median(
            our[unit] / their[unit] for our, their in zip(ours, theirs, strict=True)
        )
        for unit in ("per_second", "per_cpu_second")
    }
    return middle | ratios


def report(rows: list[dict[str, Any]], match: Match) -> list[str]:
    """Prints the rows of one algorithm, and returns what differs between the sides."""
    work, theirs = rows[0]["work"], rows[1]["work"]["versions"]
    print(
        f"\n{rows[0]['algorithm']}: {work['updates_per_step']:g} updates per agent step"
        f" ({work['rows_per_update']} rows), {work['parameters']:,} parameters\n"
        f"{'':16}{'steps/s':>10}{'pgvq is':>10}{'steps/CPU s':>14}{'pgvq is':>10}"
    )
    for row in rows:
        print(
            f"{row['side']:16}{row['per_second']:10,.0f}"
            f"{row['pgvq_per_second_over_it']:9.2f}x{row['per_cpu_second']:14,.0f}"
            f"{row['pgvq_per_cpu_second_over_it']:9.2f}x",
            flush=True,
        )
    versions = {"ours": work["versions"]["gymnax"], "theirs": theirs["gymnax"]}
    said = [text.format(**versions) for text in (*ALWAYS, *match.differences)]
    print("differences:", *said, sep="\n  ")
    return said


if __name__ == "__main__":
    main()
