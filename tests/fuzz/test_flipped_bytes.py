"""One flipped bit anywhere in a results folder: noticed, or without consequence.

    pytest -m slow tests/fuzz/test_flipped_bytes.py -n 0 -s

Two folders are damaged: one that is finished, and one that was stopped half-way. What
is read from either is what was written, or one line; a run that goes on ends with the
tables of one that nobody stopped, or with one line.
"""

import contextlib
import random
import shutil
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

from pgvq import load, run
from pgvq.results import trust
from pgvq.running import session
from pgvq.running.session import Interrupted
from pgvq.training.checkpoints import saved_batches
from pgvq.training.lanes import Lanes
from tests.helpers import cli_fixtures
from tests.helpers.cli_fixtures import Calls, assert_equal
from tests.helpers.fuzz.bounds import Figures, called

pytestmark = pytest.mark.slow

OF_EACH = 14  # flips in every file that is read, however small
OF_ALL = 60  # and in all of them together, by their size
PICTURES = (".png", ".svg", ".csv")  # written for people, and never read


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A finished folder and one that was stopped after four of six iterations."""
    root = tmp_path_factory.mktemp("whole")
    experiment = cli_fixtures.tiny()
    source = {"text": cli_fixtures.TEXT, "changes": {}, "set": []}

    def stop(chunk):
        if chunk == 4:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "CHUNK_SECONDS", 0.0)
        patch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
        run(experiment, root / "finished", source=source)
        with contextlib.suppress(Interrupted, KeyboardInterrupt):
            run(experiment, root / "stopped", Calls(stop), source=source)
    (root / "finished" / "learning_curves.png").write_bytes(bytes(range(256)) * 4)
    assert list((root / "stopped" / "checkpoints").glob("*/[1-5]/note.json"))
    assert not list((root / "stopped" / "checkpoints").glob("*/6"))
    return root


def places(folder: Path, draw: random.Random) -> list[tuple[Path, int, int]]:
    """Files, offsets and bits: every file several times, and more in large ones."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    read = [p for p in files if p.suffix not in PICTURES]
    chosen = [path for path in read for _ in range(OF_EACH)]
    chosen += draw.choices(read, [p.stat().st_size for p in read], k=OF_ALL)
    chosen += [path for path in files if path.suffix in PICTURES for _ in range(3)]
    return [
        (
            path.relative_to(folder),
            draw.randrange(path.stat().st_size),
            draw.randrange(8),
        )
        for path in chosen
    ]


def checkpoint(folder: Path):
    """Arrays and position of the newest checkpoint, as `pgvq watch` reads it."""
    experiment = cli_fixtures.tiny()
    [batch] = saved_batches(folder)
    lanes = experiment.batches(batch.lanes)[0]
    algorithm = lanes[0].algorithm
    like = Lanes(lanes, experiment.games, experiment.game_steps(algorithm))
    tree, position = batch.restore(like.host_shapes())
    return [np.asarray(x).tobytes() for x in jax.tree.leaves(tree)], position


def differences(found, whole) -> str:
    """What is not as it was written in results that were read without a line."""
    held = dict(found.description)
    source, was = held.pop("source", None), dict(whole.description)
    if source != was.pop("source", None) and trust.is_ours(source or {}):
        return "the source differs, and is taken for our own"
    held["title"] = was["title"]  # which may be changed by hand
    unknown = held.keys() - was.keys()
    held = {name: part for name, part in held.items() if name not in unknown}
    if held != was or len(unknown) > 1:
        return f"another description: {[n for n in was if held.get(n) != was[n]]}"
    if found.sessions != whole.sessions:
        return "other sessions"
    for table in ("evaluations", "training"):
        try:
            pd.testing.assert_frame_equal(
                getattr(found, table), getattr(whole, table), check_exact=True
            )
        except AssertionError as error:
            return f"another table {table}: {' '.join(str(error).split())[:200]}"
    return ""


def outcome(folder: Path, path: Path, whole, saved, finished) -> tuple[bool, str]:
    """Whether a folder with a damaged file got a line, and what is wrong."""
    if "checkpoints" in path.parts:
        found, line, wrong = called(lambda: checkpoint(folder))
        if not line and found != saved:
            wrong = wrong or "another checkpoint"
        if wrong or folder.name == "finished":  # which needs none to go on
            return bool(line), wrong
    found, line, wrong = called(lambda: load(folder))
    refused = bool(line)
    if found is not None:
        wrong = differences(found, whole)
    if wrong:
        return refused, f"load: {wrong}"
    ended, line, wrong = called(lambda: run(cli_fixtures.tiny(), folder))
    if ended is not None:
        try:
            assert_equal(ended, finished)
            assert_equal(folder, finished)
        except AssertionError as error:
            wrong = f"another end: {' '.join(str(error).split())[:200]}"
    return refused or bool(line), f"run: {wrong}" if wrong else ""


@pytest.mark.usefixtures("compile_once")
def test_a_flipped_bit_is_a_line_or_does_no_harm(folders, tmp_path):
    figures = Figures("flipped bits")
    finished = load(folders / "finished")
    for name in ("finished", "stopped"):
        whole, saved = load(folders / name), checkpoint(folders / name)
        for path, offset, bit in places(folders / name, random.Random(name)):
            folder = shutil.copytree(folders / name, tmp_path / name)
            data = bytearray((folder / path).read_bytes())
            data[offset] ^= 1 << bit
            (folder / path).write_bytes(data)
            refused, wrong = outcome(folder, path, whole, saved, finished)
            kind = path.name if path.suffix else "checkpoint data"
            case = f"{name}/{path}, byte {offset}, bit {bit}"
            figures.add(f"{name} {kind}", case, refused, wrong)
            shutil.rmtree(folder)
    figures.check(300)
