"""Ladders: what may differ between a rung and its parent, and what is said of it."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

import pgvq.tuning
from pgvq import DQN, PPO, ActorCritic, Experiment, InputError, Ladder, Rung
from pgvq.algorithms.q_learning import QLearning
from pgvq.analysis.rungs import agreement, conclusion, rung_table
from pgvq.cli.loading import load_experiment, load_module
from pgvq.experiments.budgets import ladders_in
from pgvq.plotting import ladder_figures, ladders_figure, plot
from pgvq.results import store
from pgvq.results.format import checked_description
from pgvq.results.store import assemble, read_description
from pgvq.running.session import Session
from pgvq.storage.files import plain
from tests.helpers.synthetic_results import evaluations, training

ROOT = Path(__file__).parents[2]
RUNGS = {
    "first": ActorCritic(lambda_=1.0, rollout_length=64),
    "lambda": Rung(parent="first", change={"lambda_": 0.9}, words="it bootstraps"),
    "short": Rung(parent="first", change={"rollout_length": 16}),
    "both": Rung(
        parent="short", change={"lambda_": 0.9}, also={"lambda": {"rollout_length": 16}}
    ),
    "ppo": Rung(
        parent="both",
        change="four epochs",
        algorithm=PPO(lambda_=0.9, rollout_length=16, normalize="batch"),
        apart=("normalize",),
    ),
}
NUISANCE = ("learning_rate", "discount")


def ladder(**more):
    return Ladder(rungs=RUNGS | more, nuisance=NUISANCE)


def rung(parent="first", change=None, **fields):
    return Rung(parent=parent, change=change or {"lambda_": 0.5}, **fields)


def test_rungs_are_their_parents_with_one_change():
    made = ladder().algorithms
    assert made["lambda"] == RUNGS["first"].replace(lambda_=0.9)
    assert made["both"] == RUNGS["first"].replace(lambda_=0.9, rollout_length=16)
    assert made["ppo"] is RUNGS["ppo"].algorithm


def test_a_rung_may_be_defined_before_its_parent():
    turned = Ladder(rungs=dict(reversed(RUNGS.items())))
    assert list(turned.algorithms) == list(reversed(RUNGS))
    assert turned.algorithms["both"] == ladder().algorithms["both"]


def test_steps_say_what_differs():
    steps = {(s.rung, s.parent): s for s in ladder().steps}
    assert len(steps) == 5
    assert steps["lambda", "first"].fields == {"lambda_": ("1.0", "0.9")}
    assert steps["short", "first"].words == "rollout_length from 64 to 16"
    # The same change has the same words, also where it was given none.
    assert steps["both", "short"].words == "it bootstraps"
    step = steps["ppo", "both"]
    assert step.apart == {"normalize": ("True", "batch")}
    assert step.brings["num_epochs"] == "4"
    assert not step.drops


def test_a_part_of_a_network_is_a_change():
    step = ladder(wide=rung(change={"torso.features": (32,)})).steps[-1]
    assert step.fields == {"torso.features": ("(64, 64)", "(32,)")}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (rung("frist"), "did you mean 'first'"),
        (rung(change={"lambda_": 1}), "changes nothing"),
        (rung(change={"lambda": 0.5}), "did you mean lambda_"),
        (rung(change={"lambda_": 0.5, "value_coef": 1.0}), "make a rung of each"),
        (rung(change={"lambda_": 0.9}), "the same algorithm"),
        (rung(change={"lambda_": 7.0}), "between 0 and 1"),
        (rung(change={"learning_rate": 1.0}), "either tuned or a rung"),
        (rung(change="words alone"), "in words alone"),
        (rung(change={"lambda_": 0.5}, also={"short": {"lambda_": 0.5}}), "'short'"),
        (rung(change=3), "says nothing"),
        (rung(words=3), "must be a text"),
        (rung(also=["short"]), "must be a dict"),
        (rung(change="a class", algorithm=PPO), "not an algorithm"),
        (rung(change="a class", algorithm=ActorCritic()), "both of the class"),
        (rung(change="a class", algorithm=PPO(lambda_=1.0)), "normalize"),
        (
            rung(
                change="a class",
                algorithm=PPO(lambda_=1.0, normalize="batch", entropy_coef=0.5),
                apart=("normalize",),
            ),
            "entropy_coef",
        ),
        (
            rung(change="x", algorithm=PPO(lambda_=1.0), apart=("clip",)),
            "not a field of both",
        ),
        (rung("new"), "circle"),
        (DQN(), "no parent"),
    ],
)
def test_what_is_more_or_less_than_one_change_is_refused(new, message):
    with pytest.raises(InputError) as error:
        ladder(new=new)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_every_shared_field_has_to_be_equal():
    """One field at a time is made different in the class that is changed to."""
    right = RUNGS["ppo"].algorithm
    shared = {f.name for f in dataclasses.fields(ActorCritic)} - {"budget", "normalize"}
    checked = 0
    for field in dataclasses.fields(PPO):
        value = getattr(right, field.name)
        if field.name not in shared or not isinstance(value, float | int):
            continue
        other = value * 2 if not isinstance(value, bool) else not value
        other = min(other, 0.5) if field.name in ("discount", "lambda_") else other
        if not value:
            other = type(value)(1)
        wrong = dataclasses.replace(
            RUNGS["ppo"], algorithm=right.replace(**{field.name: other})
        )
        with pytest.raises(InputError, match=f"also in {field.name}"):
            Ladder(rungs=RUNGS | {"ppo": wrong})
        checked += 1
    assert checked >= 12


def test_tuned_rungs_have_their_own_nuisance_and_nothing_else():
    chosen = {name: {"learning_rate": 1e-3 * (1 + i)} for i, name in enumerate(RUNGS)}
    tuned = ladder().tuned(chosen)
    assert tuned.algorithms["short"].learning_rate == 3e-3
    assert tuned.describe()["tuned"] == ["learning_rate"]
    assert ladder().describe()["tuned"] == []
    assert [s[:3] for s in tuned.steps] == [s[:3] for s in ladder().steps]
    with pytest.raises(InputError, match="not in nuisance"):
        ladder().tuned(chosen | {"short": {"value_coef": 1.0}})
    with pytest.raises(InputError, match="nothing was chosen for the rung 'ppo'"):
        ladder().tuned({name: chosen[name] for name in list(RUNGS)[:-1]})


def experiment(**changes):
    return Experiment(name="rungs", algorithms=ladder(), steps=1e4, **changes)


def test_an_experiment_keeps_its_ladder_through_changes():
    made = experiment()
    assert made.replace(seeds=3).ladder == made.ladder
    slower = {n: a.replace(learning_rate=1e-4) for n, a in made.variants.items()}
    assert made.replace(algorithms=slower).ladder.describe()["tuned"] == []
    one = dict(made.variants) | {"lambda": made.variants["lambda"].replace(num_envs=8)}
    with pytest.raises(InputError, match="differ in num_envs"):
        made.replace(algorithms=one)
    with pytest.raises(InputError, match="ladder=None"):
        made.replace(algorithms=[DQN()])
    assert made.replace(algorithms=[DQN()], ladder=None).ladder is None


def test_a_ladder_is_not_part_of_the_configuration():
    """Two experiments of the same runs are one, whatever is compared with what."""
    plain_one = Experiment(name="rungs", algorithms=ladder().algorithms, steps=1e4)
    with_ladder = experiment().describe()
    assert "ladder" not in plain_one.describe()
    assert with_ladder["digest"] == plain_one.describe()["digest"]


def made_up(levels, runs=20, noise=1.0):
    """Results of the ladder whose runs end around the levels."""
    generator = np.random.default_rng(0)
    tables = {}
    for name, level in levels.items():
        noises = generator.normal(0, noise, [runs, 1, 1])
        scores = level + noises + np.zeros([1, 6, 3])
        table = evaluations(scores, 10_000)
        tables[name] = {"evaluations": table, "training": training(table)}
    return assemble(plain(experiment().describe()), tables)


def made_up_of(names):
    """Results of some rungs alone."""
    part = Ladder(rungs={name: RUNGS[name] for name in names})
    made = experiment().replace(algorithms=part, ladder=None)
    return assemble(plain(made.describe()), {})


LEVELS = {"first": 0.0, "lambda": 5.0, "short": 0.0, "both": -4.0, "ppo": -4.0}


def test_the_table_says_what_each_change_does():
    table = rung_table(made_up(LEVELS)).set_index(["rung", "parent"])
    assert table.loc[("lambda", "first"), "verdict"] == "higher"
    assert table.loc[("both", "short"), "verdict"] == "lower"
    assert table.loc[("both", "lambda"), "verdict"] == "lower"
    assert abs(table.loc[("both", "lambda"), "difference"] + 9) < 1
    assert table.loc[("first", ""), "sentence"] == ""
    sentence = table.loc[("lambda", "first"), "sentence"]
    assert sentence.startswith("lambda after first (it bootstraps): +")
    assert sentence.endswith("]: higher.")
    said = conclusion(table.reset_index())
    assert said.startswith(
        "Of 5 changes 1 raise the final score, 2 lower it, and for 2 no difference is "
        "shown. The largest rise: lambda (it bootstraps): +"
    )
    assert "The largest fall: both (rollout_length from 64 to 16): -" in said


def test_what_is_equal_is_not_what_is_not_shown():
    """With little noise runs show that a change does nothing worth a point."""
    table = rung_table(made_up(LEVELS, noise=0.2)).set_index(["rung", "parent"])
    assert table.loc[("short", "first"), "verdict"] == "equal within 1"
    assert "2 leave it equal within 1, and for 0 no" in conclusion(table.reset_index())


def test_two_rungs_at_random_play_are_not_called_equal():
    """Pong's random play scores -20.3, and who loses every point -21."""
    levels = LEVELS | {"first": -21.0, "short": -20.6}
    table = rung_table(made_up(levels, noise=0.01)).set_index(["rung", "parent"])
    assert table.loc[("short", "first"), "verdict"] == "neither learnt"
    assert table.loc[("lambda", "first"), "verdict"] == "higher"
    said = conclusion(table.reset_index())
    assert "; for 1 neither the rung nor its parent learnt anything." in said


def test_a_verdict_is_adjusted_for_the_number_of_changes():
    """The interval of one difference may leave 0 out by chance: that is said."""
    levels = dict.fromkeys(LEVELS, 0.0) | {"short": 0.22}
    table = rung_table(made_up(levels)).set_index(["rung", "parent"])
    row = table.loc[("short", "first")]
    assert row["difference_low"] > 0
    assert row["verdict"] == "no difference shown"
    assert row["sentence"].endswith("no difference shown among 5 comparisons.")


def test_of_few_runs_nothing_is_said():
    table = rung_table(made_up(LEVELS, runs=4))
    assert set(table["verdict"]) == {"", "fewer than 5 runs"}
    assert "Too few runs" in conclusion(table)


def test_the_figure_is_drawn_from_the_folder_alone(tmp_path):
    written = {path.name for path in plot(made_up(LEVELS), tmp_path)}
    assert {"ladder.png", "ladder.csv", "ladder_explore.png"} <= written
    # A ladder without any finished run is drawn as well.
    unfinished = dict.fromkeys(LEVELS, np.nan) | {"first": 0.0}
    assert ladder_figures(made_up(unfinished), tmp_path)


def test_a_ladder_that_was_measured_twice_is_drawn_side_by_side(tmp_path):
    """What is said of both is what both show."""
    other = LEVELS | {"lambda": 0.0}
    parts = {"untuned": made_up(LEVELS), "tuned": made_up(other)}
    written = {path.name for path in ladders_figure(parts, tmp_path)}
    assert {"ladders.png", "ladders.csv", "ladders_explore.png"} <= written
    rows = (tmp_path / "ladders.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 6
    said = agreement({name: rung_table(part) for name, part in parts.items()})
    assert said == (
        "In untuned and tuned alike the final score is lowered by both (from short), "
        "both (from lambda)."
    )
    alone = {"a": parts["tuned"], "b": made_up_of(["first", "lambda"])}
    with pytest.raises(InputError, match="are not results of one ladder"):
        ladders_figure(alone, tmp_path)


def test_folders_of_one_ladder_are_found(tmp_path):
    """Other results beside them do not matter; what is tuned comes second."""
    rates = {name: {"learning_rate": 1e-3 * (i + 1)} for i, name in enumerate(RUNGS)}
    tuned = experiment().replace(algorithms=ladder().tuned(rates), name="b")
    store.create(tmp_path / "a_tuned", tuned.describe())
    assert ladders_in(tmp_path) == []
    store.create(tmp_path / "untuned", experiment().describe())
    other = Experiment(name="other", algorithms=[DQN()], steps=1e5)
    store.create(tmp_path / "other", other.describe())
    assert [part.name for part in ladders_in(tmp_path)] == ["untuned", "a_tuned"]


@pytest.mark.parametrize(
    "change",
    [
        lambda steps: steps[0].pop("words"),
        lambda steps: steps[0].update(parent="nobody"),
        lambda steps: steps[0].update(parent="ppo"),  # a circle
        lambda steps: steps[0].update(fields={"lambda_": ["1"]}),
        lambda steps: steps.clear(),
    ],
)
def test_a_damaged_ladder_in_a_description_is_refused(change):
    described = plain(experiment().describe())
    assert checked_description(described, "here")
    change(described["ladder"]["steps"])
    with pytest.raises(InputError, match="here"):
        checked_description(described, "here")


def test_a_folder_takes_over_new_parents(tmp_path):
    """The runs stay: what is compared with what is no part of them."""
    two = {"a": DQN(), "b": Rung(parent="a", change={"double": False})}
    made = Experiment(name="x", algorithms=Ladder(rungs=two), steps=1e5)
    folder = tmp_path / "x"
    Session(made, folder, None)  # what `run` does before it trains
    assert read_description(folder)["ladder"] == plain(made.ladder.describe())
    rung = Rung(parent="b", change={"double": True}, words="the other way round")
    turned = {"a": rung, "b": DQN(double=False)}
    other = made.replace(algorithms=Ladder(rungs=turned))
    Session(other, folder, None)
    held = read_description(folder)
    assert held["ladder"]["steps"][0]["words"] == "the other way round"
    assert held["digest"] == made.describe()["digest"]
    Session(other.replace(ladder=None, algorithms=other.algorithms), folder, None)
    assert not read_description(folder).get("ladder")


def test_the_committed_ladder(capsys, monkeypatch, tmp_path):
    """From REINFORCE to DQN: each of the issue's changes is a rung of its own."""
    monkeypatch.chdir(tmp_path)  # no tuning was made here, and that is said
    loaded = load_experiment(str(ROOT / "experiments/ladder.py")).experiments
    assert [e.name for e in loaded] == ["untuned", "quantiles", "hidden"]
    assert "pgvq tune experiments/tune_ladder.py" in capsys.readouterr().err
    untuned = loaded[0]
    fields = {field for s in untuned.ladder.steps for field in s.fields}
    assert fields >= {
        *("baseline", "rollout_length", "lambda_", "normalize", "clip"),
        *("num_minibatches", "torso.layer_norm", "capacity", "target_period"),
        *("double", "dueling", "n_step", "prioritized"),
    }
    # All that has these settings has the same.
    for algorithm in untuned.variants.values():
        shared = (algorithm.num_envs, algorithm.discount, algorithm.learning_rate)
        assert (*shared, algorithm.max_grad_norm) == (32, 0.99, 2e-3, 0.5)
        if isinstance(algorithm, QLearning):
            rate = algorithm.updates_per_iteration / algorithm.steps_per_iteration
            assert rate == 1 / 32


def test_the_programs_of_the_page_run():
    text = (ROOT / "docs" / "ladder.md").read_text(encoding="utf-8")
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(programs) == 2
    made = {}
    for program in programs:
        exec(program, made)
    assert len(made["experiment"].ladder.steps) == 5
    assert [e.name for e in made["experiments"]] == ["0.25M", "1M", "4M"]


def settings_of(file):
    """What a tuning of the ladder chooses, made up: each rung a rate of its own."""
    untuned = load_experiment(file).experiments[0]
    names = enumerate(untuned.variants)
    return {name: {"learning_rate": 1e-3 + 1e-5 * i} for i, name in names}


def test_the_committed_ladder_is_tuned_where_that_is_done(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.chdir(tmp_path)
    file = str(ROOT / "experiments/ladder.py")
    found = settings_of(file)
    monkeypatch.setattr(pgvq.tuning, "chosen", lambda folder: found)
    both = load_experiment(file).experiments
    assert [e.name for e in both] == ["untuned", "tuned", "quantiles", "hidden"]
    tuned = both[1]
    assert tuned.variants["reinforce"].learning_rate == 1e-3
    assert tuned.describe()["ladder"]["tuned"] == ["learning_rate"]
    capsys.readouterr()
    # Half of a tuning is not enough, and what is untuned can be run as ever.
    del found["ppo"]
    loaded = load_experiment(file).experiments
    assert [e.name for e in loaded] == ["untuned", "quantiles", "hidden"]
    assert "nothing was chosen for the rung 'ppo'" in capsys.readouterr().err


def test_the_same_is_tuned_of_each_rung(monkeypatch, tmp_path):
    """Nuisance settings and nothing else, in one range for all."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    made = load_module(str(ROOT / "experiments/tune_ladder.py"))
    nuisance, tuning = made.NUISANCE, made.tuning
    ranges = {}
    for space in tuning.spaces.values():
        assert not space.choices
        assert {"learning_rate", "discount"} <= set(space.ranges) <= set(nuisance)
        for field, one in space.ranges.items():
            assert ranges.setdefault(field, one) == one
    assert set(ranges) == set(nuisance)
    results = load_experiment(str(ROOT / "experiments/ladder.py")).experiments
    seeds = {*tuning.seed_numbers, *tuning.final_seed_numbers}
    assert not seeds & set(range(max(e.seeds for e in results)))
