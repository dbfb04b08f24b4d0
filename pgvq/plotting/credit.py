"""A rally in pictures, and below it the weights that methods give to its choices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from numpy.typing import ArrayLike

from pgvq.plain_text import for_figure
from pgvq.plotting import style
from pgvq.types import InputError

_WIDTH, _LEFT, _RIGHT = 10.5, 1.55, 1.2  # inches
_TOP, _FRAMES, _GAP, _STRIP, _AXIS = 1.0, 0.95, 0.45, 0.36, 0.55
_COLORS = "PuOr_r"  # orange: more of that; purple: less of it
GLYPHS = {-1: "▲", 0: "·", 1: "▼"}


class Strip(NamedTuple):
    """The weights of one method; colours span -scale..+scale."""

    name: str
    weights: ArrayLike  # [T], NaN where there is none
    note: str = ""  # written to its right


def credit_strips(
    stem: Path,
    question: str,
    what: str,
    frames: Sequence[np.ndarray],
    steps: ArrayLike,
    moves: ArrayLike,
    strips: Sequence[Strip],
    events: Mapping[str, int],
    caption: str,
    pictures: int = 8,
) -> list[Path]:
    """Draw strips of weights below frames of the rally; returns the files written.

    Args:
        stem: path of the file without its ending, .png.
        question: that the picture answers, its heading.
        what: is shown, in a line below.
        frames: T pictures [H, W, 3] uint8, what was seen at each agent step.
        steps: [T] int, the steps' numbers, each one more than the last.
        moves: [T] int, -1 up, 0 none, +1 down: what was chosen.
        strips: one row each; every row has colours of its own scale.
        events: names of steps that are marked.
        caption: what the numbers are.
        pictures: how many of the frames are shown, evenly spaced.

    Raises:
        InputError: frames, steps, moves and weights differ in number.
    """
    steps, moves = np.asarray(steps), np.asarray(moves)
    for name, count in (
        ("frames", len(frames)),
        ("moves", len(moves)),
        *((strip.name, len(np.asarray(strip.weights))) for strip in strips),
    ):
        if count != len(steps):
            raise InputError(
                f"{name}: {count} of them for {len(steps)} steps; give one for each"
            )
    with matplotlib.rc_context(style.RC):
        words = style.caption_lines(_WIDTH, caption)
        rows = len(strips) + 1
        bottom = _AXIS + style.caption_height(words)
        head = _TOP + style.headings_height(_WIDTH, question, what)
        height = head + _FRAMES + _GAP + rows * _STRIP + bottom
        figure = Figure(figsize=(_WIDTH, height))
        below = _row_axes(figure, bottom, rows)
        for axes, strip in zip(below, strips, strict=False):
            _draw_strip(axes, steps, strip)
        _draw_moves(below[-1], steps, moves)
        _mark(below, events)
        shown = np.linspace(0, len(steps) - 1, min(pictures, len(steps)))
        places = shown.round().astype(int)
        _draw_frames(figure, below[0], frames, steps, places)
        style.headings(figure, question, what)
        style.write_caption(figure, words)
        return style.save(figure, stem)


def _row_axes(figure: Figure, bottom: float, rows: int) -> list[Axes]:
    """Axes for the strips and the row of moves, from the top."""
    width, height = figure.get_size_inches()
    made = []
    for row in range(rows):
        low = bottom + (rows - 1 - row) * _STRIP
        box = (_LEFT, low, _WIDTH - _LEFT - _RIGHT, 0.8 * _STRIP)
        axes = figure.add_axes(
            (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
        )
        axes.set_yticks([])
        axes.tick_params(length=3 if row == rows - 1 else 0, width=0.7)
        if row < rows - 1:
            axes.set_xticks([])
        made.append(axes)
    made[-1].set_xlabel("agent steps before the point")
    return made


def _draw_strip(axes: Axes, steps: np.ndarray, strip: Strip) -> None:
    weights = np.asarray(strip.weights, float)
    known = np.abs(weights[np.isfinite(weights)])
    scale = max(float(known.max()) if len(known) else 0.0, 1e-9)
    axes.imshow(
        weights[None],
        cmap=_COLORS,
        vmin=-scale,
        vmax=scale,
        aspect="auto",
        interpolation="nearest",
        extent=(steps[0] - 0.5, steps[-1] + 0.5, 0.0, 1.0),
    )
    _name(axes, strip.name)
    note = strip.note or f"±{scale:.2g}"
    axes.text(
        1.01,
        0.5,
        for_figure(note),
        transform=axes.transAxes,
        size=8,
        va="center",
        color=style.GREY,
    )


def _draw_moves(axes: Axes, steps: np.ndarray, moves: np.ndarray) -> None:
    axes.set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
    axes.set_ylim(0, 1)
    axes.spines["left"].set_visible(False)
    for step, move in zip(steps, moves, strict=True):
        axes.text(
            step, 0.5, GLYPHS[int(move)], size=6.5, ha="center", va="center",
            color=style.INK,
        )  # fmt: skip
    _name(axes, "choice: up, down")


def _name(axes: Axes, name: str) -> None:
    axes.text(
        -0.01,
        0.5,
        for_figure(name),
        transform=axes.transAxes,
        size=9,
        ha="right",
        va="center",
    )


def _mark(below: Sequence[Axes], events: Mapping[str, int]) -> None:
    """A frame around the events' cells, named above the uppermost strip."""
    for name, step in events.items():
        for axes in below[:-1]:
            axes.axvline(step - 0.5, color=style.INK, linewidth=0.9)
            axes.axvline(step + 0.5, color=style.INK, linewidth=0.9)
        text = below[0].text(
            step, 1.12, for_figure(name), size=8, ha="center", va="bottom",
            weight="bold", transform=below[0].get_xaxis_transform(), zorder=9,
        )  # fmt: skip
        style.halo(text)


def _draw_frames(
    figure: Figure,
    strip: Axes,
    frames: Sequence[np.ndarray],
    steps: np.ndarray,
    shown: np.ndarray,
) -> None:
    """The pictures side by side, each tied to its step on the uppermost strip."""
    width, height = figure.get_size_inches()
    room = (_WIDTH - _LEFT - _RIGHT) / len(shown)
    low = strip.get_position().y0 * height + _STRIP + _GAP
    for place, index in enumerate(shown):
        box = (_LEFT + room * (place + 0.03), low, 0.94 * room, _FRAMES)
        axes = figure.add_axes(
            (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
        )
        axes.imshow(frames[index][30:198], aspect="auto", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"{steps[index]}".replace("-", "−"), size=8, pad=2)
        line = ConnectionPatch(
            (0.5, 0.0), (float(steps[index]), 1.0), "axes fraction", "data",
            axesA=axes, axesB=strip, color=style.FAINT, linewidth=0.8, zorder=0,
        )  # fmt: skip
        figure.add_artist(line)
