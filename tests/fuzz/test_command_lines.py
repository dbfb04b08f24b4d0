"""No command line, however hostile, ends in a traceback or leaves a folder behind."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgvq.cli import main
from tests.helpers.cli_fixtures import environment
from tests.helpers.fuzz.command_lines import furnish, lines

pytestmark = pytest.mark.slow

COUNT = 900
STATUSES = {0, 1, 2, 130}


@pytest.fixture
def furnished(tmp_path, monkeypatch):
    """A folder with the files that the lines name, nothing to ask, and no home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    furnish(tmp_path)
    return tmp_path


def outcome(words, capsys) -> tuple[object, str]:
    """The exit status, or the error that escaped, and what stood on stderr."""
    sys.stdin = io.StringIO()
    before = set(sys.modules)
    try:
        status: object = main(words)
    except SystemExit as stop:
        status = stop.code or 0
    except BaseException as error:
        status = f"{type(error).__name__}: {error}"
    finally:
        sys.stdin = sys.__stdin__
        for name in set(sys.modules) - before:
            if not name.startswith(("pgvq", "jax", "gymnax")):
                sys.modules.pop(name, None)
    return status, capsys.readouterr().err


def faults(words, status, err: str, folder: Path, known: set[str]) -> list[str]:
    """What is wrong with an outcome; nothing else may have appeared in the folder."""
    found = []
    if status not in STATUSES:
        found.append(f"status {status}")
    if "Traceback" in err:
        found.append("a traceback")
    if status == 2 and (err.count("\n") != 1 or not err.startswith("pgvq: error: ")):
        found.append(f"not one line: {err[:300]!r}")
    made = set(os.listdir(folder)) - known
    if status not in (0, 1) and made:
        found.append(f"it left {made}")
    return found


def test_every_command_line_gets_one_line(furnished, capsys):
    known = set(os.listdir(furnished)) | {"__pycache__"}
    wrong = []
    refused = 0
    for words in lines(COUNT):
        status, err = outcome(words, capsys)
        refused += status == 2
        if said := faults(words, status, err, furnished, known):
            wrong.append((words, said))
        known |= set(os.listdir(furnished))
    assert not wrong, f"{len(wrong)} of {COUNT}, such as {wrong[:10]}"
    assert refused > 0.95 * COUNT


@pytest.mark.parametrize(
    "words",
    [
        ["run", "exit0.py"],
        ["run", "ask.py"],
        ["run", "interrupt.py"],
        ["run", "recursion.py"],
        ["run", "deep.py"],
        ["run", "tiny.py", "--seeds", "x"],
        ["watch", "nothing", "--games", "1000000000"],
        ["run", b"\xff\xfe.py"],
    ],
)
def test_a_process_of_its_own_gets_one_line(words, furnished):
    done = subprocess.run(
        [sys.executable, "-m", "pgvq", *words],
        cwd=furnished,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"pgvq: error: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("words", [["list"], ["list", "dqn"], ["list", "pong"], ["-h"]])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_consoles_of_other_encodings(words, encoding, furnished):
    done = subprocess.run(
        [sys.executable, "-m", "pgvq", *words],
        cwd=furnished,
        env=environment() | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout
