"""One process at a time in a results folder."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pgvq.types import InputError

try:
    import fcntl
except ImportError:  # Windows has no flock: there nothing is locked
    fcntl = None

LOCK = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder and holds its lock; the system frees it when the process dies.

    Raises:
        InputError: another process holds it, or the folder cannot be written.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = _acquire(folder / LOCK)
    except OSError as error:
        raise InputError(
            f"cannot write {folder}: {error.strerror or error}; choose another folder "
            "or make this one writable"
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
            if made:
                folder.rmdir()  # succeeds only if nothing came of it
        os.close(handle)


def _acquire(path: Path) -> int:
    """An open file with the lock on what stands at `path`."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise InputError(
                f"another process is training in {path.parent}; wait for it to end, or "
                "choose another folder with --out"
            ) from None
        except OSError as error:
            # Some network file systems have no locks; there nothing is locked.
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                os.close(handle)
                raise
        # Whoever held it may have removed the file between our open and our lock.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        os.close(handle)
