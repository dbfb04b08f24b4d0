"""Trials as lanes: programs that are compiled once and train round after round."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pgvq.results.format import MODES
from pgvq.running.progress import Reporter
from pgvq.running.session import CHECKPOINT_SECONDS, CHUNK_SECONDS, MAX_LANES
from pgvq.storage.files import read_json, write_json
from pgvq.storage.schema import listed, maybe, number, problem
from pgvq.training import checkpoints
from pgvq.training.feasibility import checked_bytes, usable_memory
from pgvq.training.lane import Evaluation, Lane, Progress
from pgvq.training.lanes import Lanes
from pgvq.tuning.definition import Tuning
from pgvq.types import InputError

CURVE = "curve.json"  # beside a checkpoint: mean scores [points][lanes] before it
SHARE_OF_MEMORY = 0.5  # that lanes may fill; a step of training needs room beside them


class Stopped(Exception):
    """Interrupted; what a checkpoint can hold is saved."""


class Scores:
    """Scores of lanes, each field `[L]`, and what they took.

    Attributes:
        means: by mode, mean over the games of the last evaluation point.
        curve: `[points, L]` of the tuning's mode, at every evaluation point.
        diverged: whether what was learnt is no longer finite.
        seconds: of training and evaluation, all lanes together, without compilation.
    """

    def __init__(
        self,
        means: dict[str, np.ndarray],
        curve: np.ndarray,
        diverged: np.ndarray,
        seconds: float,
    ) -> None:
        self.means, self.curve = means, curve
        self.diverged, self.seconds = diverged, seconds


class Trainer:
    """Trains lanes of one learner; each structure is compiled once.

    Attributes:
        compilations: how many programs were compiled.
        compile_seconds: spent in it.
    """

    def __init__(
        self,
        tuning: Tuning,
        folder: Path | None,
        reporter: Reporter,
        is_interrupted: Callable[[], bool],
    ) -> None:
        """`folder` is where checkpoints go; None keeps none."""
        self.tuning, self.folder, self.reporter = tuning, folder, reporter
        self.is_interrupted = is_interrupted
        self.compilations, self.compile_seconds = 0, 0.0
        self._held: dict[int, Lanes] = {}  # by structure
        self._store: checkpoints.Batch | None = None

    def width(self, lane: Lane, structure: int, wanted: int) -> int:
        """How many lanes train side by side: `wanted`, or equal parts that fit.

        Raises:
            InputError: its program cannot be built, or not one lane fits.
        """
        if structure in self._held:
            return len(self._held[structure].lanes)
        experiment = self.tuning.experiment
        most = experiment.game_steps(lane.algorithm)
        key = f"{self.tuning.name} {id(self)} {lane.variant} {structure}"
        size = checked_bytes(lane, key, self.tuning.games, most)
        memory = usable_memory()
        fitting = MAX_LANES
        if memory is not None:
            fitting = min(fitting, int(memory * SHARE_OF_MEMORY) // max(size, 1))
        if fitting < 1:
            raise InputError(
                f"{lane.variant} needs more memory for one lane than there is; use a "
                "smaller capacity, num_envs or rollout_length"
            )
        return -(-wanted // -(-wanted // fitting))

    def train(self, lanes: Sequence[Lane], structure: int, width: int) -> Scores:
        """Trains lanes of one structure to the end of the budget and scores them.

        They are filled up to `width` by the last one, so that programs are used again.

        Raises:
            Stopped: the user interrupted.
        """
        real = list(lanes)
        batch = [*real, *[real[-1]] * (width - len(real))]
        experiment, algorithm = self.tuning.experiment, real[0].algorithm
        points = experiment.points(algorithm)
        self.reporter.planned(experiment, 0, [real])
        programs = self._programs(batch, structure)
        if self.folder is not None:
            names = [(lane.variant, lane.seed) for lane in batch]
            self._store = checkpoints.Batch(self.folder, names)
        return _Training(self, programs, real, self._store, points).finish()

    def recorded(self) -> None:
        """What was trained last is in the ledger: its checkpoint is not needed."""
        if self._store is not None:
            self._store.remove()

    def _programs(self, batch: list[Lane], structure: int) -> Lanes:
        held = self._held.get(structure)
        if held is not None:
            return held.with_lanes(batch)
        most = self.tuning.experiment.game_steps(batch[0].algorithm)
        self._held[structure] = Lanes(batch, self.tuning.games, most)
        return self._held[structure]

    def compile(self, programs: Lanes) -> None:
        """Compiles programs, unless that is done."""
        before = programs.compile_seconds
        self.reporter.phase("compiling")
        programs.compile()
        if programs.compile_seconds > before:
            self.compilations += 1
            self.compile_seconds += programs.compile_seconds - before


class _Training:
    """One call of `Trainer.train`."""

    def __init__(
        self,
        trainer: Trainer,
        programs: Lanes,
        lanes: list[Lane],
        store: checkpoints.Batch | None,
        points: list[int],
    ) -> None:
        self.trainer, self.programs, self.lanes = trainer, programs, lanes
        self.store, self.points = store, points
        self.experiment = trainer.tuning.experiment
        self.algorithm = lanes[0].algorithm
        self.iteration, self.seconds = 0, 0.0
        self.curve: list[list[float]] = []
        self._chunk, self._saved_at = 1, time.monotonic()

    @property
    def agent_steps(self) -> int:
        return self.experiment.steps_at(self.algorithm, self.iteration)

    def finish(self) -> Scores:
        """Trains to the end; `Stopped` where the user interrupts."""
        progress = self._begin()
        evaluation: Evaluation | None = None
        for index, point in enumerate(self.points):
            if point <= self.iteration and index <= len(self.curve):
                continue  # before learning, or before the checkpoint
            progress = self._train_until(point, progress)
            self.trainer.reporter.phase("evaluating")
            evaluation, seconds = self.programs.evaluate(progress, index)
            self.seconds += seconds
            evaluation = _first(evaluation, len(self.lanes))
            mode = self.trainer.tuning.mode
            self.curve.append(_means(evaluation)[mode].tolist())
            self.trainer.reporter.evaluated(self.lanes, self.agent_steps, evaluation)
        assert evaluation is not None  # the last point is never before a checkpoint
        self.trainer.reporter.finished(self.lanes, complete=True)
        return Scores(
            _means(evaluation), np.array(self.curve), evaluation.diverged, self.seconds
        )

    def _begin(self) -> Progress:
        total = self.experiment.executed_steps(self.algorithm)
        position = None if self.store is None else self.store.position()
        if self.store is None or position is None:
            self.trainer.reporter.batch(self.lanes, 0, total)
            self.trainer.compile(self.programs)
            self.trainer.reporter.phase("starting")
            began = time.perf_counter()
            progress = self.programs.start()
            self.seconds += time.perf_counter() - began
            return progress
        tree, position = self.store.restore(self.programs.host_shapes())
        self.iteration, self.seconds = position
        self.curve = self._curve_before()
        self.trainer.reporter.batch(self.lanes, self.agent_steps, total)
        self.trainer.compile(self.programs)
        return self.programs.from_host(tree)

    def _train_until(self, point: int, progress: Progress) -> Progress:
        while self.iteration < point:
            count = min(self._chunk, point - self.iteration)
            self.trainer.reporter.phase("training")
            progress, seconds = self.programs.advance(progress, count)
            self.iteration += count
            self.seconds += seconds
            fitting = int(CHUNK_SECONDS * count / max(seconds, 1e-6))
            self._chunk = max(1, min(fitting, 16 * count))
            steps = count * self.algorithm.steps_per_iteration * len(self.lanes)
            self.trainer.reporter.advanced(
                self.agent_steps, steps, seconds, self.programs.compile_seconds
            )
            stops = self.trainer.is_interrupted()
            due = time.monotonic() - self._saved_at > CHECKPOINT_SECONDS
            if self.iteration < self.points[-1] and (stops or due):
                self._save(progress)
            if stops and self.iteration < self.points[-1]:
                self.trainer.reporter.finished(self.lanes, complete=False)
                raise Stopped
        return progress

    def _save(self, progress: Progress) -> None:
        if self.store is None:
            return
        self.trainer.reporter.phase("saving")
        write_json(self.store.folder / CURVE, self.curve)
        position = checkpoints.Position(self.iteration, self.seconds)
        self.store.save(self.programs.to_host(progress), position)
        self._saved_at = time.monotonic()

    def _curve_before(self) -> list[list[float]]:
        """Scores of the points before the checkpoint."""
        assert self.store is not None
        path = self.store.folder / CURVE
        behind = sum(0 < point < self.iteration for point in self.points)
        remedy = f"delete the folder {self.store.folder}, whose round begins anew then"
        held: list[Any] = read_json(path, list, remedy)
        row = listed(maybe(number(-1e300, 1e300)), most=len(self.lanes))
        wrong = problem(listed(row, most=len(self.points), least=0), held)
        if wrong or any(len(part) != len(self.lanes) for part in held):
            raise InputError(f"{path} is damaged ({wrong or 'its length'}); {remedy}")
        return [[np.nan if x is None else x for x in part] for part in held[:behind]]


def _means(evaluation: Evaluation) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return {
            mode: np.mean(np.asarray(evaluation.games[mode].score, float), axis=1)
            for mode in MODES
        }


def _first(evaluation: Evaluation, count: int) -> Evaluation:
    """Of the first lanes alone: the others are repetitions."""
    games = {
        mode: type(part)(*(leaf[:count] for leaf in part))
        for mode, part in evaluation.games.items()
    }
    return Evaluation(games, evaluation.diverged[:count])
