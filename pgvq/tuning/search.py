"""`tune`: rounds of trials for each learner, then its finalists, then the choice.

What is missing is computed: runs that the ledger holds are not trained again, and a
round's proposal depends on the rounds before it alone. So a search may be stopped at
any moment and goes on as if it had not been.
"""

import contextlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgvq import devices
from pgvq.checks import shown
from pgvq.experiments.field_paths import with_settings
from pgvq.identity.description import Describer
from pgvq.interrupts import interruptible
from pgvq.running.progress import Reporter
from pgvq.storage.files import plain, read_json, remove_leftovers, stands, write_json
from pgvq.storage.locations import as_path
from pgvq.storage.locking import locked
from pgvq.storage.provenance import provenance
from pgvq.training.debugging import check_precision
from pgvq.training.lane import Lane
from pgvq.tuning import ledger as ledgers
from pgvq.tuning.definition import Tuning
from pgvq.tuning.folder import SESSIONS, begin, write_chosen
from pgvq.tuning.ranges import Values
from pgvq.tuning.sampling import Known, Trial, propose
from pgvq.tuning.training import Scores, Stopped, Trainer
from pgvq.types import InputError


class Outcome(NamedTuple):
    """What a tuning found so far."""

    ledger: pd.DataFrame  # `pgvq.tuning.ledger` says what its columns are
    chosen: dict[str, Values]  # of each learner that is finished


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after what was trained was saved; the message says how to go on."""


def tune(
    tuning: Tuning,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    *,
    only: str | None = None,
) -> Outcome:
    """Trains what is missing, chooses each learner's configuration, returns both.

    Args:
        tuning: what to search.
        out: the folder, made or continued; None keeps everything in memory.
        reporter: told of progress; None is silent.
        only: of the learners the one of this name.

    Raises:
        InputError: the folder is not writable, in use by another process, or holds
            another tuning; or `only` is no learner of this one.
        Interrupted: Ctrl-C; every finished run is saved.
    """
    devices.wanted_devices()
    if not isinstance(tuning, Tuning):
        raise InputError(
            f"tune: {type(tuning).__name__} is no tuning; give Tuning(...)"
        )
    check_precision()
    names = list(tuning.spaces)
    if only is not None and only not in names:
        raise InputError(
            f"there is no learner {shown(only)} to tune: there are {', '.join(names)}"
        )
    names = names if only is None else [only]
    if out is None:
        return Search(tuning, None, reporter).finish(names)
    folder = as_path(out, "out")
    with locked(folder):
        search = Search(tuning, folder, reporter)
        remove_leftovers(folder)
        return search.finish(names)


class Search:
    """One call of `tune`."""

    def __init__(
        self, tuning: Tuning, folder: Path | None, reporter: Reporter | None
    ) -> None:
        self.tuning, self.folder = tuning, folder
        self.reporter = Reporter() if reporter is None else reporter
        self.ledger = ledgers.empty()
        self.description: dict[str, Any] = tuning.describe()
        self.sessions: list[dict[str, Any]] = []
        if folder is not None:
            self.description = begin(folder, tuning)
            self.ledger = ledgers.read(folder)
            if stands(folder / SESSIONS):
                remedy = f"delete it; {folder / ledgers.LEDGER} holds the runs"
                self.sessions = read_json(folder / SESSIONS, list, remedy)
        self.session: dict[str, Any] = {}
        self._began = time.monotonic()

    def finish(self, names: Sequence[str]) -> Outcome:
        """Trains all that is missing of these learners."""
        with interruptible() as interrupted:
            for name in names:
                trainer = Trainer(
                    self.tuning, self.folder, self.reporter, interrupted.is_set
                )
                try:
                    self._learner(name, trainer)
                except Stopped:
                    raise Interrupted(self._farewell()) from None
        self._write_choice()
        if self.folder is not None:
            with contextlib.suppress(OSError):
                (self.folder / "checkpoints").rmdir()  # empty: no round is on its way
        return Outcome(self.ledger, self.choice()[0])

    def _learner(self, name: str, trainer: Trainer) -> None:
        """All rounds of a learner, and its finalists."""
        tuning = self.tuning
        trials: list[Trial] = []
        for number in range(tuning.rounds):
            known = self._known(name, trials)
            round_ = propose(tuning, name, number, known)
            self._train(name, trainer, "search", round_, tuning.seed_numbers)
            trials += round_
        self._train(
            name,
            trainer,
            "final",
            self._finalists(name, trials),
            tuning.final_seed_numbers,
        )
        self._write_choice()

    def _known(self, name: str, trials: Sequence[Trial]) -> list[Known]:
        """The scores of trials, all of which the ledger holds."""
        scores = ledgers.trials_of(self.ledger, name, "search").score
        space = self.tuning.spaces[name]
        return [
            Known(t.structure, space.place(t.values), float(scores[t.number]))
            for t in trials
        ]

    def _finalists(self, name: str, trials: Sequence[Trial]) -> list[Trial]:
        """The trials of the highest scores, in the order of their numbers."""
        scores = ledgers.trials_of(self.ledger, name, "search").score
        best = _by_score(scores)[: self.tuning.finalists]
        return [trial for trial in trials if trial.number in best]

    def _train(
        self,
        name: str,
        trainer: Trainer,
        stage: str,
        trials: Sequence[Trial],
        seeds: Sequence[int],
    ) -> None:
        """Trains what the ledger lacks of some trials, and puts it there."""
        held = self.ledger[(self.ledger.learner == name) & (self.ledger.stage == stage)]
        done = set(zip(held.trial, held.seed, strict=True))
        wanted = self.tuning.round_size * len(self.tuning.seed_numbers)
        for structure in dict.fromkeys(trial.structure for trial in trials):
            runs = [
                (trial, seed)
                for trial in trials
                for seed in seeds
                if trial.structure == structure and (trial.number, seed) not in done
            ]
            if not runs:
                continue
            lanes = self._lanes(name, runs)
            width = trainer.width(lanes[0], structure, wanted)
            for start in range(0, len(runs), width):
                part = slice(start, start + width)
                scores = trainer.train(lanes[part], structure, width)
                self._record(name, stage, runs[part], lanes[part], scores, trainer)

    def _lanes(self, name: str, runs: Sequence[tuple[Trial, int]]) -> list[Lane]:
        algorithm = self.tuning.experiment.variants[name]
        made = {t.number: with_settings(algorithm, t.values) for t, _ in runs}
        return [Lane(f"{name} trial {t.number}", made[t.number], s) for t, s in runs]

    def _record(
        self,
        name: str,
        stage: str,
        runs: Sequence[tuple[Trial, int]],
        lanes: Sequence[Lane],
        scores: Scores,
        trainer: Trainer,
    ) -> None:
        """Adds the rows of some runs to the ledger."""
        experiment, describer = self.tuning.experiment, Describer()
        algorithm: Any = lanes[0].algorithm
        iterations = experiment.points(algorithm)[-1]
        rows = []
        for i, ((trial, seed), lane) in enumerate(zip(runs, lanes, strict=True)):
            rows.append(
                {
                    "learner": name,
                    "stage": stage,
                    "trial": trial.number,
                    "seed": seed,
                    "configuration": json.dumps(plain(trial.values)),
                    "digest": describer.digest(lane.algorithm, lane.variant),
                    "agent_steps": experiment.executed_steps(algorithm),
                    "steps_per_iteration": algorithm.steps_per_iteration,
                    "updates": algorithm.updates_per_iteration * iterations,
                    "seconds": scores.seconds / len(lanes),
                    "score": scores.means[self.tuning.mode][i],
                    "score_explore": scores.means["explore"][i],
                    "curve": json.dumps(plain(scores.curve[:, i].tolist())),
                    "diverged": bool(scores.diverged[i]),
                    "session": self._session_number(),
                }
            )
        self.ledger = ledgers.joined(self.ledger, rows)
        self.session["runs"] = self.session.get("runs", 0) + len(rows)
        by_learner = self.session.setdefault("learners", {})
        by_learner[name] = {
            "compilations": trainer.compilations,
            "compile_seconds": round(trainer.compile_seconds, 3),
        }
        self.session["seconds"] = round(time.monotonic() - self._began, 3)
        if self.folder is not None:
            write_json(self.folder / SESSIONS, self.sessions)
            ledgers.write(self.folder, self.ledger)
            trainer.recorded()

    def _session_number(self) -> int:
        """Of this session, which begins with its first row."""
        if not self.session:
            self.session = provenance()
            self.sessions.append(self.session)
        return len(self.sessions) - 1

    def choice(self) -> tuple[dict[str, Values], dict[str, dict[str, Any]]]:
        """The chosen values of each finished learner, and what they scored."""
        found: dict[str, Values] = {}
        scores: dict[str, dict[str, Any]] = {}
        for name in self.tuning.spaces:
            search = ledgers.trials_of(self.ledger, name, "search")
            finals = ledgers.trials_of(self.ledger, name, "final")
            if int(search.runs.sum() + finals.runs.sum()) < self.tuning.runs:
                continue
            judged = finals if len(finals) else search
            best = _by_score(judged.score)[0]
            found[name] = json.loads(search.configuration[best])
            scores[name] = {
                "trial": int(best),
                "final_score": float(finals.score[best]) if len(finals) else None,
                "search_score": float(search.score[best]),
                "default_search_score": float(search.score[0]),
            }
        return found, scores

    def _write_choice(self) -> None:
        found, scores = self.choice()
        if self.folder is not None and found:
            write_chosen(self.folder, self.description, found, plain(scores))

    def _farewell(self) -> str:
        if self.folder is None:
            return "stopped; no folder was given, so nothing is on disk"
        return f"stopped; {self.folder} holds all, and the same command goes on there"


def _by_score(scores: pd.Series) -> list[int]:
    """Numbers of trials, the best first; NaN last, and the earlier of equal ones."""
    values = scores.to_numpy(float)
    order = np.lexsort((scores.index.to_numpy(), -np.nan_to_num(values, nan=-np.inf)))
    return [int(scores.index[i]) for i in order]
