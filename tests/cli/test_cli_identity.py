"""The same command goes on only while the files it runs mean the same."""

import linecache
import subprocess
import sys
from pathlib import Path

import pytest

from pgvq.cli import main
from pgvq.cli import run as cli_run
from pgvq.results import store as results
from tests.helpers.cli_fixtures import environment
from tests.helpers.command_line import refused

ENVIRONMENT = '''"""Ten steps with two actions, of which action 1 is paid for."""

import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces

import payment_of_mine


@struct.dataclass
class State(environment.EnvState):
    time: int


class Base(environment.Environment):
    """Ten steps."""

    @property
    def default_params(self):
        return environment.EnvParams(max_steps_in_episode=10)

    @property
    def name(self):
        return "Base"

    @property
    def num_actions(self):
        return 2

    def step_env(self, key, state, action, params):
        state = State(state.time + 1)
        reward = payment_of_mine.paid(action)
        return jnp.ones(3), state, reward, jnp.array(False), {}

    def reset_env(self, key, params):
        return jnp.ones(3), State(jnp.int32(0))

    def action_space(self, params):
        return spaces.Discrete(2)

    def observation_space(self, params):
        return spaces.Box(0, 1, (3,))
'''
PAYMENT = "FACTOR = 1.0\n\n\ndef paid(action):\n    return FACTOR * action\n"
FILE = '''from environment_of_mine import Base
from flax import linen as nn
from pgvq import REINFORCE, Experiment
from pgvq.networks.torsos import MLP

SEEDS = 1
WIDTH = 8


class Net(nn.Module):
    """One layer."""

    @nn.compact
    def __call__(self, obs):
        return nn.relu(nn.Dense(WIDTH)(obs))


class Mine(REINFORCE, kw_only=True):
    def learning_rate_at(self, agent_steps):
        return 0.5 * super().learning_rate_at(agent_steps)


small = dict(env=Base(), num_envs=4, rollout_length=16)
experiment = Experiment(
    name="mine",
    algorithms={"net": REINFORCE(torso=Net(), **small), "mine": Mine(**small)},
    steps=128,
    seeds=SEEDS,
    evaluations=2,
    games=2,
)
'''
FILES = {
    "environment_of_mine.py": ENVIRONMENT,
    "payment_of_mine.py": PAYMENT,
    "mine.py": FILE,
}
# Edits of a file: what replaces what, and what the error then names.
EDITS = {
    ("environment_of_mine.py", "reward = payment", "reward = 100 * payment"): (
        "the source of the module environment_of_mine changed",
        "net.env: the code of environment_of_mine.Base, or of what it uses, changed",
    ),
    ("environment_of_mine.py", "max_steps_in_episode=10", "max_steps_in_episode=9"): (
        "the source of the module environment_of_mine changed",
    ),
    ("payment_of_mine.py", "1.0", "100.0"): (
        "the source of the module payment_of_mine changed",
    ),
    ("mine.py", "nn.relu(", "nn.tanh("): ("net.torso: the code of Net,",),
    ("mine.py", "WIDTH = 8", "WIDTH = 9"): ("net.torso: the code of Net,",),
    ("mine.py", "0.5 * ", "0.9 * "): ("mine: the code of Mine,",),
    ("environment_of_mine.py", '"""Ten steps."""', '"""Ten."""  # short'): (),
    ("payment_of_mine.py", "return FACTOR * action", "return (FACTOR\n  * action)"): (),
    ("mine.py", "SEEDS = 1", "# more of them\nSEEDS = 1 + 0"): (),
    ("mine.py", 'name="mine"', 'name="mine",\n    title="Mine"'): (),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the three files and what the command made of them."""
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(cli_run.plotting, "plot", lambda *_: [])
        for name, text in FILES.items():
            (root / name).write_text(text)
        assert command() == 0
    yield root
    sys.path[:] = [path for path in sys.path if path != str(root.resolve())]
    reset_memory()


def reset_memory():
    """Modules of mine are imported anew, as by another process."""
    for name in ("environment_of_mine", "payment_of_mine"):
        sys.modules.pop(name, None)
    linecache.clearcache()


def command(*more):
    reset_memory()
    for cached in Path.cwd().glob("__pycache__/*"):
        cached.unlink()
    return main(["run", "mine.py", "--out", "out", *more])


CASES = [(edit, ()) for edit in EDITS]
CASES += [(edit, ("--seeds", "2")) for edit in EDITS if EDITS[edit]]


@pytest.mark.parametrize(("edit", "more"), CASES)
def test_an_edit_is_refused_and_named(trained, capsys, monkeypatch, edit, more):
    """Case A5: the old results never come back as those of the new code."""
    monkeypatch.chdir(trained)
    monkeypatch.setattr(cli_run.plotting, "plot", lambda *_: [])
    file, old, new = edit
    assert old in FILES[file]
    (trained / file).write_text(FILES[file].replace(old, new))
    try:
        if EDITS[edit]:
            capsys.readouterr()
            assert command(*more) == 2
            message = capsys.readouterr().err
            assert message.count("\n") == 1
            for words in (*EDITS[edit], "--fresh", "--out"):
                assert words in message
        else:
            assert command(*more) == 0
    finally:
        (trained / file).write_text(FILES[file])


def test_the_folder_makes_the_experiment_again(trained, capsys, monkeypatch):
    """What it keeps of the file has the same code, also without the file."""
    monkeypatch.chdir(trained)
    reset_memory()
    message = refused(capsys, "watch", "out")
    assert "only games of Pong can be drawn" in message
    (trained / "mine.py").rename(trained / "moved.py")
    try:
        assert "only games of Pong can be drawn" in refused(capsys, "watch", "out")
    finally:
        (trained / "moved.py").rename(trained / "mine.py")


def test_what_cannot_be_described_is_one_line(capsys, workplace):
    text = (workplace / "tiny.py").read_text()
    held = "points_to_win=1), env_params=threading.Lock()"
    text = "import threading\n" + text.replace("points_to_win=1)", held)
    (workplace / "held.py").write_text(text)
    message = refused(capsys, "run", "held.py")
    assert (
        "dqn: Pong does not take env_params=<unlocked _thread.lock object>" in message
    )
    assert not (workplace / "results").exists()


def test_a_program_of_one_s_own_and_the_command_agree(trained):
    """`python mine.py` makes the same experiment as `pgvq run mine.py`."""
    (trained / "script.py").write_text(
        f"{FILE}\nprint(experiment.describe()['digest'])"
    )
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=trained,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    held = results.read_description(trained / "out")
    assert done.stdout.strip() == held["digest"], done.stderr
