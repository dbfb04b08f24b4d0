"""Results folders of one experiment, made on several machines, as one folder.

Folders may be merged if their descriptions are of one configuration: name, budget,
evaluation, variants and the user's own code. Each seed of a variant comes from one
folder; where several have it, its rows must be equal in all but their timing.

Only complete runs are kept, those that have every row up to the end of the budget. The
sessions of all folders are kept, checkpoints are not: a merged folder is done by its
tables, and goes on with other seeds, but its agents cannot be watched.

The folder is built beside its place and moved there whole, so that a killed merge
leaves no part of it; the next call removes what was built, and builds it anew.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgvq.checks import shown
from pgvq.experiments.definition import configuration_digest
from pgvq.experiments.differences import differences_of_folders, has_digest
from pgvq.experiments.seeds import listed
from pgvq.results import store as results
from pgvq.results.format import MODES, TABLES
from pgvq.results.store import Results
from pgvq.running.progress import Reporter
from pgvq.storage.files import cannot_write, is_temporary
from pgvq.storage.locations import as_path
from pgvq.storage.locking import LOCK, locked
from pgvq.types import InputError

UNTIMED = "train_seconds"  # wall-clock: the only column that equal runs do not share

Rows = dict[str, pd.DataFrame]  # by table, of one run


class Source(NamedTuple):
    """A folder to merge, read."""

    folder: Path
    description: dict[str, Any]
    runs: dict[str, dict[int, Rows]]  # by variant and seed, complete ones
    left_out: dict[str, list[int]]  # seeds by variant


def merge(
    folders: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    reporter: Reporter | None = None,
) -> Results:
    """Puts the complete runs of several results folders into a new one.

    Args:
        folders: two or more, of one experiment; nothing is written there.
        out: the new folder; it must be absent or empty.
        reporter: told of runs that are left out; None gives Python warnings.

    Raises:
        InputError: a folder cannot be read, or was written before descriptions were
            complete; two hold different experiments, or different rows for one run;
            there is no complete run; `out` holds something or cannot be written.
    """
    places = _places(folders)
    target = as_path(out, "out")
    _check_target(target, places)
    said = Reporter() if reporter is None else reporter
    descriptions = _descriptions(places)
    marks = _marks(places, descriptions[0])
    sources = [
        _read(place, description, marks)
        for place, description in zip(places, descriptions, strict=True)
    ]
    kept = _joined(sources)
    if not any(kept.values()):
        raise InputError(
            f"none of {_named(places)} holds a run that came to the end of its budget; "
            "train them first"
        )
    for source in sources:
        for name, seeds in source.left_out.items():
            said.note(
                f"{source.folder}: {name}, seed{'s' if len(seeds) > 1 else ''} "
                f"{listed(seeds)} left out, for they are not complete"
            )
    staging = target.with_name(f".{target.name}.merging")
    with locked(staging):
        _clear(staging)
        try:
            _write(staging / "merged", sources, kept)
            _move(staging / "merged", target)
        finally:
            shutil.rmtree(staging / "merged", ignore_errors=True)
    _remove_empty(staging)
    return results.load(target)


def _places(folders: Any) -> list[Path]:
    if isinstance(folders, str | os.PathLike) or not isinstance(folders, Sequence):
        raise InputError(
            f"folders={shown(folders)} must be a list of results folders, such as "
            '["results/a", "results/b"]'
        )
    places = [as_path(folder, "folders") for folder in folders]
    if len(places) < 2:
        raise InputError(
            "a merge needs at least two results folders, as in pgvq merge results/a "
            "results/b --out results/all"
        )
    seen: dict[Path, Path] = {}
    for place in places:
        other = seen.setdefault(place.resolve(), place)
        if other is not place:
            raise InputError(f"{place} is given twice; name each results folder once")
    return places


def _check_target(target: Path, places: Sequence[Path]) -> None:
    """Raises `InputError` unless the new folder can be made without harm."""
    for place in places:
        if target.resolve().is_relative_to(place.resolve()):
            raise InputError(
                f"{target} lies in {place}, which is merged; choose another --out"
            )
    if not os.path.lexists(target):
        return
    if not target.is_dir() or target.is_symlink():
        raise InputError(f"{target} is no folder; choose another --out")
    try:
        held = sorted(part.name for part in target.iterdir() if not is_temporary(part))
    except OSError as error:
        raise cannot_write(target, error) from error
    if held:
        raise InputError(
            f"{target} is not empty (it holds {held[0]!r}), and a merge overwrites "
            "nothing; choose another --out, or delete it"
        )


def _descriptions(places: Sequence[Path]) -> list[dict[str, Any]]:
    """The folders' descriptions, found to be of one experiment."""
    found = []
    for place in places:
        held = results.read_description(place)
        if not has_digest(held):
            raise InputError(
                f"{place} was written before pgvq described experiments completely, so "
                "that it cannot be told whether the others hold the same; train one "
                "more seed into it, which completes its description, or leave it out"
            )
        if held["digest"] != configuration_digest(held):
            raise InputError(
                f"{place / 'experiment.json'} was changed since it was written: its "
                "digest is of another configuration; put the old file back"
            )
        found.append(held)
        if changed := differences_of_folders(found[0], held):
            more = "; ..." if len(changed) > 4 else ""
            raise InputError(
                f"{places[0]} and {place} hold different experiments "
                f"({'; '.join(changed[:4])}{more}); merge only folders of one"
            )
    return found


def _marks(
    places: Sequence[Path], description: Mapping[str, Any]
) -> dict[str, list[int]]:
    """By variant, the agent steps at which a complete run was evaluated.

    All seeds have the same, so that the longest list that a run has, up to the budget,
    shows what another one lacks.
    """
    most = description["evaluation"].get("points", 1_000_000) + 1
    found: dict[str, list[int]] = {}
    for variant in description["variants"]:
        found[variant["name"]] = []
        for place in places:
            table = results.read_table(place, variant["name"], "training")
            for _, rows in table.groupby("seed"):
                marks = [int(mark) for mark in rows["agent_steps"]]
                at_end = marks[-1] >= description["budget_agent_steps"]
                if at_end and len(found[variant["name"]]) < len(marks) <= most:
                    found[variant["name"]] = marks
    return found


def _read(
    place: Path, description: dict[str, Any], marks: Mapping[str, list[int]]
) -> Source:
    """A folder's complete runs, and the seeds of those that are not."""
    evaluation = description["evaluation"]
    games = evaluation.get("games", 1) * len(evaluation.get("modes", MODES))
    runs: dict[str, dict[int, Rows]] = {}
    left_out: dict[str, list[int]] = {}
    for name in marks:
        tables = {t: results.read_table(place, name, t, description) for t in TABLES}
        runs[name] = {}
        for seed in sorted(
            {int(s) for table in tables.values() for s in table["seed"]}
        ):
            rows = {t: table.loc[table["seed"] == seed] for t, table in tables.items()}
            if _is_complete(rows, marks[name], games):
                runs[name][seed] = rows
            else:
                left_out.setdefault(name, []).append(seed)
    return Source(place, description, runs, left_out)


def _is_complete(rows: Rows, marks: list[int], games: int) -> bool:
    """Whether a run has every row up to the end of the budget, and no others."""
    if not marks:
        return False
    for table, frame in rows.items():
        per_mark = games if table == "evaluations" else 1
        steps, counts = np.unique(frame["agent_steps"].to_numpy(), return_counts=True)
        if steps.tolist() != marks or np.any(counts != per_mark):
            return False
    return True


def _joined(sources: Sequence[Source]) -> dict[str, dict[int, Rows]]:
    """By variant and seed, each run once; `InputError` where two folders disagree."""
    kept: dict[str, dict[int, Rows]] = {name: {} for name in sources[0].runs}
    origin: dict[tuple[str, int], Path] = {}
    for source in sources:
        for name, runs in source.runs.items():
            for seed, rows in runs.items():
                if seed not in kept[name]:
                    kept[name][seed], origin[name, seed] = rows, source.folder
                elif unequal := _unequal(kept[name][seed], rows):
                    raise InputError(
                        f"{name}, seed {seed}: {origin[name, seed]} and "
                        f"{source.folder} hold different rows ({unequal}), as after "
                        "training on different machines; give each machine seeds of "
                        "its own, such as --seeds 0:5 and --seeds 5:10"
                    )
    return kept


def _unequal(one: Rows, other: Rows) -> str:
    """The first column in which two runs differ; empty where they are the same run."""
    for table, frame in one.items():
        for column in sorted({*frame, *other[table]} - {UNTIMED}):
            if column not in frame or column not in other[table]:
                return f"{table}, {column}"
            left, right = frame[column], other[table][column]
            if not left.reset_index(drop=True).equals(right.reset_index(drop=True)):
                return f"{table}, {column}"
    return ""


def _write(
    folder: Path,
    sources: Sequence[Source],
    kept: Mapping[str, Mapping[int, Rows]],
) -> None:
    """Writes the merged folder; its description goes last."""
    for name, runs in kept.items():
        for table in TABLES:
            parts = [runs[seed][table] for seed in sorted(runs)]
            if parts:
                results.write_table(folder, name, table, pd.concat(parts))
        sessions = [s for x in sources for s in results.read_sessions(x.folder, name)]
        for session in sorted(sessions, key=lambda one: str(one.get("started"))):
            results.add_session(folder, name, session)
    # With the first folder's program and its signature, or none: what `create` would
    # sign may be a stranger's.
    held = dict(sources[0].description)
    if any(source.description.get("continued_without_digest") for source in sources):
        held["continued_without_digest"] = True
    results.update(folder, held)


def _move(merged: Path, target: Path) -> None:
    """Moves the finished folder to its place, in one step."""
    try:
        if target.exists():
            target.rmdir()  # only if it is still empty
        merged.rename(target)
    except OSError as error:
        raise cannot_write(target, error) from error


def _clear(staging: Path) -> None:
    """Removes what a killed merge has built."""
    try:
        for part in staging.iterdir():
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            elif part.name != LOCK:
                part.unlink()
    except OSError as error:
        raise cannot_write(staging, error) from error


def _remove_empty(staging: Path) -> None:
    """Removes the place where a merge was built, where a killed one had left it."""
    if staging.is_dir() and not any(staging.iterdir()):
        staging.rmdir()


def _named(places: Sequence[Path]) -> str:
    return ", ".join(str(place) for place in places)
