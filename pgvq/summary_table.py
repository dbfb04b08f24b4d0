"""The summary as a table for people, readable at 80 columns and without colours."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from pgvq.plain_text import literal, printable, say, visible
from pgvq.results import Results
from pgvq.score_meaning import difference_in_words, score_in, score_of_variant
from pgvq.summary import duels, summarise

_UNKNOWN = "–"
MOST_COMPARED = 4  # variants whose pairs are compared in words


def print_summary(
    results: Results, mode: str = "greedy", console: Console | None = None
) -> None:
    """Print one row per variant, what the columns mean, and what to be wary of.

    Raises `InputError` for a mode that was not evaluated.
    """
    console = console or Console()
    frame = summarise(results, mode)
    bars = [
        name.removeprefix("steps_to_") for name in frame if "steps_to_" in str(name)
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
    notes = [*_caption(results, frame, mode, bars), *_duels(results, mode)]
    with printable():
        console.print(table)
        for line in [*notes, *warnings(frame)]:
            say(console, line)


def _duels(results: Results, mode: str) -> list[str]:
    """Which of two methods a run is likelier to end higher with, where that is known.

    The likelier one stands first. Of many variants only the first four are compared.
    """
    frame = duels(results, mode).dropna()
    chosen = [v["name"] for v in results.description["variants"]][:MOST_COMPARED]
    shown = frame["a"].isin(chosen) & frame["b"].isin(chosen)
    # Both orders are there; of a tie the first.
    better = frame.loc[shown & (frame["probability"] >= 0.5)]
    pairs: dict[frozenset[str], str] = {}
    for row in better.to_dict("records"):
        said = f"{row['a']} over {row['b']} {row['probability']:.2f}"
        interval = f"[{row['low']:.2f}, {row['high']:.2f}]"
        pairs.setdefault(frozenset((row["a"], row["b"])), f"{said} {interval}")
    if not pairs:
        return []
    return [f"chance that a run ends higher: {'; '.join(pairs.values())}."]


def played(mode: str) -> str:
    """What a mode is, in words."""
    return {"greedy": "greedy play", "explore": "as it behaves while learning"}[mode]


def signed(bar: str) -> str:
    """A score with its sign, as in "+15"; 0 has none."""
    return bar if bar.startswith("-") or bar == "0" else f"+{bar}"


def _cells(row: Mapping[str, Any], bars: list[str]) -> list[str]:
    """One row of the table; what belongs to a number stands on the line below it."""
    interval = f"[{_score(row['score_low'])}, {_score(row['score_high'])}]"
    no_interval = _unknown(row["score_low"]) and _unknown(row["score_high"])
    compiled = f"+{duration(row['compile_seconds'])}"
    return [
        row["variant"],
        _final_score(row) + ("" if no_interval else "\n" + interval),
        f"{row['finished']}/{row['seeds']}",
        percent(row["learned"]),
        *(
            f"{short(row[f'steps_to_{bar}'])}\n{row[f'reached_{bar}']}/{row['seeds']}"
            for bar in bars
        ),
        duration(row["train_seconds"])
        + ("" if _unknown(row["compile_seconds"]) else "\n" + compiled),
        short(row["steps_per_second"]),
    ]


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
        "interquartile mean over seeds and its 95 % bootstrap interval over whole "
        "runs (none from fewer than 3 seeds)."
    )
    lines = [
        score,
        "seeds: trained for the whole budget / begun.",
        f"learned: share of the former that end above {above}.",
    ]
    if bars:
        lines.append(
            f"to {signed(bars[0])}: agent steps from which on the interquartile mean "
            "over seeds is that or more, up to the end; below, how many seeds' own "
            "curves are."
        )
    if differ := difference_in_words(results.description):
        lines.append(differ)
    return [
        *lines,
        "training: by the wall clock, all seeds together; below, + compilation.",
        "steps/s: agent steps of all seeds per second of training.",
    ]


def warnings(frame: pd.DataFrame) -> list[str]:
    """What a reader of this summary must know before trusting it; often nothing."""
    lines = []
    rows: list[dict[str, Any]] = frame.to_dict("records")
    for row in rows:
        name = row["variant"]
        if row["finished"] < row["seeds"]:
            of = f"{row['seeds'] - row['finished']} of {row['seeds']}"
            lines.append(f"{name}: {of} seeds not finished and so not in the score.")
        if not _unknown(row["diverged"]) and row["diverged"]:
            of = f"{row['diverged']} of {row['seeds']}"
            lines.append(f"{name}: {of} seeds diverged; they count like the others.")
        if not _unknown(row["nan_scores"]) and row["nan_scores"]:
            of = f"{row['nan_scores']} of {row['finished']}"
            lines.append(
                f"{name}: the final score of {of} seeds is NaN; they count, ranked "
                "below every number."
            )
        if row["truncated"] > 0:
            share = percent(row["truncated"])
            lines.append(f"{name}: {share} of the games were cut off by the step cap.")
        if row["identical_games"] > 0:
            share = percent(row["identical_games"])
            lines.append(
                f"{name}: all games of {share} of the seeds are identical: one sample, "
                f"not {row['games']}."
            )
    return [f"Note: {line}" for line in lines]


def _unknown(value: Any) -> bool:
    return bool(pd.isna(value))


def _final_score(row: Mapping[str, Any]) -> str:
    """The score over seeds; "NaN" where seeds scored that, not where none is known."""
    lost = row["finished"] and _unknown(row["score"])
    return "NaN" if lost else _score(row["score"])


def _score(value: float) -> str:
    return _UNKNOWN if _unknown(value) else f"{value:+.1f}"


def percent(share: float) -> str:
    """A share in per cent; never "0 %" or "100 %" for what is only nearly so."""
    if _unknown(share):
        return _UNKNOWN
    rounded = round(100 * share)
    if 0 < share < 1:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded} %"


def short(number: float) -> str:
    """A large number in three digits: 950, 12.3k, 4.56M; infinity is "never"."""
    if _unknown(number):
        return _UNKNOWN
    if math.isinf(number):
        return "never"
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * unit:
            scaled = number / unit
            digits = max(0, 2 - math.floor(math.log10(max(scaled, 1))))
            text = f"{scaled:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + name
    return f"{number:.0f}"


def duration(seconds: float) -> str:
    """Seconds as people say them: 8.1s, 1m23s, 2h05m."""
    if _unknown(seconds):
        return _UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}m{rest:02d}s"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours}h{rest:02d}m"
