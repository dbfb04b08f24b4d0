"""What an environment shows, compared with its own `observation_space`."""

import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.envs.spaces import (
    bounds,
    dtype_of,
    kind_of,
    part,
    parts_of,
    space_of,
    start_of,
    written,
)
from pgvq.storage.files import one_line
from pgvq.types import InputError, Key, PyTree

STEPS, GAMES = 24, 4  # agent steps that are tried, side by side
# Nothing is trained by the program that tries them: it only has to compile fast.
FAST = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}


def check_shown(who: str, where: str, obs: PyTree, space: Any, name: str = "") -> None:
    """Raises `InputError` unless shapes `obs` belong to a space."""
    kind, at = kind_of(space), f" {name}" if name else ""
    if kind == "unknown":
        raise InputError(
            f"{who}: observation_space{at} is {type(space).__name__}, which is not a "
            "space; return Box, Discrete, Dict or Tuple of gymnax.environments.spaces"
        )
    if kind in ("dict", "tuple"):
        _check_parts(who, where, obs, space, name)
        return
    if len(jax.tree.leaves(obs)) != 1 or not hasattr(obs, "shape"):
        raise InputError(
            f"{who}: {where} shows an observation{at} of {_structure(obs)}, and "
            f"observation_space{at} is {written(space)}; make the two agree"
        )
    wanted = tuple(getattr(space, "shape", ()) or ())
    if kind == "multi-discrete":
        wanted = np.shape(space.nvec)
    if obs.shape != tuple(int(axis) for axis in wanted):
        raise InputError(
            f"{who}: {where} shows an observation{at} of shape {list(obs.shape)}, and "
            f"observation_space{at} is {written(space)}; make the two agree"
        )
    if not _same_kind(kind, obs.dtype, space):
        raise InputError(
            f"{who}: {where} shows an observation{at} of {obs.dtype}, and "
            f"observation_space{at} is {written(space)}, which says how it is read; "
            "give both one dtype"
        )


def check_played(who: str, env: Any, params: Any, space: Any) -> None:
    """Plays a few random steps and raises `InputError` where they leave the space."""
    try:
        first, after, last = played(env, params)
    except InputError as error:
        raise InputError(f"{who}: {error}") from error
    except Exception as error:  # whatever a user's own code raises
        raise InputError(
            f"{who}: {GAMES} games side by side (jax.vmap over reset and step) raise "
            f"{type(error).__name__}: {one_line(error)}; correct it"
        ) from error
    # gymnax's own bounds are wrong in places, and not the user's to correct.
    module = str(getattr(env.observation_space, "__module__", ""))
    ours = not module.startswith("gymnax.")
    for where, obs in (("reset", first), ("step", after), ("step", last)):
        if fault := outside(space, obs, bounded=ours):
            raise InputError(f"{who}: {where} shows {fault}")


def played(
    env: Any, params: Any, steps: int = STEPS, games: int = GAMES
) -> tuple[PyTree, PyTree, PyTree]:
    """Observations of random play, as numpy arrays.

    Those of the reset `[G, *O]`, and after each step with and before an automatic
    reset `[T, G, *O]`.
    """
    actions = space_of(env, "action_space", params)

    def act(key: Key) -> Any:
        if kind_of(actions) == "discrete":
            return jax.random.randint(key, (), 0, int(actions.n))
        return actions.sample(key)

    def step(state: PyTree, key: Key) -> tuple[PyTree, PyTree]:
        keys = jax.random.split(key, (2, games))
        action = jax.vmap(act)(keys[0])
        stepped = jax.vmap(env.step, in_axes=(0, 0, 0, None))(
            keys[1], state, action, params
        )
        return stepped[1], (stepped[0], stepped[5]["final_observation"])

    def all_of_it(key: Key) -> tuple[PyTree, PyTree, PyTree]:
        key_reset, key_play = jax.random.split(key)
        reset = jax.vmap(env.reset, in_axes=(0, None))
        obs, state = reset(jax.random.split(key_reset, games), params)
        after, last = jax.lax.scan(step, state, jax.random.split(key_play, steps))[1]
        return obs, after, last

    key = jax.random.key(0)
    if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
        steps = 3  # each operation by itself
        return jax.device_get(all_of_it(key))
    with contextlib.suppress(NotImplementedError):
        program = jax.jit(all_of_it).lower(key).compile(compiler_options=FAST)
        return jax.device_get(program(key))
    return jax.device_get(jax.jit(all_of_it)(key))


def outside(space: Any, obs: PyTree, name: str = "", *, bounded: bool = True) -> str:
    """What of observations `[..., *O]` is outside of a space, in words; "" if none is.

    Rounding is forgiven: bounds of floats have a margin of a hundred-thousandth. Unless
    `bounded`, those of boxes are not looked at.
    """
    kind, at = kind_of(space), f" as {name}" if name else ""
    if kind in ("dict", "tuple"):
        for key, each in parts_of(space):
            where = f"{name}[{key!r}]"
            if fault := outside(each, part(obs, key), where, bounded=bounded):
                return fault
        return ""
    obs = np.asarray(obs)
    if jnp.issubdtype(obs.dtype, jnp.floating) and not np.all(np.isfinite(obs)):
        bad = "NaN" if np.any(np.isnan(obs)) else "infinity"
        return (
            f"{bad}{at}, which no network can read; divide by what cannot be zero, or "
            "cut it with jnp.clip"
        )
    if kind == "discrete":
        return _outside_numbers(obs, np.asarray(int(space.n)), space, at)
    if kind == "multi-discrete":
        return _outside_numbers(obs, np.asarray(space.nvec), space, at)
    if not bounded:
        return ""
    low, high = (np.asarray(end, np.float64) for end in bounds(space))
    values = obs.astype(np.float64)
    margin = 1e-5 * (1.0 + np.abs(values))
    if np.any(values < low - margin) or np.any(values > high + margin):
        return (
            f"numbers from {values.min():.6g} to {values.max():.6g}{at} where its "
            f"observation_space goes from {low.min():.6g} to {high.max():.6g}"
            f"{_at_one_place(values, low, high)}; correct the bounds (-jnp.inf and "
            "jnp.inf where there are none) or the observation"
        )
    return ""


def _outside_numbers(obs: np.ndarray, sizes: np.ndarray, space: Any, at: str) -> str:
    start = np.asarray(start_of(space))
    if np.all(obs >= start) and np.all(obs < start + sizes):
        return ""
    low, high = int(np.min(start)), int(np.max(start + sizes)) - 1
    return (
        f"the numbers {int(obs.min())} to {int(obs.max())}{at} where its "
        f"observation_space is {written(space)}, {low} to {high}; subtract what is "
        "too much, or make the space larger"
    )


def _at_one_place(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """Which entry of a vector is out of its own bounds."""
    if low.ndim == 0 and high.ndim == 0:
        return ""
    wrong = (values < low) | (values > high)
    index = np.argwhere(wrong)[0]
    entry = tuple(int(i) for i in index[-max(low.ndim, high.ndim) :])
    lowest = np.broadcast_to(low, values.shape)[tuple(index)]
    highest = np.broadcast_to(high, values.shape)[tuple(index)]
    return f" (entry {list(entry)}: {lowest:.6g} to {highest:.6g})"


def _same_kind(kind: str, shown: Any, space: Any) -> bool:
    """Whether a dtype is read as the space says.

    Numbers of other dtypes than the declared one are common in gymnax itself, and read
    the same; whole numbers and bytes are not.
    """
    if kind in ("discrete", "multi-discrete"):
        return bool(jnp.issubdtype(shown, jnp.integer)) or shown == np.bool_
    if jnp.issubdtype(shown, jnp.complexfloating) or not _is_numeric(shown):
        return False
    return (shown == np.uint8) == (dtype_of(space) == np.uint8)


def _is_numeric(dtype: Any) -> bool:
    return bool(jnp.issubdtype(dtype, jnp.number)) or dtype == np.bool_


def _check_parts(who: str, where: str, obs: PyTree, space: Any, name: str) -> None:
    """Of a Dict or Tuple each part; none may be missing, none too many."""
    keys = [key for key, _ in parts_of(space)]
    for key, each in parts_of(space):
        try:
            shown = part(obs, key)
        except KeyError:
            raise InputError(
                f"{who}: {where} shows an observation of {_structure(obs)}"
                f"{' at ' + name if name else ''} without {key!r}, which its "
                f"observation_space has ({written(space)}); make the two agree"
            ) from None
        check_shown(who, where, shown, each, f"{name}[{key!r}]")
    if hasattr(obs, "__len__") and not hasattr(obs, "shape") and len(obs) != len(keys):
        raise InputError(
            f"{who}: {where} shows an observation of {len(obs)} parts and its "
            f"observation_space has {len(keys)} ({written(space)}); make the two agree"
        )


def _structure(obs: PyTree) -> str:
    if hasattr(obs, "shape"):
        return f"shape {list(obs.shape)}"
    return f"type {type(obs).__name__}"
