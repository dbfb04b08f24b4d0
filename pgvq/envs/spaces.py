"""What a space is, by what it has: gymnax's spaces, gymnasium's and a user's own."""

from collections.abc import Mapping
from typing import Any, Literal

import jax
import numpy as np

Kind = Literal["discrete", "multi-discrete", "box", "dict", "tuple", "unknown"]


def kind_of(space: Any) -> Kind:
    """Which kind of space this is.

    gymnax has no MultiDiscrete, so users write or import one: it has `nvec`, as in
    gymnasium. A MultiBinary counts as a box of 0 and 1.
    """
    parts = getattr(space, "spaces", None)
    if parts is not None:
        return "dict" if isinstance(parts, Mapping) else "tuple"
    if hasattr(space, "nvec"):
        return "multi-discrete"
    if hasattr(space, "low") and hasattr(space, "high"):
        return "box"
    if hasattr(space, "n"):
        return "discrete" if tuple(getattr(space, "shape", ()) or ()) == () else "box"
    return "unknown"


def parts_of(space: Any) -> list[tuple[Any, Any]]:
    """Keys and spaces of a Dict by sorted keys, of a Tuple by their places."""
    if isinstance(space.spaces, Mapping):
        return sorted(space.spaces.items(), key=lambda item: str(item[0]))
    return list(enumerate(space.spaces))


def part(obs: Any, key: Any) -> Any:
    """The part of an observation that belongs to a key of its space.

    A dict, a tuple, a NamedTuple or a dataclass. Raises `KeyError` where it has none.
    """
    if isinstance(obs, Mapping):
        return obs[key]
    if isinstance(key, str) and hasattr(obs, key):
        return getattr(obs, key)
    if isinstance(key, int) and isinstance(obs, tuple | list) and key < len(obs):
        return obs[key]
    raise KeyError(key)


def start_of(space: Any) -> Any:
    """The smallest number of a Discrete or MultiDiscrete space; gymnasium has some."""
    return getattr(space, "start", 0)


def bounds(space: Any) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest values of a box, of its shape or `[]`."""
    if not hasattr(space, "low"):
        return np.zeros(()), np.ones(())
    return np.asarray(space.low), np.asarray(space.high)


def space_of(env: Any, name: str, params: Any) -> Any:
    """`env.observation_space(params)` or `env.action_space(params)`, as `name` says.

    Its bounds are concrete numbers even while another function is traced.
    """
    with jax.ensure_compile_time_eval():
        return getattr(env, name)(params)


def written(space: Any) -> str:
    """A space in a few words, such as `Discrete(5)` or `Box of uint8 [84, 84]`."""
    kind = kind_of(space)
    if kind == "discrete":
        start = int(start_of(space))
        return f"Discrete({space.n})" + (f" from {start}" if start else "")
    if kind == "box":
        return f"{type(space).__name__} of {dtype_of(space)} {list(space.shape)}"
    if kind == "multi-discrete":
        return f"MultiDiscrete({np.asarray(space.nvec).tolist()})"
    if kind in ("dict", "tuple"):
        inner = [
            f"{key!r}: {written(each)}" if kind == "dict" else written(each)
            for key, each in parts_of(space)
        ]
        return f"{type(space).__name__}({', '.join(inner)})"
    return type(space).__name__


def dtype_of(space: Any) -> np.dtype:
    """The dtype that a space declares; float32 where it declares none."""
    declared = getattr(space, "dtype", None)
    return np.dtype(np.float32 if declared is None else declared)
