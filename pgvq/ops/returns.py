"""Returns: one recursion from which every target of both families follows.

    G_t = r_t + g_t * [(1 - l_t) * v_{t+1} + l_t * G_{t+1}]
    g_t = discount * (1 - terminated_t)
    l_t = lambda * (1 - terminated_t or truncated_t)

`v_{t+1}` is read at `next_obs_t`, the observation before any automatic reset. With
lambda = 1 this is the Monte Carlo return, with lambda = 0 the one-step target of
Q-learning, `G - V` is generalised advantage estimation (Schulman et al. 2016, eq. 16),
and `v = max_a Q` gives Q(lambda) as PQN uses it (Gallici et al. 2024).

Termination and truncation are never merged: after a termination there is nothing to
bootstrap from; where only the clock ended the episode the return bootstraps, but the
trace is cut because the following row belongs to another episode.
"""

import chex
import jax
import jax.numpy as jnp
from jax import Array

from pgvq.types import InputError


def one_step_returns(
    reward: Array, next_value: Array, terminated: Array, discount: Array | float
) -> Array:
    """`r + discount * (1 - terminated) * v`: the target of Q-learning and TD(0).

    Args:
        reward: `[...]` float.
        next_value: `[...]` value of the observation that followed, before any reset.
        terminated: `[...]` bool, True where the episode ended for good.
        discount: `[]`, in [0, 1].

    Returns:
        `[...]` targets. They are not stopped; losses stop them.
    """
    chex.assert_equal_shape([reward, next_value, terminated])
    return reward + discount * (1.0 - terminated) * next_value


def lambda_returns(
    reward: Array,
    next_value: Array,
    terminated: Array,
    truncated: Array,
    discount: Array | float,
    lambda_: Array | float,
) -> Array:
    """The lambda-return of every step of a rollout (Sutton & Barto 2018, eq. 12.18).

    Behind the last row nothing is known, so its return bootstraps from
    `next_value[-1]`, whatever lambda is.

    Args:
        reward: `[T, ...]` float.
        next_value: `[T, ...]` value of `next_obs_t`, before any reset.
        terminated: `[T, ...]` bool.
        truncated: `[T, ...]` bool.
        discount: `[]`, in [0, 1].
        lambda_: `[]`, in [0, 1].

    Returns:
        `[T, ...]` returns.
    """
    chex.assert_equal_shape([reward, next_value, terminated, truncated])
    trace = lambda_ * (1.0 - (terminated | truncated))

    def backwards(later: Array, row: tuple[Array, ...]) -> tuple[Array, Array]:
        reward, next_value, terminated, trace = row
        mixture = (1.0 - trace) * next_value + trace * later
        now = one_step_returns(reward, mixture, terminated, discount)
        return now, now

    rows = (reward, next_value, terminated, trace)
    return jax.lax.scan(backwards, next_value[-1], rows, reverse=True)[1]


def n_step(
    reward: Array,
    terminated: Array,
    truncated: Array,
    discount: Array | float,
    n: int,
) -> tuple[Array, Array, Array]:
    """What n steps earned, and what remains to be added from where they led.

    The recursion above with lambda = 1, cut after n steps (Sutton & Barto 2018, eq.
    7.1), with the values left open, so that a replayed transition can be given its
    own: `target_t = n_step_reward_t + bootstrap_discount_t * v(next_obs[last_t])`.
    With n = 1 that is `one_step_returns`.

    A window takes m steps: n, or fewer where an episode ends inside it. The last
    n - 1 rows only fill the windows of those before them.

    Args:
        reward: `[T + n - 1, ...]` float.
        terminated: `[T + n - 1, ...]` bool.
        truncated: `[T + n - 1, ...]` bool.
        discount: `[]`, in [0, 1].
        n: static, at least 1.

    Returns:
        n_step_reward: `[T, ...]` the sum of `discount^k * r_{t+k}` over k < m.
        bootstrap_discount: `[T, ...]` `discount^m`; 0 where the window terminated.
        last: `[T, ...]` int32, `t + m - 1`: the row whose `next_obs` is bootstrapped
            from.

    Raises:
        InputError: where n is below 1 or the rollout has fewer than n rows.
    """
    chex.assert_equal_shape([reward, terminated, truncated])
    _check_window(n, reward.shape[0])
    length = reward.shape[0] - n + 1
    first = jnp.arange(length, dtype=jnp.int32)
    first = first.reshape(length, *[1] * (reward.ndim - 1))
    earned = bootstrap = jnp.zeros((length, *reward.shape[1:]), jnp.float32)
    last = jnp.zeros(earned.shape, jnp.int32)
    running = jnp.ones(earned.shape, bool)
    power: Array | float = 1.0  # discount^k
    for k in range(n):
        rows = slice(k, k + length)
        earned = jnp.where(running, earned + power * reward[rows], earned)
        power = power * discount
        alive = power * (1.0 - terminated[rows])
        bootstrap = jnp.where(running, alive, bootstrap)
        last = jnp.where(running, first + k, last)
        running = running & ~(terminated[rows] | truncated[rows])
    return earned, bootstrap, last


def _check_window(n: int, rows: int) -> None:
    if n < 1:
        raise InputError(f"n={n} steps are no return; use n=1 for one-step targets")
    if rows < n:
        raise InputError(
            f"a rollout of {rows} rows has no window of n={n} steps; collect at least "
            f"{n} rows (T + n - 1 of them give T windows) or use a smaller n"
        )


def has_ended(terminated: Array, truncated: Array) -> Array:
    """Which steps belong to an episode that ends inside the rollout: `[T, ...]` bool.

    Only these have a complete Monte Carlo return; the others are cut off by the
    rollout's edge.
    """
    chex.assert_equal_shape([terminated, truncated])
    ends = terminated | truncated
    return jnp.flip(jnp.cumsum(jnp.flip(ends, 0), 0), 0) > 0
