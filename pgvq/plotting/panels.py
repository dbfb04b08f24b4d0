"""Pictures of measurements: panels of curves, or of rows with a dot per seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pgvq.analysis.statistics import MIN_RUNS, estimate
from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.storage.files import one_line
from pgvq.types import InputError

# One hue per way of getting a gradient, the same on every page.
COLORS = {
    "backpropagation": "#009E73",
    "backpropagation light": "#7CCBA2",
    "policy gradient": "#D55E00",
    "policy gradient light": "#F4A261",
    "policy gradient dark": "#7A2500",
    "Q-learning": "#0072B2",
    "Q-learning light": "#6BB8E8",
    "Q-learning dark": "#08306B",
    "other": "#A9558C",
    "other light": "#D9A5C7",
    "reference": style.GREY,
}

_WIDTH, _HEIGHT = 3.3, 2.5  # inches, of a panel
_LEFT, _GAP, _TOP, _TITLE, _BELOW = 0.75, 0.15, 0.8, 0.35, 0.5


class Curve(NamedTuple):
    """One line, with a band where `low` and `high` are given; all `[K]`.

    With a `marker` the points are drawn, with bars instead of a band; without `dashes`
    the points alone.
    """

    name: str  # written at its right end; "" for none
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    color: str = ""
    dashes: Any = "-"
    marker: str = ""


def seeds_curve(
    name: str, x: ArrayLike, runs: ArrayLike, color: str = "", dashes: Any = "-"
) -> Curve:
    """The interquartile mean of S seeds' `runs [S, K]` at `x [K]`, with its interval.

    From fewer than five seeds there is no interval, and so no band.
    """
    middle, *ends = estimate(runs)
    if len(np.asarray(runs)) < MIN_RUNS:
        return Curve(name, x, middle, color=color, dashes=dashes)
    return Curve(name, x, middle, *ends, color=color, dashes=dashes)


def table_curve(name: str, rows: pd.DataFrame, x: str, y: str, **look: Any) -> Curve:
    """Columns of a table, with the ends `Y_low` and `Y_high` where it has them."""
    return Curve(
        name, rows[x], rows[y], rows.get(f"{y}_low"), rows.get(f"{y}_high"), **look
    )


def bands_in_words(seeds: int) -> str:
    """What the bands of `seeds_curve` are, for a caption."""
    if seeds < MIN_RUNS:
        return f"no bands, because fewer than {MIN_RUNS} seeds have no interval"
    return "bands are 95 % intervals over whole runs"


class Panel(NamedTuple):
    """Curves that share their axes."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    x_log: bool = False
    y_log: bool = False
    lines: Mapping[str, float] = {}  # horizontal references, by name
    y_limits: tuple[float, float] | None = None


class Rows(NamedTuple):
    """Groups of values, as those of the seeds of a method; a row for each."""

    title: str
    x_label: str
    rows: Mapping[str, ArrayLike]  # by name, [S]
    colors: Mapping[str, str] = {}
    lines: Mapping[str, float] = {}  # vertical references, by name


def panels(
    stem: Path,
    question: str,
    what: str,
    parts: Sequence[Panel | Rows],
    caption: str,
    columns: int = 2,
) -> list[Path]:
    """Draw panels side by side, at most `columns` in a row; returns the files written.

    Args:
        stem: path of the file without its ending, .png.
        question: that the picture answers, its heading.
        what: is shown, in a line below.
        parts: the panels.
        caption: seeds, samples, what bands are.
        columns: of panels.

    Raises:
        InputError: there are no panels, or a curve has no points.
    """
    _check(parts)
    columns = min(columns, len(parts))
    lines = -(-len(parts) // columns)
    with matplotlib.rc_context(style.RC):
        rights = [_label_width(part) for part in parts]
        lefts = [_name_width(part) for part in parts]
        cell_left = [max(lefts[i::columns]) for i in range(columns)]
        cell_right = [max(rights[i::columns]) for i in range(columns)]
        width = sum(cell_left) + sum(cell_right) + columns * (_WIDTH + _GAP)
        width = max(width, 6.2, 0.4 + 0.105 * len(question))
        words = style.caption_lines(width, caption)
        foot = style.caption_height(words)
        heights = [
            max(_part_height(part) for part in parts[i * columns : (i + 1) * columns])
            for i in range(lines)
        ]
        head = _TOP + style.headings_height(width, question, what)
        height = head + foot + sum(heights) + lines * (_TITLE + _BELOW)
        figure = Figure(figsize=(width, height))
        top = height - head
        for line in range(lines):
            left = 0.0
            row = parts[line * columns : (line + 1) * columns]
            for column, part in enumerate(row):
                left += cell_left[column]
                bottom = top - _TITLE - heights[line]
                box = (left, bottom, _WIDTH, heights[line])
                place = tuple(np.array(box) / [width, height, width, height])
                _draw(figure.add_axes(place), part)
                left += _WIDTH + cell_right[column] + _GAP
            top -= _TITLE + heights[line] + _BELOW
        style.headings(figure, question, what)
        style.write_caption(figure, words)
        return style.save(figure, stem)


def _check(parts: Sequence[Panel | Rows]) -> None:
    if not parts:
        raise InputError("a picture needs at least one panel")
    for part in parts:
        names = part.rows if isinstance(part, Rows) else part.curves
        if not names:
            raise InputError(f"the panel {part.title!r} is empty; give it some values")
        for curve in part.curves if isinstance(part, Panel) else ():
            try:
                x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
            except (TypeError, ValueError) as error:
                raise InputError(f"{curve.name}: {one_line(error)}") from error
            if x.ndim != 1 or x.shape != y.shape or not len(x):
                raise InputError(
                    f"the curve {curve.name!r} has x of shape {x.shape} and y of "
                    f"shape {y.shape}; give two lists of one length"
                )


def _part_height(part: Panel | Rows) -> float:
    """Rows need as much room as there are of them."""
    return max(1.6, 0.5 * len(part.rows)) if isinstance(part, Rows) else _HEIGHT


def _label_width(part: Panel | Rows) -> float:
    """Room for the names to the right of a panel, in inches."""
    if isinstance(part, Rows):
        return 0.25
    names = [style.wrapped(c.name, 20) for c in part.curves if c.name]
    names += [style.wrapped(name, 20) for name in part.lines]
    widest = max((len(x) for n in names for x in n.split("\n")), default=0)
    return 0.15 + 0.068 * widest


def _name_width(part: Panel | Rows) -> float:
    """Room for what is to the left of a panel, in inches."""
    if isinstance(part, Panel):
        return _LEFT
    names = [style.wrapped(name, 24) for name in part.rows]
    return 0.25 + 0.075 * max(len(x) for n in names for x in n.split("\n"))


def _draw(axes: Axes, part: Panel | Rows) -> None:
    style.quiet_grid(axes)
    pad = 16 if isinstance(part, Rows) and part.lines else 6
    axes.set_title(
        for_figure(part.title), loc="left", size=9.5, color=style.INK, pad=pad
    )
    axes.set_xlabel(for_figure(part.x_label))
    if isinstance(part, Rows):
        _draw_rows(axes, part)
    else:
        _draw_curves(axes, part)


def _draw_curves(axes: Axes, panel: Panel) -> None:
    axes.set_ylabel(for_figure(panel.y_label))
    if panel.x_log:
        axes.set_xscale("log")
    if panel.y_log:
        axes.set_yscale("log")
    labels: list[tuple[str, float, str]] = []  # words, height in data, colour
    for name, level in panel.lines.items():
        axes.axhline(level, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        labels.append((name, level, style.GREY))
    for curve in panel.curves:
        color = curve.color or style.INK
        x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
        _draw_uncertainty(axes, curve, color)
        axes.plot(
            x, y, color=color, linewidth=1.8, linestyle=curve.dashes or "none",
            marker=curve.marker or None, markersize=4, zorder=3,
        )  # fmt: skip
        known = y[np.isfinite(y)]
        if curve.name and len(known):
            labels.append((curve.name, float(known[-1]), color))
    axes.margins(x=0.02)
    if panel.y_limits:
        axes.set_ylim(panel.y_limits)
    _name_curves(axes, labels, _HEIGHT)


def _draw_uncertainty(axes: Axes, curve: Curve, color: str) -> None:
    if curve.low is None or curve.high is None:
        return
    x, y = np.asarray(curve.x, float), np.asarray(curve.y, float)
    low, high = np.asarray(curve.low, float), np.asarray(curve.high, float)
    if curve.marker:
        sizes = np.abs(np.stack([y - low, high - y]))
        axes.errorbar(
            x, y, sizes, fmt="none", ecolor=color, elinewidth=1.0, capsize=2, zorder=2
        )
    else:
        axes.fill_between(x, low, high, color=color, alpha=0.16, linewidth=0, zorder=1)


def _name_curves(
    axes: Axes, labels: list[tuple[str, float, str]], height: float
) -> None:
    """Writes names to the right of axes of a height in inches, near their curves."""
    if not labels:
        return
    words = [style.wrapped(name, 20) for name, *_ in labels]
    to_axes = axes.transData + axes.transAxes.inverted()
    # Whatever lies outside of the axes is named at their edge.
    ends = [
        float(np.clip(to_axes.transform((axes.get_xlim()[1], level))[1], 0, 1))
        for _, level, _ in labels
    ]
    heights = [0.155 * (1 + text.count("\n")) / height for text in words]
    for text, (_, _, color), at in zip(
        words, labels, style.spread(ends, heights, 0.0, 1.0), strict=True
    ):
        axes.text(
            1.02, float(at), for_figure(text), transform=axes.transAxes, color=color,
            size=8, va="center", linespacing=1.1,
        )  # fmt: skip


def _draw_rows(axes: Axes, part: Rows) -> None:
    """A row per name: below its middle the values, above it their mean and interval."""
    for name, level in part.lines.items():
        axes.axvline(level, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.text(
            level, 1.01, for_figure(name), transform=axes.get_xaxis_transform(), size=8,
            color=style.GREY, va="bottom", ha="center",
        )  # fmt: skip
    for y, (name, given) in enumerate(part.rows.items()):
        color = part.colors.get(name, style.INK)
        runs = np.asarray(given, float)
        if not len(runs):
            continue
        if lost := int(np.sum(~np.isfinite(runs))):
            axes.text(
                0.01, y - 0.2, f"{lost} of {len(runs)} not finite", size=8,
                transform=axes.get_yaxis_transform(), color=color, va="bottom",
            )  # fmt: skip
        values = runs[np.isfinite(runs)]
        # Multiples of the golden ratio spread any number of dots, always the same way.
        heights = y + 0.08 + 0.3 * (0.618034 * np.arange(len(values)) % 1)
        axes.scatter(values, heights, s=16, color=color, alpha=0.55, linewidths=0)
        middle, low, high = map(float, estimate(runs))
        if len(runs) >= MIN_RUNS:
            axes.plot([low, high], [y - 0.12] * 2, color=color, linewidth=2.5)
        axes.plot(middle, y - 0.12, "D", color=color, markersize=6, markeredgecolor="w")
    axes.grid(visible=False, axis="y")
    names = [for_figure(style.wrapped(name, 24)) for name in part.rows]
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first on top
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
