"""Whether the results of an experiment fit in this machine's memory."""

from pgvq.machine import in_words, machine_memory
from pgvq.types import InputError

# Bytes that a row of a table takes in memory while another is added to it.
_GAME_ROW = 100
_TRAINING_ROW = 400

# What each count is as a rule: the one that exceeds this most is to blame.
_USUAL = {"seeds": 5, "evaluations": 20, "games": 10}


def check_tables(seeds: int, evaluations: int, games: int, variants: int) -> None:
    """Raises `InputError` where the results would not fit in this machine's memory."""
    counts = {"seeds": seeds, "evaluations": evaluations, "games": games}
    memory = machine_memory()

    def size(counts: dict[str, int]) -> int:
        points = variants * counts["seeds"] * (counts["evaluations"] + 1)
        return points * (counts["games"] * 2 * _GAME_ROW + _TRAINING_ROW)

    if memory is None or size(counts) <= memory:
        return
    most = max(counts, key=lambda name: counts[name] / _USUAL[name])
    low, high = 0, counts[most]  # the greatest that fits, by halving
    while high - low > 1:
        middle = (low + high) // 2
        fits = size(counts | {most: middle}) <= memory
        low, high = (middle, high) if fits else (low, middle)
    others = " and ".join(f"{n}={v}" for n, v in counts.items() if n != most)
    remedy = f"give at most {low}" if low else "make all of them smaller"
    raise InputError(
        f"{most}={counts[most]} is too many: with {others} and {variants} "
        f"variant{'s' if variants > 1 else ''} the results take "
        f"{in_words(size(counts))}, and this machine has {in_words(memory)} of memory; "
        f"{remedy}"
    )
