"""Studies: questions, each settled by a measurement, and what was found.

A study is a list of claims. Measuring one gives a `Finding`, from which alone its
figures and its words are made:

    study = Study(name="why_not_backprop", title="...", claims=[left_or_right, ...])

`pgvq run FILE` measures the claims of the file's `study` and writes them down:

    results/NAME/
      CLAIM/numbers.json     numbers and expectations, how long it took, made by what
      CLAIM/TABLE.csv        one file per table
      CLAIM/FIGURE.png       made from the above
    docs/NAME.md             the page, made from the above
"""

import dataclasses
import hashlib
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pgvq.storage.files import (
    atomic,
    one_line,
    plain,
    read_bytes,
    read_json,
    stands,
    write_json,
)
from pgvq.storage.provenance import provenance
from pgvq.storage.schema import (
    choice,
    either,
    flag,
    identifier,
    listed,
    mapped,
    maybe,
    number,
    problem,
    record,
    text,
)
from pgvq.storage.seals import opened, sealed
from pgvq.types import InputError

Say = Callable[[str], None]  # tells the user how far a measurement is

NUMBERS = "numbers.json"
_MOST_BYTES = 2**28  # of a table
_RECORD = record(
    {
        "numbers": mapped(
            maybe(either(number(-math.inf, math.inf), choice("inf", "-inf"))), 100_000
        ),
        "expectations": mapped(flag, 10_000, names=text(10_000)),
        "tables": listed(identifier, most=1_000),
    },
    optional={
        "seconds": maybe(number(0, 1e12)),
        "files": mapped(text(100), 1_000),  # digests of the tables
    },
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What a measurement found: all that its figures and words are made from."""

    numbers: Mapping[str, float]  # by name
    tables: Mapping[str, pd.DataFrame] = dataclasses.field(default_factory=dict)
    # A sentence that was expected beforehand, and whether the measurement agrees.
    expectations: Mapping[str, bool] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A question, how it is measured, and how the answer is shown.

    `text` is Markdown with places that `pgvq.study.page` fills from the finding.
    """

    name: str  # its folder, and its name on the command line
    title: str  # heading of its section
    measure: Callable[[Say], Finding]
    draw: Callable[[Finding, Path], list[Path]]  # into that folder; returns files
    text: str

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InputError(
                f"a claim's name={self.name!r} cannot be a folder; use letters, digits "
                "and _"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """Claims that make one page together.

    Raises `InputError` where there are none, or two of one name.
    """

    name: str
    title: str
    claims: Sequence[Claim]
    introduction: str = ""  # Markdown above the claims
    conclusion: str = ""  # and below them

    def __post_init__(self) -> None:
        names = [claim.name for claim in self.claims]
        if not self.name.isidentifier():
            raise InputError(
                f"a study's name={self.name!r} cannot be a folder; use letters, digits "
                "and _"
            )
        if not names:
            raise InputError(f"the study {self.name} has no claims; give at least one")
        if len(set(names)) < len(names):
            raise InputError(
                f"two claims of the study {self.name} have one name "
                f"({', '.join(names)}); each has a folder of its own, so rename one"
            )


def chosen(study: Study, wanted: Sequence[str]) -> list[Claim]:
    """The claims by number, from 1, or by name; all where none is named.

    Raises:
        InputError: there is none of that number or name.
    """
    listed = ", ".join(f"{i} {c.name}" for i, c in enumerate(study.claims, 1))
    by_word = {str(i): claim for i, claim in enumerate(study.claims, 1)}
    by_word |= {claim.name: claim for claim in study.claims}
    for word in wanted:
        if word not in by_word:
            raise InputError(f"{study.name} has no claim {word!r}: it has {listed}")
    found = [by_word[word] for word in wanted] or study.claims
    return [claim for claim in study.claims if claim in found]


def measured(claim: Claim, folder: Path, say: Say) -> Finding:
    """Measures a claim and keeps what was found in `folder`; returns it as kept."""
    started = time.perf_counter()
    finding = claim.measure(say)
    seconds = time.perf_counter() - started
    digests = {}
    for name, table in finding.tables.items():
        if wrong := identifier(name, f"a table's name in the finding of {claim.name}"):
            raise InputError(f"{wrong}; rename it")
        text = table.to_csv(index=False, lineterminator="\n")
        with atomic(folder / f"{name}.csv") as file:
            file.write(text.encode())
        digests[name] = _text_digest(text)
    # Last: with it the finding is there, whole.
    kept: dict[str, Any] = {
        "numbers": {name: float(value) for name, value in finding.numbers.items()},
        "expectations": {said: bool(met) for said, met in finding.expectations.items()},
        "tables": sorted(finding.tables),
        "files": digests,
        "seconds": round(seconds, 1),
        "made_by": provenance(),
    }
    write_json(folder / NUMBERS, sealed(plain(kept)))
    return found(folder)


def is_measured(folder: Path) -> bool:
    """Whether `folder` holds what a claim's measurement found."""
    return stands(folder / NUMBERS)


def found(folder: Path) -> Finding:
    """What was measured into `folder`.

    Raises:
        InputError: nothing was, or a file of it is broken.
    """
    record = _record_of(folder)
    tables = {}
    try:
        for name in record["tables"]:
            # "name.csv", never elsewhere: the name is an identifier.
            text = read_bytes(folder / f"{name}.csv", _MOST_BYTES).decode("utf-8")
            if record.get("files", {}).get(name, known := _text_digest(text)) != known:
                raise ValueError(f"{name}.csv was changed since it was written")
            tables[name] = pd.read_csv(io.StringIO(text))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} does not hold a whole finding ({one_line(error)}); measure it "
            "again"
        ) from error
    numbers = {
        name: math.nan if value is None else float(value)
        for name, value in record["numbers"].items()
    }
    return Finding(
        numbers=numbers, tables=tables, expectations=dict(record["expectations"])
    )


def _record_of(folder: Path) -> dict[str, Any]:
    """What `numbers.json` says, found to be whole."""
    held = read_json(folder / NUMBERS, dict, "measure it again")
    if wrong := problem(_RECORD, held):
        raise InputError(
            f"{folder} does not hold a whole finding ({NUMBERS}: {wrong}); measure it "
            "again"
        )
    return opened(held, str(folder / NUMBERS), "measure it again")


def _text_digest(text: str) -> str:
    """Of a table's text, whichever line breaks a version control system gave it."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def seconds_taken(folder: Path) -> float:
    """How long the measurement in `folder` took; NaN where that is not known."""
    seconds = _record_of(folder).get("seconds")
    return math.nan if seconds is None else float(seconds)
