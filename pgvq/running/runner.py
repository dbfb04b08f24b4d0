"""`run` and `train`: an experiment, or one algorithm, from Python."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pgvq import devices
from pgvq.checks import shown
from pgvq.experiments.definition import Experiment
from pgvq.results import store as results
from pgvq.results.store import Results
from pgvq.running.progress import Reporter
from pgvq.running.session import Session, check_experiment
from pgvq.storage.locations import as_path
from pgvq.storage.locking import locked
from pgvq.training import checkpoints
from pgvq.training.debugging import check_precision
from pgvq.types import InputError


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
    with opened(experiment, out, reporter, fresh=fresh, source=source) as work:
        return work.finish()


@contextlib.contextmanager
def opened(
    experiment: Experiment,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    *,
    fresh: bool = False,
    source: dict[str, Any] | None = None,
) -> Iterator[Session]:
    """A run that holds the lock of its folder; arguments and errors are `run`'s."""
    devices.wanted_devices()
    if not isinstance(experiment, Experiment):
        raise InputError(
            f"run: {type(experiment).__name__} is no experiment; give Experiment(...)"
        )
    _check_arguments(reporter, fresh, source)
    check_precision()
    if out is None:
        yield Session(experiment, None, reporter)
        return
    folder = as_path(out, "out")
    results.check_place(folder)
    if fresh or not (folder / "experiment.json").exists():
        # Nothing is made, or deleted, for programs that cannot be built.
        check_experiment(
            experiment, experiment.batches((n, 0) for n in experiment.variants)
        )
    with locked(folder):
        if fresh:
            results.delete(folder)
        work = Session(experiment, folder, reporter, source)
        checkpoints.clean(folder)
        yield work


def train(
    algorithm: Any,
    *,
    steps: float,
    seeds: int | range | Sequence[int] = 5,
    evaluations: int = 20,
    games: int = 10,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Results:
    """Trains one algorithm with several seeds: the short form of `run`.

    Args:
        algorithm: such as `DQN()`.
        steps: budget of each seed, agent steps.
        seeds: how many from 0 on, or which: `range(100, 110)`, `[3, 7, 11]`.
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


def _check_arguments(reporter: Any, fresh: Any, source: Any) -> None:
    """Raises `InputError` for what cannot be an argument of `run`."""
    calls = [name for name in vars(Reporter) if not name.startswith("_")]
    able = reporter is None or all(callable(getattr(reporter, c, 0)) for c in calls)
    if isinstance(reporter, type) or not able:
        raise InputError(
            f"reporter={shown(reporter)} cannot be told of progress; derive its class "
            "from pgvq.running.progress.Reporter and give an object of it, or None"
        )
    if not isinstance(fresh, bool):
        raise InputError(f"fresh={shown(fresh)} must be True or False")
    if source is not None and not isinstance(source, Mapping):
        raise InputError(
            f"source={shown(source)} must be a dict such as `pgvq run` keeps, or None"
        )


def _name(out: Any) -> str:
    """An experiment's name from that of its folder, which may have any."""
    name = os.path.basename(os.path.abspath(as_path(out, "out")))
    return re.sub(r"[^\w .,=+@()\[\]-]", "-", name).lstrip(" .,=+@()[]-") or "train"
