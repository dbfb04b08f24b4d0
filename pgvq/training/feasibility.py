"""Whether programs can be built and fit in memory, found out before anything is made.

Programs are traced with shapes alone, so that this takes a second or less for each,
however big the arrays would be.
"""

import dataclasses
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NoReturn

import jax
import jax.numpy as jnp

from pgvq.identity.sources import is_own
from pgvq.machine import in_words, machine_memory
from pgvq.storage.files import one_line
from pgvq.training.lane import Lane, advance_lane, evaluate_lane, init_lane
from pgvq.types import InputError

_sizes: dict[tuple[str, int, int], int] = {}  # of programs that were traced already


def check_programs(
    batches: Iterable[list[Lane]],
    keys: Mapping[str, str],
    games: int,
    game_steps: Callable[[Any], int],
) -> None:
    """Raises `InputError` for lanes whose program cannot be built, or not held.

    Args:
        batches: lanes of one program each.
        keys: of the program of each variant, as `pgvq.experiments.programs` has them.
        games: complete games per lane, evaluation and mode.
        game_steps: of an algorithm, the agent steps after which such a game counts as
            truncated.
    """
    for lanes in batches:
        name, algorithm, _ = lanes[0]
        size = checked_bytes(lanes[0], keys[name], games, game_steps(algorithm))
        memory = usable_memory()
        if memory is not None and size * len(lanes) > memory:
            _refuse(lanes, size, memory, games)


def checked_bytes(lane: Lane, key: str, games: int, max_game_steps: int) -> int:
    """What one lane needs at least, in bytes; `InputError` if it cannot be built.

    Args:
        lane: whose programs are traced, unless that was done for its `key` before.
        key: of its program.
        games: complete games per evaluation and mode.
        max_game_steps: agent steps after which such a game counts as truncated.
    """
    which = (key, games, max_game_steps)
    try:
        if which not in _sizes:
            _sizes[which] = bytes_of_lane(lane.algorithm, games, max_game_steps)
    except InputError as error:
        raise InputError(f"{lane.variant}: {error}") from error
    except Exception as error:  # whatever an algorithm or an environment raises
        raise InputError(
            f"{lane.variant} cannot be built{_place(error)} ({type(error).__name__}: "
            f"{one_line(error)}); correct it, or give other settings"
        ) from error
    return _sizes[which]


def bytes_of_lane(algorithm: Any, games: int, max_game_steps: int) -> int:
    """What one lane needs at least: its state, and the largest array beside it.

    Raises whatever building its programs raises.
    """
    seed, count = (
        jax.ShapeDtypeStruct((), jnp.uint32),
        jax.ShapeDtypeStruct((), jnp.int32),
    )
    progress = jax.eval_shape(init_lane, algorithm, seed)
    train = jax.make_jaxpr(advance_lane)(count, algorithm, progress)
    play = jax.make_jaxpr(partial(evaluate_lane, games, max_game_steps))(
        count, algorithm, seed, progress.state
    )
    state = sum(_bytes(leaf) for leaf in jax.tree.leaves(progress))
    return state + max(_largest(train.jaxpr), _largest(play.jaxpr))


def _largest(jaxpr: Any) -> int:
    """Bytes of the largest array that a program makes on its way."""
    sizes = [0]
    for equation in jaxpr.eqns:
        sizes += [_bytes(out.aval) for out in equation.outvars]
        for parameter in equation.params.values():
            several = isinstance(parameter, tuple | list)
            for part in parameter if several else (parameter,):
                inner = getattr(part, "jaxpr", part)  # closed, or as it is
                if hasattr(inner, "eqns"):
                    sizes.append(_largest(inner))
    return max(sizes)


def _bytes(array: Any) -> int:
    if not hasattr(array, "shape"):
        return 0
    size = 1
    for length in array.shape:
        size *= int(length)
    return size * getattr(array.dtype, "itemsize", 4)


def usable_memory() -> int | None:
    """Bytes that training may use: of the accelerators, or of the machine."""
    devices = jax.local_devices()
    if devices[0].platform == "cpu":
        return machine_memory()
    known = [(device.memory_stats() or {}).get("bytes_limit", 0) for device in devices]
    return sum(known) or None


def _refuse(lanes: list[Lane], size: int, memory: int, games: int) -> NoReturn:
    """Raises `InputError` with how many would fit."""
    name, algorithm, _ = lanes[0]
    said = (
        f"{name} needs at least {in_words(size)} for each of {len(lanes)} lanes that "
        f"train together, and there are {in_words(memory)} of memory"
    )
    if fitting := memory // size:
        raise InputError(f"{said}; at most {fitting} fit: give fewer seeds or variants")
    # To blame is what exceeds its default most.
    counts = {"games": (games, games / 10)}
    for field in dataclasses.fields(algorithm):  # pyright: ignore[reportArgumentType]
        value, usual = getattr(algorithm, field.name), field.default
        if type(value) is int and type(usual) is int and usual > 0:
            counts[field.name] = (value, value / usual)
    most = max(counts, key=lambda field: counts[field][1])
    about = int(counts[most][0] * memory / (size * len(lanes)))
    raise InputError(f"{said}; {most}={counts[most][0]} may be about {about} at most")


def _place(error: BaseException) -> str:
    """Where in the user's own code an error came from; empty where in none of it."""
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if is_own(frame.f_globals.get("__name__"))
    ]
    return f" at {frames[-1][0]}, line {frames[-1][1]}" if frames else ""
