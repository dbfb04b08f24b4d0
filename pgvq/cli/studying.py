"""`pgvq run` and `pgvq plot` of a file that defines a `study`."""

import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pgvq import devices
from pgvq.plain_text import say, visible
from pgvq.storage.files import atomic, one_line
from pgvq.storage.locations import as_path
from pgvq.study.definition import Claim, Study, chosen, found, is_measured, measured
from pgvq.study.page import command, write_page
from pgvq.types import InputError

DOCUMENTS = Path("docs")


def run_study(
    study: Study, wanted: Sequence[str], out: str | None, console: Console
) -> int:
    """Measures claims, draws them and writes the page; returns the exit status.

    Args:
        study: of the file.
        wanted: claims by number or name; all where none is given.
        out: folder of results and page; by default results/NAME and docs/NAME.md.
        console: where to print.
    """
    claims = chosen(study, wanted)
    folder, page = places(study, out)
    # Before minutes of measuring, for what cannot be written would be lost.
    for place in [page.parent, *(folder / claim.name for claim in claims)]:
        check_writable(place)
    say(console, f"{visible(study.title)}\n{devices.describe()}")
    for claim in claims:
        number = list(study.claims).index(claim) + 1
        told = f"\n{number}. {visible(claim.title)}"
        say(console, told, wrap=False)
        started = time.perf_counter()

        def tell(text: str, since: float = started) -> None:
            seconds = f"{time.perf_counter() - since:4.0f} s  "
            say(console, seconds + text, wrap=False)

        finding = measured(claim, folder / claim.name, tell)
        for said, met in finding.expectations.items():
            tell(f"{'confirmed' if met else 'NOT CONFIRMED'}: {said}")
        draw(claim, folder / claim.name)
        # After every claim, so that nothing is lost when the next is stopped.
        write_page(study, folder, page)
    say(console, f"\nthe page: {page}\nfigures and tables: {folder}", wrap=False)
    return 0


def plot_study(study: Study, console: Console) -> int:
    """Draws all that is measured again and writes the page; returns the exit status."""
    folder, page = places(study, None)
    there = [claim for claim in study.claims if is_measured(folder / claim.name)]
    if not there:
        raise InputError(
            f"{folder} holds no results of {study.name}; measure them first, with "
            f"`{command(study)}`"
        )
    for claim in there:
        for path in _drawn_again(claim, folder / claim.name):
            say(console, str(path), wrap=False)
    write_page(study, folder, page)
    say(console, str(page), wrap=False)
    return 0


def _drawn_again(claim: Claim, folder: Path) -> list[Path]:
    """As `draw`, of a finding that may lack what the figures need by now.

    Raises:
        InputError: it does, or the claim's own `draw` is wrong.
    """
    try:
        return draw(claim, folder)
    except InputError:
        raise
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise InputError(
            f"the finding in {folder} cannot be drawn ({type(error).__name__}: "
            f"{one_line(error)}, at {Path(at.filename).name}, line {at.lineno}); "
            f"measure it again by --claim {claim.name}"
        ) from error


def draw(claim: Claim, folder: Path) -> list[Path]:
    """The figures of a claim, from what is measured in its folder."""
    return claim.draw(found(folder), folder)


def check_writable(folder: Path) -> None:
    """Raises `InputError` unless files can be written into a folder; makes it."""
    probe = folder / ".writable"
    with atomic(probe) as file:
        file.write(b"")
    probe.unlink()


def places(study: Study, out: str | None) -> tuple[Path, Path]:
    """Where the results of a study go, and its page."""
    if out is None:
        return Path("results", study.name), DOCUMENTS / f"{study.name}.md"
    folder = as_path(out, "--out")
    return folder, folder / f"{study.name}.md"
