"""Checkpoints: the whole state of a batch of lanes, saved atomically by orbax.

    results/NAME/checkpoints/BATCH/lanes.json     which variants and seeds, in order
    results/NAME/checkpoints/BATCH/ITERATION/     state, and a note of where it stands

A checkpoint holds parameters, optimiser, replay, environments, keys and counters, so
that training which goes on from it equals training that never stopped. A newer one is
complete before the older one is removed. Deleting them all loses no result.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import orbax.checkpoint as ocp

from pgvq.files import one_line, read_json, write_json
from pgvq.types import InputError, PyTree

logging.getLogger("absl").setLevel(logging.ERROR)  # orbax tells of every file

LaneNames = Sequence[tuple[str, int]]  # variant and seed


class Position(NamedTuple):
    """Where a batch stands."""

    iteration: int
    train_seconds: float  # wall-clock so far, without compilation and evaluation


class Batch:
    """The checkpoints of one batch of lanes."""

    def __init__(self, folder: Path, lanes: LaneNames) -> None:
        """`folder` is the results folder; nothing is written yet."""
        text = json.dumps([list(lane) for lane in lanes])
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        self.folder = folder / "checkpoints" / f"{lanes[0][0]}-{digest}"
        self.lanes = [(variant, int(seed)) for variant, seed in lanes]

    def iteration(self) -> int:
        """Of the newest checkpoint; -1 if there is none."""
        return max(_iterations(self.folder), default=-1)

    def position(self) -> Position | None:
        """Where the newest checkpoint stands; None if there is none.

        Raises:
            InputError: its note is damaged.
        """
        if self.iteration() < 0:
            return None
        path = self.folder / str(self.iteration()) / "note.json"
        remedy = _anew(self.folder)
        note = read_json(path, dict, remedy)
        try:
            return Position(int(note["iteration"]), float(note["train_seconds"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} lacks or spoils {error}; {remedy}") from error

    def save(self, tree: PyTree, position: Position) -> None:
        """Saves host arrays, then removes older checkpoints.

        Raises:
            InputError: the folder cannot be written.
        """
        target = self.folder / str(position.iteration)
        if target.exists():
            return  # complete, and the same: what leads to an iteration is determined
        try:
            write_json(self.folder / "lanes.json", self.lanes)
            unfinished = target.with_name(f".{target.name}.partial")
            shutil.rmtree(unfinished, ignore_errors=True)
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save((unfinished / "state").resolve(), tree)
            write_json(unfinished / "note.json", position._asdict())
            unfinished.rename(target)  # in one step: complete or not there
            for older in _iterations(self.folder):
                if older != position.iteration:
                    shutil.rmtree(self.folder / str(older), ignore_errors=True)
        except OSError as error:
            raise InputError(
                f"cannot write the checkpoint {target}: {error.strerror or error}; "
                "make room or make the folder writable"
            ) from error

    def restore(self, like: PyTree) -> tuple[PyTree, Position]:
        """The newest checkpoint, in the structure of `like` (shapes and dtypes).

        Raises:
            InputError: it is damaged, or of another structure.
        """
        position = self.position()
        if position is None:
            raise InputError(f"{self.folder} holds no checkpoint")
        path = self.folder / str(position.iteration) / "state"
        cpu = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        target = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=cpu), like
        )
        try:
            with ocp.StandardCheckpointer() as checkpointer:
                tree = checkpointer.restore(path.resolve(), target)
        except Exception as error:  # orbax raises of many kinds on damaged files
            raise InputError(
                f"the checkpoint {path} cannot be read ({one_line(error)}); "
                f"{_anew(self.folder)}"
            ) from error
        return jax.device_get(tree), position


def saved_batches(folder: Path) -> list[Batch]:
    """The batches of a results folder that have a checkpoint, by name.

    Raises:
        InputError: a list of lanes is damaged.
    """
    found = []
    for path in sorted((folder / "checkpoints").glob("*/lanes.json")):
        remedy = _anew(path.parent)
        held = read_json(path, list, remedy)
        try:
            lanes = [(str(variant), int(seed)) for variant, seed in held]
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} is no list of lanes; {remedy}") from error
        batch = Batch(folder, lanes) if lanes else None
        if batch and batch.folder == path.parent and batch.iteration() >= 0:
            found.append(batch)
    return found


def _anew(folder: Path) -> str:
    """What to do about a damaged checkpoint."""
    return f"delete {folder} and run again: its seeds start anew"


def _iterations(folder: Path) -> list[int]:
    """Iterations of the complete checkpoints in a batch's folder, ascending."""
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit())
