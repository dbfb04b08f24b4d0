"""One batch of lanes on its way through the budget: train, evaluate, save, repeat."""

import threading
import time
from typing import TYPE_CHECKING, NoReturn

from pgvq import checkpoints, results
from pgvq.lane import Lane, Progress
from pgvq.training import Lanes

if TYPE_CHECKING:
    from pgvq.runner import Run

CHUNK_SECONDS = 1.0  # how often training comes back to the host for progress
CHECKPOINT_SECONDS = 30.0  # a killed run loses at most about so much


class Stopped(Exception):
    """The batch was interrupted; all of it is saved."""


class BatchRun:
    """A batch of lanes between its first iteration, or its checkpoint, and its end."""

    def __init__(
        self,
        run: "Run",
        lanes: list[Lane],
        saved: checkpoints.Batch | None,
        interrupted: threading.Event,
    ) -> None:
        """Lays the lanes out; trains nothing yet.

        Args:
            run: owns tables, folder and reporter.
            lanes: of one structure.
            saved: the checkpoint to go on from; None starts anew.
            interrupted: set when the user wants to stop.
        """
        self.run, self.lanes, self.interrupted = run, lanes, interrupted
        self.algorithm = lanes[0].algorithm
        self.saved = saved
        self.store = saved
        if saved is None and run.folder is not None:
            names = [(lane.variant, lane.seed) for lane in lanes]
            self.store = checkpoints.Batch(run.folder, names)
        experiment = run.experiment
        self.points = experiment.points(self.algorithm)
        max_steps = experiment.game_steps(self.algorithm)
        self.programs = Lanes(lanes, experiment.games, max_steps)
        self.iteration = 0
        self.train_seconds = self.evaluation_seconds = 0.0
        self.session = results.provenance() | {"seeds": [lane.seed for lane in lanes]}
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
        self.run.reporter.finished(self.lanes, complete=True)

    @property
    def agent_steps(self) -> int:
        """Agent steps of one lane so far, exactly, those of `init` included."""
        return self.run.experiment.steps_at(self.algorithm, self.iteration)

    def _begin(self) -> Progress:
        total = self.run.experiment.executed_steps(self.algorithm)
        if self.saved is None:
            self.run.reporter.batch(self.lanes, 0, total)
            if self.store is not None:
                self.store.begin()
            self.run.drop(self.lanes, -1)
            self._compile()
            self.run.reporter.phase("starting")
            return self.programs.start()
        tree, position = self.saved.restore(self.programs.host_shapes())
        self.iteration, self.train_seconds = position
        self.run.drop(self.lanes, self.agent_steps)
        self.run.reporter.batch(self.lanes, self.agent_steps, total)
        self._compile()
        return self.programs.from_host(tree)

    def _compile(self) -> None:
        self.run.reporter.phase("compiling")
        self.programs.compile()

    def _train_until(self, point: int, progress: Progress) -> Progress:
        """Chunks of about `CHUNK_SECONDS` up to an iteration."""
        while self.iteration < point:
            count = min(self._chunk, point - self.iteration)
            self.run.reporter.phase("training")
            progress, seconds = self.programs.advance(progress, count)
            self.iteration += count
            self.train_seconds += seconds
            fitting = int(CHUNK_SECONDS * count / max(seconds, 1e-6))
            self._chunk = max(1, min(fitting, 16 * count))
            self.run.reporter.advanced(
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
        self.run.reporter.phase("evaluating")
        evaluation, seconds = self.programs.evaluate(progress, index)
        self.evaluation_seconds += seconds
        progress, metrics = self.programs.metrics(progress)
        where = {
            "agent_steps": self.agent_steps,
            "updates": self.algorithm.updates_per_iteration * self.iteration,
            "train_seconds": self.train_seconds,
        }
        self.run.record(self.lanes, where, evaluation, metrics)
        self.session |= {
            "lanes": len(self.lanes),
            "agent_steps": (self.agent_steps - begun_at[0]) * len(self.lanes),
            "compile_seconds": self.programs.compile_seconds,
            "train_seconds": self.train_seconds - begun_at[1],
            "evaluation_seconds": self.evaluation_seconds,
        }
        self.run.write(self.lanes, self.session)
        return progress

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at > CHECKPOINT_SECONDS

    def _save(self, progress: Progress) -> None:
        if self.store is not None:
            position = checkpoints.Position(self.iteration, self.train_seconds)
            self.run.reporter.phase("saving")
            self.store.save(self.programs.to_host(progress), position)
            self._saved_at = time.monotonic()

    def _stop(self) -> NoReturn:
        self.run.reporter.finished(self.lanes, complete=False)
        raise Stopped
