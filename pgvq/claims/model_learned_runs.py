"""What is run for the claim on learned models: fits, gradients, policies."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.claims.model_environment import Model, ModelledPong, ModelParams, predict
from pgvq.claims.model_gradients import (
    Step,
    backpropagated_credit,
    horizon_weights,
    mean_gradients,
)
from pgvq.claims.model_horizons import DISCOUNT, GAME, game_step, met_in_play
from pgvq.claims.model_learning import explained, fit, random_play, unrolled_errors
from pgvq.claims.model_policies import ANALYTIC, play_with, speed
from pgvq.claims.model_training import Trained, compiled, halfway, train
from pgvq.devices import side_by_side
from pgvq.envs import SmoothPong
from pgvq.rollout import Games
from pgvq.study.definition import Say
from pgvq.types import Key, Params, PyTree

DEVIATION = 0.3  # of the noise on the actions while gradients are taken, full speeds
LANES, LENGTH = 256, 800  # games of random play side by side, agent steps of each
TESTED = 64  # of such games that no model has seen, for its errors


class Sizes(NamedTuple):
    """How much is measured."""

    amounts: tuple[int, ...] = (2_000, 20_000, 200_000)  # D, transitions
    updates: int = 4_000  # of each model
    unrolled: int = 32  # agent steps that a model is rolled out for
    batches: int = 16  # of games, for gradients
    games: int = 256  # of a batch
    # Agent steps; within fewer than 8 hardly a game has a contact to learn from.
    horizons: tuple[int, ...] = (8, 16, 24, 32)
    seeds: int = 5  # policies through each model
    stretches: int = 10  # of a policy's training
    steps: int = 20_480  # agent steps of each stretch
    matches: int = 64  # points that each policy plays

    @property
    def iterations(self) -> int:
        """Of the algorithm in each stretch, one update each."""
        return self.steps // ANALYTIC.steps_per_iteration


class Learnt(NamedTuple):
    """Models of the game, and their errors in games that they have not seen."""

    models: Model  # leaves [D, ...]
    starts: Array  # [M, O] observations of random play
    one_step: dict[str, Array]  # [D] each, see `explained`
    unrolled: Array  # [D, K] root mean square errors
    still: Array  # [K] the same of the guess that nothing changes
    random: Array  # [] mean return of a point under random play


class Measured(NamedTuple):
    """What came of it."""

    learnt: Learnt
    true: np.ndarray  # [B, H, P] gradients through the game
    modelled: np.ndarray  # [B, D, H, P] and through the models
    scores: np.ndarray  # [1 + D, S] mean return of a point; first: trained in the game


def learn(sizes: Sizes, key: Key) -> Learnt:
    """Plays at random, fits D models to parts of it, and tests them on the rest."""
    key_data, key_test, key_fit = jax.random.split(key, 3)
    play = partial(random_play, games=LANES, length=LENGTH)
    both = jax.lax.map(play, jnp.stack([key_data, key_test]))
    # Game by game, so that little data is few games and not many beginnings.
    data = jax.tree.map(lambda x: _flat(jnp.swapaxes(x[0], 0, 1)), both)
    test = jax.tree.map(lambda x: x[1, :, :TESTED], both)

    amounts = jnp.array(sizes.amounts)
    keys = jax.random.split(key_fit, len(amounts))
    models = jax.vmap(partial(fit, updates=sizes.updates), in_axes=(None, 0, 0))(
        data, amounts, keys
    )

    def errors(model: Model) -> Array:
        def follow(obs: Array, action: Array) -> Array:
            return predict(model, obs, action).next_obs

        return unrolled_errors(follow, test, sizes.unrolled)

    flat = jax.tree.map(_flat, test)
    return Learnt(
        models=models,
        starts=data.obs[: sizes.amounts[0]],
        one_step=jax.vmap(lambda model: explained(model, flat))(models),
        unrolled=jax.vmap(errors)(models),
        still=unrolled_errors(lambda obs, _: obs, test, sizes.unrolled),
        random=data.reward.sum() / (data.terminated | data.truncated).sum(),
    )


def model_step(model: Model) -> Step:
    """The game as `model` has it; once a point is over it pays nothing."""

    def step(
        obs: Array, over: PyTree, action: Array, key: Key
    ) -> tuple[Array, PyTree, Array]:
        del key
        predicted = predict(model, obs[None], jnp.clip(action, -1, 1)[None])
        reward = jnp.where(over, 0.0, predicted.reward[0])
        return predicted.next_obs[0], over | (predicted.over[0] > 0), reward

    return step


def sample_gradients(
    sizes: Sizes, policy: Params, models: Model, keys: Key
) -> tuple[Array, Array]:
    """Gradients of one policy through the game and through D models.

    Args:
        policy: its P weights.
        models: leaves `[D, ...]`.
        keys: `[B]`, consumed; one batch of games each.

    Returns:
        `[B, H, P]` through the game and `[B, D, H, P]` through the models, from the
        same situations with the same noise.
    """
    length = sizes.horizons[-1]
    weights = horizon_weights(sizes.horizons, length, DISCOUNT)
    true = game_step(GAME.default_params)

    def batch(key: Key) -> tuple[Array, Array]:
        key_start, key_noise, key_game = jax.random.split(key, 3)
        obs, state = met_in_play(speed, policy, DEVIATION, key_start, sizes.games)
        noise = DEVIATION * jax.random.normal(key_noise, (sizes.games, length))
        keys = jax.random.split(key_game, sizes.games)

        def through(step: Step, state: PyTree) -> Array:
            credit = partial(backpropagated_credit, step, speed, policy)
            credits, seen, _ = jax.vmap(credit, in_axes=(0, 0, 0, None))(
                (obs, state), noise, keys, weights
            )
            return mean_gradients(speed, policy, seen, credits)

        running = jnp.zeros(sizes.games, dtype=bool)
        modelled = jax.vmap(lambda model: through(model_step(model), running))(models)
        return through(true, state), modelled

    return jax.lax.map(batch, keys)


def through_models(sizes: Sizes, models: Model, starts: Array, seeds: Array) -> Trained:
    """Policies trained in each model, leaves `[D, S, K, ...]`."""

    def one(model: Model, seed: Array) -> Trained:
        params = ModelParams(model=model, starts=starts)
        algorithm = ANALYTIC.replace(env=ModelledPong(), env_params=params)
        return train(algorithm, seed, sizes.stretches, sizes.iterations)

    return jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))(models, seeds)


def through_the_game(sizes: Sizes, seeds: Array) -> Trained:
    """Policies trained in the game itself, leaves `[S, K, ...]`."""
    one = partial(
        train, ANALYTIC, stretches=sizes.stretches, iterations=sizes.iterations
    )
    return jax.vmap(one)(seeds)


def measure_runs(say: Say, sizes: Sizes) -> Measured:
    """Fits models, takes gradients through them, and trains policies in them."""
    seeds = jnp.arange(sizes.seeds)
    key = jax.random.key(6)
    keys = jax.random.split(jax.random.key(7), sizes.batches)
    say("compiling five programs (1 of 4)")
    run = programs(sizes, seeds, key, keys)

    say("fitting models to random play, and policies through the game (2 of 4)")
    done = side_by_side(
        {"learn": partial(run["learn"], key), "game": partial(run["game"], seeds)}
    )
    learnt: Learnt = done["learn"]
    trained: Trained = done["game"]
    first = halfway(trained.returns[0])
    policy = jax.tree.map(lambda leaf: leaf[0, first], trained.params)

    say("gradients and policies through the models (3 of 4)")
    models = learnt.models
    done = side_by_side(
        {
            "gradients": partial(run["gradients"], policy, models, keys),
            "models": partial(run["models"], models, learnt.starts, seeds),
        }
    )
    say("points of those policies in the game (4 of 4)")
    policies = jax.tree.map(_in_one_row, trained.params, done["models"].params)
    games: Games = run["score"](policies, jax.random.key(8))
    scores = np.asarray(games.score).reshape(-1, sizes.seeds, sizes.matches)
    true, modelled = jax.device_get(done["gradients"])
    return Measured(jax.device_get(learnt), true, modelled, scores.mean(-1))


def programs(
    sizes: Sizes, seeds: Array, key: Key, keys: Key
) -> dict[str, Callable[..., Any]]:
    """The five programs of `measure_runs`, compiled side by side."""
    like = jax.eval_shape(partial(learn, sizes), key)
    policy = jax.eval_shape(ANALYTIC.init, key).learner.params
    count = sizes.seeds * (1 + len(sizes.amounts))
    policies = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape), leaf.dtype), policy
    )
    gradients, inside = partial(sample_gradients, sizes), partial(through_models, sizes)
    score = partial(play_with, SmoothPong(), lambda speeds: speeds, sizes.matches)
    return side_by_side(
        {
            "learn": partial(compiled, partial(learn, sizes), key),
            "gradients": partial(compiled, gradients, policy, like.models, keys),
            "models": partial(compiled, inside, like.models, like.starts, seeds),
            "game": partial(compiled, partial(through_the_game, sizes), seeds),
            "score": partial(compiled, score, policies, key),
        }
    )


def _in_one_row(game: Array, modelled: Array) -> Array:
    """The last of `[S, K, ...]` and `[D, S, K, ...]` weights, `[(1 + D) * S, ...]`."""
    last = jnp.concatenate([game[None], modelled])[:, :, -1]
    return last.reshape(-1, *last.shape[2:])


def _flat(leaf: Array) -> Array:
    return leaf.reshape(-1, *leaf.shape[2:])
