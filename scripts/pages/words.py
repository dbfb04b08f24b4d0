"""Numbers as the pages write them."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pgvq.results.store import load


def score(value: float, digits: int = 1) -> str:
    """A score with its sign; "-" where none is known."""
    if math.isnan(value):
        return "-"
    rounded = round(value, digits)
    return f"{rounded + 0.0:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def with_interval(value: float, low: float, high: float, digits: int = 1) -> str:
    """A score and its interval, "+8.9 [+5.0, +11.8]"; without one, the score alone."""
    text = score(value, digits)
    if math.isnan(low) and math.isnan(high):
        return text
    return f"{text} [{score(low, digits)}, {score(high, digits)}]"


def steps(number: float) -> str:
    """Agent steps, "1.2M", "950k"; "never" for infinity and "-" for NaN."""
    if math.isnan(number):
        return "-"
    if math.isinf(number):
        return "never"
    if number >= 9.95e5:
        return f"{number / 1e6:.3g}M"
    return f"{number / 1e3:.3g}k" if number >= 1e3 else f"{number:.0f}"


def seconds(number: float) -> str:
    """Seconds, "21 s", "2 min 12 s", "1 h 05 min"."""
    if number < 99.5:
        return f"{number:.0f} s"
    if number < 3599.5:
        minutes, rest = divmod(round(number), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(number / 60), 60)
    return f"{hours} h {rest:02d} min"


def count(number: float) -> str:
    """A count with thousands apart, "1,024"."""
    return f"{number:,.0f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def listed(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def is_measured(place: Path) -> bool:
    """Whether a results folder has rows of all its variants, or a file is there."""
    if not (place / "experiment.json").exists():
        return place.is_file()
    results = load(place)
    names = {variant["name"] for variant in results.description["variants"]}
    return names == set(results.evaluations["variant"])


def once_measured(
    place: Path, command: str, text: Callable[[], str]
) -> Callable[[], str]:
    """The text of a block, or by which command its results would come to `place`."""
    missing = f"*Not measured yet: `{command}`.*\n"
    return lambda: text() if is_measured(place) else missing
