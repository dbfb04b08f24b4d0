"""Whose experiment `pgvq watch` executes: this user's own, or one that is trusted."""

import json
import os
import shutil

import pytest

from pgvq.results import store as results
from pgvq.results import trust
from tests.helpers.cli_fixtures import TEXT
from tests.helpers.command_line import refused, said
from tests.helpers.synthetic_results import description

SOURCE = {"text": "x = 1", "changes": {"seeds": 2}, "set": ["a=b"]}


@pytest.fixture(autouse=True)
def own_secret(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_what_this_user_signed_is_known_until_it_changes():
    signed = trust.signed(SOURCE)
    assert trust.is_ours(signed)
    assert trust.is_ours(json.loads(json.dumps(signed)))
    assert trust.signed(signed) == signed
    for change in (
        {"text": "x = 2"},
        {"changes": {"seeds": 3}},
        {"set": []},
        {"more": 1},
        {"origin": ""},
        {"origin": None},
        {"origin": "ü"},
        {"origin": signed["origin"][::-1]},
    ):
        assert not trust.is_ours(signed | change)
    assert not trust.is_ours(SOURCE)


def test_another_user_has_another_secret(monkeypatch, tmp_path):
    signed = trust.signed(SOURCE)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    assert not trust.is_ours(signed)  # who has none yet
    trust.signed(SOURCE)
    assert not trust.is_ours(signed)


def test_a_secret_that_others_can_read_is_none(tmp_path):
    signed = trust.signed(SOURCE)
    secret = tmp_path / "state" / "pgvq" / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in secret.parent.iterdir()] == ["secret"]
    secret.chmod(0o644)
    assert not trust.is_ours(signed)
    secret.chmod(0o600)
    assert trust.is_ours(signed)
    secret.write_bytes(b"short")
    assert not trust.is_ours(signed)
    assert "origin" not in trust.signed(SOURCE)
    secret.unlink()
    os.mkfifo(secret)  # does not hang
    assert not trust.is_ours(signed)


def test_without_a_home_directory_nothing_is_known(monkeypatch):
    monkeypatch.setattr("platformdirs.user_state_dir", lambda *a, **k: "~/.local/state")
    assert trust.signed(SOURCE) == SOURCE
    assert not trust.is_ours(SOURCE)
    assert not os.path.exists("~")


def test_a_state_folder_that_cannot_be_made_stops_nothing(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/state")
    assert trust.signed(SOURCE) == SOURCE


def test_create_signs_the_source(tmp_path):
    made = results.create(
        tmp_path / "a", description({"x": "DQN"}) | {"source": SOURCE}
    )
    assert trust.is_ours(made["source"])
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert trust.is_ours(results.read_description(tmp_path / "b")["source"])


@pytest.fixture
def foreign(finished, tmp_path, monkeypatch):
    """A stranger's folder: signed with a secret that is not ours."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished, "foreign")
    path = tmp_path / "foreign" / "experiment.json"
    held = json.loads(path.read_text())
    held["source"]["text"] = "open('POISON', 'w').close()\n" + held["source"]["text"]
    path.write_text(json.dumps(held))
    return path


def test_a_strangers_folder_executes_nothing_before_it_is_trusted(capsys, foreign):
    line = refused(capsys, "watch", "foreign")
    assert "foreign/experiment.json" in line
    assert "look at it, then add --trust" in line
    assert "--experiment FILE" in line
    assert not os.path.exists("POISON")
    # A file of one's own needs no trust, and nothing of the folder is executed.
    with open("tiny.py", "w") as file:
        file.write(TEXT)
    words = ["watch", "foreign", "--max-steps", "40"]
    assert said(capsys, *words, "--experiment", "tiny.py")[0] == 0
    assert not os.path.exists("POISON")
    assert said(capsys, *words, "--trust")[0] == 0
    assert os.path.exists("POISON")


@pytest.mark.parametrize(
    "change",
    [
        {"text": 5},
        {"changes": 5},
        {"changes": {"algorithms": 5}},
        {"changes": {"seeds": "x"}},
        {"set": 5},
        {"set": [5]},
    ],
)
def test_a_source_of_wrong_types_is_one_line(capsys, foreign, change):
    held = json.loads(foreign.read_text())
    held["source"] |= change
    foreign.write_text(json.dumps(held))
    refused(capsys, "watch", "foreign", "--trust")
    assert not os.path.exists("POISON")
