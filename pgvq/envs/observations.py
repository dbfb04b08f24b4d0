"""How learners read observations: as float numbers, whatever an environment shows.

What is done follows from `observation_space` alone:

    Discrete(n)                 one-hot [n]
    MultiDiscrete([n, m, ..])   one-hot each, one after the other [n + m + ..]
    Box of uint8 with values    divided by 255; images in any of the layouts below
    above 1                     become [H, W, C]
    Box of uint8 up to 1        0 and 1 as float32
    Dict, Tuple                 each part as above, flattened, one after the other: by
                                sorted keys, or in the order of the tuple
    every other Box             unchanged, but for the layouts of images

Layouts: (C, H, W) is transposed to [H, W, C], and stacks of F frames, (F, H, W, C),
(F, C, H, W) and (H, W, C, F), become [H, W, F * C]. A shape is read so only if it can
be nothing else: two neighbouring axes of at least 8 that are at least twice as long as
each other axis, of which there are few values (up to 16 for uint8, up to 7 for other
numbers). A uint8 (H, W) becomes [H, W, 1]; other numbers of two axes stay as they are.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.envs.memo import once_per_environment
from pgvq.envs.spaces import (
    bounds,
    dtype_of,
    kind_of,
    part,
    parts_of,
    space_of,
    start_of,
)
from pgvq.types import InputError, PyTree

SIDE = 8  # the shortest side of an image, as `networks.is_image` has it
FEW_BYTES, FEW_NUMBERS = 16, 7  # channels or frames at most, of uint8 and of others


class Reading(NamedTuple):
    """What a learner does to each observation before it learns from it."""

    shown: PyTree  # shapes and dtypes of one observation, as the environment shows it
    said: str  # in words; "" where nothing is done
    function: Callable[[PyTree], Array] | None  # [..., *shown] to [..., *O]

    def encode(self, obs: PyTree) -> PyTree:
        """Observations with any leading axes, as networks get them."""
        return obs if self.function is None else self.function(obs)

    def shown_like(self, obs: PyTree) -> PyTree:
        """An observation as the environment shows it, zeros; `obs` if that is it."""
        if self.function is None:
            return obs
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self.shown)

    def check(self, obs: PyTree, who: str) -> None:
        """Raises `InputError` unless these are N observations, leaves `[N, *shown]`."""
        given, wanted = jax.tree.structure(obs), jax.tree.structure(self.shown)
        if given != wanted:
            raise InputError(
                f"{who} was given observations of the structure {given} and its "
                f"environment shows {wanted}; give what `reset` and `step` return, "
                "with an axis of N observations in front"
            )
        kinds = [_kind(leaf) for leaf in jax.tree.leaves(obs)]
        if odd := [kind for kind in kinds if kind not in "biuf"]:
            raise InputError(
                f"{who} was given observations that are not real numbers (of the kind "
                f"{odd[0]!r}); give arrays such as `reset` and `step` return"
            )
        counts = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(obs)}
        if (0,) in counts:
            raise InputError(
                f"{who} was given no observation at all, an axis of 0; give one or more"
            )
        for leaf, like in zip(
            jax.tree.leaves(obs), jax.tree.leaves(self.shown), strict=True
        ):
            shape, needed = np.shape(leaf), ["N", *like.shape]
            if shape[1:] == like.shape and len(shape) > 0 and len(counts) == 1:
                continue
            text = ", ".join(str(axis) for axis in needed)
            one = shape == like.shape
            hint = "give one observation as obs[None]" if one else "give that shape"
            raise InputError(
                f"{who} was given observations of shape {list(shape)} and needs "
                f"[{text}], N observations side by side; {hint}"
            )


def _kind(leaf: Any) -> str:
    """The kind of an array's dtype, as NumPy has it; "O" for what is no array."""
    dtype = getattr(leaf, "dtype", None)
    if dtype is None:
        dtype = np.result_type(leaf) if isinstance(leaf, bool | int | float) else "O"
    if jnp.issubdtype(dtype, jnp.floating):
        return "f"  # bfloat16 and its like as well
    return np.dtype(dtype).kind if isinstance(dtype, np.dtype | str) else "O"


@once_per_environment
def reading(env: Any) -> Reading:
    """How observations of an environment are read."""
    with jax.ensure_compile_time_eval():
        params = env.default_params
    space = space_of(env, "observation_space", params)
    key = jax.eval_shape(lambda: jax.random.key(0))
    shown = jax.eval_shape(env.reset, key, params)[0]
    return reading_of(space, shown)


def untouched(read: Reading) -> Reading:
    """The same observations, read as they are."""
    return read._replace(said="", function=None)


def reading_of(space: Any, shown: PyTree) -> Reading:
    """How observations of a space are read, whose shapes are `shown`."""
    kind = kind_of(space)
    if kind in ("dict", "tuple"):
        parts = f"{kind} of {len(parts_of(space))} parts"
        width = _width(space)
        return Reading(
            shown,
            f"{parts} flattened to {width} numbers",
            lambda obs: _flattened(space, obs),
        )
    if kind in ("discrete", "multi-discrete"):
        width = _width(space)
        what = (
            f"numbers of 0 to {width - 1} read one-hot"
            if kind == "discrete" and not start_of(space)
            else f"numbers read one-hot, [{width}]"
        )
        return Reading(shown, what, lambda obs: _numbers(space, obs))
    if kind != "box":
        return Reading(shown, "", None)
    return _box(space, shown)


def _box(space: Any, shown: PyTree) -> Reading:
    """A box: bytes are scaled, images laid out as [H, W, C]."""
    shape, name = tuple(int(n) for n in space.shape), dtype_of(space)
    byte = name == np.uint8
    layout = _layout(shape, FEW_BYTES if byte else FEW_NUMBERS)
    if byte and layout is None and len(shape) == 2 and min(shape) >= SIDE:
        layout = (0, 1, 2), (*shape, 1)
    scaled = byte and _is_scaled(space)
    if not byte and layout is None:
        return Reading(shown, "", None)

    def read(obs: Array) -> Array:
        lead = obs.ndim - len(shape)
        if layout is not None:
            order, after = layout
            axes = [*range(lead), *(lead + i for i in order if i < len(shape))]
            obs = obs.transpose(axes).reshape(*obs.shape[:lead], *after)
        if byte:
            obs = obs.astype(jnp.float32)
        return obs / 255.0 if scaled else obs

    kind = "images" if layout is not None or _is_image(shape) else "numbers"
    said = f"{name} {kind} {list(shape)}"
    if layout is not None:
        said += f" read as {list(layout[1])}"
    said += ", divided by 255" if scaled else ""
    return Reading(shown, said if layout is not None or scaled else "", read)


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and min(shape[:2]) >= SIDE


def _is_scaled(space: Any) -> bool:
    """Whether a box of uint8 holds bytes 0 to 255 and not flags 0 and 1."""
    return dtype_of(space) == np.uint8 and bool(np.max(bounds(space)[1]) > 1)


def _layout(
    shape: tuple[int, ...], few: int
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The order of axes that makes `[H, W, C]` of an image, and the shape then.

    None where the shape is that already, is no image, or could be read in two ways.
    """
    if len(shape) not in (3, 4):
        return None
    places = [
        at
        for at in range(len(shape) - 1)
        if _is_spatial(shape[at : at + 2], shape[:at] + shape[at + 2 :], few)
    ]
    if len(places) != 1 or (len(shape) == 3 and places == [0]):
        return None
    at = places[0]
    others = [axis for axis in range(len(shape)) if axis not in (at, at + 1)]
    channels = math.prod(shape[axis] for axis in others)
    return (at, at + 1, *others), (shape[at], shape[at + 1], channels)


def _is_spatial(sides: tuple[int, ...], others: tuple[int, ...], few: int) -> bool:
    """Whether two axes can only be the height and width of an image."""
    most = max(others)
    return min(sides) >= SIDE and most <= few and min(sides) >= 2 * most


def _numbers(space: Any, obs: Any) -> Array:
    """Numbers of a Discrete or MultiDiscrete space one-hot, [..., width]."""
    obs = jnp.asarray(obs) - start_of(space)
    if kind_of(space) == "discrete":
        return jax.nn.one_hot(obs, int(space.n), dtype=jnp.float32)
    sizes = np.asarray(space.nvec)
    obs = obs.reshape(*obs.shape[: obs.ndim - sizes.ndim], -1)
    columns = [
        jax.nn.one_hot(obs[..., i], int(size), dtype=jnp.float32)
        for i, size in enumerate(sizes.ravel())
    ]
    return jnp.concatenate(columns, axis=-1)


def _flattened(space: Any, obs: PyTree) -> Array:
    """All parts of a space, one after the other: [..., width] float32."""
    kind = kind_of(space)
    if kind in ("dict", "tuple"):
        parts = [_flattened(each, part(obs, key)) for key, each in parts_of(space)]
        return jnp.concatenate(parts, axis=-1)
    if kind in ("discrete", "multi-discrete"):
        return _numbers(space, obs)
    obs = jnp.asarray(obs)
    lead = obs.shape[: obs.ndim - len(space.shape)]
    flat = obs.reshape(*lead, -1).astype(jnp.float32)
    return flat / 255.0 if _is_scaled(space) else flat


def _width(space: Any) -> int:
    """Numbers in an encoded observation of a space that is no box by itself."""
    kind = kind_of(space)
    if kind in ("dict", "tuple"):
        return sum(_width(each) for _, each in parts_of(space))
    if kind == "discrete":
        return int(space.n)
    if kind == "multi-discrete":
        return int(np.sum(space.nvec))
    return math.prod(int(n) for n in space.shape)
