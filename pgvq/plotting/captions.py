"""What captions say of the variants that a figure shows, looked up in the results."""

from collections.abc import Collection, Sequence
from typing import Any

from pgvq.analysis import captions
from pgvq.analysis.curves import budget_of
from pgvq.analysis.summary import summarise
from pgvq.analysis.words import percent, played
from pgvq.experiments.score_meaning import difference_in_words
from pgvq.plotting.lines import Line
from pgvq.plotting.options import Shown
from pgvq.results.store import Results

_NO_BREAK = "\N{NO-BREAK SPACE}"


def conditions(
    results: Results, drawn: Sequence[Shown], modes: Sequence[str]
) -> list[str]:
    """In what the drawn variants' trainings and evaluations differ, and their limits.

    Without `modes` no evaluation is drawn.
    """
    parts = differences(results, drawn, modes)
    for mode in modes:
        which = f", {played(mode)}" if len(modes) > 1 else ""
        parts.append(_cut_off(results, drawn, mode, which))
    names = [one.name for one in drawn]
    return [*parts, difference_in_words(results.description, names)]


def differences(
    results: Results, drawn: Sequence[Shown], modes: Sequence[str]
) -> list[str]:
    """Sentences about budgets and caps that differ; "" for what is equal."""
    budgets = [budget_of(results, one.variant) for one in drawn]
    parts = [captions.budgets_in_words(_named(drawn, budgets))]
    if modes:
        shared = results.description["evaluation"]
        evaluations = [one.variant.get("evaluation", shared) for one in drawn]
        caps = _named(drawn, [each.get("max_game_steps") for each in evaluations])
        parts.append(captions.caps_in_words(caps))
    return parts


def _named(drawn: Sequence[Shown], values: Sequence[Any]) -> dict[str, Any]:
    """Values by label; by folder where all of each folder have the same."""
    folders: dict[str, set[Any]] = {}
    for one, value in zip(drawn, values, strict=True):
        folders.setdefault(one.variant.get("folder", ""), set()).add(value)
    if "" not in folders and all(len(found) == 1 for found in folders.values()):
        return {folder: found.pop() for folder, found in folders.items()}
    return {one.label: value for one, value in zip(drawn, values, strict=True)}


def _cut_off(results: Results, drawn: Sequence[Shown], mode: str, which: str) -> str:
    """Whose final games the step cap cut off, unless that is the best result."""
    labels = {one.name: one.label for one in drawn}
    rows = summarise(results, mode, thresholds=()).to_dict("records")
    met = {
        labels[row["variant"]]: float(row["cut_off"])
        for row in rows
        if row["variant"] in labels and row["cut_off"] > 0
    }
    if not met:
        return ""
    shares = {name: percent(s).replace(" ", _NO_BREAK) for name, s in met.items()}
    listed = captions.listed([f"{name} {share}" for name, share in shares.items()], 8)
    return f"Final games cut off by the step cap{which}: {listed}."


def left_out(lines: Sequence[Line]) -> str:
    """That only the best lines have a look of their own; "" where all have."""
    named = sum(line.named for line in lines)
    if named == len(lines):
        return ""
    return (
        f"Coloured: the {named} of {len(lines)} variants with the highest final score; "
        f"grey: the other {len(lines) - named}, as means only."
    )


def not_drawn(drawn: Sequence[Shown], having: Collection[str], why: str) -> str:
    """Which of the variants are missing, and why; "" where none is."""
    missing = [one.label for one in drawn if one.label not in having]
    return (
        f"Not drawn, because {why}: {captions.listed(missing, 8)}." if missing else ""
    )
