"""Finite environments solved exactly, so that what was learnt can meet the truth.

An environment joins by saying what chance can do in it (`outcomes`) and what its
states look like (`observations`). In docstrings `S` counts states here, not seeds, `A`
actions, and `K` what chance can do.
"""

from functools import singledispatch
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from gymnax.environments.environment import Environment
from jax import Array
from scipy import sparse
from scipy.sparse.linalg import spsolve

from pgvq.envs import FiniteMDP
from pgvq.types import InputError


class Outcomes(NamedTuple):
    """A finite MDP: each pair of state and action leads to one of K outcomes."""

    probability: np.ndarray  # [S, A, K] float64; sums to 1 over K
    successor: np.ndarray  # [S, A, K] int, 0..S-1; without meaning after an end
    reward: np.ndarray  # [S, A, K] float64
    terminated: np.ndarray  # [S, A, K] bool
    start: np.ndarray  # [S] float64: how likely an episode begins there


@singledispatch
def outcomes(env: Environment) -> Outcomes:
    """What chance can do in `env`; its clock, which truncates, is left out.

    Raises `InputError` where the environment has not been registered.
    """
    raise _not_enumerated(env)


@singledispatch
def observations(env: Environment) -> Array:
    """What each state looks like, [S, *O], in the order of `outcomes`.

    Raises `InputError` where the environment has not been registered.
    """
    raise _not_enumerated(env)


def _not_enumerated(env: Environment) -> InputError:
    return InputError(
        f"{type(env).__name__} cannot be solved exactly, because nothing lists its "
        "states: use FiniteMDP or SmallPong, or register your own class for "
        "pgvq.diagnostics.exact.outcomes and .observations"
    )


@outcomes.register
def _(env: FiniteMDP) -> Outcomes:
    """A next state each, and one more outcome for the episode's end."""
    transitions, rewards, terminations = env.tables
    going = (1 - terminations)[..., None]
    probability = np.concatenate([going * transitions, 1 - going], -1)
    shape = probability.shape
    following = [*range(env.num_states), 0]
    return Outcomes(
        probability=probability,
        successor=np.broadcast_to(following, shape),
        reward=np.broadcast_to(rewards[..., None], shape),
        terminated=np.broadcast_to(np.arange(shape[-1]) == env.num_states, shape),
        start=np.full(env.num_states, 1 / env.num_states),
    )


@observations.register
def _(env: FiniteMDP) -> Array:
    return jnp.eye(env.num_states)


def value_iteration(
    mdp: Outcomes, discount: float, tolerance: float = 1e-9
) -> np.ndarray:
    """Optimal action values Q* [S, A], no entry wrong by more than `tolerance`.

    Bellman 1957: an error shrinks by `discount` with every application of

        Q(s, a) <- sum_k p_k [r_k + discount * (1 - terminated_k) * max_a' Q(s'_k, a')]

    so a change of `tolerance * (1 - discount) / discount` leaves less than `tolerance`.
    It is written for problems too large for the dense `optimal_values`.

    Raises:
        InputError: the discount is not in 0..1, 1 excluded, or the tolerance not > 0.
    """
    _check_discount(discount)
    if not tolerance > 0:
        raise InputError(f"tolerance={tolerance} is never reached; use 1e-9, say")
    q_values = np.zeros(mdp.reward.shape[:2])
    while True:
        following = backup(mdp, q_values.max(axis=1), discount)
        change = np.abs(following - q_values).max()
        q_values = following
        if change * discount <= tolerance * (1 - discount):
            return q_values


def backup(mdp: Outcomes, values: np.ndarray, discount: float) -> np.ndarray:
    """Action values [S, A] where the states that follow are worth `values` [S]."""
    onward = discount * ~mdp.terminated * values[mdp.successor]
    return np.sum(mdp.probability * (mdp.reward + onward), axis=-1)


def action_values_of(mdp: Outcomes, policy: np.ndarray, discount: float) -> np.ndarray:
    """Action values Q^pi [S, A] of `policy` [S, A], by a sparse linear solve.

    Raises:
        InputError: the discount is not in 0..1, 1 excluded, or `policy` is none.
    """
    moves = _moves(mdp, policy, discount)
    reward = np.sum(policy * backup(mdp, np.zeros(len(policy)), discount), axis=1)
    return backup(mdp, _solved(moves, reward), discount)


def visits(mdp: Outcomes, policy: np.ndarray, discount: float) -> np.ndarray:
    """Expected discounted visits [S] of each state in an episode under `policy`.

        d(s) = sum_t discount^t Pr(s_t = s),   the episode still going on

    Raises as `action_values_of`.
    """
    return _solved(_moves(mdp, policy, discount).T, mdp.start)


def _solved(moves: Any, right: np.ndarray) -> np.ndarray:
    """x [S] of `x = right + moves x`."""
    system = sparse.eye_array(len(right)) - moves
    return np.asarray(spsolve(system.tocsc(), right))


def _moves(mdp: Outcomes, policy: np.ndarray, discount: float) -> sparse.csc_array:
    """The matrix [S, S] of discounted steps from state to state under a policy."""
    _check_discount(discount)
    states, actions, count = mdp.probability.shape
    if policy.shape != (states, actions) or not np.allclose(policy.sum(1), 1):
        raise InputError(
            f"a policy of shape {policy.shape} is none here: give probabilities of "
            f"shape {(states, actions)} with rows that sum to 1"
        )
    weight = discount * policy[..., None] * mdp.probability * ~mdp.terminated
    here = np.repeat(np.arange(states), actions * count)
    entries = (weight.ravel(), (here, mdp.successor.ravel()))
    return sparse.coo_array(entries, shape=(states, states)).tocsc()


def epsilon_greedy_policy(q_values: np.ndarray, epsilon: float) -> np.ndarray:
    """Probabilities [S, A]: greedy in `q_values` [S, A], but for a uniform share."""
    actions = q_values.shape[1]
    greedy = np.eye(actions)[q_values.argmax(axis=1)]
    return (1 - epsilon) * greedy + epsilon / actions


class Distance(NamedTuple):
    """How far action values stand from others; in units of the return."""

    largest: Array  # [] the largest |difference| of a pair whose state has weight
    mean: Array  # [] |difference|, its states weighted, its actions alike
    bias: Array  # [] the same with the sign: above 0 they are too high
    regret: Array  # [] reference value that the greedy choices give away in one step


def distance(q_values: Any, reference: Any, weight: Any) -> Distance:
    """Between `q_values` and `reference`, both [S, A], by `weight` [S] of the states.

    States without weight play no part: with `visits` as the weight those are the ones
    that are never reached.
    """
    q_values, reference, weight = map(jnp.asarray, (q_values, reference, weight))
    share = (weight / weight.sum())[:, None] / q_values.shape[1]
    error = q_values - reference
    chosen = jnp.take_along_axis(reference, q_values.argmax(1)[:, None], axis=1)
    lost = reference.max(axis=1, keepdims=True) - chosen
    return Distance(
        largest=jnp.where(weight[:, None] > 0, jnp.abs(error), 0.0).max(),
        mean=jnp.sum(share * jnp.abs(error)),
        bias=jnp.sum(share * error),
        regret=jnp.sum(share * lost) * q_values.shape[1],
    )


def _check_discount(discount: float) -> None:
    if not 0 <= discount < 1:
        raise InputError(
            f"discount={discount} must lie in 0..1, and below 1 for a finite sum; "
            "use 0.99, say"
        )
