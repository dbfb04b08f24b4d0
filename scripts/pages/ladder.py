"""The ladder's rungs and what each step is worth."""

from pages import words
from pages.headline import scored, summary, title


def memory_table() -> str:
    """PPO with and without a memory where velocities are hidden."""
    explore = summary("ladder/hidden", "explore")
    rows = [
        [
            title(row.Index),
            scored(row),
            scored(explore.loc[row.Index]),
            f"{words.steps(row.steps_to_0)} ({row.reached_0} of {row.seeds})",
            words.seconds(row.train_seconds),
        ]
        for row in summary("ladder/hidden").itertuples()
    ]
    head = ["", "greedy score, range of the runs", "with exploration"]
    return words.table(
        [*head, "agent steps to 0 for good", "training, all seeds"], rows
    )


BLOCKS = {"memory table": memory_table}
