"""`pgvq plot`: figures and table from a results folder alone."""

from rich.console import Console

from pgvq import plotting
from pgvq.results import load
from pgvq.summary_table import print_summary


def draw(folder: str, console: Console) -> int:
    """Prints the summary and writes the figures; returns the exit status."""
    results = load(folder)
    print_summary(results, console=console)
    for path in plotting.plot(results):
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    return 0
