"""Where in a user's own code a fault lies: the file and the line, from a traceback."""

import traceback
from pathlib import Path
from types import TracebackType

PACKAGE = Path(__file__).resolve().parent.parent


def place(found: TracebackType | None, preferred: str = "") -> str:
    """Such as "my_algorithm.py, line 42", of the innermost frame that is a user's.

    A frame is one where its file is neither pgvq's nor installed; of `preferred` if
    there is any. Empty where there is none.
    """
    frames = [f for f in traceback.extract_tb(found) if is_own(f.filename)]
    of_file = [f for f in frames if f.filename == preferred]
    chosen = (of_file or frames)[-1:]
    return f"{chosen[0].filename}, line {chosen[0].lineno}" if chosen else ""


def is_own(filename: str) -> bool:
    """Whether a file is the user's: not pgvq's, not installed, not Python's."""
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    if path.is_relative_to(PACKAGE):
        return False
    inside = {"site-packages", "dist-packages"} & set(path.parts)
    return not inside and path.is_file() and not path.is_relative_to(_STANDARD)


def ended_by(stop: SystemExit) -> str:
    """Who ended the program: "sys.exit(0) in my_algorithm.py, line 3"."""
    code = "" if stop.code is None else repr(stop.code)
    where = place(stop.__traceback__)
    return f"sys.exit({code})" + (f" in {where}" if where else "")


_STANDARD = Path(traceback.__file__).resolve().parent
