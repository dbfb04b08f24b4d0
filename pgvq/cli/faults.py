"""Who ended the program, where a user's own code did."""

import traceback

from pgvq.training.debugging import whose


def ended_by(stop: SystemExit) -> str:
    """Such as "sys.exit(0) in my_algorithm.py, line 3"."""
    frames = traceback.extract_tb(stop.__traceback__)
    own = [frame for frame in frames if whose(frame.filename)]
    where = f" in {own[-1].filename}, line {own[-1].lineno}" if own else ""
    return f"sys.exit({'' if stop.code is None else repr(stop.code)}){where}"
