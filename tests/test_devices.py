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
        pytest.param(
            {"JAX_NUM_CPU_DEVICES": "4", "JAX_COMPILATION_CACHE_DIR": "{tmp}/jax"},
            "4",
            "{tmp}/jax",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["off", "elsewhere", "default", "jax's own"],
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
