"""`pgvq list`: algorithms with their fields, and environments."""

import dataclasses
import inspect
from typing import Any

from flax import linen as nn
from gymnax import registration
from rich import box
from rich.console import Console
from rich.table import Table

from pgvq import envs
from pgvq.algorithms import ALGORITHMS
from pgvq.cli.overrides import settable
from pgvq.envs import PONG_ID, Pong
from pgvq.envs.checks import check_choice
from pgvq.experiment import describe_value, is_sweepable
from pgvq.types import InputError

PONG = "pong"
SWEEPS = """
sweep(DQN(), learning_rate=[1e-3, 3e-4]) in an experiment: one variant for each
value. Where the table says "lanes" they train in one program, else one each."""


def show(name: str | None, console: Console) -> int:
    """Prints all, or one by its name; returns the exit status."""
    if name is not None:
        check_choice("algorithm or environment", name, (*ALGORITHMS, PONG, PONG_ID))
    for kind, cls in ALGORITHMS.items():
        if name in (None, kind):
            show_algorithm(kind, cls, console)
    if name in (None, PONG, PONG_ID):
        show_pong(console, whole=name is not None)
    if name is None:
        show_environments(console)
    if name not in (PONG, PONG_ID):
        say(console, SWEEPS)
    return 0


def show_algorithm(name: str, cls: Any, console: Console) -> None:
    """What it is, then its fields: default, sweepable or static, meaning."""
    say(console, f"{name} - {cls.__name__}, {cls.family}", style="bold")
    for paragraph in inspect.cleandoc(cls.__doc__ or "").split("\n\n"):
        say(console, " ".join(paragraph.split()))
    table = new_table("field", "default", "sweep", "meaning")
    for field in dataclasses.fields(cls):
        if field.name != "budget":  # the experiment's
            lanes = "lanes" if is_sweepable(field) else "-"
            default = short_value(field.default)
            table.add_row(field.name, default, lanes, field.metadata.get("doc", ""))
    console.print(table)


def show_pong(console: Console, *, whole: bool) -> None:
    """The settings of Pong; with all that its docstring says when `whole`."""
    say(console, f"{PONG_ID} - Atari 2600 Pong, exact to the frame", style="bold")
    say(console, "In experiments: Pong(...); set by --set '*.env.frame_skip=4'.")
    table = new_table("setting", "default")
    for field in dataclasses.fields(Pong):
        table.add_row(field.name, short_value(field.default))
    console.print(table)
    if whole:
        text = inspect.cleandoc(Pong.__doc__ or "")
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    else:
        say(console, f"`pgvq list {PONG}` says what they mean.\n")


def show_environments(console: Console) -> None:
    """Names of gymnax's environments with discrete actions."""
    say(console, "Other environments - make(NAME) in an experiment", style="bold")
    say(console, ", ".join(discrete_environments()))


def discrete_environments() -> list[str]:
    """Names of environments that `make` takes, Pong's aside."""
    names = []
    for name in registration.registered_envs:
        try:
            envs.make(name)
        except (InputError, ImportError, OSError):
            continue  # continuous actions, or data that are not here
        if name != PONG_ID:
            names.append(name)
    return names


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
    return value if isinstance(value, str) else describe_value(value)


def new_table(*headings: str) -> Table:
    """A table that reads at 80 columns and without colours."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def say(console: Console, text: str, style: str | None = None) -> None:
    """Prints text as it is."""
    console.print(text, style=style, markup=False, highlight=False)
