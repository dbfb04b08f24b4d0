"""Damage to a checkpoint, and disks that are full while it is written."""

import contextlib
import errno
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from pgvq.storage import files
from pgvq.training import checkpoints
from pgvq.training.checkpoints import Batch, Position, saved_batches
from pgvq.types import InputError
from tests.helpers.cli_fixtures import environment

LANES = [("dqn", 0), ("dqn", 1)]


def tree(seed=0):
    """Many arrays of all kinds that a checkpoint has."""
    chance = np.random.default_rng(seed)
    return {
        "params": [chance.normal(size=(2, 40)).astype(np.float32) for _ in range(10)],
        "replay": chance.integers(0, 9, (2, 5000)).astype(np.uint8),
        "key": np.array([[1, 2], [3, 4]], np.uint32),
        "count": np.array([7, 8], np.int32),
        "flag": np.array([True, False]),
        "nan": np.array([np.nan, -0.0], np.float32),
        "half": np.asarray(jax.numpy.ones((2, 3), jax.numpy.bfloat16)),
        "empty": np.zeros((2, 0), np.float32),
    }


def like(given):
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), given)


def assert_same(left, right):
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.fixture
def batch(tmp_path):
    made = Batch(tmp_path, LANES)
    made.save(tree(), Position(3, 1.5))
    return made


FLIPS = """
import json, sys
from pathlib import Path
import numpy as np
sys.path[:0] = [sys.argv[2], str(Path(sys.argv[2]).parents[1])]
from test_damaged_checkpoints import LANES, assert_same, like, tree
from pgvq.training.checkpoints import saved_batches
from pgvq.types import InputError

root = Path(sys.argv[1])
[batch] = saved_batches(root)
wanted = tree()
paths = sorted(p for p in batch.folder.rglob("*") if p.is_file() and p.stat().st_size)
sizes = np.array([p.stat().st_size for p in paths])
chance = np.random.default_rng(5)
# Every file several times, however small, then bytes of all of them.
places = [(p, int(chance.integers(s))) for p, s in zip(paths, sizes) for _ in range(6)]
ends = np.cumsum(sizes)
for offset in chance.integers(sizes.sum(), size=60):
    number = int(np.searchsorted(ends, offset, "right"))
    places.append((paths[number], int(offset - ends[number] + sizes[number])))
said = []
for path, offset in places:
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[offset] ^= 1 << int(chance.integers(8))
    path.write_bytes(damaged)
    try:
        [found] = saved_batches(root)
        restored, position = found.restore(like(wanted))
    except InputError as error:
        said.append(str(error))
    else:
        assert_same(restored, wanted)
        assert position == (3, 1.5), position
        assert path.name in ("note.json", "lanes.json"), path  # white space, perhaps
        said.append("")
    path.write_bytes(whole)
print(json.dumps(said))
"""


def test_a_flipped_bit_anywhere_is_one_line_or_does_no_harm(batch, tmp_path):
    """20 of 40 restored other arrays; a damaged manifest printed 79 more lines."""
    done = subprocess.run(
        [sys.executable, "-c", FLIPS, tmp_path, Path(__file__).parent],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert len(said) >= 100
    assert sum(not line for line in said) < 5
    for line in filter(None, said):
        assert "\n" not in line
        assert f"delete {batch.folder}" in line
        assert "run again" in line


def test_arrays_are_compared_with_what_was_saved(batch, monkeypatch):
    """Also what no file shows: a digest of every array, taken before it was written."""
    read = checkpoints._read

    def other(path, target):
        found = read(path, target)
        found["count"] = found["count"] + 1
        return found

    monkeypatch.setattr(checkpoints, "_read", other)
    with pytest.raises(InputError, match="not those that were saved"):
        batch.restore(like(tree()))


def test_a_note_that_was_edited_is_refused(batch):
    path = batch.folder / "3" / "note.json"
    note = json.loads(path.read_text())
    assert set(note["arrays"]) > {"['count']", "['params'][0]"}
    assert note["arrays"]["['count']"].startswith("int32[2] ")
    for change in ({"train_seconds": 9.0}, {"digest": None}, {"iteration": 4}):
        path.write_text(json.dumps(note | change))
        with pytest.raises(InputError, match="is damaged"):
            batch.position()


def test_another_structure_is_named(batch):
    other = tree() | {"count": np.zeros((2, 2), np.int32)}
    with pytest.raises(
        InputError, match=r"holds int32\[2\] where int32\[2, 2\] is nee"
    ):
        batch.restore(like(other))


def test_a_checkpoint_of_an_older_version_is_restored_with_a_sentence(batch, caplog):
    path = batch.folder / "3" / "note.json"
    path.write_text('{"iteration": 3, "train_seconds": 1.5}')
    with caplog.at_level(logging.WARNING, "pgvq"):
        found, position = batch.restore(like(tree()))
    assert_same(found, tree())
    assert position == (3, 1.5)
    [record] = caplog.records
    assert "written by an older pgvq, without digests" in record.getMessage()


def test_lanes_of_another_folder_are_an_error(batch, tmp_path):
    (batch.folder / "lanes.json").write_text('[["dqn", 0], ["dqn", 2]]')
    with pytest.raises(InputError, match="other lanes than those that its folder"):
        saved_batches(tmp_path)


# --- disks


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def as_orbax_says_it(*_, **__):
    raise ValueError(
        'RESOURCE_EXHAUSTED: Error writing "x" in OCDBT database: [OS error 28: No '
        "space left on device]\n[source locations='a.cc:1']"
    )


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (checkpoints, "_write", as_orbax_says_it),
        (checkpoints, "file_digests", full),
        (files.os, "fsync", full),
        (files.os, "replace", full),
        (Path, "rename", full),
    ],
)
def test_a_full_disk_is_one_line_and_the_older_checkpoint_is_kept(
    batch, monkeypatch, owner, name, fault
):
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fault)
        with pytest.raises(InputError, match=r"cannot write .*No space left") as error:
            batch.save(tree(1), Position(5, 2.5))
    assert "\n" not in str(error.value)
    assert sorted(p.name for p in batch.folder.iterdir()) == ["3", "lanes.json"]
    found, position = batch.restore(like(tree()))
    assert position.iteration == 3
    assert_same(found, tree())
    batch.save(tree(1), Position(5, 2.5))  # once there is room
    assert batch.position() == (5, 2.5)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of half a megabyte, where root may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    with contextlib.suppress(OSError):
        if subprocess.run(options, capture_output=True).returncode == 0:
            yield place
            subprocess.run(["umount", str(place)], check=True)
            return
    pytest.skip("no file system can be mounted here")


FULL = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2], str(Path(sys.argv[2]).parents[1])]
import numpy as np
from test_damaged_checkpoints import LANES, tree
from pgvq.training.checkpoints import Batch, Position
from pgvq.types import InputError
batch = Batch(Path(sys.argv[1]), LANES)
batch.save(tree(), Position(3, 1.5))
large = {"x": np.random.default_rng(0).normal(size=200_000)}
try:
    batch.save(large, Position(5, 2.5))
except InputError as error:
    print(error)
"""


def test_a_disk_that_is_really_full(small_disk):
    done = subprocess.run(
        [sys.executable, "-c", FULL, small_disk, Path(__file__).parent],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    assert "No space left on device; make room" in line
    [batch] = saved_batches(small_disk)
    assert sorted(p.name for p in batch.folder.iterdir()) == ["3", "lanes.json"]
    assert_same(batch.restore(like(tree()))[0], tree())


# --- Ctrl-C twice


TWICE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
from pathlib import Path
sys.path[:0] = [sys.argv[2], str(Path(sys.argv[2]).parents[1])]
from test_damaged_checkpoints import LANES, tree
from pgvq.training import checkpoints
from pgvq.training.checkpoints import Batch, Position
write = checkpoints._write
def slowly(path, tree):
    print("writing", flush=True)
    write(path, tree)
    time.sleep(1)
checkpoints._write = slowly
try:
    Batch(Path(sys.argv[1]), LANES).save(tree(1), Position(5, 2.5))
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_ctrl_c_during_a_save_leaves_the_older_checkpoint(batch, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", TWICE, tmp_path, Path(__file__).parent],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(2)
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("stopped\n", "")
    assert sorted(p.name for p in batch.folder.iterdir()) == ["3", "lanes.json"]
    assert batch.position() == (3, 1.5)
    assert os.listdir(tmp_path) == ["checkpoints"]
