"""A process that dies after any write: the same command completes the folder."""

import os
import shutil
from pathlib import Path

import pytest

from pgvq.running import session
from pgvq.running.runner import run
from pgvq.training import checkpoints
from tests.helpers.cli_fixtures import ITERATIONS, Calls, assert_equal, tiny

pytestmark = pytest.mark.usefixtures("compile_once")


class Killed(BaseException):
    """As if the process ended here: nothing catches it."""


class Disk:
    """Counts what is written, and dies after the write of a number."""

    def __init__(self, monkeypatch, fatal=None):
        self.writes, self.fatal = [], fatal
        for owner, name in (
            (os, "replace"),  # tables, sessions, lanes, notes
            (Path, "rename"),  # a checkpoint gets its name
            (shutil, "rmtree"),  # older checkpoints
            (checkpoints, "_write"),  # the state of a checkpoint
        ):
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name), name))

    def counted(self, original, name):
        def write(*args, **kwargs):
            if self.fatal is not None and len(self.writes) > self.fatal:
                return None  # dead processes write nothing
            done = original(*args, **kwargs)
            self.writes.append((name, str(args[0])))
            if len(self.writes) - 1 == self.fatal:
                raise Killed
            return done

        return write


@pytest.fixture(scope="module")
def whole():
    return run(tiny())


def leftovers(folder):
    return [
        path.name
        for path in folder.rglob(".*")
        if path.name.endswith((".tmp", ".partial", ".lock"))
    ]


def complete(out, whole):
    """The same command once more, and what must be true of the folder then."""
    assert_equal(run(tiny(), out), whole)
    [batch] = checkpoints.saved_batches(out)
    assert batch.iteration() == ITERATIONS
    assert sorted(p.name for p in batch.folder.iterdir()) == ["6", "lanes.json"]
    assert leftovers(out) == []
    calls = Calls(lambda number: None)
    run(tiny(), out, calls)
    assert calls.batches == []


def kill_after_each(tmp_path, monkeypatch, whole, chosen):
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        run(tiny(), tmp_path / "counted")
    for number in range(len(disk.writes))[chosen]:
        out = tmp_path / str(number)
        with monkeypatch.context() as patch:
            dying = Disk(patch, number)
            with pytest.raises(Killed):
                run(tiny(), out)
        assert dying.writes[-1][0] == disk.writes[number][0]
        complete(out, whole)
    return [name for name, _ in disk.writes]


def test_a_short_run_killed_after_each_write_gets_its_last_checkpoint(
    tmp_path, monkeypatch, whole
):
    """D3: it has no older checkpoint, and its tables may be complete."""
    monkeypatch.setattr(session, "CHUNK_SECONDS", 0.0)
    writes = kill_after_each(tmp_path, monkeypatch, whole, slice(None))
    # The last table and session, then the checkpoint: state, note, name.
    assert writes[-4:] == ["replace", "_write", "replace", "rename"]
    assert len(writes) == 2 + 4 * 3 + 3


def test_a_run_killed_about_its_last_checkpoints_completes_them(
    often, tmp_path, monkeypatch, whole
):
    """The older one is still there, and `watch` must not play it for ever."""
    writes = kill_after_each(tmp_path, monkeypatch, whole, slice(-11, None))
    assert writes[-4:] == ["_write", "replace", "rename", "rmtree"]


@pytest.mark.slow
def test_a_run_killed_after_each_of_all_writes(often, tmp_path, monkeypatch, whole):
    kill_after_each(tmp_path, monkeypatch, whole, slice(None, None, 2))


def test_more_seeds_after_a_kill_before_the_last_checkpoint(
    tmp_path, monkeypatch, whole
):
    with monkeypatch.context() as patch:
        Disk(patch, 13)  # all tables and sessions
        with pytest.raises(Killed):
            run(tiny(), tmp_path / "out")
    calls = Calls(lambda number: None)
    found = run(tiny(seeds=3), tmp_path / "out", calls)
    assert calls.done == 0
    assert sorted(found.training["seed"].unique()) == [0, 1, 2]
    again = Calls(lambda number: None)
    run(tiny(seeds=3), tmp_path / "out", again)
    assert again.batches == []
    # The batch of two seeds that never was saved is gone: that of three replaced it.
    assert len(list((tmp_path / "out" / "checkpoints").iterdir())) == 1


@pytest.mark.parametrize("deleted", ["all", "a batch"])
def test_deleted_checkpoints_lose_nothing_and_more_seeds_go_on(
    finished, tmp_path, whole, deleted
):
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    [batch] = checkpoints.saved_batches(out)
    shutil.rmtree(out / "checkpoints" if deleted == "all" else batch.folder)
    calls = Calls(lambda number: None)
    assert_equal(run(tiny(), out, calls), whole)
    assert calls.batches == []
    more = Calls(lambda number: None)
    run(tiny(seeds=4), out, more)
    assert more.batches == [[("dqn", 2), ("dqn", 3)]]


def test_a_damaged_last_checkpoint_that_was_deleted_is_made_again(
    finished, tmp_path, whole
):
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    [batch] = checkpoints.saved_batches(out)
    shutil.rmtree(batch.folder / "6")  # as the error line says
    complete(out, whole)


def test_leftovers_of_killed_processes_go_and_nothing_else(finished, tmp_path, whole):
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    [batch] = checkpoints.saved_batches(out)
    outside = tmp_path / "outside"
    outside.mkdir()
    gone = [
        out / ".experiment.json.0badcafe.tmp",
        out / "dqn" / ".training.parquet.0badcafe.tmp",
        batch.folder / ".note.json.0badcafe.tmp",
        batch.folder / ".9.partial" / "state",  # as older versions called them
        batch.folder / ".9.0badcafe.partial" / "state",
        batch.folder / "3" / "state",  # replaced by a newer one
    ]
    kept = [
        out / "notes.tmp",
        out / ".mine.tmp",
        out / ".learning_curves.png.0badcafe.tmp",  # perhaps `pgvq plot` writes it now
        out / "dqn" / ".partial",
        out / "dqn" / "3.partial",
        batch.folder / ".x.partial" / "state",
        outside / ".training.parquet.0badcafe.tmp",
        outside / ".9.partial" / "state",
    ]
    for path in gone + kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (out / "checkpoints" / "linked").symlink_to(outside)
    (out / "linked").symlink_to(outside)
    assert_equal(run(tiny(), out), whole)
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
