"""A session: an experiment and its folder while it trains.

A lane is done when its tables are complete and its last checkpoint is there, and a run
computes what is missing: lanes that a checkpoint holds go on from there, the others
start. Tables are written before the checkpoint of the same point, so whatever moment a
run is killed at, the next one goes on from the checkpoint, drops rows beyond it and
writes them again, equal. Rows that should be there before a checkpoint and are not,
because somebody deleted a table, make it useless.

Seeds that are asked for and missing are trained; others that the folder holds stay, and
are part of the results that are returned and drawn.

Checkpoints may be deleted, a batch's folder at a time or all of them: the lanes of a
batch that has no folder are done by their tables alone (`pgvq.training.checkpoints`).
"""

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from pgvq.experiments.definition import Experiment
from pgvq.experiments.differences import check_untouched, differences, has_digest
from pgvq.interrupts import interruptible
from pgvq.results import store as results
from pgvq.results.format import MODES
from pgvq.results.store import Results
from pgvq.running.progress import Reporter
from pgvq.storage.files import plain
from pgvq.training import checkpoints
from pgvq.training.feasibility import check_programs
from pgvq.training.lane import Evaluation, Lane, Progress
from pgvq.training.lanes import Lanes
from pgvq.types import InputError

MAX_LANES = 256  # per program; more would only cost memory
OLD_FOLDER = (
    "{folder} was written before pgvq described experiments completely: it was found "
    "the same by the texts that it holds, which show neither the code of functions nor "
    "the inside of long arrays; if any of these changed since, use --fresh"
)

Tables = dict[str, dict[str, pd.DataFrame]]  # by variant and table name
CHUNK_SECONDS = 1.0  # how often training comes back to the host for progress
CHECKPOINT_SECONDS = 30.0  # a killed run loses at most about so much


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after everything was saved; the message says how to go on."""

    def __init__(self, message: str, partial: Results) -> None:
        super().__init__(message)
        self.results = partial


def check_experiment(experiment: Experiment, batches: list[list[Lane]]) -> None:
    """Raises `InputError` where a program cannot be built, or does not fit."""
    keys = experiment.programs.keys
    check_programs(batches, keys, experiment.games, experiment.game_steps)


class Session:
    """An experiment and its folder while it trains: the tables, and what they lack."""

    def __init__(
        self,
        experiment: Experiment,
        folder: Path | None,
        reporter: Reporter | None,
        source: dict[str, Any] | None = None,
    ) -> None:
        self.experiment = experiment
        self.folder = folder
        self.reporter = Reporter() if reporter is None else reporter
        self.description: dict[str, Any] = experiment.describe()
        self.tables: Tables = {
            name: {table: results.empty_table(table) for table in results.TABLES}
            for name in experiment.variants
        }
        self.sessions: dict[str, list[dict[str, Any]]] = {}
        variants = experiment.variants
        points = {name: experiment.points(a) for name, a in variants.items()}
        # The iteration at which a variant's training ends.
        self.last = {name: iterations[-1] for name, iterations in points.items()}
        # Agent steps at which a lane of each variant is evaluated, ascending.
        self.marks = {
            name: [experiment.steps_at(variants[name], i) for i in iterations]
            for name, iterations in points.items()
        }
        self.is_complete = True  # what the folder says of the configuration
        if folder is not None:
            self._open(folder, source)

    def finish(self) -> Results:
        """Trains all that is missing."""
        seeds = self.experiment.seed_numbers
        self.train([(name, seed) for name in self.tables for seed in seeds])
        return self.assembled()

    def train(self, wanted: Iterable[tuple[str, int]]) -> None:
        """Trains what is missing of some variants and seeds.

        Raises:
            InputError: a program cannot be built, or a file not be written.
            Interrupted: Ctrl-C; what was trained is saved.
        """
        wanted = list(wanted)
        with interruptible() as interrupted:
            batches, missing = self._plan(wanted)
            check_experiment(self.experiment, [lanes for lanes, _ in batches])
            self._say_what_is_uncertain(missing)
            done = len(wanted) - missing
            self.reporter.planned(self.experiment, done, [b[0] for b in batches])
            for lanes, saved in batches:
                try:
                    LaneTraining(self, lanes, saved, interrupted).finish()
                except Stopped:
                    raise Interrupted(self._farewell(), self.assembled()) from None

    def _open(self, folder: Path, source: dict[str, Any] | None) -> None:
        """Reads what the folder holds, or makes it."""
        path = folder / "experiment.json"
        if not path.exists():
            made = self.description | ({"source": source} if source else {})
            self.description = results.create(folder, made)
            return
        held = results.read_description(folder)
        check_untouched(held, str(path))
        changes = differences(held, self.experiment)
        if changes:
            raise InputError(
                f"{folder} holds this experiment with another configuration "
                f"({'; '.join(changes[:4])}{'; ...' if len(changes) > 4 else ''}); use "
                "--fresh to delete it and start anew, or --out for another folder"
            )
        self.is_complete = has_digest(held)
        new = self.description
        self.description = held if self.is_complete else held | new
        # Parents and changes say how runs are compared, not what was run.
        if self.is_complete and held.get("ladder") != plain(new.get("ladder")):
            self.description = held | {"ladder": new.get("ladder")}
            results.update(folder, self.description)
        for name, tables in self.tables.items():
            for table in tables:
                tables[table] = results.read_table(folder, name, table, held)

    def _say_what_is_uncertain(self, missing: int) -> None:
        """Of a folder that goes on without a digest, and of variants that are one."""
        if not missing:
            return
        for first, second in self.experiment.programs.same_numbers():
            self.reporter.note(
                f"{first} and {second} train the same: float32 cannot tell their "
                "values apart"
            )
        if self.folder is not None and not self.is_complete:
            self.reporter.note(OLD_FOLDER.format(folder=self.folder))
            self.description["continued_without_digest"] = True
            results.update(self.folder, self.description)

    def _plan(
        self, wanted: Iterable[tuple[str, int]]
    ) -> tuple[list[tuple[list[Lane], checkpoints.Batch | None]], int]:
        """Batches to train, resumed ones first, and the number of missing lanes."""
        batches = (
            checkpoints.saved_batches(self.folder, begun=True) if self.folder else []
        )
        unsaved = self._unsaved(batches)
        missing = [
            lane for lane in wanted if lane in unsaved or not self.has_all_rows(*lane)
        ]
        plan: list[tuple[list[Lane], checkpoints.Batch | None]] = []
        left = set(missing)
        for batch in batches:
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

    def _unsaved(self, batches: list[checkpoints.Batch]) -> set[tuple[str, int]]:
        """Lanes of these batches, none of which came to its last checkpoint.

        Batches that others have overtaken, as after a table was deleted, are removed.
        """
        known = [b for b in batches if all(name in self.tables for name, _ in b.lanes)]
        ended = [b for b in known if b.iteration() >= self.last[b.lanes[0][0]]]
        saved = {lane for batch in ended for lane in batch.lanes}
        for batch in known:
            overtaken = batch not in ended and saved.issuperset(batch.lanes)
            if overtaken and all(self.has_all_rows(*lane) for lane in batch.lanes):
                batch.remove()
        return {lane for batch in known for lane in batch.lanes} - saved

    def has_all_rows(self, name: str, seed: int) -> bool:
        """Whether the tables hold a run's whole training."""
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
        """Whether every table has all rows of a seed at these agent steps."""
        evaluation = self.description["evaluation"]
        games = self.experiment.games * len(evaluation.get("modes", MODES))
        for table_name, table in self.tables[name].items():
            if not len(table):  # a million seeds of a new folder are asked for as well
                return not marks
            rows = table.loc[table.seed == seed, "agent_steps"].value_counts()
            wanted = games if table_name == "evaluations" else 1
            if any(rows.get(mark, 0) != wanted for mark in marks):
                return False
        return True

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
        """Removes rows of these lanes beyond `steps` agent steps."""
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


class Stopped(Exception):
    """The batch was interrupted; all of it is saved."""


class LaneTraining:
    """A batch of lanes between its first iteration, or its checkpoint, and its end."""

    def __init__(
        self,
        session: "Session",
        lanes: list[Lane],
        saved: checkpoints.Batch | None,
        interrupted: threading.Event,
    ) -> None:
        """Lays the lanes out; trains nothing yet.

        Args:
            session: owns tables, folder and reporter.
            lanes: of one structure.
            saved: the checkpoint to go on from; None starts anew.
            interrupted: set when the user wants to stop.
        """
        self.session, self.lanes, self.interrupted = session, lanes, interrupted
        self.algorithm = lanes[0].algorithm
        self.saved = saved
        self.store = saved
        if saved is None and session.folder is not None:
            names = [(lane.variant, lane.seed) for lane in lanes]
            self.store = checkpoints.Batch(session.folder, names)
        experiment = session.experiment
        self.points = experiment.points(self.algorithm)
        max_steps = experiment.game_steps(self.algorithm)
        self.programs = Lanes(lanes, experiment.games, max_steps)
        self.iteration = 0
        self.train_seconds = self.evaluation_seconds = 0.0
        self.record = results.provenance() | {"seeds": [lane.seed for lane in lanes]}
        self._chunk = 1
        self._saved_at = time.monotonic()

    def finish(self) -> None:
        """Trains to the end of the budget.

        Raises:
            Stopped: the user interrupted; all is saved.
        """
        progress = self._begin()
        begun_at = (self.agent_steps if self.saved else 0, self.train_seconds)
        for index, point in enumerate(self.points):
            if self.saved is not None and point <= self.iteration:
                continue
            progress = self._train_until(point, progress)
            progress = self._evaluate(index, progress, begun_at)
            last = point == self.points[-1]
            if last or self._save_is_due() or self.interrupted.is_set():
                self._save(progress)
            if self.interrupted.is_set() and not last:
                self._stop()
        self.session.reporter.finished(self.lanes, complete=True)

    @property
    def agent_steps(self) -> int:
        """Agent steps of one lane so far, exactly, those of `init` included."""
        return self.session.experiment.steps_at(self.algorithm, self.iteration)

    def _begin(self) -> Progress:
        total = self.session.experiment.executed_steps(self.algorithm)
        if self.saved is None:
            self.session.reporter.batch(self.lanes, 0, total)
            if self.store is not None:
                self.store.begin()
            self.session.drop(self.lanes, -1)
            self._compile()
            self.session.reporter.phase("starting")
            return self.programs.start()
        tree, position = self.saved.restore(self.programs.host_shapes())
        self.iteration, self.train_seconds = position
        self.session.drop(self.lanes, self.agent_steps)
        self.session.reporter.batch(self.lanes, self.agent_steps, total)
        self._compile()
        return self.programs.from_host(tree)

    def _compile(self) -> None:
        self.session.reporter.phase("compiling")
        self.programs.compile()

    def _train_until(self, point: int, progress: Progress) -> Progress:
        """Chunks of about `CHUNK_SECONDS` up to an iteration."""
        while self.iteration < point:
            count = min(self._chunk, point - self.iteration)
            self.session.reporter.phase("training")
            progress, seconds = self.programs.advance(progress, count)
            self.iteration += count
            self.train_seconds += seconds
            fitting = int(CHUNK_SECONDS * count / max(seconds, 1e-6))
            self._chunk = max(1, min(fitting, 16 * count))
            self.session.reporter.advanced(
                self.agent_steps,
                count * self.algorithm.steps_per_iteration * len(self.lanes),
                seconds,
                self.programs.compile_seconds,
            )
            if self.iteration < point and self.interrupted.is_set():
                self._save(progress)
                self._stop()
            if self.iteration < point and self._save_is_due():
                self._save(progress)
        return progress

    def _evaluate(
        self, index: int, progress: Progress, begun_at: tuple[int, float]
    ) -> Progress:
        """Plays the games of evaluation point `index` and puts them on record.

        `begun_at`: agent steps of one lane and seconds where this session took over.
        """
        self.session.reporter.phase("evaluating")
        evaluation, seconds = self.programs.evaluate(progress, index)
        self.evaluation_seconds += seconds
        progress, metrics = self.programs.metrics(progress)
        where = {
            "agent_steps": self.agent_steps,
            "updates": self.algorithm.updates_per_iteration * self.iteration,
            "train_seconds": self.train_seconds,
        }
        self.session.record(self.lanes, where, evaluation, metrics)
        self.record |= {
            "lanes": len(self.lanes),
            "agent_steps": (self.agent_steps - begun_at[0]) * len(self.lanes),
            "compile_seconds": self.programs.compile_seconds,
            "train_seconds": self.train_seconds - begun_at[1],
            "evaluation_seconds": self.evaluation_seconds,
        }
        self.session.write(self.lanes, self.record)
        return progress

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at > CHECKPOINT_SECONDS

    def _save(self, progress: Progress) -> None:
        if self.store is not None:
            position = checkpoints.Position(self.iteration, self.train_seconds)
            self.session.reporter.phase("saving")
            self.store.save(self.programs.to_host(progress), position)
            self._saved_at = time.monotonic()

    def _stop(self) -> NoReturn:
        self.session.reporter.finished(self.lanes, complete=False)
        raise Stopped
