"""Checks of the state: its structure, its keys, its seeds, and nothing beside it."""

import itertools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.doctor import anatomy
from pgvq.doctor.lab import COUNTED, HALF, SEEDS, Lab, lane_of
from pgvq.doctor.report import Verdict, failed, passed, skipped

LARGEST = 4e9  # bytes of one lane's state at the defaults


def stable(lab: Lab) -> Verdict:
    """Structure, shapes, dtypes and weak types of the state before and after."""
    own, _ = lab.own
    for algorithm in [lab.small] if own is lab.small else [lab.small, own]:
        if wrong := _changed(algorithm):
            return failed(f"{wrong}, on {algorithm.env.name}")
    count = len(jax.tree.leaves(jax.eval_shape(lab.small.init, jax.random.key(0))))
    names = " and ".join(dict.fromkeys([lab.small.env.name, own.env.name]))
    return passed(f"{count} leaves come out as they went in, on {names}")


def _changed(algorithm: Any) -> str:
    """What of the state `iterate` changes in kind; empty if nothing."""
    before = jax.eval_shape(algorithm.init, jax.random.key(0))
    after, _ = jax.eval_shape(algorithm.iterate, before)
    structures = jax.tree.structure(before), jax.tree.structure(after)
    if structures[0] != structures[1]:
        return f"the state {structures[0]} comes out as {structures[1]}"
    for (path, old), (_, new) in zip(_leaves(before), _leaves(after), strict=True):
        if _aval(old) != _aval(new):
            return (
                f"the leaf {path} goes in as {_aval(old)} and comes out as {_aval(new)}"
            )
    return ""


def keys(lab: Lab) -> Verdict:
    """JAX's own check, over `init`, two iterations and both ways of acting."""
    try:
        lab.checked_for_keys()
    except jax.errors.KeyReuseError as error:
        first = str(error).strip().splitlines()[0]
        return failed(f"{first}{_place(error)}")
    kinds = _leaves(jax.eval_shape(lab.small.init, jax.random.key(0)))
    held = [path for path, leaf in kinds if _is_key(leaf)]
    series = [dict(_leaves(state)) for state in lab.series]
    for before, after in itertools.pairwise(series):
        for path in held:
            if np.array_equal(before[path], after[path]):
                return failed(
                    f"the key {path} of the state is the same before and after an "
                    "iteration, so every iteration draws the same numbers"
                )
    return passed("no key is used twice in `init`, two iterations and `act`")


def seeds(lab: Lab) -> Verdict:
    """Parameters, the worlds' draws and the actions of four seeds, pairwise."""
    first = lab.lived.snapshots[0].state
    later = lab.lived.snapshots[3].state
    what: dict[str, Any] = {}
    random = [
        leaf
        for name, tree in anatomy.parameters(first).items()
        for leaf in jax.tree.leaves(tree)
        if "target" not in name and all(np.ptp(row) > 0 for row in leaf[:SEEDS])
    ]
    for number, leaf in enumerate(random):
        what[f"the initial parameters (leaf {number})"] = leaf
    worlds = anatomy.places(first)
    if worlds:
        what["the first environment states"] = worlds[0].drawn
        what["the first actions"] = anatomy.places(later)[0].trail
    for name, leaf in what.items():
        for one, other in itertools.combinations(range(SEEDS), 2):
            if np.array_equal(leaf[one], leaf[other]):
                return failed(f"seeds {one} and {other} share {name}")
    if worlds and len(np.unique(worlds[0].drawn[0])) < worlds[0].drawn.shape[1]:
        return failed("the environments of one seed begin in the same state")
    if not what:
        return skipped("its state shows neither parameters nor environments")
    judged = "worlds and actions" if worlds else ""
    judged = " and ".join(filter(None, ["parameters" if random else "", judged]))
    return passed(f"{SEEDS} seeds differ pairwise in their {judged}")


def alone(lab: Lab) -> Verdict:
    """Each seed without `vmap` against the same seed among its neighbours."""
    snapshots = [progress.state for progress in lab.lived.snapshots]
    for seed in range(SEEDS):
        states = [lab.alone.begun[seed], *lab.alone.iterated[seed]]
        for number, (state, batch) in enumerate(zip(states, snapshots, strict=True)):
            plain = jax.tree.map(_plain, state)
            if path := _different(plain, lane_of(batch, seed), 1e-4):
                what = f"`iterate` number {number}" if number else "`init`"
                return failed(
                    f"{path} of seed {seed} is another one alone than beside "
                    f"{SEEDS - 1} other seeds after {what}, from the same state and key"
                )
    return passed(
        f"`init` and {COUNTED} iterations of {SEEDS} seeds are the same without vmap "
        "and in a batch"
    )


def resume(lab: Lab) -> Verdict:
    """To the host and back half-way, against never having stopped."""
    lanes = lab.lived.lanes
    middle = lanes.from_host(lab.lived.snapshots[HALF])
    progress, _ = lanes.advance(middle, COUNTED - HALF)
    path = _different(lanes.to_host(progress).state, lab.lived.snapshots[-1].state)
    if path:
        return failed(f"{path} differs from that of the run that never stopped")
    return passed(f"stopped after {HALF} of {COUNTED} iterations: the same bit for bit")


def evaluation(lab: Lab) -> Verdict:
    """Games between two chunks, against none."""
    lanes = lab.lived.lanes
    progress, _ = lanes.advance(lanes.start(), HALF)
    games = [lanes.evaluate(progress, point)[0].games for point in range(2)]
    progress, _ = lanes.advance(progress, COUNTED - HALF)
    path = _different(lanes.to_host(progress).state, lab.lived.snapshots[-1].state)
    if path:
        return failed(f"{path} differs when games are played half-way")
    if set(games[0]) != {"greedy", "explore"}:
        return failed(f"it plays in the modes {sorted(games[0])} only")
    return passed("two evaluations half-way leave every bit of the state as it is")


def fields(lab: Lab) -> Verdict:
    """Every float field as a leaf with another value, in the same program."""
    names = anatomy.sweepable(lab.small)
    try:
        lived = lab.lived
    except jax.errors.ConcretizationTypeError as error:
        name = next((name for name in names if _decides(lab.small, name)), "a field")
        return failed(
            f"{name} decides something in Python, so its values cannot be lanes of "
            f"one program{_place(error)}"
        )
    usual = lane_of(lived.snapshots[-1].state, 0)
    idle = []
    for name in lab.changed:
        changed = lane_of(lived.snapshots[-1].state, lived.names.index(name))
        if not _different(usual, changed):
            idle.append(name)
    static = anatomy.static_floats(lab.small)
    hints = [
        f"nothing here turned on {', '.join(idle)}" if idle else "",
        f"static, a program for each value: {', '.join(static)}" if static else "",
    ]
    hint = "".join(f"; {text}" for text in hints if text)
    if not names:
        return skipped(f"it has no float field that is a leaf{hint}")
    return passed(f"{len(names)} float fields train side by side{hint}")


def memory(lab: Lab) -> Verdict:
    """Bytes of the state at the defaults, of two lanes, and with another capacity."""
    own, unfit = lab.own
    lane, two = _bytes(own), _bytes(own, lanes=2)
    where = f"on a probe ({unfit})" if unfit else f"at the defaults on {own.env.name}"
    text = f"{_size(lane)} per lane {where}, {_size(10 * lane)} for 10 seeds"
    if two != 2 * lane:
        return failed(f"one lane takes {_size(lane)} and two take {_size(two)}")
    if lane > LARGEST:
        return failed(f"{text}; more than {_size(LARGEST)} per lane")
    if "capacity" in anatomy.field_names(lab.small):
        held = lab.small.capacity
        more = anatomy.replaced(lab.small, capacity=4 * held)
        if _bytes(more) <= _bytes(lab.small):
            return failed(
                f"capacity={held} and capacity={4 * held} take the same room, "
                f"{_size(_bytes(more))}: the replay does not follow its field"
            )
    return passed(text)


def _decides(algorithm: Any, name: str) -> bool:
    """Whether a field alone, as a traced value, already breaks tracing."""

    def one(value: Any) -> Any:
        changed = anatomy.replaced(algorithm, **{name: value})
        return changed.iterate(changed.init(jax.random.key(0)))

    try:
        jax.eval_shape(one, jnp.float32(getattr(algorithm, name)))
    except jax.errors.ConcretizationTypeError:
        return True
    return False


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    """Leaves by their paths."""
    return [
        (jax.tree_util.keystr(path), leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    ]


def _aval(leaf: Any) -> str:
    weak = ", weakly typed" if leaf.weak_type else ""
    return f"{leaf.dtype}{list(leaf.shape)}{weak}"


def _plain(leaf: Any) -> np.ndarray:
    """On the host; of a key its data."""
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _different(one: Any, other: Any, tolerance: float = 0.0) -> str:
    """The path of the first leaf that is not equal; empty if all are."""
    for (path, x), (_, y) in zip(_leaves(one), _leaves(other), strict=True):
        close = np.issubdtype(x.dtype, np.floating)
        same = (
            np.allclose(x, y, rtol=10 * tolerance, atol=tolerance, equal_nan=True)
            if close
            else np.array_equal(x, y)
        )
        if not same:
            return path
    return ""


def _bytes(algorithm: Any, lanes: int | None = None) -> int:
    """Bytes of the state, of one lane or of several under `vmap`."""
    key, init = jax.random.key(0), algorithm.init
    if lanes is not None:
        key, init = jax.random.split(key, lanes), jax.vmap(init)
    leaves = jax.tree.leaves(jax.eval_shape(init, key))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _place(error: BaseException) -> str:
    """Where in a user's own file an error of JAX came from, if it tells."""
    lines = re.findall(r"(\S+\.py):(\d+)", str(error))
    own = [(path, line) for path, line in lines if "site-packages" not in path]
    return f" ({own[-1][0]}, line {own[-1][1]})" if own else ""
