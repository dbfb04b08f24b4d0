"""`--seeds auto`: groups of seeds until all pairs are decided, killed and continued."""

import json

import numpy as np
import pandas as pd
import pytest

from pgvq import InputError, run_adaptively
from pgvq.cli import main
from pgvq.cli.run import made_from
from pgvq.results import store as results
from pgvq.running import adaptive as adaptive_run
from pgvq.running import runner, session
from pgvq.running.progress import Reporter
from tests.helpers.cli_fixtures import TEXT, Calls, assert_equal, dqn, tiny

TWO = {"slow": dqn(learning_rate=1e-5), "fast": dqn(learning_rate=1e-3)}
SMALL = {"cap": 4, "group": 2}


def two(**changes):
    return tiny(algorithms=TWO, **changes)


class Trained(Reporter):
    """Which runs were trained, and what was decided on the way."""

    def __init__(self):
        self.batches, self.decisions = [], []

    def planned(self, experiment, done, batches):
        self.batches += [(lane.variant, lane.seed) for b in batches for lane in b]

    def compared(self, decisions):
        self.decisions.append(list(decisions))


@pytest.fixture
def made_up(monkeypatch):
    """Training that writes down a score for each variant and seed, at once."""
    level = {"slow": 0.0, "fast": 0.0, "third": 9.0}
    asked = []

    class Batch:
        def __init__(self, run, lanes, saved, interrupted):
            self.run, self.lanes = run, lanes

        def finish(self):
            for lane in self.lanes:
                noise = np.random.default_rng([1, lane.seed, *lane.variant.encode()])
                score = level[lane.variant] + noise.normal()
                asked.append((lane.variant, lane.seed))
                for mark in self.run.marks[lane.variant]:
                    write(self.run, lane, mark, score)
            self.run.write(self.lanes, results.provenance() | {"seeds": []})

    monkeypatch.setattr(session, "LaneTraining", Batch)
    monkeypatch.setattr(session, "check_experiment", lambda *_: None)
    return asked


def write(run, lane, mark, score):
    """The rows of one point, as a run has them."""
    point = {"seed": lane.seed, "agent_steps": mark, "updates": 0, "train_seconds": 0.0}
    games = run.experiment.games
    for mode in ("greedy", "explore"):
        rows = point | {"mode": mode, "game": np.arange(games), "score": score}
        frame = pd.DataFrame(rows | {"length": 9, "truncated": False})
        run._append(lane.variant, "evaluations", frame)
    run._append(lane.variant, "training", pd.DataFrame([point | {"diverged": False}]))


def three():
    return tiny(algorithms=TWO | {"third": dqn()})


def test_variants_that_are_decided_train_no_more(made_up, tmp_path):
    told = Trained()
    found = run_adaptively(three(), tmp_path / "out", told, cap=15)
    assert found.comparison.seeds == {"slow": 15, "fast": 15, "third": 5}
    assert len(made_up) == len(set(made_up)) == 35
    assert {p[:3] for p in found.comparison.pairs} == {
        ("slow", "fast", "not decided"),
        ("slow", "third", "b higher"),
        ("fast", "third", "b higher"),
    }
    assert len(found.results.training["seed"].unique()) == 15
    assert len(told.decisions) == 2
    assert "third scores higher than slow (5 seeds of each)" in told.decisions[0]
    held = json.loads((tmp_path / "out" / "adaptive.json").read_text())
    assert held["finished"] is True
    assert len(held["scores"]["slow"]) == 15
    assert adaptive_run.load_comparison(tmp_path / "out") == found.comparison


def test_it_needs_no_folder(made_up):
    found = run_adaptively(three(), cap=5)
    assert found.results.folder is None
    assert found.comparison.seeds == {"slow": 5, "fast": 5, "third": 5}


def test_runs_that_are_there_are_used_and_others_play_no_part(made_up, tmp_path):
    whole = run_adaptively(three(), tmp_path / "whole", cap=15)
    runner.run(three().replace(seeds=[*range(7), *range(40, 43)]), tmp_path / "out")
    made_up.clear()
    found = run_adaptively(three(), tmp_path / "out", cap=15)
    assert found.comparison == whole.comparison
    assert sorted(made_up) == sorted(
        (name, seed) for name in ("slow", "fast") for seed in range(7, 15)
    )
    assert set(found.results.training["seed"]) == {*range(15), *range(40, 43)}


def test_seeds_begin_where_those_of_the_experiment_do(made_up):
    run_adaptively(three().replace(seeds=range(100, 103)), cap=5)
    assert {seed for _, seed in made_up} == set(range(100, 105))


@pytest.mark.parametrize("left", ["both", "tables", "an older state"])
def test_a_killed_comparison_goes_on_and_ends_the_same(made_up, tmp_path, left):
    class Dies(Reporter):
        def compared(self, decisions):
            raise SystemExit

    whole = run_adaptively(three(), tmp_path / "whole", cap=15)
    out = tmp_path / "out"
    with pytest.raises(SystemExit):
        run_adaptively(three(), out, Dies(), cap=15)
    path = out / "adaptive.json"
    first = path.read_bytes()
    if left == "tables":
        path.unlink()
    if left == "an older state":
        with pytest.raises(SystemExit):
            run_adaptively(three(), out, Dies(), cap=15)
        path.write_bytes(first)
    made_up.clear()
    found = run_adaptively(three(), out, cap=15)
    assert found.comparison == whole.comparison
    assert ("third", 0) not in made_up
    kept = (
        (tmp_path / name / "adaptive.json").read_bytes() for name in ("whole", "out")
    )
    assert len(set(kept)) == 1
    assert_equal(out, tmp_path / "whole")


def test_another_plan_for_a_folder_is_refused(made_up, tmp_path):
    run_adaptively(three(), tmp_path / "out", cap=10)
    with pytest.raises(InputError, match=r"another plan .*most seeds 10 -> 15"):
        run_adaptively(three(), tmp_path / "out", cap=15)
    with pytest.raises(InputError, match="group 5 -> 2"):
        run_adaptively(three(), tmp_path / "out", cap=10, group=2)
    run_adaptively(three(), tmp_path / "out", cap=15, fresh=True)


def test_a_damaged_state_is_one_line_and_may_be_deleted(made_up, tmp_path):
    out = tmp_path / "out"
    whole = run_adaptively(three(), out, cap=10)
    path = out / "adaptive.json"
    for text in ("{", "[]", "{}", path.read_text().replace('"looks": 2', '"looks": 3')):
        path.write_text(text)
        with pytest.raises(InputError, match="delete it") as caught:
            run_adaptively(three(), out, cap=10)
        assert "\n" not in str(caught.value)
    path.unlink()
    assert run_adaptively(three(), out, cap=10).comparison == whole.comparison


WRONG = [
    ({"cap": 12}, "no multiple of group=5; give 10 or 15"),
    ({"cap": 3}, "less than one group of 5"),
    ({"group": 1}, "group=1 must be at least 2"),
    ({"cap": 5.0}, "cap=5.0 must be a whole number"),
    ({"cap": 10**6}, "is 10000|more than|looks is"),
    ({"alpha": 0}, "alpha=0 must be a probability"),
    ({"alpha": "x"}, "alpha='x' must be"),
    ({"alpha": float("nan")}, "alpha=nan must be"),
]


@pytest.mark.parametrize(("changes", "said"), WRONG)
def test_what_cannot_be_a_plan_is_one_line(changes, said):
    with pytest.raises(InputError, match=said):
        run_adaptively(three(), **changes)


def test_what_cannot_be_compared_is_one_line():
    from pgvq import Pong

    with pytest.raises(InputError, match="has only dqn"):
        run_adaptively(tiny())
    with pytest.raises(InputError, match="is no experiment"):
        run_adaptively(dqn())
    other = dqn(env=Pong(episode="point", points_to_win=2))
    with pytest.raises(InputError, match="different environments"):
        run_adaptively(tiny(algorithms={"a": dqn(), "b": other}))


def test_the_command_prints_what_was_decided(made_up, workplace, capsys):
    text = TEXT.replace("algorithms=[", 'algorithms={"slow": DQN(), "third":')
    text = text.replace("        )\n    ],", "        )\n    },").replace(
        "DQN()",
        "DQN(env=Pong(episode='point', points_to_win=1), num_envs=4, "
        "rollout_length=8, warmup_steps=32, capacity=200, replay_ratio=2 / 32, "
        "batch_size=16, torso=MLP((8,)), learning_rate=1e-5)",
    )
    (workplace / "two.py").write_text(text)
    words = ["run", "two.py", "--seeds", "auto", "--most-seeds", "10", "--out", "out"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "2 algorithms, up to 10 seeds, " in said
    assert "third scores higher than slow (5 seeds of each)" in said
    assert "seeds needed: slow 5, third 5; 10 runs of 20 at most" in said
    source = results.read_description("out")["source"]
    assert source["changes"]["seeds"] == "auto"
    assert made_from(source, "x", "tiny").seed_numbers == range(2)


def test_one_variant_is_refused_before_anything_is_made(workplace, capsys):
    assert main(["run", "tiny.py", "--seeds", "auto"]) == 2
    error = capsys.readouterr().err
    assert "has only dqn; give a number of seeds" in error
    assert error.count("\n") == 1
    assert not (workplace / "results").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("compile_once")
def test_real_training_killed_and_continued(tmp_path):
    whole = run_adaptively(two(), tmp_path / "whole", **SMALL)

    def dies(chunk):
        raise SystemExit

    class Dies(Calls):
        def compared(self, decisions):
            self.on_advance = dies

    with pytest.raises(SystemExit):
        run_adaptively(two(), tmp_path / "out", Dies(lambda chunk: None), **SMALL)
    found = run_adaptively(two(), tmp_path / "out", **SMALL)
    assert found.comparison == whole.comparison
    assert_equal(tmp_path / "out", tmp_path / "whole")
