"""How much memory this machine has, for errors that come before it runs out."""

import contextlib
import os
from pathlib import Path

_LIMITS = (  # of a container
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def machine_memory() -> int | None:
    """Bytes of main memory that this process may use; None where nothing says so."""
    known = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _LIMITS:
        try:
            known.append(int(path.read_text()))
        except (OSError, ValueError):  # "max" is no limit
            continue
    return min(known, default=None)


def in_words(size: float) -> str:
    """A number of bytes for people, such as `2.5 GB`."""
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            return f"{size:.3g} {unit}" if size < 1000 else f"{size:,.0f} {unit}"
        size /= 1000
    raise AssertionError
