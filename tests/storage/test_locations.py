"""Paths as users give them."""

import errno
import os
from pathlib import Path

import pytest

from pgvq import InputError, load, plotting
from pgvq.results import store as results
from pgvq.running.runner import _name
from pgvq.storage.locations import as_path


def test_a_tilde_is_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/x") == tmp_path / "x"
    assert as_path(Path("~/x")) == tmp_path / "x"
    assert as_path("~") == tmp_path
    assert as_path("a/~/x") == Path("a/~/x")


def test_no_home_directory_is_a_sentence(monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(InputError, match="there is none here"):
        as_path("~/x", "out")


def test_a_user_who_is_not_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"write \./~nobody_at_all/x"):
        as_path("~nobody_at_all/x")
    (tmp_path / "~of_nobody").mkdir()
    assert as_path("~of_nobody/x") == Path("~of_nobody/x")


@pytest.mark.parametrize("given", [5, None, ["x"], 1.5, "", " ", "a\0b", "a" * 300])
def test_what_is_no_path_is_refused(given):
    for use in (as_path, load, plotting.plot, results.read_description):
        with pytest.raises(InputError):
            use(given)


@pytest.mark.parametrize("error", [PermissionError, OSError])
def test_what_cannot_be_looked_at_is_a_sentence(error, monkeypatch):
    def refuse(path):
        raise error(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "lstat", refuse)
    with pytest.raises(InputError, match="secret: Permission denied; choose another"):
        as_path("secret")


def test_results_are_written_at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert results._table_path("~/x", "dqn", "training").parent.parent == tmp_path / "x"


@pytest.mark.parametrize(
    ("out", "name"), [("~/mine", "mine"), ("a/b/", "b"), ("/", "train"), ("x!y", "x-y")]
)
def test_an_experiment_is_called_as_its_folder(out, name):
    assert _name(out) == name
