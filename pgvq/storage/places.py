"""Names that become paths, and whether a path stays within its folder.

Whatever a file says may have been written by a stranger: every name that becomes a part
of a path goes through here, when it is read and when it is written.
"""

import os
import re
from pathlib import Path

import platformdirs

from pgvq.checks import shown
from pgvq.storage.files import one_line
from pgvq.types import InputError

MOST_BYTES = 200  # of a name; file systems allow 255, and endings are added
# What else lies in a results folder, also where upper and lower case are the same.
_TAKEN = ("checkpoints", "experiment.json", "summary.csv")
_TAKEN_ENDINGS = (".png", ".pdf", ".svg", ".txt", ".tmp")
_NAME = re.compile(r"\w[\w .,=+@()\[\]'-]*")


def user_folder(kind: str) -> Path | None:
    """pgvq's own folder among the user's, of a kind such as "cache" or "state".

    None where the user has no home directory.
    """
    find = {"cache": platformdirs.user_cache_dir, "state": platformdirs.user_state_dir}
    try:
        folder = find[kind]("pgvq", appauthor=False)
    except RuntimeError:
        return None
    # Older versions leave the sign of a home directory, as if a folder had that name.
    return None if folder.startswith("~") else Path(folder)


def folder_name_problem(name: object) -> str | None:
    """Why a variant cannot have this name, which is its folder's; None if it can."""
    if not isinstance(name, str):
        return f"it is of type {type(name).__name__}, not a text"
    lowered = name.lower()
    allowed = "use letters, digits and _ - . , ' = + @ ( ) [ ], at most 200"
    try:
        size = len(name.encode())
    except ValueError:  # half of a surrogate pair
        return allowed
    if not _NAME.fullmatch(name) or size > MOST_BYTES:
        return allowed
    if lowered in _TAKEN or lowered.endswith(_TAKEN_ENDINGS):
        return "a results folder holds something else under that name"
    return None


def folder_name(name: object, where: str) -> str:
    """The name, if it can be that of a folder within another.

    Raises:
        InputError: it cannot, or it would lead out of the folder.
    """
    if why := folder_name_problem(name):
        raise InputError(
            f"{where}: the name {shown(name, 250)} cannot be a folder; {why}"
        )
    return str(name)


def check_inside(folder: Path, path: Path) -> None:
    """Raises `InputError` if links lead from `folder` to a `path` outside of it.

    The folder itself may be reached by a link.
    """
    try:
        root, real = os.path.realpath(folder), os.path.realpath(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot write {path}: {one_line(error)}; choose another folder"
        ) from error
    if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        raise InputError(
            f"{path} is a link that leads out of {folder}, to {real}, and nothing is "
            "written there; put a folder in its place, or choose another with --out"
        )
