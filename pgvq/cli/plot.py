"""`pgvq plot`: figures and table from what was found, without training."""

from rich.console import Console

from pgvq import plotting
from pgvq.cli.loading import load_study
from pgvq.cli.studying import plot_study
from pgvq.cli.tune import plot_tuning
from pgvq.locations import as_path
from pgvq.plain_text import say
from pgvq.results import load
from pgvq.summary_table import print_summary
from pgvq.tuning.folder import is_tuning
from pgvq.types import InputError


def draw(place: str, console: Console) -> int:
    """Draws a results folder, or a study by its file; returns the exit status."""
    if str(as_path(place, "FOLDER")).endswith(".py"):
        study = load_study(place)
        if study is None:
            raise InputError(
                f"{place} defines no `study`; give the results folder of its experiment"
            )
        return plot_study(study, console)
    if is_tuning(as_path(place, "FOLDER")):
        return plot_tuning(place, console)
    results = load(place)
    print_summary(results, console=console)
    for path in plotting.plot(results):
        say(console, str(path), wrap=False)
    return 0
