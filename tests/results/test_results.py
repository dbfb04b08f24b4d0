"""The results folder: what is written comes back, and what is broken says so."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pgvq.results import store as results
from pgvq.storage.files import atomic, plain
from pgvq.types import InputError
from tests.helpers.synthetic_results import description, evaluations, learning, training

NAMES = {"dqn,lr=0.1": "DQN", "a2c": "ActorCritic"}


@pytest.fixture
def folder(tmp_path):
    """A folder with both tables of the first variant and nothing of the second."""
    folder = tmp_path / "pong"
    results.create(folder, description(NAMES))
    table = evaluations(np.arange(2 * 3 * 2.0).reshape(2, 3, 2))
    results.write_table(folder, "dqn,lr=0.1", "evaluations", table)
    results.write_table(folder, "dqn,lr=0.1", "training", training(table))
    return folder


def fails(action, *words):
    """Assert that `action` raises a one-line `InputError` that says `words`."""
    with pytest.raises(InputError) as error:
        action()
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_what_is_written_comes_back(folder):
    found = results.load(folder)
    greedy = found.evaluations.query("mode == 'greedy'")
    assert list(found.evaluations)[:4] == ["variant", "algorithm", "family", "seed"]
    # Sorted by seed, point and game, so the scores 0..11 stand in their order.
    np.testing.assert_array_equal(greedy["score"], np.arange(12, dtype="float32"))
    assert set(greedy["variant"]) == {"dqn,lr=0.1"}
    assert set(greedy["family"]) == {"Q-learning"}
    assert found.folder == folder
    assert found.sessions == {"dqn,lr=0.1": [], "a2c": []}


@pytest.mark.parametrize("written", [True, False], ids=["with rows", "empty"])
def test_column_types_are_the_documented_ones(folder, written):
    variant = "dqn,lr=0.1" if written else "a2c"
    for name, kinds in results.TABLES.items():
        frame = results.read_table(folder, variant, name)
        assert len(frame) > 0 or not written
        expected = {k: pd.Series([], dtype=v).dtype for k, v in kinds.items()}
        assert {k: frame[k].dtype for k in kinds} == expected
        # "lr=0.1" in the folder's name must not turn into a column.
        assert not [column for column in frame if "lr" in column]


def test_writing_is_deterministic(folder, tmp_path):
    table = results.read_table(folder, "dqn,lr=0.1", "evaluations")
    shuffled = table.sample(frac=1, random_state=3)
    results.write_table(tmp_path, "b", "evaluations", shuffled)
    one = (folder / "dqn,lr=0.1" / "evaluations.parquet").read_bytes()
    assert one == (tmp_path / "b" / "evaluations.parquet").read_bytes()


def test_description_comes_back_as_create_said(tmp_path):
    given = description(NAMES) | {"kept": (1, np.float32(0.5)), "bound": float("inf")}
    told = results.create(tmp_path / "new", given)
    assert told == results.read_description(tmp_path / "new")
    assert told["kept"] == [1, 0.5]
    assert told["bound"] == "inf"
    assert told["format_version"] == 1
    assert plain({"unknown": float("nan")}) == {"unknown": None}


def test_results_are_built_in_memory_as_read(folder):
    built = learning(NAMES)
    assert built.folder is None
    for name, parts in built.evaluations.groupby("variant"):
        results.write_table(folder, str(name), "evaluations", parts.iloc[:, 3:])
    pd.testing.assert_frame_equal(
        results.load(folder).evaluations, built.evaluations, check_exact=True
    )


def test_sessions_are_appended_and_the_running_one_replaced(folder):
    first = {"started": "2026-01-01T00:00:00+00:00", "seeds": [0], "train_seconds": 1.0}
    second = first | {"started": "2026-01-02T00:00:00+00:00"}
    for session in (first, second, second | {"train_seconds": 9.0}):
        results.add_session(folder, "a2c", session)
    found = results.load(folder).sessions["a2c"]
    assert [s["train_seconds"] for s in found] == [1.0, 9.0]


def test_provenance_names_versions_devices_and_flags():
    found = results.provenance()
    assert found == plain(found)  # goes into JSON and comes back the same
    assert found["packages"]["jax"]
    assert found["devices"] >= 1
    assert found["device_kind"]
    assert found["started"].endswith("+00:00")


def test_a_killed_writer_leaves_the_old_file_and_its_leftover_goes(folder):
    """Pitfall 17: `kill -9` in the middle of a write."""
    target = folder / "a2c" / "provenance.json"
    results.add_session(folder, "a2c", {"started": "x", "seeds": [0]})
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pgvq.storage.files import atomic\n"
        "with atomic(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); print('now', flush=True)\n"
        "    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, target], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    [leftover] = target.parent.glob(".*.tmp")
    assert leftover.read_bytes() == b"half"
    assert len(results.read_sessions(folder, "a2c")) == 1

    results.add_session(folder, "a2c", {"started": "y", "seeds": [0]})
    assert leftover.exists()  # young: its writer may be alive
    hour_ago = time.time() - 3600
    os.utime(leftover, (hour_ago, hour_ago))
    results.add_session(folder, "a2c", {"started": "z", "seeds": [0]})
    assert not leftover.exists()
    assert len(results.read_sessions(folder, "a2c")) == 3


def test_a_failing_writer_cleans_up_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def interrupted():
        with atomic(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]
    assert path.read_text() == "old"


def test_create_overwrites_nothing(folder, tmp_path):
    before = (folder / "experiment.json").read_bytes()
    fails(lambda: results.create(folder, description(NAMES)), "already holds")
    assert (folder / "experiment.json").read_bytes() == before

    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.tex").write_text("mine")
    fails(lambda: results.create(foreign, description(NAMES)), "chapter.tex")
    assert [p.name for p in foreign.iterdir()] == ["chapter.tex"]

    (tmp_path / "file").write_text("mine")
    file, below = tmp_path / "file", tmp_path / "file" / "below"
    fails(lambda: results.create(file, description(NAMES)), str(file))
    fails(lambda: results.create(below, description(NAMES)), "cannot write", str(below))
    assert (tmp_path / "file").read_text() == "mine"


def test_create_takes_a_folder_that_only_a_killed_writer_used(tmp_path):
    (tmp_path / ".experiment.json.1a2b3c4d.tmp").write_text("{")
    results.create(tmp_path, description(NAMES))
    assert results.read_description(tmp_path)["name"] == "synthetic"


def test_absent_folders_get_advice(folder, tmp_path):
    fails(lambda: results.load(tmp_path / "pnog"), "does not exist", "did you mean")
    fails(lambda: results.load(tmp_path / "zzz"), "holds pong")
    fails(lambda: results.load(folder / "experiment.json"), "is a file")
    fails(lambda: results.load(tmp_path), "not a results folder", "experiment.json")


@pytest.mark.parametrize("name", ["evaluations.parquet", "training.parquet"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_half_written_tables_are_named(folder, name, kept):
    path = folder / "dqn,lr=0.1" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    # Only with its sister table and the checkpoints gone is a seed computed anew.
    remedy = f"delete {path.parent} and {folder / 'checkpoints'}"
    fails(lambda: results.load(folder), str(path), remedy)


def test_no_damage_changes_numbers_silently(folder):
    path = folder / "dqn,lr=0.1" / "evaluations.parquet"
    right, whole = results.load(folder).evaluations, path.read_bytes()
    noticed = 0
    for position in range(0, len(whole), 61):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        try:
            found = results.load(folder).evaluations
        except InputError:
            noticed += 1
        else:
            pd.testing.assert_frame_equal(found, right, check_exact=True)
    assert noticed > 10


@pytest.mark.parametrize("name", ["evaluations.parquet", "training.parquet"])
def test_a_column_does_not_change_its_name(folder, name):
    """Names stand in no page, so that Parquet's checksums say nothing of them."""
    path = folder / "dqn,lr=0.1" / name
    right, whole = results.load(folder), path.read_bytes()
    names = pq.ParquetFile(path).schema_arrow.names
    refused = 0
    for column in names:
        found = whole.find(column.encode())
        while found >= 0:
            damaged = bytearray(whole)
            damaged[found] ^= 0x04
            path.write_bytes(damaged)
            try:
                now = results.load(folder)
            except InputError:
                refused += 1
            else:
                pd.testing.assert_frame_equal(now.training, right.training)
                pd.testing.assert_frame_equal(now.evaluations, right.evaluations)
            found = whole.find(column.encode(), found + 1)
    assert refused >= len(names)


def test_tables_of_older_versions_say_nothing_of_their_columns(folder):
    path = folder / "dqn,lr=0.1" / "training.parquet"
    right = results.load(folder).training
    pq.write_table(pq.read_table(path), path, store_schema=False)
    assert not pq.ParquetFile(path).metadata.metadata
    pd.testing.assert_frame_equal(results.load(folder).training, right)


def test_a_reader_keeps_the_whole_old_file_while_a_new_one_comes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old and whole")
    with open(path, "rb") as reader:
        with atomic(path) as file:
            file.write(b"new")
            assert path.read_bytes() == b"old and whole"
        assert reader.read() == b"old and whole"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("text", ["", '{"name": "po', "[1, 2]", "\xff"])
def test_damaged_json_is_named(folder, text):
    path = folder / "experiment.json"
    path.write_text(text, encoding="latin-1")
    # Without experiment.json the folder would be foreign: deleting it is no remedy.
    fails(lambda: results.load(folder), str(path), "delete the whole folder")


def test_a_damaged_record_of_sessions_is_named(folder):
    path = folder / "a2c" / "provenance.json"
    path.parent.mkdir()
    path.write_text("{}")
    fails(lambda: results.load(folder), str(path), "a dict, not a list", "delete it")


@pytest.mark.parametrize("version", [0, 2, "1"])
def test_other_format_versions_are_refused(folder, version):
    path = folder / "experiment.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"format_version": version})
    )
    fails(lambda: results.load(folder), f"format_version {version}", "reads 1")


def test_incomplete_contents_are_refused(folder, tmp_path):
    table = results.read_table(folder, "dqn,lr=0.1", "evaluations")

    def write(frame):
        return lambda: results.write_table(tmp_path, "x", "evaluations", frame)

    fails(write(table.drop(columns=["score", "mode"])), "lacks", "mode, score")
    fails(write(pd.concat([table, table.iloc[:1]])), "more than one row", "'seed': 0")
    fails(write(table.assign(score="high")), "wrong values")
    assert not (tmp_path / "x").exists()
    fails(lambda: results.read_table(folder, "a2c", "scores"), "evaluations, training")
    incomplete = description(NAMES)
    del incomplete["variants"][0]["family"]
    fails(
        lambda: results.create(tmp_path / "n", incomplete), "variants[0] lacks 'family'"
    )


@pytest.mark.parametrize(
    "name", ["../up", "", ".hidden", "a/b", "checkpoints", "a" * 201]
)
def test_variant_names_that_are_no_folders_are_refused(tmp_path, name):
    fails(lambda: results.create(tmp_path, description({name: "DQN"})), repr(name))


def test_variant_names_that_differ_in_case_only_are_refused(tmp_path):
    names = {"dqn": "DQN", "DQN": "DQN"}
    fails(lambda: results.create(tmp_path, description(names)), "two variants")
