"""Devices and the compilation cache, as environment variables and JAX's flags ask."""

import os
import subprocess
import sys

import jax
import pytest

from pgvq import devices
from pgvq.types import InputError


@pytest.mark.parametrize("wanted", ["0", "-1", "two", "1.5"])
def test_a_number_of_devices_that_is_none_is_refused(monkeypatch, wanted):
    monkeypatch.setenv("PGVQ_DEVICES", wanted)
    with pytest.raises(InputError, match=r"PGVQ_DEVICES=.*number of CPU devices"):
        devices.set_up()


def test_the_tests_themselves_run_on_two_devices():
    assert len(jax.local_devices()) == 2
    assert "2 XLA devices (cpu)" in devices.describe()


def test_jax_that_runs_already_is_left_as_it_is(monkeypatch):
    jax.local_devices()
    monkeypatch.setenv("PGVQ_DEVICES", "3")
    monkeypatch.setenv("PGVQ_CACHE", "off")
    devices.set_up()
    assert len(jax.local_devices()) == 2


def test_fewer_devices_than_cores_say_what_to_do(monkeypatch):
    monkeypatch.delenv("PGVQ_DEVICES")
    monkeypatch.setattr(devices, "cores", lambda: 64)
    assert "import pgvq first" in devices.describe()


def test_the_cache_lies_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("PGVQ_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert devices.cache_folder() == tmp_path / "pgvq" / "xla"


PROGRAM = """
import pgvq, jax
print(len(jax.local_devices()), jax.config.jax_compilation_cache_dir)
"""


@pytest.mark.parametrize(
    ("settings", "count", "cache"),
    [
        ({"PGVQ_DEVICES": "3", "PGVQ_CACHE": "off"}, "3", "None"),
        pytest.param(
            {"PGVQ_DEVICES": "1", "PGVQ_CACHE": "{tmp}/mine"},
            "1",
            "{tmp}/mine",
            marks=pytest.mark.slow,
        ),
        ({"XDG_CACHE_HOME": "{tmp}"}, str(devices.cores()), "{tmp}/pgvq/xla"),
        (
            {
                "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
                "XDG_CACHE_HOME": "{tmp}",
            },
            "4",
            "{tmp}/pgvq/xla",
        ),
        ({"PGVQ_DEVICES": "1", "PGVQ_CACHE": "/dev/null/cache"}, "1", "None"),
        pytest.param(
            {
                "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
                "PGVQ_DEVICES": "2",
                "PGVQ_CACHE": "off",
            },
            "2",
            "None",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"JAX_NUM_CPU_DEVICES": "4", "JAX_COMPILATION_CACHE_DIR": "{tmp}/jax"},
            "4",
            "{tmp}/jax",
            marks=pytest.mark.slow,
        ),
    ],
    ids=[
        "off",
        "elsewhere",
        "default",
        "xla's own",
        "not writable",
        "xla's and ours",
        "jax's own",
    ],
)
def test_a_fresh_process_gets_what_it_asks_for(tmp_path, settings, count, cache):
    """Importing pgvq starts JAX (gymnax does), so it must have asked before."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PGVQ_", "JAX_", "XDG_", "XLA_"))
    }
    wanted = {name: value.format(tmp=tmp_path) for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**clean, "JAX_PLATFORMS": "cpu", **wanted},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [count, cache.format(tmp=tmp_path)]


# A container with a user id that the system does not know, and no HOME.
HOMELESS = """
import os
os.getuid = os.geteuid = lambda: 12345
os.environ.pop("HOME", None)
"""
TRAINS = """
import pgvq
from pgvq import devices
from pgvq.networks.torsos import MLP
print(devices.describe())
pong = pgvq.Pong(episode="point", points_to_win=1)
small = pgvq.REINFORCE(env=pong, num_envs=2, rollout_length=8, torso=MLP((4,)))
found = pgvq.train(small, steps=16, seeds=1, evaluations=1, games=1, out="out")
print(len(found.evaluations))
"""


def alone(program, tmp_path, **settings):
    """A program in a process that knows nothing of the tests' settings."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PGVQ_", "JAX_", "XDG_", "XLA_"))
    }
    root = os.path.dirname(os.path.dirname(devices.__file__))
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**clean, "JAX_PLATFORMS": "cpu", "PYTHONPATH": root, **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


def test_without_a_home_directory_all_works_and_it_is_said(tmp_path):
    done = alone(HOMELESS + TRAINS, tmp_path, PGVQ_DEVICES="1")
    assert done.returncode == 0, done.stderr
    told = (
        done.stderr.splitlines()
    )  # matplotlib has no place for its fonts, and says so
    assert all(line.startswith("Matplotlib created a temporary") for line in told)
    first, games = done.stdout.splitlines()
    assert "nothing compiled is kept, because there is no home directory" in first
    assert "set PGVQ_CACHE to a folder" in first
    assert int(games) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["out"]  # and no folder called "~"


@pytest.mark.slow
def test_a_cache_that_fills_up_stops_nothing(tmp_path):
    program = """
import jax._src.lru_cache as lru_cache
def put(*_):
    raise OSError(28, "No space left on device")
lru_cache.LRUCache.put = put
"""
    done = alone(program + TRAINS, tmp_path, PGVQ_CACHE=str(tmp_path / "cache"))
    assert (done.returncode, done.stderr) == (0, "")


def test_why_no_cache_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("PGVQ_CACHE", "off")
    assert devices.no_cache() == ""  # as the user wants it
    monkeypatch.setenv("PGVQ_CACHE", str(tmp_path / "new" / "folder"))
    assert devices.no_cache() == ""
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        monkeypatch.setenv("PGVQ_CACHE", str(place))
        assert "cannot be written" in devices.no_cache()
    monkeypatch.delenv("PGVQ_CACHE")

    def no_home(*_, **__):
        raise RuntimeError("could not determine the home directory")

    for find in (no_home, lambda *_, **__: "~/.cache/pgvq"):  # as versions have it
        monkeypatch.setattr("platformdirs.user_cache_dir", find)
        assert devices.no_cache() == "there is no home directory"
