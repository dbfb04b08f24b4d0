"""Two ways to the gradient of a return, of games that can be differentiated.

A policy acts as `a_t = μ(s_t) + ε_t`. The gradient of the return with respect to its
weights θ, either way, is a sum over agent steps of a credit `c_t` for the action,

    ∂/∂θ E[Σ_k w_k r_k] = E[Σ_t c_t ∂μ(s_t)/∂θ],

and the two ways differ in the credit alone. Backpropagation through the game takes the
derivative of all that followed; the score function takes how far the action was from
its mean, times what followed (Mohamed et al. 2020, "Monte Carlo gradient estimation in
machine learning", sections 4 and 5).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from pgvq.types import Key, Params, PyTree

Act = Callable[[Params, Array], Array]  # weights, obs [..., *O] -> action's mean [...]

# One agent step of one game: obs [*O], state, action [], key -> obs, state, reward []
Step = Callable[[Array, PyTree, Array, Key], tuple[Array, PyTree, Array]]
Start = tuple[Array, PyTree]  # obs [*O] and state


def unrolled(
    step: Step, act: Act, params: Params, start: Start, noise: Array, key: Key
) -> tuple[Array, Array]:
    """What is seen before each of T agent steps, `[T, *O]`, and the rewards `[T]`.

    Args:
        step: of the game, or of a model of it.
        act: the policy, deterministic.
        params: its weights.
        start: where the game stands.
        noise: `[T]`, added to the actions.
        key: consumed by the game.
    """

    def one(now: Start, row: tuple[Array, Key]) -> tuple[Start, tuple[Array, Array]]:
        obs, state = now
        extra, key = row
        action = act(params, obs) + extra
        next_obs, state, reward = step(obs, state, action, key)
        return (next_obs, state), (obs, reward)

    keys = jax.random.split(key, len(noise))
    return jax.lax.scan(one, start, (noise, keys))[1]


def backpropagated_credit(
    step: Step,
    act: Act,
    params: Params,
    start: Start,
    noise: Array,
    key: Key,
    weights: Array,
) -> tuple[Array, Array, Array]:
    """The derivative of each return with respect to each action, through the game.

    It is the whole derivative: later actions answer to what the earlier one changed.

    Args:
        weights: `[H, T]`, of each reward in each of H returns.

    Returns:
        Credits `[H, T]`, what was seen `[T, *O]` and the rewards `[T]`; see `unrolled`.
    """

    def rewards_of(noise: Array) -> tuple[Array, Array]:
        obs, rewards = unrolled(step, act, params, start, noise, key)
        return rewards, obs

    rewards, pull, obs = jax.vjp(rewards_of, noise, has_aux=True)
    credits = jax.vmap(lambda row: pull(row)[0])(weights)
    return credits, obs, rewards


def score_credit(
    noise: Array, deviation: float, rewards: Array, weights: Array
) -> Array:
    """The score function's credit `(G_t - b_t) ε_t / σ²` (Williams 1992).

    The baseline `b_t` is the mean of `G_t` over the *other* games, so that the estimate
    stays without bias.

    Args:
        noise: `[N, T]`, Gaussian, of N games.
        deviation: σ, its standard deviation.
        rewards: `[N, T]`.
        weights: `[H, T]`, of each reward in each of H returns.

    Returns:
        Credits `[N, H, T]`.
    """
    weighed = weights * rewards[:, None]
    to_go = jnp.cumsum(weighed[..., ::-1], axis=-1)[..., ::-1]
    others = (to_go.sum(0) - to_go) / (len(rewards) - 1)
    return (to_go - others) * noise[:, None] / deviation**2


def mean_gradients(act: Act, params: Params, obs: Array, credits: Array) -> Array:
    """The mean over N games of the gradients `Σ_t c_t ∂μ(s_t)/∂θ`, `[H, P]`.

    Args:
        act: the policy.
        params: its P weights.
        obs: `[N, T, *O]`.
        credits: `[N, H, T]`.
    """
    _, pull = jax.vjp(lambda params: act(params, obs), params)

    def row(credit: Array) -> Array:
        return ravel_pytree(pull(credit)[0])[0] / len(obs)

    return jax.vmap(row, in_axes=1)(credits)


def horizon_weights(horizons: Any, length: int, discount: float) -> Array:
    """`[H, T]`: `discount^t` for the first agent steps, 0 from each horizon on."""
    times = jnp.arange(length)
    return jnp.where(times < jnp.asarray(horizons)[:, None], discount**times, 0.0)
