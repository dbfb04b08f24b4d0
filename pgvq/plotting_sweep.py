"""Figures of a sweep: final score against each field, and a heat map over two."""

from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter
from numpy.typing import NDArray

from pgvq import captions
from pgvq import plotting_style as style
from pgvq.curves import curves, final_scores_of
from pgvq.plain_text import for_figure
from pgvq.plotting_captions import conditions
from pgvq.plotting_options import Options, shown_modes, shown_variants
from pgvq.plotting_style import Words
from pgvq.results import Results
from pgvq.score_meaning import score_in
from pgvq.statistics import estimate, interquartile_mean
from pgvq.summary_table import played
from pgvq.sweeping import shortest
from pgvq.swept_fields import Sweep, is_geometric, sweeps
from pgvq.types import InputError

Floats = NDArray[np.float64]

_PANEL, _HEIGHT, _LEFT, _AXIS, _TITLE = 3.3, 2.7, 0.75, 0.5, 0.3  # inches
_CELL_WIDTH, _CELL_HEIGHT = 0.85, 0.5
_MOST_LINES = 8  # of a marginal; more values of the other field are left out
_COLORS = colormaps["cividis"]  # the same order of lightness for every reader


class Grid(NamedTuple):
    """Final scores of a sweep; of each variant those of its S finished seeds."""

    sweep: Sweep
    seeds: list[NDArray[np.int64]]  # [S] of each variant
    scores: list[Floats]  # [S]
    games: list[int]
    diverged: int

    def values(self, field: int) -> Floats:
        """The values that a field has, from low to high."""
        return np.unique(self.sweep.values[:, field])

    def of(self, field: int, value: float) -> list[int]:
        """Numbers of the variants that have a value."""
        return np.flatnonzero(self.sweep.values[:, field] == value).tolist()

    def marginal(self, field: int, value: float) -> Floats:
        """Scores of runs with a value, each the mean over the variants that have it.

        Run i is the mean over seed i of these variants; only seeds that all of them
        have count. [S]
        """
        numbers = self.of(field, value)
        common = set.intersection(*(set(self.seeds[n].tolist()) for n in numbers))
        rows = [self.scores[n][np.isin(self.seeds[n], sorted(common))] for n in numbers]
        with np.errstate(invalid="ignore"):
            return np.mean(rows, axis=0)


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
    _marginal(axes, results, grid, number)
    return axes


def draw_heat_map(axes: Axes, results: Results, mode: str = "greedy") -> Axes:
    """Draws final scores over the two fields of a sweep; returns the axes.

    Raises:
        InputError: the results hold no sweep of two fields.
    """
    grids = [grid for grid in _grids(results, mode) if len(grid.sweep.fields) == 2]
    if not grids:
        raise InputError("these results hold no sweep of two fields that hold numbers")
    _heat_map(axes, grids[0])
    return axes


def sweep_figures(
    results: Results, folder: Path, options: Options | None = None
) -> list[Path]:
    """Writes sweep, or sweep_ALGORITHM of several, for each sweep of the results.

    A panel for each field, and of two fields a heat map. Only variants that are chosen
    count.
    """
    options = options or Options()
    modes = shown_modes(results, options)
    if not modes:
        return []
    grids = _grids(results, modes[0], options)
    written = []
    for grid in grids:
        with matplotlib.rc_context(options.rc):
            figure, words = _figure(results, grid, modes[0], options)
            stem = "sweep"
            if len(grids) > 1:
                title = "".join(c if c.isalnum() else "_" for c in grid.sweep.title)
                stem = f"sweep_{title.strip('_')}"
            text = options.beside(words)
            written += style.save(figure, folder / stem, options.format, text)
    return written


def _grids(results: Results, mode: str, options: Options | None = None) -> list[Grid]:
    """The sweeps that have a final score, as far as their variants are chosen."""
    chosen = {one.name for one in shown_variants(results, options or Options())}
    variants = [v for v in results.description["variants"] if v["name"] in chosen]
    grids = []
    for sweep in sweeps({**results.description, "variants": variants}):
        found = {v["name"]: curves(results, v, mode) for v in variants}
        each = [found[name] for name in sweep.names]
        grid = Grid(
            sweep,
            [curve.seeds[curve.finished] for curve in each],
            [final_scores_of(curve) for curve in each],
            [curve.games for curve in each if curve.games],
            sum(int(curve.diverged.sum()) for curve in each),
        )
        if any(len(scores) for scores in grid.scores):
            grids.append(grid)
    return grids


def _grid_with(results: Results, field: str, mode: str) -> tuple[Grid, int]:
    grids = _grids(results, mode)
    for grid in grids:
        for number, path in enumerate(grid.sweep.fields):
            if field in ("", path):
                return grid, number
    known = [path for grid in grids for path in grid.sweep.fields]
    advice = (
        f"use {' or '.join(known)}" if known else "sweep one, as in docs/figures.md"
    )
    raise InputError(f"these results hold no sweep of {field or 'a field'}; {advice}")


def _figure(
    results: Results, grid: Grid, mode: str, options: Options
) -> tuple[Figure, Words]:
    """Panels side by side: marginals of all fields, then the heat map."""
    fields = grid.sweep.fields
    unit = style.scale()
    map_shape = [len(grid.values(f)) for f in range(len(fields))]
    with_map = len(fields) == 2
    gutters = [_gutter(grid, f) for f in range(len(fields))]
    widths = [_PANEL * unit] * len(fields)
    lefts = [_LEFT * unit] + [0.45 * unit] * (len(fields) - 1)
    height = _HEIGHT * unit
    if with_map:
        rows = [style.width_of(text) for text in shortest(grid.values(1).tolist())]
        lefts.append(0.55 * unit + max(rows))
        widths.append(max(2.2, _CELL_WIDTH * map_shape[0]) * unit)
        gutters.append(0.15)
        height = max(height, _CELL_HEIGHT * map_shape[1] * unit)
    around = sum(lefts) + sum(gutters)
    width = options.width or around + sum(widths)
    shrink = (width - around) / sum(widths)
    if min(widths) * shrink < 0.9 * unit:
        raise InputError(
            f"{width:g} inches are too narrow for the {len(widths)} panels of a sweep; "
            "make it wider, as in --size page"
        )
    words = _words(results, grid, mode)
    extra = (_AXIS + _TITLE) * unit
    figure, foot, body = style.page(
        options.inside(words), width, height + extra, options.height
    )
    height, total, left = body - extra, figure.get_figheight(), 0.0
    for number, panel in enumerate(widths):
        left += lefts[number]
        place = (left, foot + _AXIS * unit, panel * shrink, height)
        parts = np.array(place) / [width, total, width, total]
        axes = figure.add_axes((parts[0], parts[1], parts[2], parts[3]))
        if number < len(fields):
            _marginal(axes, results, grid, number)
            if number:
                axes.set_ylabel("")
                axes.set_ylim(figure.axes[0].get_ylim())
                axes.tick_params(labelleft=False)
        else:
            _heat_map(axes, grid)
        left += panel * shrink + gutters[number]
    return figure, words


def _words(results: Results, grid: Grid, mode: str) -> Words:
    sweep = grid.sweep
    names = list(sweep.names)
    fields = " and ".join(sweep.fields)
    counts = {name: len(s) for name, s in zip(names, grid.scores, strict=True)}
    several = len(sweep.fields) > 1
    seeds, games = captions.seeds_in_words(counts), captions.games_in_words(grid.games)
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


def _others(grid: Grid, field: int) -> list[tuple[str, list[int], str]]:
    """Lines for values of the other field of two: label, variants and colour."""
    if len(grid.sweep.fields) != 2:
        return []
    values = grid.values(1 - field)
    if len(values) > _MOST_LINES:  # the ends and evenly between them
        values = values[
            np.linspace(0, len(values) - 1, _MOST_LINES).round().astype(int)
        ]
    texts = shortest(values.tolist())
    shades = _COLORS(np.linspace(0.05, 0.9, len(values)))
    return [
        (text, grid.of(1 - field, value), to_hex(shade))
        for text, value, shade in zip(texts, values, shades, strict=True)
    ]


def _gutter(grid: Grid, field: int) -> float:
    others = _others(grid, field)
    name = _short(grid.sweep.fields[1 - field]) if others else ""
    labels = [style.width_of(text, 8) for text, *_ in others]
    return max([0.15, 0.2 + max([*labels, style.width_of(name, 8)], default=0)])


def _short(path: str) -> str:
    return path.rpartition(".")[2]


def _marginal(axes: Axes, results: Results, grid: Grid, field: int) -> None:
    """Scores against one field."""
    values = grid.values(field)
    style.quiet_grid(axes)
    size = style.scale()
    axes.set_xlabel(for_figure(grid.sweep.fields[field]))
    names = list(grid.sweep.names)
    label = str(score_in(results.description, names)["label"])
    axes.set_ylabel(for_figure(style.fitting_label(axes, label)))
    if is_geometric(values):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(FixedLocator([]))
    places = _few(values, 6)
    axes.set_xticks(places, shortest(places.tolist()))
    axes.xaxis.set_minor_formatter(NullFormatter())
    single = len(grid.sweep.fields) == 1
    runs = [grid.marginal(field, value) for value in values]
    if single:
        for value, scores in zip(values, runs, strict=True):
            axes.plot(
                np.full(len(scores), value), scores, "o", color=style.GREY, alpha=0.45,
                markersize=3.5, markeredgewidth=0, zorder=2,
            )  # fmt: skip
    ends, heights = [], []
    for text, numbers, color in _others(grid, field):
        x = grid.sweep.values[numbers, field]
        y = np.array([interquartile_mean(grid.scores[n]) for n in numbers])
        order = np.argsort(x)
        axes.plot(x[order], y[order], "o-", color=color, linewidth=1.2, markersize=3)
        ends.append((text, float(y[order][-1]), color))
        heights.append(y)
    middle, low, high = (
        np.array(part) for part in zip(*map(estimate, runs), strict=True)
    )
    sizes = np.abs(np.stack([middle - low, high - middle]))
    axes.errorbar(
        values, middle, np.nan_to_num(sizes), fmt="D-", color=style.INK, linewidth=1.8,
        markersize=4, elinewidth=1.4, capsize=3, zorder=4,
    )  # fmt: skip
    scores = grid.scores if single else [*heights, middle, low, high]
    axes.set_ylim(style.score_limits(results, np.concatenate(scores), names))
    _name_lines(axes, grid, field, ends, size)


def _few(values: Floats, most: int) -> Floats:
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).round().astype(int)]


def _name_lines(
    axes: Axes, grid: Grid, field: int, ends: list[tuple[str, float, str]], size: float
) -> None:
    """Values of the other field, right of the panel, under its name."""
    if not ends:
        return
    figure = axes.get_figure()
    height = axes.get_position().height * (figure.get_figheight() if figure else 3.0)
    line = 0.14 * size / height
    low, high = axes.get_ylim()
    wanted = [
        (float(style.within(end, low, high)) - low) / (high - low) for _, end, _ in ends
    ]
    places = style.spread(wanted, [line] * len(ends), 0.0, 1.0)
    for (text, _, color), at in zip(ends, places, strict=True):
        axes.text(
            1.02, at, for_figure(text), transform=axes.transAxes, color=color,
            size=8 * size, va="center", weight="bold",
        )  # fmt: skip
    axes.text(
        1.02, max(1.0, float(places.max()) + line) + 0.4 * line,
        for_figure(_short(grid.sweep.fields[1 - field])), transform=axes.transAxes,
        size=8 * size, va="bottom", color=style.GREY,
    )  # fmt: skip


def _heat_map(axes: Axes, grid: Grid) -> None:
    """A cell for each pair of values; those that were not run are hatched."""
    columns, rows = grid.values(0), grid.values(1)
    cells = np.full([len(rows), len(columns)], np.nan)
    known = np.zeros(cells.shape, bool)
    for (x, y), scores in zip(grid.sweep.values, grid.scores, strict=True):
        place = int(np.searchsorted(rows, y)), int(np.searchsorted(columns, x))
        cells[place] = interquartile_mean(scores)
        known[place] = len(scores) > 0
    finite = cells[np.isfinite(cells)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    norm = Normalize(low, high if high > low else low + 1)
    axes.set_facecolor("#E4E4E4")
    masked = np.ma.masked_invalid(cells)
    axes.pcolormesh(
        np.arange(len(columns) + 1), np.arange(len(rows) + 1), masked, cmap=_COLORS,
        norm=norm, edgecolors="white", linewidth=1.5,
    )  # fmt: skip
    best = (
        np.nanargmax(np.where(np.isfinite(cells), cells, -np.inf))
        if len(finite)
        else -1
    )
    for number, ((row, column), value) in enumerate(np.ndenumerate(cells)):
        text = style.signed(value) if known[row, column] else "not run"
        dark = np.isfinite(value) and norm(value) < 0.55
        axes.text(
            column + 0.5, row + 0.5, text, ha="center", va="center",
            size=(9 if known[row, column] else 7) * style.scale(),
            weight="bold" if number == best else "normal",
            color="white" if dark else style.INK,
        )  # fmt: skip
    axes.set_xticks(np.arange(len(columns)) + 0.5, shortest(columns.tolist()))
    axes.set_yticks(np.arange(len(rows)) + 0.5, shortest(rows.tolist()))
    axes.tick_params(length=0)
    axes.set_xlabel(for_figure(grid.sweep.fields[0]))
    axes.set_ylabel(for_figure(grid.sweep.fields[1]))
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(
        "final score, the best in bold", loc="left", size=8.5 * style.scale(),
        color=style.INK,
    )  # fmt: skip
