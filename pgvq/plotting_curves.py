"""Learning curves: score against agent steps, and beside it against training time."""

import os
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pgvq import plotting_style as style
from pgvq.curves import Curves, curves
from pgvq.locations import as_path
from pgvq.plain_text import for_figure
from pgvq.plotting_style import Style
from pgvq.results import Results
from pgvq.score_meaning import difference_in_words, score_in
from pgvq.statistics import estimate
from pgvq.summary_table import played
from pgvq.types import InputError

Floats = NDArray[np.float64]

# The figure's parts in inches, so that text keeps its size whatever is drawn.
_PANEL_WIDTH, _PANEL_HEIGHT = 4.3, 4.1
_LEFT, _BETWEEN, _TOP, _AXIS = 0.75, 0.3, 0.85, 0.55
_LABEL_POINTS, _LABEL_SPACING = 9.0, 1.3


class _Drawn(NamedTuple):
    """One variant and what is drawn of it; P evaluation points."""

    name: str
    label: str  # the same, in lines
    look: Style
    curve: Curves
    middle: Floats  # [P] interquartile mean over the complete seeds
    low: Floats  # [P] its interval, or the range of a few seeds
    high: Floats  # [P]
    seconds: Floats  # [P] training time, the mean over the complete seeds


def learning_curves(
    results: Results, folder: str | os.PathLike[str], mode: str = "greedy"
) -> list[Path]:
    """Draw all variants on the same axes; the wall clock's panel beside the steps'.

    Writes learning_curves.png and .svg into `folder`, for the mode "explore"
    learning_curves_explore; returns their paths. Raises `InputError` for a mode that
    was not evaluated and when there is nothing to draw.
    """
    drawn = _drawn(results, mode)
    names = [one.name for one in drawn]
    unit, steps_name = style.steps_unit(max(d.curve.steps[-1] for d in drawn))
    second, time_name = style.time_unit(max(np.nanmax(d.curve.seconds) for d in drawn))
    with matplotlib.rc_context(style.RC):
        differ = difference_in_words(results.description, names)
        question = (
            f"How well does each method play {style.environment(results, names)} after "
            "how much training?"
        )
        what = f"{results.description['title']}: {played(mode)}"
        figure, left, right = _panels(drawn, question, what, differ)
        style.headings(figure, question, what)
        for one in drawn:
            # The more variants, the fainter their seeds and bands behind the means.
            ink = min(1.0, 4 / len(drawn))
            _draw(left, one, one.curve.steps / unit, one.curve.steps / unit, ink)
            _draw(right, one, one.curve.seconds / second, one.seconds / second, ink)
        scores = np.concatenate([d.curve.scores.ravel() for d in drawn])
        left.set_ylim(style.score_limits(results, scores, names))
        label = str(score_in(results.description, names)["label"])
        left.set_ylabel(for_figure(label))
        left.set_xlabel(f"training of each seed, {steps_name}")
        right.set_xlabel(f"training time by the wall clock, {time_name}")
        for axes in (left, right):
            end = axes.dataLim.x1 if np.isfinite(axes.dataLim.x1) else 1
            axes.set_xlim(0, end * 1.02 or 1)
            _reference_lines(results, axes, names, named=axes is left)
        _end_labels(right, drawn, second)
        stem = "learning_curves" if mode == "greedy" else f"learning_curves_{mode}"
        return style.save(figure, as_path(folder, "folder") / stem)


def _drawn(results: Results, mode: str) -> list[_Drawn]:
    """What is drawn of each variant that has any evaluation."""
    variants = results.description["variants"]
    looks = style.styles(variants)
    drawn = []
    for variant in variants:
        curve = curves(results, variant, mode)
        if len(curve.seeds):
            runs = curve.scores[curve.complete]
            middle, low, high = estimate(runs)
            drawn.append(
                _Drawn(
                    name=variant["name"],
                    label=style.wrapped(variant["name"]),
                    look=looks[variant["name"]],
                    curve=curve,
                    middle=middle,
                    low=low,
                    high=high,
                    seconds=curve.seconds[curve.complete].mean(axis=0),
                )
            )
    if not drawn:
        name = results.description["name"]
        raise InputError(
            f"{name} has no evaluation to draw yet; run the experiment first"
        )
    return drawn


def _panels(
    drawn: list[_Drawn], question: str, what: str, differ: str
) -> tuple[Figure, Axes, Axes]:
    """A figure with two panels of one height, room for all that is written."""
    longest = max(len(line) for d in drawn for line in d.label.split("\n"))
    gutter = 1.15 + 0.083 * longest
    width = _LEFT + 2 * _PANEL_WIDTH + _BETWEEN + gutter
    caption = style.caption_lines(width, f"{_caption(drawn)} {differ}".strip())
    bottom = _AXIS + style.caption_height(caption)
    top = _TOP + style.headings_height(width, question, what)
    height = top + _PANEL_HEIGHT + bottom
    figure = Figure(figsize=(width, height))
    size = (_PANEL_WIDTH / width, _PANEL_HEIGHT / height)
    left = figure.add_axes((_LEFT / width, bottom / height, *size))
    second = (_LEFT + _PANEL_WIDTH + _BETWEEN) / width
    right = figure.add_axes((second, bottom / height, *size), sharey=left)
    right.tick_params(labelleft=False)
    for axes in (left, right):
        style.quiet_grid(axes)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    style.write_caption(figure, caption)
    return figure, left, right


def _draw(axes: Axes, one: _Drawn, each: Floats, together: Floats, ink: float) -> None:
    """Draw one variant at `each` [P] or [S, P] and its aggregate at `together` [P]."""
    curve, color = one.curve, one.look.color
    faint = ink * float(np.clip(1.2 / len(curve.seeds) ** 0.6, 0.12, 0.4))
    positions = np.broadcast_to(each, curve.scores.shape)
    for x, y, diverged in zip(positions, curve.scores, curve.diverged, strict=True):
        axes.plot(x, y, color=color, alpha=faint, linewidth=0.7, zorder=2)
        if diverged:
            last = np.flatnonzero(np.isfinite(y))[-1:]
            axes.plot(x[last], y[last], "x", color=color, markersize=6, zorder=4)
    axes.fill_between(
        together,
        one.low,
        one.high,
        color=color,
        alpha=0.17 * ink,
        linewidth=0,
        zorder=3,
    )
    axes.plot(
        together,
        one.middle,
        color=color,
        linestyle=one.look.dashes,
        linewidth=2,
        zorder=5,
    )


def _reference_lines(
    results: Results, axes: Axes, names: list[str], *, named: bool
) -> None:
    """Perfect, parity and random play, named where curves rarely are."""
    for score, name in style.reference_scores(results, names):
        axes.axhline(
            score, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1
        )
        if named:
            # Curves start low and end high: only the top line is free on the left.
            x, side = (0.01, "left") if "perfect" in name else (0.99, "right")
            text = axes.text(
                x, score, name, transform=axes.get_yaxis_transform(),
                size=8, color=style.GREY, ha=side, va="bottom", zorder=6,
            )  # fmt: skip
            style.halo(text)


def _end_labels(axes: Axes, drawn: list[_Drawn], second: float) -> None:
    """Name every variant right of the panel, at the height where its curve ends.

    Both panels share their scores, so the names belong to both. A leader goes from the
    curve's end to a piece of its line and its name.
    """
    low, high = axes.get_ylim()
    lines = np.array([d.label.count("\n") + 1.35 for d in drawn])
    fits = 72 * _PANEL_HEIGHT / (lines.sum() * _LABEL_SPACING)
    size = float(min(_LABEL_POINTS, fits))
    heights = lines * size * _LABEL_SPACING / 72 / _PANEL_HEIGHT * (high - low)
    lasts = [d.middle[-1] for d in drawn]
    ends = style.within(lasts, low, high)
    beside = axes.get_yaxis_transform()  # x in panel widths, y in scores
    places = style.spread(ends, heights, low, high)
    for one, last, end, y in zip(drawn, lasts, ends, places, strict=True):
        stop = one.seconds[-1] / second / axes.get_xlim()[1]
        color = one.look.color
        axes.plot(
            [stop, max(stop, 1.005), 1.035], [end, end, y], transform=beside,
            clip_on=False, color=color, linewidth=0.8, linestyle=":", zorder=1,
        )  # fmt: skip
        axes.plot(
            [1.045, 1.115], [y, y], transform=beside, clip_on=False,
            color=color, linewidth=2, linestyle=one.look.dashes,
        )  # fmt: skip
        axes.text(
            1.13, y, for_figure(f"{one.label}  {style.signed(last)}"), transform=beside,
            size=size, va="center", linespacing=1.15, weight="bold",
        )  # fmt: skip


def _caption(drawn: list[_Drawn]) -> str:
    """What the lines are, how many runs and games, and what deviates from that."""
    counts = [len(d.curve.seeds) for d in drawn]
    seeds, games = style.seeds_and_games(counts, max(d.curve.games for d in drawn))
    text = (
        f"Thin lines: single seeds ({seeds}), each point {games}. Thick line: "
        "interquartile mean over seeds, beside its name the last value. "
    )
    complete = [int(d.curve.complete.sum()) for d in drawn]
    text += style.interval_in_words("Band", complete)
    text += (
        "Training time: of the whole batch that a seed trained in, without compilation "
        "and evaluation."
    )
    for one in drawn:
        name = one.label.replace("\n", "")
        if behind := int(np.sum(~one.curve.complete)):
            of = f"{behind} of {len(one.curve.seeds)}"
            text += f" {name}: {of} seeds unfinished, as thin lines only."
        if not one.curve.finished.any():
            text += f" {name}: no seed has finished."
        if diverged := int(one.curve.diverged.sum()):
            text += f" {name}: {diverged} diverged (×), counted like the others."
        if lost := int(
            np.isnan(one.curve.scores[one.curve.complete]).any(axis=1).sum()
        ):
            text += (
                f" {name}: {lost} of {len(one.curve.seeds)} seeds with NaN as a score, "
                "ranked below every number."
            )
    return text
