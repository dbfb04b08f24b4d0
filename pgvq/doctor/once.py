"""Properties that are made once, by whichever thread asks first."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_GUARD = threading.Lock()


class Made:
    """The value of a property, or the error that came instead."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None


def once(method: Callable[[Any], T]) -> T:
    """A property whose value is kept; so is an error, which is raised each time.

    Other threads that ask meanwhile wait for it.
    """
    name = f"_made_{method.__name__}"

    def get(self: Any) -> T:
        with _GUARD:
            made = self.__dict__.setdefault(name, Made())
        with made.lock:
            if not made.done:
                try:
                    made.value = method(self)
                except (Exception, SystemExit) as error:
                    made.error = error
                made.done = True
        if made.error is not None:
            raise made.error
        return made.value

    return property(get, doc=method.__doc__)  # pyright: ignore[reportReturnType]
