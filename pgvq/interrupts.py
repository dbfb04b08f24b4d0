"""Ctrl-C: once to finish what must be whole, twice to stop at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


@contextlib.contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Turns the first Ctrl-C into an event; a second one interrupts at once.

    Where the signal is ignored, as nohup and shells have it for jobs in the
    background, it stays ignored, so that Ctrl-C stops only what is in the foreground.
    """
    event = threading.Event()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield event
        return

    def on_interrupt(*_: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def in_thread(work: Callable[[], T]) -> T:
    """What `work()` returns or raises, done in another thread.

    A KeyboardInterrupt is raised in the main thread alone. So it never tears open the
    event loops within `work`, whose threads would print tracebacks and could keep the
    process from ending: it is raised once `work` is over, a further one at once. And an
    event loop of the caller's own, as in a notebook, is not in the way.
    """
    outcome: list[T] = []
    errors: list[BaseException] = []
    over = threading.Event()

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            errors.append(error)
        over.set()

    thread = threading.Thread(target=run, name="pgvq-files")
    try:
        thread.start()
        over.wait()  # not `join`: interrupted, it takes the thread for ended
    except KeyboardInterrupt:
        if thread.ident is not None:  # it runs, or has run
            over.wait()
        raise
    if errors:
        raise errors[0]
    return outcome[0]
