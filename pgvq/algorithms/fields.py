"""Fields of an algorithm: of what kind each is, and how its value is checked."""

from typing import Any

from flax import struct
from gymnax.environments.environment import Environment

from pgvq.types import InputError


def static(default: Any, doc: str = "") -> Any:
    """A field that shapes the compiled program: its values train one program each."""
    return struct.field(pytree_node=False, default=default, metadata={"doc": doc})


def leaf(default: float, doc: str = "") -> Any:
    """A float field: its values train as lanes of one program, so it is sweepable."""
    return struct.field(pytree_node=True, default=default, metadata={"doc": doc})


class Configuration:
    """An algorithm as its own configuration; mixed into the class that has the fields.

    The checks are for its `__post_init__`.
    """

    env: Environment
    env_params: Any

    @property
    def params(self) -> Any:
        """The environment's parameters, its default where none were given."""
        return self.env.default_params if self.env_params is None else self.env_params

    def check_at_least(self, field: str, smallest: int) -> None:
        """Raises `InputError` unless the whole number `field` is big enough."""
        value = getattr(self, field)
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            raise InputError(
                f"{type(self).__name__}: {field}={value!r} must be a whole number of "
                f"at least {smallest}"
            )

    def check_divides(self, field: str, whole: int, what: str) -> None:
        """Raises `InputError` unless `field` divides `whole`, which `what` names."""
        value = getattr(self, field)
        if whole % value:
            best = max(n for n in range(1, min(value, whole) + 1) if whole % n == 0)
            raise InputError(
                f"{type(self).__name__}: {field}={value} must divide {what} = {whole}; "
                f"use {best}"
            )

    def check_range(self, field: str, low: float, high: float) -> None:
        """Raises `InputError` unless the float `field` lies in `[low, high]`.

        Tracers and arrays pass: they are values that were checked before.
        """
        value = getattr(self, field)
        number = isinstance(value, int | float)
        if isinstance(value, str | bool) or (number and not low <= value <= high):
            raise InputError(
                f"{type(self).__name__}: {field}={value!r} must be a number between "
                f"{low:g} and {high:g}"
            )
