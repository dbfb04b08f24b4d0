"""How many frames an agent step may have."""

from typing import Any

from pgvq.checks import check_integer

MAX_FRAME_SKIP = 108_000
WHOLE_GAME = "that many frames are a whole game of ALE, up to its cap"


def check_frame_skip(given: Any) -> int:
    """`given` as Python's int; raises `InputError` unless it is a number of frames."""
    value = check_integer("frame_skip", given, 1)
    return check_integer("frame_skip", value, 1, MAX_FRAME_SKIP, WHOLE_GAME)
