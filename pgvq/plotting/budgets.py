"""The budget curve: final score against the budget, each point runs of its own."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pgvq.analysis import captions
from pgvq.analysis.budget_curve import budget_table, checked_series, pairs, sentences
from pgvq.analysis.words import played, short
from pgvq.experiments.budgets import budget_name
from pgvq.experiments.score_meaning import score_in
from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.plotting.options import Options, shown_modes
from pgvq.results.store import Results
from pgvq.storage.files import atomic
from pgvq.storage.locations import as_path

# What can be on the x-axis, and in words.
X_AXES = {
    "agent_steps": "agent steps of a run: its budget",
    "seconds": "seconds of training, a run's share",
    "updates": "gradient updates of a run",
}
# The figure's parts in inches.
_PANEL_WIDTH, _PANEL_HEIGHT, _LEFT, _GAP = 3.5, 3.5, 0.75, 0.2
_TOP, _AXIS, _NAMES = 0.95, 0.55, 1.35


def budget_curve(
    parts: Sequence[Results],
    folder: str | os.PathLike[str],
    options: Options | None = None,
) -> list[Path]:
    """Draws a series of results in each mode, and writes what it says.

    Writes budgets.png, budgets.csv and budget_pairs.csv into `folder`, of the mode
    "explore" with _explore behind the name; returns their paths. Of the options it has
    `mode` and `format`. Raises `InputError` where the results are no series.
    """
    options = options or Options()
    series = checked_series(parts)
    written = []
    for mode in shown_modes(series[0], options):
        table, compared = budget_table(series, mode), pairs(series, mode)
        end = "" if mode == "greedy" else f"_{mode}"
        place = as_path(folder, "folder")
        with matplotlib.rc_context(style.RC):
            figure = _figure(series, table, mode)
            written += style.save(figure, place / f"budgets{end}", options.format)
        for stem, frame in (("budgets", table), ("budget_pairs", compared)):
            path = place / f"{stem}{end}.csv"
            text = frame.round(4).to_csv(index=False, lineterminator="\n")
            with atomic(path) as file:
                file.write(text.encode())
            written.append(path)
    return written


def _figure(series: Sequence[Results], table: pd.DataFrame, mode: str) -> Figure:
    """The score against agent steps, seconds and updates, side by side."""
    width = _LEFT + len(X_AXES) * (_PANEL_WIDTH + _GAP) + _NAMES
    names = list(dict.fromkeys(table["variant"]))
    question = (
        f"How well does each method play {style.environment(series[0])} in the end, on "
        "which budget?"
    )
    what = f"{_title(series)}, {played(mode)}"
    paragraphs = [*sentences(table), _caption(series, table)]
    caption = [line for p in paragraphs for line in style.caption_lines(width, p)]
    bottom = _AXIS + style.caption_height(caption)
    height = _TOP + style.headings_height(width, question, what)
    height += _PANEL_HEIGHT + bottom
    figure = Figure(figsize=(width, height))
    style.headings(figure, question, what)
    style.write_caption(figure, caption)
    colors = colors_of(series[0])
    for number, x in enumerate(X_AXES):
        start = _LEFT + number * (_PANEL_WIDTH + _GAP)
        place = (
            start / width,
            bottom / height,
            _PANEL_WIDTH / width,
            _PANEL_HEIGHT / height,
        )
        axes = draw_budgets(figure.add_axes(place), table, x, colors)
        axes.set_ylim(style.score_limits(series[0], _shown(table)))
        for score, name in style.reference_scores(series[0]):
            axes.axhline(
                score, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1
            )
            if not number:
                text = axes.text(
                    0.01, score, name, transform=axes.get_yaxis_transform(), size=8,
                    va="bottom", color=style.GREY,
                )  # fmt: skip
                style.halo(text)
        if number:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(for_figure(str(score_in(series[0].description)["label"])))
        if number == len(X_AXES) - 1:
            _name_lines(axes, table, names, colors)
    return figure


def draw_budgets(
    axes: Axes,
    table: pd.DataFrame,
    x: str = "agent_steps",
    colors: Mapping[str, str] | None = None,
) -> Axes:
    """Draws scores of `budget_table` with their intervals against `x`, logarithmic.

    `x` is one of `X_AXES`; `colors` by variant, matplotlib's own where none are given.
    """
    style.quiet_grid(axes)
    axes.set_xscale("log")
    groups = list(table.groupby("variant", sort=False))
    for number, (name, rows) in enumerate(groups):
        color = (colors or {}).get(str(name), f"C{number}")
        rows = rows.dropna(subset=["score", x]).sort_values("budget")
        # Beside each other where all have the same budgets.
        aside = 0.035 * (number - (len(groups) - 1) / 2) if x == "agent_steps" else 0
        at = rows[x].to_numpy(float) * 2**aside
        axes.plot(at, rows["score"], "o-", color=color, markersize=4.5, zorder=4)
        ends = rows[["score_low", "score_high"]].to_numpy(float).T
        axes.plot([at, at], ends, color=color, linewidth=2.2, alpha=0.45, zorder=3)
    _ticks(axes, table, x)
    axes.set_xlabel(X_AXES[x])
    return axes


def _ticks(axes: Axes, table: pd.DataFrame, x: str) -> None:
    """The budgets themselves, or round numbers that have room."""
    budgets = sorted(set(table["budget"]))
    if x == "agent_steps":
        axes.set_xticks(budgets, [budget_name(budget) for budget in budgets])
    else:
        known = table[x].dropna().to_numpy(float)
        wide = len(known) > 0 and known.max() > 300 * max(known.min(), 1e-9)
        steps = (1.0,) if wide else (1.0, 3.0)
        axes.xaxis.set_major_locator(LogLocator(subs=steps))
        axes.xaxis.set_major_formatter(FuncFormatter(_number))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _number(value: float, _: object) -> str:
    return short(value) if value >= 10 else f"{value:g}"


def colors_of(results: Results) -> dict[str, str]:
    """The colour of each variant, as in all figures."""
    looks = style.styles(results.description["variants"])
    return {name: look.color for name, look in looks.items()}


def _name_lines(
    axes: Axes, table: pd.DataFrame, names: list[str], colors: Mapping[str, str]
) -> None:
    """Names right of the last panel, at the heights where the lines end."""
    last = {
        name: rows.dropna(subset=["score"]).sort_values("budget")["score"]
        for name, rows in table.groupby("variant", sort=False)
    }
    named = [name for name in names if len(last[name])]
    low, high = axes.get_ylim()
    ends = [float(last[name].iloc[-1]) for name in named]
    line = 0.17 * (high - low) / _PANEL_HEIGHT
    for name, y in zip(
        named, style.spread(ends, [line] * len(named), low, high), strict=True
    ):
        axes.annotate(
            for_figure(style.wrapped(name, 18)), (1, y), (6, 0), size=9, va="center",
            xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            color=colors[name], weight="bold",
        )  # fmt: skip


def _shown(table: pd.DataFrame) -> np.ndarray:
    return table[["score", "score_low", "score_high"]].to_numpy(float)


def _title(series: Sequence[Results]) -> str:
    """What the titles of a series have in common."""
    titles = [part.description["title"] for part in series]
    heads = {title.rpartition(":")[0].strip() for title in titles}
    return heads.pop() if len(heads) == 1 and all(heads) else titles[0]


def _caption(series: Sequence[Results], table: pd.DataFrame) -> str:
    """What a point is."""
    runs = sorted(set(table["runs"]))
    count = f"{runs[0]}" if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    counts = dict(zip(table["variant"], table["runs"].astype(int), strict=True))
    bars = captions.interval_in_words("Bar", counts)
    return (
        f"Each point is {count} runs of their own, whose schedules run over their own "
        "budget: the interquartile mean of the final scores; learners are drawn beside "
        f"each other. {bars} What is said above is adjusted for the number of pairs of "
        "a budget. Seconds are by the wall clock without compilation and evaluation; "
        "runs train side by side, and each has its share."
    )
