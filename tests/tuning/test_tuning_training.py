"""Trials as lanes, trained for real: a table on Catch, which compiles in a second."""

import json
import signal

import pytest

from pgvq import Tabular, run
from pgvq.training.lanes import Lanes
from pgvq.tuning import Tuning, tune
from pgvq.tuning.search import Interrupted
from tests.helpers.cli_fixtures import Calls

pytestmark = pytest.mark.usefixtures("light_compilation", "compile_once")


def tuning(**changes) -> Tuning:
    """Two structures; rounds of 2 x 2 lanes, the last of them half empty."""
    settings = {
        "name": "table",
        "learners": [Tabular(num_envs=4, rollout_length=8)],
        "steps": 640,
        "trials": 5,
        "seeds": range(2),
        "final_seeds": [7],
        "finalists": 2,
        "round_size": 2,
        "structures": 2,
        "games": 2,
        "evaluations": 2,
        "search": {"tabular": {"rollout_length": [4, 8]}},
    }
    return Tuning(**(settings | changes))


@pytest.fixture
def whole(compile_once):
    return tune(tuning()).ledger


def test_a_trial_is_the_run_that_an_experiment_trains(whole):
    """The same games, bit for bit, as `run` with these values and seeds."""
    asked = tuning()
    experiment = asked.experiment.replace(seeds=2)
    table = run(experiment).evaluations
    last = table[table.agent_steps == table.agent_steps.max()]
    mine = whole[(whole.stage == "search") & (whole.trial == 0)]
    for mode, column in (("greedy", "score"), ("explore", "score_explore")):
        means = last[last["mode"] == mode].groupby("seed").score.mean()
        assert mine[column].tolist() == means.tolist()
    assert (mine.agent_steps == last.agent_steps.iloc[0]).all()
    assert (mine.updates == last.updates.iloc[0]).all()
    halfway = table[(table.agent_steps == 320) & (table["mode"] == "greedy")]
    curve = [json.loads(text)[0] for text in mine.curve]
    assert curve == halfway.groupby("seed").score.mean().tolist()


def test_each_structure_is_compiled_once(monkeypatch):
    """However many rounds there are, the last one half empty."""
    compiled = []
    compile_lanes = Lanes.compile

    def counted(lanes: Lanes) -> None:
        if not lanes._programs:
            compiled.append(len(lanes.lanes))
        compile_lanes(lanes)

    monkeypatch.setattr(Lanes, "compile", counted)
    found = tune(tuning()).ledger
    assert found[found.stage == "search"].trial.nunique() == 5
    assert compiled == [4, 4]


def test_lanes_that_do_not_fit_in_memory_train_in_parts(monkeypatch, whole):
    monkeypatch.setattr("pgvq.tuning.training.MAX_LANES", 3)
    parts = tune(tuning()).ledger
    untimed = ["seconds"]
    assert parts.drop(columns=untimed).equals(whole.drop(columns=untimed))


@pytest.mark.parametrize("chunk", [12, 25])
def test_a_round_that_was_stopped_goes_on_from_its_checkpoint(
    chunk, whole, tmp_path, monkeypatch, heeds_ctrl_c
):
    monkeypatch.setattr("pgvq.tuning.training.CHUNK_SECONDS", 0.0)

    def press(number: int) -> None:
        if number == chunk:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        tune(tuning(), tmp_path, Calls(press))
    assert list((tmp_path / "checkpoints").glob("*/*/state"))
    counted = Calls(lambda number: None)
    parts = tune(tuning(), tmp_path, counted).ledger
    untimed = ["seconds", "session"]
    assert parts.drop(columns=untimed).equals(whole.drop(columns=untimed))
    whole_chunks = 20 * 2 + 40 + 20 + 40  # iterations of the rounds and the finals
    assert counted.chunks <= whole_chunks + 40 - chunk
    assert not (tmp_path / "checkpoints").exists()
