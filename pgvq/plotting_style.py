"""How the pictures look: colours by family, units, labels that keep their distance."""

import re
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import east_asian_width

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import ArrayLike, NDArray

from pgvq.files import atomic
from pgvq.plain_text import for_figure, visible
from pgvq.results import Results
from pgvq.score_meaning import SEVERAL, environment_in, score_in
from pgvq.statistics import ENOUGH, MIN_RUNS, too_narrow

INK, GREY, FAINT = "#222222", "#6B6B6B", "#C9C9C9"

# From dark to light. The middles are Okabe and Ito's colours, which stay apart for
# readers who do not see red and green alike; dark and light survive a grey printer.
_RAMPS = {
    "policy gradient": ("#7A2500", "#D55E00", "#F4A261"),
    "Q-learning": ("#08306B", "#0072B2", "#6BB8E8"),
}
_OTHER_RAMPS = (
    ("#00402B", "#009E73", "#7CCBA2"),
    ("#4A1942", "#A9558C", "#D9A5C7"),
    ("#3D3D3D", "#7F7F7F", "#B5B5B5"),
)
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1, 1.5)))

RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.hashsalt": "pgvq",  # names in the file, otherwise new at every drawing
}


class Style(NamedTuple):
    """How one variant is drawn, the same in every picture."""

    color: str
    dashes: Any


def styles(variants: list[dict[str, Any]]) -> dict[str, Style]:
    """Give every variant its style: the hue is its family, the shade is its own."""
    families = list(dict.fromkeys(v["family"] for v in variants))
    unknown = [family for family in families if family not in _RAMPS]
    ramps = dict(_RAMPS)
    for number, family in enumerate(unknown):
        ramps[family] = _OTHER_RAMPS[number % len(_OTHER_RAMPS)]
    chosen = {}
    for family in families:
        names = [v["name"] for v in variants if v["family"] == family]
        ramp = LinearSegmentedColormap.from_list(family, ramps[family])
        shades = [0.5] if len(names) == 1 else np.linspace(0.12, 0.92, len(names))
        for number, (name, shade) in enumerate(zip(names, shades, strict=True)):
            chosen[name] = Style(to_hex(ramp(shade)), _DASHES[number % len(_DASHES)])
    return chosen


def steps_unit(largest: float) -> tuple[float, str]:
    """The unit in which agent steps up to `largest` are read most easily."""
    if largest >= 1e6:
        return 1e6, "million agent steps"
    return (1e3, "thousand agent steps") if largest >= 1e4 else (1.0, "agent steps")


def time_unit(largest: float) -> tuple[float, str]:
    """The unit in which times up to `largest` seconds are read most easily."""
    if largest > 3 * 3600:
        return 3600.0, "hours"
    return (60.0, "minutes") if largest > 300 else (1.0, "seconds")


def wrapped(name: str, width: int = 26) -> str:
    """Break a long variant name into lines of at most `width` characters.

    After a comma, bracket or space where that is enough, else within words.
    """
    pieces = []
    for part in re.findall(r"[^,(\s]*[,(\s]?", name):
        # Only a part that fills a line by itself is broken further.
        finer = r"[^_/=-]*[_/=-]?" if len(part) > width else r".+"
        for piece in re.findall(finer, part):
            pieces += [piece[i : i + width] for i in range(0, len(piece), width)]
    lines = [""]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.strip() for line in lines)


def within(values: ArrayLike, low: float, high: float) -> NDArray:
    """Values as places between two ends; NaN, which ranks lowest, at the low one."""
    return np.clip(np.nan_to_num(values, nan=low, posinf=high, neginf=low), low, high)


def spread(wanted: ArrayLike, heights: ArrayLike, low: float, high: float) -> NDArray:
    """Move label centres as little as needed so that none overlaps another.

    `wanted` [V] centres, `heights` [V]; returns [V] centres, in [low, high] where the
    labels fit there at all, and in the order of the wanted ones.
    """
    wanted, heights = np.asarray(wanted, float), np.asarray(heights, float)
    order = np.argsort(wanted, kind="stable")
    # Without their heights before them, labels must only be in order: the nearest
    # ordered numbers are the means of pooled neighbours (isotonic regression).
    before = np.cumsum(heights[order]) - heights[order] / 2
    blocks: list[list[float]] = []  # mean, size
    for goal in wanted[order] - before:
        blocks.append([goal, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, size = blocks.pop()
            total = blocks[-1][1] + size
            blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + mean * size) / total, total]
    ordered = np.repeat([b[0] for b in blocks], [int(b[1]) for b in blocks])
    top = max(high - heights.sum(), low)
    placed = np.empty_like(wanted)
    placed[order] = np.clip(ordered, low, top) + before
    return placed


def signed(score: float) -> str:
    """A score as a label: its sign, a minus as long as the plus, three digits or so."""
    if np.isnan(score):
        return "NaN"
    if abs(score) >= 1e6:
        return f"{score:+.2g}".replace("-", "−")
    text = f"{score:.0f}" if abs(score) >= 100 else f"{score:+.1f}"
    return text.replace("-", "−")


def reference_scores(
    results: Results, drawn: Sequence[str] | None = None
) -> list[tuple[float, str]]:
    """The scores that give all others a meaning, with their names.

    Only those that hold for all variants, or for those of the names `drawn`.
    """
    names = {
        "perfect": "perfect",
        "parity": "parity with the opponent",
        "random": "random play",
    }
    known = score_in(results.description, drawn)
    given = {key: known[key] for key in names if known.get(key) is not None}
    return [
        (score, f"{names[key]} ({f'{score:+g}'.replace('-', '−') if score else 0})")
        for key, score in given.items()
    ]


def score_limits(
    results: Results, scores: ArrayLike, drawn: Sequence[str] | None = None
) -> tuple[float, float]:
    """A range with room for all finite `scores`, reference scores and their labels."""
    shown = [float(x) for x in np.ravel(scores) if np.isfinite(x)]
    shown += [score for score, _ in reference_scores(results, drawn)]
    if not shown:  # no seed has finished, and the environment knows no score
        return 0.0, 1.0
    low, high = min(shown), max(shown)
    room = max(high - low, 1e-6)
    return low - 0.04 * room, high + 0.07 * room


def environment(results: Results, drawn: Sequence[str] | None = None) -> str:
    """The environment's name as a word in a sentence."""
    name = str(environment_in(results.description, drawn).get("name", "the game"))
    if name == SEVERAL:
        return "its own environment"
    return name.capitalize() if name.islower() else name


def seeds_and_games(seeds: list[int], games: int) -> tuple[str, str]:
    """How many seeds each method has and how many games each point, in words."""
    low, high = min(seeds, default=0), max(seeds, default=0)
    number = str(low) if low == high else f"{low} to {high}"
    return (
        f"{number} per method",
        "one complete game" if games == 1 else f"the mean of {games} complete games",
    )


def interval_in_words(mark: str, counts: list[int]) -> str:
    """A caption's words for what is drawn around interquartile means; "" for nothing.

    `mark` is a "Band" or a "Bar", `counts` the number of runs of each method.
    """
    several = [count for count in counts if count >= MIN_RUNS]
    parts = []
    if several:
        parts.append(f"{mark}: its 95\N{NO-BREAK SPACE}% interval over whole runs.")
    if any(2 <= count < MIN_RUNS for count in counts):
        parts.append(f"{mark} of 2 to {MIN_RUNS - 1} seeds: their range, no interval.")
    if min(several, default=ENOUGH) < ENOUGH:
        parts.append(too_narrow())
    return "".join(part + " " for part in parts)


def halo(text: Text) -> Text:
    """Keep a text readable where lines pass behind it."""
    text.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground="white")])
    return text


def quiet_grid(axes: Axes) -> None:
    """Faint lines to read values from, behind everything."""
    axes.grid(color="#EDEDED", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=3, width=0.7)


_QUESTION_LINE, _WHAT_LINE = 0.22, 0.16  # inches


def headings(figure: Figure, question: str, what: str) -> None:
    """The question that the picture answers, and below it what is shown."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    asked, told = question_lines(width, question), what_lines(width, what)
    left = 0.18 / width
    middle = 0.30 + _QUESTION_LINE * (len(asked) - 1) / 2
    figure.text(
        left, 1 - middle / height, for_figure("\n".join(asked)), size=13,
        weight="bold", va="center",
    )  # fmt: skip
    middle = 0.57 + _QUESTION_LINE * (len(asked) - 1) + _WHAT_LINE * (len(told) - 1) / 2
    figure.text(
        left, 1 - middle / height, for_figure("\n".join(told)), size=9.5, color=GREY,
        va="center",
    )  # fmt: skip


def headings_height(width: float, question: str, what: str) -> float:
    """What headings need beyond one line of each, in inches."""
    more = len(question_lines(width, question)) - 1, len(what_lines(width, what)) - 1
    return _QUESTION_LINE * more[0] + _WHAT_LINE * more[1]


def question_lines(figure_width: float, question: str) -> list[str]:
    """Wrap a heading for a figure of `figure_width` inches."""
    return _fitted(question, (figure_width - 0.3) / 0.096)


def what_lines(figure_width: float, what: str) -> list[str]:
    """Wrap the line below it."""
    return _fitted(what, (figure_width - 0.3) / 0.072)


def caption_lines(figure_width: float, text: str) -> list[str]:
    """Wrap a caption for a figure of `figure_width` inches."""
    return _fitted(text, (figure_width - 0.4) / 0.0665)


def _fitted(text: str, letters: float) -> list[str]:
    """Lines as long as so many letters of the usual width."""

    def length(line: str) -> float:
        wide = sum(c in "WM@%" or east_asian_width(c) in "WF" for c in line)
        return len(line) + 0.85 * wide

    most = int(letters)
    while True:
        lines = textwrap.wrap(visible(text), most) or [""]
        if most <= 8 or all(length(line) <= 1.04 * letters for line in lines):
            return lines
        most = int(0.9 * most)


def caption_height(lines: list[str]) -> float:
    """What a caption needs at the lower edge, in inches."""
    return 0.2 + 0.152 * len(lines)


def write_caption(figure: Figure, lines: list[str]) -> None:
    """Put the caption at the figure's lower edge."""
    figure.text(
        0.18 / figure.get_figwidth(),
        0.10 / figure.get_figheight(),
        for_figure("\n".join(lines)),
        size=8,
        color=GREY,
        va="bottom",
        linespacing=1.35,
    )


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write `stem`.png and .svg, without dates: the same picture, the same bytes."""
    paths = [stem.with_name(stem.name + end) for end in (".png", ".svg")]
    for path, metadata in zip(paths, ({}, {"Date": None}), strict=True):
        with atomic(path) as file, warnings.catch_warnings():
            # The font has no emoji, and draws a box for each.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            kind = path.suffix[1:]
            figure.savefig(file, format=kind, dpi=160, metadata=metadata)
    return paths
