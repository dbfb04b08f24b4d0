"""Numbers and modes in words, the same in tables, captions and figures."""

import math
from typing import Any

import pandas as pd

UNKNOWN = "–"


def is_unknown(value: Any) -> bool:
    """Whether a value of a table is missing."""
    return bool(pd.isna(value))


def played(mode: str) -> str:
    """What a mode is, in words."""
    return {"greedy": "greedy play", "explore": "play with exploration"}[mode]


def signed(bar: str) -> str:
    """A score with its sign, as in "+15"; 0 has none."""
    return bar if bar.startswith("-") or bar == "0" else f"+{bar}"


def percent(share: float) -> str:
    """A share in per cent; never "0 %" or "100 %" for what is only nearly so."""
    if is_unknown(share):
        return UNKNOWN
    rounded = round(100 * share)
    if 0 < share < 1:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded} %"


def short(number: float) -> str:
    """A large number in three digits: 950, 12.3k, 4.56M; infinity is "never"."""
    if is_unknown(number):
        return UNKNOWN
    if math.isinf(number):
        return "never"
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * unit:
            scaled = number / unit
            digits = max(0, 2 - math.floor(math.log10(max(scaled, 1))))
            text = f"{scaled:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + name
    return f"{number:.0f}"


def duration(seconds: float) -> str:
    """Seconds as people say them: 8.1s, 1m23s, 2h05m."""
    if is_unknown(seconds):
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}m{rest:02d}s"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours}h{rest:02d}m"
