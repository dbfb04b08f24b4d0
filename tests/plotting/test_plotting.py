"""Pictures: what is drawn equals the numbers, nothing overlaps, bytes repeat."""

import colorsys
import os

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from pgvq.analysis.statistics import estimate, interquartile_mean
from pgvq.plotting import final_scores, learning_curves, plot, style
from pgvq.results import store as results_folder
from pgvq.results.store import assemble
from pgvq.types import InputError
from tests.helpers.synthetic_results import description, evaluations, learning, training

NAN = float("nan")
THREE = {"reinforce": "REINFORCE", "actor_critic": "ActorCritic", "dqn": "DQN"}
LONG = {
    f"{kind} learning_rate={rate} entropy_weight={weight}": algorithm
    for kind, algorithm in (("actor_critic", "ActorCritic"), ("dqn", "DQN"))
    for rate in ("0.0003", "0.001")
    for weight in ("0.01", "0.003")
}


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, drawn once so that positions are known."""
    figures = []

    def keep(figure, stem, *_):
        FigureCanvasAgg(figure).draw()
        figures.append(figure)
        return [stem]

    monkeypatch.setattr(style, "save", keep)
    return figures


def with_scores(scores, diverged=()):
    """A DQN with the given scores [S, P, G]."""
    table = evaluations(np.asarray(scores, float))
    tables = {"evaluations": table, "training": training(table, diverged)}
    return assemble(description({"dqn": "DQN"}), {"dqn": tables})


def thick(axes):
    """Curves over seeds: lines in data coordinates with more than their ends."""
    return [x for x in axes.lines if x.get_linewidth() == 2 and len(x.get_xdata()) > 2]


def test_everything_is_redrawn_from_the_folder_alone_with_the_same_bytes(tmp_path):
    """Pitfall 23: a picture regenerates from the folder alone."""
    made = learning(THREE, seeds=3, points=3)
    folder = tmp_path / "pong"
    results_folder.create(folder, description(THREE))
    for table_name in results_folder.TABLES:
        for name, rows in getattr(made, table_name).groupby("variant"):
            results_folder.write_table(folder, name, table_name, rows.iloc[:, 3:])
    before = dict(matplotlib.rcParams)
    written = plot(folder)
    assert {path.name for path in written} == {
        f"{stem}{end}"
        for stem in ("learning_curves", "learning_curves_explore", "final_scores")
        for end in (".png",)
    } | {"reached.png", "summary.csv"}
    assert set(written) <= set(folder.iterdir())
    assert dict(matplotlib.rcParams) == before
    again = plot(made, tmp_path / "elsewhere")
    for one, other in zip(written, again, strict=True):
        if one.name != "summary.csv":  # sessions were not written to the folder
            assert one.read_bytes() == other.read_bytes(), one.name
    table = pd.read_csv(folder / "summary.csv")
    assert table["variant"].tolist() == [*THREE, *THREE]
    assert table["mode"].tolist() == ["greedy"] * 3 + ["explore"] * 3


def test_thick_lines_and_bands_are_the_statistics(drawn, tmp_path):
    made = learning({"dqn": "DQN"}, seeds=6)
    learning_curves(made, tmp_path)
    [figure] = drawn
    rows = made.evaluations.query("mode == 'greedy'")
    means = rows.groupby(["seed", "agent_steps"])["score"].mean().unstack()
    left, right = figure.axes
    for axes, last in ((left, 1.0), (right, 10.0)):  # million steps, seconds
        [line] = thick(axes)
        np.testing.assert_allclose(line.get_ydata(), interquartile_mean(means))
        np.testing.assert_allclose(line.get_xdata(), np.linspace(0, last, 6))
        assert len([x for x in axes.lines if x.get_linewidth() == 0.7]) == 6
        [band] = axes.collections
        _, low, high = estimate(means)
        ends = band.get_paths()[0].vertices[:, 1]
        assert (ends.min(), ends.max()) == pytest.approx((low.min(), high.max()))


def test_explore_is_a_picture_of_its_own(drawn, tmp_path):
    made = learning({"dqn": "DQN"})
    assert learning_curves(made, tmp_path, "explore")[0].name.endswith("_explore")
    learning_curves(made, tmp_path)
    explore, greedy = [thick(figure.axes[0])[0].get_ydata() for figure in drawn]
    np.testing.assert_allclose(explore, greedy - 1, rtol=1e-5)


def test_unfinished_seeds_are_drawn_thin_and_left_out_of_the_curve(drawn, tmp_path):
    scores = np.array([[-20, 0, 9], [-20, 3, 12], [-20, 6, 15], [-20, 21, NAN]])
    made = with_scores(scores[..., None])
    learning_curves(made, tmp_path)
    final_scores(made, tmp_path)
    curves, finals = drawn
    [line] = thick(curves.axes[0])
    np.testing.assert_allclose(line.get_ydata(), [-20, 3, 12])
    assert "Seeds unfinished, as thin lines only: dqn 1 of 4." in caption(curves)
    [dots, *_] = finals.axes[0].collections
    assert sorted(dots.get_offsets()[:, 0]) == [9, 12, 15]


def test_seeds_that_are_all_unfinished_are_drawn_and_said(drawn, tmp_path):
    made = with_scores(np.full([3, 4, 1], 5.0))
    made.description["budget_agent_steps"] = 2_000_000
    plot(made, tmp_path)
    curves, explored, finals, *_ = drawn
    assert "No seed has finished: dqn." in caption(curves)
    assert len(thick(curves.axes[0])) == 1
    assert "Seeds unfinished, left out: dqn 3 of 3." in caption(finals)
    assert explored.axes
    assert "no finished seed" in [text.get_text() for text in finals.axes[0].texts]


def test_equal_scores_have_no_bar_and_the_caption_says_so(drawn, tmp_path):
    final_scores(with_scores(np.full([6, 3, 1], 5.0)), tmp_path)
    final_scores(with_scores(np.arange(18.0).reshape(6, 3, 1)), tmp_path)
    said = [caption(figure) for figure in drawn]
    assert "No bar where all that is averaged is equal: dqn." in said[0]
    assert "equal" not in said[1]


def test_two_seeds_have_a_range_and_no_interval(drawn, tmp_path):
    made = learning({"dqn": "DQN"}, seeds=2)
    learning_curves(made, tmp_path)
    final_scores(made, tmp_path)
    for figure, word in zip(drawn, ("Band", "Bar"), strict=True):
        assert f"{word} of 2 to 4 seeds: their range, no interval." in caption(figure)
    rows = made.evaluations.query("mode == 'greedy' and agent_steps == 1_000_000")
    ends = np.sort(rows.groupby("seed")["score"].mean())
    [bar] = [x for x in drawn[1].axes[0].lines if x.get_linewidth() == 2.5]
    np.testing.assert_allclose(bar.get_xdata(), ends)


def test_one_seed_has_no_band_and_no_bar(drawn, tmp_path):
    made = learning({"dqn": "DQN"}, seeds=1)
    learning_curves(made, tmp_path)
    final_scores(made, tmp_path)
    for figure, word in zip(drawn, ("band", "bar"), strict=True):
        assert f"No {word} from one seed." in caption(figure)
    assert not drawn[0].axes[0].collections[0].get_paths()
    bars = [x for x in drawn[1].axes[0].lines if x.get_linewidth() == 2.5]
    assert np.isnan(bars[0].get_xdata()).all()


def test_five_seeds_say_that_intervals_may_be_too_narrow(drawn, tmp_path):
    for seeds, said in ((5, True), (10, False)):
        final_scores(learning({"dqn": "DQN"}, seeds=seeds), tmp_path)
        assert ("intervals are too narrow" in caption(drawn[-1])) == said


def test_diverged_seeds_are_marked_and_kept(drawn, tmp_path):
    made = with_scores([[[-20], [-9], [v]] for v in (1, 2, 6)], diverged=(1,))
    learning_curves(made, tmp_path)
    final_scores(made, tmp_path)
    [cross] = [x for x in drawn[0].axes[0].lines if x.get_marker() == "x"]
    assert cross.get_ydata().tolist() == [2]
    np.testing.assert_allclose(thick(drawn[0].axes[0])[0].get_ydata(), [-20, -9, 3])
    _, crosses = drawn[1].axes[0].collections
    assert crosses.get_offsets()[:, 0].tolist() == [2]
    said = "Diverged (×), counted like the others: dqn 1 of 3."
    assert all(said in caption(figure) for figure in drawn)


def caption(figure):
    return " ".join(figure.texts[0].get_text().split())


def boxes(figure, texts):
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [text.get_window_extent(renderer) for text in texts if text.get_text()]


@pytest.mark.parametrize("seeds", [1, 30])
@pytest.mark.parametrize("names", [{"dqn": "DQN"}, THREE, LONG], ids=len)
def test_no_text_leaves_the_picture_or_meets_another(drawn, tmp_path, names, seeds):
    made = learning(names, seeds=seeds, points=3)
    # All end alike: the labels' worst case.
    made.evaluations.loc[made.evaluations["agent_steps"] == 1_000_000, "score"] = 20.0
    learning_curves(made, tmp_path)
    final_scores(made, tmp_path)
    for figure in drawn:
        texts = [*figure.texts, *(t for axes in figure.axes for t in axes.texts)]
        texts += [
            t for axes in figure.axes for t in (axes.xaxis.label, axes.yaxis.label)
        ]
        texts += figure.axes[0].get_yticklabels()
        found = boxes(figure, texts)
        width, height = figure.canvas.get_width_height()
        for box in found:
            assert box.x0 >= 0
            assert box.y0 >= 0
            assert box.x1 <= width
            assert box.y1 <= height
    # Names beside the curves; the letters' own boxes are a little higher than they.
    labels = boxes(drawn[0], drawn[0].axes[1].texts)
    assert len(labels) == len(names)
    for i, box in enumerate(labels):
        assert not any(box.overlaps(other) for other in labels[i + 1 :])


def test_other_environments_need_no_reference_scores(drawn, tmp_path):
    made = learning({"dqn": "DQN"})
    made.description["score"] = {"label": "return", "random": None, "parity": None}
    made.description["environment"] = {"name": "CartPole-v1"}
    learning_curves(made, tmp_path)
    final_scores(made, tmp_path)
    for figure in drawn:
        assert any("play CartPole-v1" in text.get_text() for text in figure.texts)
    assert drawn[0].axes[0].get_ylabel() == "return"
    assert not drawn[0].axes[0].texts


def test_what_cannot_be_drawn_says_so(tmp_path):
    empty = assemble(description(THREE), {})
    with pytest.raises(InputError, match="run the experiment first"):
        plot(empty, tmp_path)
    with pytest.raises(InputError, match="no folder"):
        plot(learning({"dqn": "DQN"}))
    with pytest.raises(InputError, match="does not exist"):
        plot(tmp_path / "absent")
    with pytest.raises(InputError, match="use greedy or explore"):
        learning_curves(learning({"dqn": "DQN"}), tmp_path, "exploit")
    assert not os.listdir(tmp_path)


def test_families_have_hues_and_variants_their_own_looks():
    variants = description(LONG | THREE)["variants"]
    variants += [{"name": "mine", "family": "evolution"}]
    looks = style.styles(variants)
    assert len(set(map(str, looks.values()))) == len(variants)
    hues = {
        v["name"]: colorsys.rgb_to_hsv(*to_rgb(looks[v["name"]].color))[0]
        for v in variants
    }
    for variant in variants:
        hue = 360 * hues[variant["name"]]
        expected = {"policy gradient": (10, 40), "Q-learning": (195, 220)}
        low, high = expected.get(variant["family"], (100, 180))
        assert low < hue < high, (variant, hue)


@pytest.mark.parametrize("seed", range(20))
def test_spread_labels_keep_distance_order_and_bounds(seed):
    generator = np.random.default_rng(seed)
    count = generator.integers(1, 12)
    wanted = generator.choice([generator.uniform(0, 100, count), np.full(count, 99.0)])
    heights = generator.uniform(2, 8, count)
    placed = style.spread(wanted, heights, 0, 100)
    order = np.argsort(wanted, kind="stable")
    gaps = np.diff(placed[order]) - (heights[order][1:] + heights[order][:-1]) / 2
    assert np.all(gaps >= -1e-9)
    assert np.all(placed - heights / 2 >= -1e-9)
    assert np.all(placed + heights / 2 <= 100 + 1e-9)


def test_spread_moves_only_what_overlaps_and_shares_the_way():
    placed = style.spread([10.0, 50.0, 52.0], [4.0, 4.0, 4.0], 0, 100)
    np.testing.assert_allclose(placed, [10, 49, 53])


@pytest.mark.parametrize("name", [*LONG, "dqn", "x" * 90, "dqn(lr=0.1,discount=0.99)"])
def test_wrapped_names_lose_nothing(name):
    lines = style.wrapped(name, 20).split("\n")
    assert max(map(len, lines)) <= 20
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert (
        style.wrapped("dqn(lr=0.1,discount=0.99)", 14) == "dqn(lr=0.1,\ndiscount=0.99)"
    )


def test_units_suit_the_numbers():
    assert style.steps_unit(2e6) == (1e6, "million agent steps")
    assert style.steps_unit(60_000) == (1e3, "thousand agent steps")
    assert style.steps_unit(500) == (1.0, "agent steps")
    assert style.time_unit(299) == (1.0, "seconds")
    assert style.time_unit(301) == (60.0, "minutes")
    assert style.time_unit(4 * 3600) == (3600.0, "hours")
    assert [style.signed(x) for x in (-3.04, 0.0, 15.96, 373.7)] == (
        ["−3.0", "+0.0", "+16.0", "374"]
    )
