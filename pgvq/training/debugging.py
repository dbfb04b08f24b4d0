"""Training without compilation, and the place where a NaN is born.

Two of JAX's own switches are a debugging path through training (docs/debugging.md):

    JAX_DISABLE_JIT=1   lanes run one after the other, operation by operation
    JAX_DEBUG_NANS=1    a NaN in what is learnt ends the run at the line that made it
"""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp

from pgvq.types import InputError, PyTree

PACKAGE = Path(__file__).resolve().parent
_STANDARD = Path(traceback.__file__).resolve().parent


def is_eager() -> bool:
    """Whether the user asked for programs that are not compiled."""
    return bool(jax.config.values["jax_disable_jit"])


def finds_nans() -> bool:
    """Whether the user asked where NaNs are born."""
    return bool(jax.config.values["jax_debug_nans"])


def check_precision() -> None:
    """Raises `InputError` in JAX's mode of 64 bits, for which nothing here is made."""
    if jax.config.values["jax_enable_x64"]:
        raise InputError(
            "JAX_ENABLE_X64 is on, and algorithms here keep float32 and int32 from one "
            "iteration to the next, which that mode would turn into 64 bits; unset it "
            '(or call jax.config.update("jax_enable_x64", False))'
        )


def one_by_one(function: Callable[..., Any], shared: int) -> Callable[..., Any]:
    """`function` of one lane, for lanes one after the other; nothing is vmapped.

    Its first `shared` arguments are the same for all lanes. So what a user's code
    prints, and what a debugger stops at, are the numbers of one lane.
    """

    def lanes(*args: Any) -> Any:
        same, each = args[:shared], args[shared:]
        count = len(jax.tree.leaves(each)[0])
        parts = [
            function(*same, *jax.tree.map(lambda leaf, lane=lane: leaf[lane], each))
            for lane in range(count)
        ]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)

    return lanes


def bad_lanes(state: PyTree) -> list[int]:
    """The lanes of a state, leaves `[L, ...]`, in which something learnt is NaN."""
    with jax.debug_nans(False):
        floats = [
            leaf
            for leaf in jax.tree.leaves(state)
            if jnp.issubdtype(leaf.dtype, jnp.inexact)
        ]
        bad = [jnp.isnan(leaf).any(axis=range(1, leaf.ndim)) for leaf in floats]
        if not bad:
            return []
        return [int(lane) for lane in jnp.flatnonzero(jnp.stack(bad).any(axis=0))]


def first_bad(
    advance: Callable[[int], Any], iterations: int, lane: int
) -> tuple[int, Any]:
    """The first iteration of a chunk after which a lane holds a NaN, by bisection.

    Args:
        advance: the progress after a number of iterations from where the chunk began.
        iterations: of the chunk, after which there is a NaN.
        lane: whose.

    Returns:
        Its number, from 1, and the progress before it; None if the chunk's start.
    """
    good, bad, before = 0, iterations, None
    while bad - good > 1:
        middle = (good + bad) // 2
        with jax.debug_nans(False):
            progress = advance(middle)
        if lane in bad_lanes(progress.state):
            bad = middle
        else:
            good, before = middle, progress
    return bad, before


def born(what: str, run: Callable[[], Any]) -> InputError:
    """Runs without compilation what made a NaN, and says where it is born.

    Args:
        what: was run, such as "iteration 3 of dqn, seed 0".
        run: does it again.
    """
    try:
        with jax.disable_jit(True), jax.debug_nans(True):
            run()
    except FloatingPointError as error:
        return told(error, what)
    return InputError(
        f"a NaN was born in {what}, and is not where the same is run operation by "
        "operation, without compilation; compare the two, as docs/debugging.md shows"
    )


def told(error: BaseException, what: str) -> InputError:
    """The sentence for a NaN that JAX found in a single operation."""
    frame, own = _frame(error)
    if frame is None:
        return InputError(f"a NaN was born in {what}; {_ADVICE}")
    line = " ".join((frame.line or "").split())
    line = f" ({line[:80]})" if line else ""
    where = f"{_short(frame.filename)}, line {frame.lineno}{line}"
    whose = "" if own else ", which got it from what it was given"
    return InputError(f"a NaN was born in {where}{whose}, in {what}; {_ADVICE}")


_ADVICE = "look there for log, sqrt, a division or a power of numbers that may be 0"


def _frame(error: BaseException) -> tuple[traceback.FrameSummary | None, bool]:
    """The innermost frame of a user's file, else of pgvq; whether it is the user's."""
    frames = list(_frames(error))
    for own in (True, False):
        chosen = [frame for frame in frames if whose(frame.filename) == own]
        if chosen:
            return chosen[-1], own
    return None, False


def _frames(error: BaseException) -> Iterator[traceback.FrameSummary]:
    """Of an error and its causes, outermost first.

    Where a derivative makes the NaN, JAX gives the line of its forward operation as
    the cause.
    """
    seen: set[int] = set()
    left: BaseException | None = error
    chain = []
    while left is not None and id(left) not in seen:
        seen.add(id(left))
        chain.append(left)
        left = left.__cause__ or left.__context__
    for each in chain:
        found: TracebackType | None = each.__traceback__
        yield from traceback.extract_tb(found)


def whose(filename: str) -> bool | None:
    """True for a user's file, False for pgvq's, None for what is installed."""
    if filename.startswith("<"):
        return None
    path = Path(filename).resolve()
    if path.is_relative_to(PACKAGE):
        return False
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return None if installed or path.is_relative_to(_STANDARD) else True


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(PACKAGE.parent) if whose(filename) is False else path)
