"""`pgvq run`: load, change, train, sum up, draw, and say what to do next."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
from rich.console import Console

from pgvq import devices, plotting
from pgvq.algorithms.base import RolloutAlgorithm
from pgvq.cli.loading import execute, load_experiment, load_study, select
from pgvq.cli.overrides import override
from pgvq.cli.studying import run_study
from pgvq.experiment import Experiment
from pgvq.interrupts import INTERRUPTED
from pgvq.locations import as_path
from pgvq.plain_text import say, visible
from pgvq.progress_display import reporter_for
from pgvq.results import Results
from pgvq.runner import Interrupted, run
from pgvq.schema import choice, listed, mapped, maybe, number, problem, record, text
from pgvq.score_meaning import environment_of_variant
from pgvq.summary_table import print_summary
from pgvq.types import InputError

if TYPE_CHECKING:
    from pgvq.cli import Run

CHANGES = ("seeds", "steps", "evaluations", "games")  # options that change experiments
# What a results folder keeps of how it was made; another program may have written it.
SOURCE = record(
    {"text": text(10_000_000)},
    optional={
        "changes": maybe(
            mapped(maybe(number(-1e15, 1e15)), most=10, names=choice(*CHANGES))
        ),
        "set": maybe(listed(text(10_000), most=10_000)),
    },
)


def run_file(asked: "Run", console: Console) -> int:
    """Runs what a file defines, experiments or a study; returns the exit status."""
    changes = {name: getattr(asked, name) for name in CHANGES}
    if asked.no_cache:
        jax.config.update("jax_enable_compilation_cache", False)
    study = load_study(asked.file)
    if study is None:
        if asked.claim:
            raise InputError(
                f"--claim {asked.claim[0]}: {asked.file} defines no `study`, and only "
                "studies have claims; leave it out"
            )
        return run_experiment(
            asked.file,
            changes,
            asked.settings,
            asked.out,
            asked.only,
            asked.fresh,
            console,
        )
    given = [f"--{name}" for name, value in changes.items() if value is not None]
    given += ["--set"] * bool(asked.settings) + ["--only"] * bool(asked.only)
    if given:
        raise InputError(
            f"{given[0]} is for experiments, and {asked.file} is a study, which is "
            "always measured whole; choose among its claims by --claim NUMBER"
        )
    return run_study(study, asked.claim, asked.out, console)


def run_experiment(
    file: str,
    changes: dict[str, Any],
    settings: Sequence[str],
    out: str | None,
    only: str | None,
    fresh: bool,
    console: Console,
) -> int:
    """Trains what is missing and shows it; returns the exit status.

    Args:
        file: a Python file that defines `experiment`, or several as `experiments`.
        changes: fields of the experiment, such as seeds; None leaves one as it is.
        settings: of `--set`.
        out: the results folder; None is `results/` and the experiment's name. Several
            experiments of a file have a folder of their own each within the file's.
        only: of several, the one of this name.
        fresh: delete the folders first.
        console: where to print.
    """
    loaded = load_experiment(file)
    chosen = loaded.experiments
    if only is not None:
        chosen = [select(chosen, only, file)]
    place = None if out is None else as_path(out, "--out")
    # All are checked before the first is trained.
    experiments = [changed(each, changes, settings) for each in chosen]
    source = {"text": loaded.text, "changes": changes, "set": list(settings)}
    again = command(file, changes, settings, out, only)
    for experiment in experiments:
        if len(loaded.experiments) == 1:
            folder = place or Path("results", experiment.name)
        else:
            folder = (place or Path("results", Path(file).stem)) / experiment.name
        if status := train(experiment, folder, source, fresh, again, console):
            return status
    if len(experiments) > 1:
        root = place or Path("results", Path(file).stem)
        for path in plotting.plot_series(root):
            say(console, str(path), wrap=False)
    return 0


def train(
    experiment: Experiment,
    folder: Path,
    source: dict[str, Any],
    fresh: bool,
    again: str,
    console: Console,
) -> int:
    """One experiment into its folder; `again` is the command that would go on."""
    say(console, header(experiment))
    reporter = reporter_for(console)
    try:
        with reporter:
            results = run(experiment, folder, reporter, fresh=fresh, source=source)
    except KeyboardInterrupt as stop:
        said = str(stop) or f"stopped at once; {folder} holds all up to its checkpoint"
        say(console, f"\n{said}:", wrap=False)
        if isinstance(stop, Interrupted) and len(stop.results.evaluations):
            plotting.plot(stop.results)
        say(console, f"    {again}", wrap=False)
        return INTERRUPTED
    show(results, folder, console)
    return 0


def changed(
    experiment: Experiment, changes: dict[str, Any], settings: Sequence[str]
) -> Experiment:
    """The experiment as the command line wants it."""
    given = {name: value for name, value in changes.items() if value is not None}
    # One step: a budget and a setting may each be impossible without the other.
    return override(experiment, settings, **given)


def header(experiment: Experiment) -> str:
    """What is about to run: how much of it, and on what."""
    seeds, variants = experiment.seeds, experiment.variants
    many = f"{seeds} seed{'s' if seeds > 1 else ''}"
    count = f"{len(variants)} algorithm{'s' if len(variants) > 1 else ''}"
    budget = f"{experiment.steps:,.0f} agent steps each"
    lines = [
        visible(experiment.title or experiment.name),
        f"{count}, {many}, {budget}; {devices.describe()}",
    ]
    rounded = {
        name: experiment.executed_steps(algorithm)
        for name, algorithm in variants.items()
        if experiment.executed_steps(algorithm) != experiment.steps
    }
    if rounded:
        parts = [f"{name} {steps:,}" for name, steps in rounded.items()]
        more = f" and {len(parts) - 6} more" if len(parts) > 6 else ""
        listed = ", ".join(parts[:6]) + more
        lines.append(f"rounded up to whole iterations: {listed}")
    return "\n".join([*lines, *observations(variants)])


def observations(variants: Mapping[str, Any]) -> list[str]:
    """What algorithms do to observations before they learn from them; often nothing."""
    said: dict[str, list[str]] = {}
    for name, algorithm in variants.items():
        if isinstance(algorithm, RolloutAlgorithm):
            said.setdefault(algorithm.reading.said, []).append(name)
    all_alike = len(said) == 1
    return [
        f"observations: {what}" + ("" if all_alike else f" ({', '.join(names)})")
        for what, names in said.items()
        if what
    ]


def show(results: Results, folder: Path, console: Console) -> None:
    """The table, the figures, and where everything is."""
    print_summary(results, console=console)
    written = plotting.plot(results, folder)
    pictures = [path.name for path in written if path.suffix == ".png"]
    lines = [f"\n{folder} holds the tables and {', '.join(pictures)}"]
    held = results.description
    of_pong = [
        variant["name"]
        for variant in held["variants"]
        if str(environment_of_variant(held, variant)["name"]).startswith("Pong")
    ]
    if of_pong:
        watch = ["pgvq", "watch", str(folder), "--algorithm", of_pong[0]]
        lines.append(f"watch it play: {shlex.join(watch)} --seed 0 --out rally.gif")
    lines.append(f"draw it again: {shlex.join(['pgvq', 'plot', str(folder)])}")
    say(console, "\n".join(lines), wrap=False)


def command(
    file: str,
    changes: dict[str, Any],
    settings: Sequence[str],
    out: str | None,
    only: str | None = None,
) -> str:
    """The command line that goes on with a run: the same, without `--fresh`."""
    words = ["pgvq", "run", file]
    for name, value in changes.items():
        if value is not None:
            number = f"{value:.15g}" if isinstance(value, float) else str(value)
            words += [f"--{name}", number]
    for setting in settings:
        words += ["--set", setting]
    words += [] if out is None else ["--out", out]
    return shlex.join(words + ([] if only is None else ["--only", only]))


def made_from(source: Any, where: str, name: str) -> Experiment:
    """The experiment of a name that a results folder keeps the text and changes of.

    Raises:
        InputError: there is none, as after a run from a user's own program.
    """
    if not isinstance(source, dict) or not isinstance(source.get("text"), str):
        raise InputError(
            f"{where} does not say how its algorithms are made, for it was not written "
            "by `pgvq run`; give the file with --experiment FILE"
        )
    if wrong := problem(SOURCE, source):
        raise InputError(
            f"{where}, source: {wrong}; give the file with --experiment FILE"
        )
    where = f"{where} (source)"
    experiment = select(execute(source["text"], where), name, where)
    return changed(experiment, source.get("changes") or {}, source.get("set") or [])
