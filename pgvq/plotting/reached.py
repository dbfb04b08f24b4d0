"""Which share of the seeds has reached a threshold for good, over agent steps."""

import os
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from pgvq.analysis import captions
from pgvq.analysis.curves import curves
from pgvq.analysis.statistics import steps_to_stay
from pgvq.analysis.summary import thresholds_of
from pgvq.analysis.words import played, signed
from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.plotting.captions import conditions
from pgvq.plotting.options import Options, Shown, shown_modes, shown_variants
from pgvq.plotting.style import Words
from pgvq.results.store import Results
from pgvq.storage.locations import as_path
from pgvq.types import InputError

_PANEL_WIDTH, _PANEL_HEIGHT = 3.6, 2.9  # inches
_LEFT, _BETWEEN, _TITLE, _AXIS = 0.75, 0.3, 0.3, 0.55
_SMALLEST_PANEL = 0.9
_SAMPLE, _NAME = (0.1, 0.39), 0.46  # right of the panel
_LABEL_SPACING = 1.3
_ONE_PANEL = 5.5  # of figures that are narrower
_STEP = (
    "Each step is a seed whose own curve scores the threshold or more from there to "
    "its end, interpolated between evaluations."
)


def draw_reached(
    axes: Axes,
    results: Results,
    threshold: float,
    mode: str = "greedy",
    **options: Any,
) -> Axes:
    """Draws a step function per variant on the caller's axes, and returns them.

    At each number of agent steps it is the share of the seeds whose own curve scores
    `threshold` or more from there to its end (`steps_to_stay`). Seeds that have not
    gone as far as the furthest of their variant are left out; a variant without any is
    not drawn. `options` are fields of `Options`: variants, order and labels.

    Raises:
        InputError: the mode was not evaluated, or an option is wrong.
    """
    drawn = shown_variants(results, Options.of(options))
    _fill(axes, results, threshold, mode, drawn)
    return axes


def _fill(
    axes: Axes, results: Results, threshold: float, mode: str, drawn: list[Shown]
) -> None:
    found = [(one, curves(results, one.variant, mode)) for one in drawn]
    ends = [float(curve.steps[-1]) for _, curve in found if len(curve.steps)]
    unit, name = style.steps_unit(max(ends, default=0.0))
    style.quiet_grid(axes)
    for one, curve in found:
        steps, shares = shares_of(curve.steps, curve.scores[curve.complete], threshold)
        if len(steps):
            axes.plot(
                steps / unit, shares, drawstyle="steps-post", linewidth=2,
                color=one.look.color, linestyle=one.look.dashes,
                label=for_figure(one.label),
            )  # fmt: skip
    axes.set_xlim(0, max(ends, default=unit) / unit)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    label = f"training of each seed, {name}"
    short = style.width_of(label) > 1.05 * style.inches_of(axes)[0]
    axes.set_xlabel(name if short else label)


def shares_of(
    steps: NDArray, scores: NDArray[np.float64], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the share of runs that are there for good rises, and to what; [K] each.

    `steps` [P] in agent steps, `scores` [S, P]. The first of the K is 0, the last the
    end of the curves; nothing where there are no runs.
    """
    if not scores.size:
        return np.empty(0), np.empty(0)
    there = steps_to_stay(steps, scores, threshold)
    known = np.sort(there[np.isfinite(there)])
    rises = np.concatenate([[0.0], known, [float(steps[-1])]])
    reached = np.concatenate([[0], np.arange(1, len(known) + 1), [len(known)]])
    return rises, reached / len(scores)


def reached(
    results: Results, folder: str | os.PathLike[str], options: Options | None = None
) -> list[Path]:
    """Writes reached, a panel per threshold, of the first mode; returns its paths.

    None where no threshold is worth reaching, because parity is not known. A narrow
    figure has the highest threshold alone.
    """
    options = options or Options()
    thresholds = thresholds_of(results)
    modes = shown_modes(results, options)
    if not thresholds or not modes:
        return []
    [mode, *_] = modes
    drawn = [
        one
        for one in shown_variants(results, options)
        if len(curves(results, one.variant, mode).seeds)
    ]
    if not drawn:
        return []
    if options.width is not None and options.width < _ONE_PANEL:
        thresholds = thresholds[-1:]
    names = [one.name for one in drawn]
    words = Words(
        f"How many seeds play {style.environment(results, names)} well, after how much "
        "training?",
        f"{results.description['title']}: {played(mode)}",
        _caption(results, mode, drawn),
    )
    with matplotlib.rc_context(options.rc):
        figure, panels = _panels(drawn, words, len(thresholds), options)
        for axes, threshold in zip(panels, thresholds, strict=True):
            _fill(axes, results, threshold, mode, drawn)
            title = f"{signed(f'{threshold:g}')} or more for good"
            size = 9.5 * style.scale()
            axes.set_title(title, loc="left", size=size, color=style.INK)
        panels[0].set_ylabel("share of the seeds")
        for axes in panels[1:]:
            axes.tick_params(labelleft=False)
        _end_labels(panels[-1], drawn)
        place = as_path(folder, "folder") / "reached"
        return style.save(figure, place, options.format, options.beside(words))


def _panels(
    drawn: list[Shown], words: Words, count: int, options: Options
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels of one height, and room for all that is written."""
    unit = style.scale()
    widest = max(style.width_of(style.wrapped(d.label), 9, "bold") for d in drawn)
    around = (_LEFT + (count - 1) * _BETWEEN + _NAME + 0.12) * unit + widest
    width = options.width or around + count * _PANEL_WIDTH
    panel = (width - around) / count
    if panel < _SMALLEST_PANEL * unit:
        raise InputError(
            f"{width:g} inches are too narrow for the figure beside its names; make it "
            "wider, the font smaller, or the names shorter by labels"
        )
    height = float(np.clip(0.9 * panel, 1.7, _PANEL_HEIGHT)) * max(1.0, unit)
    extra = (_TITLE + _AXIS) * unit
    figure, foot, body = style.page(
        options.inside(words), width, height + extra, options.height
    )
    total, panels = figure.get_figheight(), []
    for number in range(count):
        left = _LEFT * unit + number * (panel + _BETWEEN * unit)
        place = (left, foot + _AXIS * unit, panel, body - extra)
        parts = np.array(place) / [width, total, width, total]
        panels.append(figure.add_axes((parts[0], parts[1], parts[2], parts[3])))
    return figure, panels


def _end_labels(axes: Axes, drawn: list[Shown]) -> None:
    """Names every variant right of the panel, near where its line ends."""
    ends = {line.get_label(): np.asarray(line.get_ydata())[-1] for line in axes.lines}
    labels = [style.wrapped(one.label) for one in drawn]
    width, height = style.inches_of(axes)
    lines = np.array([label.count("\n") + 1.35 for label in labels])
    room = 72 * height / (lines.sum() * _LABEL_SPACING)
    size = float(min(9.0 * style.scale(), room))
    heights = lines * size * _LABEL_SPACING / 72 / height
    wanted = [float(ends.get(for_figure(one.label), 0.0)) for one in drawn]
    places = style.spread(wanted, heights, 0.0, 1.0)
    inch = style.scale() / width
    for one, label, y in zip(drawn, labels, places, strict=True):
        axes.plot(
            [1 + part * inch for part in _SAMPLE], [y, y], transform=axes.transAxes,
            clip_on=False, color=one.look.color, linewidth=2,
            linestyle=one.look.dashes,
        )  # fmt: skip
        axes.text(
            1 + _NAME * inch, y, for_figure(label), transform=axes.transAxes, size=size,
            va="center", linespacing=1.15, weight="bold",
        )  # fmt: skip


def _caption(results: Results, mode: str, drawn: list[Shown]) -> str:
    """What a step is, how many seeds there are, and which are left out."""
    counts, behind = {}, []
    for one in drawn:
        curve = curves(results, one.variant, mode)
        counts[one.label] = int(curve.complete.sum())
        if missing := int(np.sum(~curve.complete)):
            behind.append(f"{one.label} {missing} of {len(curve.seeds)}")
    parts = [
        _STEP,
        f"Seeds: {captions.seeds_in_words(counts)}.",
        f"Unfinished, left out: {captions.listed(behind, 8)}." if behind else "",
        *conditions(results, drawn, [mode]),
    ]
    return " ".join(part for part in parts if part)
