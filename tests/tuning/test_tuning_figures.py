"""Best of k, sensitivity and heat maps: their numbers, and that they are drawn."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pgvq.cli import main
from pgvq.plotting.style import Style
from pgvq.tuning import tune
from pgvq.tuning.analysis import (
    Trials,
    best_of_k,
    by_influence,
    chosen_table,
    influence,
    marginal,
    read_tuning,
)
from pgvq.tuning.figures import (
    draw_best_of_k,
    draw_heat_map,
    draw_sensitivity,
    plot,
)
from pgvq.tuning.ranges import Range
from pgvq.types import InputError
from tests.helpers.fake_tuning import tuning


def trials(scores, **values) -> Trials:
    """Trials of a learner; floats have a range from 0 to 1, texts are choices."""
    count = len(scores)
    floats = {f: v for f, v in values.items() if isinstance(v[0], float)}
    rest = {f: v for f, v in values.items() if f not in floats}
    return Trials(
        "ppo",
        np.asarray(scores, float),
        [{f: v[i] for f, v in values.items()} for i in range(count)],
        {field: Range(0.0, 1.0) for field in floats},
        {field: list(dict.fromkeys(held)) for field, held in rest.items()},
        {field: held[0] for field, held in values.items()},
    )


def test_the_best_of_k_is_the_mean_over_all_sets_of_k():
    scores = np.random.default_rng(0).normal(size=(6, 3))
    curve = best_of_k(scores, resamples=50)
    for k in range(1, 7):
        found = []
        for subset in itertools.combinations(range(6), k):
            for out in range(3):
                others = np.delete(scores, out, axis=1).mean(axis=1)
                best = max(subset, key=lambda i: others[i])
                found.append(scores[best, out])
        assert curve.value[k - 1] == pytest.approx(np.mean(found))
    assert curve.value[0] == pytest.approx(scores.mean())
    assert (curve.low <= curve.high).all()


def test_luck_does_not_make_more_tuning_look_better():
    """Equal configurations: the best of many is no better than one."""
    scores = np.random.default_rng(1).normal(size=(200, 3))
    curve = best_of_k(scores, resamples=200)
    assert abs(curve.value[99] - curve.value[0]) < 0.5
    flattered = np.sort(scores.mean(axis=1))[-2:].mean()
    assert flattered > 1.0  # what the best by its own seeds would show
    assert curve.low[99] < curve.value[0] < curve.high[99]


def test_influence_finds_the_field_that_matters():
    rng = np.random.default_rng(2)
    x, y = rng.random(200), rng.random(200)
    kind = rng.choice(["a", "b"], 200)
    scores = 10 * x + 2 * (kind == "a") + rng.normal(size=200)
    held = trials(scores[:, None], x=list(x), y=list(y), kind=list(kind))
    ranked = dict(by_influence(held))
    assert list(ranked) == ["x", "kind", "y"]
    assert ranked["x"] > 0.8
    assert ranked["y"] < 0.05
    assert influence(trials(np.zeros((9, 1)), x=list(x[:9])), "x") == 0


def test_marginals_are_means_of_near_values():
    held = trials(np.arange(10.0)[:, None], x=[i / 10 for i in range(10)])
    bins = marginal(held, "x")
    assert [one.mean for one in bins] == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert [one.place for one in bins] == pytest.approx([0.05, 0.25, 0.45, 0.65, 0.85])
    by_choice = marginal(trials([[1.0], [3.0], [5.0]], n=[8, 8, 16]), "n")
    assert [(one.place, one.mean) for one in by_choice] == [(0, 2.0), (1, 5.0)]


@pytest.fixture
def folder(untrained, tmp_path):
    tune(tuning(trials=12), tmp_path / "t")
    return tmp_path / "t"


def test_functions_take_an_axes_and_return_it(folder):
    found = read_tuning(folder)
    for name in ("ppo", "dqn"):
        held = found.trials[name]
        axes = Figure().add_subplot()
        look = Style("#000000", "-")
        assert draw_sensitivity(axes, held, "learning_rate", look, 1e-3) is axes
        axes = Figure().add_subplot()
        assert draw_heat_map(axes, held) is axes
        assert sum("(" in text.get_text() for text in axes.texts) > 1
    axes = Figure().add_subplot()
    assert draw_best_of_k(axes, found) is axes
    assert [line.get_label() for line in axes.get_lines()] == ["ppo", "dqn"]


def test_plot_writes_everything_from_the_folder_alone(folder, capsys):
    assert main(["plot", str(folder)]) == 0
    said = capsys.readouterr().out
    names = {path.name for path in folder.glob("*.png")}
    expected = {"best_of_k.png", "sensitivity ppo.png", "sensitivity dqn.png"}
    assert names == expected | {"heat_maps.png"}
    assert "equal effort: 2 learners, each with 12 configurations" in " ".join(
        said.split()
    )
    table = pd.read_csv(folder / "chosen.csv")
    assert set(table.learner) == {"ppo", "dqn"}
    assert table.equals(pd.read_csv(folder / "chosen.csv"))
    rates = table[(table.learner == "ppo") & (table.field == "learning_rate")]
    assert float(rates.chosen.iloc[0]) == pytest.approx(
        chosen_table(folder)
        .set_index(["learner", "field"])
        .chosen[("ppo", "learning_rate")]
    )


def test_a_search_on_its_way_is_drawn_as_far_as_it_is(untrained, tmp_path):
    untrained.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        tune(tuning(), tmp_path)
    written = {path.name for path in plot(tmp_path)}
    assert "best_of_k.png" in written
    assert "chosen.csv" not in written


def test_nothing_to_draw_is_one_line(untrained, tmp_path):
    untrained.stop_after = 0
    with pytest.raises(KeyboardInterrupt):
        tune(tuning(), tmp_path)
    with pytest.raises(InputError, match="no finished trial yet"):
        plot(tmp_path)
