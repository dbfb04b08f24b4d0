"""Files that are whole or absent: atomic writing, and JSON that says what broke.

What is read may be damaged, or made to harm: only regular files are opened, of a
bounded size, and JSON has bounded depth, finite numbers and no name twice.
"""

import contextlib
import errno
import json
import math
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pgvq.types import InputError

MOST_JSON_BYTES = 32 * 2**20
_MOST_VALUES = 2_000_000  # in a JSON file
_DEEPEST = 200  # lists and objects within each other; Python ends at 1000
_LARGEST_WHOLE = 2**64
_LEFTOVER_SECONDS = 60.0  # a temporary file older than this has no writer any more
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp", re.DOTALL)
# Figures and the like are also written without the lock, by `pgvq plot`.
_WRITTEN_UNDER_LOCK = (".json", ".parquet")


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write that appears at `path` only once it is complete.

    Folders on the way are made. Raises `InputError` where the place is not writable.
    """
    if "\0" in str(path):
        raise InputError(
            f"{str(path)!r} cannot be the name of a file; choose one without NUL"
        )
    # The system allows 255 bytes: a long name is cut, so that whatever fits can be
    # written.
    stem = path.name.encode()[:200].decode(errors="ignore")
    temporary = path.with_name(f".{stem}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_old_leftovers(path.parent, stem)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the name must not outlive the content
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError, what: str = "") -> InputError:
    """The error for a file or folder that the system did not let us write."""
    remedies = {
        errno.ENOSPC: "make room on this disk, or choose another one",
        errno.EDQUOT: "make room within your quota, or choose another disk",
        errno.ENAMETOOLONG: "choose a shorter name",
        errno.ENOTDIR: "a part of this path is a file, so choose another folder",
        errno.EEXIST: "a part of this path is a file, so choose another folder",
    }
    remedy = remedies.get(
        error.errno or 0, "choose another folder or make this one writable"
    )
    said = error.strerror or one_line(error)
    return InputError(f"cannot write {what}{path}: {said}; {remedy}")


def is_temporary(path: Path) -> bool:
    """Whether `path` is one that `atomic` writes and a killed writer leaves behind."""
    return _TEMPORARY.fullmatch(path.name) is not None


def _remove_old_leftovers(folder: Path, stem: str) -> None:
    """Remove what killed writers of this very file left, but no living one's."""
    with contextlib.suppress(OSError):
        for leftover in folder.iterdir():
            if is_temporary(leftover) and leftover.name.startswith(f".{stem}."):
                _remove_if_old(leftover)


def _remove_if_old(leftover: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - leftover.lstat().st_mtime > _LEFTOVER_SECONDS:
            leftover.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left anywhere in a folder whose lock is ours.

    Links to other places are not followed.
    """
    for place, _, names in os.walk(folder):
        for leftover in (Path(place, name) for name in names):
            match = _TEMPORARY.fullmatch(leftover.name)
            if match and match[1].endswith(_WRITTEN_UNDER_LOCK):
                with contextlib.suppress(OSError):
                    leftover.unlink()
            elif match:
                _remove_if_old(leftover)


def stands(path: Path) -> bool:
    """Whether something is at `path`.

    Raises:
        InputError: the system does not say, as for a folder that one may not enter.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        remedy = "choose another place, or make this one readable"
        if error.errno == errno.ENAMETOOLONG:
            remedy = "choose a shorter name"
        raise InputError(
            f"cannot read {path}: {error.strerror or one_line(error)}; {remedy}"
        ) from error
    except ValueError as error:  # a NUL in a name
        raise InputError(
            f"{str(path)!r} cannot be the name of a file ({one_line(error)}); choose "
            "another"
        ) from error
    return True


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    Raises:
        ValueError: it is a folder, a device or a pipe, or larger.
        OSError: the system does not let us.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"it has {size:,} bytes, and at most {most:,} are read")
        return file.read(most)


def open_regular(path: Path) -> BinaryIO:
    """A regular file, open for reading; raises as `read_bytes` does."""
    # Without O_NONBLOCK, opening a pipe would wait for its writer for ever.
    flags = [getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY")]
    handle = os.open(path, os.O_RDONLY | flags[0] | flags[1] | flags[2])
    file = open(handle, "rb")  # noqa: SIM115  the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("it is not a regular file")
    return file


def write_json(path: Path, value: Any) -> None:
    """Write `plain(value)` to `path` atomically, indented for people.

    Raises `InputError` for what `read_json` would not take back.
    """
    value = plain(value)
    try:
        _check_values(value)
    except ValueError as error:
        raise InputError(f"cannot write {path}: {error}; make it simpler") from error
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    with atomic(path) as file:
        file.write(text.encode() + b"\n")


def read_json(path: Path, kind: type, remedy: str = "delete it and try again") -> Any:
    """Read a JSON file that holds a `kind` (dict or list), or raise `InputError`."""
    try:
        value = _loads(read_bytes(path, MOST_JSON_BYTES))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read ({one_line(error)}); {remedy}"
        ) from error
    if not isinstance(value, kind):
        found = type(value).__name__
        raise InputError(f"{path} holds a {found}, not a {kind.__name__}; {remedy}")
    return value


def _loads(data: bytes) -> Any:
    """What JSON says; `ValueError` or `RecursionError` where it cannot be trusted."""
    if sum(data.count(mark) for mark in (b",", b"[", b"{")) > _MOST_VALUES:
        raise ValueError(f"it has more than {_MOST_VALUES:,} values")
    value = json.loads(
        data,
        object_pairs_hook=_object,
        parse_float=_finite,
        parse_int=_whole,
        parse_constant=_no_number,
    )
    _check_values(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has an object that says two things under one name")
    return found


def _finite(text: str) -> float:
    if math.isinf(value := float(text)):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _whole(text: str) -> int:
    if len(text) > 21 or abs(value := int(text)) > _LARGEST_WHOLE:
        raise ValueError(f"a number has {len(text)} digits")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"JSON has no {text}")


def _check_values(value: Any) -> None:
    """Raise `ValueError` for what is nested too deeply or text that no file can hold.

    A level at a time, so that its own depth does not matter.
    """
    level, depth = [value], 0
    while level:
        if depth > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")
        below: list[Any] = []
        for part in level:
            if isinstance(part, str):
                part.encode()  # a lone half of a surrogate pair cannot be
            elif isinstance(part, dict):
                below += part.keys()
                below += part.values()
            elif isinstance(part, list):
                below += part
        level, depth = below, depth + 1


def plain(value: Any) -> Any:
    """Turn `value` into what JSON gives back, so that the two compare equal.

    Tuples become lists, NumPy scalars and arrays Python's; JSON has no NaN, which
    becomes None (not known), and no infinity, which becomes "inf" or "-inf".
    """
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def one_line(error: BaseException) -> str:
    """The message of an error without its line breaks, at most 120 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
