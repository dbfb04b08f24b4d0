"""What every fuzzer of this folder shares: bounds in time, outcomes, and figures."""

import collections
import contextlib
import os
import signal
import warnings
from collections.abc import Callable, Iterator

from pgvq.cli import main
from pgvq.types import InputError

SECONDS = 120.0  # generous: no case here takes a tenth of it, even on a busy machine
LONGEST = 2_000  # letters of a line that a person is expected to read


class Hung(BaseException):
    """A case took longer than `SECONDS`; nothing that catches `Exception` hides it."""


@contextlib.contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Raises `Hung` in a block that takes longer, where the system has such alarms."""

    def ring(*_: object) -> None:
        raise Hung(f"no end after {seconds:g} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def called(function: Callable[[], object]) -> tuple[object, str, str]:
    """What a call returns, the sentence of its `InputError`, and what is wrong.

    Of the three, those that do not apply are None, "" and "".
    """
    try:
        with bounded(), warnings.catch_warnings():
            # What will be an error in a later version of JAX is none yet.
            warnings.simplefilter("ignore", DeprecationWarning)
            return function(), "", ""
    except InputError as error:
        said = str(error)
    except BaseException as error:
        return None, "", f"{type(error).__name__}: {str(error)[:200]}"
    if "\n" in said or not said.strip() or len(said) > LONGEST:
        return None, said, f"not one sentence: {said[:200]!r} ({len(said)} letters)"
    return None, said, ""


def commanded(words: list[str], capsys) -> tuple[int, str]:
    """The exit status of a command in this process, and what is wrong with it."""
    status, _, wrong = called(lambda: main(words))
    err = capsys.readouterr().err
    if wrong:
        return -1, wrong
    if status not in (0, 2):
        return -1, f"status {status}: {err[:200]!r}"
    if "Traceback" in err:
        return -1, f"a traceback: {err[-300:]!r}"
    if status == 2 and (err.count("\n") != 1 or not err.startswith("pgvq: error: ")):
        return -1, f"not one line: {err[:300]!r}"
    return int(status), ""


class Figures:
    """Counts of what was tried, by kind, printed where pytest runs with `-s`."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.tried = collections.Counter[str]()
        self.refused = collections.Counter[str]()
        self.wrong: list[tuple[str, str, str]] = []  # kind, case, what is wrong

    def add(self, kind: str, case: str, refused: bool, wrong: str) -> None:
        """Notes the outcome of one case."""
        self.tried[kind] += 1
        self.refused[kind] += refused
        if wrong:
            self.wrong.append((kind, case[:200], wrong))

    def check(self, least: int) -> None:
        """Prints all, and fails if anything is wrong or too little was tried."""
        failed = collections.Counter(kind for kind, _, _ in self.wrong)
        lines = [f"\n{self.title}: tried, refused with a line, failed"]
        for kind in sorted(self.tried):
            counts = self.tried[kind], self.refused[kind], failed[kind]
            lines.append(f"  {kind:<28}" + "".join(f"{n:>7}" for n in counts))
        total = self.tried.total(), self.refused.total(), len(self.wrong)
        lines.append(f"  {'all':<28}" + "".join(f"{n:>7}" for n in total))
        print("\n".join(lines))
        for kind, case, wrong in self.wrong[: int(os.environ.get("FUZZ_SHOWN", 40))]:
            print(f"  {kind} | {case} | {wrong}")
        assert not self.wrong, f"{len(self.wrong)} failed, such as {self.wrong[:5]}"
        assert self.tried.total() >= least
