"""Titles and names are shown as they were given, and break nothing."""

import io
import sys
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text as Drawn
from rich.console import Console

from pgvq import plotting
from pgvq.cli.progress_display import Live, Plain
from pgvq.cli.summary_table import print_summary
from pgvq.plain_text import for_figure, literal, printable, say, visible
from pgvq.plotting import style as plotting_style
from pgvq.plotting.panels import Curve, Panel, Rows, panels
from pgvq.results.store import assemble
from pgvq.training.lane import Lane
from tests.helpers.synthetic_results import description, evaluations, training

HOSTILE = [
    "[DQN] vs [/PPO]",
    "[bold]dqn[/bold] [slow] [link=x]y",
    "[/]",
    "\\[x] \\",
    r"of $\frac12$",
    "a lone $",
    "$$",
    r"\$5 and \\$6",
    "$x_",
    "_^{}",
    ":rocket: and 🚀👩‍🚀",
    "שלום עולם",
    "مرحبا",
    "漢字" * 30,
    "W" * 200,
    " ".join(["word"] * 40),
    "%s {} {task.description} %(x)s",
    "{",
    "a\u202eb\ud800",
    "tab\tand\r",
    "",
]
# A name becomes a folder, which leaves these.
NAMES = ["dqn [slow]", "שלום", "漢字" * 20, "a" * 200, "x [", "x [bold]y", "dqn @(1)"]


def made(title: str, name: str = "one"):
    """Results of two variants, the first of them called `name`."""
    described = description({name: "DQN", "other": "REINFORCE"})
    tables = {}
    for number, variant in enumerate((name, "other")):
        table = evaluations(np.full((3, 3, 2), float(number)))
        tables[variant] = {"evaluations": table, "training": training(table)}
    return assemble(described | {"title": title}, tables)


def printed(do, width: int = 300, **options) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    do(console)
    return console.file.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_rich_prints_exactly_the_text(text):
    out = printed(lambda console: say(console, text), width=2000)
    assert out == visible(text) + "\n"
    out = printed(lambda console: say(console, text), 2000, force_terminal=True)
    assert out == visible(text) + "\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_matplotlib_draws_exactly_the_text(text):
    """As its own parser reads it: no formula, and every backslash where it was."""
    drawn = Figure().text(0, 0, for_figure(text))
    shown, is_formula = drawn._preprocess_math(drawn.get_text())
    assert (shown, is_formula) == (visible(text), False)


def test_what_is_plain_stays_as_it_is():
    for text in ("PPO, 3 × 10⁻⁴ (β = 0.9)", "Größe", "dqn_learning-rate=1e-3"):
        assert visible(text) == for_figure(text) == str(literal(text)) == text


def test_what_would_be_obeyed_is_seen_instead():
    assert visible("\x1b[31mred\x07\x9b") == "\\x1b[31mred\\x07\\x9b"
    assert visible("a\u202eb\ud800") == "a\\u202eb\\ud800"
    assert visible("two\nlines\there") == "two lines here"


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_leaves_the_table_whole(title):
    out = printed(lambda console: print_summary(made(title), console=console), 800)
    known = printed(lambda console: print_summary(made("x"), console=console), 800)
    body = known.partition("\n")[2]
    assert out.endswith(body)
    # A title is as wide as its table: a longer one has more lines.
    shown = "".join(out.removesuffix(body).split())
    assert shown == "".join(f"{visible(title)}: final scores, greedy play".split())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_whole_in_the_table(name):
    out = printed(lambda c: print_summary(made("x", name), console=c), 500)
    assert name in out
    narrow = printed(lambda c: print_summary(made("x", name), console=c), 80)
    lengths = [Console().render_str(line).cell_len for line in narrow.splitlines()]
    assert max(lengths) <= 80


@pytest.mark.parametrize("title", [*HOSTILE[:13], "W" * 200, HOSTILE[16]])
def test_a_title_is_whole_in_the_figures(title, tmp_path, monkeypatch):
    figures = []

    def keep(figure, stem, *_):
        figures.append(figure)
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            figure.draw_without_rendering()  # without glyphs for emoji
        return []

    monkeypatch.setattr(plotting_style, "save", keep)
    plotting.learning_curves(made(title), tmp_path)
    plotting.final_scores(made(title), tmp_path)
    for figure in figures:
        texts = figure.findobj(Drawn)
        shown = [text._preprocess_math(text.get_text())[0] for text in texts]
        said = " ".join(" ".join(shown).split())
        flat = "".join(visible(title).split())
        assert flat in "".join(said.split())
        box, words = figure.bbox, figure.texts
        for text in words:
            with warnings.catch_warnings(action="ignore", category=UserWarning):
                extent = text.get_window_extent()
            assert extent.x1 <= box.x1 + 1, text.get_text()
            assert extent.y1 <= box.y1 + 1, text.get_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_whole_in_the_figures(name, tmp_path):
    written = plotting.learning_curves(made("t", name), tmp_path)
    written += plotting.final_scores(made("t", name), tmp_path)
    assert all(path.stat().st_size for path in written)


@pytest.mark.parametrize("text", [r"$\frac12$", "$", "[x] 🚀", "_^{}"])
def test_panels_draw_every_text_literally(text, tmp_path):
    curve = Curve(text, [1.0, 10.0], [1.0, 2.0])
    parts = [
        Panel(text, text, text, [curve], x_log=True, lines={text: 1.0}),
        Rows(text, text, {text: [1.0, 2.0]}, lines={text: 1.0}),
    ]
    written = panels(tmp_path / "x", text, text, parts, text)
    assert [path.suffix for path in written] == [".png"]


@pytest.mark.parametrize("name", NAMES)
def test_the_progress_shows_names_as_they_are(name):
    lanes = [Lane(name, None, 0)]

    def plain(console):
        Plain(console).batch(lanes, 0, 1000)

    def live(console):
        shown = Live(console)
        with shown:
            shown.planned(None, 0, [lanes])
            shown.batch(lanes, 0, 1000)

    assert f"{name}, 1 seed" in printed(plain, 400)
    assert f"{name}, 1 seed" in printed(live, 400, force_terminal=True)


def test_a_console_of_ascii_gets_other_characters(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with printable():
        print("±0.5 → λ × 3 – ─│┌█ é 🚀")
        sys.stdout.flush()
    assert raw.getvalue().decode() == "+-0.5 -> lambda x 3 - -|+# ? ?\n"
    with pytest.raises(UnicodeEncodeError):
        print("é", flush=True)  # a user's own program keeps its own rules


def test_the_summary_is_printed_on_a_console_of_ascii(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    print_summary(made("π ± 🚀"))
    stream.flush()
    assert b"pi +- ?: final scores" in raw.getvalue()


def test_figures_are_what_they_were_for_plain_titles():
    """One line of heading has its old place: committed figures stay equal."""
    with matplotlib.rc_context(plotting_style.RC):
        figure = Figure(figsize=(10, 5))
        plotting_style.headings(figure, "A question?", "what is shown")
    places = [(t.get_position(), t.get_va(), t.get_size()) for t in figure.texts]
    assert places == [((0.018, 0.94), "center", 13), ((0.018, 0.886), "center", 9.5)]
    assert plotting_style.headings_height(10, "A question?", "what is shown") == 0
