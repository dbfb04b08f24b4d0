"""`pgvq tune`: load, change, search, and say what was chosen at what effort."""

import shlex
from pathlib import Path
from typing import Any

from rich.console import Console

from pgvq import devices
from pgvq.cli.listing import listed, new_table, ranged, short_value
from pgvq.cli.loading import defined, load_module
from pgvq.cli.options import Tune
from pgvq.cli.progress_display import reporter_for
from pgvq.experiments.seeds import from_text, numbers
from pgvq.interrupts import INTERRUPTED
from pgvq.plain_text import literal, say, visible
from pgvq.storage.files import stands
from pgvq.storage.locations import as_path
from pgvq.tuning.definition import Tuning
from pgvq.tuning.folder import CHOSEN, check_folder, read_chosen, read_description
from pgvq.tuning.ledger import check_equal, effort, read
from pgvq.tuning.search import tune
from pgvq.types import InputError

FOLDER = Path("results", "tuning")
EXAMPLE = "experiments/tune_pong.py"


def tune_file(asked: Tune, console: Console) -> int:
    """Searches what a file's tunings lack; returns the exit status."""
    tunings = [_changed(each, asked) for each in load_tunings(asked.file)]
    names = {tuning.name for tuning in tunings} if len(tunings) > 1 else set()
    learners = dict.fromkeys(name for t in tunings for name in t.spaces)
    if asked.only is not None and asked.only not in names | learners.keys():
        raise InputError(
            f"--only {asked.only}: {asked.file} has no such learner"
            + (" and no such tuning" if names else "")
            + f"; it has {', '.join([*sorted(names), *learners])}"
        )
    for tuning in tunings:
        only = asked.only if asked.only in tuning.spaces else None
        if asked.only is not None and asked.only != tuning.name and only is None:
            continue
        folder = _folder(tuning, asked, several=len(tunings) > 1)
        if status := _tune(tuning, folder, only, _command(asked), console):
            return status
    return 0


def _folder(tuning: Tuning, asked: Tune, several: bool) -> Path:
    """Where a tuning is kept; several of a file have a folder of their own each."""
    given = None if asked.out is None else as_path(asked.out, "--out")
    if several:
        stem = Path(asked.file).stem.removeprefix("tune_")
        return (given or FOLDER / stem) / tuning.name
    return given or FOLDER / tuning.name


def load_tunings(file: str) -> list[Tuning]:
    """The tunings of a Python file: its `tuning`, or its list `tunings`.

    Raises:
        InputError: the file is not there, does not run, or defines none.
    """
    return defined(load_module(file), Tuning, EXAMPLE, file)


def _changed(tuning: Tuning, asked: Tune) -> Tuning:
    """The tuning as the command line wants it."""
    changes: dict[str, Any] = {}
    for name in ("trials", "steps"):
        if getattr(asked, name) is not None:
            changes[name] = getattr(asked, name)
    if asked.seeds is not None:
        found = from_text(asked.seeds)
        # A number alone is how many of the tuning's own; 0:5 is seeds 0 to 4.
        named = ":" in asked.seeds or "," in asked.seeds
        changes["seeds"] = numbers(found) if named else found
    return tuning.replace(**changes) if changes else tuning


def _command(asked: Tune) -> str:
    """The command line that goes on."""
    words = ["pgvq", "tune", asked.file]
    for name in ("out", "trials", "steps", "seeds", "only"):
        value = getattr(asked, name)
        if value is not None:
            number = f"{value:.15g}" if isinstance(value, float) else str(value)
            words += [f"--{name}", number]
    return shlex.join(words)


def _tune(
    tuning: Tuning, folder: Path, only: str | None, again: str, console: Console
) -> int:
    say(console, header(tuning))
    try:
        with reporter_for(console) as reporter:
            tune(tuning, folder, reporter, only=only)
    except KeyboardInterrupt as stop:
        said = str(stop) or f"stopped at once; {folder} holds every finished run"
        say(console, f"\n{said}:\n    {again}", wrap=False)
        return INTERRUPTED
    show(folder, console)
    say(console, f"draw it: {shlex.join(['pgvq', 'plot', str(folder)])}", wrap=False)
    return 0


def header(tuning: Tuning) -> str:
    """What is about to be searched, and on what."""
    several = f"{len(tuning.spaces)} learner{'s' if len(tuning.spaces) > 1 else ''}"
    return (
        f"{visible(tuning.title or tuning.name)}\n{several}, each with {tuning.trials} "
        f"configurations ({tuning.sampler_used}) of {len(tuning.seed_numbers)} seeds, "
        f"{tuning.runs} runs of {tuning.steps:,.0f} agent steps in all; "
        f"{devices.describe()}"
    )


def show(folder: Path, console: Console) -> None:
    """The chosen configurations, the effort that they took, and what is left to do."""
    held, ledger = read_description(folder), read(folder)
    finished: dict[str, Any] = {}
    if stands(folder / CHOSEN):
        finished = read_chosen(folder)["chosen"]
        _print_chosen(folder, held, console)
    spent = effort(ledger)
    if set(finished) == set(held["search"]):
        say(console, f"\nequal effort: {check_equal(folder)}", wrap=True)
    else:
        left = [name for name in held["search"] if name not in finished]
        runs = [f"{name} {one.runs} runs" for name, one in spent.items()]
        done = f" ({', '.join(runs)} so far)" if runs else ""
        say(console, f"\nnot finished: {', '.join(left)}{done}")
    say(console, f"{folder} holds the ledger and what was chosen", wrap=False)


def _print_chosen(folder: Path, held: dict[str, Any], console: Console) -> None:
    found = read_chosen(folder)
    for name, values in found["chosen"].items():
        scores = found.get("scores", {}).get(name, {})
        parts = [
            f"{what} {scores[key]:+.2f}"
            for key, what in (
                ("final_score", "score with seeds of its own"),
                ("search_score", "in the search"),
                ("default_search_score", "the learner's own values"),
            )
            if scores.get(key) is not None
        ]
        said = (
            f"\n{visible(name)}: trial {scores.get('trial', '?')}; {', '.join(parts)}"
        )
        say(console, said, style="bold")
        default = held["search"].get(name, {}).get("default", {})
        table = new_table("field", "chosen", "its own", "searched")
        for field, value in values.items():
            table.add_row(
                *map(
                    literal,
                    (
                        field,
                        short_value(value),
                        short_value(default.get(field)),
                        searched(held["search"].get(name, {}), field),
                    ),
                )
            )
        console.print(table)


def searched(space: dict[str, Any], field: str) -> str:
    """A field's range or values, in a few words."""
    if field in space.get("ranges", {}):
        low, high, scale = space["ranges"][field]
        return ranged((low, high) if scale == "linear" else (low, high, scale))
    return listed(space.get("choices", {}).get(field, []))


def plot_tuning(place: str, console: Console) -> int:
    """Shows a tuning's folder and draws its figures; returns the exit status."""
    from pgvq.tuning.figures import plot

    show(check_folder(place), console)
    for path in plot(place):
        say(console, str(path), wrap=False)
    return 0
