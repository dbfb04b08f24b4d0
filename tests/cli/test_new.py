"""`pgvq new`: what it writes trains as it stands, and what it refuses to write."""

import ast
import dataclasses
import os
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from pgvq import load
from pgvq.cli import main
from pgvq.cli.loading import load_experiment
from pgvq.cli.new import FAMILIES, class_name
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

TEMPLATES = Path(__file__).parents[2] / "pgvq" / "templates"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    yield tmp_path
    sys.path[:] = before


def refused(capsys, *words):
    """The one line of an error."""
    capsys.readouterr()
    assert main(["new", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("pgvq: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("family", FAMILIES)
def test_a_template_learns(family):
    main(["new", "mine.py", "--family", family])
    experiment = load_experiment("mine.py").experiment
    (algorithm,) = experiment.variants.values()
    count = int(experiment.steps) // algorithm.steps_per_iteration

    @jax.jit
    def learn(key):
        def one(state, _):
            state, metrics = algorithm.iterate(state)
            return state, metrics["episode_return"].value

        return jax.lax.scan(one, algorithm.init(key), length=count)

    state, returns = learn(jax.random.key(0))
    assert np.nanmean(returns[:5]) < -0.2  # uniform play catches one ball in five
    assert np.nanmean(returns[-20:]) > 0.4
    learnt = count * algorithm.steps_per_iteration
    assert state.agent_steps == algorithm.initial_steps + learnt


@pytest.mark.parametrize(
    "family",
    [
        pytest.param("policy_gradient", marks=pytest.mark.slow),
        pytest.param("q_learning", marks=pytest.mark.slow),
        pytest.param("replay", marks=pytest.mark.slow),
        "bare",
    ],
)
def test_a_template_trains_as_it_stands(family, folder, capsys):
    assert main(["new", "great_idea.py", "--family", family]) == 0
    out = capsys.readouterr().out
    assert "pgvq run great_idea.py" in out
    assert "pgvq doctor great_idea.py:GreatIdea" in out
    few = ["--seeds", "1", "--evaluations", "1"]
    assert main(["run", "great_idea.py", *few]) == 0
    results = load("results/great_idea")
    assert results.description["variants"][0]["algorithm"] == "GreatIdea"
    assert (folder / "results/great_idea/learning_curves.png").exists()
    games = results.evaluations.query("mode == 'greedy'")
    before, after = games.groupby("agent_steps")["score"].mean()
    assert before < 0
    assert after > 0.5
    assert not results.training["diverged"].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_template_is_short_and_every_field_says_what_it_is(family):
    text = (TEMPLATES / f"{family}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 115
    assert sum(line.startswith("from pgvq") for line in text.splitlines()) <= 4
    main(["new", "mine.py", "--family", family])
    (algorithm,) = load_experiment("mine.py").experiment.variants.values()
    for field in dataclasses.fields(algorithm):
        assert field.metadata.get("doc"), field.name
    (cls,) = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == "MyAlgorithm"
    ]
    assert ast.get_docstring(cls)


def test_the_replay_template_takes_the_fields_of_its_families(folder):
    """Priorities and n-step returns work as they are; what is wrong is refused."""
    main(["new", "mine.py", "--family", "replay"])
    (algorithm,) = load_experiment("mine.py").experiment.variants.values()
    small = algorithm.replace(num_envs=4, warmup_steps=32, prioritized=True, n_step=3)
    state = jax.jit(lambda key: small.iterate(small.init(key))[0])(jax.random.key(0))
    priorities = state.learner.experience.priorities
    assert priorities.max_priority != 1  # as new rows have it, until errors are known
    with pytest.raises(InputError, match="target_rate=2"):
        algorithm.replace(target_rate=2)


def test_every_family_has_a_template():
    assert {path.stem for path in TEMPLATES.glob("*.py")} == set(FAMILIES)


@pytest.mark.parametrize(
    ("stem", "name"),
    [("my_algorithm", "MyAlgorithm"), ("DQN2", "DQN2"), ("_n_step__q", "NStepQ")],
)
def test_the_file_names_the_class(stem, name, folder):
    assert class_name(stem) == name
    assert main(["new", f"{stem}.py"]) == 0
    experiment = load_experiment(f"{stem}.py").experiment
    assert experiment.name == stem
    assert list(experiment.variants) == [name]


def test_names_that_begin_like_the_templates_are_put_in_once(folder):
    main(["new", "MyAlgorithm2.py"])
    text = (folder / "MyAlgorithm2.py").read_text()
    assert "MyAlgorithm22" not in text
    assert "class MyAlgorithm2(" in text


def test_nothing_is_replaced_without_force(folder, capsys):
    (folder / "mine.py").write_text("precious")
    assert "--force" in refused(capsys, "mine.py")
    assert (folder / "mine.py").read_text() == "precious"
    assert main(["new", "mine.py", "--force"]) == 0
    assert "class Mine(" in (folder / "mine.py").read_text()


REFUSED = {
    "mine": "use mine.py",
    "mine.txt": "use mine.py",
    "my-idea.py": "such as my_my_idea.py",
    "2nd.py": "cannot name a module",
    "class.py": "cannot name a module",
    "none.py": "cannot name a module and a class",
    "_.py": "cannot name a module",
    "jax.py": "would hide the module 'jax'",
    "json.py": "would hide the module 'json'",
    "sys.py": "would hide the module 'sys'",
    "policy_gradient.py": "uses that name for something else",
    "transition.py": "call the file my_transition.py",
    "folder.py": "is a folder",
}


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_cannot_be(name, folder, capsys):
    (folder / "folder.py").mkdir()
    assert REFUSED[name] in refused(capsys, name)
    assert os.listdir(folder) == ["folder.py"]


def test_families_that_are_not(folder, capsys):
    assert "did you mean q_learning" in refused(capsys, "x.py", "--family", "q-learn")
    assert "use one of" in refused(capsys, "x.py", "--family", "zzz")
    assert not os.listdir(folder)


def test_a_place_that_cannot_be_written(capsys):
    assert "cannot write /proc/no/mine.py" in refused(capsys, "/proc/no/mine.py")


def test_a_file_in_another_folder_is_named_with_it(capsys):
    assert main(["new", "my ideas/first.py"]) == 0
    assert "pgvq run 'my ideas/first.py'" in capsys.readouterr().out
    assert load_experiment("my ideas/first.py").experiment.name == "first"
