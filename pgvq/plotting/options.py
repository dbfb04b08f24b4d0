"""How figures are drawn: which variants, in which order, on which axes, in what size.

The command line's options and the keyword arguments of `pgvq.plotting` are the fields
of `Options`. What they name is looked up in the results by `shown_variants`.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
from matplotlib import font_manager

from pgvq.analysis.curves import curves, final_scores_of, modes
from pgvq.analysis.statistics import interquartile_mean
from pgvq.checks import as_float, did_you_mean, shown
from pgvq.plain_text import visible
from pgvq.plotting import style
from pgvq.plotting.style import Style, Words
from pgvq.results.store import Results
from pgvq.types import InputError

X_AXES = ("agent_steps", "updates", "seconds")
LOGARITHMIC = ("", "x", "y", "xy", "yx")
FORMATS = ("png", "pdf", "svg")
# Inches; the height follows from what is drawn. Two columns of 3.35 are a page of 6.9.
PAPER_WIDTHS = {"column": 3.35, "page": 6.9}
SMALLEST, LARGEST = 2.0, 40.0  # inches
SMALLEST_FONT, LARGEST_FONT = 4.0, 40.0  # points
_GENERIC = ("serif", "sans-serif", "cursive", "fantasy", "monospace")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What of results is drawn, and how; everything has a default.

    Raises `InputError` for a wrong value; for names that the results do not have, where
    they are drawn.
    """

    # Only these, by name, or by the name that several folders share ("dqn").
    variants: Sequence[str] = ()
    # These first, the others as they are; ("score",) is the highest first.
    order: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)  # what variants are called
    title: str | None = None  # instead of the question above the figure; "" for none
    mode: str | None = None  # "greedy" or "explore"; by default both
    # Of the curves; by default agent steps, and seconds beside them.
    x: str | None = None
    log: str = ""  # axes that are logarithmic: "x", "y" or "xy"
    metric: Sequence[str] = ()  # of the training table, drawn as curves as well
    size: str | tuple[float, float] | None = None  # inches, "column" or "page"
    font: str | float | None = None  # a family, a size in points, or both: "serif 8"
    format: Sequence[str] = ("png",)
    caption: bool = True  # False: headings and caption go into a text file beside

    def __post_init__(self) -> None:
        for name in ("variants", "order", "metric", "format"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        _check_labels(self.labels)
        _check_choice("mode", self.mode, ("greedy", "explore"))
        _check_choice("x", self.x, X_AXES)
        _check_choice("log", self.log, LOGARITHMIC)
        for one in self.format:
            _check_choice("format", one, FORMATS)
        if not self.format:
            raise InputError(f"format is empty; give some of {', '.join(FORMATS)}")
        if not isinstance(self.title, str | None):
            raise InputError(f"title={shown(self.title)} must be a text")
        if not isinstance(self.caption, bool):
            raise InputError(f"caption={shown(self.caption)} must be True or False")
        _size(self.size)
        _font(self.font)

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> "Options":
        """Options from keyword arguments; `InputError` for one that there is not."""
        known = [each.name for each in fields(cls)]
        for name in keywords:
            if name not in known:
                hint = did_you_mean(name, known, show=repr)
                raise InputError(f"figures have no option {name!r}; {hint}")
        return cls(**keywords)

    @property
    def on_paper(self) -> bool:
        """Whether headings and caption are left to the text around the figure."""
        return not self.caption or self.size in PAPER_WIDTHS

    def inside(self, words: Words) -> Words:
        """What is written into a figure: all, or on paper a title alone."""
        question = words.question if self.title is None else self.title
        if not self.on_paper:
            return words._replace(question=question)
        return Words(self.title or "", "", "")

    def beside(self, words: Words) -> str:
        """What is not in the figure, as lines of a text file; "" where all is."""
        if not self.on_paper:
            return ""
        question = words.question if self.title is None else self.title
        parts = (question, words.what, words.caption)
        return "".join(f"{visible(part)}\n" for part in parts if part)

    @property
    def width(self) -> float | None:
        """Inches, if they are given."""
        return _size(self.size)[0]

    @property
    def height(self) -> float | None:
        """Inches, if they are given."""
        return _size(self.size)[1]

    @property
    def rc(self) -> dict[Any, Any]:
        """Matplotlib's settings with which everything is drawn."""
        family, points = _font(self.font)
        if points is None:
            points = 8.0 if self.size in PAPER_WIDTHS else style.RC["font.size"]
        return style.RC | {"font.family": family or "sans-serif", "font.size": points}


class Shown(NamedTuple):
    """A variant that is drawn."""

    variant: dict[str, Any]  # of the description
    name: str
    label: str
    look: Style


def shown_variants(results: Results, options: Options) -> list[Shown]:
    """The variants that are drawn, in order, with what they are called.

    Their looks do not depend on which others are drawn. Raises `InputError` for a name
    that the results do not have, and for two variants of one label.
    """
    variants = results.description["variants"]
    names = [variant["name"] for variant in variants]
    looks = style.styles(variants)
    chosen = _named(variants, options.variants, "variants") or names
    first = _order(results, chosen, options)
    chosen = [*first, *(name for name in chosen if name not in first)]
    labels = {}
    for given, label in options.labels.items():
        for name in _named(variants, [given], "labels"):
            labels[name] = label + name.removeprefix(given) * (name != given)
    found = {variant["name"]: variant for variant in variants}
    drawn = [Shown(found[n], n, labels.get(n, n), looks[n]) for n in chosen]
    each = [one.label for one in drawn]
    if twice := next((label for label in each if each.count(label) > 1), None):
        raise InputError(f"two variants are labelled {twice!r}; give them two labels")
    return drawn


def chosen_results(results: Results, options: Options) -> Results:
    """The results of the chosen variants alone, in order, under their own names."""
    variants = [one.variant for one in shown_variants(results, options)]
    return replace(results, description={**results.description, "variants": variants})


def shown_modes(results: Results, options: Options) -> list[str]:
    """The modes that are drawn; `InputError` for one that was not evaluated."""
    known = modes(results)
    if options.mode is None:
        return known
    if options.mode not in known:
        raise InputError(
            f"no evaluation has the mode {options.mode!r}; use {' or '.join(known)}"
        )
    return [options.mode]


def names_in(text: str, known: Sequence[str]) -> list[str]:
    """Names in a list with commas, where names themselves may have some.

    Known names are found first; what is none of them is a name by itself.
    """
    parts, names, start = text.split(","), [], 0
    while start < len(parts):
        for stop in range(len(parts), start, -1):
            name = ",".join(parts[start:stop]).strip()
            if name in known or stop == start + 1:
                names.append(name)
                start = stop
                break
    return names


def label_in(text: str, known: Sequence[str]) -> tuple[str, str]:
    """The variant and its label in "NAME=LABEL", where names may have a "=" too."""
    places = [i for i, letter in enumerate(text) if letter == "="]
    if not places:
        raise InputError(
            f"--labels {shown(text)} must be NAME=LABEL, such as 'dqn=Double DQN'"
        )
    fitting = [i for i in places if text[:i].strip() in known]
    at = fitting[-1] if fitting else places[0]
    return text[:at].strip(), text[at + 1 :].strip()


def own_names(results: Results) -> list[str]:
    """All names that options may give: variants', and those that folders share."""
    names = [variant["name"] for variant in results.description["variants"]]
    own = [v.get("own_name", v["name"]) for v in results.description["variants"]]
    return list(dict.fromkeys([*names, *own]))


def _named(
    variants: Sequence[Mapping[str, Any]], wanted: Iterable[str], option: str
) -> list[str]:
    """The names of the variants meant, each once."""
    found: list[str] = []
    names = [variant["name"] for variant in variants]
    for one in wanted:
        here = [one] if one in names else []
        here = here or [v["name"] for v in variants if v.get("own_name") == one]
        if not here:
            hint = did_you_mean(one, names, show=repr)
            raise InputError(f"{option}: no variant is called {one!r}; {hint}")
        found += [name for name in here if name not in found]
    return found


def _order(results: Results, chosen: Sequence[str], options: Options) -> list[str]:
    """Those of the chosen variants that come first."""
    variants = results.description["variants"]
    if tuple(options.order) == ("score",) and "score" not in own_names(results):
        [mode, *_] = shown_modes(results, options)
        final = {
            v["name"]: float(
                interquartile_mean(final_scores_of(curves(results, v, mode)))
            )
            for v in variants
        }
        ranks = {n: -s if np.isfinite(s) else np.inf for n, s in final.items()}
        return sorted(chosen, key=lambda name: ranks[name])
    named = _named(variants, options.order, "order")
    return [name for name in named if name in chosen]


def _texts(name: str, given: Any) -> tuple[str, ...]:
    """A list of texts, each once; one text is a list of one."""
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, Iterable) or isinstance(given, Mapping):
        raise InputError(f"{name}={shown(given)} must be a list of texts")
    texts = list(given)
    if wrong := [one for one in texts if not isinstance(one, str)]:
        raise InputError(f"{name}: {shown(wrong[0])} must be a text")
    return tuple(dict.fromkeys(texts))


def _check_labels(labels: Any) -> None:
    fits = isinstance(labels, Mapping) and all(
        isinstance(part, str) and part.strip()
        for pair in labels.items()
        for part in pair
    )
    if not fits:
        raise InputError(
            f"labels={shown(labels)} must give names their labels, such as "
            "{'dqn': 'Double DQN'}"
        )


def _check_choice(name: str, given: Any, known: Sequence[str]) -> None:
    if given is None or (isinstance(given, str) and given in known):
        return
    named = [one for one in known if one]
    advice = did_you_mean(given, named, show=repr) if isinstance(given, str) else ""
    advice = advice if advice.startswith("did") else f"use {' or '.join(named)}"
    raise InputError(f"{name}={shown(given)} is not known; {advice}")


def _size(given: Any) -> tuple[float | None, float | None]:
    """Width and height in inches, as far as they are given."""
    if given is None:
        return None, None
    if isinstance(given, str):
        if given in PAPER_WIDTHS:
            return PAPER_WIDTHS[given], None
        pair: Any = given.lower().replace("×", "x").split("x")
    else:
        pair = given
    numbers = []
    if isinstance(pair, Sequence) and len(pair) == 2:
        for one in pair:
            try:
                number = float(one) if isinstance(one, str) else as_float(one)
            except ValueError:
                number = None
            if number is not None and SMALLEST <= number <= LARGEST:
                numbers.append(number)
    if len(numbers) != 2:
        raise InputError(
            f"size={shown(given)} must be inches such as 7x4, each from {SMALLEST:g} "
            f"to {LARGEST:g}, or {' or '.join(PAPER_WIDTHS)}"
        )
    return numbers[0], numbers[1]


def _font(given: Any) -> tuple[str | None, float | None]:
    """Family and size, as far as they are given."""
    if given is None:
        return None, None
    *words, last = str(given).replace(",", " ").split() or [""]
    try:
        size = as_float(given) if not isinstance(given, str) else float(last)
    except ValueError:
        size, words = None, [*words, last]
    if size is None:
        known = isinstance(given, str) and bool("".join(words).strip())
    else:
        known = SMALLEST_FONT <= size <= LARGEST_FONT
    if not known:
        raise InputError(
            f"font={shown(given)} must be a family, a size from {SMALLEST_FONT:g} to "
            f"{LARGEST_FONT:g} points, or both, such as 'serif 8'"
        )
    family = " ".join(words)
    if family and family not in _GENERIC:
        _check_family(family)
    return family or None, size


def _check_family(family: str) -> None:
    names = sorted({font.name for font in font_manager.fontManager.ttflist})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            font_manager.findfont(family, fallback_to_default=False)
        except ValueError:
            hint = did_you_mean(family, names, show=repr)
            raise InputError(f"font={family!r} is not installed; {hint}") from None
