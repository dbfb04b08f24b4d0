"""Running an experiment: which lanes are missing, in which batches, what is kept.

The tables hold what is done, and a run computes what they lack: lanes that a checkpoint
holds go on from there, the others start. Tables are written before the checkpoint of
the same point, so whatever moment a run is killed at, the next one goes on from the
checkpoint, drops rows beyond it and writes them again, equal. Rows that should stand
before a checkpoint and do not, because somebody deleted a table, make it useless.
"""

import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgvq import checkpoints, devices, results
from pgvq.batch_run import BatchRun, Stopped
from pgvq.debugging import check_precision
from pgvq.differences import completed, differences
from pgvq.experiment import Experiment
from pgvq.lane import Evaluation, Lane
from pgvq.locking import locked
from pgvq.paths import as_path
from pgvq.progress import Reporter
from pgvq.results import Results
from pgvq.types import InputError

MAX_LANES = 256  # per program; more would only cost memory

Tables = dict[str, dict[str, pd.DataFrame]]  # by variant and table name


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after everything was saved; the message says how to go on."""

    def __init__(self, message: str, partial: Results) -> None:
        super().__init__(message)
        self.results = partial


def run(
    experiment: Experiment,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    *,
    fresh: bool = False,
    source: dict[str, Any] | None = None,
) -> Results:
    """Trains what is missing and returns the results.

    Args:
        experiment: what to compare.
        out: the results folder, made or continued; None keeps everything in memory.
        reporter: told of progress; None is silent.
        fresh: delete the results folder first.
        source: kept in a new folder's `experiment.json`: how to make the experiment
            again.

    Raises:
        InputError: the folder is not writable, not a results folder, in use by another
            process, or holds an experiment of another configuration.
        Interrupted: Ctrl-C; what was trained is saved.
    """
    devices.wanted_devices()
    check_precision()
    if out is None:
        return Run(experiment, None, reporter).finish()
    folder = as_path(out, "out")
    results.check_place(folder)
    with locked(folder):
        if fresh:
            results.delete(folder)
        return Run(experiment, folder, reporter, source).finish()


def train(
    algorithm: Any,
    *,
    steps: float,
    seeds: int = 5,
    evaluations: int = 20,
    games: int = 10,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Results:
    """Trains one algorithm with several seeds: the short form of `run`.

    Args:
        algorithm: such as `DQN()`.
        steps: budget of each seed, agent steps.
        seeds: how many; seeds 0 .. seeds - 1.
        evaluations: points at which it is evaluated, after the one before learning.
        games: complete games per seed, point and mode.
        out: results folder; None keeps everything in memory.
        reporter: told of progress; None is silent.
    """
    experiment = Experiment(
        name="train" if out is None else _name(out),
        algorithms=[algorithm],
        steps=steps,
        seeds=seeds,
        evaluations=evaluations,
        games=games,
    )
    return run(experiment, out, reporter)


def _name(out: Any) -> str:
    """An experiment's name from that of its folder, which may have any."""
    name = os.path.basename(os.path.abspath(as_path(out, "out")))
    return re.sub(r"[^\w .,=+@()\[\]-]", "-", name).lstrip(" .,=+@()[]-") or "train"


class Run:
    """One call of `run`: the tables, and what they lack."""

    def __init__(
        self,
        experiment: Experiment,
        folder: Path | None,
        reporter: Reporter | None,
        source: dict[str, Any] | None = None,
    ) -> None:
        self.experiment = experiment
        self.folder = folder
        self.reporter = reporter or Reporter()
        self.description = experiment.describe()
        self.tables: Tables = {
            name: {table: results.empty_table(table) for table in results.TABLES}
            for name in experiment.variants
        }
        self.sessions: dict[str, list[dict[str, Any]]] = {}
        # Agent steps at which a lane of each variant is evaluated, ascending.
        self.marks = {
            name: [
                experiment.steps_at(algorithm, iteration)
                for iteration in experiment.points(algorithm)
            ]
            for name, algorithm in experiment.variants.items()
        }
        if folder is not None:
            self._open(folder, source)

    def finish(self) -> Results:
        """Trains all that is missing."""
        with _interruptible() as interrupted:
            batches, missing = self._plan()
            done = self.experiment.seeds * len(self.tables) - missing
            self.reporter.planned(self.experiment, done, [b[0] for b in batches])
            for lanes, saved in batches:
                try:
                    BatchRun(self, lanes, saved, interrupted).finish()
                except Stopped:
                    raise Interrupted(self._farewell(), self.assembled()) from None
        return self.assembled()

    def _open(self, folder: Path, source: dict[str, Any] | None) -> None:
        """Reads what the folder holds, or makes it."""
        if not (folder / "experiment.json").exists():
            made = self.description | ({"source": source} if source else {})
            self.description = results.create(folder, made)
            return
        held = results.read_description(folder)
        held = completed(held, self.experiment.variants)
        changes = differences(held, self.description)
        if changes:
            raise InputError(
                f"{folder} holds this experiment with another configuration "
                f"({'; '.join(changes[:4])}{'; ...' if len(changes) > 4 else ''}); use "
                "--fresh to delete it and start anew, or --out for another folder"
            )
        self.description = held
        for name, tables in self.tables.items():
            for table in tables:
                tables[table] = results.read_table(folder, name, table)

    def _plan(self) -> tuple[list[tuple[list[Lane], checkpoints.Batch | None]], int]:
        """Batches to train, resumed ones first, and the number of missing lanes."""
        missing = [
            (name, seed)
            for name in self.tables
            for seed in range(self.experiment.seeds)
            if not self._is_done(name, seed)
        ]
        plan: list[tuple[list[Lane], checkpoints.Batch | None]] = []
        left = set(missing)
        for batch in checkpoints.saved_batches(self.folder) if self.folder else []:
            # A batch goes on as a whole: its lanes were compiled into one program.
            # Lanes of it that are done already are computed once more, and equal.
            if left.intersection(batch.lanes) and self._can_go_on(batch):
                plan += [(self.experiment.batches(batch.lanes)[0], batch)]
                left.difference_update(batch.lanes)
        for lanes in self.experiment.batches(lane for lane in missing if lane in left):
            for start in range(0, len(lanes), MAX_LANES):
                plan.append((lanes[start : start + MAX_LANES], None))
        order = list(self.tables)
        plan.sort(key=lambda item: order.index(item[0][0].variant))
        return plan, len(missing)

    def _is_done(self, name: str, seed: int) -> bool:
        return self._has_rows(name, seed, self.marks[name])

    def _can_go_on(self, batch: checkpoints.Batch) -> bool:
        """Whether the tables hold all that the batch found before its checkpoint."""
        position = batch.position()
        known = all(name in self.tables for name, _ in batch.lanes)
        if position is None or not known:
            return False
        name = batch.lanes[0][0]
        algorithm = self.experiment.variants[name]
        steps = self.experiment.steps_at(algorithm, position.iteration)
        behind = [mark for mark in self.marks[name] if mark <= steps]
        return all(self._has_rows(name, seed, behind) for name, seed in batch.lanes)

    def _has_rows(self, name: str, seed: int, marks: list[int]) -> bool:
        """Whether every table has rows of a seed at all these agent steps."""
        return all(
            set(marks) <= set(table.loc[table.seed == seed, "agent_steps"])
            for table in self.tables[name].values()
        )

    def record(
        self,
        lanes: list[Lane],
        where: dict[str, Any],
        evaluation: Evaluation,
        metrics: dict[str, np.ndarray],
    ) -> None:
        """Adds the rows of one evaluation point, `where` says which, to the tables."""
        for number, lane in enumerate(lanes):
            point = {"seed": lane.seed} | where
            played = [
                pd.DataFrame(
                    point
                    | {
                        "mode": mode,
                        "game": np.arange(len(games.score[number])),
                        "score": games.score[number],
                        "length": games.length[number],
                        "truncated": games.truncated[number],
                    }
                )
                for mode, games in evaluation.games.items()
            ]
            known = {name: values[number] for name, values in metrics.items()}
            trained = pd.DataFrame(
                [point | {"diverged": evaluation.diverged[number]} | known]
            )
            self._append(lane.variant, "evaluations", pd.concat(played))
            self._append(lane.variant, "training", trained)
        self.reporter.evaluated(lanes, where["agent_steps"], evaluation)

    def _append(self, variant: str, table: str, rows: pd.DataFrame) -> None:
        held = self.tables[variant][table]
        self.tables[variant][table] = pd.concat([held, rows]) if len(held) else rows

    def drop(self, lanes: list[Lane], steps: int) -> None:
        """Removes rows of these lanes beyond so many agent steps."""
        for lane in lanes:
            for name, table in self.tables[lane.variant].items():
                beyond = (table.seed == lane.seed) & (table.agent_steps > steps)
                self.tables[lane.variant][name] = table.loc[~beyond]

    def write(self, lanes: list[Lane], session: dict[str, Any]) -> None:
        """Puts the tables of these lanes' variants and the session on record."""
        for variant in dict.fromkeys(lane.variant for lane in lanes):
            if self.folder is None:
                others = self.sessions.get(variant, [])
                kept = [s for s in others if s["started"] != session["started"]]
                self.sessions[variant] = [*kept, dict(session)]
                continue
            for name, table in self.tables[variant].items():
                results.write_table(self.folder, variant, name, table)
            seeds = [lane.seed for lane in lanes if lane.variant == variant]
            results.add_session(self.folder, variant, session | {"seeds": seeds})

    def _farewell(self) -> str:
        if self.folder is None:
            return "stopped; no results folder was given, so nothing is on disk"
        return f"stopped; {self.folder} holds all, and the same command goes on there"

    def assembled(self) -> Results:
        """All that is known by now."""
        if self.folder is not None:
            return results.load(self.folder)
        return results.assemble(self.description, self.tables, self.sessions)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turns the first Ctrl-C into an event; a second one interrupts at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def on_interrupt(*_: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
