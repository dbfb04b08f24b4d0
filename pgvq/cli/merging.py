"""`pgvq merge`: results folders of several machines become one."""

from rich.console import Console

from pgvq import plotting
from pgvq.cli.options import Merge
from pgvq.cli.progress_display import Plain
from pgvq.cli.summary_table import print_summary
from pgvq.experiments.seeds import listed
from pgvq.plain_text import say, visible
from pgvq.running.merging import merge


def merge_folders(asked: Merge, console: Console) -> int:
    """Merges, prints the table and draws the figures; returns the exit status."""
    found = merge(asked.folders, asked.out, Plain(console))
    print_summary(found, console=console)
    pictures = [p.name for p in plotting.plot(found) if p.suffix == ".png"]
    say(console, "")
    for variant in found.description["variants"]:
        rows = found.training.loc[found.training["variant"] == variant["name"]]
        seeds = sorted({int(seed) for seed in rows["seed"]})
        which = f"seeds {listed(seeds)}" if seeds else "no seeds"
        say(console, f"{visible(variant['name'])}: {which}")
    say(
        console,
        f"{asked.out} holds the tables and {', '.join(pictures)}; checkpoints are not "
        "merged, so that `pgvq watch` needs the folder that a run was trained in",
        wrap=False,
    )
    return 0
