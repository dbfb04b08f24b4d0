"""The summary as a table for people, readable at 80 columns and without colours."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from pgvq.analysis.comparisons import (
    A_HIGHER,
    B_HIGHER,
    LEVEL,
    NOT_SHOWN,
    OTHER_BUDGET,
    TOO_FEW,
    equal_within,
)
from pgvq.analysis.statistics import (
    ENOUGH,
    EQUAL,
    INTERVAL,
    MIN_RUNS,
    RANGE,
    too_narrow,
)
from pgvq.analysis.summary import comparisons, summarise
from pgvq.analysis.words import (
    UNKNOWN,
    duration,
    is_unknown,
    percent,
    played,
    short,
    signed,
)
from pgvq.experiments.score_meaning import (
    MARGIN,
    difference_in_words,
    margin_in,
    score_in,
    score_of_variant,
)
from pgvq.plain_text import literal, printable, say, visible
from pgvq.results.store import Results

MOST_COMPARED = 4  # variants whose pairs have a sentence each


def print_summary(
    results: Results, mode: str = "greedy", console: Console | None = None
) -> None:
    """Print one row per variant, what the columns mean, and what to be wary of.

    Raises `InputError` for a mode that was not evaluated.
    """
    console = console or Console()
    frame = summarise(results, mode)
    bars = [
        str(name).removeprefix("reached_")
        for name in frame
        if str(name).startswith("reached_")
    ]
    table = Table(
        title=literal(
            f"{visible(results.description['title'])}: final scores, {played(mode)}"
        ),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
    )
    table.add_column("variant", overflow="fold", min_width=12)
    headings = ("score", "seeds", "learned", *(f"to {signed(bar)}" for bar in bars))
    for name in (*headings, "training", "steps/s"):
        table.add_column(name, justify="right", no_wrap=True)
    rows: list[dict[str, Any]] = frame.to_dict("records")
    for row in rows:
        table.add_row(*map(literal, _cells(row, bars)))
    notes = [
        *_caption(results, frame, mode, bars),
        *verdicts(comparisons(results, mode), margin_in(results.description)),
    ]
    with printable():
        console.print(table)
        for line in [*notes, *warnings(frame)]:
            say(console, line)


def verdicts(frame: pd.DataFrame, margin: float | None = MARGIN) -> list[str]:
    """What `comparisons` shows, in lines; of many variants in a compact form.

    Pairs that are not tested are counted, with the reason.
    """
    rows: list[dict[str, Any]] = frame.to_dict("records")
    tested = [row for row in rows if row["verdict"] not in (TOO_FEW, OTHER_BUDGET)]
    lines = []
    if tested:
        adjusted = (
            f" adjusted for {len(tested)} pairs (Holm)," if len(tested) > 1 else ""
        )
        equal = "" if margin is None else f", or both {equal_within(margin)}"
        lines.append(
            "Differences of interquartile means over seeds, with 95 % intervals;"
            f"{adjusted} p < {LEVEL:g} is needed to call one higher{equal}."
        )
    if len({row[side] for row in rows for side in "ab"}) <= MOST_COMPARED:
        lines += [_sentence(row, margin) for row in tested]
    else:
        lines += _compact(tested, margin)
    for reason, words in (
        (
            TOO_FEW,
            f"not compared, because one has fewer than {MIN_RUNS} finished seeds",
        ),
        (OTHER_BUDGET, "not compared, because their budgets of agent steps differ"),
    ):
        count = sum(row["verdict"] == reason for row in rows)
        if count:
            lines.append(f"{count} of {len(rows)} pairs: {words}.")
    return lines


def _sentence(row: Mapping[str, Any], margin: float | None) -> str:
    """One pair: its verdict, how large the difference is, and how probable."""
    a, b = row["a"], row["b"]
    swapped = row["verdict"] == B_HIGHER or (
        row["verdict"] != A_HIGHER and row["difference"] < 0
    )
    if swapped:
        a, b = b, a
    by = _with_ends(row, "difference", swapped, _oriented, "{:+.1f}")
    chance = _with_ends(row, "probability", swapped, _reversed, "{:.2f}")
    p = _p(row["p"])
    if row["verdict"] in (A_HIGHER, B_HIGHER):
        said = f"{a} higher than {b}: by {by}, {p}"
    elif margin is not None and row["verdict"] == equal_within(margin):
        said = f"{a} and {b} equal within {margin:g}: {by}, {_p(row['p_apart'])}"
    else:
        said = f"{a} and {b}, {NOT_SHOWN}: {by}, {p}"
    return f"{said}; probability of improvement, {a} over {b}: {chance}."


def _oriented(value: float, swapped: bool) -> float:
    return -value if swapped else value


def _reversed(value: float, swapped: bool) -> float:
    return 1 - value if swapped else value


def _with_ends(
    row: Mapping[str, Any],
    name: str,
    swapped: bool,
    turned: Callable[[float, bool], float],
    form: str,
) -> str:
    """A number with its interval, seen from the other side where `swapped`."""
    ends = [f"{name}_low", f"{name}_high"]
    low, high = (turned(row[end], swapped) for end in (ends[::-1] if swapped else ends))
    if is_unknown(row[name]):
        return "an unknown amount (scores are NaN)"
    text = form.format(turned(row[name], swapped))
    if is_unknown(low) and is_unknown(high):
        return f"{text} (no interval: the runs are equal)"
    return f"{text} [{_end(form, low)}, {_end(form, high)}]"


def _end(form: str, end: float) -> str:
    return UNKNOWN if is_unknown(end) else form.format(end)


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _compact(rows: list[dict[str, Any]], margin: float | None) -> list[str]:
    """Verdicts of many pairs: what each variant is higher than, what is equal."""
    higher: dict[str, list[str]] = {}
    equal, left = [], 0
    for row in rows:
        if row["verdict"] == A_HIGHER:
            higher.setdefault(row["a"], []).append(row["b"])
        elif row["verdict"] == B_HIGHER:
            higher.setdefault(row["b"], []).append(row["a"])
        elif margin is not None and row["verdict"] == equal_within(margin):
            equal.append(f"{row['a']} and {row['b']}")
        else:
            left += 1
    best = sorted(higher.items(), key=lambda item: -len(item[1]))
    lines = [f"{name} higher than {', '.join(others)}." for name, others in best]
    if equal and margin is not None:
        lines.append(f"equal within {margin:g}: {'; '.join(equal)}.")
    if left:
        lines.append(f"{NOT_SHOWN}: the other {left} of {len(rows)} pairs.")
    return lines


def _cells(row: Mapping[str, Any], bars: list[str]) -> list[str]:
    """One row of the table; what belongs to a number is on the line below it."""
    compiled = f"+{duration(row['compile_seconds'])}"
    return [
        row["variant"],
        _final_score(row) + _around_score(row),
        f"{row['finished']}/{row['seeds']}",
        percent(row["learned"]),
        *(
            f"{short(row[f'steps_to_{bar}'])}{_around_steps(row, bar)}"
            f"\n{row[f'reached_{bar}']}/{row['seeds']}"
            for bar in bars
        ),
        duration(row["train_seconds"])
        + ("" if is_unknown(row["compile_seconds"]) else "\n" + compiled),
        short(row["steps_per_second"]),
    ]


def _around_score(row: Mapping[str, Any]) -> str:
    """The interval of a score on a line of its own, or the range, called so."""
    if row["score_interval"] not in (INTERVAL, RANGE):
        return ""
    low, high = row["score_low"], row["score_high"]
    digits = next((d for d in range(1, 7) if _score(low, d) != _score(high, d)), 7)
    ends = _score(low, digits), _score(high, digits)
    if row["score_interval"] == RANGE:
        return f"\n{ends[0]} to {ends[1]}\n(range)"
    return f"\n[{ends[0]}, {ends[1]}]"


def _around_steps(row: Mapping[str, Any], bar: str) -> str:
    """The interval, or the range, of the time to a threshold on two lines."""
    ends = [row[f"steps_to_{bar}_{end}"] for end in ("low", "high")]
    if any(map(is_unknown, ends)):
        return ""
    if row["finished"] < MIN_RUNS:
        return f"\n{short(ends[0])}–\n{short(ends[1])}\n(range)"
    return f"\n{short(ends[0])}–\n{short(ends[1])}"


def _caption(
    results: Results, frame: pd.DataFrame, mode: str, bars: list[str]
) -> list[str]:
    """Say what each column means, for a reader who meets them for the first time."""
    meaning = score_in(results.description)
    label = meaning["label"]
    label = label if label.startswith("score") else f"score ({label})"
    games = frame["games"].max()
    bars_of = {
        score_of_variant(results.description, variant).get("parity")
        for variant in results.description["variants"]
    }
    parity = meaning["parity"]
    above = "its own score before learning" if parity is None else f"{parity:g}"
    if len(bars_of) > 1:
        above = "parity where its game has one, else its own score before learning"
    score = (
        f"{label}: {played(mode)}, mean of each seed's {games} games; then the "
        f"interquartile mean over seeds{_intervals(frame)}"
    )
    lines = [
        score,
        "seeds: trained for the whole budget / begun.",
        f"learned: share of the former that end above {above}.",
    ]
    if bars:
        lines.append(
            f"to {signed(bars[0])}: agent steps from which on the interquartile mean "
            "over seeds is that or more, up to the end, and its 95 % interval; below, "
            "how many seeds' own curves are."
        )
    if differ := difference_in_words(results.description):
        lines.append(differ)
    return [
        *lines,
        "training: by the wall clock, all seeds together; below, + compilation.",
        "steps/s: agent steps of all seeds per second of training.",
    ]


def _intervals(frame: pd.DataFrame) -> str:
    """What is below the scores: intervals, ranges, or why there is neither."""
    kinds = set(frame["score_interval"])
    parts = []
    if INTERVAL in kinds:
        parts.append("its 95 % interval over whole runs")
    if RANGE in kinds:
        parts.append(f"the range of fewer than {MIN_RUNS} seeds, which is no interval")
    text = (", below it " + " or ".join(parts) if parts else "") + "."
    if EQUAL in kinds:
        text += " Seeds that score the same have no interval."
    counts = frame.loc[frame["score_interval"] == INTERVAL, "finished"]
    if len(counts) and counts.min() < ENOUGH:
        text += " " + too_narrow()
    return text


def warnings(frame: pd.DataFrame) -> list[str]:
    """What a reader of this summary must know before trusting it; often nothing."""
    rows: list[dict[str, Any]] = frame.to_dict("records")
    kinds: dict[str, list[str]] = {}

    def note(text: str, row: Mapping[str, Any], amount: str) -> None:
        kinds.setdefault(text, []).append(f"{row['variant']} {amount}")

    for row in rows:
        seeds, finished = row["seeds"], row["finished"]
        if finished < seeds:
            note(
                "seeds not finished and so not in the score",
                row,
                f"{seeds - finished} of {seeds}",
            )
        if not is_unknown(row["diverged"]) and row["diverged"]:
            note(
                "seeds that diverged; they count like the others",
                row,
                f"{row['diverged']} of {seeds}",
            )
        if not is_unknown(row["nan_scores"]) and row["nan_scores"]:
            note(
                "seeds whose final score is NaN; they count, ranked below every number",
                row,
                f"{row['nan_scores']} of {finished}",
            )
        if row["cut_off"] > 0:
            note("games cut off by the step cap", row, percent(row["cut_off"]))
        if row["identical_games"] > 0:
            note(
                f"seeds whose games are all identical: one sample, not {row['games']}",
                row,
                percent(row["identical_games"]),
            )
    return [f"Note: {text}: {', '.join(each)}." for text, each in kinds.items()]


def _final_score(row: Mapping[str, Any]) -> str:
    """The score over seeds; "NaN" where seeds scored that, not where none is known."""
    lost = row["finished"] and is_unknown(row["score"])
    return "NaN" if lost else _score(row["score"])


def _score(value: float, digits: int = 1) -> str:
    return UNKNOWN if is_unknown(value) else f"{value:+.{digits}f}"
