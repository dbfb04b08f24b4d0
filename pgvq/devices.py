"""Devices and compilation cache, set when pgvq is imported, before JAX starts.

XLA runs one program on one CPU device, and threads inside that program cost more than
they give for networks of this size. So on a CPU machine JAX gets one device per core,
and training puts a shard of the lanes on each. On accelerators the same code shards
over those.

`PGVQ_DEVICES=1` changes the number of CPU devices. `PGVQ_CACHE=off` turns JAX's
persistent compilation cache off, `PGVQ_CACHE=/some/folder` puts it elsewhere. What the
user told JAX itself, by its own flags, is left alone.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax

from pgvq.types import InputError


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def side_by_side(jobs: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """The results of `jobs` by name, run in a thread each.

    XLA compiles a program on one core and lets other threads run meanwhile, so that
    several programs use all cores.
    """
    with ThreadPoolExecutor(max(len(jobs), 1)) as pool:
        running = {name: pool.submit(job) for name, job in jobs.items()}
        return {
            name: jax.block_until_ready(job.result()) for name, job in running.items()
        }


def set_up() -> None:
    """Asks JAX for one CPU device per core and switches the compilation cache on.

    Does nothing for the devices if JAX has started already; `describe` then says so.

    Raises:
        InputError: `PGVQ_DEVICES` is not a whole number of at least 1.
    """
    wanted = wanted_devices()
    given = jax.config.values
    if wanted or given["jax_num_cpu_devices"] < 0:
        # JAX refuses where it runs already, on the devices that it has.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", int(wanted or cores()))
    cache = os.environ.get("PGVQ_CACHE", "")
    if cache.lower() in ("off", "0", "no") or given["jax_compilation_cache_dir"]:
        return
    folder = Path(cache) if cache else default_cache()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def wanted_devices() -> str:
    """`PGVQ_DEVICES`, empty where it is not set; `InputError` where it is no number.

    An error at import would be a traceback, so the command line and `run` ask again.
    """
    wanted = os.environ.get("PGVQ_DEVICES", "")
    if wanted and (not wanted.isdigit() or int(wanted) < 1):
        raise InputError(
            f"PGVQ_DEVICES={wanted!r} must be a number of CPU devices, 1 or more; "
            "leave it unset for one per core"
        )
    return wanted


def default_cache() -> Path:
    """Where compiled programs are kept: `pgvq/xla` in the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "pgvq" / "xla"


def describe() -> str:
    """One line on the devices that training will use. Starts JAX."""
    devices = jax.local_devices()
    count, kind = len(devices), devices[0].device_kind
    text = f"{count} XLA device{'s' if count > 1 else ''} ({kind})"
    if devices[0].platform != "cpu":
        return text
    if count < cores() and not os.environ.get("PGVQ_DEVICES"):
        return (
            f"{text} for {cores()} cores: JAX had started before pgvq was imported; "
            "import pgvq first to use every core"
        )
    return f"{text}, for {cores()} core{'s' if cores() > 1 else ''}"
