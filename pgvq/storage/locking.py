"""One process at a time in a results folder."""

import contextlib
import errno
import warnings
from collections.abc import Iterator
from pathlib import Path

import filelock

from pgvq.storage.files import cannot_write
from pgvq.types import InputError

LOCK = ".lock"
# How network folders say that they have no locks of the system's own.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder and holds its lock; the system frees it when the process dies.

    Where the file system has no locks, the file itself is one: it names its process,
    and one of a dead process on this machine holds nobody up.

    Raises:
        InputError: another process holds it, or the folder cannot be written.
    """
    made = False
    try:
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        lock = _acquired(folder / LOCK)
    except filelock.Timeout:
        raise InputError(
            f"another process is training in {folder}; wait for it to end, or choose "
            "another folder with --out"
        ) from None
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        # Before it is released: afterwards the file may be another process's lock.
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()
        with contextlib.suppress(OSError):
            lock.release()
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # succeeds only if nothing came of it


def _acquired(path: Path) -> filelock.BaseFileLock:
    """The lock of a file, held; raises `filelock.Timeout` if another process has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that locks are not the system's own here
        lock, stood = filelock.FileLock(path, timeout=0), path.exists()
        try:
            lock.acquire()
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            if not stood:
                path.unlink(missing_ok=True)  # the attempt made it, and nobody holds it
            lock = filelock.SoftFileLock(path, timeout=0)
            lock.acquire()
    return lock
