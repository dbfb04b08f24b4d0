"""What is worked out once for each environment."""

import functools
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def once_per_environment(function: Callable[[Any], T]) -> Callable[[Any], T]:
    """Keeps what `function(env)` returns for as long as the environment lives.

    Environments that compare equal share it. What is kept must not refer to the
    environment. One that cannot be hashed is asked anew each time.
    """
    kept: weakref.WeakKeyDictionary[Any, T] = weakref.WeakKeyDictionary()

    @functools.wraps(function)
    def remembered(env: Any) -> T:
        try:
            known = env in kept
        except TypeError:
            return function(env)
        if known:
            return kept[env]
        made = function(env)
        kept[env] = made
        return made

    return remembered
