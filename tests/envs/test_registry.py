"""Environments by name: other packages', one's own, and what is wrong with a name."""

import sys

import gymnax
import pytest

from pgvq import plugins
from pgvq.envs import UNLISTED, discrete_environments, make
from pgvq.types import InputError

OWN = """
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from gymnax.environments.classic_control.pendulum import Pendulum


class Lamp(Environment):
    def __init__(self, colours=2, needed=None):
        if colours < 1:
            raise ValueError("too dark")
        self.colours = colours

    @property
    def num_actions(self):
        return self.colours

    def action_space(self, params):
        return spaces.Discrete(self.colours)


class Nothing(Environment):
    pass


class Muddled(Lamp):
    def action_space(self, params):
        return spaces.Discrete(7)


class Stranger:
    pass


def made_of_air(**settings):
    return settings


size = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with the modules of a user."""
    (tmp_path / "own_lamps.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("1 / 0")
    (tmp_path / "own_needy.py").write_text("import no_such_library_at_all")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in ("own_lamps", "own_broken", "own_needy"):
        sys.modules.pop(name, None)


def test_an_environment_of_ones_own_is_made_with_its_settings(folder):
    env, params = make("own_lamps:Lamp", colours=5)
    assert type(env).__name__ == "Lamp"
    assert env.num_actions == 5
    assert params == env.default_params


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("own_lambs:Lamp", {}, "no module 'own_lambs' in"),
        ("no_such.own_lamps:Lamp", {}, "no module 'no_such'"),
        ("own_broken:Lamp", {}, "ZeroDivisionError"),
        ("own_needy:Lamp", {}, "imports 'no_such_library_at_all'"),
        ("own_lamps:Lamb", {}, "did you mean Lamp"),
        ("own_lamps:", {}, "it has .*Lamp"),
        ("own_lamps:Stranger", {}, "no gymnax environment: derive"),
        ("own_lamps:size", {}, "of type int: name the environment's class"),
        ("own_lamps:made_of_air", {}, "of type dict, and that is no"),
        ("own_lamps:Lamp", {"colour": 2}, "leave out or correct colour"),
        ("own_lamps:Lamp", {"colours": 0}, "colours=0 .ValueError: too dark"),
        ("own_lamps:Nothing", {}, "does not define `action_space.params.`"),
        ("own_lamps:Muddled", {}, r"num_actions=2, but .*Discrete\(7\)"),
        ("own_lamps:Pendulum", {}, "continuous"),
        (":Lamp", {}, "cannot be imported"),
    ],
)
def test_what_is_wrong_with_an_own_environment_is_said(folder, name, settings, says):
    with pytest.raises(InputError, match=says) as raised:
        make(name, **settings)
    assert str(raised.value).startswith(name)


@pytest.fixture
def offered(monkeypatch):
    """What installed packages offer."""
    offers = {}
    monkeypatch.setattr(
        "pgvq.envs.registry.plugins",
        lambda group: offers if group == plugins.ENVIRONMENT_PLUGINS else {},
    )
    return offers


def test_an_environment_of_another_package_is_made_by_its_name(offered):
    offered["Brake-v7"] = lambda: gymnax.environments.misc.frozen_lake.FrozenLake
    env, _ = make("Brake-v7", map_name="8x8")
    assert env.n_states == 64
    with pytest.raises(InputError, match="did you mean Brake-v7"):
        make("Brake-v8")


def test_no_package_takes_the_place_of_a_known_name(offered):
    def fail():
        raise AssertionError("asked for")

    offered["CartPole-v1"] = fail
    assert make("CartPole-v1")[0].num_actions == 2


def test_a_broken_package_is_named_when_its_environment_is_made(offered):
    def fail():
        raise InputError("'Brake-v7' of the package brakes 1.0 cannot be loaded")

    offered["Brake-v7"] = fail
    make("CartPole-v1")
    with pytest.raises(InputError, match=r"brakes 1\.0"):
        make("Brake-v7")


def test_the_discrete_ones_are_listed_in_gymnaxs_order():
    names = discrete_environments()
    order = gymnax.registration.registered_envs
    assert names == sorted(names, key=order.index)
    assert {"CartPole-v1", "Pong-Atari", "RandomMDP-pgvq"} <= set(names)
    assert {"FrozenLake-misc", "Seaquest-MinAtar", "DeepSea-bsuite"} <= set(names)
    continuous = {"Pendulum-v1", "MountainCarContinuous-v0", "PointRobot-misc"}
    assert not continuous & set(names)
    assert not set(UNLISTED) & set(names)
    left = set(order) - set(names) - continuous
    assert left == {*UNLISTED, "Reacher-misc", "Swimmer-misc"}


def test_one_that_downloads_is_not_made_to_be_listed(monkeypatch):
    made = []
    monkeypatch.setattr("pgvq.envs.registry.make", made.append)
    assert made == discrete_environments()
    assert not set(UNLISTED) & set(made)


def test_one_that_cannot_be_made_is_left_out_and_explained(monkeypatch):
    def download():
        raise OSError("no network")

    registry = gymnax.registration._registry
    monkeypatch.setitem(registry, "MNISTBandit-bsuite", download)
    monkeypatch.setitem(registry, "Acrobot-v1", download)
    assert "Acrobot-v1" not in discrete_environments()
    with pytest.raises(InputError, match=r"no network.*gymnax downloads"):
        make("MNISTBandit-bsuite")
