"""The summary's numbers against experiments whose answers are known by hand."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from synthetic_results import description, evaluations, learning, sessions, training

from pgvq.results import assemble
from pgvq.summary import duels, summarise
from pgvq.summary_table import duration, percent, print_summary, short
from pgvq.types import InputError

NAN = float("nan")
DQN = {"dqn": "DQN"}


def experiment(scores, diverged=(), **changed):
    """One variant with `scores` [S, P] of each seed's every game (two of them)."""
    games = np.repeat(np.asarray(scores, float)[..., None], 2, axis=2)
    table = evaluations(games).assign(**changed)
    tables = {"dqn": {"evaluations": table, "training": training(table, diverged)}}
    return assemble(description(DQN), tables, sessions(DQN))


def summary(scores, mode="greedy", diverged=(), **changed):
    return summarise(experiment(scores, diverged, **changed), mode).iloc[0]


def printed(results, mode="greedy", width=80):
    """What print_summary writes where the output is no terminal."""
    output = io.StringIO()
    print_summary(results, mode, Console(file=output, width=width))
    return output.getvalue()


# Five seeds at 0, 0.5M and 1M agent steps: interquartile mean (3 + 12 + 15) / 3.
FIVE = [[-20, 0, 15], [-20, -2, 12], [-21, -9, 3], [-20, 14, 21], [-20, -20, -20]]


def test_final_score_by_hand():
    row = summary(FIVE)
    assert row["score"] == pytest.approx(10.0)
    # Resamples reach from deep below to the best; the seeds' own range bounds them.
    assert -20 <= row["score_low"] < 10 < row["score_high"] <= 21
    assert row["seeds"] == row["finished"] == 5
    assert row["games"] == 2
    assert row["learned"] == 0.8
    assert summary(FIVE, "explore")["score"] == pytest.approx(9.0)


def test_games_are_averaged_before_seeds():
    """Seeds are the sample: ten games of one seed are not ten runs."""
    games = np.array([[[0, 0], [0, 4]], [[0, 0], [6, 6]], [[0, 0], [7, 9]]], float)
    tables = {"dqn": {"evaluations": evaluations(games)}}
    row = summarise(assemble(description(DQN), tables)).iloc[0]
    assert row["score"] == pytest.approx((2 + 6 + 8) / 3)


def test_steps_to_a_threshold_are_those_of_the_curve_over_seeds():
    """Pitfall 30. Interquartile means by hand: -20, (-9 - 2 + 0) / 3 = -11 / 3, 10."""
    row = summary(FIVE)
    there = 500_000 + 500_000 * (11 / 3) / (10 + 11 / 3)
    assert row["steps_to_0"] == pytest.approx(there)
    assert row["reached_0"] == 4
    assert row["steps_to_15"] == np.inf
    assert row["reached_15"] == 2


def test_a_curve_that_falls_back_has_not_got_there():
    """Pitfall 30: one lucky evaluation of a few games is no arrival."""
    row = summary([[-20, 5, -3], [-20, 6, -4], [-20, 4, -2]])
    assert row["steps_to_0"] == np.inf
    assert row["reached_0"] == 0
    assert "never" in printed(experiment([[-20, 5, -3], [-20, 6, -4], [-20, 4, -2]]))


def test_no_interval_from_two_seeds():
    row = summary(FIVE[:2])
    assert row["score"] == pytest.approx(13.5)
    assert np.isnan([row["score_low"], row["score_high"]]).all()


def test_unfinished_seeds_are_counted_but_not_scored():
    row = summary([*FIVE, [-20, 21, NAN], [-20, NAN, NAN]])
    assert (row["seeds"], row["finished"]) == (7, 5)
    assert row["score"] == pytest.approx(10.0)
    assert row["reached_0"] == 4


def test_nothing_finished_gives_no_score():
    scores = np.array(FIVE, float)
    scores[:, -1] = NAN
    row = summary(scores)
    assert (row["seeds"], row["finished"]) == (5, 0)
    assert np.isnan([row["score"], row["learned"], row["truncated"]]).all()
    assert row["reached_0"] == 2  # of what was seen so far


def test_diverged_seeds_stay_in_the_score_and_are_counted():
    row = summary(FIVE, diverged=(4,))
    assert row["diverged"] == 1
    assert row["score"] == pytest.approx(10.0)


def test_identical_games_are_noticed():
    assert summary(FIVE, length=900)["identical_games"] == 1.0
    assert summary(FIVE)["identical_games"] == 0.0  # equal scores, other lengths
    table = evaluations(np.zeros((3, 3, 1)))
    single = assemble(description(DQN), {"dqn": {"evaluations": table}})
    assert np.isnan(summarise(single).iloc[0]["identical_games"])


def test_truncated_games_are_noticed():
    """Pitfalls 11 and 12: a game that meets the cap is counted, and said."""
    results = experiment(FIVE)
    last = results.evaluations["agent_steps"] == 1_000_000
    one = last & (results.evaluations["game"] == 0)
    results.evaluations.loc[one, "truncated"] = True
    assert summarise(results).iloc[0]["truncated"] == 0.5
    assert "50 % of the games were cut off" in printed(results)


def test_costs_add_up_over_sessions():
    tables = {"dqn": {"evaluations": evaluations(np.zeros((2, 3, 1)))}}
    session = sessions(DQN)["dqn"][0]
    twice = [session, session | {"train_seconds": 30.0, "compile_seconds": None}]
    row = summarise(assemble(description(DQN), tables, {"dqn": twice})).iloc[0]
    assert row["train_seconds"] == 40.0
    assert row["compile_seconds"] == 4.0
    assert row["steps_per_second"] == 10_000_000 / 40


def test_an_environment_without_parity_is_compared_with_before_learning():
    results = experiment([[5, 5, 5], [5, 5, 6], [5, 9, 4]])
    results.description["score"] = {"label": "return"}
    row = summarise(results).iloc[0]
    assert row["learned"] == pytest.approx(1 / 3)
    assert not [name for name in row.index if "steps_to" in name]
    row = summarise(results, thresholds=(5.5,)).iloc[0]
    assert row["reached_5.5"] == 1  # the one that was above on its way does not count
    assert "score (return)" in printed(results)


def test_an_unknown_mode_is_an_error():
    with pytest.raises(InputError, match="use greedy or explore"):
        summarise(experiment(FIVE), "greddy")


def test_duels_are_between_final_scores():
    names = {"low": "REINFORCE", "high": "DQN"}
    tables = {
        "low": {"evaluations": evaluations(np.zeros((3, 2, 2)))},
        "high": {"evaluations": evaluations(np.full((4, 2, 2), 7.0))},
    }
    found = duels(assemble(description(names), tables)).set_index(["a", "b"])
    assert found.loc[("high", "low")].tolist() == [1.0, 1.0, 1.0]
    assert found.loc[("low", "high")].tolist() == [0.0, 0.0, 0.0]


def test_an_experiment_without_rows_is_summarised():
    empty = assemble(description(DQN), {})
    row = summarise(empty).iloc[0]
    assert row["seeds"] == 0
    assert pd.isna(row["diverged"])  # not known, which is not 0
    assert "dqn" in printed(empty)


def test_summary_is_deterministic():
    results = learning({"a2c": "ActorCritic", "dqn": "DQN"})
    pd.testing.assert_frame_equal(summarise(results), summarise(results))


@pytest.mark.parametrize("mode", ["greedy", "explore"])
def test_printed_table_fits_eighty_columns_and_keeps_its_numbers(mode):
    long = "actor_critic(learning_rate=0.0003,entropy_weight=0.01)"
    text = printed(learning({"dqn": "DQN", long: "ActorCritic"}, seeds=30), mode)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text  # no colours outside a terminal
    assert "…" not in text  # and nothing cut
    row = summarise(learning({"dqn": "DQN", long: "ActorCritic"}, seeds=30), mode).iloc[
        0
    ]
    for number in (
        f"{row['score']:+.1f}",
        f"[{row['score_low']:+.1f}",
        "30/30",
        "10.0s",
    ):
        assert number in text


def test_printed_notes_say_what_to_be_wary_of():
    text = printed(experiment([*FIVE, [-20, 21, NAN]], diverged=(1, 2), length=900))
    assert "dqn: 1 of 6 seeds not finished" in text
    assert "dqn: 2 of 6 seeds diverged" in text
    assert "all games of 100 % of the seeds are identical" in text
    assert "Note" not in printed(experiment(FIVE))


def test_numbers_for_people():
    assert [short(x) for x in (0, 950, 999.7, 12_345, 999_600, 4.56e6, 2e9, NAN)] == (
        ["0", "950", "1k", "12.3k", "1M", "4.56M", "2G", "–"]
    )
    assert [duration(x) for x in (8.14, 59.96, 83, 3599.7, 7500, NAN)] == (
        ["8.1s", "1m00s", "1m23s", "1h00m", "2h05m", "–"]
    )
    assert [percent(x) for x in (0, 0.001, 0.5, 0.999, 1, NAN)] == (
        ["0 %", "1 %", "50 %", "99 %", "100 %", "–"]
    )


def test_the_likelier_winner_of_each_pair_is_told():
    better, worse = np.array(FIVE, float)[..., None], np.array(FIVE, float)[..., None]
    worse[:, -1] -= 100.0  # every run of the one ends above every run of the other
    names = {"weak": "REINFORCE", "strong": "DQN"}
    tables = {
        "weak": {"evaluations": evaluations(worse)},
        "strong": {"evaluations": evaluations(better)},
    }
    text = printed(assemble(description(names), tables))
    assert "ends higher: strong over weak 1.00 [1.00, 1.00]." in " ".join(text.split())
    assert "weak over" not in text


def test_no_winner_is_told_of_too_few_runs():
    few = np.array(FIVE[:2], float)[..., None]
    names = {"weak": "REINFORCE", "strong": "DQN"}
    tables = {name: {"evaluations": evaluations(few)} for name in names}
    assert "ends higher" not in printed(assemble(description(names), tables))
