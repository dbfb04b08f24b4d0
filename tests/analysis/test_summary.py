"""The summary's numbers against experiments whose answers are known by hand."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pgvq.analysis.summary import comparisons, summarise
from pgvq.analysis.words import duration, percent, short
from pgvq.cli.summary_table import print_summary
from pgvq.results.store import assemble
from pgvq.types import InputError
from tests.helpers.synthetic_results import (
    description,
    evaluations,
    learning,
    sessions,
    training,
)

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


def flat(text):
    """Text without its line breaks."""
    return " ".join(text.split())


# Five seeds at 0, 0.5M and 1M agent steps: interquartile mean (3 + 12 + 15) / 3.
FIVE = [[-20, 0, 15], [-20, -2, 12], [-21, -9, 3], [-20, 14, 21], [-20, -20, -20]]


def test_final_score_by_hand():
    row = summary(FIVE)
    assert row["score"] == pytest.approx(10.0)
    assert -40 < row["score_low"] < 10 < row["score_high"] < 40
    assert row["score_interval"] == "95 %"
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
    assert row["steps_to_0_low"] < there < row["steps_to_0_high"] == np.inf
    assert row["steps_to_15"] == np.inf
    assert row["reached_15"] == 2


def test_a_curve_that_falls_back_has_not_got_there():
    """Pitfall 30: one lucky evaluation of a few games is no arrival."""
    row = summary([[-20, 5, -3], [-20, 6, -4], [-20, 4, -2]])
    assert row["steps_to_0"] == np.inf
    assert row["reached_0"] == 0
    assert "never" in printed(experiment([[-20, 5, -3], [-20, 6, -4], [-20, 4, -2]]))


def test_few_seeds_have_a_range_and_one_seed_nothing():
    row = summary(FIVE[:2])
    assert row["score"] == pytest.approx(13.5)
    assert [row["score_low"], row["score_high"]] == [12, 15]
    assert row["score_interval"] == "range"
    said = printed(experiment(FIVE[:4]))
    assert "+3.0 to +21.0" in said
    assert said.count("(range)") == 3  # of the score and of two times
    assert "the range of fewer than 5 seeds, which is no interval" in flat(said)
    assert "its 95 % interval over whole runs" not in flat(said)
    single = summary(FIVE[:1])
    assert np.isnan([single["score_low"], single["score_high"]]).all()
    assert single["score_interval"] == ""


def test_equal_seeds_have_no_interval():
    row = summary([[-20, 0, 21]] * 5)
    assert np.isnan([row["score_low"], row["score_high"]]).all()
    assert row["score_interval"] == "equal"
    said = flat(printed(experiment([[-20, 0, 21]] * 5)))
    assert "Seeds that score the same have no interval" in said


def test_a_narrow_interval_is_printed_with_two_ends():
    """Never a zero width, not even a rounded one."""
    said = printed(experiment([[-20, 0, 20.001 + 0.001 * i] for i in range(10)]))
    [low, high] = re.search(r"\[(\S+), (\S+)\]", said).groups()
    assert low != high


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
    assert "games cut off by the step cap: dqn 50 %." in printed(results)


def test_a_cap_that_is_success_is_no_warning():
    """CartPole's perfect score is reached at the cap; a game of Pong that is cut off
    there was not won."""
    results = experiment([[20, 300, 500], [30, 500, 500], [10, 400, 490]])
    table = results.evaluations
    table.loc[table["mode"] == "explore", "score"] += 1
    table["truncated"] = table["score"] == 500
    cartpole = {"label": "return", "random": None, "parity": None, "perfect": None}
    results.description["score"] = cartpole
    row = summarise(results).iloc[0]
    assert row["truncated"] == pytest.approx(2 / 3)
    assert row["cut_off"] == 0
    assert "cut off" not in printed(results)
    # In Acrobot the cap is met by those that do not get there.
    table["score"] *= -1
    assert summarise(results).iloc[0]["cut_off"] == pytest.approx(2 / 3)


def test_notes_are_summed_up():
    names = {f"dqn {i}": "DQN" for i in range(20)}
    tables = {
        name: {
            "evaluations": evaluations(np.array(FIVE)[..., None]).assign(
                truncated=i > 1
            )
        }
        for i, name in enumerate(names)
    }
    text = printed(assemble(description(names), tables))
    notes = [line for line in text.splitlines() if line.startswith("Note")]
    assert len(notes) == 1
    assert "cut off by the step cap: dqn 2 100 %, dqn 3 100 %" in flat(text)


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


def two(weak, strong, changed=None):
    """Two variants with final scores [S] each, after -20 and 0; `changed` is weak's."""
    names = {"weak": "REINFORCE", "strong": "DQN"}
    tables = {}
    for name, final in (("weak", weak), ("strong", strong)):
        scores = np.stack([np.full(len(final), -20.0), np.zeros(len(final)), final], 1)
        tables[name] = {"evaluations": evaluations(scores[..., None])}
    described = description(names)
    described["variants"][0] |= changed or {}
    return assemble(described, tables)


SPREAD = np.array([-2.0, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 2.0])


def test_comparisons_are_between_final_scores():
    [row] = comparisons(two(SPREAD, 12 + SPREAD)).to_dict("records")
    assert (row["a"], row["b"], row["verdict"]) == ("weak", "strong", "b higher")
    assert row["difference"] == pytest.approx(-12)
    assert row["difference_low"] < -12 < row["difference_high"] < 0
    assert row["probability"] == row["probability_low"] == 0 < row["probability_high"]
    assert row["p"] < 0.01 < row["p_apart"]
    unfinished = comparisons(two(SPREAD, np.array([12, NAN, NAN, NAN, NAN, NAN])))
    assert unfinished.iloc[0]["verdict"] == "fewer than 5 runs"


def test_variants_of_different_budgets_are_not_compared_in_silence():
    """Pitfall 28."""
    mixed = two(SPREAD, 12 + SPREAD, {"budget_agent_steps": 500_000})
    row = comparisons(mixed).iloc[0]
    assert row["verdict"] == "different budgets"
    assert np.isnan([row["difference"], row["probability"], row["p"]]).all()
    said = flat(printed(mixed))
    assert "1 of 1 pairs: not compared, because their budgets of agent steps" in said
    assert "higher than" not in said


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
    assert "seeds not finished and so not in the score: dqn 1 of 6." in text
    assert "seeds that diverged; they count like the others: dqn 2 of 6." in text
    assert "seeds whose games are all identical: one sample, not 2: dqn 100 %." in text
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


def test_each_verdict_has_a_sentence_of_its_own():
    said = flat(printed(two(SPREAD, 12 + SPREAD)))
    assert "strong higher than weak: by +12.0 [" in said
    assert "probability of improvement, strong over weak: 1.00 [" in said
    assert "1.00 [1.00" not in said
    said = flat(printed(two(SPREAD, 5 * SPREAD)))
    assert "no difference shown: " in said
    assert "equal within 1:" not in said
    said = flat(printed(two(0.1 * SPREAD + 0.01, 0.1 * SPREAD)))
    assert "weak and strong equal within 1: +0.0 [" in said
    said = flat(printed(two(np.full(8, 21.0), np.full(8, 21.0))))
    assert "equal within 1: +0.0 (no interval: the runs are equal), p < 0.001;" in said


def test_where_a_point_may_be_much_equality_is_not_said():
    made = two(0.1 * SPREAD + 0.01, 0.1 * SPREAD)
    made.description["score"] = {"label": "return", "parity": None}
    said = flat(printed(made))
    assert "equal within" not in said
    assert "weak and strong, no difference shown: +0.0 [" in said


def test_many_variants_are_compared_in_a_compact_form():
    names = {f"dqn {i}": "DQN" for i in range(6)}
    tables = {}
    for i, name in enumerate(names):
        final = (20 if i == 3 else 0) + (0.1 if i < 2 else 8) * SPREAD
        scores = np.stack([np.full(8, -20.0), final + 0.001 * i], 1)[..., None]
        tables[name] = {"evaluations": evaluations(scores)}
    said = flat(printed(assemble(description(names), tables)))
    assert "dqn 3 higher than dqn 0, dqn 1, dqn 2, dqn 4, dqn 5." in said
    assert "equal within 1: dqn 0 and dqn 1." in said
    assert "no difference shown: the other 9 of 15 pairs." in said
    assert "adjusted for 15 pairs (Holm)" in said
    assert "probability of improvement" not in said


def test_too_few_runs_are_not_compared():
    said = flat(printed(two(SPREAD[:4], SPREAD)))
    assert "not compared, because one has fewer than 5 finished seeds" in said
    assert "no difference shown" not in said


def test_scores_that_are_nan_lose_and_are_no_number():
    made = two(SPREAD, 12 + SPREAD)
    table = made.evaluations
    last = (table["variant"] == "weak") & (table["agent_steps"] == 1_000_000)
    table.loc[last, "score"] = NAN
    said = flat(printed(made))
    assert "strong higher than weak: by an unknown amount (scores are NaN)" in said
    assert "nan" not in said
