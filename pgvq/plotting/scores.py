"""Final scores: every seed, the interquartile mean and its interval, by variant."""

import os
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgvq.analysis import captions
from pgvq.analysis.captions import steps_in_words
from pgvq.analysis.curves import Curves, budget_of, curves, final_scores_of
from pgvq.analysis.statistics import EQUAL, estimate, interval_kind
from pgvq.analysis.words import played
from pgvq.experiments.score_meaning import score_in
from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.plotting.captions import conditions
from pgvq.plotting.options import Options, Shown, shown_modes, shown_variants
from pgvq.plotting.style import Style, Words
from pgvq.results.store import Results
from pgvq.storage.locations import as_path
from pgvq.types import InputError

_PANEL_WIDTH, _ROW, _TITLES, _AXIS, _GAP = 4.2, 0.62, 0.5, 0.5, 0.25  # inches
_SMALLEST_PANEL, _SMALLEST_ROW = 0.9, 0.2
_ONE_PANEL = 5.5  # of figures that are narrower


def draw_final_scores(
    axes: Axes, results: Results, mode: str = "greedy", **options: Any
) -> Axes:
    """Draws a row per variant on the caller's axes: its seeds, their mean and interval.

    Args:
        axes: of Matplotlib.
        results: of `pgvq.load` or `pgvq.combine`.
        mode: "greedy" or "explore".
        options: fields of `Options`: variants, order and labels.

    Raises:
        InputError: a value is wrong, or a name unknown.
    """
    chosen = Options.of({**options, "mode": mode})
    [mode] = shown_modes(results, chosen)
    _fill(axes, results, mode, shown_variants(results, chosen), [mode])
    return axes


def _fill(
    axes: Axes, results: Results, mode: str, drawn: list[Shown], beside: list[str]
) -> None:
    """All rows; the x-axis has room for the scores of all modes `beside` each other."""
    row = [curves(results, one.variant, mode) for one in drawn]
    scores = [
        final_scores_of(curves(results, one.variant, other))
        for one in drawn
        for other in beside
    ]
    names = [one.name for one in drawn]
    style.quiet_grid(axes)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(style.score_limits(results, np.concatenate(scores), names))
    axes.set_ylim(len(drawn) - 0.5, -0.5)  # the first variant on top
    for y, (one, curve) in enumerate(zip(drawn, row, strict=True)):
        _draw(axes, y, curve, one.look)
    shown = [for_figure(style.wrapped(one.label)) for one in drawn]
    axes.set_yticks(range(len(drawn)), shown)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(for_figure(str(score_in(results.description, names)["label"])))
    _reference_lines(results, axes, names)


def final_scores(
    results: Results, folder: str | os.PathLike[str], options: Options | None = None
) -> list[Path]:
    """Writes final_scores, a row per variant and a panel per mode; returns its paths.

    Of a narrow figure, a panel for the first mode alone.
    """
    options = options or Options()
    with matplotlib.rc_context(options.rc):
        drawn = shown_variants(results, options)
        shown = shown_modes(results, options)
        if options.width is not None and options.width < _ONE_PANEL:
            shown = shown[:1]
        budgets = {budget_of(results, one.variant) for one in drawn}
        trained = (
            f"all {steps_in_words(max(budgets))} agent steps"
            if len(budgets) == 1
            else "each method's own budget"
        )
        words = Words(
            "How well does each method play "
            f"{style.environment(results, [one.name for one in drawn])} in the end?",
            f"{results.description['title']}: after {trained} of training",
            _caption(results, drawn, shown),
        )
        figure, panels = _panels(drawn, len(shown), words, options)
        for number, (axes, mode) in enumerate(zip(panels, shown, strict=True)):
            _fill(axes, results, mode, drawn, shown)
            if number:
                axes.tick_params(labelleft=False)
            axes.set_title(
                played(mode), loc="left", size=9.5 * style.scale(), color=style.INK,
                pad=18 * style.scale(),
            )  # fmt: skip
        text = options.beside(words)
        return style.save(
            figure, as_path(folder, "folder") / "final_scores", options.format, text
        )


def _panels(
    drawn: list[Shown], count: int, words: Words, options: Options
) -> tuple[Figure, list[Axes]]:
    """A figure whose height follows the number of variants, a panel per mode."""
    unit = style.scale()
    labels = [style.wrapped(one.label) for one in drawn]
    lines = max(label.count("\n") for label in labels) + 1
    size = max(_ROW, 0.12 + 0.15 * lines) * unit
    left = 0.3 * unit + max(style.width_of(label) for label in labels)
    gap = _GAP * unit
    width = options.width or left + (_PANEL_WIDTH + gap) * count + 0.1
    panel = (width - left - 0.1 - gap * count) / count
    if panel < _SMALLEST_PANEL * unit:
        raise InputError(
            f"{width:g} inches are too narrow for the figure beside its names; make it "
            "wider, the font smaller, or the names shorter by labels"
        )
    around = (_TITLES + _AXIS) * unit
    rows = max(len(drawn), 2)
    figure, foot, body = style.page(
        options.inside(words), width, rows * size + around, options.height
    )
    height, total = body - around, figure.get_figheight()
    if height < rows * _SMALLEST_ROW * unit:
        raise InputError(
            f"{width:g}x{total:g} inches are too small for {rows} rows; make the "
            "figure higher, or choose variants"
        )
    panels: list[Axes] = []
    for number in range(count):
        start = left + number * (panel + gap)
        bottom = foot + _AXIS * unit
        place = (start / width, bottom / total, panel / width, height / total)
        panels.append(figure.add_axes(place))
    return figure, panels


def _draw(axes: Axes, y: int, curve: Curves, look: Style) -> None:
    """One row: below its middle the seeds as dots, above it their mean and interval."""
    scores, size = final_scores_of(curve), style.scale()
    if len(scores) == 0:
        text = axes.text(
            0.5, y, "no finished seed", transform=axes.get_yaxis_transform(),
            ha="center", va="center", size=8 * size, color=style.GREY,
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
        at, y - 0.2, style.signed(middle) + note, ha=side, va="bottom", size=9 * size,
        weight="bold", zorder=6,
    )  # fmt: skip
    style.halo(text)


def _reference_lines(results: Results, axes: Axes, names: list[str]) -> None:
    """Perfect, parity and random play as lines, named above the panel."""
    sides = {"random": "left", "perfect": "right"}  # away from the panel beside
    above = 1 + 0.03 / style.inches_of(axes)[1]
    for score, name in style.reference_scores(results, names):
        axes.axvline(
            score, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1
        )
        short = name.replace(" with the opponent", "").replace(" play", "")
        axes.text(
            score, above, short, transform=axes.get_xaxis_transform(), va="bottom",
            ha=sides.get(short.split()[0], "center"), size=8 * style.scale(),
            color=style.GREY,
        )  # fmt: skip


def _caption(results: Results, drawn: list[Shown], shown: list[str]) -> str:
    """What the marks are, how many runs and games, and what deviates from that."""
    if not shown:
        return ""
    of = {one.label: curves(results, one.variant, shown[0]) for one in drawn}
    counts = {label: int(curve.finished.sum()) for label, curve in of.items()}
    games = captions.games_in_words([c.games for c in of.values() if c.games])
    ends = {label: estimate(final_scores_of(c)) for label, c in of.items()}
    equal = [
        label
        for label, (middle, low, high) in ends.items()
        if np.isfinite(middle)
        and interval_kind(counts[label], float(low), float(high)) == EQUAL
    ]
    parts = [
        f"Dots: single seeds ({captions.seeds_in_words(counts)}), each {games}.",
        "Diamond: interquartile mean over seeds.",
        captions.interval_in_words("Bar", counts),
        f"No bar where all that is averaged is equal: {captions.listed(equal)}."
        if equal
        else "",
        captions.notes_on_runs(of, scores=True, final=True),
        *conditions(results, drawn, shown),
    ]
    return " ".join(part for part in parts if part)
