"""Every usage error is one line: what, why, the nearest right, and the help."""

import io
import os
import signal
import sys

import pytest

from pgvq.cli import COMMANDS, main
from pgvq.cli.usage import options_of
from tests.helpers.cli_fixtures import TEXT

CASES = {
    "": "a command is missing",
    "nope": "did you mean pgvq new?",
    "runn tiny.py": "did you mean pgvq run?",
    "tiny.py": "did you mean pgvq run tiny.py?",
    "--seeds 3 run tiny.py": "--seeds is before the command",
    "run": "run needs FILE, as in pgvq run experiments/pong.py",
    "run tiny.py --seeds x": "--seeds x must be a number of seeds such as 8, a range",
    "run tiny.py --seeds 1.5": "--seeds 1.5 must be a number of seeds",
    "run tiny.py --seeds 5:": "must be a number of seeds such as 8, a range such as "
    "100:110, or a list such as 3,7; a range needs both ends",
    "run tiny.py --seeds 9:3": "is empty; give one such as range(3, 9)",
    "run tiny.py --most-seeds 10": "--most-seeds 10 is the cap of --seeds auto",
    "run tiny.py --seeds auto --most-seeds 12": "no multiple of group=5; give 10 or 15",
    "run tiny.py --seeds auto --most-seeds 3": "is less than one group of 5",
    "run tiny.py --seeds Auto": "--seeds Auto must be a number of seeds",
    "run tiny.py --games x": "--games x must be a whole number, such as --games 5",
    "run tiny.py --steps x": "--steps x must be a number, such as --steps 2e6",
    "run tiny.py --seeds": "--seeds needs a value",
    "run tiny.py --seeds --fresh": "--seeds needs a value",
    "run tiny.py --sed 3": "run has no option --sed: did you mean --seeds?",
    "run tiny.py --seed 3": "did you mean --seeds? (--seed is one of pgvq watch)",
    "run tiny.py --nope=3": "run has no option --nope",
    "run tiny.py --algorithm dqn": "--algorithm is one of pgvq watch",
    "run tiny.py --seeds None": "--seeds None is no value",
    "run tiny.py --out None": "--out None is no value",
    "run tiny.py --fresh=true": "--fresh takes no value",
    "run tiny.py extra": "extra is one word too many",
    "plot": "plot needs FOLDER",
    "new": "new needs FILE.py",
    "doctor": "doctor needs FILE.py:CLASS",
    "list a b": "b is one word too many",
    "watch x --mode greeedy": "one of greedy, explore; did you mean greedy?",
    "watch x --games 1000000000": "--games 1000000000 must be at least 1 and at most",
    "watch x --max-steps 1000000000": "--max-steps 1000000000 must be at least 1",
    "nope --help": "there is no command nope",
}


@pytest.mark.parametrize("line", CASES)
def test_a_usage_error_is_one_line(line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert err.startswith("pgvq: error: ")
    assert err.count("\n") == 1
    assert CASES[line] in err
    assert not out
    assert not os.listdir(tmp_path)


def test_options_are_those_of_the_commands():
    names = {
        name: [o.name for o in options_of(part)] for name, part in COMMANDS.items()
    }
    assert names["run"][:2] == ["FILE", "--seeds"]
    assert {"--most-seeds", "--steps"} <= set(names["run"])
    assert {"--set", "--no-cache", "--claim"} <= set(names["run"])
    assert "--max-steps" in names["watch"]
    kinds = {o.name: (o.kind, o.several) for o in options_of(COMMANDS["run"])}
    assert kinds["--seeds"] == (str, False)
    assert kinds["--games"] == (int, False)
    assert kinds["--set"] == (str, True)
    assert kinds["--fresh"] == (bool, False)


@pytest.mark.parametrize("words", [["-h"], ["run", "--help"], ["--version"]])
def test_help_is_no_error(words, capsys):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out
    assert not err


# What an experiment file does, and what is said of it.
FILES = {
    "import sys\n\nsys.exit(0)\n": "mine.py, line 3: sys.exit(0) or exit() ended",
    "raise SystemExit\n": "mine.py, line 1: sys.exit() or exit() ended",
    "raise KeyboardInterrupt\n": "mine.py, line 1: KeyboardInterrupt",
    "x = 1\nraise BaseException('no')\n": "mine.py, line 2: BaseException: no",
    "def f():\n    return f()\nf()\n": "RecursionError: a function calls itself",
    "input('who?')\n": "mine.py, line 1: input() finds nothing to read",
    "x = = 1\n": "mine.py, line 1: invalid syntax",
    "import other\n": "other.py, line 2: invalid syntax",
    "": "mine.py defines no `experiment`",
    "x = 1\0": "mine.py holds NUL bytes",
    "# coding: klingon\n": "unknown encoding: klingon",
    "(" * 2000 + ")" * 2000: "mine.py",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (tmp_path / "other.py").write_text("\nx = = 1\n")
    return tmp_path


def test_an_interrupt_of_the_files_own_is_its_fault_in_the_background_too(
    place, capsys
):
    (place / "mine.py").write_text("raise KeyboardInterrupt\n")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert main(["run", "mine.py"]) == 2
    finally:
        signal.signal(signal.SIGINT, before)
    assert "mine.py, line 1: KeyboardInterrupt" in capsys.readouterr().err


@pytest.mark.parametrize("text", FILES)
def test_a_file_that_does_not_run_is_one_line(text, place, capsys):
    (place / "mine.py").write_text(text)
    assert main(["run", "mine.py"]) == 2
    err = capsys.readouterr().err
    assert FILES[text] in err
    assert err.count("\n") == 1
    assert "results" not in os.listdir(place)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode(),
    ],
)
def test_files_are_read_as_python_reads_them(content, place, capsys):
    (place / "mine.py").write_bytes(content)
    assert main(["run", "mine.py", "--set", "dqn.nope=1"]) == 2
    assert "DQN has no field 'nope'" in capsys.readouterr().err


def test_modules_that_end_the_program_are_one_line(place, capsys):
    (place / "quits.py").write_text("import sys\nsys.exit(0)\n")
    (place / "tiny.py").write_text(TEXT)
    for words in (
        ["doctor", "quits.py:A"],
        ["doctor", "quits:A"],
        ["doctor", "dqn", "--env", "quits:A"],
        ["run", "tiny.py", "--set", "dqn.env=quits:A"],
    ):
        assert main(words) == 2
        err = capsys.readouterr().err
        assert "quits" in err
        assert err.count("\n") == 1


def test_an_algorithm_that_ends_the_program_is_one_line(place, capsys):
    """While it is trained: exit status 0 in silence would look like success."""
    method = "    def learn(self, *_):\n        raise SystemExit(0)\n"
    mine = f"class Mine(DQN, kw_only=True):\n{method}\n\nexperiment ="
    text = TEXT.replace("experiment =", mine).replace("        DQN(", "        Mine(")
    (place / "mine.py").write_text(text)
    assert main(["run", "mine.py"]) == 2
    err = capsys.readouterr().err
    line = text.splitlines().index("        raise SystemExit(0)") + 1
    assert f"sys.exit(0) in mine.py, line {line} ended the program" in err
    assert err.count("\n") == 1
