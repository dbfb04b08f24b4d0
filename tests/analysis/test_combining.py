"""Several results as one: names stay apart, and what cannot compare is said."""

import copy

import numpy as np
import pytest

from pgvq import combine, plotting
from pgvq.analysis.captions import seeds_in_words
from pgvq.analysis.curves import curves
from pgvq.analysis.summary import summarise
from pgvq.cli import main
from pgvq.plotting.options import Options, own_names, shown_variants
from pgvq.results import store as results_folder
from pgvq.results.store import Results, assemble
from pgvq.types import InputError
from tests.helpers.synthetic_results import description, evaluations, learning, training

TWO = {"reinforce": "REINFORCE", "dqn": "DQN"}
MINE = {"dqn": "DQN", "ppo": "ActorCritic"}


def stored(folder, variants, **changes):
    """Results in a folder; `changes` to the description."""
    made = learning(variants, seeds=3, points=3)
    described = {**description(variants), **changes}
    results_folder.create(folder, described)
    for table_name in results_folder.TABLES:
        for name, rows in getattr(made, table_name).groupby("variant"):
            results_folder.write_table(folder, name, table_name, rows.iloc[:, 3:])
    return folder


@pytest.fixture
def folders(tmp_path):
    return stored(tmp_path / "pong", TWO), stored(tmp_path / "mine", MINE)


def test_equal_names_get_their_folders_and_others_stay(folders):
    both = combine(folders)
    names = [variant["name"] for variant in both.description["variants"]]
    assert names == ["reinforce", "dqn (pong)", "dqn (mine)", "ppo"]
    assert both.folder is None
    for folder, new in zip(folders, ("dqn (pong)", "dqn (mine)"), strict=True):
        alone = results_folder.load(folder)
        old = next(v for v in alone.description["variants"] if v["name"] == "dqn")
        one = next(v for v in both.description["variants"] if v["name"] == new)
        np.testing.assert_array_equal(
            curves(both, one, "greedy").scores, curves(alone, old, "greedy").scores
        )
    frame = summarise(both)
    assert frame["variant"].tolist() == names
    assert frame["finished"].tolist() == [3] * 4


def test_folders_of_one_name_are_told_apart_by_their_paths(tmp_path):
    parts = [stored(tmp_path / side / "pong", TWO) for side in "ab"]
    names = [v["name"] for v in combine(parts).description["variants"]]
    assert names[1::2] == ["dqn (a/pong)", "dqn (b/pong)"]


def test_one_part_is_itself_and_memory_needs_no_folder(folders):
    alone = results_folder.load(folders[0])
    assert combine([alone]) is alone
    both = combine([learning(TWO), learning(TWO)])
    assert len({v["name"] for v in both.description["variants"]}) == 4


def test_what_cannot_be_combined_is_one_line(folders, tmp_path):
    with pytest.raises(InputError, match="given twice"):
        combine([folders[0], tmp_path / "mine" / ".." / "pong"])
    with pytest.raises(InputError, match="no results to combine"):
        combine([])
    with pytest.raises(InputError, match="takes a list"):
        combine(folders[0])
    catch = {"name": "Catch", "repr": "Catch()"}
    other = stored(tmp_path / "catch", TWO, environment=catch)
    with pytest.raises(InputError, match=r"plays Catch\(\).*not on one scale.*itself"):
        combine([folders[0], other])


def test_evaluated_alike_is_one_scale_and_parameters_count():
    def with_environment(**environment):
        made = learning(TWO)
        made.description["environment"] = {"name": "Pong", **environment}
        return made

    point = {"repr": "Pong(episode='point')", "evaluated": "Pong()"}
    hit = {"repr": "Pong(reward='hit')", "evaluated": "Pong()"}
    combine([with_environment(**point), with_environment(**hit)])
    # Older folders do not say how they were evaluated.
    combine([with_environment(**point), with_environment(repr=point["repr"])])
    with pytest.raises(InputError, match="with gravity=2"):
        combine(
            [with_environment(**point), with_environment(**point, params="gravity=2")]
        )


def caption_of(results, mode="greedy"):
    """Of the learning curves, as it is written beside a figure without words."""
    from pgvq.plotting.curves import _score_caption, score_lines

    options = Options()
    lines = score_lines(results, mode, options)
    return _score_caption(results, mode, lines, options)


def budgeted(budget, games=3, seeds=4, cap=27_000):
    scores = np.random.default_rng(0).normal(size=[seeds, 4, games])
    described = description({"dqn": "DQN"}, budget)
    described["evaluation"] |= {"games": games, "max_game_steps": cap}
    table = evaluations(scores, budget)
    return assemble(
        described, {"dqn": {"evaluations": table, "training": training(table)}}
    )


def test_budgets_games_caps_and_seeds_that_differ_are_in_the_caption():
    short, long = budgeted(3_000_000, 6), budgeted(15_000_000, 10, 3, 5_000)
    both = combine([short, long])
    said = caption_of(both)
    assert "Budgets differ, in agent steps: 3M" in said
    assert "only end points of equal budgets compare" in said
    assert "the mean of 6 to 10 complete games" in said
    assert "different agent steps: 5,000" in said
    assert "single seeds (4 per method (dqn (synthetic 2): 3))" in said
    for variant in both.description["variants"]:
        assert curves(both, variant, "greedy").finished.all()
    for alone in (short, long):
        for word in ("Budgets differ", "different agent steps"):
            assert word not in caption_of(alone)


def test_seeds_in_words():
    assert seeds_in_words({"a": 10, "b": 10}) == "10 per method"
    assert seeds_in_words({"a": 10, "b": 8, "c": 10}) == "10 per method (b: 8)"
    many = {str(i): i for i in range(9)} | {"x": 8}
    assert seeds_in_words(many) == "0 to 8 per method"


def test_options_name_a_variant_of_all_folders_or_of_one(folders):
    both = combine(folders)
    assert own_names(both)[-1] == "dqn"

    def names(**options):
        return [one.label for one in shown_variants(both, Options(**options))]

    assert names(variants=["dqn"]) == ["dqn (pong)", "dqn (mine)"]
    assert names(variants=["dqn (mine)", "ppo"]) == ["dqn (mine)", "ppo"]
    assert names(variants=["dqn"], labels={"dqn": "Double DQN"}) == [
        "Double DQN (pong)",
        "Double DQN (mine)",
    ]


def test_the_command_draws_folders_together(folders, tmp_path, capsys):
    out = tmp_path / "figures"
    words = ["plot", *map(str, folders), "--out", str(out), "--variants", "dqn,ppo"]
    assert main(words) == 0
    assert {p.name for p in out.iterdir()} == {
        "learning_curves.png", "learning_curves_explore.png", "final_scores.png",
        "reached.png", "summary.csv",
    }  # fmt: skip
    assert "dqn (mine)" in (out / "summary.csv").read_text()
    assert "reinforce" not in (out / "summary.csv").read_text()
    before = copy.copy(sorted(folders[0].iterdir()))
    capsys.readouterr()
    for wrong, why in (
        ([str(folders[0])] * 2, "given twice"),
        (list(map(str, folders)), "as in --out figures"),
        ([str(folders[0]), "--out", str(folders[1])], "is a results folder"),
        ([str(folders[0]), str(tmp_path)], "not a results folder"),
        ([], "plot needs FOLDER"),
        (["study.py", str(folders[0])], "give it alone"),
    ):
        assert main(["plot", *wrong]) == 2
        [line] = capsys.readouterr().err.strip().splitlines()
        assert why in line
    assert sorted(folders[0].iterdir()) == before


def test_combined_results_are_drawn_by_the_library(folders, tmp_path):
    written = plotting.plot(folders, tmp_path / "out", mode="greedy", x="updates")
    assert [p.name for p in written] == [
        "learning_curves.png", "final_scores.png", "reached.png", "summary.csv"
    ]  # fmt: skip
    with pytest.raises(InputError, match="say where the figures"):
        plotting.plot(folders)
    assert isinstance(combine(folders), Results)
