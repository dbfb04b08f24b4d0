"""Studies: what is kept of a measurement, the page made of it, and its pictures."""

import json
import math
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from pgvq.plotting.panels import COLORS, Curve, Panel, Rows, panels
from pgvq.study.definition import (
    Claim,
    Finding,
    Study,
    chosen,
    found,
    is_measured,
    measured,
)
from pgvq.study.page import filled, markdown_table, write_page
from pgvq.types import InputError
from tests.helpers.command_line import refused, said
from tests.helpers.study_file import FILE


def nothing(finding, folder):
    return []


def claim(text="", name="one", **found_there):
    finding = Finding(**{"numbers": {}, **found_there})
    return Claim(
        name=name, title="One", measure=lambda say: finding, draw=nothing, text=text
    )


def test_a_finding_comes_back_as_it_was_measured(tmp_path):
    table = pd.DataFrame({"x": [0.1, math.nan], "name": ["a", "b"]})
    one = claim(
        numbers={"pi": np.float32(0.5), "unknown": math.nan, "count": 3},
        tables={"rows": table},
        expectations={"So it is.": np.bool_(True)},
    )
    assert not is_measured(tmp_path)
    kept = measured(one, tmp_path, print)
    assert is_measured(tmp_path)
    assert kept.numbers["pi"] == 0.5
    assert kept.numbers["count"] == 3
    assert math.isnan(kept.numbers["unknown"])
    assert kept.expectations == {"So it is.": True}
    pd.testing.assert_frame_equal(kept.tables["rows"], table)
    record = json.loads((tmp_path / "numbers.json").read_text())
    assert record["made_by"]["packages"]["jax"]
    assert record["seconds"] >= 0


@pytest.mark.parametrize("broken", ["{}", "[]", '{"numbers": 1, "tables": ["no"]}'])
def test_a_broken_finding_is_named(tmp_path, broken):
    (tmp_path / "numbers.json").write_text(broken)
    with pytest.raises(InputError, match="measure it again"):
        found(tmp_path)


def test_everything_in_a_text_is_filled_in():
    one = claim(
        "A $x < y$: <<a:+.2f>>, <<b:d>>, <<c:.1f>>.\n<<table:t>>\n<<figure:f|a line>>\n"
        "<<expectations>>",
        numbers={"a": -0.256, "b": 7.0, "c": math.nan},
        tables={"t": pd.DataFrame({"my_name": ["a|b"], "x": [0.25]})},
        expectations={"Yes.": True, "No.": False},
    )
    assert filled(one, one.measure(print), "there") == (
        "A $x < y$: −0.26, 7, (not known).\n"
        "| my name | x |\n| --- | ---: |\n| a\\|b | 0.25 |\n"
        "![a line](there/f.png)\n"
        "- Confirmed: Yes.\n"
        "- **Not confirmed:** No."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<<b>>", "asks for the number 'b', and the finding has a"),
        ("<<table:a>>", "asks for the table 'a', and the finding has none"),
        ("<<a:q>>", "'q' is no format of a number"),
    ],
)
def test_a_text_that_asks_for_what_is_not_there_is_refused(text, message):
    one = claim(text, numbers={"a": 1.0})
    with pytest.raises(InputError, match=message):
        filled(one, one.measure(print), "")


def test_an_unknown_value_in_a_table_is_a_dash():
    assert markdown_table(pd.DataFrame({"x": [math.nan, 2.0]})).endswith("| - |\n| 2 |")


def test_claims_are_chosen_by_number_and_by_name():
    study = Study(name="s", title="S", claims=[claim(name="a"), claim(name="b")])
    assert [c.name for c in chosen(study, [])] == ["a", "b"]
    assert [c.name for c in chosen(study, ["2", "a"])] == ["a", "b"]
    assert [c.name for c in chosen(study, ["b"])] == ["b"]
    with pytest.raises(InputError, match=r"no claim '3': it has 1 a, 2 b"):
        chosen(study, ["3"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claims": []}, "has no claims"),
        ({"claims": [claim(), claim()]}, "one name"),
        ({"name": "a b"}, "cannot be a folder"),
    ],
)
def test_a_study_that_cannot_be_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        Study(**{"name": "s", "title": "S", "claims": [claim()], **changes})
    with pytest.raises(InputError, match="cannot be a folder"):
        claim(name="a b")


def test_the_page_names_what_is_not_measured(tmp_path):
    study = Study(name="s", title="S", claims=[claim("Done.", "a"), claim("b", "b")])
    measured(study.claims[0], tmp_path / "results/a", print)
    write_page(study, tmp_path / "results", tmp_path / "docs/page.md")
    page = (tmp_path / "docs/page.md").read_text()
    assert "## 1. One\n\nDone.\n\n## 2. One\n\n*Not measured yet: `--claim 2`" in page


def test_a_study_runs_from_the_command_line(capsys, workplace):
    Path("tiny.py").write_text(FILE)
    status, out, _ = said(capsys, "run", "tiny.py", "--claim", "second")
    assert status == 0
    assert "half of it" in out
    assert "NOT CONFIRMED: It is positive." in out
    page = Path("docs/tiny.md").read_text()
    assert "It is −41.5." in page
    assert "](../results/tiny/second/drawn.png)" in page
    assert not Path("results/tiny/first").exists()

    Path("results/tiny/second/drawn.png").unlink()
    status, out, _ = said(capsys, "plot", "tiny.py")
    assert (status, "drawn.png" in out) == (0, True)
    assert Path("results/tiny/second/drawn.png").exists()

    assert said(capsys, "run", "tiny.py", "--out", "there")[0] == 0
    assert "](first/drawn.png)" in Path("there/tiny.md").read_text()


def test_options_that_do_not_go_together_are_refused(capsys, workplace):
    Path("tiny.py").rename("other.py")
    Path("tiny.py").write_text(FILE)
    assert "is a study" in refused(capsys, "run", "tiny.py", "--seeds", "3")
    assert "no claim '7'" in refused(capsys, "run", "tiny.py", "--claim", "7")
    assert "holds no results" in refused(capsys, "plot", "tiny.py")
    assert "defines no `study`" in refused(capsys, "run", "other.py", "--claim", "1")
    assert "defines no `study`" in refused(capsys, "plot", "other.py")


def test_a_folder_that_cannot_be_written_is_told_before_measuring(capsys, workplace):
    Path("tiny.py").write_text(FILE)
    Path("taken").write_text("a file, no folder")
    status, out, err = said(capsys, "run", "tiny.py", "--out", "taken/here")
    assert (status, "half of it" in out) == (2, False)
    assert "cannot write" in err
    # What was measured before a stop is on the page.
    Path("stops.py").write_text(
        FILE.replace(
            'say("half of it")', 'say("x"); stop.append(1); 1 / (2 - len(stop))'
        )
        .replace("def measure", "stop = []\ndef measure")
        .replace('name="tiny"', 'name="stops"')
    )
    with pytest.raises(ZeroDivisionError):
        said(capsys, "run", "stops.py")
    page = Path("docs/stops.md").read_text()
    assert "It is −41.5." in page
    assert "*Not measured yet: `--claim 2`" in page


def test_panels_are_drawn_and_hold_what_they_are_given(tmp_path):
    x = np.arange(1, 6)
    parts = [
        Panel(
            "left",
            "x",
            "y",
            [
                Curve("a", x, x, x - 1, x + 1, COLORS["Q-learning"]),
                Curve("b", x, 2 * x, marker="o", low=x, high=3 * x),
            ],
            lines={"chance": 2.0},
            x_log=True,
        ),
        Rows("right", "score", {"one": [1, 2, 3, 4], "none": [math.nan]}),
    ]
    paths = panels(tmp_path / "p", "Why?", "what", parts, "caption")
    assert [path.name for path in paths] == ["p.png"]
    picture = matplotlib.image.imread(paths[0])
    blue = np.array([0x00, 0x72, 0xB2]) / 255
    assert (np.abs(picture[..., :3] - blue).max(-1) < 0.02).sum() > 50
    before = paths[0].read_bytes()
    panels(tmp_path / "p", "Why?", "what", parts, "caption")
    assert paths[0].read_bytes() == before


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "at least one panel"),
        ([Panel("t", "x", "y", [])], "'t' is empty"),
        ([Panel("t", "x", "y", [Curve("c", [1, 2], [1])])], "two lists of one length"),
        ([Panel("t", "x", "y", [Curve("c", ["a"], [1])])], "c: could not convert"),
    ],
)
def test_panels_that_cannot_be_drawn_are_refused(tmp_path, parts, message):
    with pytest.raises(InputError, match=message):
        panels(tmp_path / "p", "Why?", "what", parts, "caption")


@pytest.mark.slow
def test_the_program_on_the_page_of_the_instruments_runs(capsys):
    """As it stands in the document."""
    page = Path(__file__).parents[2] / "docs" / "instruments.md"
    program = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    exec(compile(program, str(page), "exec"), {})
    said = capsys.readouterr().out
    assert "(64, 4)" in said
    assert "double DQN" in said
