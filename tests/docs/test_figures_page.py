"""docs/figures.md: its programs run, and its tables name what there is."""

import dataclasses
import re
from pathlib import Path

import pytest

from pgvq import plotting
from pgvq.cli import COMMANDS
from pgvq.cli.usage import options_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_results_are_combined_and_drawn(place, capsys):
    exec(PROGRAMS[0], {})
    assert "'dqn (pong)', 'reinforce (pong_long)'" in capsys.readouterr().out
    assert (place / "figures" / "learning_curves.pdf").stat().st_size > 10_000
    assert "Bar: its 95" in (place / "figures" / "final_scores.txt").read_text()


def test_panels_of_ones_own_are_drawn(place):
    exec(PROGRAMS[1], {})
    assert (place / "panels.pdf").stat().st_size > 10_000


def test_every_option_is_on_the_page():
    rows = re.findall(r"^\| `(--[\w-]+)[^|]*\| `(\w+)", PAGE, re.MULTILINE)
    named = {option for option, _ in rows}
    assert named == {
        o.name for o in options_of(COMMANDS["plot"]) if o.name.startswith("--")
    }
    keywords = {keyword for _, keyword in rows} - {"folder"}
    assert keywords == {part.name for part in dataclasses.fields(plotting.Options)}
    for name in re.findall(r"`(draw_\w+)`", PAGE):
        assert name == "draw_" or name in plotting.__all__
