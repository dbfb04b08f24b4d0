"""Checks of what is counted: agent steps, updates, moves of targets, episodes."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.doctor import anatomy
from pgvq.doctor.lab import COUNTED, LOUD, QUIET, TINY_NORM, Lab, lane_of
from pgvq.doctor.report import Verdict, failed, passed, skipped
from pgvq.types import Ratio

LIMIT = 2**24  # the first whole number that float32 cannot count beyond


def steps(lab: Lab) -> Verdict:
    """Steps that the environments lived, against those declared and those counted."""
    small = lab.small
    if not anatomy.places(lab.series[0]):
        return skipped("its state keeps no environments that could be asked")
    lived = 0
    for iteration, state in enumerate(lab.series):
        declared = small.initial_steps + iteration * small.steps_per_iteration
        lived = sum(int(np.sum(place.count)) for place in anatomy.places(state))
        if lived != declared:
            return failed(
                f"after {iteration} iterations the environments have taken {lived} "
                f"agent steps and {declared} are declared (initial_steps + iterations "
                "* steps_per_iteration)"
            )
        own = getattr(state, "agent_steps", declared)
        if own != declared:
            return failed(
                f"after {iteration} iterations the state's agent_steps is {own} and "
                f"the environments have taken {lived}"
            )
    return passed(f"{lived} agent steps in {COUNTED} iterations, as declared")


def counters(lab: Lab) -> Verdict:
    """Scalars that go up evenly: their dtypes, and their next step past 2^24."""
    counted = _counters(lab.series)
    for path, (value, rate) in counted.items():
        if not np.issubdtype(value.dtype, np.integer):
            return failed(
                f"{path} goes up by {rate:g} in every iteration and is {value.dtype}, "
                f"which cannot count past {LIMIT:,}"
            )
        if value.dtype.itemsize < 4:
            return failed(
                f"{path} counts by {rate:g} in {value.dtype}, which overflows"
            )
    if not counted:
        return skipped("no number of its state goes up by the same in every iteration")
    progress = lab.lived.snapshots[COUNTED // 2]
    state = jax.tree_util.tree_map_with_path(
        lambda path, leaf: (
            np.full_like(leaf, LIMIT + 1)
            if jax.tree_util.keystr(path) in counted
            else leaf
        ),
        progress.state,
    )
    lanes = lab.lived.lanes
    after, _ = lanes.advance(lanes.from_host(progress._replace(state=state)), 1)
    for path, value in _scalars(lane_of(lanes.to_host(after).state, 0)):
        if path in counted and value != LIMIT + 1 + counted[path][1]:
            return failed(
                f"past {LIMIT:,} the counter {path} goes up by "
                f"{int(value) - LIMIT - 1} instead of {counted[path][1]:g}"
            )
    return passed(f"{', '.join(counted)}: whole numbers that count on past {LIMIT:,}")


def updates(lab: Lab) -> Verdict:
    """The optimiser's own count against what is declared."""
    small, size = lab.small, lab.size
    counts = [[int(adam.count) for adam in anatomy.adams(s)] for s in lab.series]
    if not counts[0]:
        return skipped("its state holds no Adam of optax whose updates can be counted")
    taken = np.max(np.diff(counts, axis=0), axis=1)
    declared = small.updates_per_iteration
    numbers = f"num_envs={size.num_envs} and rollout_length={size.rollout_length}"
    if not np.all(taken == declared):
        return failed(
            f"with {numbers} {declared} updates per iteration are declared and "
            f"{_counts(taken)} are taken"
        )
    if "replay_ratio" in anatomy.field_names(small):
        wanted = small.replay_ratio * small.steps_per_iteration
        if abs(wanted - declared) > 1e-3:
            return failed(
                f"with {numbers} replay_ratio={small.replay_ratio:.4g} asks for "
                f"{wanted:.4g} updates per iteration and {declared} are taken"
            )
    return passed(f"{declared} updates in every iteration, with {numbers}")


def target_network(lab: Lab) -> Verdict:
    """Moves of the target network against its period, in awkward numbers."""
    small = lab.small
    if "target_period" not in anatomy.field_names(small):
        return skipped("it has no field target_period")
    series = [anatomy.targets(state) for state in lab.series]
    if not series[0]:
        return skipped("no copy of its parameters is called a target")
    moved = 0
    for before, after in itertools.pairwise(series):
        moved += any(
            not np.array_equal(x, y)
            for name in before
            for x, y in zip(
                jax.tree.leaves(before[name]),
                jax.tree.leaves(after[name]),
                strict=True,
            )
        )
    period = small.target_period
    # The period may be meant in updates, agent steps or iterations.
    rates = (small.updates_per_iteration, small.steps_per_iteration, 1)
    right = [min(COUNTED, COUNTED * rate / period) for rate in rates]
    text = (
        f"target_period={period}, {rates[0]} updates and {rates[1]} agent steps per "
        f"iteration: the target moved in {moved} of {COUNTED} iterations"
    )
    if all(abs(moved - count) >= 1.5 for count in right):
        return failed(
            f"{text}; a period in updates makes it {right[0]:.0f}, in agent steps "
            f"{right[1]:.0f}, in iterations {right[2]:.0f}"
        )
    return passed(text)


def metrics(lab: Lab) -> Verdict:
    """Scalars; and what is told of episodes before the first and after the last."""
    small = lab.small
    _, shapes = jax.eval_shape(
        small.iterate, jax.eval_shape(small.init, jax.random.key(0))
    )
    parts = [
        (name, part)
        for name, metric in shapes.items()
        for part in ([metric.total] if isinstance(metric, Ratio) else [metric])
    ]
    for name, shape in parts:
        if shape.shape or not jnp.issubdtype(shape.dtype, jnp.floating):
            return failed(
                f"the metric {name} is {shape.dtype}{list(shape.shape)} and not a "
                "float scalar"
            )
    told = [name for name in shapes if _of_an_episode(name)]
    if not told:
        return skipped("no metric is named after an episode's return or length")
    for name in told:
        values = np.array([row[name][0] for row in lab.lived.metrics])
        silences = {
            "before the first episode ended": values[:QUIET],
            "in an iteration in which no episode ended": values[LOUD:],
        }
        for when, silent in silences.items():
            known = silent[~np.isnan(silent)]
            if len(known):
                return failed(f"{name} was {known[0]:g} {when}, instead of NaN")
        if np.all(np.isnan(values)):
            return failed(f"{name} stayed NaN although episodes ended")
    return passed(f"{', '.join(told)}: NaN unless an episode ended in the iteration")


def clipping(lab: Lab) -> Verdict:
    """Adam's first moment, a mean of clipped gradients, against their bound."""
    lived = lab.lived
    if "clipped" not in lived.names:
        return skipped("it has no float field max_grad_norm that is a leaf")
    lane = lived.names.index("clipped")
    largest = 0.0
    seen = False
    for progress in lived.snapshots:
        state = lane_of(progress.state, lane)
        for adam in anatomy.adams(state):
            seen = True
            squares = [float(np.sum(np.square(x))) for x in jax.tree.leaves(adam.mu)]
            largest = max(largest, float(np.sqrt(sum(squares))))
    if not seen:
        return skipped("its state holds no Adam of optax to read the gradients from")
    if not largest <= 1.01 * TINY_NORM:
        return failed(
            f"with max_grad_norm={TINY_NORM:g} the mean gradient in Adam has norm "
            f"{largest:.3g}"
        )
    return passed(
        f"with max_grad_norm={TINY_NORM:g} the longest mean gradient is {largest:.2g}"
    )


def _of_an_episode(name: str) -> bool:
    words = ("return", "length", "score", "reward")
    return "episode" in name and any(word in name for word in words)


def _scalars(state: Any) -> list[tuple[str, Any]]:
    return [
        (jax.tree_util.keystr(path), leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
        if np.ndim(leaf) == 0
    ]


def _counters(series: list[Any]) -> dict[str, tuple[Any, float]]:
    """Scalars that go up by the same whole number each time, with that number."""
    rows = [dict(_scalars(state)) for state in series]
    found = {}
    for path, first in rows[0].items():
        if first.dtype == bool:
            continue
        rates = np.unique(np.diff([float(row[path]) for row in rows]))
        if len(rates) == 1 and rates[0] >= 1 and rates[0] == round(rates[0]):
            found[path] = (first, float(rates[0]))
    return found


def _counts(taken: np.ndarray) -> str:
    low, high = int(np.min(taken)), int(np.max(taken))
    return f"{low}" if low == high else f"{low} to {high}"
