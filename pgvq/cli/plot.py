"""`pgvq plot`: figures and table from what was found, without training."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pgvq import plotting
from pgvq.analysis.combining import combine
from pgvq.cli.loading import is_study_folder, load_study
from pgvq.cli.options import Plot
from pgvq.cli.studying import plot_study
from pgvq.cli.summary_table import print_summary
from pgvq.cli.tune import plot_tuning
from pgvq.cli.usage import EXAMPLES
from pgvq.experiments.budgets import ladders_in, series_in
from pgvq.plain_text import say
from pgvq.plotting.captions import differences
from pgvq.plotting.options import (
    Options,
    chosen_results,
    label_in,
    names_in,
    own_names,
    shown_variants,
)
from pgvq.results.store import Results
from pgvq.storage.locations import as_path
from pgvq.tuning.folder import is_tuning
from pgvq.types import InputError

_SUMMARY_MODE = "greedy"


def draw(asked: Plot, console: Console) -> int:
    """Draws results folders, or a study by its file; returns the exit status."""
    if not asked.folders:
        raise InputError(
            f"plot needs FOLDER, as in {EXAMPLES['plot']} (pgvq plot --help lists all)"
        )
    places = [str(as_path(place, "FOLDER")) for place in asked.folders]
    studies = [p for p in places if p.endswith(".py") or is_study_folder(Path(p))]
    if studies:
        return _draw_study(asked, studies[0], console)
    if len(places) == 1 and is_tuning(Path(places[0])):
        return plot_tuning(places[0], console)
    if len(places) == 1 and (written := _draw_series(asked, Path(places[0]))):
        for path in written:
            say(console, str(path), wrap=False)
        return 0
    results = combine(places)
    options = _options(asked, results)
    out = None if asked.out is None else as_path(asked.out, "--out")
    if out is None and results.folder is None:
        raise InputError(
            "several results folders are drawn into a folder of their own; say where, "
            "as in --out figures"
        )
    written = plotting.plot(results, out, **options)
    chosen = Options.of(options)
    mode = asked.mode or _SUMMARY_MODE
    print_summary(chosen_results(results, chosen), mode, console=console)
    for line in differences(results, shown_variants(results, chosen), [mode]):
        if line:
            say(console, f"Note: {line}")
    for path in written:
        say(console, str(path), wrap=False)
    return 0


def _draw_series(asked: Plot, folder: Path) -> list[Path]:
    """Draws what the results folders in a folder show together, if they do.

    Raises:
        InputError: an option is given that this figure does not have.
    """
    parts = series_in(folder) or ladders_in(folder)
    able = ("folders", "out", "mode", "format")
    given = [f.name for f in dataclasses.fields(asked) if f.name not in able]
    default = {f.name: f.default for f in dataclasses.fields(asked)}
    given = [name for name in given if getattr(asked, name) != default[name]]
    if parts and given:
        raise InputError(
            f"--{given[0].replace('_', '-')} is not an option of the figure of all "
            f"results in {folder}; leave it out, or draw {parts[0]} alone"
        )
    out = folder if asked.out is None else as_path(asked.out, "--out")
    formats = [part.strip() for part in asked.format.split(",")]
    return plotting.plot_series(folder, out, mode=asked.mode, format=formats)


def _draw_study(asked: Plot, file: str, console: Console) -> int:
    if len(asked.folders) > 1:
        raise InputError(
            f"{file} is a study's file, which is drawn by itself; give it alone"
        )
    study = load_study(file)
    if study is None:
        raise InputError(
            f"{file} defines no `study`; give the results folder of its experiment"
        )
    given = [
        part.name
        for part in dataclasses.fields(asked)
        if part.name != "folders" and getattr(asked, part.name) != part.default
    ]
    if given:
        raise InputError(
            f"--{given[0].replace('_', '-')} is for results folders, and {file} is a "
            "study, whose figures are its own"
        )
    return plot_study(study, console)


def _options(asked: Plot, results: Results) -> dict[str, Any]:
    """The options as keyword arguments, with the names that the results have."""
    known = own_names(results)

    def named(given: Sequence[str]) -> list[str]:
        return [name for text in given for name in names_in(text, known)]

    return {
        "variants": named(asked.variants),
        "order": named(asked.order),
        "labels": dict(label_in(text, known) for text in asked.labels),
        "title": asked.title,
        "mode": asked.mode,
        "x": asked.x,
        "log": asked.log or "",
        "metric": [name for text in asked.metric for name in text.split(",")],
        "size": asked.size,
        "font": asked.font,
        "format": [part.strip() for part in asked.format.split(",")],
        "caption": not asked.no_caption,
    }
