"""What the README and the docs say of committed results, made of the results."""

import functools
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(
    r"(?P<head><!-- from results: (?P<name>[\w, -]+) -->\n)"
    r"(?P<text>.*?)(?P<end><!-- end -->\n)",
    re.DOTALL,
)


def blocks() -> dict[str, Callable[[], str]]:
    """The text of each block by its name."""
    from pages import (
        budget_pages,
        classics,
        coverage,
        few_seeds,
        headline,
        ladder,
        speed,
        tuned,
        verdicts,
    )

    return {
        **headline.BLOCKS,
        **ladder.BLOCKS,
        **classics.BLOCKS,
        **speed.BLOCKS,
        **few_seeds.BLOCKS,
        **coverage.BLOCKS,
        **verdicts.BLOCKS,
        **tuned.BLOCKS,
        **budget_pages.BLOCKS,
    }


def all_pages() -> list[Path]:
    """The README and every page of the docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@functools.cache
def made(name: str) -> str:
    """The text of one block.

    Raises:
        KeyError: no block has this name.
    """
    return blocks()[name]().strip() + "\n"


def filled(text: str) -> str:
    """A page with every block in it made anew."""

    def block(match: re.Match[str]) -> str:
        return match["head"] + made(match["name"]) + match["end"]

    return _BLOCK.sub(block, text)


def outdated() -> dict[Path, str]:
    """Pages that differ from the results, with the text that they should have."""
    pages = {path: path.read_text(encoding="utf-8") for path in all_pages()}
    new = {path: filled(text) for path, text in pages.items()}
    return {path: text for path, text in new.items() if text != pages[path]}
