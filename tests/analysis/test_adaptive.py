"""The state of a comparison: what it wants next, and what a file of it must hold."""

import json

import numpy as np
import pytest

from pgvq import InputError
from pgvq.analysis import adaptive
from pgvq.analysis.adaptive import comparison, from_json, to_json
from pgvq.analysis.sequential_test import Plan

PLAN = Plan(group=5, looks=3, permutations=499)
GENERATOR = np.random.default_rng(0)
SCORES = {
    "a": GENERATOR.normal(0, 1, 15).tolist(),
    "b": GENERATOR.normal(0, 1, 15).tolist(),
    "c": GENERATOR.normal(9, 1, 15).tolist(),
}


def first(count, **changes):
    return {name: held[:count] for name, held in (SCORES | changes).items()}


def test_it_begins_with_a_group_of_every_learner():
    state = comparison({"a": [], "b": []}, PLAN)
    assert state.wanted == {"a": range(5), "b": range(5)}
    assert not state.finished
    assert [pair.verdict for pair in state.pairs] == ["not decided"]
    assert comparison({"a": SCORES["a"], "b": SCORES["b"][:3]}, PLAN) == state


def test_learners_that_are_decided_get_no_more_seeds():
    state = comparison(first(5), PLAN)
    assert {p[:3] for p in state.pairs} == {
        ("a", "b", "not decided"),
        ("a", "c", "b higher"),
        ("b", "c", "b higher"),
    }
    assert state.wanted == {"a": range(5, 10), "b": range(5, 10)}
    assert state.seeds == {"a": 5, "b": 5, "c": 5}


def test_more_scores_than_were_asked_for_change_nothing():
    whole = comparison(SCORES, PLAN)
    assert whole.finished
    assert whole.seeds == {"a": 15, "b": 15, "c": 5}
    assert whole == comparison(first(15, c=SCORES["c"][:5]), PLAN)
    assert whole.undecided == (adaptive.Pair("a", "b", "not decided", 15),)


def test_it_ends_the_same_wherever_it_was_interrupted():
    whole = comparison(SCORES, PLAN)
    state = comparison(first(0), PLAN)
    while wanted := state.wanted:
        held = from_json(json.loads(json.dumps(to_json(state))), "adaptive.json")
        assert held == state
        state = comparison(
            {
                n: SCORES[n][: wanted[n].stop if n in wanted else len(s)]
                for n, s in state.scores.items()
            },
            PLAN,
        )
    assert state == whole


def test_sentences_say_who_is_higher_and_after_how_many_seeds():
    assert adaptive.sentences(comparison(SCORES, PLAN)) == [
        "a, b: not decided after 15 seeds",
        "c scores higher than a (5 seeds of each)",
        "c scores higher than b (5 seeds of each)",
    ]


def test_nan_and_infinity_come_back_from_the_file():
    scores = first(5, a=[np.nan, np.inf, -np.inf, 1.0, 2.0])
    state = comparison(scores, PLAN)
    held = json.loads(json.dumps(to_json(state), allow_nan=False))
    assert held["scores"]["a"][:3] == [None, "inf", "-inf"]
    again = from_json(held, "x")
    assert again.pairs == state.pairs
    assert np.isnan(again.scores["a"][0])


CHANGES = {
    "plan.looks is 0": lambda held: held["plan"].update(looks=0),
    "lacks 'alpha'": lambda held: held["plan"].pop("alpha"),
    "plan.alpha is 0.9": lambda held: held["plan"].update(alpha=0.9),
    "scores.a[0] is 'x'": lambda held: held["scores"]["a"].__setitem__(0, "x"),
    "lacks 'scores'": lambda held: held.pop("scores"),
    "format_version is 9": lambda held: held.update(format_version=9),
    "was changed since": lambda held: held["scores"]["a"].__setitem__(0, 3.0),
}


@pytest.mark.parametrize("said", CHANGES)
def test_a_damaged_file_is_one_line(said):
    held = json.loads(json.dumps(to_json(comparison(SCORES, PLAN))))
    CHANGES[said](held)
    with pytest.raises(InputError) as caught:
        from_json(held, "adaptive.json")
    assert said in str(caught.value)
    assert "delete it" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_impossible_comparisons_are_one_line():
    with pytest.raises(InputError, match="2 to 100 learners, and there are 1"):
        comparison({"a": []}, PLAN)
    with pytest.raises(InputError, match="group is 1, not"):
        comparison(first(0), PLAN._replace(group=1))
    with pytest.raises(InputError, match="more than"):
        comparison(first(0), PLAN._replace(group=5_000, looks=5_000))
