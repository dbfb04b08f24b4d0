"""All pictures of an experiment, drawn from its results alone.

Figures are made without pyplot: nothing is global, no window opens, nothing is left
open, and the same results give the same bytes.
"""

import os
from pathlib import Path

import pandas as pd

from pgvq.analysis.rungs import has_ladder
from pgvq.budgets import series_in
from pgvq.curves import modes
from pgvq.files import atomic
from pgvq.locations import as_path
from pgvq.plotting_budgets import budget_curve
from pgvq.plotting_curves import learning_curves
from pgvq.plotting_ladder import ladder
from pgvq.plotting_scores import final_scores
from pgvq.results import Results, load
from pgvq.summary import summarise
from pgvq.types import InputError

__all__ = ["budget_curve", "final_scores", "ladder", "learning_curves", "plot"]


def plot(
    results: Results | str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
) -> list[Path]:
    """Draw and write all pictures and `summary.csv`; return the files written.

    They go into `folder`, by default the results' own. Raises `InputError` when
    neither is known, and when the results cannot be read or hold no evaluation.
    """
    if not isinstance(results, Results):
        results = load(results)
    folder = folder or results.folder
    if folder is None:
        raise InputError(
            "these results have no folder; say where the pictures should go"
        )
    folder = as_path(folder, "folder")
    written = []
    for mode in modes(results):
        written += learning_curves(results, folder, mode)
    written += final_scores(results, folder)
    if has_ladder(results):
        written += [p for mode in modes(results) for p in ladder(results, folder, mode)]
    table = pd.concat([summarise(results, mode) for mode in modes(results)])
    path = folder / "summary.csv"
    with atomic(path) as file:
        file.write(table.round(4).to_csv(index=False, lineterminator="\n").encode())
    return [*written, path]


def plot_series(folder: Path) -> list[Path]:
    """Draws the budget curve of the results folders in `folder` into it.

    Returns the files written, none where they are no series (`pgvq.budgets`). Raises
    `InputError` where one of them cannot be read.
    """
    parts = series_in(folder)
    return budget_curve([load(part) for part in parts], folder) if parts else []
