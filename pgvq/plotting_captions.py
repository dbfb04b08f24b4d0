"""What captions say of the variants that a figure shows, looked up in the results."""

from collections.abc import Collection, Sequence

from pgvq import captions
from pgvq.curves import budget_of, cap_is_success
from pgvq.plotting_lines import Line
from pgvq.plotting_options import Shown
from pgvq.results import Results
from pgvq.score_meaning import difference_in_words
from pgvq.summary import summarise
from pgvq.summary_table import percent, played


def conditions(results: Results, drawn: Sequence[Shown], mode: str | None) -> list[str]:
    """In what the drawn variants' trainings and evaluations differ, and their limits.

    Without a `mode` no evaluation is drawn.
    """
    described = results.description
    budgets = {one.label: budget_of(results, one.variant) for one in drawn}
    parts = [captions.budgets_in_words(budgets)]
    if modes:
        caps = {
            one.label: one.variant.get("evaluation", described["evaluation"]).get(
                "max_game_steps"
            )
            for one in drawn
        }
        parts.append(captions.caps_in_words(caps))
    for mode in modes:
        which = f", {played(mode)}" if len(modes) > 1 else ""
        parts.append(_cut_off(results, drawn, mode, which))
    return [*parts, difference_in_words(described, [one.name for one in drawn])]


def _cut_off(results: Results, drawn: Sequence[Shown], mode: str, which: str) -> str:
    """Whose final games the step cap cut off, unless that is the best result."""
    labels = {one.name: one.label for one in drawn}
    rows = summarise(results, mode, thresholds=()).to_dict("records")
    met = {
        labels[row["variant"]]: float(row["truncated"])
        for row in rows
        if row["variant"] in labels and row["truncated"] > 0
    }
    if not met or cap_is_success(results):
        return ""
    listed = captions.listed([f"{n} {percent(share)}" for n, share in met.items()], 8)
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
