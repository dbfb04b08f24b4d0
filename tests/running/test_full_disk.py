"""Every write of the package where it cannot be: one line, exit status 2."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pgvq.storage import files
from pgvq.storage.files import atomic
from pgvq.types import InputError
from tests.helpers.cli_fixtures import TEXT, environment
from tests.helpers.command_line import refused
from tests.helpers.study_file import FILE as STUDY

pytestmark = pytest.mark.usefixtures("compile_once")


@pytest.fixture
def place(finished, workplace):
    """A finished folder, a study and an experiment to write beside."""
    shutil.copytree(finished, "done")
    (workplace / "study.py").write_text(STUDY)
    return workplace


COMMANDS = {
    "run": ["run", "tiny.py", "--out", "out"],
    "run goes on": ["run", "tiny.py", "--out", "done", "--seeds", "4"],
    "plot": ["plot", "done"],
    "watch": ["watch", "done", "--max-steps", "20", "--out", "x.gif"],
    "new": ["new", "mine.py"],
    "study": ["run", "study.py", "--out", "found"],
}


def tree(folder):
    """What is where, with its size; lock files and folders apart."""
    return {
        str(p.relative_to(folder)): p.stat().st_size
        for p in folder.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_write_that_fails_is_one_line_and_leaves_nothing(
    capsys, place, monkeypatch, command, number
):
    before = tree(place)

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", fail)
    line = refused(capsys, *COMMANDS[command])
    assert "cannot write" in line
    assert os.strerror(number) in line
    assert tree(place) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_the_first_bytes_do_not_fit(capsys, place, monkeypatch, command):
    before = tree(place)

    def fail(path, mode="r", *rest, **more):
        if "x" in mode:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return open(path, mode, *rest, **more)

    monkeypatch.setattr(files, "open", fail, raising=False)
    assert "make room" in refused(capsys, *COMMANDS[command])
    assert tree(place) == before


LONG = "x" * 300
PLACES = {
    "a name of 300 letters": LONG,
    "a file in the way": "tiny.py/below",
    "within what is no folder": "/dev/null/below",
    "a NUL": "a\0b",
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(
    "words",
    [
        ["run", "tiny.py", "--out", "{}"],
        ["run", "study.py", "--out", "{}"],
        ["run", "{}"],
        ["run", "{}.py"],
        ["plot", "{}"],
        ["plot", "{}.py"],
        ["watch", "{}"],
        ["watch", "done", "--max-steps", "20", "--out", "{}.gif"],
        ["watch", "done", "--experiment", "{}"],
        ["new", "{}.py"],
        ["doctor", "{}.py:A"],
    ],
    ids=" ".join,
)
def test_a_place_that_cannot_be_is_one_line(capsys, place, words, where):
    before = tree(place)
    line = refused(capsys, *[word.format(PLACES[where]) for word in words])
    assert len(line) < 1500
    assert tree(place) == before


def test_names_as_long_as_the_system_allows_are_written(tmp_path):
    for letters in ("x" * 255, "ü" * 127):
        with atomic(tmp_path / letters) as file:
            file.write(b"whole")
        assert (tmp_path / letters).read_bytes() == b"whole"
    with (
        pytest.raises(InputError, match="choose a shorter name"),
        atomic(tmp_path / ("x" * 256)) as file,
    ):
        file.write(b"")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_gif_that_fails_keeps_the_old_one(capsys, place, monkeypatch):
    (place / "x.gif").write_text("old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "replace", fail)
    refused(capsys, *COMMANDS["watch"])
    assert (place / "x.gif").read_text() == "old"


AS_A_STRANGER = """
import os, sys
from pgvq.cli import main, new, plot, run, studying, watching
os.chdir(sys.argv[1])
# Whatever is imported on the way: the stranger may not read this Python.
for words in (["plot", "nothing"], ["run", "nothing.py"], ["watch", "nothing"]):
    main(words)
main(["run", "tiny.py", "--out", "place", "--steps", "1"])
main(["new", "my_first.py"])
print("now")
os.setgroups([])
os.seteuid(12345)  # what root may do depends on no permissions
for words in (
    ["run", "tiny.py", "--out", "closed/out"],
    ["run", "tiny.py", "--out", "read_only/out"],
    ["run", "closed/tiny.py"],
    ["plot", "closed/out"],
    ["watch", "closed/out"],
    ["new", "read_only/mine.py"],
    ["new", "closed/mine.py"],
):
    print(main(words), flush=True)
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
def test_folders_that_one_may_not_enter():
    with tempfile.TemporaryDirectory() as root:
        place = Path(root)
        place.chmod(0o755)
        (place / "tiny.py").write_text(TEXT)
        for name, mode in (("closed", 0o700), ("read_only", 0o755)):
            (place / name).mkdir()
            (place / name / "tiny.py").write_text(TEXT)
            (place / name).chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", AS_A_STRANGER, root],
            env=environment() | {"PGVQ_CACHE": "off"},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    answers = done.stdout.rpartition("now\n")[2].splitlines()
    assert [line for line in answers if line.isdigit()] == ["2"] * 7
    lines = done.stderr.splitlines()  # four are of what cannot be done at all
    assert len(lines) == 11
    assert all(line.startswith("pgvq: error: ") for line in lines)
    denied = [line for line in lines if "Permission denied" in line]
    assert len(denied) == 7, lines


def test_an_error_of_the_system_that_nobody_foresaw_is_one_line(
    capsys, place, monkeypatch
):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/some/place")

    monkeypatch.setattr("pgvq.cli.plot.combine", fail)
    assert "/some/place: Input/output error" in refused(capsys, "plot", "done")
