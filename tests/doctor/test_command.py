"""`pgvq doctor`: what can be named, what is printed, and the exit status."""

from functools import partial
from pathlib import Path

import pytest

from pgvq import doctor
from pgvq.cli import doctor as command
from pgvq.cli import main
from pgvq.doctor.report import Finding, Report

HERE = Path(__file__).parent

NO_ALGORITHM = """
import dataclasses
from flax import struct
from pgvq.envs import Pong

class Fixed(struct.PyTreeNode):
    family, env, env_params = "other", Pong(), None
    initial_steps, steps_per_iteration, updates_per_iteration = 0, 1, 1

    def init(self, key): ...
    def iterate(self, state): ...
    def act(self, state, obs, key, *, greedy): ...

@dataclasses.dataclass
class Almost:
    env: object = None

class NeedsMore:
    def __init__(self, size):
        self.size = size

def function():
    pass
"""


@pytest.fixture
def only(monkeypatch):
    """Limits the examination to some checks."""

    def limit(*checks):
        limited = partial(doctor.examine, checks=checks)
        monkeypatch.setattr(command, "examine", limited)

    return limit


@pytest.fixture
def almost(tmp_path):
    (tmp_path / "almost.py").write_text(NO_ALGORITHM)
    return tmp_path / "almost.py"


def refused(capsys, *arguments):
    """The one line that an error gets, on stderr and with exit status 2."""
    capsys.readouterr()
    assert main(["doctor", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("pgvq: error: ")
    assert err.count("\n") == 1
    return err


def test_a_fault_in_a_file_is_told_in_plain_words(capsys, monkeypatch, only):
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("COLUMNS", "80")
    only("keys", "memory")
    assert main(["doctor", f"{HERE / 'planted.py'}:OneKeyForBoth"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "failed no random key is used twice" in out
    assert "why it matters: numbers drawn twice from a key are the same numbers" in out
    assert "what to do: split keys once, at the top of a function" in out
    assert "passed memory per lane" in out
    assert "OneKeyForBoth needs work: 1 passed, 1 failed, 0 skipped" in out
    assert "Traceback" not in out


@pytest.mark.parametrize("target", ["dqn", "pgvq.algorithms.dqn:DQN"])
def test_what_is_healthy_exits_with_0(capsys, only, target):
    only("memory")
    assert main(["doctor", target, "--env", "CartPole-v1"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "at the defaults on CartPole" in out
    assert "DQN healthy: 1 passed, 0 failed, 0 skipped" in out


def test_a_file_with_one_algorithm_needs_no_class(capsys, monkeypatch, only, tmp_path):
    only("memory")
    (tmp_path / "mine.py").write_text(
        "from pgvq.algorithms.reinforce import REINFORCE\n"
        "class Mine(REINFORCE, kw_only=True):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "mine.py"]) == 0
    assert "Mine healthy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("dqm", "did you mean dqn"),
        (f"{HERE / 'pupils.py'}:Replayd", "did you mean Replayed?"),
        (f"{HERE / 'pupils.py'}", "there are Pupil, Policy, Actions, Replayed"),
        (f"{HERE / 'pupil.py'}:Policy", "did you mean"),
        ("pgvq.algorithm:DQN", "cannot be imported (ModuleNotFoundError"),
        ("pgvq.algorithms.dqn", "give pgvq.algorithms.dqn:CLASS"),
    ],
)
def test_what_is_not_there_gets_the_nearest_name(capsys, monkeypatch, target, said):
    monkeypatch.syspath_prepend(HERE)
    assert said in refused(capsys, target)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Almost", "Almost is no algorithm: Almost lacks one of family, env"),
        ("NeedsMore", "give every field a default"),
        ("function", "function is a function and no class"),
        ("Fixed", "Fixed has no field 'env', so it cannot be put on a probe"),
    ],
)
def test_what_is_no_algorithm_is_explained(capsys, almost, name, said):
    assert said in refused(capsys, f"{almost}:{name}")


def test_an_abstract_class_is_explained(capsys, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    err = refused(capsys, f"{HERE / 'pupils.py'}:Pupil")
    assert "write every abstract method" in err


def test_an_unknown_environment_gets_the_nearest_name(capsys):
    assert "CartPole-v1" in refused(capsys, "dqn", "--env", "CartPole-v2")


def test_the_exit_status_follows_failures_alone():
    def report(*outcomes):
        findings = tuple(Finding("a", "t", o, "f", "w", "r") for o in outcomes)
        return Report("It", findings, 1.0)

    assert report("passed", "skipped").healthy
    assert not report("passed", "failed").healthy
    assert report("passed", "failed").failed == ["a"]


def test_every_check_says_why_it_matters_and_what_to_do():
    for name, check in doctor.CHECKS.items():
        for text in (check.title, check.why, check.remedy):
            assert len(text.split()) >= 3, name
            assert not text.endswith("."), name
