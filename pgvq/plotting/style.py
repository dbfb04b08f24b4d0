"""How the pictures look: colours by family, units, labels that keep their distance."""

import colorsys
import io
import re
import warnings
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy.optimize import isotonic_regression

from pgvq.experiments.score_meaning import SEVERAL, environment_in, score_in
from pgvq.plain_text import for_figure, visible
from pgvq.results.store import Results
from pgvq.storage.files import atomic
from pgvq.types import InputError

INK, GREY, FAINT = "#222222", "#6B6B6B", "#C9C9C9"

# A colour for each learner, the same in every figure: warm ones for policy gradients,
# blue ones for Q-learning, as far apart as Okabe and Ito's for readers who do not see
# red and green alike. Each has dashes of its own too, for a printer without colours.
_LEARNERS = {
    "REINFORCE": ("#8C2D04", 2),
    "ActorCritic": ("#D55E00", 1),
    "PPO": ("#F2A541", 3),
    "DQN": ("#0072B2", 0),
    "PQN": ("#6BB8E8", 5),
    "Tabular": ("#08306B", 4),
    "SAC": ("#009E73", 4),
    "AnalyticPolicyGradient": ("#A9558C", 1),
}
# For learners of the user's own, by family; which of them follows from the name.
_SPARE = {
    "policy gradient": ("#B5470F", "#E07B39", "#5E2605"),
    "Q-learning": ("#2B5FA3", "#3E93C9", "#123B63"),
    "": ("#00664B", "#7A3E78", "#7F7F7F", "#3FA796", "#C77CA8"),
}
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (6, 1.5, 1, 1.5, 1, 1.5)),
    (0, (10, 2)),
)
# Lightness of the other variants of a learner.
_DARKEST, _LIGHTEST, _APART = 0.16, 0.72, 0.14

FONT_SIZE = 9.0  # points; all other sizes keep their ratio to it
RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": FONT_SIZE,
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
    "pdf.fonttype": 42,  # fonts that journals accept, and that stay text
    "ps.fonttype": 42,
    "svg.hashsalt": "pgvq",  # names in the file, otherwise new at every drawing
}


class Style(NamedTuple):
    """How one variant is drawn, the same in every figure."""

    color: str
    dashes: Any


def styles(variants: Sequence[Mapping[str, Any]]) -> dict[str, Style]:
    """Gives every variant its look: the colour is its learner's, the shade its own.

    The variant that is named like its learner ("dqn") has the learner's own colour,
    or else the first one; others of the same learner are darker or lighter.
    """
    learners: dict[str, list[Mapping[str, Any]]] = {}
    for variant in variants:
        learner = str(variant.get("algorithm", variant["family"]))
        learners.setdefault(learner, []).append(variant)
    taken: set[str] = set()
    chosen = {}
    for learner, group in learners.items():
        color, first = _look_of(learner, str(group[0]["family"]), taken)
        taken.add(color)
        plain = next((v for v in group if _is_plain(v, learner)), group[0])
        others = iter(_shades(color, len(group) - 1))
        for number, variant in enumerate(sorted(group, key=lambda v: v is not plain)):
            shade = color if variant is plain else next(others)
            dashes = _DASHES[(first + number) % len(_DASHES)]
            chosen[variant["name"]] = Style(shade, dashes)
    return chosen


def _look_of(learner: str, family: str, taken: Collection[str]) -> tuple[str, int]:
    """A learner's colour and the number of its dashes."""
    if learner in _LEARNERS:
        return _LEARNERS[learner]
    spare = _SPARE.get(family, _SPARE[""])
    start = zlib.crc32(learner.encode())
    turned = [spare[(start + i) % len(spare)] for i in range(len(spare))]
    free = [color for color in turned if color not in taken]
    return (free or turned)[0], start % len(_DASHES)


def _is_plain(variant: Mapping[str, Any], learner: str) -> bool:
    name = str(variant.get("own_name", variant["name"]))
    return "".join(c for c in name.lower() if c.isalnum()) == learner.lower()


def _shades(color: str, count: int) -> list[str]:
    """So many shades of a colour, from dark to light, without the colour's own."""
    given = np.array(to_rgb(color))
    _, own, _ = colorsys.rgb_to_hls(*given)
    # A few stay near to the learner's own colour.
    low, high = own - _APART * count, own + _APART * count
    steps = np.linspace(max(low, _DARKEST), min(high, _LIGHTEST), count + 1)
    steps = np.delete(steps, np.argmin(np.abs(steps - own)))
    return [
        to_hex(
            tuple(given * x / own if x < own else 1 - (1 - given) * (1 - x) / (1 - own))
        )
        for x in steps
    ]


def styles_of_values(values: NDArray[np.float64]) -> list[Style]:
    """Looks of a sweep's variants: the colour by the first field, dashes by the others.

    `values` [V, F]; V looks. Darker is less.
    """
    first, rank = np.unique(values[:, 0], return_inverse=True)
    _, other = np.unique(values[:, 1:], axis=0, return_inverse=True)
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, len(first)))
    if values.shape[1] == 1:
        other = rank
    return [
        Style(to_hex(shades[i]), _DASHES[j % len(_DASHES)])
        for i, j in zip(rank.ravel(), np.ravel(other), strict=True)
    ]


def scale() -> float:
    """How much larger than usual text is, and the room for it."""
    return matplotlib.rcParams["font.size"] / FONT_SIZE


def width_of(text: str, size: float = FONT_SIZE, weight: str = "normal") -> float:
    """Inches that the longest line of a text takes, in the font that is set."""
    font = FontProperties(size=size * scale(), weight=weight)
    widths = [0.0]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for line in text.split("\n"):
            if line:
                widths.append(
                    text_to_path.get_text_width_height_descent(line, font, False)[0]
                )
    return 1.03 * max(widths) / 72  # hinting makes some letters wider


def steps_unit(largest: float, what: str = "agent steps") -> tuple[float, str]:
    """The unit in which agent steps up to `largest` are read most easily."""
    if largest >= 1e6:
        return 1e6, f"million {what}"
    return (1e3, f"thousand {what}") if largest >= 1e4 else (1.0, what)


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
    goals = wanted[order] - before
    ordered = isotonic_regression(goals).x if len(goals) else goals
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


def inches_of(axes: Axes) -> tuple[float, float]:
    """Width and height of axes."""
    box = axes.get_window_extent()
    dpi = axes.get_figure(root=True).dpi  # pyright: ignore[reportOptionalMemberAccess]
    return box.width / dpi, box.height / dpi


def fitting_label(axes: Axes, label: str) -> str:
    """A y-axis' label, without what is in brackets where the axis is too short."""
    short = width_of(label) > 1.05 * inches_of(axes)[1]
    return label.partition(" (")[0] if short else label


def halo(text: Text) -> Text:
    """Keep a text readable where lines pass behind it."""
    text.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground="white")])
    return text


def quiet_grid(axes: Axes) -> None:
    """Faint lines to read values from, behind everything."""
    axes.grid(color="#EDEDED", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=3, width=0.7)


# Inches.
_QUESTION_LINE, _WHAT_LINE, _CAPTION_LINE = 0.22, 0.16, 0.152
_EDGE = 0.18


class Words(NamedTuple):
    """What is written above and below a figure."""

    question: str  # that it answers; "" for none
    what: str  # is shown; "" for none
    caption: str


def page(
    words: Words, width: float, body: float, height: float | None = None
) -> tuple[Figure, float, float]:
    """A figure with its words, and room for a body of a height in inches between them.

    Args:
        words: what is written; empty parts take no room.
        width: inches.
        body: inches; with `height` it is what the words leave.
        height: inches of the whole figure, if it is given.

    Returns:
        The figure; the body's lower edge and its height in inches.

    Raises:
        InputError: the given size leaves no room.
    """
    asked = question_lines(width, words.question) if words.question else []
    told = what_lines(width, words.what) if words.what else []
    said = caption_lines(width, words.caption) if words.caption else []
    unit = scale()
    head = (_QUESTION_LINE * len(asked) + _WHAT_LINE * len(told)) * unit
    top = head + (0.28 if head else 0.06)
    foot = (0.2 + _CAPTION_LINE * len(said)) * unit if said else 0.04
    if height is not None:
        body = height - top - foot
        if body < 1.0 * unit:
            raise InputError(
                f"{width:g}x{height:g} inches leave no room for the figure below its "
                "words; make it higher, or leave them out by --no-caption"
            )
    figure = Figure(figsize=(width, top + body + foot))
    total = top + body + foot
    if said:
        write_caption(figure, said)
    at = total - 0.1 - 0.13 * unit
    for lines, line, size, weight, color in (
        (asked, _QUESTION_LINE, 13, "bold", INK),
        (told, _WHAT_LINE, 9.5, "normal", GREY),
    ):
        for text in lines:
            figure.text(
                _EDGE / width, (at - line * unit / 2 + 0.11 * unit) / total,
                for_figure(text), size=size * unit, weight=weight, color=color,
                va="center",
            )  # fmt: skip
            at -= line * unit
        at -= 0.05 * unit
    return figure, foot, body


def headings(figure: Figure, question: str, what: str) -> None:
    """The question that the picture answers, and below it what is shown."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    asked, told = question_lines(width, question), what_lines(width, what)
    left = _EDGE / width
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
    return filled_lines(question, figure_width - 2 * _EDGE, 13, "bold")


def what_lines(figure_width: float, what: str) -> list[str]:
    """Wrap the line below it."""
    return filled_lines(what, figure_width - 2 * _EDGE, 9.5)


def caption_lines(figure_width: float, text: str) -> list[str]:
    """Wrap a caption for a figure of `figure_width` inches."""
    # Lines of more than that are hard to follow back to their beginning.
    return filled_lines(text, min(figure_width - 2 * _EDGE, 10.5 * scale()), 8)


def filled_lines(
    text: str, width: float, size: float, weight: str = "normal"
) -> list[str]:
    """A text in lines of at most `width` inches; words that are longer are broken."""
    space = width_of("n n", size, weight) - width_of("nn", size, weight)
    lines, used = [""], 0.0
    for word in visible(text).split(" "):
        for piece in _pieces(word, width, size, weight):
            needed = width_of(piece, size, weight)
            if used and used + space + needed > width:
                lines.append("")
                used = 0.0
            used += needed + (space if used else 0.0)
            lines[-1] += (" " if lines[-1] else "") + piece
    return lines


def _pieces(word: str, width: float, size: float, weight: str) -> list[str]:
    """A word, or parts of it that fit into a line."""
    pieces = [word]
    while width_of(pieces[-1], size, weight) > width and len(pieces[-1]) > 1:
        last = pieces.pop()
        share = width / width_of(last, size, weight)
        cut = max(1, int(0.9 * share * len(last)))
        pieces += [last[:cut], last[cut:]]
    return pieces


def caption_height(lines: list[str]) -> float:
    """What a caption needs at the lower edge, in inches."""
    return (0.2 + _CAPTION_LINE * len(lines)) * scale()


def write_caption(figure: Figure, lines: list[str]) -> None:
    """Put the caption at the figure's lower edge."""
    figure.text(
        _EDGE / figure.get_figwidth(),
        0.10 * scale() / figure.get_figheight(),
        for_figure("\n".join(lines)),
        size=8 * scale(),
        color=GREY,
        va="bottom",
        linespacing=1.35,
    )


def _save_png(figure: Figure, file: IO[bytes]) -> None:
    """Writes a figure in the 256 colours that come nearest, a third of the bytes."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=160)
    picture = Image.open(whole).convert("RGB")
    few = picture.quantize(256, dither=Image.Dither.NONE)
    few.save(file, format="png", optimize=True, dpi=(160, 160))


def save(
    figure: Figure, stem: Path, formats: Sequence[str] = ("png",), text: str = ""
) -> list[Path]:
    """Write the figure without dates: the same figure, the same bytes.

    Args:
        figure: what is written.
        stem: path of the files without their ending.
        formats: endings, of "png", "pdf" and "svg".
        text: headings and caption that are not in the figure, for a file `stem`.txt.
    """
    paths = []
    for kind in formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
        with atomic(path) as file, warnings.catch_warnings():
            # The font has no emoji, and draws a box for each.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            if kind == "png":
                _save_png(figure, file)
            else:
                figure.savefig(file, format=kind, metadata=metadata)
        paths.append(path)
    if text:
        path = stem.with_name(f"{stem.name}.txt")
        with atomic(path) as file:
            file.write(text.encode())
        paths.append(path)
    return paths
