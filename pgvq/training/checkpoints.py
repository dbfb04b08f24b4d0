"""Checkpoints: the whole state of a batch of lanes, saved atomically by orbax.

    results/NAME/checkpoints/BATCH/lanes.json     which variants and seeds, in order
    results/NAME/checkpoints/BATCH/ITERATION/     state, and its position

A checkpoint holds parameters, optimiser, replay, environments, keys and counters, so
that training which goes on from it equals training that never stopped. A newer one is
complete before the older one is removed. The note holds a digest of every array and of
every file, checked before anything is restored.

A batch's folder exists from before its first row in a table. So a lane whose tables are
complete still needs its last checkpoint where the folder of its batch is there, and
needs none where the user deleted the whole folder, or all of `checkpoints`: that loses
no result.
"""

import json
import logging
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from pgvq.interrupts import in_thread
from pgvq.storage.digests import array_digests, file_digests, json_digest, kind_of
from pgvq.storage.files import (
    cannot_write,
    one_line,
    read_json,
    remove_leftovers,
    write_json,
)
from pgvq.storage.places import check_inside, folder_name, folder_name_problem
from pgvq.storage.schema import (
    listed,
    mapped,
    number,
    pair,
    problem,
    record,
    text,
    whole,
)
from pgvq.types import InputError, PyTree

logging.getLogger("absl").setLevel(logging.ERROR)  # orbax tells of every file

LaneNames = Sequence[tuple[str, int]]  # variant and seed

_LARGEST = 2**31 - 1
_ITERATION = re.compile(r"0|[1-9][0-9]{0,9}")


def _variant(value: Any, where: str) -> str | None:
    """A rule: a name that a variant can have."""
    wrong = folder_name_problem(value)
    return None if wrong is None else f"{where} cannot be a variant's name: {wrong}"


_LANES = listed(pair(_variant, whole(0, _LARGEST)), most=100_000, least=1)
_NOTE = record(
    {"iteration": whole(0, _LARGEST), "train_seconds": number(0, 1e12)},
    optional={
        "arrays": mapped(text(1_000), most=1_000_000),
        "files": mapped(text(100), most=1_000_000),
        "digest": text(100),
    },
)


class Position(NamedTuple):
    """The position of a batch in its budget."""

    iteration: int
    train_seconds: float  # wall-clock so far, without compilation and evaluation


class Batch:
    """The checkpoints of one batch of lanes."""

    def __init__(self, folder: Path, lanes: LaneNames) -> None:
        """`folder` is the results folder; nothing is written yet."""
        name = folder_name(lanes[0][0], str(folder))
        self.results = folder
        self.folder = folder / "checkpoints" / f"{name}-{_lanes_digest(lanes)}"
        self.lanes = [(variant, int(seed)) for variant, seed in lanes]

    def iteration(self) -> int:
        """Of the newest checkpoint; -1 if there is none."""
        return max(_iterations(self.folder), default=-1)

    def begin(self) -> None:
        """Makes the folder of a batch that starts anew, before anything is in a table.

        Raises:
            InputError: the folder cannot be written.
        """
        check_inside(self.results, self.folder)
        for useless in _iterations(self.folder):
            shutil.rmtree(self.folder / str(useless), ignore_errors=True)
        write_json(self.folder / "lanes.json", self.lanes)

    def position(self) -> Position | None:
        """The position of the newest checkpoint; None if there is none.

        Raises:
            InputError: its note is damaged.
        """
        iteration = self.iteration()
        if iteration < 0:
            return None
        return _position(self._note(self.folder / str(iteration)))

    def save(self, tree: PyTree, position: Position) -> None:
        """Saves host arrays, then removes older checkpoints.

        Raises:
            InputError: it cannot be written; the older checkpoints are still there.
        """
        target = self.folder / str(position.iteration)
        if target.exists():
            return  # complete, and the same: what leads to an iteration is determined
        check_inside(self.results, self.folder)
        # A name of its own: an interrupted writer may still be busy with another.
        unique = uuid.uuid4().hex[:8]
        unfinished = self.folder / f".{position.iteration}.{unique}.partial"
        try:
            if not (self.folder / "lanes.json").exists():
                write_json(self.folder / "lanes.json", self.lanes)
            in_thread(partial(_write, unfinished / "state", tree))
            note = {
                "iteration": int(position.iteration),
                "train_seconds": float(position.train_seconds),
                "arrays": array_digests(tree),
                "files": file_digests(unfinished / "state", flush=True),
            }
            note["digest"] = json_digest(note)
            write_json(unfinished / "note.json", note)
            unfinished.rename(target)  # in one step: complete or not there
        except (InputError, KeyboardInterrupt):
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        except Exception as error:  # orbax raises of many kinds on a full disk
            shutil.rmtree(unfinished, ignore_errors=True)
            raise _cannot_save(target, error) from error
        for older in _iterations(self.folder):
            if older != position.iteration:
                shutil.rmtree(self.folder / str(older), ignore_errors=True)

    def restore(self, like: PyTree) -> tuple[PyTree, Position]:
        """The newest checkpoint, in the structure of `like` (shapes and dtypes).

        Raises:
            InputError: it is damaged, or of another structure.
        """
        iteration = self.iteration()
        if iteration < 0:
            raise InputError(f"{self.folder} holds no checkpoint")
        path = self.folder / str(iteration)
        note = self._note(path)
        try:
            _check_files(path / "state", note)
            _check_structure(like, note)
            tree = in_thread(partial(_read, path / "state", like))
            if "arrays" in note and array_digests(tree) != note["arrays"]:
                raise ValueError("its arrays are not those that were saved")
        except Exception as error:  # orbax raises of many kinds on damaged files
            raise InputError(
                f"the checkpoint {path} cannot be read ({one_line(error)}); "
                f"{_anew(path)}"
            ) from error
        return tree, _position(note)

    def remove(self) -> None:
        """Removes all checkpoints of the batch, and its folder."""
        check_inside(self.results, self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _note(self, path: Path) -> dict[str, Any]:
        """The note of a checkpoint, found to be whole."""
        file, remedy = path / "note.json", _anew(path)
        note = read_json(file, dict, remedy)
        wrong = problem(_NOTE, note)
        if wrong is None and note["iteration"] != int(path.name):
            wrong = f"iteration is {note['iteration']}, not {path.name}"
        said = {name: part for name, part in note.items() if name != "digest"}
        # Older versions wrote no digests, and nothing but these two.
        older = note.keys() == {"iteration", "train_seconds"}
        if wrong is None and not older and note.get("digest") != json_digest(said):
            wrong = "it is not as it was written"
        if wrong is not None:
            raise InputError(f"{file} is damaged ({wrong}); {remedy}")
        return note


def saved_batches(folder: Path, *, begun: bool = False) -> list[Batch]:
    """The batches of a results folder that have a checkpoint, by name.

    With `begun` also those that have none yet. Copies of a batch under other names are
    passed over.

    Raises:
        InputError: a list of lanes is damaged.
    """
    found = []
    for path in sorted((folder / "checkpoints").glob("*/lanes.json")):
        remedy = _anew(path.parent)
        held = read_json(path, list, remedy)
        if wrong := problem(_LANES, held):
            raise InputError(f"{path} is no list of lanes ({wrong}); {remedy}")
        batch = Batch(folder, [(variant, seed) for variant, seed in held])
        if batch.folder == path.parent:
            if begun or batch.iteration() >= 0:
                found.append(batch)
        elif _is_digest(path.parent.name.rpartition("-")[2]):
            raise InputError(
                f"{path} lists other lanes than those that its folder is named after; "
                f"{remedy}"
            )
    return found


def clean(folder: Path) -> None:
    """Removes what killed processes left in a results folder whose lock is ours.

    That is: half-written files, half-written checkpoints, and checkpoints that a newer
    one replaced. Nothing is removed through a link, and nothing of other names.
    """
    remove_leftovers(folder)
    place = folder / "checkpoints"
    if place.is_symlink() or not place.is_dir():
        return
    for batch in place.iterdir():
        if batch.is_symlink() or not batch.is_dir():
            continue
        for part in batch.iterdir():
            unfinished = part.name.startswith(".") and part.name.endswith(".partial")
            if unfinished and part.name[1:].split(".")[0].isdigit():
                shutil.rmtree(part, ignore_errors=True)
        for older in _iterations(batch)[:-1]:
            shutil.rmtree(batch / str(older), ignore_errors=True)


def _position(note: dict[str, Any]) -> Position:
    return Position(note["iteration"], float(note["train_seconds"]))


@contextmanager
def _quiet() -> Iterator[None]:
    """What orbax raises it also logs, with all that led to it; we say it in a line."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _write(path: Path, tree: PyTree) -> None:
    with _quiet(), ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path.resolve(), _without_empty(tree))


def _read(path: Path, like: PyTree) -> PyTree:
    cpu = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    target = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=cpu), like
    )
    with _quiet(), ocp.StandardCheckpointer() as checkpointer:
        found = checkpointer.restore(path.resolve(), _without_empty(target))
    arrays = iter(jax.tree.leaves(jax.device_get(found)))
    return jax.tree.map(
        lambda x: next(arrays) if x.size else np.zeros(x.shape, x.dtype), like
    )


def _without_empty(tree: PyTree) -> PyTree:
    """A tree without its arrays of no elements, which orbax refuses to save."""
    return jax.tree.map(lambda x: x if x.size else None, tree)


def _check_files(state: Path, note: dict[str, Any]) -> None:
    """Raises `ValueError` unless the files are those that were written."""
    if "files" not in note:
        logging.getLogger("pgvq").warning(
            "the checkpoint %s was written by an older pgvq, without digests: damage "
            "to it would go unseen",
            state.parent,
        )
        return
    found = file_digests(state, names=note["files"])
    for name, digest in note["files"].items():
        if found.get(name) != digest:
            raise ValueError(f"{name} is not as it was written")


def _check_structure(like: PyTree, note: dict[str, Any]) -> None:
    """Raises `ValueError` unless arrays of these shapes and dtypes were saved."""
    if "arrays" not in note:
        return
    leaves = jax.tree_util.tree_leaves_with_path(like)
    wanted = {jax.tree_util.keystr(path): kind_of(leaf) for path, leaf in leaves}
    saved = {name: kind.rpartition(" ")[0] for name, kind in note["arrays"].items()}
    for name in {**wanted, **saved}:
        if wanted.get(name) != saved.get(name):
            was, now = saved.get(name, "nothing"), wanted.get(name, "nothing")
            raise ValueError(f"it holds {was} where {now} is needed, at {name}")


def _cannot_save(target: Path, error: Exception) -> InputError:
    """The error for a checkpoint that could not be written."""
    if isinstance(error, OSError):
        return cannot_write(target, error, "the checkpoint ")
    # orbax passes the system's answer on as a text, behind a long way to it.
    text = str(error).lower()
    full = "no space left" in text or "quota" in text
    why = "No space left on device" if full else one_line(error)
    return InputError(
        f"cannot write the checkpoint {target}: {why}; make room or make the folder "
        "writable, and the same command goes on from the checkpoint before it"
    )


def _lanes_digest(lanes: LaneNames) -> str:
    listed_lanes = json.dumps([list(lane) for lane in lanes])
    return sha256(listed_lanes.encode()).hexdigest()[:10]


def _is_digest(word: str) -> bool:
    return len(word) == 10 and set(word) <= set("0123456789abcdef")


def _anew(path: Path) -> str:
    """What to do about a damaged checkpoint."""
    return f"delete {path} and run again: what it held is trained anew"


def _iterations(folder: Path) -> list[int]:
    """Iterations of the complete checkpoints in a batch's folder, ascending."""
    if not folder.is_dir():
        return []
    names = (part.name for part in folder.iterdir())
    return sorted(int(name) for name in names if _ITERATION.fullmatch(name))
