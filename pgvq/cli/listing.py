"""`pgvq list`: algorithms with their fields, and environments."""

import dataclasses
import inspect
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from flax import linen as nn
from gymnax import registration
from rich import box
from rich.console import Console
from rich.table import Table

from pgvq import envs
from pgvq.algorithms import ALGORITHMS
from pgvq.algorithms.fields import LARGEST, declared
from pgvq.checks import check_choice
from pgvq.envs import PONG_ID, Pong
from pgvq.experiments.definition import is_sweepable
from pgvq.experiments.field_paths import in_short, settable
from pgvq.plain_text import literal, say
from pgvq.plugins import ALGORITHM_PLUGINS, ENVIRONMENT_PLUGINS, plugins
from pgvq.types import InputError

PONG = "pong"
SWEEPS = """
sweep(DQN(), learning_rate=[1e-3, 3e-4]) in an experiment: one variant for each
value. Where the table says "lanes" they train in one program, else one each.
`pgvq tune` searches what follows "tune:"."""


def show(name: str | None, console: Console) -> int:
    """Prints all, or one by its name; returns the exit status."""
    algorithms = offered(ALGORITHM_PLUGINS)
    environments = offered(ENVIRONMENT_PLUGINS)
    if name is None:
        show_algorithms(console)
        show_pong(console, whole=False)
        show_environments(console)
        show_offered("Algorithms of other packages", algorithms, console)
        show_offered("Environments of other packages", environments, console)
        return 0
    known = (*ALGORITHMS, PONG, PONG_ID, *algorithms, *environments)
    check_choice("algorithm or environment", name, known)
    if name in (PONG, PONG_ID):
        show_pong(console, whole=True)
    elif name in ALGORITHMS or name in algorithms:
        show_algorithm(name, algorithm_class(name), console)
        say(console, SWEEPS)
    else:
        cls = plugins(ENVIRONMENT_PLUGINS)[name]()
        say(console, f"{name} - {cls.__name__}; make({name!r})", style="bold")
        say_docstring(cls, console)
    return 0


def offered(group: str) -> dict[str, EntryPoint]:
    """What other packages offer, by name and without importing it.

    Names of pgvq's own algorithms and of known environments are never another's.
    """
    own = {*ALGORITHMS, *registration.registered_envs}
    return {e.name: e for e in entry_points(group=group) if e.name not in own}


def algorithm_class(name: str) -> Any:
    """The class behind a name of pgvq's own or of another package.

    Raises:
        InputError: the other package is broken, or offers something else.
    """
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    cls = plugins(ALGORITHM_PLUGINS)[name]()
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise InputError(
            f"{name!r} is {cls!r}, which is no algorithm: the package that offers it "
            "must name a class derived from RolloutAlgorithm or flax.struct.PyTreeNode"
        )
    return cls


def show_algorithms(console: Console) -> None:
    """A line on each of pgvq's own."""
    say(console, "Algorithms - `pgvq list NAME` shows the fields of one", style="bold")
    table = new_table("name", "family", "what it is")
    for name, cls in ALGORITHMS.items():
        summary = inspect.cleandoc(cls.__doc__ or "").partition("\n")[0]
        table.add_row(*map(literal, (name, getattr(cls, "family", "other"), summary)))
    console.print(table)


def show_offered(title: str, entries: dict[str, EntryPoint], console: Console) -> None:
    """Which packages offer what, if any does; nothing of them is imported."""
    if not entries:
        return
    say(console, f"\n{title}", style="bold")
    table = new_table("name", "package", "class")
    for name, entry in sorted(entries.items()):
        table.add_row(
            *map(literal, (name, entry.dist.name if entry.dist else "?", entry.value))
        )
    console.print(table)


def show_algorithm(name: str, cls: Any, console: Console) -> None:
    """What it is, then its fields: default, sweepable or static, meaning."""
    family = getattr(cls, "family", "other")
    say(console, f"{name} - {cls.__name__}, {family}", style="bold")
    say_docstring(cls, console)
    table = new_table("field", "default", "sweep", "meaning")
    for field in dataclasses.fields(cls):
        if field.name != "budget":  # the experiment's
            lanes = "lanes" if is_sweepable(field) else "-"
            default = short_value(field.default)
            meaning = field.metadata.get("doc", "")
            if within := declared(cls, field.name, "within"):
                meaning += f"\nwithin: {allowed(within)}"
            if search := field.metadata.get("search"):
                words = ranged(search) if lanes == "lanes" else listed(search)
                meaning += f"\ntune: {words}"
            table.add_row(*map(literal, (field.name, default, lanes, meaning)))
    console.print(table)


def allowed(within: tuple[float, float]) -> str:
    """The range that values are checked against, "0 to 1", "at least 1"."""
    low, high = within
    return f"at least {low:g}" if high >= LARGEST else f"{low:g} to {high:g}"


def ranged(search: Any) -> str:
    """A search range, `(low, high)` or `(low, high, scale)`, as people write it."""
    if not isinstance(search, tuple) or not 2 <= len(search) <= 3:
        return listed(search)
    low, high, *scale = search
    return ", ".join([f"{short_value(low)} to {short_value(high)}", *map(str, scale)])


def listed(values: Any) -> str:
    """Values with commas between them."""
    several = isinstance(values, tuple | list)
    return ", ".join(map(short_value, values)) if several else short_value(values)


def show_pong(console: Console, *, whole: bool) -> None:
    """The settings of Pong; with all that its docstring says when `whole`."""
    say(console, f"{PONG_ID} - Atari 2600 Pong, exact to the frame", style="bold")
    say(console, "In experiments: Pong(...); set by --set '*.env.frame_skip=4'.")
    table = new_table("setting", "default")
    for field in dataclasses.fields(Pong):
        table.add_row(*map(literal, (field.name, short_value(field.default))))
    console.print(table)
    if whole:
        text = inspect.cleandoc(Pong.__doc__ or "")
        say(console, text, wrap=False)
    else:
        say(console, f"`pgvq list {PONG}` says what they mean.\n")


def show_environments(console: Console) -> None:
    """Names of gymnax's environments with discrete actions."""
    names = [name for name in envs.discrete_environments() if name != PONG_ID]
    say(console, "Other environments - make(NAME) in an experiment", style="bold")
    say(console, ", ".join(names))


def short_value(value: Any) -> str:
    """A default as people write it."""
    if value is dataclasses.MISSING:
        return "(needed)"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, nn.Module):
        held = {name: getattr(value, name) for name in settable(value)}
        shown = [f"{n}={v}" for n, v in held.items() if not callable(v)]
        return f"{type(value).__name__}({', '.join(shown)})"
    return value if isinstance(value, str) else in_short(value)


def say_docstring(cls: Any, console: Console) -> None:
    """What a class says about itself, a paragraph to a line."""
    for paragraph in inspect.cleandoc(cls.__doc__ or "").split("\n\n"):
        say(console, " ".join(paragraph.split()))


def new_table(*headings: str) -> Table:
    """A table that reads at 80 columns and without colours."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
