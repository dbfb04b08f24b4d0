"""Options of figures: what they do to what is drawn, and what is said of wrong ones."""

import zlib

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from pgvq import plotting
from pgvq.analysis.captions import interval_in_words, listed, notes_on_runs
from pgvq.analysis.curves import curves, metric_curves, metrics
from pgvq.analysis.statistics import estimate, interquartile_mean
from pgvq.plotting import style
from pgvq.plotting.captions import conditions
from pgvq.plotting.curves import score_lines
from pgvq.plotting.lines import is_log
from pgvq.plotting.options import (
    Options,
    label_in,
    names_in,
    shown_variants,
)
from pgvq.results.store import assemble
from pgvq.types import InputError
from tests.helpers.synthetic_results import description, evaluations, learning, training

THREE = {"reinforce": "REINFORCE", "actor_critic": "ActorCritic", "dqn": "DQN"}
NAN = float("nan")


def axes():
    return Figure().subplots()


def thick(drawn):
    return [x for x in drawn.lines if x.get_linewidth() == 2]


@pytest.fixture(scope="module")
def made():
    return learning(THREE)


# --- axes of the caller's


@pytest.mark.parametrize("x", ["agent_steps", "updates", "seconds"])
def test_curves_on_own_axes_are_the_statistics(made, x):
    mine = axes()
    assert plotting.draw_learning_curves(mine, made, x=x, variants=["dqn"]) is mine
    [line] = thick(mine)
    variant = made.description["variants"][2]
    runs = curves(made, variant, "greedy")
    np.testing.assert_allclose(line.get_ydata(), interquartile_mean(runs.scores))
    ends = {"agent_steps": 1.0, "updates": 10.0, "seconds": 10.0}  # million, thousand
    np.testing.assert_allclose(line.get_xdata(), np.linspace(0, ends[x], 6))
    [band] = mine.collections
    vertices = band.get_paths()[0].vertices[:, 1]
    _, low, high = estimate(runs.scores)
    assert (vertices.min(), vertices.max()) == pytest.approx((low.min(), high.max()))
    assert [text.get_text() for text in mine.get_legend().get_texts()] == ["dqn"]


def test_final_scores_on_own_axes_are_the_seeds(made):
    mine = axes()
    options = {"order": ["dqn"], "labels": {"dqn": "Double DQN"}}
    assert plotting.draw_final_scores(mine, made, "explore", **options) is mine
    shown = [text.get_text() for text in mine.get_yticklabels()]
    assert shown == ["Double DQN", "reinforce", "actor_critic"]
    dots = mine.collections[0].get_offsets()[:, 0]
    runs = curves(made, made.description["variants"][2], "explore").scores[:, -1]
    np.testing.assert_allclose(np.sort(dots), np.sort(runs))


def test_a_metric_is_drawn_with_what_is_known_of_it():
    table = evaluations(np.zeros([5, 4, 1]))
    losses = training(table)
    losses["loss"] = np.arange(20.0).reshape(5, 4).ravel()
    losses.loc[losses["agent_steps"] == 0, "loss"] = NAN  # before learning
    losses.loc[(losses["seed"] == 4) & (losses["agent_steps"] > 500_000), "loss"] = NAN
    made = assemble(
        description({"dqn": "DQN", "reinforce": "REINFORCE"}),
        {
            "dqn": {"evaluations": table, "training": losses},
            "reinforce": {
                "evaluations": table,
                "training": training(table).drop(columns="loss"),
            },
        },
    )
    assert metrics(made) == ["loss"]
    mine = axes()
    plotting.draw_metric(mine, made, "loss", x="updates", log="y")
    assert mine.get_yscale() == "log"
    [line] = thick(mine)  # reinforce has no loss
    values = np.arange(20.0).reshape(5, 4)
    expected = [
        NAN,
        *(interquartile_mean(values[:n, i]) for i, n in ((1, 5), (2, 4), (3, 4))),
    ]
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert metric_curves(made, made.description["variants"][0], "loss").games == 0


def test_a_logarithmic_axis_leaves_out_the_start(made):
    mine = axes()
    plotting.draw_learning_curves(mine, made, x="seconds", log="x", variants=["dqn"])
    assert mine.get_xscale() == "log"
    [line] = thick(mine)
    assert np.isnan(line.get_xdata()[0])
    np.testing.assert_allclose(line.get_xdata()[1:], [2, 4, 6, 8, 10])
    with pytest.raises(InputError, match="cannot be on a logarithmic axis"):
        plotting.draw_learning_curves(axes(), made, log="y")


def test_seconds_are_logarithmic_where_methods_differ_much(made):
    lines = score_lines(made, "greedy", Options())
    assert not is_log(lines, "seconds", Options())
    slow = lines[0]._replace(
        curve=lines[0].curve._replace(seconds=10 * lines[0].curve.seconds)
    )
    assert is_log([slow, *lines[1:]], "seconds", Options())
    assert not is_log([slow, *lines[1:]], "agent_steps", Options())
    assert is_log(lines, "agent_steps", Options(log="x"))


# --- files


def test_formats_sizes_and_words_beside(made, tmp_path):
    written = plotting.plot(
        made, tmp_path, mode="greedy", size="column", font="serif 7",
        format=["pdf", "svg"], metric="loss",
    )  # fmt: skip
    names = {path.name for path in written}
    assert {"learning_curves.pdf", "learning_curves.svg", "metric_loss.txt"} <= names
    assert not any(name.endswith(".png") for name in names)
    words = (tmp_path / "learning_curves.txt").read_text()
    assert words.startswith("How well does each method play Pong after")
    assert "Thick line: interquartile mean over seeds" in words
    pdf = (tmp_path / "final_scores.pdf").read_bytes()
    # Type 42 (TrueType) fonts, which journals accept, are CIDFontType2; not Type 3.
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"/MediaBox [ 0 0 241.2 " in pdf  # 3.35 inches
    again = tmp_path / "again"
    plotting.plot(
        made, again, mode="greedy", size="column", font="serif 7",
        format=["pdf", "svg"], metric=["loss"],
    )  # fmt: skip
    for path in written:
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_a_given_size_is_exact_and_a_title_replaces_the_question(
    made, tmp_path, monkeypatch
):
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, *_: figures.append(figure) or [])
    options = {"size": "9x6", "title": "Value or policy?", "font": 8}
    plotting.plot(made, tmp_path, **options)
    assert len(figures) == 4
    for figure in figures:
        assert figure.get_size_inches().tolist() == [9, 6]
        texts = [text.get_text() for text in figure.texts]
        assert "Value or policy?" in texts
        assert not any(text.startswith("How well") for text in texts)
        assert any(
            text.startswith(("Thin lines", "Dots", "Each step")) for text in texts
        )
    figures.clear()
    plotting.plot(made, tmp_path, caption=False)
    assert all(not figure.texts for figure in figures)


# --- looks


def test_colours_belong_to_learners_whatever_else_is_drawn(made):
    whole = {one.name: one.look for one in shown_variants(made, Options())}
    for name in THREE:
        [alone] = shown_variants(made, Options(variants=[name]))
        assert alone.look == whole[name]
        lone = learning({name: THREE[name]}, seeds=1, points=2)
        assert shown_variants(lone, Options())[0].look == whole[name]
    assert whole["dqn"].color == "#0072B2"


def test_variants_of_a_learner_have_its_hue_and_their_own_shade():
    names = ["dqn, not double", "dqn", "dqn, dueling", "dqn, 3-step", "dqn, quantiles"]
    looks = style.styles(
        [{"name": name, "algorithm": "DQN", "family": "Q-learning"} for name in names]
    )
    assert looks["dqn"].color == "#0072B2"
    assert len({look.color for look in looks.values()}) == 5
    assert len({str(look.dashes) for look in looks.values()}) == 5
    for look in looks.values():
        red, green, blue = to_rgb(look.color)
        assert red <= green <= blue


def test_built_in_learners_differ_in_grey_or_in_dashes():
    kinds = {
        "REINFORCE": "policy gradient", "ActorCritic": "policy gradient",
        "PPO": "policy gradient", "DQN": "Q-learning", "PQN": "Q-learning",
        "SAC": "soft Q-learning", "Tabular": "Q-learning",
    }  # fmt: skip
    looks = style.styles(
        [
            {"name": kind, "algorithm": kind, "family": family}
            for kind, family in kinds.items()
        ]
    )

    def grey(look):
        return np.dot(to_rgb(look.color), [0.299, 0.587, 0.114])

    pairs = [(a, b) for a in kinds for b in kinds if a < b]
    for a, b in pairs:
        apart = abs(grey(looks[a]) - grey(looks[b])) > 0.15
        assert apart or looks[a].dashes != looks[b].dashes, (a, b)


def test_a_learner_of_ones_own_keeps_its_colour():
    mine = {"name": "mine", "algorithm": "Mine", "family": "evolution"}
    other = {"name": "other", "algorithm": "Other", "family": "evolution"}
    assert zlib.crc32(b"Mine") != zlib.crc32(b"Other")
    alone = style.styles([mine])["mine"]
    both = style.styles([mine, other])
    assert both["mine"] == alone
    assert both["other"].color != alone.color


# --- captions


def test_intervals_are_called_what_they_are():
    """The words follow what the statistics give for that many runs."""
    kinds = {
        10: "Band: its 95\N{NO-BREAK SPACE}% interval",
        4: "their range",
        1: "No band",
    }
    for count, words in kinds.items():
        said = interval_in_words("Band", {"a": count})
        assert words in said
        assert ("95" in said) is (count == 10)
        low, high = estimate(np.arange(float(count)))[1:]
        assert ((low, high) == (0, count - 1)) is (count == 4)
        assert np.isnan(low) is np.True_ or count > 1
    mixed = interval_in_words("Bar", {"a": 10, "b": 3, "c": 10})
    assert mixed.startswith("Bar: its 95")
    assert mixed.endswith("their range, no interval (b).")
    assert "too narrow" in interval_in_words("Bar", {"a": 6})
    assert listed(["a, b", "c"]) == "a, b; c"


def test_notes_are_summed_up_by_kind():
    names = {f"dqn {i}": "DQN" for i in range(12)}
    tables = {}
    for name in names:
        scores = np.zeros([3, 3, 1])
        table = evaluations(scores)
        tables[name] = {"evaluations": table, "training": training(table, (1,))}
    made = assemble(description(names), tables)
    found = {v["name"]: curves(made, v, "greedy") for v in made.description["variants"]}
    said = notes_on_runs(found, scores=True, final=False)
    assert said.count("Diverged") == 1
    assert "dqn 0 1 of 3, dqn 1 1 of 3" in said
    assert said.endswith("and 4 more.")


@pytest.mark.parametrize(("met", "success"), [(500.0, True), (-500.0, False)])
def test_the_cap_is_no_warning_where_it_is_success(met, success):
    """CartPole's best games meet the cap, Acrobot's worst."""
    table = evaluations(np.tile([[[10.0], [80.0], [99.0]]], (5, 1, 1)))
    last = table["agent_steps"] == 1_000_000
    table.loc[last, ["score", "truncated"]] = met, True
    made = assemble(
        description({"dqn": "DQN"}),
        {"dqn": {"evaluations": table, "training": training(table)}},
    )
    said = " ".join(conditions(made, shown_variants(made, Options()), ["greedy"]))
    note = "Final games cut off by the step cap: dqn 100\N{NO-BREAK SPACE}%."
    assert (note in said) is not success


# --- words that are read, and wrong ones


def test_names_with_commas_and_labels_with_equals():
    known = ["dqn", "dqn, 3-step", "ppo lr=0.1", "a,b,c"]
    assert names_in("dqn, 3-step,dqn", known) == ["dqn, 3-step", "dqn"]
    assert names_in("a,b,c, ppo lr=0.1", known) == ["a,b,c", "ppo lr=0.1"]
    assert names_in("x,dqn", known) == ["x", "dqn"]
    assert label_in("ppo lr=0.1=PPO", known) == ("ppo lr=0.1", "PPO")
    assert label_in("dqn=a=b", known) == ("dqn", "a=b")
    with pytest.raises(InputError, match="must be NAME=LABEL"):
        label_in("dqn", known)


def test_the_highest_score_first(made):
    names = [one.name for one in shown_variants(made, Options(order=["score"]))]
    final = {
        v["name"]: interquartile_mean(curves(made, v, "greedy").scores[:, -1])
        for v in made.description["variants"]
    }
    assert names == sorted(final, key=lambda name: -final[name])


WRONG = {
    "variants": [
        (["dpn"], "did you mean 'dqn'"), (5, "a list of texts"), ([1], "a text"),
    ],
    "order": [(["x"], "there are 'reinforce'")],
    "labels": [
        ({"dpn": "x"}, "did you mean"),
        ({"dqn": "x", "reinforce": "x"}, "two labels"),
        ("dqn=x", "give names their labels"),
        ({"dqn": " "}, "give names their labels"),
    ],
    "title": [(5, "must be a text")],
    "mode": [("exploit", "did you mean 'explore'"), (5, "use greedy or explore")],
    "x": [("steps", "did you mean 'agent_steps'"), ("", "is not known")],
    "log": [("z", "use x or y"), ("y", "cannot be on a logarithmic axis")],
    "metric": [("los", "did you mean 'loss'"), ("zzz", "there are 'loss'")],
    "size": [
        ("7", "7x4"), ("colum", "column or page"), ("1x4", "from 2 to 40"),
        ("nanx4", "7x4"), ((7, "x"), "7x4"), (7, "7x4"), ("7x2.01", "no room"),
        ("2x9", "too narrow"),
    ],
    "font": [
        ("Tims", "not installed"), (500, "from 4 to 40"), ("", "a family"),
        ([], "a family"), ("nan", "from 4 to 40"),
    ],
    "format": [("gif", "use png or pdf or svg"), ([], "is empty"), ("pgn", "'png'")],
    "caption": [(1, "True or False")],
    "titel": [("x", "did you mean 'title'")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [(name, *case) for name, cases in WRONG.items() for case in cases],
)
def test_a_wrong_option_is_one_line_and_writes_nothing(
    made, tmp_path, option, value, why
):
    with pytest.raises(InputError) as caught:
        plotting.plot(made, tmp_path / "out", **{option: value})
    said = str(caught.value)
    assert why in said
    assert "\n" not in said
    # Whether the names have room is known when a figure is drawn.
    assert why == "too narrow" or not (tmp_path / "out").exists()


def test_settings_of_matplotlib_stay_as_they_are(made, tmp_path):
    before = dict(matplotlib.rcParams)
    plotting.plot(made, tmp_path, font="serif 12", mode="greedy")
    assert dict(matplotlib.rcParams) == before
