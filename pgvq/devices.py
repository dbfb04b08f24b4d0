"""Devices and compilation cache, set when pgvq is imported, before JAX starts.

XLA runs one program on one CPU device, and threads inside that program cost more than
they give for networks of this size. So on a CPU machine JAX gets one device per core,
and training puts a shard of the lanes on each. On accelerators the same code shards
over those.

`PGVQ_DEVICES=1` changes the number of CPU devices. `PGVQ_CACHE=off` turns JAX's
persistent compilation cache off, `PGVQ_CACHE=/some/folder` puts it elsewhere. What the
user told JAX and XLA themselves, by their own flags, is left alone. Where no cache can
be written, as without a home directory, everything is compiled anew, and `describe`
says so.
"""

import contextlib
import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax

from pgvq.storage.places import user_folder
from pgvq.types import InputError

_XLA_COUNT = "--xla_force_host_platform_device_count"


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
    pool, patient = ThreadPoolExecutor(max(len(jobs), 1)), True
    try:
        running = {name: pool.submit(job) for name, job in jobs.items()}
        return {
            name: jax.block_until_ready(job.result()) for name, job in running.items()
        }
    except KeyboardInterrupt:
        patient = False  # XLA cannot be interrupted
        raise
    finally:
        pool.shutdown(wait=patient, cancel_futures=not patient)


def set_up() -> None:
    """Asks JAX for one CPU device per core and switches the compilation cache on.

    Does nothing for the devices if JAX has started already; `describe` then says so.

    Raises:
        InputError: `PGVQ_DEVICES` is not a whole number of at least 1.
    """
    wanted = wanted_devices()
    given = jax.config.values
    users_own = given["jax_num_cpu_devices"] >= 0 or _XLA_COUNT in _xla_flags()
    if wanted or not users_own:
        # JAX refuses where it runs already, on the devices that it has.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", int(wanted or cores()))
    if given["jax_compilation_cache_dir"] or _cache_is_off() or no_cache():
        return
    jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    # A cache that cannot be written or read by now costs time and no result.
    warnings.filterwarnings(
        "ignore", message="Error (reading|writing) persistent compilation cache entry"
    )


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


def _xla_flags() -> str:
    return os.environ.get("XLA_FLAGS", "")


def _cache_is_off() -> bool:
    return os.environ.get("PGVQ_CACHE", "").lower() in ("off", "0", "no")


def cache_folder() -> Path | None:
    """Where compiled programs are kept; None where the user has no home directory.

    By default `pgvq/xla` in the user's cache folder, which `XDG_CACHE_HOME` moves.
    """
    if cache := os.environ.get("PGVQ_CACHE", ""):
        return Path(cache)
    folder = user_folder("cache")
    return None if folder is None else folder / "xla"


def no_cache() -> str:
    """Why nothing compiled can be kept, against the user's wish; empty if it can.

    Makes no folder.
    """
    if _cache_is_off():
        return ""
    folder = cache_folder()
    if folder is None:
        return "there is no home directory"
    place = folder.absolute()
    try:
        while not place.exists():
            place = place.parent
        writable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    except (OSError, ValueError):  # a name that is too long, a folder not to enter
        writable = False
    return "" if writable else f"{folder} cannot be written"


def describe() -> str:
    """One line on the devices that training will use. Starts JAX."""
    devices = jax.local_devices()
    count, kind = len(devices), devices[0].device_kind
    text = f"{count} XLA device{'s' if count > 1 else ''} ({kind})"
    why = "" if jax.config.values["jax_compilation_cache_dir"] else no_cache()
    if why:
        why = f"; nothing compiled is kept, because {why}: set PGVQ_CACHE to a folder"
    if devices[0].platform != "cpu":
        return text + why
    chosen = os.environ.get("PGVQ_DEVICES") or _XLA_COUNT in _xla_flags()
    if count < cores() and not chosen:
        return (
            f"{text} for {cores()} cores: JAX had started before pgvq was imported; "
            f"import pgvq first to use every core{why}"
        )
    return f"{text}, for {cores()} core{'s' if cores() > 1 else ''}{why}"
