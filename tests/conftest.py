"""What all tests share: two CPU devices, and one cache of compiled programs.

Devices are settled before anything imports pgvq, as a user's own program would do it.
Two of them stand on every machine, so that sharding is tested on one core as well.
"""

import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator

import pytest

pytest_plugins = [
    "tests.helpers.cli_fixtures",
    "tests.helpers.fake_tuning",
]  # loaded after this file, and so after what it sets

os.environ["PGVQ_DEVICES"] = "2"
os.environ.setdefault("PGVQ_CACHE", "off")  # the tests' own cache is set below
# The secret that new folders are signed with: the user's own stays untouched.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="pgvq-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Compiled programs outlive the run, beside what pytest itself keeps of it."""
    import jax

    cached = config.pluginmanager.hasplugin("cacheprovider")
    if cached and config.cache is not None and os.environ["PGVQ_CACHE"] == "off":
        folder = config.cache.mkdir("xla")
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """SIGINT as in the foreground: of a process in the background it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def light_compilation() -> Iterator[None]:
    """Machine code as XLA first writes it: half the time to compile, slower to run.

    For modules whose programs are compiled once and run for milliseconds.
    """
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
