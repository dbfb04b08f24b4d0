"""Learning curves: score, or a training metric, against steps, updates or time."""

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pgvq.analysis import captions
from pgvq.analysis.curves import curves, final_scores_of, metric_curves
from pgvq.analysis.statistics import Estimate, estimate, interquartile_mean
from pgvq.analysis.swept_fields import sweeps
from pgvq.analysis.words import played
from pgvq.experiments.score_meaning import score_in
from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.plotting.captions import conditions, left_out, not_drawn
from pgvq.plotting.lines import (
    MOST_WITH_SEEDS,
    Line,
    draw_panel,
    is_log,
    legend,
    lines_figure,
    shown_axes,
)
from pgvq.plotting.options import Options, Shown, shown_modes, shown_variants
from pgvq.plotting.style import Words
from pgvq.results.store import Results
from pgvq.storage.locations import as_path
from pgvq.types import InputError

MOST_NAMED = 16  # curves with a look of their own
MOST_OF_A_SWEEP = 8
_LOSSES = "Losses of different algorithms are different quantities."
_THICK = "Thick line: interquartile mean over seeds, beside its name the last value."


def draw_learning_curves(
    axes: Axes,
    results: Results,
    mode: str = "greedy",
    *,
    x: str = "agent_steps",
    with_legend: bool = True,
    **options: Any,
) -> Axes:
    """Draws scores along training on the caller's axes; returns them.

    Thin lines are single seeds, the thick one their interquartile mean, the band what
    `pgvq.analysis.statistics.estimate` gives.

    Args:
        axes: of Matplotlib.
        results: of `pgvq.load` or `pgvq.combine`.
        mode: "greedy" or "explore".
        x: "agent_steps", "updates" or "seconds" (of training, by the wall clock).
        with_legend: whether a legend names the lines.
        options: fields of `Options`: variants, order, labels and log.

    Raises:
        InputError: a value is wrong, a name unknown, or there is nothing to draw.
    """
    chosen = Options.of({**options, "x": x, "mode": mode})
    lines = score_lines(results, mode, chosen)
    draw_panel(axes, lines, x, "x" in chosen.log)
    _score_axis(axes, True, results=results, lines=lines, options=chosen)
    if with_legend:
        legend(axes, lines)
    return axes


def draw_metric(
    axes: Axes,
    results: Results,
    metric: str,
    *,
    x: str = "agent_steps",
    with_legend: bool = True,
    **options: Any,
) -> Axes:
    """Draws a training metric as `draw_learning_curves` draws the scores."""
    chosen = Options.of({**options, "x": x, "metric": metric})
    lines = metric_lines(results, metric, chosen)
    draw_panel(axes, lines, x, "x" in chosen.log)
    _metric_axis(axes, True, metric=metric, lines=lines, options=chosen)
    if with_legend:
        legend(axes, lines)
    return axes


def learning_curves(
    results: Results,
    folder: str | os.PathLike[str],
    mode: str = "greedy",
    options: Options | None = None,
) -> list[Path]:
    """Writes learning_curves, or learning_curves_explore; returns the paths.

    Panels against agent steps and against the wall clock are side by side, unless an
    x-axis is chosen or the figure is narrow. Raises `InputError` for a mode that was
    not evaluated and when there is nothing to draw.
    """
    options = options or Options()
    with matplotlib.rc_context(options.rc):
        lines = score_lines(results, mode, options)
        names = [line.shown.name for line in lines]
        words = Words(
            f"How well does each method play {style.environment(results, names)} "
            "after how much training?",
            f"{results.description['title']}: {played(mode)}",
            _score_caption(results, mode, lines, options),
        )
        scale_y = partial(_score_axis, results=results, lines=lines, options=options)
        figure = lines_figure(lines, words, options, scale_y)
        stem = "learning_curves" if mode == "greedy" else f"learning_curves_{mode}"
        place = as_path(folder, "folder") / stem
        return style.save(figure, place, options.format, options.beside(words))


def metric_figures(
    results: Results, folder: str | os.PathLike[str], options: Options | None = None
) -> list[Path]:
    """Writes metric_NAME for each metric of the options; returns the paths."""
    options = options or Options()
    written = []
    with matplotlib.rc_context(options.rc):
        for metric in options.metric:
            lines = metric_lines(results, metric, options)
            words = Words(
                f"How does {metric} change along training?",
                str(results.description["title"]),
                _metric_caption(results, metric, lines, options),
            )

            scale_y = partial(_metric_axis, metric=metric, lines=lines, options=options)
            figure = lines_figure(lines, words, options, scale_y)
            stem = as_path(folder, "folder") / (
                "metric_" + re.sub(r"[^\w.-]", "_", metric)
            )
            text = options.beside(words)
            written += style.save(figure, stem, options.format, text)
    return written


def score_lines(results: Results, mode: str, options: Options) -> list[Line]:
    """What is drawn of each variant that has an evaluation in a mode."""
    drawn = _by_value(results, shown_variants(results, options))
    best = _best(results, drawn, mode)
    lines = []
    for shown in drawn:
        curve = curves(results, shown.variant, mode)
        if len(curve.seeds):
            found = estimate(curve.scores[curve.complete])
            lines.append(Line(shown, curve, *found, named=shown.name in best))
    if not lines:
        name = results.description["name"]
        raise InputError(
            f"{name} has no evaluation to draw yet; run the experiment first"
        )
    return lines


def metric_lines(results: Results, metric: str, options: Options) -> list[Line]:
    """What is drawn of each variant that has a training metric.

    Points before a metric is known are left out; so are, of a point, seeds without a
    value there.
    """
    drawn = _by_value(results, shown_variants(results, options))
    [mode, *_] = shown_modes(results, options)
    best = _best(results, drawn, mode)
    lines = []
    for shown in drawn:
        curve = metric_curves(results, shown.variant, metric)
        known = ~np.isnan(curve.scores)
        if known.any():
            found = _estimate_of_known(curve.scores[curve.complete])
            lines.append(
                Line(
                    shown,
                    curve,
                    *found,
                    named=shown.name in best,
                    is_score=False,
                )
            )
    if not lines:
        raise InputError(f"{metric} has no value to draw; choose another metric")
    return lines


def _estimate_of_known(values: NDArray[np.float64]) -> Estimate:
    """`estimate` of the seeds that have a value, at each point of [S, P]."""
    each = [estimate(column[~np.isnan(column)]) for column in values.T]
    return Estimate(*(np.array(part, float) for part in zip(*each, strict=True)))


def _by_value(results: Results, drawn: list[Shown]) -> list[Shown]:
    """Variants of one sweep with colours by its first field, dashes by the others.

    Where anything else is drawn too, each has its learner's colour.
    """
    names = {one.name for one in drawn}
    found = [s for s in sweeps(results.description) if names <= set(s.names)]
    if not found:
        return drawn
    looks = style.styles_of_values(found[0].values)
    of = dict(zip(found[0].names, looks, strict=True))
    return [one._replace(look=of[one.name]) for one in drawn]


def _best(results: Results, drawn: Sequence[Shown], mode: str) -> set[str]:
    """Names of the variants with a look of their own: those that end highest, if many.

    Variants without a final score are the last.
    """
    swept = {name for sweep in sweeps(results.description) for name in sweep.names}
    names = [shown.name for shown in drawn]
    most = MOST_OF_A_SWEEP if swept.intersection(names) else MOST_NAMED
    if len(names) <= most:
        return set(names)
    final = {}
    for shown in drawn:
        score = interquartile_mean(
            final_scores_of(curves(results, shown.variant, mode))
        )
        final[shown.name] = -np.inf if np.isnan(score) else float(score)
    return set(sorted(names, key=lambda name: -final[name])[:most])


def _score_axis(
    axes: Axes,
    named: bool,
    *,
    results: Results,
    lines: Sequence[Line],
    options: Options,
) -> None:
    """The scores' axis, with what gives them a meaning."""
    names = [line.shown.name for line in lines]
    scores = np.concatenate([line.curve.scores.ravel() for line in lines])
    if "y" in options.log and not options.metric:
        _logarithmic(axes, "scores", scores)
    else:
        axes.set_ylim(style.score_limits(results, scores, names))
    if named:
        label = str(score_in(results.description, names)["label"])
        axes.set_ylabel(for_figure(style.fitting_label(axes, label)))
    for score, name in style.reference_scores(results, names):
        axes.axhline(
            score, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1
        )
        if named:
            # Curves start low and end high: only the top line is free on the left.
            x, side = (0.01, "left") if "perfect" in name else (0.99, "right")
            text = axes.text(
                x, score, name, transform=axes.get_yaxis_transform(),
                size=8 * style.scale(), color=style.GREY, ha=side, va="bottom",
                zorder=6,
            )  # fmt: skip
            style.halo(text)


def _metric_axis(
    axes: Axes, named: bool, *, metric: str, lines: Sequence[Line], options: Options
) -> None:
    values = np.concatenate([line.curve.scores.ravel() for line in lines])
    if "y" in options.log:
        _logarithmic(axes, metric, values)
    if named:
        axes.set_ylabel(for_figure(style.fitting_label(axes, metric)))


def _logarithmic(axes: Axes, what: str, values: NDArray[np.float64]) -> None:
    known = values[np.isfinite(values)]
    if len(known) and known.min() <= 0:
        raise InputError(
            f"{what} of {known.min():.3g} cannot be on a logarithmic axis; "
            "leave y out of log"
        )
    axes.set_yscale("log")


def _score_caption(
    results: Results, mode: str, lines: list[Line], options: Options
) -> str:
    """What the lines are, how many runs and games, and what deviates from that."""
    of = {line.shown.label: line.curve for line in lines}
    complete = {label: int(curve.complete.sum()) for label, curve in of.items()}
    games = captions.games_in_words([curve.games for curve in of.values()])
    parts = [
        _seeds(lines),
        f"Each point: {games}.",
        _THICK,
        captions.interval_in_words("Band", complete),
        left_out(lines),
        _times(lines, options),
        captions.notes_on_runs(of, scores=True, final=False),
        not_drawn(shown_variants(results, options), of, f"{played(mode)} was not seen"),
        *conditions(results, [line.shown for line in lines], [mode]),
    ]
    return " ".join(part for part in parts if part)


def _metric_caption(
    results: Results, metric: str, lines: list[Line], options: Options
) -> str:
    of = {line.shown.label: line.curve for line in lines}
    complete = {label: int(curve.complete.sum()) for label, curve in of.items()}
    kinds = {line.shown.variant["algorithm"] for line in lines}
    gaps = any(
        np.any(np.isnan(runs).any(axis=0) & ~np.isnan(runs).all(axis=0))
        for runs in (curve.scores[curve.complete] for curve in of.values())
    )
    parts = [
        f"{metric}: in training, the mean since the point before.",
        _LOSSES if "loss" in metric.lower() and len(kinds) > 1 else "",
        _seeds(lines),
        _THICK,
        captions.interval_in_words("Band", complete),
        "Where seeds have no value, the others alone are counted." if gaps else "",
        left_out(lines),
        _times(lines, options),
        captions.notes_on_runs(of, scores=False, final=False),
        not_drawn(shown_variants(results, options), of, f"{metric} is not known"),
        *conditions(results, [line.shown for line in lines], []),
    ]
    return " ".join(part for part in parts if part)


def _seeds(lines: list[Line]) -> str:
    counts = {line.shown.label: len(line.curve.seeds) for line in lines}
    words = captions.seeds_in_words(counts)
    if sum(line.named for line in lines) > MOST_WITH_SEEDS:
        return f"Seeds: {words}, not drawn singly."
    return f"Thin lines: single seeds ({words})."


def _times(lines: list[Line], options: Options) -> str:
    """What training time is, where it is drawn."""
    if "seconds" not in shown_axes(options):
        return ""
    text = (
        "Training time: of the whole batch that a seed trained in, without compilation "
        "and evaluation"
    )
    if is_log(lines, "seconds", options):
        text += "; logarithmic, so that the point before learning is not on that axis"
    return f"{text}."
