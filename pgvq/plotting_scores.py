"""Final scores: every seed, the interquartile mean and its interval, by variant."""

import os
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pgvq import plotting_style as style
from pgvq.curves import Curves, curves, modes
from pgvq.locations import as_path
from pgvq.plain_text import for_figure
from pgvq.plotting_style import Style
from pgvq.results import Results
from pgvq.score_meaning import difference_in_words, score_in
from pgvq.statistics import estimate
from pgvq.summary_table import played

_PANEL_WIDTH, _ROW, _TOP, _AXIS = 4.2, 0.62, 1.1, 0.5  # inches


def final_scores(results: Results, folder: str | os.PathLike[str]) -> list[Path]:
    """Draw the scores of finished seeds, a row per variant and a panel per mode.

    Writes final_scores.png and .svg into `folder`; returns their paths.
    """
    variants = results.description["variants"]
    looks = style.styles(variants)
    found = {
        mode: [curves(results, variant, mode) for variant in variants]
        for mode in modes(results)
    }
    names = [style.wrapped(variant["name"]) for variant in variants]
    with matplotlib.rc_context(style.RC):
        differ = difference_in_words(results.description)
        question = (
            f"How well does each method play {style.environment(results)} in the end?"
        )
        what = (
            f"{results.description['title']}: after all "
            f"{_budget(results.description['budget_agent_steps'])} of training"
        )
        figure, panels = _panels(names, found, question, what, differ)
        style.headings(figure, question, what)
        scores = np.concatenate([_final(c) for row in found.values() for c in row])
        for axes, (mode, row) in zip(panels, found.items(), strict=True):
            axes.set_xlim(style.score_limits(results, scores))
            for y, (variant, curve) in enumerate(zip(variants, row, strict=True)):
                _draw(axes, y, curve, looks[variant["name"]])
            label = str(score_in(results.description)["label"])
            axes.set_xlabel(for_figure(label))
            axes.set_title(played(mode), loc="left", size=9.5, color=style.INK, pad=18)
            _reference_lines(results, axes)
        return style.save(figure, as_path(folder, "folder") / "final_scores")


def _final(curve: Curves) -> NDArray[np.float64]:
    """The last scores of the finished seeds. [S]"""
    return curve.scores[curve.finished][:, -1:].ravel()


def _budget(steps: int) -> str:
    unit, name = style.steps_unit(steps)
    return f"{steps / unit:g} {name}"


def _panels(
    names: list[str],
    found: dict[str, list[Curves]],
    question: str,
    what: str,
    differ: str,
) -> tuple[Figure, list[Axes]]:
    """A figure whose height follows the number of variants, a panel per mode."""
    lines = max(name.count("\n") for name in names) + 1
    size = max(_ROW, 0.12 + 0.15 * lines)
    rows = max(len(names), 2) * size / _ROW
    left = 0.5 + 0.075 * max(len(line) for name in names for line in name.split("\n"))
    width = left + (_PANEL_WIDTH + 0.25) * max(len(found), 1) + 0.1
    caption = style.caption_lines(width, f"{_caption(names, found)} {differ}".strip())
    bottom = _AXIS + style.caption_height(caption)
    height = _TOP + style.headings_height(width, question, what) + _ROW * rows + bottom
    figure = Figure(figsize=(width, height))
    panels: list[Axes] = []
    for number in range(len(found)):
        start = left + number * (_PANEL_WIDTH + 0.25)
        place = (
            start / width,
            bottom / height,
            _PANEL_WIDTH / width,
            _ROW * rows / height,
        )
        axes = figure.add_axes(place)
        style.quiet_grid(axes)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(len(names) - 0.5, -0.5)  # the first variant on top
        shown = [for_figure(name) if number == 0 else "" for name in names]
        axes.set_yticks(range(len(names)), shown)
        axes.tick_params(axis="y", length=0)
        panels.append(axes)
    style.write_caption(figure, caption)
    return figure, panels


def _draw(axes: Axes, y: int, curve: Curves, look: Style) -> None:
    """One row: below its middle the seeds as dots, above it their mean and interval."""
    scores = _final(curve)
    if len(scores) == 0:
        text = axes.text(
            0.5, y, "no finished seed", transform=axes.get_yaxis_transform(),
            ha="center", va="center", size=8, color=style.GREY,
        )  # fmt: skip
        style.halo(text)
        return
    # Multiples of the golden ratio spread any number of dots, always the same way.
    heights = y + 0.08 + 0.3 * (0.618034 * np.arange(len(scores)) % 1)
    broken = curve.diverged[curve.finished]
    axes.scatter(
        scores[~broken], heights[~broken], s=16, color=look.color, alpha=0.55,
        linewidths=0, zorder=3,
    )  # fmt: skip
    axes.scatter(
        scores[broken], heights[broken], s=26, marker="x", color=look.color, zorder=3
    )
    middle, low, high = map(float, estimate(scores))
    above = y - 0.1
    axes.plot([low, high], [above, above], color=look.color, linewidth=2.5, zorder=4)
    axes.plot(
        middle, above, "D", color=look.color, markersize=6.5, zorder=5,
        markeredgecolor="white", markeredgewidth=0.8,
    )  # fmt: skip
    lost = int(np.isnan(scores).sum())
    note = f" ({lost} of {len(scores)} seeds NaN)" if lost else ""
    at = float(style.within(middle, *axes.get_xlim()))
    side = "center" if np.isfinite(middle) else "right" if middle > 0 else "left"
    text = axes.text(
        at, y - 0.2, style.signed(middle) + note, ha=side, va="bottom",
        size=9, weight="bold", zorder=6,
    )  # fmt: skip
    style.halo(text)


def _reference_lines(results: Results, axes: Axes) -> None:
    """Perfect, parity and random play as lines, named above the panel."""
    sides = {"random": "left", "perfect": "right"}  # away from the panel beside
    for score, name in style.reference_scores(results):
        axes.axvline(
            score, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1
        )
        short = name.replace(" with the opponent", "").replace(" play", "")
        axes.text(
            score, 1.01, short, transform=axes.get_xaxis_transform(), va="bottom",
            ha=sides.get(short.split()[0], "center"), size=8, color=style.GREY,
        )  # fmt: skip


def _caption(names: list[str], found: dict[str, list[Curves]]) -> str:
    """What the marks are, how many runs and games, and what deviates from that."""
    row = next(iter(found.values()), [])
    counts = [int(c.finished.sum()) for c in row]
    seeds, games = style.seeds_and_games(counts, max((c.games for c in row), default=0))
    text = (
        f"Dots: single seeds ({seeds}), each {games}. Diamond: interquartile mean over "
        "seeds. "
    )
    text += style.interval_in_words("Bar", counts)
    for name, curve in zip(names, row, strict=True):
        flat = name.replace("\n", "")
        if unfinished := int(np.sum(~curve.finished)):
            of = f"{unfinished} of {len(curve.seeds)}"
            text += f"{flat}: {of} seeds unfinished, left out. "
        if diverged := int(curve.diverged.sum()):
            text += f"{flat}: {diverged} diverged (×), counted like the others. "
        if lost := int(np.isnan(_final(curve)).sum()):
            of = f"{lost} of {len(_final(curve))}"
            text += f"{flat}: {of} seeds scored NaN, ranked below every number. "
    return text.strip()
