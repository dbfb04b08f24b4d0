"""Whatever a results folder holds: one line, or the same numbers; never a traceback."""

import contextlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pgvq.results import store as results
from pgvq.storage.casts import exact
from pgvq.storage.files import read_json, write_json
from pgvq.study import definition as study
from pgvq.training import checkpoints
from pgvq.types import InputError
from tests.helpers import malformed
from tests.helpers.cli_fixtures import ROOT, environment


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    return malformed.written(tmp_path_factory.mktemp("right") / "good")


@pytest.fixture
def folder(right, tmp_path):
    return shutil.copytree(right, tmp_path / "case")


def refused(folder):
    """The one line that a folder gets, which is not loaded."""
    line = loaded_or_line(folder)
    assert isinstance(line, str)
    return line


def loaded_or_line(folder):
    """The results of a folder, or the one line that it gets."""
    try:
        return results.load(folder)
    except InputError as error:
        line = str(error)
    assert "\n" not in line
    assert len(line) < 1000
    return line


JSON_FILES = ["experiment.json", "dqn/provenance.json"]


@pytest.mark.parametrize("file", JSON_FILES)
@pytest.mark.parametrize("spelling", malformed.spelled("{}"))
def test_text_that_is_no_json_of_ours_is_refused(folder, file, spelling):
    text = (folder / file).read_text()
    broken = malformed.spelled(text)[spelling]
    if broken == text:
        pytest.skip("this file has no such place")
    (folder / file).write_bytes(broken.encode("utf-8", "surrogateescape"))
    assert file in refused(folder)


@pytest.mark.parametrize("file", JSON_FILES)
def test_wrong_types_at_any_depth_are_one_line_or_do_not_matter(right, folder, file):
    path = folder / file
    expected = results.load(right)
    lines = 0
    for text in malformed.absurd_values(json.loads(path.read_text())):
        path.write_text(text)
        found = loaded_or_line(folder)
        if isinstance(found, str):
            lines += 1
        else:  # renamed at most: what it holds is of the right types
            assert isinstance(found.description["title"], str)
            assert len(found.evaluations) in (0, len(expected.evaluations))
    assert lines > 100


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variants": [5]}, "variants[0] is 5, not an object"),
        ({"evaluation": {"modes": 5}}, "evaluation.modes is 5, not a list"),
        ({"title": "x" * 200_000}, "title has 200,000 letters"),
        (
            {"score": {"label": "x", "parity": True}},
            "score.parity is true, not a number",
        ),
        ({"budget_agent_steps": 0}, "budget_agent_steps is 0, not a whole number"),
    ],
)
def test_the_line_names_the_place_and_the_value(folder, change, said):
    path = folder / "experiment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    line = refused(folder)
    assert said in line
    assert "put a good copy back" in line


def test_names_that_are_not_known_are_allowed(folder):
    path = folder / "experiment.json"
    held = json.loads(path.read_text())
    held |= {"identity": {"digest": [1, {"x": None}]}, "fingerprint": "abc"}
    held["variants"][0] |= {"digest": "x", "score": held["score"]}
    path.write_text(json.dumps(held))
    assert results.load(folder).description["fingerprint"] == "abc"


@pytest.mark.parametrize("wrong", malformed.tables())
def test_tables_that_would_have_to_be_changed_are_refused(folder, wrong):
    path = folder / "dqn" / "evaluations.parquet"
    pq.write_table(malformed.tables()[wrong], path)
    line = refused(folder)
    assert "evaluations.parquet" in line
    assert "; delete" in line


@pytest.mark.parametrize("file", ["experiment.json", "dqn/evaluations.parquet"])
def test_a_pipe_or_a_device_does_not_hang(folder, file):
    (folder / file).unlink()
    os.mkfifo(folder / file)
    assert "not a regular file" in refused(folder)
    (folder / file).unlink()
    (folder / file).symlink_to("/dev/zero")
    assert "not a regular file" in refused(folder)


MEMORY = """
import resource, sys
from pgvq.results import store as results
from pgvq.types import InputError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    results.load(sys.argv[1])
except InputError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    "rows", [8_000_000, pytest.param(20_000_000, marks=pytest.mark.slow)]
)
def test_a_small_file_with_many_rows_takes_no_memory(folder, rows):
    """20 million rows in 0.7 MB took 4 GB before the error."""
    path = folder / "dqn" / "evaluations.parquet"
    malformed.huge(path, rows)
    assert path.stat().st_size < 2**20
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, folder],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    line, megabytes = done.stdout.splitlines()
    assert "rows" in line
    assert int(megabytes) < 50


def check_training(folder, expected):
    """One line, or the rows that were written."""
    found = loaded_or_line(folder)
    if not isinstance(found, str):
        pd.testing.assert_frame_equal(found.training, expected, check_exact=True)


def test_flipped_bits_in_a_table_are_noticed_or_do_no_harm(right, folder):
    path = folder / "dqn" / "training.parquet"
    whole, expected = path.read_bytes(), results.load(right).training
    chance = np.random.default_rng(0)
    for place in chance.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.integers(8)
        path.write_bytes(damaged)
        check_training(folder, expected)
    for damaged in (whole[:-1], whole + b"x", b"x" + whole, whole[8:], whole * 2):
        path.write_bytes(damaged)
        check_training(folder, expected)


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([0, 1.0], "int32", True),
        ([2**31 - 1], "int32", True),
        ([2**31], "int32", False),
        ([-(2**31) - 1], "int32", False),
        ([float(2**31)], "int32", False),
        ([2**63 - 1], "int64", True),
        ([float(2**63)], "int64", False),
        ([2**64], "int64", False),
        (np.array([2**64 - 1], np.uint64), "int64", False),
        (np.array([-1], np.int8), "int64", True),
        ([0.5], "int64", False),
        ([float("nan")], "int64", False),
        ([None], "int64", False),
        ([None, 1], "float64", True),
        ([float("inf"), float("nan"), -0.0], "float32", True),
        ([1e300], "float32", False),
        ([2**53], "float64", True),
        ([2**53 + 1], "float64", False),
        ([2**63 - 1], "float64", False),
        ([2**24 + 1], "float32", False),
        ([True], "int32", False),
        ([True], "float64", False),
        ([1], "bool", False),
        (["True"], "bool", False),
        ([np.True_, False], "bool", True),
        (["1"], "int32", False),
        (["1"], "float64", False),
        ([1], "str", False),
        ([1 + 0j], "float64", False),
        (pd.Series([1, None], dtype="Int64"), "int64", False),
        (pd.Series([1, 2], dtype="Int64"), "int64", True),
        (pd.Series([True, None], dtype="boolean"), "bool", False),
        (pd.Series([True], dtype="boolean"), "bool", True),
        (pd.Series(["a", None], dtype="str"), "str", False),
        (pd.Series(["a", "b"], dtype="category"), "str", True),
        (pd.Series([], dtype=object), "bool", True),
    ],
)
def test_casts_keep_every_value_or_are_errors(values, kind, kept):
    if not kept:
        with pytest.raises(ValueError, match=r"is not|too large"):
            exact(values, kind)
        return
    found = exact(values, kind)
    assert exact([0.1], "float32") == np.float32(0.1)  # rounded, as a float may be
    assert found.dtype == np.dtype(object if kind == "str" else kind)
    known = [x for x in list(values) if x is not None and x == x]
    assert [x for x in found.tolist() if x == x] == known


def test_what_is_written_can_be_read_again(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"ä": [1, None, "ü\n"], "n": float("nan")})
    assert read_json(path, dict) == {"ä": [1, None, "ü\n"], "n": None}
    deep = []
    for _ in range(300):
        deep = [deep]
    for wrong in ({"x": "\ud800"}, {"x": deep}):
        with pytest.raises(InputError, match="cannot write"):
            write_json(path, wrong)
    assert read_json(path, dict)["n"] is None  # the old file is kept


# --- names and links


NAMES = ["../../v", "/tmp/v", "..", ".", "a/b", "a\\b", "", "x" * 300, "ü" * 150]
NAMES += ["a\0b", "checkpoints", "Experiment.json", "final_scores.png", "\ud800"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_out_of_the_folder_are_refused(folder, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    table = results.read_table(folder, "dqn", "training")
    for action in (
        lambda: results.write_table(folder, name, "training", table),
        lambda: results.read_table(folder, name, "training"),
        lambda: results.add_session(folder, name, {"started": "x", "seeds": []}),
        lambda: results.read_sessions(folder, name),
    ):
        with pytest.raises(InputError, match="cannot be a folder"):
            action()
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_written_through_a_link_that_leads_out(folder, tmp_path):
    outside = tmp_path / "outside"
    shutil.move(folder / "dqn", outside)
    (folder / "dqn").symlink_to(outside)
    table = results.read_table(folder, "dqn", "training")  # reading does no harm
    before = {p: p.stat().st_mtime_ns for p in outside.iterdir()}
    for action in (
        lambda: results.write_table(folder, "dqn", "training", table),
        lambda: results.add_session(folder, "dqn", {"started": "x", "seeds": []}),
    ):
        with pytest.raises(InputError, match="a link that leads out of"):
            action()
    results.delete(folder)
    assert {p: p.stat().st_mtime_ns for p in outside.iterdir()} == before


def test_a_results_folder_may_itself_be_a_link(folder, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(folder)
    table = results.read_table(link, "dqn", "training")
    results.write_table(link, "dqn", "training", table)
    assert link.is_symlink()
    pd.testing.assert_frame_equal(results.read_table(folder, "dqn", "training"), table)


POISONED = """
open("POISON", "w").close()
raise SystemExit("executed")
"""


def test_loading_and_plotting_execute_nothing(folder, tmp_path):
    path = folder / "experiment.json"
    held = json.loads(path.read_text())
    held["source"] = {"text": POISONED, "changes": {}, "set": []}
    held["variants"][0]["fields"] = {"env": "poison:Env", "torso": POISONED}
    path.write_text(json.dumps(held))
    for name in ("poison.py", "conftest.py", "sitecustomize.py", "dqn/__init__.py"):
        (folder / name).write_text(POISONED)
    code = "import sys; from pgvq.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, "plot", "."],
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "learning_curves.png").exists()
    assert not list(tmp_path.rglob("POISON"))


# --- studies and checkpoints


RECORD = {
    "numbers": {"a": 1.5, "unknown": None, "large": "inf"},
    "expectations": {"It is so.": True},
    "tables": ["rows"],
    "seconds": 2.0,
    "made_by": {"packages": {}},
}


def finding(folder, record):
    folder.mkdir(exist_ok=True)
    (folder / "rows.csv").write_text("x,y\n1,2\n")
    (folder / "numbers.json").write_text(record)
    return folder


def one_line_or(action):
    """What an action returns, or None after the one line of an error."""
    try:
        return action()
    except InputError as error:
        line = str(error)
    assert "\n" not in line
    assert len(line) < 1500
    return None


def test_a_finding_of_wrong_types_is_one_line(tmp_path):
    texts = [*malformed.absurd_values(RECORD)]
    texts += malformed.spelled(json.dumps(RECORD)).values()
    right = study.found(finding(tmp_path / "right", json.dumps(RECORD)))
    assert right.numbers["large"] == float("inf")
    refused_texts = 0
    for text in texts:
        with contextlib.suppress(UnicodeEncodeError):  # no file can hold it
            folder = finding(tmp_path / "case", text)
            refused_texts += one_line_or(lambda at=folder: study.found(at)) is None
            one_line_or(lambda at=folder: study.seconds_taken(at))
    assert refused_texts > 80


@pytest.mark.parametrize("name", ["../rows", "/etc/passwd", "a/b", "", "x" * 300])
def test_a_findings_table_is_never_elsewhere(tmp_path, name):
    (tmp_path / "rows.csv").write_text("x\n1\n")
    folder = finding(tmp_path / "case", json.dumps(RECORD | {"tables": [name]}))
    with pytest.raises(InputError, match="not a name of letters"):
        study.found(folder)
    table = pd.DataFrame({"x": [1]})
    claim = study.Claim(
        name="one",
        title="One",
        measure=lambda say: study.Finding(numbers={}, tables={name: table}),
        draw=lambda finding, folder: [],
        text="",
    )
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="rename it"):
        study.measured(claim, tmp_path / "case", print)
    assert sorted(tmp_path.rglob("*")) == before


def test_notes_and_lanes_of_wrong_types_are_one_line(tmp_path):
    lanes = [("dqn", 0), ("dqn", 1)]
    batch = checkpoints.Batch(tmp_path, lanes)
    batch.save({"x": np.arange(2.0)}, checkpoints.Position(3, 1.5))
    files = {
        batch.folder / "3" / "note.json": batch.position,
        batch.folder / "lanes.json": lambda: [
            found.lanes for found in checkpoints.saved_batches(tmp_path)
        ],
    }
    for path, read in files.items():
        right, text = read(), path.read_text()
        texts = [*malformed.absurd_values(json.loads(text))]
        for broken in [*texts, *malformed.spelled(text).values()]:
            path.write_bytes(broken.encode("utf-8", "surrogateescape"))
            assert one_line_or(read) in (None, right)
        path.write_text(text)
