"""Committed results belong to the experiments of today: seeds can be added to them."""

import json
from pathlib import Path

import pytest

from pgvq.algorithms import ALGORITHMS
from pgvq.cli.loading import load_experiment
from pgvq.experiments.differences import differences
from pgvq.tuning import chosen, tuned

ROOT = Path(__file__).parents[2]
# Measured from the same file, with settings that the file still has.
FOLDERS = {"ladder/untuned": "ladder", "pong": "pong"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_committed_folder_goes_on(folder, monkeypatch):
    monkeypatch.chdir(ROOT)
    path = ROOT / "results" / folder / "experiment.json"
    held = json.loads(path.read_text())
    known = load_experiment(f"experiments/{FOLDERS[folder]}.py").experiments
    (own,) = [e for e in known if e.name == held["name"]]
    assert differences(held, own) == []


def test_the_headline_has_the_settings_that_were_chosen():
    values = chosen(ROOT / "results" / "tuning" / "pong")
    (experiment,) = load_experiment(str(ROOT / "experiments" / "pong.py")).experiments
    for name, algorithm in experiment.variants.items():
        wanted = tuned(ALGORITHMS[name](), values[name])
        assert algorithm == wanted.replace(budget=algorithm.budget)
