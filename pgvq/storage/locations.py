"""Paths as users give them: `~` is the home directory, and what is no path is said."""

import os
from pathlib import Path
from typing import Any

from pgvq.checks import shown
from pgvq.types import InputError


def as_path(given: Any, what: str = "the path") -> Path:
    """A path from a text or a path, with its `~` expanded.

    Args:
        given: such as "results/pong" or "~/pong".
        what: the name of the argument or the option, for messages.

    Raises:
        InputError: it is no path, names a home directory that is not known, or cannot
            be looked at.
    """
    if not isinstance(given, str | os.PathLike):
        raise InputError(
            f"{what}={shown(given)} is no path; give a text, such as 'results/pong'"
        )
    text = os.fspath(given)
    text = os.fsdecode(text) if isinstance(text, bytes) else text
    if not text.strip() or "\0" in text:
        raise InputError(
            f"{what}={shown(given)} cannot name a place; give one, such as "
            "'results/pong'"
        )
    path = Path(text)
    if text.startswith("~"):
        path = _at_home(path, what)
    _look(path)
    return path


def _at_home(path: Path, what: str) -> Path:
    first = path.parts[0]
    try:
        found = path.expanduser()
    except RuntimeError:
        found = path
    if found.is_absolute():
        return found
    if first == "~":
        raise InputError(
            f"{what}={shown(str(path))} is in your home directory, and there is none "
            "here (HOME is not set); give the whole path"
        )
    # No user of that name: a file or a folder may be called so.
    if Path(first).exists():
        return path
    raise InputError(
        f"{what}={shown(str(path))} is in the home directory of a user {first[1:]!r}, "
        f"and there is none; write ./{_short(path)} for a place of that name"
    )


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 100 else f"{text[:60]}...{text[-20:]}"


def _look(path: Path) -> None:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):  # who writes or reads there says so
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{_short(path)}: {reason}; choose another place, or make this "
            "one accessible"
        ) from error
