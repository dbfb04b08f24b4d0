"""The README's programs are run, and its files and commands are there."""

import re
from pathlib import Path

import pytest

from pgvq import Experiment
from pgvq.cli.loading import execute

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LIBRARY, SWEEPS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
def test_the_library_example_trains_and_prints_scores(capsys):
    assert len(LIBRARY.strip().splitlines()) <= 10
    small = LIBRARY.replace("steps=2e5, seeds=3", "steps=6e3, seeds=1")
    assert small != LIBRARY
    names: dict = {}
    exec(small, names)
    printed = capsys.readouterr().out
    assert "greedy" in printed
    assert "explore" in printed
    steps = names["games"]["agent_steps"]
    assert steps.max() >= 6e3
    assert steps.nunique() > 1


def test_the_example_of_sweeps_is_an_experiment():
    (experiment,) = execute(SWEEPS, "README.md")
    assert isinstance(experiment, Experiment)
    assert len(experiment.variants) == 1 + 4 + 2
    wanted = [(name, 0) for name in experiment.variants]
    batches = experiment.batches(wanted)
    assert sorted(len(lanes) for lanes in batches) == [1, 1, 1, 4]  # as the text says


LINKS = set(re.findall(r"\]\(([^):]+)\)", README))
FILES = set(re.findall(r"`((?:docs|experiments|benchmarks|tests)/[\w/.]+)`", README))
HEADINGS = re.findall(r"^#+ (.*)$", README, re.MULTILINE)


@pytest.mark.parametrize("target", sorted(LINKS | FILES))
def test_what_it_points_to_is_there(target):
    if target.startswith("#"):
        assert target[1:] in {title.lower().replace(" ", "-") for title in HEADINGS}
    else:
        assert (ROOT / target).exists()
