"""All figures of an experiment, drawn from its results alone.

Figures are made without pyplot: nothing is global, no window opens, nothing is left
open, and the same results give the same bytes.

The functions `draw_...` take axes of the caller's and return them; those in `FIGURES`
make whole figures of them.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from pgvq.analysis.combining import combine
from pgvq.analysis.curves import check_metric, modes
from pgvq.analysis.summary import summarise
from pgvq.experiments.budgets import ladders_in, series_in
from pgvq.plotting.budgets import budget_curve
from pgvq.plotting.curves import (
    learning_curves,
    metric_figures,
)
from pgvq.plotting.ladder import ladder_figures, ladders_figure
from pgvq.plotting.options import Options, chosen_results, shown_modes
from pgvq.plotting.reached import reached
from pgvq.plotting.scores import final_scores
from pgvq.plotting.sweep import sweep_figures
from pgvq.results.store import Results, load
from pgvq.storage.files import atomic, stands
from pgvq.storage.locations import as_path
from pgvq.types import InputError


def _all_learning_curves(
    results: Results, folder: Path, options: Options
) -> list[Path]:
    """Learning curves in each mode."""
    shown = shown_modes(results, options)
    return [
        p for mode in shown for p in learning_curves(results, folder, mode, options)
    ]


# Each writes its figures of results into a folder and returns the paths; it writes none
# where it has nothing to show. A figure of another kind is one more line here.
FIGURES: tuple[Callable[[Results, Path, Options], list[Path]], ...] = (
    _all_learning_curves,
    final_scores,
    reached,
    sweep_figures,
    metric_figures,
    ladder_figures,
)

Given = Results | str | os.PathLike[str]


def plot(
    results: Given | Iterable[Given],
    folder: str | os.PathLike[str] | None = None,
    **options: Any,
) -> list[Path]:
    """Draws and writes all figures and `summary.csv`; returns the files written.

    Args:
        results: of one experiment, or of several that are drawn together
            (`pgvq.combine`); a folder is loaded.
        folder: where the files go; by default the results' own folder.
        options: fields of `pgvq.plotting.Options`, such as title="..." or x="seconds".

    Raises:
        InputError: an option is wrong; the results cannot be read or combined, or hold
            no evaluation; it is not known where the files go, or they cannot go there.
    """
    chosen = Options.of(options)
    if isinstance(results, str | os.PathLike):
        results = load(results)
    elif not isinstance(results, Results):
        results = combine(results)
    place = _place(results, folder)
    # Wrong names are said before anything is written.
    chosen_of = chosen_results(results, chosen)
    for metric in chosen.metric:
        check_metric(results, metric)
    written = [path for draw in FIGURES for path in draw(results, place, chosen)]
    table = pd.concat([summarise(chosen_of, mode) for mode in modes(results)])
    path = place / "summary.csv"
    with atomic(path) as file:
        file.write(table.round(4).to_csv(index=False, lineterminator="\n").encode())
    return [*written, path]


def plot_series(folder: Path, out: Path | None = None, **options: Any) -> list[Path]:
    """Draws what the results folders in `folder` show together; returns the files.

    That is the budget curve of a series of budgets, or the changes of a ladder that was
    measured several times; none where they are neither (`pgvq.experiments.budgets`).
    The files go into `out`, by default into the folder itself. Of the options it has
    `mode` and `format`. Raises `InputError` where the results cannot be read, and for a
    wrong option.
    """
    chosen = Options.of(options)
    if parts := series_in(folder):
        return budget_curve([load(part) for part in parts], out or folder, chosen)
    if parts := ladders_in(folder):
        ladders = {part.name: load(part) for part in parts}
        return ladders_figure(ladders, out or folder, chosen)
    return []


def _place(results: Results, folder: str | os.PathLike[str] | None) -> Path:
    """Where figures go: never among the results of another experiment."""
    if folder is None:
        if results.folder is None:
            raise InputError(
                "these results have no folder of their own; say where the figures "
                "should go, as in --out figures"
            )
        return results.folder
    place = as_path(folder, "folder")
    own = results.folder is not None and results.folder.resolve() == place.resolve()
    if not own and stands(place / "experiment.json"):
        raise InputError(
            f"{place} is a results folder, and its figures show its own results; "
            "choose another folder, such as figures"
        )
    return place
