"""Files that are whole or absent: atomic writing, and JSON that says what broke."""

import contextlib
import json
import math
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pgvq.types import InputError

_LEFTOVER_SECONDS = 60.0  # a temporary file older than this has no writer any more


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write that appears at `path` only once it is complete.

    Folders on the way are made. Raises `InputError` where the place is not writable.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the name must not outlive the content
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose another folder or "
            f"make this one writable"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether `path` is one that `atomic` writes and a killed writer leaves behind."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _remove_leftovers(path: Path) -> None:
    """Remove what killed writers of this very file left, but no living one's."""
    for leftover in path.parent.iterdir():
        ours = is_temporary(leftover) and leftover.name.startswith(f".{path.name}.")
        with contextlib.suppress(OSError):
            if ours and time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                leftover.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write `plain(value)` to `path` atomically, indented for people."""
    text = json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=False)
    with atomic(path) as file:
        file.write(text.encode() + b"\n")


def read_json(path: Path, kind: type, remedy: str = "delete it and try again") -> Any:
    """Read a JSON file that holds a `kind` (dict or list), or raise `InputError`."""
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:  # not JSON, not text, or not readable
        raise InputError(
            f"{path} cannot be read ({one_line(error)}); {remedy}"
        ) from error
    if not isinstance(value, kind):
        found = type(value).__name__
        raise InputError(f"{path} holds a {found}, not a {kind.__name__}; {remedy}")
    return value


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
