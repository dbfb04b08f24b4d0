"""The gradient lab: what a policy-gradient estimate is worth, measured.

    frame = gradient_lab(algorithm, state, key=key)

plays many games with one policy, takes the gradient that each estimator would have
taken, and compares it with a reference from complete returns. An estimator is an
algorithm object: its own `loss`, on rollouts of its own size, is differentiated.

**What is estimated.** With d the share of agent steps that the policy spends in a state
and A the discounted advantage, every method of the family means to estimate

    g = E_{s ~ d, a ~ pi} [ grad log pi(a|s) A(s, a) ]

the mean over agent steps. States are not discounted, so with a discount below 1 this is
the gradient of no function (Nota & Thomas 2020); the row `DISCOUNTED_RETURN` is the
gradient of the discounted return, on the same scale, for comparison. The reference is
g, from returns that run on behind the counted steps until the discount has made the
rest negligible, less what is known before the action. It has no bias but what is left
there, and no edges. Where a clock truncates episodes returns bootstrap from the critic,
as in training.

**Edges** belong to an estimator, and so does their bias: a rollout's last steps that
bootstrap from the critic, the network's memory cut at a rollout's beginning. REINFORCE
pays steps of earlier rollouts, as in training: give a `burn_in` as long as episodes
are, because what steps before it are owed is not known.

**Scale.** `as_estimator` turns off the bonus for entropy, the critic's loss and the
normalisation of advantages, which only scales an estimate but would make a bias in the
gradient's units meaningless. The cosines do not depend on the scale at all.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from pgvq.algorithms.base import TrainState
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.checks import check_integer
from pgvq.diagnostics.gradient_estimators import (
    Estimators,
    check_estimators,
    policy_names,
    stacked,
    standard_estimators,
    steps_spent,
)
from pgvq.diagnostics.gradient_sampling import (
    Group,
    Layout,
    layout_for,
    sample_groups,
)
from pgvq.diagnostics.gradient_statistics import EstimateGroups, comparison
from pgvq.types import InputError, Key, PyTree

DISCOUNTED_RETURN = "gradient of the discounted return"
FEW = "fewer groups give no interval, and some dozens a good one"

Say = Callable[[str], None]


class Reference(NamedTuple):
    """The reference gradient, by the parts of the network that the policy uses."""

    gradient: PyTree  # mean over groups; points uphill
    standard_error: PyTree  # of each entry of it
    groups: np.ndarray  # [R, P] of each group, leaves one after the other


def gradient_lab(
    algorithm: PolicyGradient,
    state: TrainState,
    estimators: Estimators | None = None,
    *,
    key: Key,
    samples: int = 64,
    reference_samples: int = 128,
    burn_in: int = 256,
    tail: int | None = None,
) -> pd.DataFrame:
    """Compares estimators of the policy gradient with a reference, at one policy.

    All estimators see the same games: independent groups of W environments, played for
    L agent steps and cut into rollouts of every estimator's own size. W and L are the
    least that all of these divide. So the bias is a mean of differences on equal data,
    and intervals resample whole groups.

    Args:
        algorithm: whose policy plays.
        state: its training state, for the weights.
        estimators: by name; `standard_estimators` by default. Differences in float
            fields alone are nearly free.
        key: consumed.
        samples: J, groups from which every estimator learns.
        reference_samples: R, groups that serve the reference alone.
        burn_in: agent steps that each environment plays before, from its reset.
        tail: agent steps behind a group's L that complete its returns; by default so
            many that `discount^tail` is at most 0.01.

    Returns:
        A row per estimator, and one for `DISCOUNTED_RETURN`: `estimator`; `lambda_`
        (NaN without one); `agent_steps` that one estimate spends; `estimates`, their
        number; `norm`, `reference_norm`; and with its 95 % interval (`_low`, `_high`)
        each of `gradient_statistics.QUANTITIES`, defined in `comparison` there. Two
        arrays [J, P] per estimator are held meanwhile.

    Raises:
        InputError: an estimator does not fit the weights, or a size cannot be.
    """
    if estimators is None:
        estimators = standard_estimators(algorithm)
    check_integer("samples", samples, 3, why=FEW)
    check_integer("reference_samples", reference_samples, 3, why=FEW)
    params, names = state.learner.params, policy_names(algorithm)
    check_estimators(algorithm, estimators, params)
    layout = layout_for(algorithm, list(estimators.values()), burn_in, tail)
    titles, stacks = stacked(estimators)
    play = partial(sample_groups, algorithm, params, names=names)
    key_samples, key_reference = jax.random.split(key)
    both = layout._replace(discounted=(False, True))
    measured = play(stacks, both, count=samples, key=key_samples)
    others = play([], layout, count=reference_samples, key=key_reference)
    found = _by_name(titles, measured)
    return pd.DataFrame(
        [
            _row(name, estimators.get(name), layout, found[name], others.complete[:, 0])
            for name in [*estimators, DISCOUNTED_RETURN]
        ]
    )


def gradients_along_training(
    algorithm: PolicyGradient,
    steps: Sequence[float],
    estimators: Estimators | None = None,
    *,
    key: Key,
    say: Say = lambda words: None,
    **settings: Any,
) -> pd.DataFrame:
    """`gradient_lab` at several points of one run of training.

    Args:
        algorithm: to train; its schedules run over its `budget`.
        steps: agent steps after which to measure, rising; 0 is the fresh network. Each
            is rounded up to a whole iteration.
        estimators: as of `gradient_lab`.
        key: consumed.
        say: is told how far it is.
        settings: further arguments of `gradient_lab`.

    Returns:
        Its rows, with the agent steps of training that were executed as
        `trained_steps`.

    Raises:
        InputError: `steps` do not rise from 0 or more, or as `gradient_lab`.
    """
    if not len(steps) or list(steps) != sorted(set(steps)) or steps[0] < 0:
        raise InputError(
            f"steps={list(steps)} are no points of a training; give rising numbers of "
            "agent steps, such as [0, 1e5, 5e5]"
        )
    key_training, key_lab = jax.random.split(key)
    state, done, frames = jax.jit(algorithm.init)(key_training), 0, []
    for i, wanted in enumerate(steps):
        iterations = math.ceil(wanted / algorithm.steps_per_iteration)
        say(f"gradients after {wanted:,.0f} agent steps ({i + 1} of {len(steps)})")
        state = _advance(algorithm, state, jnp.int32(iterations - done))
        done = iterations
        frame = gradient_lab(
            algorithm, state, estimators, key=jax.random.fold_in(key_lab, i), **settings
        )
        frame.insert(0, "trained_steps", done * algorithm.steps_per_iteration)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def reference_gradient(
    algorithm: PolicyGradient,
    state: TrainState,
    *,
    key: Key,
    samples: int = 128,
    length: int = 256,
    burn_in: int = 256,
    tail: int | None = None,
    discounted_states: bool = False,
) -> Reference:
    """The policy gradient per agent step, from complete returns alone.

    Args:
        algorithm: whose policy plays, in groups of its `num_envs` environments.
        state: its training state, for the weights.
        key: consumed.
        samples: R, independent groups.
        length: agent steps of each environment that are counted.
        burn_in: agent steps that each plays before, from its reset.
        tail: agent steps behind them; as of `gradient_lab`.
        discounted_states: a step after t others of its episode counts `discount^t`:
            the gradient of the discounted return (see `exact_policy_gradient`).

    Raises:
        InputError: as `gradient_lab`.
    """
    check_integer("samples", samples, 3, why=FEW)
    check_integer("length", length, 1)
    params, names = state.learner.params, policy_names(algorithm)
    layout = layout_for(algorithm, [algorithm], burn_in, tail)
    layout = layout._replace(length=length, discounted=(discounted_states,))
    found = sample_groups(algorithm, params, [], layout, names, samples, key)
    groups = found.complete[:, 0]
    policy = {name: params["params"][name] for name in names}
    wide = np.asarray(groups, np.float64)
    mean, error = wide.mean(0), wide.std(0, ddof=1) / math.sqrt(samples)
    return Reference(_like(policy, mean), _like(policy, error), groups)


@jax.jit
def _advance(algorithm: PolicyGradient, state: TrainState, count: Array) -> TrainState:
    """So many iterations further."""
    return jax.lax.fori_loop(
        0, count, lambda _, state: algorithm.iterate(state)[0], state
    )


def _by_name(titles: Sequence[Sequence[str]], groups: Group) -> dict[str, Any]:
    """`EstimateGroups` of each estimator, and of `DISCOUNTED_RETURN`."""
    reference, discounted = np.moveaxis(groups.complete, 1, 0)
    found = {
        name: EstimateGroups(*(part[:, i] for part in stack), reference=reference)
        for names, stack in zip(titles, groups.estimates, strict=True)
        for i, name in enumerate(names)
    }
    return found | {DISCOUNTED_RETURN: _single(discounted, reference)}


def _row(
    name: str,
    algorithm: PolicyGradient | None,
    layout: Layout,
    groups: EstimateGroups,
    reference: np.ndarray,
) -> dict[str, Any]:
    """Of the frame; without an algorithm an estimate is made from a whole group."""
    whole = layout.num_envs * layout.length
    lambda_, spent = math.nan, whole
    if algorithm is not None:
        lambda_ = vars(algorithm).get("lambda_", math.nan)
        spent = steps_spent(algorithm)
    head = {"estimator": name, "lambda_": lambda_, "agent_steps": spent}
    head["estimates"] = len(groups.mean) * (whole // spent)
    return head | comparison(groups, reference, spent)


def _single(gradients: np.ndarray, reference: np.ndarray) -> EstimateGroups:
    """Groups `[J, P]` of one estimate each."""
    squared = np.sum(np.square(gradients, dtype=np.float64), axis=1)
    unit = gradients / np.sqrt(np.maximum(squared, 1e-30))[:, None]
    return EstimateGroups(gradients, unit, squared, reference)


def _like(tree: PyTree, vector: np.ndarray) -> PyTree:
    """`vector [P]` in the shapes of `tree`."""
    leaves, structure = jax.tree.flatten(tree)
    ends = np.cumsum([leaf.size for leaf in leaves])
    parts = np.split(vector, ends[:-1])
    shaped = [p.reshape(leaf.shape) for p, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)
