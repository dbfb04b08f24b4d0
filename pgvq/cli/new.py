"""`pgvq new`: a file that begins an algorithm, which trains without changes."""

import importlib.util
import keyword
import re
import shlex
from importlib import resources
from pathlib import Path

from rich.console import Console

from pgvq.checks import check_choice
from pgvq.plain_text import say
from pgvq.storage.files import atomic
from pgvq.storage.locations import as_path
from pgvq.types import InputError

FAMILIES = ("policy_gradient", "q_learning", "replay", "bare")  # the templates' names
PLACEHOLDER = re.compile(r"my_algorithm|MyAlgorithm")  # what the templates are called


def begin(file: str, family: str, force: bool, console: Console) -> int:
    """Writes the template of a family to `file`; returns the exit status.

    Args:
        file: where to; its name gives the class and the experiment theirs.
        family: one of `FAMILIES`.
        force: replace a file that is there.
        console: where to say what to do next.

    Raises:
        InputError: the family is unknown, the name cannot be imported or names
            something else already, a file is there, or it cannot be written.
    """
    check_choice("family", family, FAMILIES)
    path = as_path(file, "FILE.py")
    check_name(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a file, such as {path / 'mine.py'}")
    if path.exists() and not force:
        raise InputError(
            f"{path} is there already; choose another name, or add --force to replace "
            "it"
        )
    text = filled(family, path)
    with atomic(path) as out:
        out.write(text.encode())
    target = f"{path}:{class_name(path.stem)}"
    lines = [
        f"wrote {path}; what to do next:",
        f"    {shlex.join(['pgvq', 'run', str(path)])}",
        "        train it on a small game and draw its curve (a minute)",
        f"    {shlex.join(['pgvq', 'doctor', target])}",
        "        check what every algorithm promises; again after each change",
        "docs/extending.md of pgvq's repository explains every part.",
    ]
    say(console, "\n".join(lines), wrap=False)
    return 0


def class_name(stem: str) -> str:
    """`MyAlgorithm` for `my_algorithm`."""
    return "".join(part[:1].upper() + part[1:] for part in stem.split("_"))


def filled(family: str, path: Path) -> str:
    """The text of a template, under the names that the file's own gives.

    Raises:
        InputError: the text uses the class's name for something else.
    """
    template = resources.files("pgvq").joinpath("templates", f"{family}.py")
    text = template.read_text(encoding="utf-8")
    stem, name = path.stem, class_name(path.stem)
    used = set(re.findall(r"\w+", PLACEHOLDER.sub("", text)))
    if name in used:
        raise InputError(
            f"{path}: its class would be called {name}, and the {family} template uses "
            f"that name for something else; call the file my_{stem}.py"
        )
    names = {"my_algorithm": stem, "MyAlgorithm": name}
    return PLACEHOLDER.sub(lambda found: names[found[0]], text)


def check_name(path: Path) -> None:
    """Raises `InputError` unless Python can import a file of that name, and only it."""
    stem, name = path.stem, class_name(path.stem)
    if path.suffix != ".py":
        raise InputError(f"{path} is no name of a Python file; use {stem}.py")
    wrong = keyword.iskeyword(stem) or keyword.iskeyword(name)
    if wrong or not (stem.isidentifier() and name.isidentifier()):
        letters = re.sub(r"\W+", "_", stem).strip("_")
        raise InputError(
            f"{path}: {stem!r} cannot name a module and a class of Python; use "
            f"letters, digits and _, such as my_{letters or 'algorithm'}.py"
        )
    if is_taken(path):
        raise InputError(
            f"{path} would hide the module {stem!r} from whatever imports it; call it "
            f"my_{stem}.py"
        )


def is_taken(path: Path) -> bool:
    """Whether `import` finds another module under this file's name."""
    try:
        found = importlib.util.find_spec(path.stem)
    except ValueError:  # a module without a spec, such as __main__
        return True
    # A folder of that name, which has no origin, hides nothing.
    if found is None or found.origin is None:
        return False
    return Path(found.origin).resolve() != path.resolve()
