"""`pgvq run`: load, change, train, sum up, draw, and say what to do next."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from pgvq import devices, plotting
from pgvq.algorithms.base import RolloutAlgorithm
from pgvq.analysis.adaptive import Comparison, sentences
from pgvq.cli.loading import execute, load_experiment, load_study, select
from pgvq.cli.options import Run
from pgvq.cli.overrides import override
from pgvq.cli.progress_display import reporter_for
from pgvq.cli.studying import run_study
from pgvq.cli.summary_table import print_summary
from pgvq.experiments import seeds
from pgvq.experiments.definition import Experiment
from pgvq.experiments.score_meaning import environment_of_variant
from pgvq.interrupts import INTERRUPTED
from pgvq.plain_text import say, visible
from pgvq.results.store import Results
from pgvq.running.adaptive import (
    MOST_SEEDS,
    check_comparable,
    planned,
    run_adaptively,
)
from pgvq.running.runner import run
from pgvq.running.session import Interrupted
from pgvq.storage.locations import as_path
from pgvq.storage.schema import (
    choice,
    listed,
    mapped,
    maybe,
    number,
    problem,
    record,
    text,
)
from pgvq.types import InputError

CHANGES = ("seeds", "steps", "evaluations", "games")  # options that change experiments


def _change(value: Any, where: str) -> str | None:
    """A rule: a number or null, and of seeds also a text that names them."""
    if value is None or not isinstance(value, str) or not where.endswith(".seeds"):
        return maybe(number(-1e15, 1e15))(value, where)
    try:
        seeds.of_changes(value)
    except InputError as error:
        return f"{where} is wrong: {error}"
    return None


# What a results folder keeps of how it was made; another program may have written it.
SOURCE = record(
    {"text": text(10_000_000)},
    optional={
        "changes": maybe(mapped(_change, most=10, names=choice(*CHANGES))),
        "set": maybe(listed(text(10_000), most=10_000)),
    },
)


def run_file(asked: Run, console: Console) -> int:
    """Runs what a file defines, experiments or a study; returns the exit status."""
    changes = {name: getattr(asked, name) for name in CHANGES}
    changes["seeds"] = _seeds(asked.seeds)
    most = _most_seeds(changes["seeds"], asked.most_seeds)
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
            most,
        )
    given = [f"--{name}" for name, value in changes.items() if value is not None]
    given += ["--set"] * bool(asked.settings) + ["--only"] * bool(asked.only)
    if given:
        raise InputError(
            f"{given[0]} is for experiments, and {asked.file} is a study, which is "
            "always measured whole; choose among its claims by --claim NUMBER"
        )
    return run_study(study, asked.claim, asked.out, console)


def _seeds(given: str | None) -> int | str | None:
    """What `--seeds` says, in the form that a results folder keeps."""
    if given is None:
        return None
    if given == seeds.AUTO:
        return given
    read = seeds.from_text(given)
    return read if isinstance(read, int) else seeds.as_text(read)


def _most_seeds(given: Any, most: int | None) -> int | None:
    """The cap of `--seeds auto`; None where seeds are named or counted."""
    if given == seeds.AUTO:
        planned(cap=MOST_SEEDS if most is None else most)  # an error before training
        return MOST_SEEDS if most is None else most
    if most is not None:
        raise InputError(
            f"--most-seeds {most} is the cap of --seeds auto; add --seeds auto, or "
            "leave it out"
        )
    return None


def run_experiment(
    file: str,
    changes: dict[str, Any],
    settings: Sequence[str],
    out: str | None,
    only: str | None,
    fresh: bool,
    console: Console,
    most: int | None = None,
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
        most: with seeds "auto", how many seeds a variant gets at most.
    """
    loaded = load_experiment(file)
    chosen = loaded.experiments
    if only is not None:
        chosen = [select(chosen, only, file)]
    place = None if out is None else as_path(out, "--out")
    # All are checked before the first is trained.
    experiments = [changed(each, changes, settings) for each in chosen]
    for experiment in experiments if most is not None else ():
        check_comparable(experiment)
    source = {"text": loaded.text, "changes": changes, "set": list(settings)}
    again = command(file, changes, settings, out, only, most)
    for experiment in experiments:
        if len(loaded.experiments) == 1:
            folder = place or Path("results", experiment.name)
        else:
            folder = (place or Path("results", Path(file).stem)) / experiment.name
        if status := train(experiment, folder, source, fresh, again, console, most):
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
    most: int | None = None,
) -> int:
    """One experiment into its folder; `again` is the command that would go on.

    With `most`, as many seeds up to it as the comparison of the variants needs.
    """
    say(console, header(experiment, most))
    reporter, state = reporter_for(console), None
    try:
        with reporter:
            if most is None:
                results = run(experiment, folder, reporter, fresh=fresh, source=source)
            else:
                results, state = run_adaptively(
                    experiment, folder, reporter, cap=most, fresh=fresh, source=source
                )
    except KeyboardInterrupt as stop:
        said = str(stop) or f"stopped at once; {folder} holds all up to its checkpoint"
        say(console, f"\n{said}:", wrap=False)
        if isinstance(stop, Interrupted) and len(stop.results.evaluations):
            plotting.plot(stop.results)
        say(console, f"    {again}", wrap=False)
        return INTERRUPTED
    show(results, folder, console)
    if state is not None:
        say(console, "\n".join(["", *decisions(state)]))
    return 0


def decisions(state: Comparison) -> list[str]:
    """What a comparison decided, and the seeds that it took."""
    plan = state.plan
    took = ", ".join(f"{visible(name)} {n}" for name, n in state.seeds.items())
    most = len(state.seeds) * plan.group * plan.looks
    head = f"mean final scores, compared after every {plan.group} seeds"
    return [
        f"{head}; family-wise error {plan.alpha:.0%}:",
        *(f"  {visible(line)}" for line in sentences(state)),
        f"seeds needed: {took}; {sum(state.seeds.values())} runs of {most} at most",
        *(
            ["not decided is no proof that two are equal: more seeds may tell"]
            if state.undecided
            else []
        ),
    ]


def changed(
    experiment: Experiment, changes: dict[str, Any], settings: Sequence[str]
) -> Experiment:
    """The experiment as the command line wants it."""
    changes = changes | {"seeds": seeds.of_changes(changes.get("seeds"))}
    given = {name: value for name, value in changes.items() if value is not None}
    # One step: a budget and a setting may each be impossible without the other.
    return override(experiment, settings, **given)


def header(experiment: Experiment, most: int | None = None) -> str:
    """What is about to run: how much of it, and on what.

    `most`: seeds of a variant at most, where a comparison decides how many.
    """
    variants = experiment.variants
    many = seeds.in_words(seeds.checked(experiment.seeds))
    if most is not None:
        many = f"up to {most} seeds"
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
        table = results.evaluations
        first = table.loc[table["variant"] == of_pong[0], "seed"].min()
        lines.append(
            f"watch it play: {shlex.join(watch)} --seed {first} --out rally.gif"
        )
    lines.append(f"draw it again: {shlex.join(['pgvq', 'plot', str(folder)])}")
    say(console, "\n".join(lines), wrap=False)


def command(
    file: str,
    changes: dict[str, Any],
    settings: Sequence[str],
    out: str | None,
    only: str | None = None,
    most: int | None = None,
) -> str:
    """The command line that goes on with a run: the same, without `--fresh`."""
    words = ["pgvq", "run", file]
    for name, value in changes.items():
        if value is not None:
            number = f"{value:.15g}" if isinstance(value, float) else str(value)
            words += [f"--{name}", number]
    words += [] if most is None else ["--most-seeds", str(most)]
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
