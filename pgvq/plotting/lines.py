"""Lines along training: how a variant's runs are drawn, and the panels around them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from pgvq.analysis.curves import Curves
from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.plotting.options import Options, Shown
from pgvq.plotting.style import Style, Words
from pgvq.types import InputError

Floats = NDArray[np.float64]

# The figure's parts in inches, so that text keeps its size whatever is drawn.
_PANEL_WIDTH, _PANEL_HEIGHT, _TALLEST_PANEL = 4.3, 4.1, 8.0
_LEFT, _BETWEEN, _AXIS = 0.75, 0.3, 0.55
_SMALLEST_PANEL = 0.9
_ONE_PANEL, _NAMES_BELOW = 5.5, 4.5  # of figures that are narrower
_LEADER, _SAMPLE, _NAME = 0.15, (0.19, 0.48), 0.55  # right of the panel
_LABEL_SPACING = 1.3
MOST_WITH_SEEDS = 7  # of more variants single seeds would hide the means
_APART = 4.0  # times by which methods' seconds differ on a logarithmic axis


class Line(NamedTuple):
    """One variant and what is drawn of it; P evaluation points."""

    shown: Shown
    curve: Curves
    middle: Floats  # [P] interquartile mean over the complete seeds
    low: Floats  # [P] what is beside it, NaN where there is nothing
    high: Floats  # [P]
    named: bool = True  # else one of the grey ones
    is_score: bool = True

    @property
    def last(self) -> str:
        """The last value, beside the name."""
        value = float(self.middle[-1])
        return style.signed(value) if self.is_score else f"{value:.3g}"

    @property
    def look(self) -> Style:
        """Its colour and dashes."""
        return self.shown.look if self.named else Style(style.FAINT, "-")

    def at(self, x: str) -> tuple[Floats, Floats]:
        """Places of the seeds' points, [S, P], and of the curve over seeds, [P]."""
        curve = self.curve
        if x == "agent_steps":
            steps = curve.steps.astype(float)
            return np.broadcast_to(steps, curve.scores.shape), steps
        each = curve.seconds if x == "seconds" else curve.updates
        return each, each[curve.complete].mean(axis=0)


def shown_axes(options: Options) -> list[str]:
    """The x-axes of a figure's panels."""
    if options.x is not None:
        return [options.x]
    narrow = options.width is not None and options.width < _ONE_PANEL
    return ["agent_steps"] if narrow else ["agent_steps", "seconds"]


def is_log(lines: list[Line], x: str, options: Options) -> bool:
    """Whether an x-axis is logarithmic: as chosen, and where seconds differ much."""
    if "x" in options.log:
        return True
    ends = [line.at(x)[1][-1] for line in lines]
    return x == "seconds" and min(ends) > 0 and max(ends) / min(ends) >= _APART


def draw_panel(axes: Axes, lines: list[Line], x: str, log: bool) -> None:
    """Draws all lines, and the x-axis in a unit that suits them."""
    style.quiet_grid(axes)
    largest = max(float(np.nanmax(line.at(x)[0])) for line in lines)
    unit, label = _unit(x, largest, log)
    named = sum(line.named for line in lines)
    ink = min(1.0, 4 / named)
    for line in sorted(lines, key=lambda line: line.named):
        each, together = (np.array(part) / unit for part in line.at(x))
        if log:
            each, together = (np.where(p > 0, p, np.nan) for p in (each, together))
        # The more variants, the fainter their seeds and bands behind the means.
        _draw(axes, line, each, together, ink, seeds=named <= MOST_WITH_SEEDS)
    if style.width_of(label) > 1.05 * style.inches_of(axes)[0]:
        label = label.rpartition(", ")[2]
    axes.set_xlabel(label)
    end = axes.dataLim.x1 if np.isfinite(axes.dataLim.x1) else 1
    if not log:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlim(0, end * 1.02 or 1)
        return
    places = [line.at(x)[0] / unit for line in lines]
    positive = np.concatenate([p[p > 0] for p in places])
    if not len(positive):
        raise InputError(
            f"{x} is 0 throughout, and a logarithmic axis has only positive numbers; "
            "leave x out of log"
        )
    low, high = float(positive.min()), float(positive.max())
    axes.set_xscale("log")
    axes.set_xlim(low / (high / low) ** 0.02, high * (high / low) ** 0.02 * 1.001)
    # The fewer decades, the more ticks between their powers of ten.
    subs = (1.0, 2.0, 5.0) if high / low < 120 else (1.0, 3.0)
    subs = subs if high / low < 3000 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _unit(x: str, largest: float, log: bool) -> tuple[float, str]:
    """The unit of an x-axis and its label."""
    if x == "seconds":
        # Small times are read in seconds where a logarithmic axis shows them too.
        unit, name = style.time_unit(largest / 12 if log else largest)
        label = f"training time by the wall clock, {name}"
    elif x == "updates":
        unit, name = style.steps_unit(largest, "gradient updates")
        label = f"training of each seed, {name}"
    else:
        unit, name = style.steps_unit(largest)
        label = f"training of each seed, {name}"
    return unit, label + (" (logarithmic)" if log else "")


def _draw(
    axes: Axes,
    line: Line,
    each: Floats,
    together: Floats,
    ink: float,
    *,
    seeds: bool,
) -> None:
    """One variant: seeds at `each` [S, P] and the curve over them at `together` [P]."""
    curve, look = line.curve, line.look
    if line.named:
        faint = ink * float(np.clip(1.2 / len(curve.seeds) ** 0.6, 0.12, 0.4))
        for x, y in zip(each, curve.scores, strict=True) if seeds else ():
            axes.plot(x, y, color=look.color, alpha=faint, linewidth=0.7, zorder=2)
        axes.fill_between(
            together, line.low, line.high, color=look.color, alpha=0.17 * ink,
            linewidth=0, zorder=3,
        )  # fmt: skip
    for x, y, diverged in zip(each, curve.scores, curve.diverged, strict=True):
        if diverged:
            last = np.flatnonzero(np.isfinite(y))[-1:]
            axes.plot(x[last], y[last], "x", color=look.color, markersize=6, zorder=4)
    axes.plot(
        together, line.middle, color=look.color, linestyle=look.dashes,
        linewidth=2 if line.named else 1, zorder=5 if line.named else 1.5,
    )  # fmt: skip


def lines_figure(
    lines: list[Line],
    words: Words,
    options: Options,
    scale_y: Callable[[Axes, bool], None],
) -> Figure:
    """Draws lines in one panel or two, with their names beside or below.

    Args:
        lines: what is drawn.
        words: headings and caption.
        options: size, x-axis and logarithmic axes.
        scale_y: sets the y-axis of a panel that has its lines, and writes its label
            where the second argument is true.

    Raises:
        InputError: the given size leaves no room.
    """
    figure, panels, beside = _panels(lines, words, options)
    for number, (axes, x) in enumerate(panels):
        draw_panel(axes, lines, x, is_log(lines, x, options))
        scale_y(axes, number == 0)
    if beside:
        _end_labels(*panels[-1], lines)
    return figure


def _panels(
    lines: list[Line], words: Words, options: Options
) -> tuple[Figure, list[tuple[Axes, str]], bool]:
    """A figure with its panels and the x-axis of each; whether names go beside them."""
    unit, width = style.scale(), options.width
    xs = shown_axes(options)
    below = width is not None and width < _NAMES_BELOW
    rows = _rows_below(lines, width) if width is not None and below else []
    gutter = 0.15 * unit if below else _gutter(lines)
    # Small numbers, as losses often are, have long labels.
    left = (_LEFT if lines[0].is_score else _LEFT + 0.25) * unit
    between = _BETWEEN * unit
    around = left + (len(xs) - 1) * between + gutter
    if width is None:
        panel = _PANEL_WIDTH
        width = around + len(xs) * panel
        # Many names, or long ones, need more than the curves.
        room = sum(_label(x).count("\n") + 1.35 for x in lines if x.named) * 0.145
        height = float(np.clip(room, _PANEL_HEIGHT, _TALLEST_PANEL)) * max(1.0, unit)
    else:
        panel = (width - around) / len(xs)
        height = float(np.clip(0.75 * panel, 1.7, _PANEL_HEIGHT))
    if panel < _SMALLEST_PANEL * unit:
        raise InputError(
            f"{width:g} inches are too narrow for the figure beside its names; make it "
            "wider, the font smaller, or the names shorter by labels"
        )
    under = (_AXIS + 0.2 * len(rows)) * unit
    figure, foot, body = style.page(
        options.inside(words), width, height + under + 0.1, options.height
    )
    height, total = body - under - 0.1, figure.get_figheight()
    panels: list[tuple[Axes, str]] = []
    for number, x in enumerate(xs):
        place = (left + number * (panel + between), foot + under, panel, height)
        parts = np.array(place) / [width, total, width, total]
        beside = panels[0][0] if panels else None
        axes = figure.add_axes((parts[0], parts[1], parts[2], parts[3]), sharey=beside)
        if panels:
            axes.tick_params(labelleft=False)
        panels.append((axes, x))
    for number, row in enumerate(rows):
        _name_below(figure, row, foot + (0.2 * (len(rows) - number) - 0.08) * unit)
    return figure, panels, not below


def _label(line: Line) -> str:
    return f"{style.wrapped(line.shown.label)}  {line.last}"


def _gutter(lines: list[Line]) -> float:
    """Inches that the names right of the panels need."""
    widest = max(style.width_of(_label(x), 9, "bold") for x in lines if x.named)
    return widest + (_NAME + 0.12) * style.scale()


def _end_labels(axes: Axes, x: str, lines: list[Line]) -> None:
    """Name every variant right of the panel, at the height where its curve ends.

    Panels share their scores, so the names belong to all of them. A leader goes from
    the curve's end to a piece of its line and its name.
    """
    lines = [line for line in lines if line.named]
    panel = style.inches_of(axes)
    counts = np.array([_label(line).count("\n") + 1.35 for line in lines])
    points = 9 * style.scale()
    size = float(min(points, 72 * panel[1] / (counts.sum() * _LABEL_SPACING)))
    heights = counts * size * _LABEL_SPACING / 72 / panel[1]  # shares of the panel
    to_axes = axes.transData + axes.transAxes.inverted()
    low, high = axes.get_ylim()
    _, largest = axes.get_xlim()
    unit = _unit(x, max(float(np.nanmax(one.at(x)[0])) for one in lines), _log(axes))[0]
    lasts = [line.middle[-1] for line in lines]
    stops = [min(line.at(x)[1][-1] / unit, largest) for line in lines]
    ends = [
        to_axes.transform((stop, y))
        for stop, y in zip(stops, style.within(lasts, low, high), strict=True)
    ]
    wanted = [float(np.clip(end[1], 0, 1)) for end in ends]
    places = style.spread(wanted, heights, 0.0, 1.0)
    inch = style.scale() / panel[0]
    for line, end, y in zip(lines, ends, places, strict=True):
        color = line.look.color
        axes.plot(
            [end[0], max(end[0], 1.005), 1 + _LEADER * inch], [end[1], end[1], y],
            transform=axes.transAxes, clip_on=False, color=color, linewidth=0.8,
            linestyle=":", zorder=1,
        )  # fmt: skip
        axes.plot(
            [1 + part * inch for part in _SAMPLE], [y, y], transform=axes.transAxes,
            clip_on=False, color=color, linewidth=2, linestyle=line.look.dashes,
        )  # fmt: skip
        axes.text(
            1 + _NAME * inch, y, for_figure(_label(line)), transform=axes.transAxes,
            size=size, va="center", linespacing=1.15, weight="bold",
        )  # fmt: skip


def _log(axes: Axes) -> bool:
    return axes.get_xscale() == "log"


def _rows_below(lines: list[Line], width: float) -> list[list[tuple[float, Line]]]:
    """Names below a narrow figure, in rows; each with its place in inches."""
    unit = style.scale()
    rows: list[list[tuple[float, Line]]] = [[]]
    at = 0.1
    for line in (line for line in lines if line.named):
        label = line.shown.label
        needed = style.width_of(f"{label}  {line.last}", 8)
        needed += 0.5 * unit
        if rows[-1] and at + needed > width:
            rows.append([])
            at = 0.1
        rows[-1].append((at, line))
        at += needed + 0.1 * unit
    return rows


def _name_below(figure: Figure, row: list[tuple[float, Line]], y: float) -> None:
    width, height = figure.get_size_inches()
    unit = style.scale()
    for at, line in row:
        sample = Line2D(
            [at / width, (at + 0.4 * unit) / width], [y / height] * 2, linewidth=1.8,
            color=line.look.color, linestyle=line.look.dashes,
            transform=figure.transFigure,
        )  # fmt: skip
        figure.add_artist(sample)
        text = f"{line.shown.label}  {line.last}"
        figure.text(
            (at + 0.46 * unit) / width, y / height, for_figure(text), size=8 * unit,
            va="center",
        )  # fmt: skip


def legend(axes: Axes, lines: list[Line]) -> None:
    """A legend inside of the axes, for those who place them themselves."""
    handles = [
        Line2D([], [], color=x.look.color, linestyle=x.look.dashes, linewidth=2,
               label=for_figure(x.shown.label))
        for x in lines if x.named
    ]  # fmt: skip
    axes.legend(handles=handles, frameon=False, handlelength=3)
