"""Claim: where the dynamics are unknown, one can backpropagate through a model.

The model is a small network fitted to transitions: from observation and action to what
the observation changes by, what is paid, and whether the point is over. A model's
episodes start from observations that were met in the game and are short, because its
errors add up (Janner et al. 2019, "When to trust your model").
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from flax import linen as nn
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.analysis.statistics import INTERVAL, MIN_RUNS, RANGE, estimate
from pgvq.devices import side_by_side
from pgvq.envs import SmoothPong
from pgvq.networks.torsos import MLP
from pgvq.ops.optimizers import adam, apply_gradients
from pgvq.plotting.panels import COLORS, Curve, Panel, Rows, panels
from pgvq.rollout import Games, init_world, rollout
from pgvq.study.definition import Claim, Finding, Say
from pgvq.types import Key, Params, PyTree, Transition
from why_not_backprop.smooth_games import (
    ANALYTIC,
    DEVIATION,
    DISCOUNT,
    GAME,
    Step,
    Trained,
    compiled,
    cosine,
    credits_of_games,
    game_step,
    halfway,
    horizon_weights,
    mean_gradients,
    met_in_play,
    play_with,
    policy_shapes,
    speed,
    train,
)

SIZE = 13  # O, entries of an observation
EPISODE = 16  # agent steps of an episode in a model
FEATURES = (96, 96, 96)  # widths of the network's layers


class Prediction(NamedTuple):
    """What one agent step leads to, as the model has it; `[N, ...]`."""

    next_obs: Array  # [N, O]
    reward: Array  # [N]
    over: Array  # [N] logit: whether the point is over


class Model(NamedTuple):
    """A fitted model."""

    params: Params
    scale: Array  # [O] how much each entry usually changes


class Transitions(nn.Module):
    """The model's network: `[N, O]` and `[N]` to `[N, O + 2]`."""

    @nn.compact
    def __call__(self, obs: Array, action: Array) -> Array:
        inputs = jnp.concatenate([obs, action[:, None]], axis=-1)
        return nn.Dense(SIZE + 2)(MLP(FEATURES)(inputs))


NETWORK = Transitions()


def predict(model: Model, obs: Array, action: Array) -> Prediction:
    """What follows `obs [N, O]` and `action [N]`."""
    outputs = cast(Array, NETWORK.apply(model.params, obs, action))
    change = model.scale * outputs[:, :SIZE]
    return Prediction(obs + change, outputs[:, SIZE], outputs[:, SIZE + 1])


@struct.dataclass
class ModelParams(environment.EnvParams):
    """The model, and where its episodes start."""

    max_steps_in_episode: int = EPISODE
    model: Any = None  # `Model`
    starts: Any = None  # [M, O] observations


@struct.dataclass
class ModelState(environment.EnvState):
    """What the model knows of a point."""

    time: Array  # [] int32, agent steps taken  # pyright: ignore[reportIncompatibleVariableOverride]
    obs: Array  # [O]


@dataclasses.dataclass(frozen=True)
class ModelledPong(environment.Environment[ModelState, ModelParams]):
    """The game as a learned model has it; the model is one of its parameters.

    transition_gradients: whether `step` lets gradients into the next observation.
    """

    transition_gradients: bool = False

    @property
    def supports_transition_gradients(self) -> bool:
        """A network can be differentiated."""
        return True

    @property
    def transition_gradients_enabled(self) -> bool:
        """Whether gradients pass into the next observation."""
        return self.transition_gradients

    def with_transition_gradients(self) -> "ModelledPong":
        """The same with `transition_gradients`."""
        return ModelledPong(transition_gradients=True)

    @property
    def default_params(self) -> ModelParams:
        """Parameters without a model: an algorithm is given those with one."""
        return ModelParams()

    def reset_env(self, key: Key, params: ModelParams) -> tuple[Array, ModelState]:
        """One of the starts, drawn uniformly; consumes `key`."""
        row = jax.random.randint(key, (), 0, len(params.starts))
        obs = params.starts[row]
        return obs, ModelState(time=jnp.int32(0), obs=obs)

    def step_env(
        self,
        key: Key,
        state: ModelState,
        action: int | float | Array,
        params: ModelParams,
    ) -> tuple[Array, ModelState, Array, Array, dict[Any, Any]]:
        """One agent step as the model has it; `key` is not used."""
        speed = jnp.clip(jnp.asarray(action), -1, 1)
        predicted = predict(params.model, state.obs[None], speed[None])
        obs = predicted.next_obs[0]
        after = ModelState(time=state.time + 1, obs=obs)
        obs, after = self._apply_transition_gradient_policy(obs, after)
        return obs, after, predicted.reward[0], predicted.over[0] > 0, {}

    def action_space(self, params: ModelParams | None = None) -> spaces.Box:
        """A speed in [-1, 1]."""
        return spaces.Box(-1.0, 1.0, (), jnp.float32)

    def observation_space(self, params: ModelParams | None = None) -> spaces.Box:
        """That of the game."""
        return SmoothPong().observation_space()


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
        return apply_gradients(params, opt_state, grads, rate, 10.0), None

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

        def through(step: Step, state: PyTree) -> Array:
            credits, seen, _ = credits_of_games(
                step, speed, policy, (obs, state), noise, key_game, weights
            )
            return mean_gradients(speed, policy, seen, credits)

        running = jnp.zeros(sizes.games, dtype=bool)
        modelled = jax.vmap(lambda model: through(model_step(model), running))(models)
        return through(true, state), modelled

    return jax.lax.map(batch, keys)


def through_models(sizes: Sizes, models: Model, starts: Array, seeds: Array) -> Trained:
    """Policies trained in each model, leaves `[D, S, K, ...]`."""

    def one(model: Model) -> Trained:
        params = ModelParams(model=model, starts=starts)
        algorithm = ANALYTIC.replace(env=ModelledPong(), env_params=params)
        return train(algorithm, seeds, sizes.stretches, sizes.iterations)

    return jax.vmap(one)(models)


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
    policies = policy_shapes(sizes.seeds * (1 + len(sizes.amounts)))
    gradients, inside = partial(sample_gradients, sizes), partial(through_models, sizes)
    lengths = {"stretches": sizes.stretches, "iterations": sizes.iterations}
    score = partial(play_with, SmoothPong(), lambda speeds: speeds, sizes.matches)
    return compiled(
        {
            "learn": (partial(learn, sizes), key),
            "gradients": (gradients, policy_shapes(), like.models, keys),
            "models": (inside, like.models, like.starts, seeds),
            "game": (partial(train, ANALYTIC, **lengths), seeds),
            "score": (score, policies, key),
        }
    )


def _in_one_row(game: Array, modelled: Array) -> Array:
    """The last of `[S, K, ...]` and `[D, S, K, ...]` weights, `[(1 + D) * S, ...]`."""
    last = jnp.concatenate([game[None], modelled])[:, :, -1]
    return last.reshape(-1, *last.shape[2:])


def _flat(leaf: Array) -> Array:
    return leaf.reshape(-1, *leaf.shape[2:])


THE_GAME = "the game itself"
RIGHT = 0.5  # a cosine above it is called the right direction


def conclude(measured: Measured, sizes: Sizes) -> Finding:
    """All numbers and tables, and what was expected of them."""
    errors = error_table(measured, sizes)
    cosines = cosine_table(measured, sizes)
    scores = score_table(measured, sizes)
    numbers = {
        "least": sizes.amounts[0],
        "most": sizes.amounts[-1],
        "unrolled": sizes.unrolled,
        "seeds": sizes.seeds,
        "matches": sizes.matches,
        "updates": sizes.updates,
        "episode": EPISODE,
        "gradients": sizes.batches * sizes.games,
        "policy_steps": sizes.stretches * sizes.steps,
        "policy_updates": sizes.stretches * sizes.iterations,
        "shortest": sizes.horizons[0],
        "longest": sizes.horizons[-1],
        "random": float(measured.learnt.random),
        **model_numbers(measured),
        **cosine_numbers(cosines, sizes),
        **score_numbers(measured),
    }
    return Finding(
        numbers=numbers,
        tables={
            "errors": errors,
            "unrolled": unrolled_table(measured, sizes),
            "cosines": cosines,
            "scores": scores,
            "played": played_table(measured, sizes),
        },
        expectations=expectations(numbers, measured),
    )


def named(amount: int) -> str:
    """A model by the data that it was fitted to."""
    return f"model of {amount:,} transitions"


def error_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per model: what one agent step leaves unexplained."""
    share = measured.learnt.one_step
    return pd.DataFrame(
        {
            "transitions": [f"{amount:,}" for amount in sizes.amounts],
            "change, all": [f"{v:.0%}" for v in share["change"]],
            "change, contacts": [f"{v:.0%}" for v in share["change in contacts"]],
            "change, elsewhere": [f"{v:.0%}" for v in share["change elsewhere"]],
            "payment": [f"{v:.0%}" for v in share["payment"]],
        }
    )


def unrolled_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per model and agent step; and of the guess that nothing changes."""
    steps = np.arange(1, sizes.unrolled + 1)
    errors = dict(zip(map(named, sizes.amounts), measured.learnt.unrolled, strict=True))
    errors["nothing changes"] = measured.learnt.still
    return pd.concat(
        [
            pd.DataFrame({"model": name, "agent_steps": steps, "error": error})
            for name, error in errors.items()
        ],
        ignore_index=True,
    )


def cosine_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per model and horizon: the cosine to the game's gradient, and its ends."""
    generator = np.random.default_rng(0)
    tables = []
    for number, amount in enumerate(sizes.amounts):
        modelled = measured.modelled[:, number]
        estimate = cosine(modelled, measured.true, generator)
        lengths = [
            np.linalg.norm(np.mean(rows, axis=0, dtype=float), axis=-1)
            for rows in (modelled, measured.true)
        ]
        tables.append(
            pd.DataFrame(
                {
                    "transitions": amount,
                    "horizon": sizes.horizons,
                    "cosine": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "length": lengths[0] / np.maximum(lengths[1], 1e-12),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def score_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per policy: what it was trained through, and its mean return."""
    names = [THE_GAME, *map(named, sizes.amounts)]
    return pd.DataFrame(
        [
            {"trained_through": name, "seed": seed, "score": float(score)}
            for name, scores in zip(names, measured.scores, strict=True)
            for seed, score in enumerate(scores)
        ]
    )


def played_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per way of training: the interquartile mean over seeds, and interval."""
    kind = f"{INTERVAL} interval" if sizes.seeds >= MIN_RUNS else RANGE
    rows = []
    for name, scores in zip(
        [THE_GAME, *map(named, sizes.amounts)], measured.scores, strict=True
    ):
        rows.append(
            {
                "trained through": name,
                f"mean return ({kind})": (
                    "{:+.2f} ({:+.2f} to {:+.2f})".format(*estimate(scores))
                ),
            }
        )
    return pd.DataFrame(rows)


def model_numbers(measured: Measured) -> dict[str, float]:
    """Errors of the model with the most data."""
    learnt = measured.learnt
    share = {name: float(values[-1]) for name, values in learnt.one_step.items()}
    return {
        "contacts": share["contacts"],
        "in_contacts": share["change in contacts"],
        "elsewhere": share["change elsewhere"],
        "of_payment": share["payment"],
        "first_error": float(learnt.unrolled[-1, 0]),
        "last_error": float(learnt.unrolled[-1, -1]),
        "last_still": float(learnt.still[-1]),
    }


def cosine_numbers(cosines: pd.DataFrame, sizes: Sizes) -> dict[str, float]:
    """Directions of the gradients through the models with the least and most data."""
    least = cosines[cosines.transitions == sizes.amounts[0]]
    most = cosines[cosines.transitions == sizes.amounts[-1]]
    return {
        "cosine_first": float(most.cosine.iloc[0]),
        "cosine_last": float(most.cosine.iloc[-1]),
        "cosine_low": float(most.low.min()),
        "least_last": float(least.cosine.iloc[-1]),
    }


def score_numbers(measured: Measured) -> dict[str, float]:
    """Mean returns in the game: trained in it, with the most and the least data."""
    numbers = {}
    for name, row in (("game", 0), ("most", -1), ("least", 1)):
        found = zip(
            ("score", "low", "high"), estimate(measured.scores[row]), strict=True
        )
        numbers |= {f"{name}_{part}": float(value) for part, value in found}
    return numbers


def expectations(n: dict[str, float], measured: Measured) -> dict[str, bool]:
    """What was expected before it was measured."""
    changes = measured.learnt.one_step["change"]
    return {
        "More transitions make a better model: its one-step error falls each time.": (
            bool(np.all(np.diff(changes) < 0))
        ),
        "The best model errs most where points are decided: contacts leave more of the "
        "change unexplained than other agent steps.": n["in_contacts"] > n["elsewhere"],
        f"Errors add up: after {n['unrolled']:.0f} agent steps the best model is off "
        "by more than four times as much as after one.": (
            n["last_error"] > 4 * n["first_error"]
        ),
        "With the most data the model's gradient points the right way (cosine above "
        f"{RIGHT:g}, whole interval) at every horizon.": n["cosine_low"] > RIGHT,
        "Its direction is worse at the longest horizon than at the shortest.": (
            n["cosine_last"] < n["cosine_first"]
        ),
        "A policy trained through that model plays better than at random (interval).": (
            n["most_low"] > n["random"]
        ),
        "It plays worse than one trained through the game itself (its interval "
        "is below that one's).": n["most_high"] < n["game_low"],
        "With the least data the policy is no better than random play (interval).": (
            n["least_low"] <= n["random"]
        ),
    }


SHADES = ("#D9A5C7", "#A9558C", "#4A1942")  # from little data to much


def draw(finding: Finding, folder: Path) -> list[Path]:
    """One figure of three panels."""
    n, cosines = finding.numbers, finding.tables["cosines"]
    amounts = [int(amount) for amount in cosines.transitions.unique()]
    shades = np.linspace(0, len(SHADES) - 1, len(amounts)).round().astype(int)
    hues = {a: SHADES[s] for a, s in zip(amounts, shades, strict=True)}
    by_model = {named(amount): hue for amount, hue in hues.items()}
    parts = [
        error_panel(finding.tables["unrolled"], by_model),
        Panel(
            "Direction of the gradient through the model",
            "horizon, agent steps",
            "cosine to the game's own",
            cosine_curves(cosines, hues),
            lines={"no better than chance": 0.0},
            y_limits=(-1.05, 1.05),
        ),
        Rows(
            "Policies trained through it, in the game",
            "mean return of a point",
            dict(list(finding.tables["scores"].groupby("trained_through").score)),
            {THE_GAME: COLORS["backpropagation"], **by_model},
            {"random play": n["random"], "level": 0.0},
        ),
    ]
    return panels(
        folder / "models",
        "Can one backpropagate through a game that is only learnt?",
        "Models of the smooth Pong, by the amount of random play they were fitted to",
        parts,
        "Errors: root mean square over the 13 entries of the observation, in games not "
        "used for fitting; cut where a model leaves the panel. Directions: mean "
        f"gradients of {n['gradients']:,.0f} games; bars: 95 % bootstrap intervals. "
        f"Policies: a dot per seed ({n['seeds']:.0f}), the mean of {n['matches']:.0f} "
        "points; diamond and bar: interquartile mean and 95 % bootstrap interval.",
    )


def error_panel(table: pd.DataFrame, by_model: dict[str, str]) -> Panel:
    """Errors of the observation over agent steps; those beyond reading are cut."""
    curves = [
        Curve(
            str(name),
            rows.agent_steps,
            rows.error,
            color=by_model.get(str(name), COLORS["reference"]),
        )
        for name, rows in table.groupby("model", sort=False)
    ]
    usual = table[~table.model.isin(by_model)].error
    return Panel(
        "Error of the model, rolled out",
        "agent steps",
        "error of the observation",
        curves,
        y_limits=(0.0, 1.5 * float(usual.max())),
    )


def cosine_curves(cosines: pd.DataFrame, hues: dict[int, str]) -> list[Curve]:
    """One curve per model."""
    return [
        Curve(
            named(amount),
            rows.horizon,
            rows.cosine,
            rows.low,
            rows.high,
            color=hue,
            marker="o",
        )
        for amount, hue in hues.items()
        for rows in [cosines[cosines.transitions == amount]]
    ]


def measure(say: Say, *, sizes: Sizes | None = None) -> Finding:
    """Errors of learned models, gradients through them, policies trained in them."""
    sizes = sizes or Sizes()
    return conclude(measure_runs(say, sizes), sizes)


TEXT = r"""
**Question.** Usually the rules are not known, and what is not known cannot be
differentiated. Can one learn the rules first, by regression, and backpropagate
through what was learnt?

**The mathematics.** Watch random play and fit a network $\hat f$ (three layers of
96 units) to transitions: from what is seen and done, $(s_t, a_t)$, to how $s$
changes, what is paid and whether the point is over. That is ordinary
backpropagation with a differentiable loss,

$$\min_{\hat f} \sum_t \big\| \hat f(s_t, a_t) - (s_{t+1} - s_t,\; r_t) \big\|^2 .$$

Then put $\hat f$ where the game was, and take the same gradient as before:

$$c_t = \frac{d}{da_t} \sum_{k \ge t} \gamma^k\, \hat r_k, \qquad
  \hat s_{k+1} = \hat s_k + \hat f(\hat s_k, a_k).$$

Two things can go wrong. The derivative of a good fit need not be a good derivative;
and from the second step on the model continues from its own guesses, so that its
errors add up.

<<table:errors>>

Share of the squared change of the observation that is left unexplained after one
agent step, in games that were not used for fitting: over all steps, in contacts of
the ball with a paddle (where something is paid), and elsewhere; and the share of
the payment's variance. One model was fitted to each amount, with <<updates:,d>>
updates, so that differences between amounts are differences between single fits as
well. Its network and learning rate were chosen after smaller networks had done worse
with the most data: the model gets a fair chance here, not an average one. In random
play only <<contacts:.1%>> of the transitions are contacts, so that even
<<most:,d>> transitions show few of those that matter: the best model left
<<in_contacts:.0%>> of the change unexplained in contacts and <<elsewhere:.0%>>
elsewhere.

<<figure:models|Errors, gradients and policies of three models>>

Rolled out for <<unrolled:d>> agent steps the best model was off by
<<last_error:.2f>>, after one step by <<first_error:.2f>>; to guess that nothing
changes is off by <<last_still:.2f>>. The gradient through it had a cosine of
<<cosine_first:.2f>> to the game's own at a horizon of <<shortest:d>> agent steps
and of <<cosine_last:.2f>> at <<longest:d>>; with <<least:,d>> transitions it was
<<least_last:.2f>> there. These gradients are of a policy about half of the way from
random play to level, which random play has prepared the model for only in part.

Last, policies trained for <<policy_updates:,d>> updates through each model, in
episodes of at most <<episode:d>> agent steps that start from situations met in
random play, and then played in the game:

<<table:played>>

Random play has <<random:+.2f>>. A direction that is nearly right need not lead to a
policy that plays well: training goes where the model promises most, and nobody has
checked the model there. What helps is known: data from the policy's own play,
fitted again and again, and short episodes (Janner et al. 2019), or to let the model
only predict values and policies (Schrittwieser et al. 2020). Policy gradients and
Q-learning avoid the question: they ask the game itself.

<<expectations>>
"""

learned_model = Claim(
    name="learned_model",
    title="Unknown dynamics: backpropagation through a learned model",
    measure=measure,
    draw=draw,
    text=TEXT,
)
