"""Whether a class writes its methods as they are called, asked before anything runs."""

import inspect
from typing import NamedTuple

from pgvq.types import InputError


class Method(NamedTuple):
    """How a method is called, and in words what an author writes."""

    given: tuple[str, ...]  # in this order
    named: tuple[str, ...]  # by keyword
    words: str

    def __str__(self) -> str:
        return f"({', '.join((*self.given, '*', *self.named)).removesuffix(', *')})"


LEARNS = Method(
    ("learner", "batch", "key", "step"),
    (),
    "where step is the number of agent steps before the rollout",
)
METHODS = {
    "act": Method(
        ("state", "obs", "memory", "key"),
        ("greedy",),
        "which returns actions and the memory afterwards, and "
        "initial_memory(num_envs), which returns () where nothing is remembered",
    ),
    "policy": Method(
        ("learner", "obs", "memory", "key"),
        ("greedy", "step"),
        "which returns actions, the memory afterwards and extras, () for none",
    ),
    "update": LEARNS,
    "learn": LEARNS,
}
REPLACED = ("explore", "choose", "behave")  # `policy` does what they did


def check_interface(cls: type) -> None:
    """Raises `InputError` where a class has methods of another form than `METHODS`.

    Also where it has those that `policy` replaced: nothing would call them.
    """
    owners = [base for base in cls.__mro__ if "policy" in vars(base)]
    for old in REPLACED if owners else ():
        if hasattr(cls, old) and not hasattr(owners[0], old):
            raise InputError(
                f"{cls.__name__}: nothing calls the method {old}; instead of "
                f"{', '.join(REPLACED)} write policy{METHODS['policy']}, "
                f"{METHODS['policy'].words}"
            )
    for name, wanted in METHODS.items():
        method = getattr(cls, name, None)
        if not inspect.isfunction(method) or not _is_called(cls, name):
            continue
        signature = inspect.signature(method)
        try:
            signature.bind(None, *wanted.given, **dict.fromkeys(wanted.named))
        except TypeError:
            raise InputError(
                f"{cls.__name__}: {name}{signature} cannot be called; write "
                f"{name}{wanted}, {wanted.words}"
            ) from None


def _is_called(cls: type, name: str) -> bool:
    """Whether a method of that name is part of the interface of a class."""
    known = [vars(base).get(name) for base in cls.__mro__]
    return name == "act" or any(
        getattr(method, "__isabstractmethod__", False) for method in known
    )
