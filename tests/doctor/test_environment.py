"""The doctor for environments: each planted fault is seen, and nothing healthy is."""

import re
from pathlib import Path

import pytest
from gymnax.wrappers.purerl import FlattenObservationWrapper

from pgvq import make
from pgvq.cli import main
from pgvq.doctor import ENVIRONMENT_CHECKS, examine_environment
from pgvq.doctor.probe import Probe
from pgvq.envs import FiniteMDP, random_mdp
from pgvq.types import InputError
from tests.helpers.planted_environments import FAULTS, FloatFlag, Registered, Walk

HERE = Path(__file__).parents[1] / "helpers"


def found(env, *checks):
    report = examine_environment(env, checks=checks or None)
    return {f.name: f.found for f in report.findings if f.outcome == "failed"}


@pytest.mark.parametrize("faulty", FAULTS, ids=lambda kind: kind.__name__)
def test_each_planted_fault_is_seen_by_its_check(faulty):
    check, says = FAULTS[faulty]
    assert says in found(faulty(), check)[check]
    assert not found(Registered(), check)


def test_every_check_has_a_planted_fault():
    assert {check for check, _ in FAULTS.values()} == set(ENVIRONMENT_CHECKS)


@pytest.mark.parametrize("env", [Walk(), Registered(), random_mdp(0, 5, 2)])
def test_nothing_is_wrong_with_what_is_healthy(env):
    report = examine_environment(env)
    assert report.healthy, report.failed
    assert isinstance(env, FiniteMDP | Walk)
    outcomes = {f.name: f.outcome for f in report.findings}
    skipped = [name for name, outcome in outcomes.items() if outcome == "skipped"]
    assert skipped == (["states"] if type(env) is Walk else [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "failing"),
    [
        ("CartPole-v1", []),
        ("Pong-Atari", []),
        ("Breakout-MinAtar", []),
        ("FrozenLake-misc", []),
        # gymnax lets a statistic go on across resets, total_bad_episodes.
        ("DeepSea-bsuite", ["auto-reset"]),
        ("Catch-bsuite", ["dtypes"]),  # gymnax declares int32 and shows float32
    ],
)
def test_environments_by_name(name, failing):
    assert examine_environment(*make(name)).failed == failing


def test_a_wrapper_is_examined():
    assert not found(FlattenObservationWrapper(Walk()), "contract", "bounds", "clock")


def test_what_cannot_be_played_is_said_once():
    report = examine_environment(FloatFlag())
    assert report.failed == ["contract"]
    assert {f.outcome for f in report.findings[1:]} == {"skipped"}


def test_an_unknown_check_gets_the_nearest_name():
    with pytest.raises(InputError, match="did you mean bounds"):
        examine_environment(Walk(), checks=["bound"])
    with pytest.raises(InputError, match="is a class"):
        examine_environment(Walk)
    assert examine_environment(Probe(), checks=["rewards"]).healthy


def test_every_check_says_why_it_matters_and_what_to_do():
    for name, check in ENVIRONMENT_CHECKS.items():
        for text in (check.title, check.why, check.remedy):
            assert len(text.split()) >= 3, name
            assert not text.endswith("."), name


@pytest.fixture
def short(monkeypatch):
    """Only the checks that play nothing."""
    from pgvq.cli import doctor as command

    def limited(env, checks, **told):
        return examine_environment(env, checks=["contract", "dtypes"], **told)

    monkeypatch.setattr(command, "examine_environment", limited)


OWN = """
from tests.helpers.planted_environments import Walk, OtherDtype
from gymnax.wrappers.purerl import FlattenObservationWrapper

class Mine(Walk):
    pass

def wrapped():
    return FlattenObservationWrapper(Walk())

def nothing():
    return 5

class NeedsMore(Walk):
    def __init__(self, size):
        pass
"""


def test_the_command_examines_environments(capsys, monkeypatch, tmp_path, short):
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "own_env.py").write_text(OWN)
    (tmp_path / "one_env.py").write_text(OWN.partition("class NeedsMore")[0])

    def said(*words):
        capsys.readouterr()
        status = main(["doctor", *words])
        out, err = capsys.readouterr()
        return status, " ".join((out + err).split())

    for target, name in (
        ("own_env.py:Mine", "Mine"),
        ("one_env.py", "Mine"),
        ("own_env.py:wrapped", "FlattenObservationWrapper"),
        ("planted_environments:Walk", "Walk"),
        ("CartPole-v1", "CartPole"),
    ):
        status, text = said(target)
        assert status == 0, text
        assert f"{name}: 12 checks" in text
        assert f"{name} healthy: 2 passed" in text
    status, text = said("own_env.py:OtherDtype")
    assert status == 1
    assert "failed observations have the declared dtype" in text
    assert "what to do: give observation_space the dtype" in text
    for target, says in (
        ("own_env.py:nothing", "nothing is a function and no class"),
        ("own_env.py:NeedsMore", r"NeedsMore\(\) cannot be made"),
        ("CartPole-v2", "did you mean CartPole-v1"),
        ("own_env.py", "name the class"),
    ):
        status, text = said(target)
        assert status == 2
        assert re.search(says, text), text
    status, text = said("own_env.py:Mine", "--env", "CartPole-v1")
    assert status == 2
    assert "--env gives one to an algorithm" in text
