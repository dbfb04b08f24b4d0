"""Results folders of several machines become one, or a line says why not."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pgvq
from pgvq import InputError
from pgvq.cli import main
from pgvq.results import store as results
from pgvq.running import merging
from pgvq.running.progress import Reporter
from pgvq.running.runner import run
from pgvq.training import checkpoints
from tests.helpers.cli_fixtures import TEXT, Calls, assert_equal, dqn, environment, tiny


class Notes(Reporter):
    """Keeps what it is told."""

    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders `a`, seeds 0 and 1, and `b`, seeds 2 and 3, trained once."""
    root = tmp_path_factory.mktemp("merging")
    source = {"text": TEXT, "changes": {}, "set": []}
    run(tiny(seeds=4), root / "all", source=source)
    for name, seeds in {"a": (0, 1), "b": (2, 3)}.items():
        shutil.copytree(root / "all", root / name)
        shutil.rmtree(root / name / "checkpoints")
        keep(root / name, lambda table, seeds=seeds: table["seed"].isin(seeds))
    return root


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """A copy of the two folders, to work in."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep(folder, rows):
    """Only those rows of a folder's tables for which `rows(table)` is true."""
    for name in results.TABLES:
        table = results.read_table(folder, "dqn", name)
        results.write_table(folder, "dqn", name, table.loc[rows(table)])


def changed(folder, name, change):
    """A folder whose table was changed."""
    table = results.read_table(folder, "dqn", name)
    change(table)
    results.write_table(folder, "dqn", name, table)


def refused(*folders, out="out"):
    with pytest.raises(InputError) as caught:
        pgvq.merge(folders, out)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_two_folders_are_one_as_if_trained_together(place):
    found = pgvq.merge(["a", "b"], "out")
    assert_equal(found, place / "all")
    assert_equal(results.load("out"), place / "all")
    assert not (place / "out" / "checkpoints").exists()
    assert sorted(p.name for p in place.iterdir()) == ["a", "all", "b", "out"]
    assert [p.name for p in (place / "out").iterdir() if p.name.startswith(".")] == []


def test_the_sessions_of_all_are_kept_and_their_common_ones_once(place):
    held = results.read_sessions("b", "dqn")
    results.add_session("b", "dqn", held[0] | {"started": "2001", "lanes": 7})
    pgvq.merge(["a", "b"], "out")
    found = results.read_sessions("out", "dqn")
    assert [s["started"] for s in found] == ["2001", held[0]["started"]]


def test_the_description_says_the_same_and_the_program_keeps_its_signature(place):
    pgvq.merge(["a", "b"], "out")
    descriptions = [results.read_description(x) for x in ("a", "out")]
    assert descriptions[0] == descriptions[1]
    # A stranger's program is not signed as one's own.
    for name in ("a", "b"):
        path = place / name / "experiment.json"
        held = json.loads(path.read_text())
        held["source"]["origin"] = "0" * 64
        path.write_text(json.dumps(held))
    pgvq.merge(["a", "b"], "foreign")
    assert results.read_description("foreign")["source"]["origin"] == "0" * 64


@pytest.mark.usefixtures("compile_once")
def test_a_merged_folder_is_done_and_goes_on(place):
    pgvq.merge(["a", "b"], "out")
    calls = Calls(lambda chunk: None)
    run(tiny(seeds=4), "out", calls)
    assert (calls.done, calls.batches) == (4, [])
    found = run(tiny(seeds=range(100, 102)), "out", calls)
    assert calls.batches == [[("dqn", 100), ("dqn", 101)]]
    assert set(found.training["seed"]) == {0, 1, 2, 3, 100, 101}


def test_a_run_that_several_have_is_kept_once_if_it_is_the_same(place):
    keep("a", lambda table: table["seed"] >= 0)
    changed("all", "training", lambda t: t.update(t[["train_seconds"]] + 1))
    assert_equal(pgvq.merge(["a", "all", "b"], "out"), place / "all")


@pytest.mark.parametrize("column", ["score", "length", "truncated"])
def test_a_run_that_differs_is_named(place, column):
    def change(table):
        row = table.index[table["seed"] == 3][-1]
        old = table.loc[row, column]
        table.loc[row, column] = not old if column == "truncated" else old + 1

    changed("all", "evaluations", change)
    said = refused("all", "b")
    assert "dqn, seed 3: all and b hold different rows" in said
    assert f"evaluations, {column}" in said


def test_nan_is_the_same_as_nan_and_a_metric_is_compared(place):
    assert results.load("a").training["loss"].isna().any()

    def change(table):
        table.loc[table.index[table["seed"] == 2][-1], "loss"] += 1e-9

    changed("all", "training", change)
    assert "dqn, seed 2" in refused("all", "b")
    assert "training, loss" in refused("b", "all")


def test_runs_that_are_not_complete_are_left_out_and_named(place):
    last = results.read_table("a", "dqn", "training")["agent_steps"].max()
    keep("a", lambda table: (table["seed"] == 1) | (table["agent_steps"] < last))
    # Of seed 2 a point on the way is missing, of seed 3 a game.
    middle = sorted(results.read_table("b", "dqn", "training")["agent_steps"])[2]
    keep("b", lambda table: (table["seed"] != 2) | (table["agent_steps"] != middle))
    table = results.read_table("b", "dqn", "evaluations")
    results.write_table("b", "dqn", "evaluations", table.iloc[:-1])
    notes = Notes()
    found = pgvq.merge(["a", "b"], "out", notes)
    assert set(found.training["seed"]) == set(found.evaluations["seed"]) == {1}
    assert len(notes.said) == 2
    assert "a: dqn, seed 0 left out" in notes.said[0]
    assert "b: dqn, seeds 2, 3 left out" in notes.said[1]


def test_without_a_complete_run_nothing_is_made(place):
    for name in ("a", "b"):
        keep(name, lambda table: table["agent_steps"] < 100)
    assert "came to the end of its budget" in refused("a", "b")
    assert not (place / "out").exists()


OTHERS = {
    "budget_agent_steps: 224 -> 320": {"steps": 320},
    "evaluation.games: 2 -> 3": {"games": 3},
    "dqn.learning_rate: 0.0005 -> 0.1": {"algorithms": [dqn(learning_rate=0.1)]},
    "other: none -> DQN": {"algorithms": {"dqn": dqn(), "other": dqn()}},
    "name: tiny -> tinier": {"name": "tinier"},
}


@pytest.mark.parametrize("said", OTHERS)
def test_different_experiments_are_refused_with_what_differs(place, said):
    results.create("b2", tiny(**OTHERS[said]).describe())
    message = refused("a", "b2")
    assert "a and b2 hold different experiments" in message
    assert said.split(":")[0] in message
    assert said.split("-> ")[1] in message


def test_a_title_is_no_difference(place):
    held = results.read_description("b")
    results.update(place / "b", held | {"title": "Better"})
    pgvq.merge(["a", "b"], "out")
    assert results.read_description("out")["title"] == "tiny"


def test_an_old_folder_is_refused(place):
    held = results.read_description("b")
    (place / "b" / "experiment.json").write_text(
        json.dumps({k: v for k, v in held.items() if k not in ("digest", "checksum")})
    )
    assert "b was written before pgvq described experiments" in refused("a", "b")


def test_a_changed_description_is_refused(place):
    path = place / "b" / "experiment.json"
    path.write_text(path.read_text().replace('"games": 2', '"games": 3'))
    assert "was changed since it was written" in refused("a", "b")
    held = json.loads(path.read_text())
    del held["checksum"]
    path.write_text(json.dumps(held))
    assert "its digest is of another configuration" in refused("a", "b")


def test_what_cannot_be_merged_is_one_line(place):
    (place / "file").write_text("")
    (place / "full").mkdir()
    (place / "full" / "x").write_text("")
    (place / "empty").mkdir()
    assert "at least two results folders" in refused("a")
    assert "is given twice" in refused("a", "./a")
    with pytest.raises(InputError, match="must be a list of results folders"):
        pgvq.merge("a", "out")
    assert "nope does not exist" in refused("a", "nope")
    assert "is no folder" in refused("a", "b", out="file")
    assert "not empty (it holds 'x')" in refused("a", "b", out="full")
    assert "lies in a, which is merged" in refused("a", "b", out="a/new")
    assert "lies in a, which is merged" in refused("a", "b", out="a")
    pgvq.merge(["a", "b"], "empty")
    assert "not empty" in refused("a", "b", out="empty")


def test_a_damaged_table_is_refused_with_its_remedy(place):
    path = place / "b" / "dqn" / "evaluations.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read" in refused("a", "b")
    assert not (place / "out").exists()


class Killed(BaseException):
    """As if the process ended here: nothing that follows reaches the disk."""


class Disk:
    """Counts what is written, and dies after the write of a number."""

    def __init__(self, monkeypatch, fatal=None):
        self.fatal, self.writes = fatal, 0
        for owner, name in (
            (os, "replace"),
            (Path, "rename"),
            (Path, "rmdir"),
            (Path, "unlink"),
            (shutil, "rmtree"),
        ):
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, original):
        def write(*args, **kwargs):
            if self.fatal is not None and self.writes > self.fatal:
                return None
            done = original(*args, **kwargs)
            self.writes += 1
            if self.fatal is not None and self.writes > self.fatal:
                raise Killed
            return done

        return write


def test_a_killed_merge_leaves_nothing_and_the_next_one_completes(place, monkeypatch):
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        pgvq.merge(["a", "b"], "counted")
    outcomes = []
    for number in range(disk.writes):
        out = place / f"out{number}"
        with monkeypatch.context() as patch:
            Disk(patch, number)
            with contextlib.suppress(Killed):
                pgvq.merge(["a", "b"], out)
        outcomes.append(out.exists())
        if out.exists():  # whole, whatever happened after
            assert_equal(out, place / "all")
            (place / f".{out.name}.merging" / ".lock").unlink(missing_ok=True)
            shutil.rmtree(out)
        pgvq.merge(["a", "b"], out)
        assert_equal(out, place / "all")
        assert not (place / f".{out.name}.merging").exists()
    assert outcomes[0] is False
    assert outcomes[-1] is True


@pytest.mark.slow
def test_a_merge_that_is_killed_by_the_system(place):
    program = """
import os, signal
import pgvq
from pgvq.results import store as results
real = results.update
def dies(*arguments):
    real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
results.update = dies
pgvq.merge(["a", "b"], "out")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=place, env=environment(), timeout=120
    )
    assert done.returncode == -signal.SIGKILL
    assert not (place / "out").exists()
    assert (place / ".out.merging" / "merged" / "experiment.json").exists()
    pgvq.merge(["a", "b"], "out")
    assert_equal(place / "out", place / "all")
    assert not (place / ".out.merging").exists()


def test_two_merges_into_one_folder_do_not_meet(place):
    with merging.locked(place / ".out.merging"):
        assert "another process" in refused("a", "b")


def test_the_command_merges_draws_and_says_which_seeds(place, capsys):
    assert main(["merge", "a", "b", "--out", "out"]) == 0
    said = capsys.readouterr().out
    assert "dqn: seeds 0-3" in said
    assert "checkpoints are not merged" in said
    assert (place / "out" / "learning_curves.png").exists()
    for words, message in {
        "merge a b": "merge needs --out",
        "merge --out c": "at least two results folders",
        "merge a --out c": "at least two",
        "merge a b c d --out c --force": "merge has no option --force",
    }.items():
        assert main(words.split()) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_a_merged_folder_has_no_agents_to_watch(place):
    pgvq.merge(["a", "b"], "out")
    assert checkpoints.saved_batches(place / "out", begun=True) == []
    assert isinstance(results.load("out").training, pd.DataFrame)
    assert np.isfinite(results.load("out").evaluations["score"]).all()
