"""`pgvq doctor`: what can be named, what is printed, and the exit status."""

from pathlib import Path

import pytest

from pgvq import doctor
from pgvq.cli import main
from pgvq.doctor import CHECKS, chosen, examine
from pgvq.doctor.examination import lab_of
from pgvq.doctor.report import Finding, Report
from pgvq.doctor.school import School
from pgvq.doctor.trials import TRIALS
from pgvq.types import InputError
from tests.helpers.reference_algorithms import Policy

HERE = Path(__file__).parents[1] / "helpers"

NO_ALGORITHM = """
import dataclasses
from flax import struct
from pgvq.envs import Pong

class Fixed(struct.PyTreeNode):
    family, env, env_params = "other", Pong(), None
    initial_steps, steps_per_iteration, updates_per_iteration = 0, 1, 1

    def init(self, key): ...
    def iterate(self, state): ...
    def initial_memory(self, num_envs): ...
    def act(self, state, obs, memory, key, *, greedy): ...

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


def test_a_fault_in_a_file_is_told_in_plain_words(capsys, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("COLUMNS", "80")
    words = ["--check", "keys", "--check", "memory"]
    assert main(["doctor", f"{HERE / 'planted.py'}:OneKeyForBoth", *words]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "failed no random key is used twice" in out
    assert "why it matters: numbers drawn twice from a key are the same numbers" in out
    assert "what to do: split keys once, at the top of a function" in out
    assert "passed memory per lane" in out
    assert "OneKeyForBoth needs work: 1 passed, 1 failed, 0 skipped" in out
    assert "Traceback" not in out


@pytest.mark.parametrize("target", ["dqn", "pgvq.algorithms.dqn:DQN"])
def test_what_is_healthy_exits_with_0(capsys, target):
    words = ["--env", "CartPole-v1", "--check", "memory"]
    assert main(["doctor", target, *words]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "at the defaults on CartPole" in out
    assert "DQN healthy: 1 passed, 0 failed, 0 skipped" in out


def test_a_file_with_one_algorithm_needs_no_class(capsys, monkeypatch, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from pgvq.algorithms.reinforce import REINFORCE\n"
        "class Mine(REINFORCE, kw_only=True):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "mine.py", "--check", "memory"]) == 0
    assert "Mine healthy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("dqm", "did you mean dqn"),
        (f"{HERE / 'reference_algorithms.py'}:Replayd", "did you mean Replayed?"),
        (
            f"{HERE / 'reference_algorithms.py'}",
            "there are Pupil, Policy, Actions, Replayed",
        ),
        (f"{HERE / 'reference_algorithm.py'}:Policy", "did you mean"),
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


def test_only_the_checks_that_are_named_are_made(capsys, monkeypatch):
    """In the order of `CHECKS`, with no more work than they need: no trial."""
    monkeypatch.setattr(School, "__init__", None)
    names = ["--check", "memory", "--check", "stable_state", "--check", "memory"]
    assert main(["doctor", "dqn", *names]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("DQN: 2 checks")
    assert out.index(CHECKS["stable state"].title) < out.index(CHECKS["memory"].title)
    assert "DQN healthy: 2 passed, 0 failed, 0 skipped" in out


def test_a_check_learns_its_own_trials_alone():
    names = [name for name in TRIALS if name in CHECKS["truncation"].trials]
    assert len(names) < len(TRIALS)
    lab = lab_of(Policy(), chosen(CHECKS, ["truncation"]))
    assert list(lab.trials) == names


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("memori", "unknown check 'memori': did you mean memory"),
        ("zzz", "unknown check 'zzz': use one of stable state, float fields"),
        ("", "unknown check ''"),
    ],
)
def test_an_unknown_check_gets_the_nearest_name(capsys, name, said):
    assert said in refused(capsys, "dqn", "--check", name)


def test_checks_are_named_in_the_help(capsys):
    assert main(["doctor", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for name in CHECKS:
        assert name in out.partition("Names for --check:")[2]


def test_no_checks_are_no_clean_bill():
    with pytest.raises(InputError, match="leave the names out"):
        examine(Policy(), [])
    assert list(chosen(CHECKS, "seeds")) == ["seeds"]


def test_an_abstract_class_is_explained(capsys, monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    err = refused(capsys, f"{HERE / 'reference_algorithms.py'}:Pupil")
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
