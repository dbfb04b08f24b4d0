"""The command line, `pgvq`: what can be asked, and how errors are told.

Every `InputError` becomes one line on stderr and exit status 2. What a command does is
in the module of its name beside this one.
"""

import contextlib
import functools
import io
import operator
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import tyro
from rich.console import Console
from tyro.conf import subcommand

from pgvq import devices
from pgvq.cli import options
from pgvq.cli.faults import ended_by
from pgvq.cli.options import Doctor, List, Merge, New, Plot, Run, Tune, Watch
from pgvq.cli.usage import explained, overlooked
from pgvq.interrupts import INTERRUPTED
from pgvq.plain_text import printable, visible
from pgvq.storage.files import one_line
from pgvq.types import InputError

UNREADABLE = "these options cannot be read"

HELP = """Policy gradients or Q-learning? Both on exact Atari Pong, side by side.

    pgvq run experiments/pong.py     train, several seeds each; goes on if stopped
    pgvq plot results/pong           draw the figures again
    pgvq watch results/pong          a GIF of a trained agent
    pgvq merge A B --out C           seeds of several machines in one folder
    pgvq list                        algorithms and environments
    pgvq tune experiments/tune_pong.py   search the learners' settings, equal effort
    pgvq new my_algorithm.py         begin an algorithm of your own
    pgvq doctor my_algorithm.py      does it keep what algorithms promise?
    pgvq run --help                  options, with examples; also: pgvq --version

Environment: PGVQ_DEVICES=N uses N CPU devices (default: one per core). PGVQ_CACHE=off
keeps no compiled programs, PGVQ_CACHE=FOLDER keeps them there (default: pgvq/xla in the
user's cache folder, which is ~/.cache on Linux unless XDG_CACHE_HOME names another, and
none without a home directory). Tab completion: `pgvq --tyro-print-completion bash` (or
zsh, tcsh) prints what your shell has to source.
"""

COMMANDS: dict[str, type] = {
    "run": Run,
    "plot": Plot,
    "list": List,
    "new": New,
    "doctor": Doctor,
    "watch": Watch,
    "merge": Merge,
    "tune": Tune,
}


def commands(chosen: str | None) -> Any:
    """The type that the options are read into; only `chosen` is described in full."""
    texts = {name: getattr(options, name.upper()) for name in COMMANDS}
    if chosen == "doctor":
        from pgvq.cli.doctor import check_names

        texts["doctor"] += f"\nNames for --check: {check_names()}.\n"
    named = [
        Annotated[
            part,
            subcommand(
                name,
                description=texts[name] if name == chosen else part.__doc__,
            ),
        ]
        for name, part in COMMANDS.items()
    ]
    return functools.reduce(operator.or_, named)


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line asks and returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with printable():
        try:
            return _perform(given)
        except InputError as error:
            return _refuse(str(error))
        except KeyboardInterrupt:
            print("pgvq: stopped", file=sys.stderr)
            return 130
        except BrokenPipeError:  # `pgvq list | head`
            sys.stderr.close()
            return 141
        except OSError as error:  # a disk or a place that no module has words for
            where = f"{error.filename}: " if error.filename else ""
            return _refuse(f"{where}{error.strerror or error}; choose another place")
        except MemoryError:
            return _refuse(
                "this needs more memory than there is; use fewer seeds, games or "
                "environments, or smaller networks"
            )


def _refuse(sentence: str) -> int:
    """Prints an error's one line and returns its exit status."""
    print(f"pgvq: error: {visible(' '.join(sentence.split()))}", file=sys.stderr)
    return 2


def _perform(given: list[str]) -> int:
    if given == ["--version"]:
        from pgvq import __version__

        print(f"pgvq {__version__}")
        return 0
    command = _parsed(given)
    if command is None:
        return 0
    devices.wanted_devices()
    try:
        return perform(command, Console())
    except SystemExit as stop:  # by code of a user, while it is trained or examined
        raise InputError(
            f"{ended_by(stop)} ended the program; take it out, because nothing was "
            "finished"
        ) from stop


def program() -> NoReturn:
    """`main` as a process of its own, which ends when it is told to.

    After Ctrl-C a thread may still be compiling: Python would wait for it, perhaps a
    minute, and print a traceback at the next Ctrl-C.
    """
    status = main()
    if status == INTERRUPTED:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _parsed(given: list[str]) -> Any:
    """The command with its options; None where help was asked for and printed.

    Raises:
        InputError: the words cannot be read.
    """
    if given and given[0] not in COMMANDS and not given[0].startswith("-"):
        raise InputError(explained(given, COMMANDS))
    heard = io.StringIO()
    try:
        # Its boxes of several lines are not shown; `usage` has a sentence instead.
        with contextlib.redirect_stderr(heard):
            command = tyro.cli(
                commands(given[0] if given else None),
                prog="pgvq",
                description=HELP,
                args=given,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if not stop.code:
            return None
        known = explained(given, COMMANDS)
        raise InputError(known or f"{UNREADABLE}; see pgvq --help") from None
    except (AssertionError, ValueError) as error:  # tyro's own, as for a wrong shell
        raise InputError(f"{UNREADABLE} ({one_line(error)}); see pgvq --help") from None
    if lost := overlooked(given, COMMANDS):
        raise InputError(lost)
    return command


def perform(command: Any, console: Console) -> int:
    """Hands a command to the module that does it."""
    if isinstance(command, Run):
        from pgvq.cli.run import run_file

        return run_file(command, console)
    if isinstance(command, Plot):
        from pgvq.cli.plot import draw

        return draw(command, console)
    if isinstance(command, List):
        from pgvq.cli.listing import show

        return show(command.name, console)
    if isinstance(command, New):
        from pgvq.cli.new import begin

        return begin(command.file, command.family, command.force, console)
    if isinstance(command, Doctor):
        from pgvq.cli.doctor import visit

        return visit(command.target, command.env, console, command.check)
    if isinstance(command, Merge):
        from pgvq.cli.merging import merge_folders

        return merge_folders(command, console)
    if isinstance(command, Tune):
        from pgvq.cli.tune import tune_file

        return tune_file(command, console)
    from pgvq.cli.watching import watch

    return watch(command, console)
