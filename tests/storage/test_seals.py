"""What was written is what is read, or a line: damage that leaves valid JSON."""

import json
import re

import pandas as pd
import pytest

from pgvq.results import store as results
from pgvq.storage.seals import SEAL, opened, sealed
from pgvq.study import definition as study
from pgvq.types import InputError
from tests.helpers import malformed


def test_a_sealed_object_comes_back_without_its_seal():
    said = {"a": [1, 2.5, None, -0.0, 10**20], "é": {"x": "inf"}, SEAL: "old"}
    held = json.loads(json.dumps(sealed(said)))
    assert opened(held, "here", "do") == {n: said[n] for n in ("a", "é")}


def test_any_change_is_noticed_but_that_of_an_open_name():
    held = sealed({"a": 1.0, "b": [1], "c": "x"}, besides=("c",))
    assert opened(held | {"c": "y"}, "here", "do", ("c",))["c"] == "y"
    for change in ({"a": 1.5}, {"b": [1, 1]}, {"d": 0}, {SEAL: "0"}, {SEAL: None}):
        with pytest.raises(InputError, match="here was changed since it was written"):
            opened(held | change, "here", "do", ("c",))
    del held["b"]
    with pytest.raises(InputError, match="changed since it was written"):
        opened(held, "here", "do", ("c",))


def test_without_a_seal_all_is_taken_as_it_is():
    assert opened({"a": 1}, "here", "do") == {"a": 1}


@pytest.fixture
def folder(tmp_path):
    """A folder as a run leaves it: with a digest."""
    made = malformed.written(tmp_path / "good")
    held = results.read_description(made)
    results.update(made, held | {"digest": "abc"})
    return made


@pytest.mark.parametrize(
    ("file", "was", "now"),
    [
        ("experiment.json", '"parity": 0.0', '"parity": 0.5'),
        ("experiment.json", "points won - lost", "points won - lose"),
        ("experiment.json", '"repr": "Pong()"', '"repr": "Pon\'()"'),
        ("dqn/provenance.json", '"train_seconds": 10.0', '"train_seconds": 11.0'),
        ("dqn/provenance.json", "2026", "2027"),
    ],
)
def test_damage_that_leaves_valid_json_is_a_line(folder, file, was, now):
    text = (folder / file).read_text()
    assert was in text
    (folder / file).write_text(text.replace(was, now, 1))
    with pytest.raises(
        InputError, match=f"{file.split('/')[-1]}.*changed since it was writt"
    ):
        results.load(folder)
    # Whoever meant it takes the seal out.
    meant = re.sub(rf',\s*"{SEAL}": "[0-9a-f]+"', "", text.replace(was, now, 1))
    (folder / file).write_text(meant)
    found = results.load(folder)
    assert now.split(": ")[-1].strip('"') in str([found.description, found.sessions])


def test_the_text_of_the_experiment_is_signed_and_a_title_may_be_bettered(folder):
    path = folder / "experiment.json"
    path.write_text(path.read_text().replace("x = 1", "x = 2").replace("A made-", "M"))
    found = results.load(folder).description
    assert found["source"]["text"] == "x = 2"
    assert found["title"] == "Mup experiment"


def test_a_table_of_a_study_that_changed_is_a_line(tmp_path):
    def measure(say):
        table = pd.DataFrame({"x": [0.25, 1.0]})
        return study.Finding(numbers={"a": 1.5}, tables={"t": table})

    claim = study.Claim(
        name="one", title="One", measure=measure, draw=lambda f, p: [], text=""
    )
    found = study.measured(claim, tmp_path, print)
    table = tmp_path / "t.csv"
    whole = table.read_bytes()
    table.write_bytes(whole.replace(b"\n", b"\r\n"))  # as Git may, on Windows
    assert study.found(tmp_path).tables["t"].equals(found.tables["t"])
    table.write_bytes(whole.replace(b"0.25", b"0.35"))
    with pytest.raises(InputError, match=r"t\.csv was changed since it was written"):
        study.found(tmp_path)
    table.write_bytes(whole)
    numbers = tmp_path / study.NUMBERS
    numbers.write_text(numbers.read_text().replace('"a": 1.5', '"a": 1.4'))
    with pytest.raises(
        InputError, match=r"changed since it was written.*measure it again"
    ):
        study.found(tmp_path)
