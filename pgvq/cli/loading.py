"""Experiments from Python files: the only place where a user's own code is executed."""

import contextlib
import importlib.util
import linecache
import signal
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pgvq.checks import did_you_mean
from pgvq.experiments.definition import Experiment
from pgvq.storage.files import one_line
from pgvq.storage.locations import as_path
from pgvq.study.definition import Study
from pgvq.types import InputError

EXAMPLE = "experiments/pong.py"
FOLDER = Path("experiments")  # where experiments are looked for by their bare name
STUDY = "study.py"  # the file that a folder with it stands for


class Loaded(NamedTuple):
    """The experiments of a file and the text that made them."""

    experiments: list[Experiment]
    text: str

    @property
    def experiment(self) -> Experiment:
        """The first, for files that define one."""
        return self.experiments[0]


def load_experiment(given: str) -> Loaded:
    """The experiments of a Python file, or of `experiments/NAME.py` for a bare name.

    A file defines `experiment`, or a list of several as `experiments`.

    The file's own folder is on the search path, as if Python ran the file.

    Raises:
        InputError: the file is not there, does not run, or defines no experiment.
    """
    path, text = _read(given)
    return Loaded(execute(text, str(path)), text)


def load_study(given: str) -> Study | None:
    """The `study` that a Python file defines, found and run as `load_experiment` does.

    A folder that holds `study.py` is named instead of that file; the file may import
    the others of its folder by the folder's name, as `from NAME.part import claim`.

    None where it defines no study, but what else it may. Raises as `load_module`.
    """
    path, text = _read(given)
    if "study" not in text:  # not worth running twice
        return None
    found = _run(text, str(path)).__dict__.get("study")
    return found if isinstance(found, Study) else None


def load_module(given: str) -> types.ModuleType:
    """What a Python file defines; found and run as `load_experiment` does.

    Raises:
        InputError: the file is not there, or does not run.
    """
    path, text = _read(given)
    return _run(text, str(path))


def execute(text: str, where: str) -> list[Experiment]:
    """The experiments that a program text defines; `where` names it in errors.

    Raises:
        InputError: the text does not run, or defines no experiment.
    """
    return defined(_run(text, where), Experiment, EXAMPLE, where)


def select(experiments: list[Experiment], name: str, where: str) -> Experiment:
    """The experiment of that name.

    Raises:
        InputError: there is none.
    """
    known = {experiment.name: experiment for experiment in experiments}
    if name not in known:
        hint = did_you_mean(name, known, f"it has {', '.join(known)}")
        raise InputError(f"{where} has no experiment {name!r}: {hint}")
    return known[name]


def _read(given: str) -> tuple[Path, str]:
    path = _find(as_path(given, "FILE"))
    try:
        # As Python reads it: by its byte order mark, its coding line, or as UTF-8.
        text = importlib.util.decode_source(path.read_bytes())
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(
            f"{path} cannot be read ({one_line(error)}); give a Python file"
        ) from error
    if "\0" in text:
        raise InputError(f"{path} holds NUL bytes and is no text; give a Python file")
    folder = path.resolve().parent
    for place in [folder, folder.parent] if path.name == STUDY else [folder]:
        if str(place) not in sys.path:
            sys.path.insert(0, str(place))
    return path, text


def _run(text: str, where: str) -> types.ModuleType:
    module = types.ModuleType("pgvq_experiment_file")
    module.__file__ = where
    # Dataclasses of the file look their own module up by its name.
    sys.modules[module.__name__] = module
    # The text that runs, for tracebacks and digests of code: the file may change.
    linecache.cache[where] = (len(text), None, text.splitlines(keepends=True), where)
    pressed = threading.Event()
    try:
        with _ctrl_c(pressed):
            exec(compile(text, where, "exec"), module.__dict__)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except SyntaxError as error:  # of this file, or of one that it imports
        line = f", line {error.lineno}" if error.lineno else ""
        raise InputError(
            f"{error.filename or where}{line}: {error.msg}; correct it"
        ) from error
    except KeyboardInterrupt as error:
        if pressed.is_set():
            raise
        raise InputError(f"{_place(error, where)}: {fault(error)}") from error
    except BaseException as error:  # SystemExit and whatever else a file may raise
        raise InputError(f"{_place(error, where)}: {fault(error)}") from error
    return module


@contextlib.contextmanager
def _ctrl_c(pressed: threading.Event) -> Iterator[None]:
    """Sets `pressed` where a KeyboardInterrupt is the user's, not the file's."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not main or before is not signal.default_int_handler:
        # Where the signal is ignored, as in the background, nobody can press it.
        if before is not signal.SIG_IGN:
            pressed.set()
        yield
        return

    def press(*_: Any) -> None:
        pressed.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is press:
            signal.signal(signal.SIGINT, before)


def fault(error: BaseException) -> str:
    """What a user's own code did instead of ending, in a few words."""
    if isinstance(error, SystemExit):
        code = "" if error.code is None else repr(error.code)
        return (
            f"sys.exit({code}) or exit() ended the file before all of it was run; take "
            "it out"
        )
    if isinstance(error, EOFError):
        return (
            "input() finds nothing to read, because nobody is asked here; take it out"
        )
    if isinstance(error, RecursionError):
        return "RecursionError: a function calls itself without end; correct it"
    said = str(error) and one_line(error)
    return f"{type(error).__name__}{f': {said}' if said else ''}"


def _place(error: BaseException, where: str) -> str:
    lines = traceback.extract_tb(error.__traceback__)
    own = [frame.lineno for frame in lines if frame.filename == where]
    return f"{where}, line {own[-1]}" if own else where


def defined(module: types.ModuleType, kind: type, example: str, where: str) -> list:
    """What a file defines of a kind: a list by the plural, or one by its name.

    Args:
        module: of the file.
        kind: such as `Experiment`, looked for as `experiment` and `experiments`.
        example: a file that shows how, for messages.
        where: the file's name.

    Raises:
        InputError: there is none, it is of another type, or two have one name.
    """
    word, made = kind.__name__.lower(), f"{kind.__name__}(...)"
    one, parts = (module.__dict__.get(name) for name in (word, f"{word}s"))
    if parts is not None:
        return _several(parts, kind, f"{word}s", where)
    if isinstance(one, kind):
        return [one]
    if one is not None:
        raise InputError(
            f"{where}: `{word}` is of type {type(one).__name__}; make it "
            f"`{word} = {made}`"
        )
    others = [n for n, v in module.__dict__.items() if isinstance(v, kind)]
    hint = (
        f"rename {others[0]!r} to {word!r}"
        if others
        else f"add `{word} = {made}`, as {example} does"
    )
    raise InputError(f"{where} defines no `{word}`; {hint}")


def _several(found: Any, kind: type, word: str, where: str) -> list:
    parts = list(found) if isinstance(found, list | tuple) else []
    if not parts or not all(isinstance(part, kind) for part in parts):
        made = f"{kind.__name__}(...)"
        raise InputError(
            f"{where}: `{word}` must be a list of {word}, as "
            f"`{word} = [{made}, {made}]`"
        )
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise InputError(
            f"{where}: two of `{word}` have one name ({', '.join(names)}); name each "
            "differently, because each gets a folder of its own"
        )
    return parts


def is_study_folder(path: Path) -> bool:
    """Whether a folder stands for the study in it."""
    return (path / STUDY).is_file()


def _find(path: Path) -> Path:
    given = str(path)
    if path.is_file():
        return path
    if is_study_folder(path):
        return path / STUDY
    by_name = FOLDER / f"{given}.py"
    if path.suffix != ".py" and by_name.is_file():
        return by_name
    if path.is_dir():
        inside = sorted(path.glob("*.py"))
        hint = f", such as {inside[0]}" if inside else ""
        raise InputError(f"{path} is a folder; give a Python file{hint}")
    if is_study_folder(FOLDER / path):
        return FOLDER / path / STUDY
    known = {*path.parent.glob("*.py"), *FOLDER.glob("*.py")}
    known |= {found.parent for found in FOLDER.glob(f"*/{STUDY}")}
    names = {candidate.stem: candidate for candidate in sorted(known)}
    there = "write one that defines `experiment = Experiment(...)`"
    if names:
        there = f"there are {', '.join(str(p) for p in sorted(names.values())[:5])}"
    hint = did_you_mean(path.stem, names, there, lambda stem: str(names[stem]))
    raise InputError(f"there is no file {path}; {hint}")
