"""Which share of the seeds has reached a threshold for good, over agent steps."""

import os
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from pgvq import plotting_style as style
from pgvq.curves import curves
from pgvq.locations import as_path
from pgvq.plain_text import for_figure
from pgvq.results import Results
from pgvq.statistics import steps_to_stay
from pgvq.summary import thresholds_of
from pgvq.summary_table import played, signed

_PANEL_WIDTH, _PANEL_HEIGHT = 3.6, 2.9  # inches
_LEFT, _BETWEEN, _TOP, _TITLE, _AXIS = 0.75, 0.3, 0.85, 0.25, 0.55
_LABEL_SPACING = 1.3


def draw_reached(
    axes: Axes, results: Results, threshold: float, mode: str = "greedy"
) -> Axes:
    """Draws a step function per variant on the caller's axes, and returns them.

    At each number of agent steps it is the share of the seeds whose own curve scores
    `threshold` or more from there to its end (`steps_to_stay`). Seeds that have not
    gone as far as the furthest of their variant are left out; a variant without any is
    not drawn.

    Raises:
        InputError: the mode was not evaluated.
    """
    variants = results.description["variants"]
    looks = style.styles(variants)
    found = {v["name"]: curves(results, v, mode) for v in variants}
    ends = [float(curve.steps[-1]) for curve in found.values() if len(curve.steps)]
    unit, name = style.steps_unit(max(ends, default=0.0))
    style.quiet_grid(axes)
    for variant, curve in found.items():
        steps, shares = shares_of(curve.steps, curve.scores[curve.complete], threshold)
        if len(steps):
            axes.plot(
                steps / unit, shares, drawstyle="steps-post", linewidth=2,
                color=looks[variant].color, linestyle=looks[variant].dashes,
                label=for_figure(variant),
            )  # fmt: skip
    axes.set_xlim(0, max(ends, default=unit) / unit)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(f"training of each seed, {name}")
    return axes


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
    results: Results, folder: str | os.PathLike[str], mode: str = "greedy"
) -> list[Path]:
    """Writes reached.png and .svg, a panel per threshold; returns their paths.

    None where no threshold is worth reaching, because parity is not known.
    """
    thresholds = thresholds_of(results)
    variants = results.description["variants"]
    drawn = [v["name"] for v in variants if len(curves(results, v, mode).seeds)]
    if not thresholds or not drawn:
        return []
    with matplotlib.rc_context(style.RC):
        question = (
            f"How many seeds play {style.environment(results)} well, after how much "
            "training?"
        )
        what = f"{results.description['title']}: {played(mode)}"
        figure, panels = _panels(results, mode, drawn, question, what, len(thresholds))
        style.headings(figure, question, what)
        for axes, threshold in zip(panels, thresholds, strict=True):
            draw_reached(axes, results, threshold, mode)
            title = f"{signed(f'{threshold:g}')} or more for good"
            axes.set_title(title, loc="left", size=9.5, color=style.INK)
        panels[0].set_ylabel("share of the seeds")
        for axes in panels[1:]:
            axes.tick_params(labelleft=False)
        _end_labels(panels[-1], results, drawn)
        return style.save(figure, as_path(folder, "folder") / "reached")


def _panels(
    results: Results, mode: str, drawn: list[str], question: str, what: str, count: int
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels of one height, and room for all that is written."""
    longest = max(len(line) for d in drawn for line in style.wrapped(d).split("\n"))
    gutter = 0.65 + 0.083 * longest
    width = _LEFT + count * (_PANEL_WIDTH + _BETWEEN) + gutter
    caption = style.caption_lines(width, _caption(results, mode))
    bottom = _AXIS + style.caption_height(caption)
    top = _TOP + _TITLE + style.headings_height(width, question, what)
    height = top + _PANEL_HEIGHT + bottom
    figure = Figure(figsize=(width, height))
    size = (_PANEL_WIDTH / width, _PANEL_HEIGHT / height)
    panels = [
        figure.add_axes(
            (
                (_LEFT + number * (_PANEL_WIDTH + _BETWEEN)) / width,
                bottom / height,
                *size,
            )
        )
        for number in range(count)
    ]
    style.write_caption(figure, caption)
    return figure, panels


def _end_labels(axes: Axes, results: Results, drawn: list[str]) -> None:
    """Names every variant right of the panel, near where its line ends."""
    looks = style.styles(results.description["variants"])
    ends = {line.get_label(): np.asarray(line.get_ydata())[-1] for line in axes.lines}
    labels = [style.wrapped(name) for name in drawn]
    lines = np.array([label.count("\n") + 1.35 for label in labels])
    size = float(min(9.0, 72 * _PANEL_HEIGHT / (lines.sum() * _LABEL_SPACING)))
    heights = lines * size * _LABEL_SPACING / 72 / _PANEL_HEIGHT
    wanted = [float(ends.get(for_figure(name), 0.0)) for name in drawn]
    places = style.spread(wanted, heights, 0.0, 1.0)
    for name, label, y in zip(drawn, labels, places, strict=True):
        look = looks[name]
        axes.plot(
            [1.03, 1.1], [y, y], transform=axes.transAxes, clip_on=False,
            color=look.color, linewidth=2, linestyle=look.dashes,
        )  # fmt: skip
        axes.text(
            1.115, y, for_figure(label), transform=axes.transAxes, size=size,
            va="center", linespacing=1.15, weight="bold",
        )  # fmt: skip


def _caption(results: Results, mode: str) -> str:
    """What a step is, how many seeds there are, and which are left out."""
    text = (
        "Each step is a seed whose own curve scores the threshold or more from there "
        "to its end, interpolated between evaluations. "
    )
    counts = {}
    for variant in results.description["variants"]:
        curve = curves(results, variant, mode)
        counts[variant["name"]] = int(curve.complete.sum())
        if behind := int(np.sum(~curve.complete)):
            text += f"{variant['name']}: {behind} unfinished seeds are left out. "
    low, high = min(counts.values()), max(counts.values())
    seeds = str(low) if low == high else f"{low} to {high}"
    return f"{text}Seeds per method: {seeds}."
