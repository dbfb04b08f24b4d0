"""The command line: end to end, and what each mistake gets."""

import csv
import json
import shutil
import signal
import sys

import jax
import jax.numpy as jnp
import pytest
from PIL import Image

import pgvq
from pgvq import ALGORITHMS
from pgvq.cli import run as cli_run
from pgvq.cli.loading import load_experiment
from pgvq.cli.overrides import override
from pgvq.results import store as results
from pgvq.types import InputError
from tests.helpers.cli_fixtures import TEXT, Calls, assert_equal, command, dqn, tiny
from tests.helpers.command_line import refused, said

pytestmark = pytest.mark.usefixtures("compile_once")


# --- run


def test_run_ends_with_a_table_figures_and_what_to_do_next(finished):
    out = (finished.parent.parent / "stdout.txt").read_text()
    assert "1 algorithm, 2 seeds, 224 agent steps each; 2 XLA devices" in out
    assert "final scores, greedy play" in out
    assert "pgvq watch results/tiny --algorithm dqn --seed 0 --out rally.gif" in out
    assert "pgvq plot results/tiny" in out
    assert "\x1b" not in out
    names = {path.name for path in finished.iterdir()}
    assert {"learning_curves.png", "final_scores.png"} <= names
    assert {"experiment.json", "summary.csv", "dqn", "checkpoints"} <= names
    assert ".lock" not in names


def test_options_change_the_experiment(capsys, workplace, monkeypatch):
    seen = {}

    def stop_here(experiment, folder, reporter, **rest):
        seen.update(experiment=experiment, folder=folder, **rest)
        raise InputError("far enough")

    monkeypatch.setattr(cli_run, "run", stop_here)
    options = "--seeds 3 --steps 5e3 --evaluations 4 --games 7 --out there --fresh"
    words = ["run", "tiny.py", *options.split()]
    words += ["--set", "dqn.learning_rate=3e-4", "--set", "*.torso.features=8,4"]
    assert "far enough" in refused(capsys, *words)
    found = seen["experiment"]
    assert (found.seeds, found.steps, found.evaluations, found.games) == (3, 5e3, 4, 7)
    algorithm = found.variants["dqn"]
    assert (algorithm.learning_rate, algorithm.torso.features) == (3e-4, (8, 4))
    assert (str(seen["folder"]), seen["fresh"]) == ("there", True)
    # What the folder keeps makes the same experiment again.
    source = json.loads(json.dumps(seen["source"]))
    assert cli_run.made_from(source, "x", found.name).describe() == found.describe()
    assert "far enough" in refused(capsys, "run", "tiny.py")
    assert str(seen["folder"]) == "results/tiny"


def test_a_budget_that_is_rounded_up_is_said(capsys, workplace, monkeypatch):
    """Pitfall 13."""
    monkeypatch.setattr(cli_run, "run", lambda *a, **k: exec("raise KeyboardInterrupt"))
    _, out, _ = said(capsys, "run", "tiny.py", "--steps", "225")
    assert "rounded up to whole iterations: dqn 256" in out
    _, out, _ = said(capsys, "run", "tiny.py")
    assert "rounded" not in out


def test_ctrl_c_says_the_exact_command_that_goes_on(
    capsys, workplace, often, monkeypatch, heeds_ctrl_c
):
    def press(chunk):
        if chunk == 4:
            signal.raise_signal(signal.SIGINT)

    class Pressing(Calls):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    words = ["run", "tiny.py", "--seeds", "2", "--fresh", "--set", "dqn.double=true"]
    words += ["--out", "my results"]
    with monkeypatch.context() as patch:
        patch.setattr(cli_run, "reporter_for", lambda console: Pressing(press))
        status, out, _ = said(capsys, *words)
    assert status == 130
    expected = "pgvq run tiny.py --seeds 2 --set dqn.double=true --out 'my results'"
    assert out.splitlines()[-1].strip() == expected
    assert "my results holds all" in out
    assert (workplace / "my results" / "learning_curves.png").exists()
    words.remove("--fresh")
    monkeypatch.setattr(cli_run.plotting, "plot", lambda *_: [])  # drawn once already
    assert said(capsys, *words)[0] == 0
    assert_equal(workplace / "my results", pgvq.run(tiny()))


def test_no_cache_is_heard(capsys, workplace):
    before = jax.config._read("jax_enable_compilation_cache")
    try:
        refused(capsys, "run", "tiny.py", "--no-cache", "--set", "dqn.x=1")
        assert not jax.config._read("jax_enable_compilation_cache")
    finally:
        jax.config.update("jax_enable_compilation_cache", before)


# --- plot


def test_plot_needs_the_folder_alone(capsys, finished, tmp_path):
    copy = tmp_path / "copy"
    names = shutil.ignore_patterns("*.png", "*.csv", "checkpoints")
    shutil.copytree(finished, copy, ignore=names)
    status, out, _ = said(capsys, "plot", str(copy))
    assert status == 0
    assert "final scores" in out
    assert str(copy / "learning_curves.png") in out
    with open(copy / "summary.csv") as file:
        assert {row["variant"] for row in csv.DictReader(file)} == {"dqn"}
    assert (copy / "final_scores.png").stat().st_size > 1000


def test_plot_of_what_is_no_results_folder(capsys, finished, tmp_path):
    assert "did you mean" in refused(capsys, "plot", str(finished.parent / "tinny"))
    assert "has no experiment.json" in refused(capsys, "plot", str(tmp_path))


# --- list


def test_list_shows_all_algorithms_fields_and_environments(capsys):
    status, out, _ = said(capsys, "list")
    assert status == 0
    for name in (*ALGORITHMS, "Pong-Atari", "CartPole-v1", "repeat_action_probability"):
        assert name in out
    assert "Pendulum" not in out
    assert max(len(line) for line in out.splitlines()) <= 80


def test_list_of_one(capsys):
    _, out, _ = said(capsys, "list", "dqn")
    assert "replay_ratio" in out
    assert "updates per agent step" in out
    assert "reinforce" not in out
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "lanes" in rows["learning_rate"]
    assert "lanes" not in rows["batch_size"]
    assert "sticky actions" in said(capsys, "list", "pong")[1]
    assert "did you mean dqn" in refused(capsys, "list", "dqm")


# --- watch


def test_watch_writes_a_gif_of_the_checkpoint(capsys, finished, tmp_path):
    gif = tmp_path / "rally.gif"
    words = ["watch", str(finished), "--algorithm", "dqn", "--seed", "1"]
    words += ["--out", str(gif), "--games", "2", "--max-steps", "300"]
    status, out, _ = said(capsys, *words)
    assert status == 0
    assert "dqn, seed 1, after 224 agent steps, greedy play:" in out
    assert out.count("score ") == 2
    with Image.open(gif) as picture:
        assert picture.format == "GIF"
        assert picture.n_frames > 5
        assert picture.size[0] >= 160
    assert gif.stat().st_size < 3e6
    explore = ["--mode", "explore", "--max-steps", "40"]
    assert "explore play" in said(capsys, *words, *explore)[1]


def test_watch_says_why_it_cannot(capsys, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    assert "there are seeds 0, 1" in refused(capsys, "watch", "copy", "--seed", "7")
    assert "did you mean dqn" in refused(capsys, "watch", "copy", "--algorithm", "dqq")
    assert "ends in .gif" in refused(capsys, "watch", "copy", "--out", "x.mp4")
    assert "does not exist" in refused(capsys, "watch", "copy", "--out", "no/x.gif")
    assert "at least 1" in refused(capsys, "watch", "copy", "--games", "0")

    path = copy / "experiment.json"
    held = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in held.items() if k != "source"}))
    assert "give the file with --experiment" in refused(capsys, "watch", "copy")
    (tmp_path / "tiny.py").write_text(TEXT)
    words = ["watch", "copy", "--experiment", "tiny.py", "--max-steps", "40"]
    assert said(capsys, *words)[0] == 0
    (tmp_path / "tiny.py").write_text(TEXT.replace("MLP((8,))", "MLP((9,))"))
    assert "makes another experiment" in refused(capsys, *words)

    path.write_text(json.dumps(held))
    shutil.rmtree(copy / "checkpoints")
    assert "they were deleted" in refused(capsys, "watch", "copy")


def test_watch_draws_pong_alone(capsys, tmp_path):
    text = TEXT.replace(
        'env=Pong(episode="point", points_to_win=1)', 'env=make("Catch-bsuite")[0]'
    ).replace("import DQN", "import make, DQN")
    catch = tmp_path / "catch.py"
    catch.write_text(text)
    description = load_experiment(str(catch)).experiment.describe()
    out = tmp_path / "out"
    results.create(out, description | {"source": {"text": text}})
    from pgvq.training.checkpoints import Batch

    folder = Batch(out, [("dqn", 0)]).folder
    (folder / "0").mkdir(parents=True)
    (folder / "lanes.json").write_text('[["dqn", 0]]')
    assert "only games of Pong can be drawn" in refused(capsys, "watch", str(out))


# --- mistakes


FILES = {
    "x = 1": "defines no `experiment`; add",
    "from pgvq import *\nother = Experiment(name='x', algorithms=[DQN()], steps=1e6)": (
        "rename 'other' to 'experiment'"
    ),
    "experiment = 3": "`experiment` is of type int",
    "def f(:\n": "bad.py, line 1: ",
    "\n1 / 0": "bad.py, line 2: ZeroDivisionError: division by zero",
    "import nonexistent_thing": "ModuleNotFoundError",
    "from pgvq import *\nexperiment = Experiment(name='x', algorithms=[], steps=1)": (
        "bad.py: an experiment needs at least one algorithm"
    ),
    "from pgvq import *\nDQN(learning_rate=float('nan'))": "learning_rate=nan must be",
    "from pgvq import *\nmake('Pendulum-v1')": "continuous actions",
    "from pgvq import *\nDQN(replay_ratio=1 / 3)": "not a whole number",
}


@pytest.mark.parametrize("text", FILES)
def test_a_file_that_makes_no_experiment(capsys, workplace, text):
    (workplace / "bad.py").write_text(text)
    assert FILES[text] in refused(capsys, "run", "bad.py")
    assert not (workplace / "results").exists()


def test_a_file_that_is_not_there(capsys, workplace):
    assert "did you mean tiny.py?" in refused(capsys, "run", "tyny.py")
    assert "is a folder" in refused(capsys, "run", ".")
    (workplace / "experiments").mkdir()
    (workplace / "experiments" / "pong.py").write_text("x = 1")
    assert "experiments/pong.py defines no" in refused(capsys, "run", "pong")
    assert "did you mean experiments/pong.py?" in refused(capsys, "run", "pongg")
    (workplace / "latin.py").write_bytes(b"\xff\xfe\xfa")
    assert "cannot be read" in refused(capsys, "run", "latin.py")


SETTINGS = {
    "dqn.learning_rat=1": "did you mean learning_rate?",
    "dqm.learning_rate=1": "did you mean dqn?",
    "dqn.learning_rate=fast": "must be a number (now 0.001)",
    "dqn.learning_rate=nan": "learning_rate=nan",
    "dqn.learning_rate": "not of the form TARGET.FIELD=VALUE",
    "dqn.learning_rate=": "not of the form TARGET.FIELD=VALUE",
    "learning_rate=1": "write TARGET.FIELD=VALUE",
    "steps=1e6": "write TARGET.FIELD=VALUE",
    "dqn.num_envs=2.5": "must be a whole number",
    "dqn.num_envs=inf": "must be a whole number",
    "dqn.double=maybe": "must be true or false",
    "dqn.torso.features=big": "with commas between",
    "dqn.torso.activation=tanhh": "is no function of jax.nn: did you mean tanh?",
    "dqn.torso.activation=1e-3": "is no function of jax.nn: use one of abs, ",
    "dqn.torso=MLP": "torso is MLP(features=(8,), activation=relu, layer_norm=False), "
    "which cannot be written",
    "dqn.capacity=1000000000": "capacity=1000000000 may be about",
    "dqn.torso.feature=8": "did you mean features?",
    "dqn.env.frame_skip=0": "frame_skip=0 is impossible",
    "dqn.env.frame_skips=4": "did you mean frame_skip?",
    "dqn.env=Pongg-Atari": "did you mean Pong-Atari",
    "dqn.env=Pendulum-v1": "continuous actions",
    "dqn.budget=1e6": "use --steps",
    "dqn.replay_ratio=1/3": "not a whole number",
    "*.learning_rat=1": "did you mean learning_rate?",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_cannot_be_made(capsys, workplace, setting):
    assert SETTINGS[setting] in refused(capsys, "run", "tiny.py", "--set", setting)
    assert not (workplace / "results").exists()


def test_settings_of_all_kinds():
    both = {"dqn": dqn(), "slow": dqn(learning_rate=1e-4), "a2c": pgvq.ActorCritic()}
    made = override(
        tiny(algorithms=both, steps=1e6),
        [
            "slow.learning_rate=1e-5",
            "DQN.double=false",
            "*.env.repeat_action_probability=0",
            "*.batch_size=32",
            "a2c.torso.features=128,64",
            "slow.num_envs=1e1",
            "slow.rollout_length=16",
            "slow.replay_ratio=3/160",
        ],
    ).variants
    assert [a.env.repeat_action_probability for a in made.values()] == [0, 0, 0]
    assert [made[n].double for n in ("dqn", "slow")] == [False, False]
    assert [made[n].batch_size for n in ("dqn", "slow")] == [32, 32]
    assert made["a2c"].torso.features == (128, 64)
    slow = made["slow"]
    assert (slow.learning_rate, slow.num_envs, slow.updates_per_iteration) == (
        1e-5,
        10,
        3,
    )


def test_settings_that_contradict():
    swept = tiny(algorithms=pgvq.sweep(dqn(), learning_rate=[1e-3, 2e-3]))
    with pytest.raises(InputError, match="sweeps learning_rate already"):
        override(swept, ["dqn.learning_rate=1"])
    with pytest.raises(InputError, match="set twice"):
        override(tiny(), ["dqn.num_envs=1", "dqn.num_envs=2"])
    with pytest.raises(InputError, match="choose one"):
        override(tiny(), ["dqn.env.frame_skip=2", "dqn.env=CartPole-v1"])
    made = override(tiny(), ["dqn.env=CartPole-v1"]).variants["dqn"]
    assert made.env.name == "CartPole-v1"
    both = ["dqn.env_params.link_mass_1=2", "dqn.env=Acrobot-v1"]
    assert override(tiny(), both).variants["dqn"].env_params.link_mass_1 == 2.0
    made = override(tiny(), ["dqn.torso.activation=tanh"]).variants["dqn"]
    assert made.torso.activation is jnp.tanh
    made = override(tiny(), ["dqn.env=CartPole-v1"]).variants["dqn"]
    params = override(
        tiny(algorithms=[made]), ["dqn.env_params.max_steps_in_episode=77"]
    )
    assert params.variants["dqn"].env_params.max_steps_in_episode == 77


RUNS = {
    ("--steps", "10"): "less than what dqn takes",
    ("--steps", "nan"): "steps=nan must be",
    ("--seeds", "0"): "--seeds 0 must be a number of seeds from 1",
    ("--seeds", "1000000000"): "seeds=1000000000 is too many",
    ("--evaluations", "1000000000"): "evaluations=1000000000 is too many",
    ("--games", "1000000000"): "games=1000000000 is too many",
    ("--out", "tiny.py"): "tiny.py is a file",
    ("--out", "."): "is not a results folder (it holds 'tiny.py'",
    ("--out", ".", "--fresh"): "is not a results folder (it holds 'tiny.py'",
    ("--out", "/proc/nowhere"): "cannot write /proc/nowhere",
}


@pytest.mark.parametrize("options", RUNS)
def test_a_run_that_cannot_begin(capsys, workplace, options):
    assert RUNS[options] in refused(capsys, "run", "tiny.py", *options)
    assert {p.name for p in workplace.iterdir()} == {"tiny.py"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["rum"], "rum"),
        (["run"], "FILE"),
        (["run", "tiny.py", "--seed", "3"], "--seeds"),
        (["run", "tiny.py", "--seeds", "three"], "three"),
        (["watch", "results/x", "--mode", "greed"], "greedy"),
    ],
)
def test_wrong_options_are_told_by_name(capsys, words, expected):
    status, _, err = said(capsys, *words)
    assert status == 2
    assert expected in err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [[], ["run"], ["plot"], ["list"], ["watch"]])
def test_help_teaches_by_examples(capsys, words):
    status, out, _ = said(capsys, *words, "--help")
    assert status == 0
    assert f"pgvq {words[0] if words else 'run'} " in out
    if words:
        assert "Examples" in out
    else:
        for told in ("PGVQ_DEVICES", "PGVQ_CACHE", "--tyro-print-completion"):
            assert told in out


def test_version(capsys):
    assert said(capsys, "--version")[:2] == (0, f"pgvq {pgvq.__version__}\n")


def test_completion_for_shells(capsys):
    status, out, _ = said(capsys, "--tyro-print-completion", "bash")
    assert not status
    assert "watch" in out


def test_a_wrong_number_of_devices_is_one_line(workplace, monkeypatch):
    monkeypatch.setenv("PGVQ_DEVICES", "many")
    done = command("list", at=workplace)
    assert done.returncode == 2
    assert done.stderr.startswith("pgvq: error: PGVQ_DEVICES='many' must be")
    assert done.stderr.count("\n") == 1


def test_experiment_files_may_import_their_neighbours(workplace):
    (workplace / "neighbour.py").write_text("STEPS = 512")
    text = "from neighbour import STEPS\n" + TEXT.replace("steps=224", "steps=STEPS")
    (workplace / "with_neighbour.py").write_text(text)
    assert load_experiment("with_neighbour.py").experiment.steps == 512
    sys.modules.pop("neighbour")
