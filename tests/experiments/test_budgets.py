"""The budget curve: runs of their own at each budget, and what is said of them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pgvq import DQN, REINFORCE, InputError
from pgvq.analysis.budget_curve import budget_table, pairs, sentences
from pgvq.cli.loading import load_experiment
from pgvq.experiments.budgets import budget_name, budgets, series_in
from pgvq.plotting.budgets import draw_budgets
from pgvq.results import store
from pgvq.results.store import assemble
from pgvq.storage.files import plain
from tests.helpers.command_line import refused, said
from tests.helpers.synthetic_results import evaluations, training
from tests.helpers.tiny import tiny

BUDGETS = [250_000, 1_000_000]
SMALL = {"seeds": 20, "evaluations": 5, "games": 3}


def two():
    return budgets(BUDGETS[::-1], [REINFORCE(), DQN()], title="Tiny: Pong", **SMALL)


def test_every_budget_has_an_experiment_with_its_own_schedules():
    small, large = two()
    assert [small.name, large.name] == ["0.25M", "1M"]
    assert small.variants["dqn"].budget == 250_000
    assert large.variants["dqn"].budget == 1_000_000
    assert small.title == "Tiny: Pong: a budget of 0.25M agent steps"
    # Schedules in agent steps are the same at all budgets.
    fixed = budgets(BUDGETS, [DQN(exploration_steps=1e5)])
    rates = [e.variants["dqn"].epsilon(np.int32(50_000)) for e in fixed]
    assert rates[0] == rates[1] == pytest.approx(0.505)


@pytest.mark.parametrize(
    ("steps", "name"),
    [(2.5e5, "0.25M"), (8e6, "8M"), (1e5, "0.1M"), (2e4, "20k"), (500, "500")],
)
def test_budgets_are_named_as_people_say_them(steps, name):
    assert budget_name(steps) == name


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (1e6, "must be a list"),
        ("1e6", "must be a list"),
        ([1e6], "at least two"),
        ([1e6, 1_000_000], "are one budget"),
        ([1e6, "2e6"], "is not a number of agent steps"),
        ([1e6, -1], "is not a number of agent steps"),
        ([1e6, float("nan")], "is not a number of agent steps"),
        ([1e6, True], "is not a number of agent steps"),
        ([1, 1e6], "until its first update"),
    ],
)
def test_wrong_budgets_are_refused(steps, message):
    with pytest.raises(InputError) as error:
        budgets(steps, [DQN()])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_experiment_cannot_have_another_name():
    with pytest.raises(InputError, match="leave out name='x'"):
        budgets(BUDGETS, [DQN()], name="x")


def made_up(levels, runs=20):
    """A series; `levels` has the scores of reinforce and dqn for each budget."""
    generator = np.random.default_rng(0)
    series = []
    for experiment, pair in zip(two(), levels, strict=True):
        steps, tables = int(experiment.steps), {}
        for name, level in zip(experiment.variants, pair, strict=True):
            scores = level + generator.normal(0, 1, [runs, 1, 1]) + np.zeros([1, 6, 3])
            table = evaluations(scores, steps)
            tables[name] = {"evaluations": table, "training": training(table)}
        session = {"started": "now", "seeds": list(range(runs)), "lanes": 2 * runs}
        session |= {"train_seconds": 80.0, "agent_steps": 2 * runs * steps}
        sessions = {name: [session] for name in experiment.variants}
        series.append(assemble(plain(experiment.describe()), tables, sessions))
    return series


def test_the_table_has_a_row_for_each_budget_and_learner():
    table = budget_table(made_up([(-5, 0), (9, 9.0)])[::-1])
    assert list(table["budget"]) == [250_000] * 2 + [1_000_000] * 2
    assert list(table["verdict"][:2]) == ["lower", "highest"]
    assert sorted(table["verdict"][2:]) == ["equal within 1", "highest"]
    # Two learners of 20 runs each share 80 seconds: 2 seconds a run.
    assert list(table["seconds"]) == [2.0] * 4
    assert list(table["updates"]) == [2_500] * 2 + [10_000] * 2  # as made up


def test_sentences_say_what_is_shown_and_what_is_not():
    table = budget_table(made_up([(-5, 0), (9, 9.0)]))
    first, second = sentences(table)
    assert first.startswith("With 0.25M agent steps dqn ends highest, at ")
    assert first.endswith("]; reinforce ends lower.")
    assert second.startswith("With 1M agent steps ")
    assert second.endswith("dqn is equal within 1.")
    compared = pairs(made_up([(-5, 0), (9, 9.0)]))
    assert compared["a"].iloc[0] == "dqn"
    assert list(compared["verdict"]) == ["higher", "equal within 1"]
    five = sentences(budget_table(made_up([(0, 0), (9, 9)], runs=5)))
    assert all(s.endswith("no difference from it is shown.") for s in five)
    few = sentences(budget_table(made_up([(-5, 0), (9, 9)], runs=4)))
    assert few[0] == (
        "With 0.25M agent steps too few runs have finished to say which learner ends "
        "highest."
    )


def test_what_is_no_series_is_refused():
    small, large = made_up([(0, 0), (0, 0)])
    with pytest.raises(InputError, match="no series of budgets"):
        budget_table([small])
    with pytest.raises(InputError, match="no series of budgets"):
        budget_table([small, small])
    assert len(budget_table([large, small])) == 4


def saved(folder, series):
    """Writes a series as `pgvq run` does."""
    for part in series:
        place = folder / part.description["name"]
        store.create(place, part.description)
        for variant in part.description["variants"]:
            name = variant["name"]
            for table in ("evaluations", "training"):
                rows = getattr(part, table)
                rows = rows.loc[rows["variant"] == name]
                labels = ["variant", "algorithm", "family"]
                store.write_table(place, name, table, rows.drop(columns=labels))
            for session in part.sessions[name]:
                store.add_session(place, name, session)


def test_plot_draws_the_curve_of_a_folder_of_folders(capsys, tmp_path):
    place = tmp_path / "budgets"
    saved(place, made_up([(-5, 0), (9, 9.0)]))
    assert [part.name for part in series_in(place)] == ["0.25M", "1M"]
    status, out, _ = said(capsys, "plot", str(place))
    assert status == 0
    assert "budgets.png" in out
    table = pd.read_csv(place / "budgets.csv")
    assert list(table["budget"]) == [250_000] * 2 + [1_000_000] * 2
    assert (place / "budget_pairs.csv").exists()
    # One budget more that has other learners: no series, and said as ever.
    other = budgets([2e6, 3e6], [DQN()], **SMALL)[0]
    store.create(place / other.name, plain(other.describe()))
    assert series_in(place) == []
    assert "not a results folder" in refused(capsys, "plot", str(place))


@pytest.mark.parametrize("x", ["agent_steps", "seconds", "updates"])
def test_a_panel_takes_axes_and_returns_them(x):
    axes = Figure().subplots()
    table = budget_table(made_up([(-5, 0), (9, 9.0)]))
    assert draw_budgets(axes, table, x) is axes
    assert axes.get_xscale() == "log"
    heights = np.sort(np.concatenate([line.get_ydata() for line in axes.lines[:1]]))
    wanted = np.sort(table.loc[table["variant"] == "reinforce", "score"])
    np.testing.assert_allclose(heights, wanted)


def test_the_committed_budgets(capsys, monkeypatch, tmp_path, request):
    file = request.config.rootpath / "experiments/budgets.py"
    monkeypatch.chdir(tmp_path)  # no tuning was made here, and that is said
    found = load_experiment(str(file)).experiments
    assert [e.name for e in found] == ["0.25M", "0.5M", "1M", "2M", "4M", "8M"]
    assert {len(e.variants) for e in found} == {5}
    assert "default settings" in found[0].title
    assert "pgvq tune experiments/tune_pong.py" in capsys.readouterr().err


TINY = """
from tests.helpers.tiny import tiny
from pgvq.experiments.budgets import budgets

experiments = budgets(
    [100, 200],
    {"reinforce": tiny("reinforce")},
    seeds=2,
    evaluations=1,
    games=1,
    max_game_steps=20,
)
"""


@pytest.mark.slow
def test_a_series_is_trained_and_drawn(capsys, workplace):
    """The same command once more trains nothing and draws the same."""
    workplace.joinpath("series.py").write_text(TINY)
    assert tiny("reinforce").steps_per_iteration < 100
    for _ in range(2):
        status, out, _ = said(capsys, "run", "series.py")
        assert status == 0
        assert "results/series/budgets.png" in out
    assert workplace.joinpath("results/series/100/summary.csv").exists()
