"""Scores in several environments, and what is said of them; scores that are NaN."""

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
from gymnax.wrappers.purerl import FlattenObservationWrapper
from rich.console import Console

from pgvq import DQN, PPO, Experiment, make, plotting
from pgvq.analysis.summary import comparisons, summarise
from pgvq.cli.overrides import override
from pgvq.cli.summary_table import print_summary
from pgvq.envs import Pong
from pgvq.experiments.differences import differences
from pgvq.experiments.score_meaning import difference_in_words, game_steps, score_in
from pgvq.plotting.style import environment, reference_scores
from pgvq.results.store import assemble
from tests.helpers.synthetic_results import description, evaluations, training

CATCH = make("Catch-bsuite")[0]


def described(**envs):
    algorithms = {name: DQN(env=env) for name, env in envs.items()}
    return Experiment(name="mixed", algorithms=algorithms, steps=1e5).describe()


def results(described, **scores):
    """Results of a description; `scores` [S, P, G] by variant, NaN as scores too."""
    tables = {}
    for name, values in scores.items():
        values = np.asarray(values, float)
        codes = {12345.0: np.nan, 12347.0: np.inf, 12349.0: -np.inf}
        code = dict(zip(("nan", "posinf", "neginf"), codes, strict=True))
        table = evaluations(np.nan_to_num(values, **code), budget=100_000)
        # Explored scores are one less.
        codes |= {number - 1: value for number, value in codes.items()}
        table["score"] = table["score"].replace(codes)
        tables[name] = {"evaluations": table, "training": training(table)}
    return assemble(described, tables)


def printed(made):
    console = Console(width=200, record=True)
    with console.capture() as capture:
        print_summary(made, console=console)
    return " ".join(capture.get().split())


def test_one_environment_is_described_as_ever():
    held = described(a=Pong(episode="point"), b=Pong(episode="point"))
    assert held["environment"]["repr"] == "Pong(episode='point')"
    assert held["score"]["random"] == -20.3
    assert difference_in_words(held) == ""
    assert held["variants"][1]["environment"] == held["environment"]
    assert held["variants"][1]["score"] == held["score"]


def test_what_variants_have_in_common_is_all_that_is_said_of_all():
    held = described(pong=Pong(), catch=CATCH)
    assert held["environment"]["name"] == "several environments"
    assert held["score"] == {
        "label": "score of its own game",
        "random": None,
        "parity": None,
        "perfect": None,
    }
    said = difference_in_words(held)
    assert said.startswith(
        "Environments differ, so scores are not on one scale: Pong()"
    )
    assert "(pong)" in said
    assert "(catch)" in said
    assert held["variants"][0]["score"]["perfect"] == 21.0


def test_random_play_is_said_of_the_game_that_it_was_measured_in():
    for env in (
        Pong(frame_skip=2),
        Pong(repeat_action_probability=0.0),
        Pong(num_actions=3),
        Pong(noop_max=0),
        Pong(max_agent_steps=500),
    ):
        score = described(a=env)["score"]
        assert (score["random"], score["parity"], score["perfect"]) == (None, 0.0, 21.0)
        both = described(a=env, b=Pong())["score"]
        assert (both["random"], both["parity"], both["perfect"]) == (None, 0.0, 21.0)
    for env in (Pong(episode="point"), Pong(observation="motion"), Pong(reward="hit")):
        assert described(a=env)["score"]["random"] == -20.3
    assert described(a=Pong(points_to_win=5))["score"]["parity"] is None
    short = Experiment(name="a", algorithms=[DQN()], steps=1e5, max_game_steps=300)
    assert short.describe()["score"]["random"] is None


def test_other_training_in_one_evaluation_is_said_so():
    held = described(a=Pong(episode="point"), b=Pong(reward="hit"))
    assert held["score"]["random"] == -20.3
    assert difference_in_words(held).startswith(
        "Methods train in different environments, evaluated in one: "
    )


def test_parameters_make_other_environments():
    env, params = make("CartPole-v1")
    algorithms = {
        "a": PPO(env=env),
        "b": PPO(env=env, env_params=params.replace(gravity=20.0)),
    }
    held = Experiment(name="a", algorithms=algorithms, steps=1e5).describe()
    assert "CartPole(obs_shape=(4,)) with gravity=20.0 (b)" in difference_in_words(held)
    algorithms["b"] = PPO(env=env, env_params=params)  # what the default is anyway
    held = Experiment(name="a", algorithms=algorithms, steps=1e5).describe()
    assert difference_in_words(held) == ""


def mixed():
    rows = np.linspace(0, 1, 6)[None, :, None] * np.ones((4, 1, 3))
    return results(described(pong=Pong(), catch=CATCH), pong=rows * 20, catch=rows)


def test_lines_are_drawn_where_they_hold_for_all_that_is_drawn(tmp_path):
    made = mixed()
    assert reference_scores(made) == []
    assert len(reference_scores(made, ["pong"])) == 3
    assert environment(made) == "its own environment"
    assert environment(made, ["catch"]) == "Catch-bsuite"
    assert score_in(made.description, ["pong"])["perfect"] == 21.0
    written = {path.name: path for path in plotting.plot(made, tmp_path, format="svg")}
    for name in ("learning_curves.svg", "final_scores.svg"):
        text = written[name].read_text()
        assert "perfect" not in text
        assert "random play" not in text


def test_the_table_says_that_environments_differ():
    said = printed(mixed())
    assert "Environments differ, so scores are not on one scale" in said
    assert "above parity where its game has one" in said
    assert "probability of improvement" not in said
    assert comparisons(mixed()).empty
    frame = summarise(mixed())
    assert not any("steps_to" in str(name) for name in frame)
    assert frame["learned"].tolist() == [1.0, 1.0]


def test_an_older_folder_is_read_and_goes_on():
    experiment = Experiment(name="a", algorithms={"a": DQN()}, steps=1e5)
    old = copy.deepcopy(experiment.describe())
    for variant in old["variants"]:
        del variant["environment"], variant["score"]
        del variant["fields"]["preprocess"]
    old["environment"] = {"name": "Pong", "repr": "Pong(episode='point')"}
    assert differences(old, experiment) == []
    assert score_in(old)["perfect"] == 21.0
    old["variants"].append(old["variants"][0] | {"name": "b", "fields": {"env": "X()"}})
    assert "X() (b)" in difference_in_words(old)


def test_the_cap_is_half_an_hour_of_frames_whatever_the_frame_skip():
    for skip, cap in ((1, 108_000), (2, 54_000), (4, 27_000), (5, 21_600)):
        env = Pong(frame_skip=skip)
        assert env.default_params.max_steps_in_episode == cap
        assert game_steps(DQN(env=env)) == cap
        assert game_steps(DQN(env=FlattenObservationWrapper(env))) == cap
        experiment = Experiment(name="a", algorithms=[DQN(env=env)], steps=1e5)
        assert experiment.describe()["evaluation"]["max_game_steps"] == cap
    assert Pong(max_agent_steps=9).default_params.max_steps_in_episode == 9
    assert game_steps(DQN(env=CATCH)) == 27_000
    experiment = Experiment(name="a", algorithms=[DQN()], steps=1e5)
    (changed,) = override(experiment, ["*.env.max_agent_steps=50"]).variants.values()
    assert changed.env.cap == 50
    fixed = Experiment(name="a", algorithms=[DQN()], steps=1e5, max_game_steps=7)
    assert fixed.game_steps(DQN(env=Pong(frame_skip=1))) == 7


NAN, INF = np.nan, np.inf
LOST = {  # final scores of seeds, and what the table says of them
    "one of six": ([1, 2, 3, 4, 5, NAN], "+2.5", 1),
    "two of six": ([1, 2, 3, 4, NAN, NAN], "NaN", 2),
    "all": ([NAN, NAN, NAN], "NaN", 3),
    "one of two": ([1, NAN], "NaN", 1),
    "infinite": ([1, 2, 3, INF], "+2.5", 0),
    "all infinite": ([INF, INF, INF], "+inf", 0),
    "both ways": ([-INF, -INF, INF, INF], "NaN", 0),
    "huge": ([3e38, 3e38, 3e38], "+3", 0),
}


@pytest.mark.parametrize("name", LOST)
def test_no_score_is_dropped(name, tmp_path):
    """Table, csv, captions and figures say how many are NaN; none is an error."""
    final, cell, lost = LOST[name]
    scores = np.zeros((len(final), 6, 3)) + np.linspace(0, 1, 6)[None, :, None]
    scores[:, -1] = np.array(final, float)[:, None]
    held = description({"dqn": "DQN"}, budget=100_000)
    made = results(held, dqn=scores)
    said = printed(made)
    row = summarise(made).iloc[0]
    assert row["finished"] == row["seeds"] == len(final)
    assert row["nan_scores"] == lost
    assert cell in said
    counted = f"ranked below every number: dqn {lost} of {len(final)}." in said
    assert counted == (lost > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = {
            path.name: path for path in plotting.plot(made, tmp_path, format="svg")
        }
    csv = pd.read_csv(written["summary.csv"])
    assert csv["nan_scores"].tolist() == [lost, lost]
    assert all(path.stat().st_size > 0 for path in written.values())


def test_figures_count_nan(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    words = []
    text = Figure.text
    monkeypatch.setattr(
        Figure, "text", lambda *a, **k: words.append(str(a[3])) or text(*a, **k)
    )
    scores = np.zeros((6, 6, 3))
    scores[4:, -1] = np.nan
    plotting.plot(results(description({"dqn": "DQN"}, 100_000), dqn=scores), tmp_path)
    said = " ".join(" ".join(words).split())
    note = "Seeds with NaN as a score, ranked below every number: dqn 2 of 6."
    assert said.count(note) == 3  # curves in both modes, and final scores
