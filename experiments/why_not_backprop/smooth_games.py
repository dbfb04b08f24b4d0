"""What the two claims on smooth dynamics share: gradients, policies, training.

A policy acts as `a_t = μ(s_t) + ε_t`. The gradient of the return with respect to its
weights θ, either way, is a sum over agent steps of a credit `c_t` for the action,

    ∂/∂θ E[Σ_k w_k r_k] = E[Σ_t c_t ∂μ(s_t)/∂θ],

and the two ways differ in the credit alone. Backpropagation through the game takes the
derivative of all that followed; the score function takes how far the action was from
its mean, times what followed (Mohamed et al. 2020, "Monte Carlo gradient estimation in
machine learning", sections 4 and 5).

Statistics take gradients as rows `[N, H, P]`: N independent estimates, each from one
game or from several, for H horizons, with respect to P weights. Estimates are `[H]`;
their intervals are percentile bootstraps over whole rows, or 1.96 standard errors of
their mean.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments.environment import Environment
from jax import Array
from jax.flatten_util import ravel_pytree
from numpy.random import Generator
from numpy.typing import ArrayLike

from pgvq.algorithms import AnalyticPolicyGradient
from pgvq.analysis.statistics import Estimate, Floats
from pgvq.devices import side_by_side
from pgvq.envs import SmoothPong, SmoothPongParams
from pgvq.networks.torsos import MLP
from pgvq.rollout import Games, init_world, play, rollout
from pgvq.training.lane import TRAINING, seed_key
from pgvq.types import Key, Params, PyTree, Ratio

WARM_UP = 100  # agent steps that are played before a gradient is taken: about a rally
DISCOUNT = 0.99
DEVIATION = 0.3  # of the noise on actions while gradients are taken, in full speeds

GAME = SmoothPong().with_transition_gradients()

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


def credits_of_games(
    step: Step,
    act: Act,
    params: Params,
    starts: Start,
    noise: Array,
    key: Key,
    weights: Array,
) -> tuple[Array, Array, Array]:
    """`backpropagated_credit` of N games, from `starts` with leaves `[N, ...]`.

    Takes `noise [N, T]`; returns `[N, H, T]`, `[N, T, *O]` and `[N, T]`.
    """
    one = partial(backpropagated_credit, step, act, params)
    keys = jax.random.split(key, len(noise))
    return jax.vmap(one, in_axes=(0, 0, 0, None))(starts, noise, keys, weights)


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


def game_step(params: SmoothPongParams) -> Step:
    """The smooth game, one point and no automatic reset: once over it pays nothing."""

    def step(
        obs: Array, state: PyTree, action: Array, key: Key
    ) -> tuple[Array, PyTree, Array]:
        del obs
        over = GAME.is_terminated(state, params)
        obs, state, reward, _, _ = GAME.step_env(key, state, action, params)
        return obs, state, jnp.where(over, 0.0, reward)

    return step


def met_in_play(
    act: Act, params: Params, deviation: float, key: Key, games: int
) -> Start:
    """Where `games` games stand after `WARM_UP` agent steps of a noisy policy."""
    key_world, key_play = jax.random.split(key)
    game = GAME.default_params
    world = init_world(GAME, game, key_world, games)

    def policy(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree, PyTree]:
        noise = deviation * jax.random.normal(key, (len(obs),))
        return act(params, obs) + noise, memory, ()

    world, _, _ = rollout(GAME, game, policy, world, key_play, WARM_UP)
    return world.obs, world.env_state


RESAMPLES = 300


def total_variance(rows: ArrayLike, generator: Generator) -> Estimate:
    """The trace of the covariance of the rows, for each horizon."""
    rows = np.asarray(rows, np.float64)
    squares = np.square(rows).sum(-1)  # [N, H]

    def variance(counts: Floats) -> Floats:
        means = _means(counts, rows)
        spread = counts @ squares / len(rows) - np.square(means).sum(-1)
        return spread * len(rows) / (len(rows) - 1)

    return _bootstrapped(variance, len(rows), generator)


def cosine(a: ArrayLike, b: ArrayLike, generator: Generator) -> Estimate:
    """The cosine between the mean gradients of `a` and of `b`, both `[N, H, P]`.

    The rows of the two are paired, and drawn together. 0 where a mean is 0.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)

    def of_means(counts: Floats) -> Floats:
        left, right = _means(counts, a), _means(counts, b)
        return np.sum(_units(left) * _units(right), axis=-1)

    return _bootstrapped(of_means, len(a), generator)


def component(rows: ArrayLike, directions: ArrayLike) -> Estimate:
    """The mean of the rows along directions `[H, P]` or `[P]`, ± 1.96 standard errors.

    A direction's length does not matter.
    """
    along = np.sum(np.asarray(rows, np.float64) * _units(directions), axis=-1)
    return _mean(along)


def cosine_of_each(rows: ArrayLike, directions: ArrayLike) -> Estimate:
    """The mean cosine of a single row to directions `[H, P]` or `[P]`, ± 1.96 errors.

    0 where a row is 0.
    """
    return _mean(np.sum(_units(rows) * _units(directions), axis=-1))


def _units(vectors: ArrayLike) -> Floats:
    """Vectors `[..., P]` scaled to length 1; zeros stay zeros."""
    vectors = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _mean(values: Floats) -> Estimate:
    mean = values.mean(0)
    error = 1.96 * values.std(0, ddof=1) / np.sqrt(len(values))
    return Estimate(mean, mean - error, mean + error)


def _means(counts: Floats, rows: Floats) -> Floats:
    """Mean gradients `[R, H, P]` of R resamples that take each row so many times."""
    flat = rows.reshape(len(rows), -1)
    return (counts @ flat / len(rows)).reshape(len(counts), *rows.shape[1:])


def _bootstrapped(
    statistic: Callable[[Floats], Floats], rows: int, generator: Generator
) -> Estimate:
    """`statistic` of all rows, and of resamples, `[R, N]` counts to `[R, H]`."""
    drawn = generator.multinomial(rows, np.full(rows, 1 / rows), size=RESAMPLES)
    low, high = np.quantile(statistic(drawn.astype(np.float64)), [0.025, 0.975], axis=0)
    return Estimate(statistic(np.ones((1, rows)))[0], low, high)


TORSO = MLP((32, 32))  # small, so that many gradients can be taken
ANALYTIC = AnalyticPolicyGradient(torso=TORSO)


def speed(params: Params, obs: Array) -> Array:
    """The speeds `[...]` of `ANALYTIC`'s policy for `obs [..., O]`, without noise."""
    rows = obs.reshape(-1, obs.shape[-1])
    return ANALYTIC.action(params, rows).reshape(obs.shape[:-1])


def play_with(
    env: Environment,
    as_action: Callable[[Array], Array],
    matches: int,
    policies: Params,
    key: Key,
) -> Games:
    """Complete games of `env`, `[S * G]`: G = `matches` with each of S policies.

    Args:
        env: one whose observations are the smooth Pong's.
        as_action: from speeds `[...]` to actions of `env`.
        matches: G, static.
        policies: leaves `[S, ...]`.
        key: consumed.
    """
    count = matches * len(jax.tree.leaves(policies)[0])
    params = env.default_params

    def act(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree]:
        del key
        rows = obs.reshape(-1, matches, obs.shape[-1])
        return as_action(jax.vmap(speed)(policies, rows)).reshape(-1), memory

    return play(env, params, act, key, count, params.max_steps_in_episode)


# Mean return in points: from random play's -0.86, half of the way to level.
HALFWAY = -0.5


class Trained(NamedTuple):
    """Runs of S seeds, cut into K stretches of so many iterations each."""

    returns: Array  # [S, K] mean return of the episodes that ended; NaN where none did
    params: Params  # leaves [S, K, ...]: the weights after each stretch


def train(algorithm: Any, seeds: Array, stretches: int, iterations: int) -> Trained:
    """Trains each seed for `stretches` times `iterations` iterations.

    The returns are those of the episodes that it learns from.

    Args:
        algorithm: one whose state has a learner with weights, as all but the table's.
        seeds: `[S]`, as in every experiment.
        stretches: K, static.
        iterations: of each, static.
    """

    def iteration(state: Any, _: None) -> tuple[Any, Ratio]:
        state, metrics = algorithm.iterate(state)
        return state, metrics["episode_return"]

    def stretch(state: Any, _: None) -> tuple[Any, Trained]:
        state, returns = jax.lax.scan(iteration, state, length=iterations)
        mean = Ratio(returns.total.sum(), returns.number.sum()).value
        return state, Trained(mean, state.learner.params)

    def run(seed: Array) -> Trained:
        start = algorithm.init(seed_key(seed, TRAINING))
        return jax.lax.scan(stretch, start, length=stretches)[1]

    return jax.vmap(run)(seeds)


def halfway(returns: ArrayLike) -> int:
    """The first of `[K]` points above `HALFWAY`; the last where none is."""
    above = np.flatnonzero(np.asarray(returns) > HALFWAY)
    return int(above[0]) if len(above) else np.size(returns) - 1


def policy_shapes(*leading: int) -> Params:
    """The shapes of weights of `ANALYTIC`, leaves `[*leading, ...]`."""
    params = jax.eval_shape(ANALYTIC.init, jax.random.key(0)).learner.params
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((*leading, *leaf.shape), leaf.dtype), params
    )


def compiled(programs: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Compiles programs side by side.

    Of each name it takes the function and then arguments, which may be shapes alone.
    """

    def one(function: Callable[..., Any], *like: Any) -> Callable[..., Any]:
        return jax.jit(function).lower(*like).compile()

    return side_by_side({name: partial(one, *item) for name, item in programs.items()})
