"""The search itself, its ledger and its choice; nothing here is trained."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from pgvq import DQN, PPO
from pgvq.results.store import assemble
from pgvq.storage.locking import locked
from pgvq.tuning import check_equal, chosen, tune, tuned
from pgvq.tuning.analysis import read_tuning
from pgvq.tuning.ledger import effort, read, write
from pgvq.tuning.sampling import propose
from pgvq.tuning.search import Interrupted
from pgvq.types import InputError
from tests.helpers.fake_tuning import score, tuning
from tests.helpers.synthetic_results import description, evaluations, training

SAMPLERS = ("tpe", "random")
UNTIMED = ["seconds", "session"]


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """All but the time that it took is equal."""
    pair = [frame.drop(columns=UNTIMED) for frame in (left, right)]
    pd.testing.assert_frame_equal(*pair, check_exact=True)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_learner_has_as_many_runs_and_its_own_values_first(sampler, untrained):
    asked = tuning(sampler=sampler)
    found = tune(asked).ledger
    for name, own in (("ppo", PPO()), ("dqn", DQN())):
        rows = found[found.learner == name]
        assert len(rows) == asked.runs == 9 * 2 + 2 * 3
        first = json.loads(rows.configuration.iloc[0])
        assert first == {field: getattr(own, field) for field in first}
        search = rows[rows.stage == "search"]
        assert search.trial.nunique() == search.configuration.nunique() == 9
        assert set(search.seed) == {1_000_000, 1_000_001}
        assert set(rows[rows.stage == "final"].seed) == {
            1_001_000 + i for i in range(3)
        }
        steps = asked.experiment.executed_steps(asked.experiment.variants[name])
        assert rows.agent_steps.iloc[0] == steps


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_round_is_of_one_structure_and_few_structures_are_tried(sampler, untrained):
    asked = tuning(sampler=sampler, trials=21)
    found = tune(asked).ledger
    for name, space in asked.spaces.items():
        rows = found[(found.learner == name) & (found.stage == "search")]
        structures = [
            space.structure(json.loads(text))
            for text in rows.drop_duplicates("trial").configuration
        ]
        rounds = [set(structures[i : i + 3]) for i in range(0, 21, 3)]
        assert all(len(one) == 1 for one in rounds)
        assert set(structures) == {0, 1}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("calls", [0, 1, 2, 4, 5])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not(
    sampler, calls, untrained, tmp_path
):
    whole = tune(tuning(sampler=sampler), tmp_path / "whole")
    untrained.calls.clear()
    untrained.stop_after = calls
    with pytest.raises(Interrupted, match="goes on there"):
        tune(tuning(sampler=sampler), tmp_path / "parts")
    held = read(tmp_path / "parts")
    assert len(held) == sum(count for _, count in untrained.calls)
    untrained.stop_after = None
    parts = tune(tuning(sampler=sampler), tmp_path / "parts")
    same(parts.ledger, whole.ledger)
    assert parts.chosen == whole.chosen == chosen(tmp_path / "parts")
    # Nothing was computed twice.
    assert sum(count for _, count in untrained.calls) == len(whole.ledger)


def test_a_finished_search_trains_nothing(untrained, tmp_path):
    first = tune(tuning(), tmp_path)
    untrained.stop_after = len(untrained.calls)
    same(tune(tuning(), tmp_path).ledger, first.ledger)


def test_lost_rows_are_trained_again(untrained, tmp_path):
    first = tune(tuning(), tmp_path)
    write(tmp_path, first.ledger[first.ledger.index != 3])
    untrained.calls.clear()
    again = tune(tuning(), tmp_path).ledger
    assert [count for _, count in untrained.calls] == [1]
    order = ["learner", "stage", "trial", "seed"]
    same(
        *(
            frame.sort_values(order).reset_index(drop=True)
            for frame in (again, first.ledger)
        )
    )


def test_optuna_uses_what_it_knows(untrained):
    """Later trials of TPE are better than those that are spread evenly."""
    means = {}
    for sampler in SAMPLERS:
        asked = tuning(learners=[PPO()], sampler=sampler, trials=48, round_size=6)
        rows = tune(asked).ledger
        late = rows[(rows.stage == "search") & (rows.trial >= 24)]
        means[sampler] = late.score.mean()
    assert means["tpe"] > means["random"] + 1


def test_samplers_differ_by_seed_and_learner(untrained):
    for sampler in SAMPLERS:
        rounds = [
            propose(tuning(sampler=sampler, sampler_seed=s), learner, 0, [])[1].values
            for s, learner in itertools.product((0, 1), ("ppo", "dqn"))
        ]
        discounts = {one["discount"] for one in rounds}
        assert len(discounts) == 4


def test_the_choice_is_by_the_finalists_own_seeds(untrained, monkeypatch):
    """A trial whose first seeds flatter it is among the finalists, and not chosen."""
    monkeypatch.setattr(
        "tests.helpers.fake_tuning.score",
        lambda algorithm, seed: (
            score(algorithm, seed)
            + (100 if seed < 1_001_000 and algorithm.learning_rate < 1e-3 else 0)
            - (100 if seed >= 1_001_000 and algorithm.learning_rate < 1e-3 else 0)
        ),
    )
    asked = tuning(learners=[PPO()], finalists=9)
    found = tune(asked)
    assert found.chosen["ppo"]["learning_rate"] >= 1e-3
    by_search = tune(asked.replace(finalists=0)).chosen["ppo"]
    assert by_search["learning_rate"] < 1e-3


def test_a_score_that_is_not_a_number_is_kept_and_never_chosen(untrained, monkeypatch):
    monkeypatch.setattr(
        "tests.helpers.fake_tuning.score",
        lambda algorithm, seed: (
            np.nan if algorithm.learning_rate == 2e-3 else score(algorithm, seed)
        ),
    )
    found = tune(tuning(learners=[PPO()]))
    assert found.ledger.score.isna().sum() == 2  # of the learner's own values
    assert found.chosen["ppo"]["learning_rate"] != 2e-3


def test_one_learner_at_a_time(untrained, tmp_path):
    tune(tuning(), tmp_path, only="dqn")
    assert set(read(tmp_path).learner) == {"dqn"}
    assert set(chosen(tmp_path)) == {"dqn"}
    both = tune(tuning(), tmp_path)
    assert set(chosen(tmp_path)) == {"ppo", "dqn"}
    whole = tune(tuning())
    assert both.chosen == whole.chosen
    with pytest.raises(InputError, match="there are ppo, dqn"):
        tune(tuning(), tmp_path, only="sac")


def test_what_was_chosen_makes_a_learner(untrained, tmp_path):
    tune(tuning(), tmp_path)
    values = chosen(tmp_path)["ppo"]
    made = tuned(PPO(), values)
    assert {field: getattr(made, field) for field in values} == values


class TestEquality:
    """`check_equal` asserts from the ledger alone."""

    @pytest.fixture
    def ledger(self, untrained) -> pd.DataFrame:
        return tune(tuning()).ledger

    def test_of_equal_effort(self, ledger):
        said = check_equal(ledger)
        assert said.startswith("2 learners, each with 9 configurations, 24 runs and ")
        one = effort(ledger)["ppo"]
        assert f"{one.agent_steps:,}" in said

    def test_of_a_folder(self, untrained, tmp_path):
        found = tune(tuning(), tmp_path)
        assert check_equal(tmp_path) == check_equal(found.ledger)

    def test_of_a_folder_that_lacks_a_learner(self, untrained, tmp_path):
        tune(tuning(), tmp_path, only="dqn")
        with pytest.raises(InputError, match="ppo has no runs"):
            check_equal(tmp_path)

    def test_a_run_too_few(self, ledger):
        with pytest.raises(InputError, match=r"runs \(ppo 23, dqn 24\)"):
            check_equal(ledger.drop(index=0))

    def test_a_trial_too_few(self, ledger):
        rows = (ledger.learner == "ppo") & (ledger.trial == 8)
        with pytest.raises(InputError, match="numbers of trials"):
            check_equal(ledger[~rows])

    def test_other_steps(self, ledger):
        rows = ledger.learner == "ppo"
        more = ledger.assign(
            agent_steps=ledger.agent_steps.where(~rows, ledger.agent_steps * 2)
        )
        with pytest.raises(InputError, match="agent steps differ"):
            check_equal(more)

    def test_rounding_to_iterations_is_no_difference(self, ledger):
        assert ledger.groupby("learner").agent_steps.sum().nunique() > 1
        check_equal(ledger)

    def test_seeds_of_a_result(self, ledger):
        table = evaluations(np.zeros((3, 3, 2)))
        held = description({"dqn": "DQN"})
        tables = {"dqn": {"evaluations": table, "training": training(table)}}
        result = assemble(held, tables)
        said = check_equal(ledger, [result])
        assert "none is a seed of the result given" in said
        moved = ledger.assign(seed=ledger.seed - 1_000_000)
        with pytest.raises(InputError, match="seed 0 of the result 'synthetic'"):
            check_equal(moved, [result])

    def test_of_what_is_no_tuning(self, tmp_path):
        with pytest.raises(InputError, match="holds no tuning"):
            check_equal(tmp_path)
        with pytest.raises(InputError, match="give its folder or its ledger"):
            check_equal(3)
        with pytest.raises(InputError, match="lacks the column"):
            check_equal(pd.DataFrame({"learner": []}))


class TestFolders:
    """A folder goes on only for the same tuning, and says what is damaged."""

    @pytest.fixture
    def folder(self, untrained, tmp_path):
        tune(tuning(learners=[PPO()]), tmp_path / "t")
        return tmp_path / "t"

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"steps": 2e5}, "budget_agent_steps: 100000 -> 200000"),
            ({"trials": 12}, "trials: 9 -> 12"),
            ({"learners": [PPO(value_coef=0.7)]}, "value_coef: 0.5 -> 0.7"),
            ({"search": {"ppo": {"clip": (0.1, 0.3)}}}, "search of ppo: other ranges"),
            ({"learners": [PPO(), DQN()]}, "dqn"),
        ],
    )
    def test_another_tuning(self, folder, changes, said):
        asked = tuning(**({"learners": [PPO()]} | changes))
        with pytest.raises(InputError, match="holds another tuning") as error:
            tune(asked, folder)
        assert said in str(error.value)

    def test_another_title_is_the_same_tuning(self, folder):
        before = check_equal(folder)
        tune(tuning(learners=[PPO()], title="Another"), folder)
        assert check_equal(folder) == before

    @pytest.mark.parametrize("file", ["tuning.json", "ledger.parquet", "chosen.json"])
    @pytest.mark.parametrize("damage", [b"", b"{}", b"\x00\xff" * 40])
    def test_damage(self, folder, file, damage):
        (folder / file).write_bytes(damage)
        calls = [chosen] if file == "chosen.json" else [check_equal, read_tuning]
        for call in calls:
            with pytest.raises(InputError) as error:
                call(folder)
            assert file in str(error.value)
            assert "\n" not in str(error.value)

    def test_a_changed_description(self, folder):
        path = folder / "tuning.json"
        path.write_text(path.read_text().replace('"trials": 9', '"trials": 8'))
        with pytest.raises(InputError, match="was changed since it was written"):
            tune(tuning(learners=[PPO()]), folder)

    def test_a_name_that_leads_out_of_the_folder(self, folder):
        path = folder / "tuning.json"
        held = json.loads(path.read_text())
        held["search"]["../../x"] = held["search"]["ppo"]
        path.write_text(json.dumps(held))
        with pytest.raises(InputError, match="cannot be"):
            read_tuning(folder)

    def test_a_results_folder(self, tmp_path, untrained):
        (tmp_path / "experiment.json").write_text("{}")
        with pytest.raises(InputError, match="results of an experiment"):
            tune(tuning(), tmp_path)

    def test_what_is_not_finished_has_no_choice(self, untrained, tmp_path):
        untrained.stop_after = 2
        with pytest.raises(Interrupted):
            tune(tuning(), tmp_path)
        with pytest.raises(InputError, match=r"holds no chosen\.json; finish"):
            chosen(tmp_path)


def test_two_processes_do_not_share_a_folder(untrained, tmp_path):
    with locked(tmp_path / "t"), pytest.raises(InputError, match="another process"):
        tune(tuning(), tmp_path / "t")


def test_what_is_no_tuning():
    with pytest.raises(InputError, match="give Tuning"):
        tune(PPO())
