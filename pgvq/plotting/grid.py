"""Panels of a sweep: final scores against one field, and over two in a heat map."""

from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_hex
from matplotlib.ticker import FixedLocator, NullFormatter
from numpy.typing import NDArray

from pgvq.analysis.curves import curves, final_scores_of
from pgvq.analysis.statistics import estimate, interquartile_mean
from pgvq.analysis.swept_fields import Sweep, is_geometric, sweeps
from pgvq.experiments.score_meaning import score_in
from pgvq.experiments.sweeps import shortest
from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.plotting.options import Options, shown_variants
from pgvq.results.store import Results

Floats = NDArray[np.float64]

_MOST_LINES = 8  # of a marginal; more values of the other field are left out
_COLORS = colormaps["viridis"]  # the same order of lightness for every reader


class Grid(NamedTuple):
    """Final scores of a sweep; of each variant those of its S finished seeds."""

    sweep: Sweep
    seeds: list[NDArray[np.int64]]  # [S] of each variant
    scores: list[Floats]  # [S]
    games: list[int]
    diverged: int

    @property
    def complete(self) -> bool:
        """Whether all combinations of values were run."""
        counts = [len(self.values(f)) for f in range(len(self.sweep.fields))]
        return len(self.sweep.names) == int(np.prod(counts))

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


def grids_of(results: Results, mode: str, options: Options | None = None) -> list[Grid]:
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
    shades = _COLORS(np.linspace(0.0, 0.85, len(values)))
    return [
        (text, grid.of(1 - field, value), to_hex(shade))
        for text, value, shade in zip(texts, values, shades, strict=True)
    ]


def gutter(grid: Grid, field: int) -> float:
    """Inches right of a marginal, for the names of its lines."""
    others = _others(grid, field)
    name = _short(grid, 1 - field) if others else ""
    labels = [style.width_of(text, 8) for text, *_ in others]
    return max([0.15, 0.2 + max([*labels, style.width_of(name, 8)], default=0)])


def _short(grid: Grid, field: int) -> str:
    """A field's name without the path to it."""
    return grid.sweep.fields[field].rpartition(".")[2]


def marginal(axes: Axes, results: Results, grid: Grid, field: int) -> None:
    """Draws scores against one field; `name_lines` names its lines afterwards."""
    values = grid.values(field)
    style.quiet_grid(axes)
    axes.set_label("marginal")
    axes.set_xlabel(for_figure(grid.sweep.fields[field]))
    names = list(grid.sweep.names)
    label = str(score_in(results.description, names)["label"])
    axes.set_ylabel(for_figure(style.fitting_label(axes, label)))
    if is_geometric(values):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(FixedLocator([]))
        axes.xaxis.set_minor_formatter(NullFormatter())
    _set_ticks(axes, values)
    runs = [grid.marginal(field, value) for value in values]
    if len(grid.sweep.fields) == 1:
        for value, scores in zip(values, runs, strict=True):
            axes.plot(
                np.full(len(scores), value), scores, "o", color=style.GREY, alpha=0.45,
                markersize=3.5, markeredgewidth=0, zorder=2,
            )  # fmt: skip
    for _, numbers, color in _others(grid, field):
        x, y = _line(grid, field, numbers)
        axes.plot(x, y, "o-", color=color, linewidth=1.3, markersize=3)
    middle, low, high = (
        np.array(part) for part in zip(*map(estimate, runs), strict=True)
    )
    with np.errstate(invalid="ignore"):
        sizes = np.abs(np.stack([middle - low, high - middle]))
    axes.errorbar(
        values, middle, np.where(np.isfinite(sizes), sizes, 0.0), fmt="D-",
        color=style.INK, linewidth=2, markersize=4.5, elinewidth=1.4, capsize=3,
        zorder=4,
    )  # fmt: skip
    axes.margins(y=0.08)


def _line(grid: Grid, field: int, numbers: list[int]) -> tuple[Floats, Floats]:
    """Of some variants, the values of a field in order, and their final scores."""
    x = grid.sweep.values[numbers, field]
    y = np.array([interquartile_mean(grid.scores[n]) for n in numbers])
    order = np.argsort(x)
    return x[order], y[order]


def _set_ticks(axes: Axes, values: Floats) -> None:
    """Ticks at the values, as many as have room below each other's labels."""
    texts = shortest(values.tolist())
    room = style.inches_of(axes)[0] / (max(map(style.width_of, texts)) + 0.08)
    count = min(len(values), max(2, int(room)))
    few = np.linspace(0, len(values) - 1, count).round().astype(int)
    axes.set_xticks(values[few], [texts[i] for i in few])


def name_lines(axes: Axes, grid: Grid, field: int) -> None:
    """Writes the values of the other field right of the panel, under its name."""
    others = _others(grid, field)
    if not others:
        return
    size = style.scale()
    line = 0.14 * size / style.inches_of(axes)[1]
    low, high = axes.get_ylim()
    ends = [_line(grid, field, numbers)[1][-1] for _, numbers, _ in others]
    wanted = (style.within(ends, low, high) - low) / (high - low)
    places = style.spread(wanted, [line] * len(others), 0.0, 1.0)
    for (text, _, color), at in zip(others, places, strict=True):
        axes.text(
            1.02, at, for_figure(text), transform=axes.transAxes, color=color,
            size=8 * size, va="center", weight="bold",
        )  # fmt: skip
    axes.text(
        1.02, float(places.max()) + line, for_figure(_short(grid, 1 - field)),
        transform=axes.transAxes, size=8 * size, va="center", color=style.GREY,
    )  # fmt: skip


def heat_map(axes: Axes, grid: Grid) -> None:
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
    widest = max(style.width_of(style.signed(x), weight="bold") for x in cells.ravel())
    shrink = min(1.0, 0.95 * style.inches_of(axes)[0] / len(columns) / widest)
    for number, ((row, column), value) in enumerate(np.ndenumerate(cells)):
        text = style.signed(value) if known[row, column] else "not run"
        dark = np.isfinite(value) and norm(value) < 0.55
        axes.text(
            column + 0.5, row + 0.5, text, ha="center", va="center",
            size=(9 if known[row, column] else 7) * style.scale() * shrink,
            weight="bold" if number == best else "normal",
            color="white" if dark else style.INK,
        )  # fmt: skip
    texts = shortest(columns.tolist())
    axes.set_xticks(np.arange(len(columns)) + 0.5, texts)
    room = style.inches_of(axes)[0] / len(columns)
    if max(map(style.width_of, texts)) > room:
        axes.tick_params(axis="x", rotation=45)
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
