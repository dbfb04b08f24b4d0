"""The page of a study: Markdown whose every number is put in from what was measured.

Places in a claim's text, filled from its finding:

    <<name:+.2f>>          a number, in a format of Python's
    <<table:NAME>>         a table
    <<figure:STEM|words>>  a figure and the words for those who cannot see it
    <<expectations>>       what was expected, and whether the measurement agrees
"""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pgvq.storage.files import atomic
from pgvq.study.definition import (
    Claim,
    Finding,
    Study,
    found,
    is_measured,
    seconds_taken,
)
from pgvq.types import InputError

_PLACE = re.compile(r"<<([^<>]+)>>")


def write_page(study: Study, results: Path, page: Path) -> None:
    """Writes the page of all that is measured under `results`.

    A claim without results is named as such. Raises `InputError` where a text asks for
    what its finding does not have.
    """
    parts = [f"# {study.title}", study.introduction.strip()]
    for number, claim in enumerate(study.claims, 1):
        parts.append(f"## {number}. {claim.title}")
        folder = results / claim.name
        if is_measured(folder):
            pictures = Path(os.path.relpath(folder, page.parent)).as_posix()
            parts.append(filled(claim, found(folder), pictures))
        else:
            parts.append(f"*Not measured yet: `--claim {number}` does it.*")
    parts += [study.conclusion.strip(), _footer(study, results)]
    text = "\n\n".join(part for part in parts if part) + "\n"
    with atomic(page) as file:
        file.write(text.encode())


def filled(claim: Claim, finding: Finding, pictures: str) -> str:
    """The claim's text with everything in its place; figures lie in `pictures`."""

    def place(match: re.Match[str]) -> str:
        kind, _, rest = match[1].partition(":")
        if kind == "expectations" and not rest:
            return expectations_list(finding.expectations)
        if kind == "figure":
            stem, _, words = rest.partition("|")
            return f"![{words.strip()}]({pictures}/{stem.strip()}.png)"
        if kind == "table":
            return markdown_table(_known(claim, "table", rest, finding.tables))
        number = _known(claim, "number", kind, finding.numbers)
        return written(claim, match[1], number, rest)

    return _PLACE.sub(place, claim.text.strip())


def _known(claim: Claim, what: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise InputError(
            f"the text of {claim.name} asks for the {what} {name!r}, and the finding "
            f"has {', '.join(known) or 'none'}; correct the text, or measure it again"
        )
    return known[name]


def written(claim: Claim, place: str, number: float, form: str) -> str:
    """A number in a format of Python's, with a minus as long as the plus.

    Raises:
        InputError: the format is none.
    """
    if math.isnan(number):
        return "(not known)"
    try:
        text = format(int(number) if form.endswith("d") else number, form)
    except ValueError as error:
        raise InputError(
            f"the text of {claim.name} has <<{place}>>, and {form!r} is no format of a "
            "number; use one such as +.2f"
        ) from error
    return text.replace("-", "−") if text.startswith("-") else text


def expectations_list(expectations: Mapping[str, bool]) -> str:
    """One line per expectation; those that the measurement contradicts stand out."""
    lines = [
        f"- Confirmed: {said}" if met else f"- **Not confirmed:** {said}"
        for said, met in expectations.items()
    ]
    return "\n".join(lines)


def markdown_table(table: pd.DataFrame) -> str:
    """A table as Markdown; what is not known is a dash."""
    header = [str(name).replace("_", " ") for name in table.columns]
    numeric = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    rules = ["---:" if right else "---" for right in numeric]
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rules, *rows])


def _cell(value: object) -> str:
    if isinstance(value, float):
        text = "-" if math.isnan(value) else f"{value:.6g}"
    else:
        text = str(value)
    return text.replace("|", "\\|")


def command(study: Study) -> str:
    """What measures the study: its folder is named, or else its file."""
    place = Path("experiments", study.name)
    return f"pgvq run {place.as_posix()}{'' if place.is_dir() else '.py'}"


def _footer(study: Study, results: Path) -> str:
    """How the page was made, and how long that took."""
    folders = [results / claim.name for claim in study.claims]
    seconds = [seconds_taken(folder) for folder in folders if is_measured(folder)]
    known = [value for value in seconds if not math.isnan(value)]
    return (
        "---\n\n"
        f"Made by `{command(study)}`: every number and figure above is put in from "
        "what it measured (tables, figures and their provenance: "
        f"`results/{study.name}/`). The measurements took {sum(known):.0f} seconds."
    )
