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

**Edges and dropped steps** belong to an estimator, and so does their bias: a rollout's
last steps that bootstrap from the critic, the unfinished steps that REINFORCE drops,
the network's memory cut at a rollout's beginning.

**Scale.** `as_estimator` turns off the bonus for entropy, the critic's loss and the
normalisation of advantages, which only scales an estimate but would make a bias in the
gradient's units meaningless. The cosines do not depend on the scale at all.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from pgvq.algorithms.base import TrainState
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.diagnostics.gradient_estimators import (
    Estimators,
    check_estimators,
    policy_names,
    stacked,
    standard_estimators,
    steps_spent,
)
from pgvq.diagnostics.gradient_sampling import Layout, sample_groups
from pgvq.diagnostics.gradient_statistics import EstimateGroups, comparison
from pgvq.types import InputError, Key, PyTree

DISCOUNTED_RETURN = "gradient of the discounted return"
NEGLIGIBLE = 0.01  # share of a return that may be left behind the tail

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

    All estimators see the same games: groups of W environments that are independent of
    each other, each played for L agent steps and cut into rollouts of every estimator's
    own size. W and L are the least that all of these divide. So the bias is a mean of
    differences on equal data, and intervals resample whole groups.

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
        InputError: an estimator is no policy gradient or does not fit the weights, or
            there are fewer than 3 groups of a kind.
    """
    if estimators is None:
        estimators = standard_estimators(algorithm)
    _check_samples(samples=samples, reference_samples=reference_samples)
    params, names = state.learner.params, policy_names(algorithm)
    check_estimators(algorithm, estimators, params)
    layout = _layout(algorithm, list(estimators.values()), burn_in, tail)
    both = layout._replace(discounted=(False, True))
    key_samples, key_reference = jax.random.split(key)

    titles, stacks = stacked(estimators)
    measured = sample_groups(
        algorithm, params, stacks, both, names, samples, key_samples
    )
    others = sample_groups(
        algorithm, params, [], layout, names, reference_samples, key_reference
    )
    rows = {}
    for group, found in zip(titles, measured.estimates, strict=True):
        for i, name in enumerate(group):
            parts = (np.asarray(part[:, i]) for part in found)
            sums = EstimateGroups(*parts, reference=measured.complete[:, 0])
            rows[name] = _row(name, estimators[name], layout, samples, sums, others)
    ordered = [rows[name] for name in estimators]
    sums = _single(measured.complete[:, 1], measured.complete[:, 0])
    ordered.append(_row(DISCOUNTED_RETURN, None, layout, samples, sums, others))
    return pd.DataFrame(ordered)


def along_training(
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
    _check_samples(samples=samples)
    params, names = state.learner.params, policy_names(algorithm)
    tail = _tail(algorithm) if tail is None else tail
    layout = Layout(algorithm.num_envs, burn_in, length, tail, (discounted_states,))
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


def _layout(
    algorithm: PolicyGradient,
    estimators: Sequence[PolicyGradient],
    burn_in: int,
    tail: int | None,
) -> Layout:
    return Layout(
        num_envs=math.lcm(*(one.num_envs for one in estimators)),
        burn_in=burn_in,
        length=math.lcm(*(one.rollout_length for one in estimators)),
        tail=_tail(algorithm) if tail is None else tail,
    )


def _tail(algorithm: PolicyGradient) -> int:
    discount = float(algorithm.discount)
    if discount >= 1:
        raise InputError(
            "discount=1 makes no future negligible, however far; give `tail`, as many "
            "agent steps as the longest episode has"
        )
    return math.ceil(math.log(NEGLIGIBLE) / math.log(discount)) if discount > 0 else 0


def _row(
    name: str,
    algorithm: PolicyGradient | None,
    layout: Layout,
    samples: int,
    groups: EstimateGroups,
    others: Any,
) -> dict[str, Any]:
    whole = layout.num_envs * layout.length
    lambda_, spent, count = math.nan, whole, samples
    if algorithm is not None:
        lambda_ = vars(algorithm).get("lambda_", math.nan)
        spent = steps_spent(algorithm)
        count = samples * (whole // spent)
    head = {"estimator": name, "lambda_": lambda_}
    sizes = {"agent_steps": spent, "estimates": count}
    return head | sizes | comparison(groups, others.complete[:, 0], spent)


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


def _check_samples(**counts: int) -> None:
    for name, count in counts.items():
        if count < 3:
            raise InputError(
                f"{name}={count} groups give no interval; use at least 3, and some "
                "dozens for one that is worth having"
            )
