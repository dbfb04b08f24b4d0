"""What all tests share: two CPU devices, and one cache of compiled programs.

Devices are settled before anything imports pgvq, as a user's own program would do it.
Two of them stand on every machine, so that sharding is tested on one core as well.
"""

import os
from collections.abc import Iterator

import pytest

pytest_plugins = ["cli_fixtures"]  # loaded after this file, and so after what it sets

os.environ["PGVQ_DEVICES"] = "2"
os.environ.setdefault("PGVQ_CACHE", "off")  # the tests' own cache is set below


def pytest_configure(config: pytest.Config) -> None:
    """Compiled programs outlive the run, beside what pytest itself keeps of it."""
    import jax

    cached = config.pluginmanager.hasplugin("cacheprovider")
    if cached and config.cache is not None and os.environ["PGVQ_CACHE"] == "off":
        folder = config.cache.mkdir("xla")
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


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
