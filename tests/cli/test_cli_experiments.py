"""Files that define several experiments: where each goes, and how one is named."""

import sys
from pathlib import Path

import pytest

from pgvq.cli import run as cli_run
from pgvq.types import InputError
from tests.helpers.cli_fixtures import TEXT
from tests.helpers.command_line import refused, said
from tests.helpers.study_file import FILE

SEVERAL = (
    TEXT
    + """
experiments = [experiment, experiment.replace(name="second", title="another")]
del experiment
"""
)


@pytest.fixture
def several(workplace):
    Path("several.py").write_text(SEVERAL)


def test_a_file_of_several_experiments_gives_each_a_folder(
    capsys, several, monkeypatch
):
    folders = []

    def record(experiment, folder, *rest, **named):
        folders.append((experiment.name, str(folder)))
        raise KeyboardInterrupt if len(folders) == 4 else InputError("far enough")

    monkeypatch.setattr(cli_run, "run", record)
    refused(capsys, "run", "several.py")
    refused(capsys, "run", "several.py", "--only", "second")
    refused(capsys, "run", "several.py", "--only", "second", "--out", "there")
    assert folders == [
        ("tiny", "results/several/tiny"),
        ("second", "results/several/second"),
        ("second", "there/second"),
    ]
    # Ctrl-C in one stops all, and what is printed goes on with the rest.
    status, out, _ = said(capsys, "run", "several.py", "--seeds", "2")
    assert (status, len(folders)) == (130, 4)
    assert "pgvq run several.py --seeds 2" in out


def test_an_experiment_of_several_is_named(capsys, several):
    """The nearest name helps, and a folder made by one of several says which."""
    assert "did you mean second?" in refused(
        capsys, "run", "several.py", "--only", "secnd"
    )
    made = cli_run.made_from({"text": SEVERAL}, "x", "second")
    assert made.title == "another"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experiments = []", "must be a list of experiments"),
        ("experiments = [1]", "must be a list of experiments"),
        (
            TEXT + "experiments = [experiment, experiment]\ndel experiment",
            "two of `experiments` have one name",
        ),
    ],
)
def test_a_bad_list_of_experiments_is_refused(capsys, workplace, text, message):
    Path("several.py").write_text(text)
    assert message in refused(capsys, "run", "several.py")


def test_a_folder_stands_for_the_study_in_it(capsys, workplace, monkeypatch):
    """Its files import each other by the folder's name, from wherever it is named."""
    for place in ("experiments/coins", "elsewhere/dice"):
        name = Path(place).name
        Path(place).mkdir(parents=True)
        Path(place, "__init__.py").touch()
        Path(place, "words.py").write_text(f"NAME = {name!r}")
        text = FILE.replace('name="tiny"', "name=NAME")
        Path(place, "study.py").write_text(f"from {name}.words import NAME\n{text}")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for given, name in (
        ("coins", "coins"),
        ("experiments/coins", "coins"),
        ("elsewhere/dice", "dice"),
        ("elsewhere/dice/study.py", "dice"),
    ):
        status, out, _ = said(capsys, "run", given, "--claim", "1")
        assert (status, f"docs/{name}.md" in out) == (0, True)
    assert "`pgvq run experiments/coins`" in Path("docs/coins.md").read_text()
    assert said(capsys, "plot", "experiments/coins")[0] == 0
    assert "experiments/coins?" in refused(capsys, "run", "coin")
    Path("experiments/coins/study.py").unlink()
    assert "is a folder" in refused(capsys, "run", "experiments/coins")
