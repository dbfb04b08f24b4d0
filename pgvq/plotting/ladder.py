"""A ladder: every rung, what it changes, its score, and what the change did."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pgvq.analysis import captions
from pgvq.analysis.rungs import (
    EQUAL,
    HIGHER,
    LOWER,
    agreement,
    conclusion,
    final_runs,
    has_ladder,
    rung_table,
    ways_of,
)
from pgvq.analysis.words import played
from pgvq.experiments.score_meaning import score_in
from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.plotting.options import Options, shown_modes
from pgvq.results.store import Results
from pgvq.storage.files import atomic
from pgvq.storage.locations import as_path
from pgvq.types import InputError

# The figure's parts in inches.
_WORDS, _SCORES, _DIFFERENCES, _VERDICTS = 4.7, 2.7, 2.7, 1.75
_LEFT, _GAP, _ROW, _TOP, _AXIS = 0.2, 0.2, 0.44, 1.05, 0.5
_FAMILIES = {"policy gradient": "#D55E00", "Q-learning": "#0072B2"}
_OTHER = "#009E73"


def ladder_figures(
    results: Results, folder: str | os.PathLike[str], options: Options | None = None
) -> list[Path]:
    """Draws a ladder's rungs, a row for each way to one, and writes what they say.

    Writes ladder.png and ladder.csv into `folder`, of the mode "explore"
    ladder_explore; returns their paths, none where the results are not of a ladder. Of
    the options it has `mode`, `format` and `title`.
    """
    options = options or Options()
    if not has_ladder(results):
        return []
    return [
        path
        for mode in shown_modes(results, options)
        for path in _ladder(results, folder, mode, options)
    ]


def _ladder(
    results: Results, folder: str | os.PathLike[str], mode: str, options: Options
) -> list[Path]:
    """The figure and the table of one mode."""
    table = rung_table(results, mode)
    stem = as_path(folder, "folder") / (
        "ladder" if mode == "greedy" else "ladder_" + mode
    )
    with matplotlib.rc_context(style.RC):
        question = options.title or "What does each change do?"
        figure = _figure(results, table, mode, question)
        written = style.save(figure, stem, options.format)
    path = stem.with_suffix(".csv")
    with atomic(path) as file:
        file.write(table.round(4).to_csv(index=False, lineterminator="\n").encode())
    return [*written, path]


def _figure(results: Results, table: pd.DataFrame, mode: str, question: str) -> Figure:
    """Words, scores and differences side by side, a row of each for a step."""
    described = results.description
    width = _LEFT + _WORDS + _SCORES + _GAP + _DIFFERENCES + _VERDICTS
    unit, name = style.steps_unit(described["budget_agent_steps"])
    budget = f"{described['budget_agent_steps'] / unit:g} {name}"
    what = f"{described['title']}. {budget}, {played(mode)}. {conclusion(table)}"
    caption = style.caption_lines(width, _caption(results, table))
    bottom = _AXIS + style.caption_height(caption)
    rows = _ROW * len(table)
    height = _TOP + style.headings_height(width, question, what) + rows + bottom
    figure = Figure(figsize=(width, height))
    style.headings(figure, question, what)
    style.write_caption(figure, caption)

    def panel(start: float, size: float) -> Axes:
        place = (start / width, bottom / height, size / width, rows / height)
        return figure.add_axes(place)

    draw_words(panel(_LEFT, _WORDS), table)
    draw_scores(panel(_LEFT + _WORDS, _SCORES), results, table, mode)
    start = _LEFT + _WORDS + _SCORES + _GAP
    draw_differences(panel(start, _DIFFERENCES), table)
    return figure


def ladders_figure(
    parts: Mapping[str, Results],
    folder: str | os.PathLike[str],
    options: Options | None = None,
) -> list[Path]:
    """Draws what each change does in several results of one ladder, side by side.

    Writes ladders.png and ladders.csv into `folder`, of the mode "explore"
    ladders_explore; returns their paths.

    Args:
        parts: results by what they are called, such as "untuned" and "tuned".
        folder: where the files go.
        options: `mode`, `format` and `title` count.

    Raises:
        InputError: they are not of one ladder.
    """
    options = options or Options()
    if len({tuple(ways_of(part)) for part in parts.values()}) != 1:
        raise InputError(
            f"{', '.join(parts)} are not results of one ladder; give those that have "
            "the same rungs and parents"
        )
    written = []
    for mode in shown_modes(next(iter(parts.values())), options):
        tables = {name: rung_table(part, mode) for name, part in parts.items()}
        end = "" if mode == "greedy" else f"_{mode}"
        stem = as_path(folder, "folder") / f"ladders{end}"
        question = options.title or f"What does each change do, {' and '.join(parts)}?"
        with matplotlib.rc_context(style.RC):
            figure = _side_by_side(tables, mode, question)
            written += style.save(figure, stem, options.format)
        joined = pd.concat([table.assign(of=name) for name, table in tables.items()])
        path = stem.with_suffix(".csv")
        with atomic(path) as file:
            text = joined.round(4).to_csv(index=False, lineterminator="\n")
            file.write(text.encode())
        written.append(path)
    return written


def _side_by_side(
    tables: Mapping[str, pd.DataFrame], mode: str, question: str
) -> Figure:
    """Words, and a panel of differences for each table."""
    table = next(iter(tables.values()))
    panel = _DIFFERENCES + _VERDICTS
    width = _LEFT + _WORDS + len(tables) * panel
    said = [f"{name}: {conclusion(part)}" for name, part in tables.items()]
    paragraphs = [*said, "\N{NO-BREAK SPACE}", _MARKS]
    caption = [line for p in paragraphs for line in style.caption_lines(width, p)]
    what = f"Final scores, {played(mode)}. {agreement(tables)}"
    bottom, rows = _AXIS + style.caption_height(caption), _ROW * len(table)
    height = _TOP + style.headings_height(width, question, what) + rows + bottom
    figure = Figure(figsize=(width, height))
    style.headings(figure, question, what)
    style.write_caption(figure, caption)
    sizes = (_WORDS / width, rows / height)
    words = figure.add_axes((_LEFT / width, bottom / height, *sizes))
    draw_words(words, table)
    drawn = []
    for number, (name, part) in enumerate(tables.items()):
        start = (_LEFT + _WORDS + number * panel) / width
        place = (start, bottom / height, _DIFFERENCES / width, rows / height)
        axes = draw_differences(figure.add_axes(place), part)
        axes.set_title(for_figure(f"{name}: difference"), loc="left", size=9.5, pad=16)
        drawn.append(axes)
    reach = max(axes.get_xlim()[1] for axes in drawn)
    for axes in drawn:
        axes.set_xlim(-reach, reach)
    return figure


def draw_words(axes: Axes, table: pd.DataFrame) -> Axes:
    """Names each row of `rung_table`: the rung, its parent, and the change."""
    axes.set_axis_off()
    _rows(axes, table)
    axes.set_xlim(0, 1)
    seen: set[str] = set()
    for y, row in enumerate(table.to_dict("records")):
        again, origin = row["rung"] in seen, row["parent"]
        seen.add(row["rung"])
        name = for_figure(("again: " if again else "") + row["rung"])
        below = row["change"] or "where the ladder begins"
        title = axes.text(
            0, y - 0.03, name, size=9, va="bottom", zorder=3,
            weight="normal" if again else "bold",
            color=style.GREY if again else style.INK,
        )  # fmt: skip
        if origin:
            axes.annotate(
                for_figure(f"   from {origin}"), (1, 0), xycoords=title, size=8,
                va="bottom", color=style.GREY,
            )  # fmt: skip
        axes.text(0.015, y + 0.03, for_figure(below), size=8, va="top", color=style.INK)
    return axes


def draw_scores(
    axes: Axes, results: Results, table: pd.DataFrame, mode: str = "greedy"
) -> Axes:
    """Draws every run's final score, and the interquartile mean with its interval.

    `table` is of `rung_table`; a rung that has a second row is drawn in the first.
    """
    runs = final_runs(results, mode)
    families = {v["name"]: v["family"] for v in results.description["variants"]}
    _rows(axes, table)
    style.quiet_grid(axes)
    axes.grid(visible=False, axis="y")
    axes.set_yticks([])
    seen: set[str] = set()
    for y, row in enumerate(table.to_dict("records")):
        name = row["rung"]
        if name in seen:
            continue
        seen.add(name)
        color = _FAMILIES.get(families[name], _OTHER)
        scores = runs[name]
        if not len(scores):
            axes.text(
                0.5, y, "no finished run", transform=axes.get_yaxis_transform(),
                ha="center", va="center", size=8, color=style.GREY,
            )  # fmt: skip
            continue
        heights = y + 0.06 + 0.26 * (0.618034 * np.arange(len(scores)) % 1)
        axes.scatter(scores, heights, s=9, color=color, alpha=0.45, linewidths=0)
        ends = row["score_low"], row["score_high"]
        axes.plot(ends, (y - 0.12,) * 2, color=color, linewidth=2.2, zorder=4)
        axes.plot(
            row["score"], y - 0.12, "D", color=color, markersize=5.5, zorder=5,
            markeredgecolor="white", markeredgewidth=0.7,
        )  # fmt: skip
    axes.set_xlim(style.score_limits(results, np.concatenate([*runs.values(), []])))
    for score, name in style.reference_scores(results):
        axes.axvline(
            score, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1
        )
        axes.text(
            score, 1.005, name.split(" ")[0], transform=axes.get_xaxis_transform(),
            va="bottom", ha="center", size=8, color=style.GREY,
        )  # fmt: skip
    axes.set_title("final score", loc="left", size=9.5, pad=16)
    axes.set_xlabel(for_figure(str(score_in(results.description)["label"])), size=8)
    return axes


def draw_differences(axes: Axes, table: pd.DataFrame) -> Axes:
    """Draws by how much each row of `rung_table` ends above its parent, and says so."""
    _rows(axes, table)
    style.quiet_grid(axes)
    axes.grid(visible=False, axis="y")
    axes.set_yticks([])
    axes.axvline(0, color=style.INK, linewidth=0.9, zorder=2)
    for y, row in enumerate(table.to_dict("records")):
        if not row["parent"] or not np.isfinite(row["difference"]):
            continue
        decided = row["verdict"] in (HIGHER, LOWER, EQUAL)
        color = style.INK if decided else style.GREY
        ends = row["difference_low"], row["difference_high"]
        axes.plot(ends, (y, y), color=color, linewidth=2.0 if decided else 1.2)
        axes.plot(
            row["difference"], y, "o", markersize=5.5, zorder=5, color=color,
            markerfacecolor=color if decided else "white",
        )  # fmt: skip
        axes.annotate(
            f"{style.signed(row['difference'])}  {row['verdict']}", (1, y), (6, 0),
            xycoords=axes.get_yaxis_transform(), textcoords="offset points", size=8.5,
            va="center", color=color, weight="bold" if decided else "normal",
        )  # fmt: skip
    low, high = axes.get_xlim()
    reach = max(abs(low), abs(high), 1e-6)
    axes.set_xlim(-reach, reach)
    axes.set_title("difference to its parent", loc="left", size=9.5, pad=16)
    axes.set_xlabel("points of the final score", size=8)
    return axes


def _rows(axes: Axes, table: pd.DataFrame) -> None:
    """The first row on top, and every other one on grey, in all panels alike."""
    axes.set_ylim(len(table) - 0.5, -0.5)
    for y in range(1, len(table), 2):
        axes.axhspan(y - 0.5, y + 0.5, color="#F6F6F4", linewidth=0, zorder=0)


def _colors(results: Results) -> str:
    """Which colour is which family's."""
    names = {"#D55E00": "orange", "#0072B2": "blue", _OTHER: "green"}
    families = dict.fromkeys(v["family"] for v in results.description["variants"])
    said = [f"{names[_FAMILIES.get(f, _OTHER)]} is {f}" for f in families]
    return f"Of colours {', '.join(said)}."


_MARKS = (
    "A rung differs from its parent in the change below its name. Dot and bar: "
    "difference of the two interquartile means of final scores and its "
    "95\N{NO-BREAK SPACE}% interval. What is said is adjusted for all changes of a "
    "column; hollow where no difference is shown, which does not mean that there is "
    "none."
)


def _caption(results: Results, table: pd.DataFrame) -> str:
    """What the marks are, and what is held equal."""
    runs: list[Any] = sorted(set(table["runs"]))
    count = f"{runs[0]}" if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    tuned = results.description["ladder"].get("tuned") or []
    equal = (
        f"each rung has its own tuned {', '.join(tuned)}, and all else is equal"
        if tuned
        else "all else is equal, and nothing is tuned for a rung"
    )
    steps = results.description["ladder"]["steps"]
    classes = [
        step["rung"] for step in steps if step.get("brings") or step.get("drops")
    ]
    other = (
        f" Where the class changes ({', '.join(dict.fromkeys(classes))}) settings that "
        "only one of the two has come and go with it."
        if classes
        else ""
    )
    seeds = dict(zip(table["rung"], table["runs"].astype(int), strict=True))
    bars = captions.interval_in_words("Bar", seeds)
    return (
        f"A rung differs from its parent in the change below its name; {equal}."
        f"{other} {_colors(results)} Small dots: single runs ({count} a rung). "
        "Diamond: interquartile mean. "
        f"{bars} Right: difference "
        "of the two interquartile means and its 95\N{NO-BREAK SPACE}% interval. What "
        f"is said of it is adjusted for all {len(steps)} changes; hollow where no "
        "difference is shown, which does not mean that there is none."
    )
