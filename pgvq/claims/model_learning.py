"""Transitions of the smooth Pong under random actions, and models fitted to them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pgvq.claims.model_environment import NETWORK, Model, predict
from pgvq.envs import SmoothPong
from pgvq.ops.optimizers import adam
from pgvq.rollout import init_world, rollout
from pgvq.types import Key, Params, PyTree, Transition

GAME = SmoothPong()
BATCH = 256  # transitions of an update
LEARNING_RATE = 6e-3  # of Adam at the beginning; falls to 0 along a cosine
PAYMENT = 0.1  # points that weigh as much as one usual change of an observation


def random_play(key: Key, games: int, length: int) -> Transition:
    """`[T, N, ...]` transitions of N = `games` under speeds uniform in [-1, 1]."""
    key_world, key_play = jax.random.split(key)
    world = init_world(GAME, GAME.default_params, key_world, games)

    def policy(obs: Array, memory: PyTree, key: Key) -> tuple[Array, PyTree, PyTree]:
        return jax.random.uniform(key, (len(obs),), minval=-1.0), memory, ()

    params = GAME.default_params
    return rollout(GAME, params, policy, world, key_play, length)[1]


def fit(data: Transition, amount: Array, key: Key, updates: int) -> Model:
    """A model fitted to the first `amount` of the transitions `[M, ...]`.

    Args:
        data: M transitions.
        amount: `[]`, how many of them are used.
        key: consumed.
        updates: of the network, static.
    """
    key_init, key_fit = jax.random.split(key)
    used = jnp.arange(len(data.obs)) < amount
    change = data.next_obs - data.obs
    scale = jnp.sqrt(jnp.mean(change**2, axis=0, where=used[:, None])) + 1e-3
    params = NETWORK.init(key_init, data.obs[:1], data.action[:1])

    def update(
        carry: tuple[Params, PyTree], row: tuple[Array, Key]
    ) -> tuple[tuple[Params, PyTree], None]:
        params, opt_state = carry
        progress, key = row
        chosen = jax.random.randint(key, (BATCH,), 0, amount)
        batch = jax.tree.map(lambda leaf: leaf[chosen], data)
        grads = jax.grad(loss)(params, scale, batch)
        rate = LEARNING_RATE * 0.5 * (1 + jnp.cos(jnp.pi * progress))
        changes, opt_state = adam(rate, 10.0).update(grads, opt_state)
        return (optax.apply_updates(params, changes), opt_state), None

    rows = jnp.arange(updates) / updates, jax.random.split(key_fit, updates)
    start = params, adam(0.0, 1.0).init(params)
    (params, _), _ = jax.lax.scan(update, start, rows)
    return Model(params, scale)


def loss(params: Params, scale: Array, batch: Transition) -> Array:
    """Squared errors of change and payment, in their units, and of the point's end."""
    predicted = predict(Model(params, scale), batch.obs, batch.action)
    change = jnp.square((predicted.next_obs - batch.next_obs) / scale)
    payment = jnp.square((predicted.reward - batch.reward) / PAYMENT)
    over = optax.sigmoid_binary_cross_entropy(predicted.over, batch.terminated)
    return change.mean() + payment.mean() + over.mean()


def unrolled_errors(
    follow: Callable[[Array, Array], Array], data: Transition, length: int
) -> Array:
    """Root mean square error of the observation after 1 .. K agent steps, `[K]`.

    It starts from what was seen and follows the actions that were taken; games count as
    long as their point lasts. Entries of observations are about -1 .. 1.

    Args:
        follow: from `[N, O]` and actions `[N]` to the observations that follow.
        data: `[T, N, ...]`, T a multiple of K.
        length: K, static.
    """

    def windows(leaf: Array) -> Array:
        parts = leaf.reshape(-1, length, *leaf.shape[1:])
        return jnp.moveaxis(parts, 1, 0).reshape(length, -1, *leaf.shape[2:])

    data = jax.tree.map(windows, data)

    def step(
        carry: tuple[Array, Array], row: Transition
    ) -> tuple[tuple[Array, Array], Array]:
        obs, running = carry
        obs = follow(obs, row.action)
        squares = jnp.square(obs - row.next_obs).mean(-1)
        error = jnp.sqrt(jnp.mean(squares, where=running))
        return (obs, running & ~(row.terminated | row.truncated)), error

    running = jnp.ones(data.action.shape[1], dtype=bool)
    return jax.lax.scan(step, (data.obs[0], running), data)[1]


def explained(model: Model, data: Transition) -> dict[str, Array]:
    """Squared errors of one agent step, of transitions `[M, ...]`.

    Returns scalars: how many of the transitions are contacts with the agent's paddle
    or the opponent's (something is paid); the share of the change's variance that is
    left unexplained, over all, in contacts and elsewhere; and of the payment's.
    """
    predicted = predict(model, data.obs, data.action)
    errors = jnp.square((predicted.next_obs - data.next_obs) / model.scale).mean(-1)
    contact = jnp.abs(data.reward) > 1e-3
    paid = jnp.square(predicted.reward - data.reward).mean()
    return {
        "contacts": contact.mean(),
        "change": errors.mean(),
        "change in contacts": jnp.mean(errors, where=contact),
        "change elsewhere": jnp.mean(errors, where=~contact),
        "payment": paid / jnp.var(data.reward),
    }
