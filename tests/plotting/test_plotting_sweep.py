"""Sweeps are read from descriptions, and drawn as marginals and a heat map."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from pgvq import plotting
from pgvq.analysis.statistics import estimate, interquartile_mean
from pgvq.analysis.swept_fields import is_geometric, sweeps
from pgvq.plotting import style
from pgvq.plotting.curves import MOST_OF_A_SWEEP, score_lines
from pgvq.plotting.grid import grids_of
from pgvq.plotting.options import Options
from pgvq.results.store import assemble
from pgvq.types import InputError
from tests.helpers.synthetic_results import description, evaluations, training

RATES, COEFS = (1e-4, 1e-3, 1e-2), (0.0, 0.01, 0.02, 0.03)


def swept(rates=RATES, coefs=COEFS, seeds=5, **more):
    """Results of a sweep whose run s scores 10 i + j + s in cell (i, j)."""
    described, tables = description({}), {}
    described["variants"] = []
    for i, rate in enumerate(rates):
        for j, coef in enumerate(coefs):
            name = f"dqn rate={rate:g} coef={coef:g}"
            fields = {"learning_rate": rate, "env_params": {"gravity": coef}, "n": 3}
            described["variants"].append(
                {"name": name, "algorithm": "DQN", "family": "Q-learning",
                 "fields": fields | more}
            )  # fmt: skip
            scores = np.zeros([seeds, 3, 1])
            scores[:, -1, 0] = 10 * i + j + np.arange(seeds)
            table = evaluations(scores)
            tables[name] = {"evaluations": table, "training": training(table)}
    return assemble(described, tables)


def axes():
    return Figure().subplots()


def test_fields_that_differ_in_numbers_are_a_sweep():
    [sweep] = sweeps(swept().description)
    assert sweep.fields == ("learning_rate", "env_params.gravity")
    assert sweep.algorithm == "DQN"
    assert sweep.values.shape == (12, 2)
    [one] = sweeps(swept(coefs=(0.5,)).description)
    assert one.fields == ("learning_rate",)


@pytest.mark.parametrize(
    "fields",
    [
        [{"a": 1}, {"a": 2}],  # two are no sweep
        [{"a": True}, {"a": False}, {"a": 2}],
        [{"a": "x"}, {"a": "y"}, {"a": "z"}],
        [{"a": 1}, {"a": 2}, {"a": 2}],  # two alike
        [{"a": 1}, {"a": 2}, {"b": 3}],
        [{"budget": 1.0}, {"budget": 2.0}, {"budget": 3.0}],
        [{"a": [1, 2]}, {"a": [1, 3]}, {"a": [1, 4]}],
        [{"a": 1, "torso": {"object": "A", "fields": {"k": 1}}},
         {"a": 2, "torso": {"object": "B", "fields": {"k": 1}}},
         {"a": 3, "torso": {"object": "A", "fields": {"k": 1}}}],
        [{}, {}, {}],
    ],
)  # fmt: skip
def test_what_is_no_sweep(fields):
    described = description({})
    described["variants"] = [
        {"name": str(i), "algorithm": "DQN", "family": "Q-learning", "fields": one}
        for i, one in enumerate(fields)
    ]
    assert sweeps(described) == []


def test_committed_comparisons_are_no_sweeps():
    from pathlib import Path

    from pgvq.results.store import read_description

    results = Path(__file__).parents[2] / "results"
    found = sorted(results.glob("**/experiment.json"))
    assert len(found) > 5
    for path in found:
        assert sweeps(read_description(path.parent)) == [], path


def test_numbers_that_are_spread_by_factors():
    assert is_geometric(np.array([1e-4, 1e-3]))
    assert is_geometric(np.array([1.0, 2.0, 4.0, 8.0]))
    assert is_geometric(np.array([1e-4, 3e-4, 1e-3, 3e-3]))
    assert not is_geometric(np.array([1.0, 2.0, 3.0, 4.0]))
    assert not is_geometric(np.array([0.0, 0.1, 1.0]))
    assert not is_geometric(np.array([0.9, 0.95, 0.99]))
    assert not is_geometric(np.array([5.0]))


def test_a_marginal_is_each_seeds_mean_over_the_other_field():
    made = swept()
    mine = axes()
    assert plotting.draw_marginal(mine, made, "learning_rate") is mine
    [black] = [x for x in mine.lines if x.get_marker() == "D"]
    # The mean over j of 10 i + j + s, then the interquartile mean over s.
    np.testing.assert_allclose(black.get_ydata(), [10 * i + 1.5 + 2 for i in range(3)])
    np.testing.assert_allclose(black.get_xdata(), RATES)
    assert mine.get_xscale() == "log"
    [bars] = [c for c in mine.collections if len(c.get_segments()) == 3]
    low, high = np.array([s[:, 1] for s in bars.get_segments()]).T
    _, lows, highs = zip(
        *(estimate(10 * i + 1.5 + np.arange(5.0)) for i in range(3)), strict=True
    )
    np.testing.assert_allclose(low, lows)
    np.testing.assert_allclose(high, highs)
    others = [x for x in mine.lines if x.get_linewidth() == 1.3]
    assert len(others) == 4
    np.testing.assert_allclose(
        others[1].get_ydata(), [10 * i + 1 + 2 for i in range(3)]
    )
    linear = plotting.draw_marginal(axes(), made, "env_params.gravity")
    assert linear.get_xscale() == "linear"
    with pytest.raises(InputError, match=r"use learning_rate or env_params\.gravity"):
        plotting.draw_marginal(axes(), made, "gravity")


def test_only_seeds_that_all_have_count_in_a_marginal():
    made = swept(coefs=(0.0, 0.01))
    gone = (made.evaluations["variant"] == "dqn rate=0.0001 coef=0") & (
        made.evaluations["seed"] == 4
    )
    made = dataclasses.replace(made, evaluations=made.evaluations[~gone])
    [grid] = grids_of(made, "greedy")
    np.testing.assert_allclose(grid.marginal(0, 1e-4), 0.5 + np.arange(4))
    np.testing.assert_allclose(grid.marginal(0, 1e-3), 10.5 + np.arange(5))


def test_a_heat_map_has_every_cell_and_says_which_were_not_run():
    made = swept()
    [cells] = plotting.draw_heat_map(axes(), made).collections
    expected = [[10 * i + j + 2 for i in range(3)] for j in range(4)]
    np.testing.assert_allclose(cells.get_array(), expected)
    made.description["variants"].pop(5)
    mine = plotting.draw_heat_map(axes(), made)
    assert [text.get_text() for text in mine.texts].count("not run") == 1
    with pytest.raises(InputError, match="no sweep of two fields"):
        plotting.draw_heat_map(axes(), swept(coefs=(0.1,)))


def test_one_field_is_drawn_with_its_seeds():
    made = swept(coefs=(0.0,), seeds=6)
    mine = plotting.draw_marginal(axes(), made)
    [black] = [x for x in mine.lines if x.get_marker() == "D"]
    np.testing.assert_allclose(
        black.get_ydata(), [10 * i + interquartile_mean(np.arange(6)) for i in range(3)]
    )
    dots = [x for x in mine.lines if x.get_marker() == "o"]
    assert [len(x.get_ydata()) for x in dots] == [6, 6, 6]


def test_curves_of_a_sweep_name_the_best_alone():
    made = swept()
    lines = score_lines(made, "greedy", Options())
    named = {line.shown.name for line in lines if line.named}
    assert len(named) == MOST_OF_A_SWEEP == 8
    final = {line.shown.name: line.middle[-1] for line in lines}
    assert named == set(sorted(final, key=lambda name: -final[name])[:8])
    mine = plotting.draw_learning_curves(axes(), made)
    assert len([x for x in mine.lines if x.get_linewidth() == 2]) == 8
    assert len(mine.get_legend().get_texts()) == 8
    grey = [x for x in mine.lines if x.get_linewidth() == 1]
    assert {x.get_color() for x in grey} == {style.FAINT}
    assert len(grey) == 4


def test_a_sweep_has_a_figure_of_its_own(tmp_path, monkeypatch):
    made = swept()
    names = [path.name for path in plotting.plot(made, tmp_path, mode="greedy")]
    assert names == [
        "learning_curves.png", "final_scores.png", "reached.png", "sweep.png",
        "summary.csv",
    ]  # fmt: skip
    texts = []
    monkeypatch.setattr(style, "save", lambda figure, *_: texts.append(figure) or [])
    plotting.sweep_figures(made, tmp_path, Options(size="page"))
    [figure] = texts
    assert figure.get_figwidth() == 6.9
    assert len(figure.axes) == 3
    boxes = [a.get_position() for a in figure.axes]
    assert boxes[2].y1 < boxes[0].y0  # the map below, where there is room for it
    plotting.learning_curves(made, tmp_path)
    [words] = [t.get_text() for t in texts[1].texts if "Coloured" in t.get_text()]
    assert "the 8 of 12 variants with the highest final score" in " ".join(
        words.split()
    )


def test_sweeps_of_two_algorithms_have_a_figure_each(tmp_path):
    made = swept(coefs=(0.0,))
    other = {
        **made.description,
        "variants": [dict(v) for v in made.description["variants"]],
    }
    for variant in other["variants"]:
        variant |= {"name": "ppo" + variant["name"][3:], "algorithm": "PPO"}
    described = {**other, "variants": made.description["variants"] + other["variants"]}
    tables = {}
    for part, start in ((made, "dqn"), (made, "ppo")):
        for name, rows in part.evaluations.groupby("variant"):
            rest = part.training[part.training["variant"] == name]
            tables[start + str(name)[3:]] = {
                "evaluations": rows.iloc[:, 3:], "training": rest.iloc[:, 3:]
            }  # fmt: skip
    both = assemble(described, tables)
    written = plotting.sweep_figures(both, tmp_path)
    assert [path.name for path in written] == ["sweep_DQN.png", "sweep_PPO.png"]
    assert not plotting.sweep_figures(
        both, tmp_path, Options(variants=["dqn rate=0.01 coef=0"])
    )
