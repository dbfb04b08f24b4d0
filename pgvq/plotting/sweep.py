"""Figures of a sweep: final score against each field, and a heat map over two."""

import os
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgvq.analysis import captions
from pgvq.analysis.words import played
from pgvq.experiments.sweeps import shortest
from pgvq.plotting import style
from pgvq.plotting.captions import conditions
from pgvq.plotting.grid import Grid, grids_of, gutter, heat_map, marginal, name_lines
from pgvq.plotting.options import Options, shown_modes, shown_variants
from pgvq.plotting.style import Words
from pgvq.results.store import Results
from pgvq.storage.locations import as_path
from pgvq.types import InputError

_PANEL, _LONE_PANEL, _SMALLEST_PANEL, _HEIGHT = 3.1, 5.2, 1.9, 2.7  # inches
_LEFT, _AXIS, _TITLE = 0.75, 0.5, 0.32
_CELL_WIDTH, _CELL_HEIGHT = 0.7, 0.4


def draw_marginal(
    axes: Axes, results: Results, field: str = "", mode: str = "greedy"
) -> Axes:
    """Draws final scores against a swept field on the caller's axes; returns them.

    Black: each run's mean over the other fields' values, interquartile mean and
    interval over runs. Colours: single values of the other field, if there is one.

    Raises:
        InputError: the results hold no sweep, or not of this field.
    """
    grid, number = _grid_with(results, field, mode)
    marginal(axes, results, grid, number)
    name_lines(axes, grid, number)
    return axes


def draw_heat_map(axes: Axes, results: Results, mode: str = "greedy") -> Axes:
    """Draws final scores over the two fields of a sweep; returns the axes.

    Raises:
        InputError: the results hold no sweep of two fields.
    """
    grids = [grid for grid in grids_of(results, mode) if len(grid.sweep.fields) == 2]
    if not grids:
        raise InputError("these results hold no sweep of two fields that hold numbers")
    heat_map(axes, grids[0])
    return axes


def sweep_figures(
    results: Results, folder: str | os.PathLike[str], options: Options | None = None
) -> list[Path]:
    """Writes sweep, or sweep_ALGORITHM of several, for each sweep of the results.

    A panel for each field, and of two fields a heat map. Only variants that are chosen
    count.
    """
    options = options or Options()
    modes = shown_modes(results, options)
    if not modes:
        return []
    grids = grids_of(results, modes[0], options)
    written = []
    for grid in grids:
        with matplotlib.rc_context(options.rc):
            figure, words = _figure(results, grid, modes[0], options)
            stem = "sweep"
            if len(grids) > 1:
                title = "".join(c if c.isalnum() else "_" for c in grid.sweep.title)
                stem = f"sweep_{title.strip('_')}"
            text = options.beside(words)
            written += style.save(
                figure, as_path(folder, "folder") / stem, options.format, text
            )
    return written


def _grid_with(results: Results, field: str, mode: str) -> tuple[Grid, int]:
    grids = grids_of(results, mode)
    for grid in grids:
        for number, path in enumerate(grid.sweep.fields):
            if field in ("", path):
                return grid, number
    known = [path for grid in grids for path in grid.sweep.fields]
    advice = (
        f"use {' or '.join(known)}" if known else "sweep one, as in docs/figures.md"
    )
    raise InputError(f"these results hold no sweep of {field or 'a field'}; {advice}")


class _Cell(NamedTuple):
    """One panel of the figure and the room beside it, in inches."""

    field: int | None  # of a marginal; None is the heat map
    left: float
    width: float
    right: float


def _cells(grid: Grid) -> list[_Cell]:
    """Marginals of all fields, then the heat map of two."""
    fields = range(len(grid.sweep.fields))
    unit = style.scale()
    panel = _PANEL if len(fields) > 1 else _LONE_PANEL
    cells = [_Cell(f, _LEFT * unit, panel * unit, gutter(grid, f)) for f in fields]
    if len(fields) == 2:
        names = [style.width_of(text) for text in shortest(grid.values(1).tolist())]
        cells_wide = _CELL_WIDTH * len(grid.values(0))
        wide = max(_PANEL, cells_wide) * unit
        cells.append(_Cell(None, 0.45 * unit + max(names), wide, 0.15 * unit))
    return cells


def _in_rows(cells: list[_Cell], width: float | None) -> list[list[_Cell]]:
    """Cells in rows, stretched to a width that is given.

    Raises:
        InputError: not even one panel has room.
    """
    if width is None:
        return [cells]
    least = _SMALLEST_PANEL * style.scale()
    rows: list[list[_Cell]] = [[]]
    for cell in cells:
        used = sum(one.left + least + one.right for one in [*rows[-1], cell])
        if rows[-1] and used > width:
            rows.append([])
        rows[-1].append(cell)
    stretched = []
    for row in rows:
        panel = (width - sum(one.left + one.right for one in row)) / len(row)
        if panel < 0.6 * least:
            raise InputError(
                f"{width:g} inches are too narrow for a sweep; make it wider, as in "
                "--size page"
            )
        stretched.append([one._replace(width=panel) for one in row])
    return stretched


def _figure(
    results: Results, grid: Grid, mode: str, options: Options
) -> tuple[Figure, Words]:
    """All panels, and what is written above and below them."""
    unit = style.scale()
    rows = _in_rows(_cells(grid), options.width)
    width = options.width or sum(c.left + c.width + c.right for c in rows[0])
    words = _words(results, grid, mode)
    extra = (_AXIS + _TITLE) * unit
    tall = _HEIGHT if len(rows) == 1 else 0.7 * _HEIGHT
    if len(grid.sweep.fields) == 2:
        tall = max(tall, _CELL_HEIGHT * len(grid.values(1)))
    body = len(rows) * (tall * unit + extra)
    figure, foot, body = style.page(options.inside(words), width, body, options.height)
    height, total = body / len(rows) - extra, figure.get_figheight()
    if height < _SMALLEST_PANEL * unit / 2:
        raise InputError(
            f"{total:g} inches are too low for {len(rows)} rows of panels; make the "
            "figure higher or wider"
        )
    for number, row in enumerate(rows):
        bottom = foot + (len(rows) - 1 - number) * (height + extra) + _AXIS * unit
        left = 0.0
        for cell in row:
            place = (left + cell.left, bottom, cell.width, height)
            parts = np.array(place) / [width, total, width, total]
            axes = figure.add_axes((parts[0], parts[1], parts[2], parts[3]))
            if cell.field is None:
                heat_map(axes, grid)
            else:
                marginal(axes, results, grid, cell.field)
            left += cell.left + cell.width + cell.right
    panels = [axes for axes in figure.axes if axes.get_label() == "marginal"]
    ends = np.array([axes.get_ylim() for axes in panels])
    for axes in panels:  # one scale for all
        axes.set_ylim(float(ends[:, 0].min()), float(ends[:, 1].max()))
        name_lines(axes, grid, panels.index(axes))
    return figure, words


def _words(results: Results, grid: Grid, mode: str) -> Words:
    sweep = grid.sweep
    names = list(sweep.names)
    fields = " and ".join(sweep.fields)
    counts = {name: len(s) for name, s in zip(names, grid.scores, strict=True)}
    several = len(sweep.fields) > 1
    seeds, games = (
        captions.seeds_in_words(counts, "variant"),
        captions.games_in_words(grid.games),
    )
    used = [len(grid.marginal(0, value)) for value in grid.values(0)]
    shown = [one for one in shown_variants(results, Options()) if one.name in names]
    black = "Black line: interquartile mean over seeds"
    if several:
        black += " of their means over the other fields' values"
    two = (
        "Colours: single values of the other field. Heat map: interquartile mean over "
        "the seeds of each variant."
    )
    parts = [
        "" if several else "Dots: single seeds.",
        f"{black} ({seeds}), each seed {games}.",
        captions.interval_in_words("Bars", {"": min(used, default=0)}),
        two if len(sweep.fields) == 2 else "",
        ""
        if grid.complete
        else "Not all combinations were run; means are over those that were.",
        f"{grid.diverged} seeds diverged, counted like the others."
        if grid.diverged
        else "",
        *conditions(results, shown, [mode]),
    ]
    budget = captions.steps_in_words(
        shown[0].variant.get(
            "budget_agent_steps", results.description["budget_agent_steps"]
        )
    )
    return Words(
        f"How does the final score of {sweep.algorithm} depend on {fields}?",
        f"{results.description['title']}: {played(mode)} after {budget} agent steps",
        " ".join(part for part in parts if part),
    )
