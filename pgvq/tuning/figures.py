"""Figures of a tuning, from its folder alone.

Functions that draw take an Axes and return it; `plot` writes all of them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from pgvq.plain_text import for_figure
from pgvq.plotting.style import (
    FAINT,
    INK,
    RC,
    Style,
    caption_height,
    caption_lines,
    headings,
    headings_height,
    quiet_grid,
    save,
    signed,
    styles,
    wrapped,
    write_caption,
)
from pgvq.storage.files import atomic, stands
from pgvq.tuning.analysis import (
    Found,
    Trials,
    best_of_k,
    bin_numbers,
    by_influence,
    chosen_table,
    marginal,
    read_tuning,
)
from pgvq.tuning.folder import CHOSEN, check_folder, read_chosen
from pgvq.tuning.ranges import Range

PANEL = (2.5, 2.2)  # inches
ACROSS = 4  # panels in a row


def plot(folder: str | Path) -> list[Path]:
    """Draws all figures of a tuning's folder into it; returns the files written.

    Raises:
        InputError: it is no tuning's folder, is damaged, or holds no whole trial yet.
    """
    folder = check_folder(folder)
    found = read_tuning(folder)
    finals: dict[str, Any] = {}
    if stands(folder / CHOSEN):
        finals = read_chosen(folder)["chosen"]
    written: list[Path] = []
    with matplotlib.rc_context(RC):
        written += save(best_of_k_figure(found), folder / "best_of_k")
        for name, trials in found.trials.items():
            if trials.fields:
                figure = sensitivity_figure(found, trials, finals.get(name))
                written += save(figure, folder / f"sensitivity {name}")
        if any(len(trials.fields) > 1 for trials in found.trials.values()):
            written += save(heat_map_figure(found), folder / "heat_maps")
    if finals:
        path = folder / "chosen.csv"
        table = chosen_table(folder)
        with atomic(path) as file:
            file.write(table.to_csv(index=False, lineterminator="\n").encode())
        written.append(path)
    return written


def draw_best_of_k(axes: Axes, found: Found) -> Axes:
    """Expected score of the best of k configurations, a line for each learner."""
    looks = styles(found.description["learners"])
    most = max(len(trials.scores) for trials in found.trials.values())
    for name, trials in found.trials.items():
        look, curve = looks[name], best_of_k(trials.scores)
        axes.fill_between(
            curve.k, curve.low, curve.high, color=look.color, alpha=0.15, linewidth=0
        )
        axes.plot(
            curve.k,
            curve.value,
            color=look.color,
            linestyle=look.dashes,
            linewidth=1.8,
            label=for_figure(wrapped(name)),
        )
    axes.set_xscale("log", base=2)
    ticks = [2**i for i in range(int(np.log2(most)) + 1)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(tick) for tick in ticks])
    axes.set_xlabel("configurations tried, k")
    axes.set_ylabel(for_figure(_score_label(found)))
    quiet_grid(axes)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axes


def draw_sensitivity(
    axes: Axes, trials: Trials, field: str, look: Style, chosen: Any = None
) -> Axes:
    """Score against the values of a field: trials, means of near ones, quartiles.

    A triangle marks the learner's own value, a filled one what was chosen.
    """
    places, means = trials.places(field), trials.means
    shift = 0.0
    if field not in trials.ranges:  # apart, or trials of one value would hide others
        shift = np.linspace(-0.18, 0.18, len(means))
    axes.plot(places + shift, means, "o", color=FAINT, markersize=3, zorder=1)
    bins = marginal(trials, field)
    x = [one.place for one in bins]
    spread = np.array([[one.mean - one.low, one.high - one.mean] for one in bins]).clip(
        min=0
    )
    axes.errorbar(
        x,
        [one.mean for one in bins],
        yerr=spread.T,
        color=look.color,
        marker="o",
        markersize=4,
        linewidth=1.4 if field in trials.ranges else 0,
        elinewidth=1.4,
        capsize=2,
        zorder=2,
    )
    _value_axis(axes, trials, field)
    transform = axes.get_xaxis_transform()
    for value, filled in ((trials.own.get(field), False), (chosen, True)):
        if (place := _place(trials, field, value)) is not None:
            axes.plot(
                [place],
                [0.0],
                marker="^",
                markersize=7,
                color=INK,
                fillstyle="full" if filled else "none",
                transform=transform,
                clip_on=False,
                zorder=3,
            )
    axes.set_title(for_figure(field), size=9, loc="left")
    quiet_grid(axes)
    return axes


def draw_heat_map(
    axes: Axes, trials: Trials, fields: Sequence[str] | None = None
) -> Axes:
    """Mean score of trials by the values of two fields, in groups of near values.

    `fields`: along x and y; the two of greatest influence by default.
    """
    if fields is None:
        fields = [field for field, _ in by_influence(trials)[:2]]
    x, y = fields
    groups = [bin_numbers(trials, field, bins=4) for field in (x, y)]
    sizes = [int(group.max()) + 1 for group in groups]
    grid = np.full((sizes[1], sizes[0]), np.nan)
    counts = np.zeros_like(grid, dtype=int)
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            mine = trials.means[(groups[0] == i) & (groups[1] == j)]
            counts[j, i] = len(mine)
            grid[j, i] = mine.mean() if len(mine) else np.nan
    low, high = np.nanmin(grid), np.nanmax(grid)
    axes.imshow(
        grid, origin="lower", aspect="auto", cmap="cividis", vmin=low, vmax=high
    )
    for j, i in np.argwhere(counts > 0):
        dark = grid[j, i] < (low + high) / 2
        axes.text(
            i,
            j,
            for_figure(f"{signed(float(grid[j, i]))}\n({counts[j, i]})"),
            ha="center",
            va="center",
            size=7,
            color="white" if dark else INK,
        )
    for field, group, axis in ((x, groups[0], axes.xaxis), (y, groups[1], axes.yaxis)):
        labels = [_group_label(trials, field, group, n) for n in range(group.max() + 1)]
        axis.set_ticks(range(len(labels)), labels=[for_figure(t) for t in labels])
        axis.set_label_text(for_figure(field))
    axes.tick_params(length=0, labelsize=7)
    axes.set_title(for_figure(wrapped(trials.learner)), size=9, loc="left")
    return axes


def best_of_k_figure(found: Found) -> Figure:
    """How much tuning each learner needs."""
    question = "How much tuning does each learner need?"
    what = "Score of the best of k configurations, with 95 % intervals"
    seeds = len(found.description["seeds"])
    by = (
        "A configuration is chosen by all its seeds but one and counts with the one "
        "left out."
        if seeds > 1
        else "With one seed a configuration is chosen by the score that it counts "
        "with: the curves are too high."
    )
    caption = (
        f"{_effort(found)} {by} Expected over which k of the configurations are "
        "tried; intervals by resampling configurations (their order plays no part)."
    )
    figure, top, bottom = _figure(7.2, 3.0, question, what, caption)
    height = figure.get_figheight()
    area = [0.1, bottom / height, 0.62, 1 - (bottom + top) / height]
    draw_best_of_k(figure.add_axes((area[0], area[1], area[2], area[3])), found)
    return figure


def sensitivity_figure(
    found: Found, trials: Trials, chosen: dict[str, Any] | None
) -> Figure:
    """One panel for each field of a learner."""
    look = styles(found.description["learners"])[trials.learner]
    ranked = by_influence(trials)
    question = f"Which settings of {trials.learner} matter?"
    mode = found.description["mode"]
    what = f"Score ({mode}) against each field, the most influential first"
    caption = (
        f"{len(trials.scores)} configurations, grey, each the mean of "
        f"{trials.scores.shape[1]} seeds; coloured: mean and quartiles of groups of "
        "near values, whose share of the variance of all scores (adjusted) is in "
        "brackets. All other fields vary as well; static ones in few combinations, so "
        "that their effects are not told apart. Open triangle: the learner's own "
        "value; filled: the chosen one."
    )
    rows = -(-len(ranked) // ACROSS)
    columns = min(len(ranked), ACROSS)
    width = max(PANEL[0] * columns + 0.5, 5.2)
    inside = PANEL[1] * rows - 0.45
    figure, top, _ = _figure(width, inside, question, what, caption)
    for number, (field, share) in enumerate(ranked):
        row, column = divmod(number, ACROSS)
        axes = _panel(figure, top, row, column)
        draw_sensitivity(axes, trials, field, look, (chosen or {}).get(field))
        axes.set_title(for_figure(f"{field} ({share:.0%})"), size=9, loc="left")
    return figure


def heat_map_figure(found: Found) -> Figure:
    """For each learner, its two most influential fields together."""
    several = [trials for trials in found.trials.values() if len(trials.fields) > 1]
    question = "Do settings depend on each other?"
    mode = found.description["mode"]
    what = f"Score ({mode}) by the two fields of greatest influence"
    caption = (
        "Each cell: mean score of the trials with such values (how many in brackets); "
        "groups of near values with equally many trials each, their middles on the "
        "axes. Empty: no trial. Colours run from each learner's lowest to its highest."
    )
    rows, columns = -(-len(several) // 3), min(len(several), 3)
    size = (3.1, 2.9)
    width = max(size[0] * columns + 0.4, 5.2)
    inside = size[1] * rows - 0.45
    figure, top, _ = _figure(width, inside, question, what, caption)
    for number, trials in enumerate(several):
        row, column = divmod(number, 3)
        draw_heat_map(_panel(figure, top, row, column, size, left=0.85), trials)
    return figure


def _figure(
    width: float, inside: float, question: str, what: str, caption: str
) -> tuple[Figure, float, float]:
    """A figure with headings and a caption; also inches above and below the panels."""
    lines = caption_lines(width, caption)
    top = 0.95 + headings_height(width, question, what)
    bottom = caption_height(lines) + 0.45
    figure = Figure(figsize=(width, top + inside + bottom))
    headings(figure, question, what)
    write_caption(figure, lines)
    return figure, top, bottom


def _panel(
    figure: Figure,
    top: float,
    row: int,
    column: int,
    size: tuple[float, float] = PANEL,
    left: float = 0.6,
) -> Axes:
    """A panel at a place of a grid whose cells are `size` inches."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    x, y = left + size[0] * column, top + size[1] * (row + 1) - 0.55
    inner = size[0] - left - 0.1, size[1] - 0.85
    return figure.add_axes(
        (x / width, 1 - y / height, inner[0] / width, inner[1] / height)
    )


def _value_axis(axes: Axes, trials: Trials, field: str) -> None:
    """Ticks of a field's values at their places."""
    if field not in trials.ranges:
        labels = trials.used(field)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_xticks(range(len(labels)), labels=[for_figure(t) for t in labels])
        return
    held = trials.ranges[field]
    values = _ticks(held)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks([held.unit(v) for v in values], labels=[f"{v:g}" for v in values])
    axes.tick_params(axis="x", labelsize=8)


def _ticks(held: Range) -> list[float]:
    """A few round values of a range, or its ends and its middle."""
    if held.scale == "linear":
        return [held.low, held.at(0.5), held.high]
    if held.scale == "log":
        whole = range(-20, 21)
        values = [float(f"1e{i}") for i in whole]
    else:
        values = [1 - float(f"1e-{i}") for i in range(1, 10)]
        values = [round(value, 10) for value in values]
    inside = [v for v in values if held.low * (1 - 1e-9) <= v <= held.high * (1 + 1e-9)]
    return inside if len(inside) > 1 else [held.low, held.at(0.5), held.high]


def _place(trials: Trials, field: str, value: Any) -> float | None:
    """Where a value is on a field's axis; None where it is not on it."""
    if value is None:
        return None
    if field in trials.ranges:
        unit = trials.ranges[field].unit(value)
        return unit if -0.04 <= unit <= 1.04 else None
    used = trials.used(field)
    return float(used.index(str(value))) if str(value) in used else None


def _group_label(trials: Trials, field: str, group: Any, number: int) -> str:
    if field not in trials.ranges:
        return trials.used(field)[number]
    places = trials.places(field)[group == number]
    return f"{trials.ranges[field].at(float(np.median(places))):.3g}"


def _score_label(found: Found) -> str:
    label = str(found.description.get("score", {}).get("label", "score"))
    return f"{label}, {found.description['mode']}"


def _effort(found: Found) -> str:
    held = found.description
    counts = sorted({len(trials.scores) for trials in found.trials.values()})
    many = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    return (
        f"{many} configurations per learner, {len(held['seeds'])} seeds each, "
        f"{held['budget_agent_steps']:,} agent steps a run, mean of "
        f"{held['evaluation'].get('games', '?')} complete games."
    )
