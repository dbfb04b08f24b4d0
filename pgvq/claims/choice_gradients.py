"""What estimators make of the gradient in `LeftOrRight`: their means and deviations.

The policy has a logit for each action; gradients are those of the expected reward,
2 π - 1 with π the probability of left, with respect to left's logit. Letters: A
actions, P policies, N samples.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array
from jax.typing import ArrayLike

from pgvq.claims.choice_programs import quick_jit
from pgvq.envs import LeftOrRight
from pgvq.ops import estimators
from pgvq.types import Key

GAME = LeftOrRight()
REWARDS = GAME.reward(jnp.arange(2))  # [A]
SHIFT = 3.0  # added to both rewards, to see what a baseline is for


class Curve(NamedTuple):
    """A reward between the actions: `2 x - 1 - bend 2 x (1 - x) - wave sin(2 π x)`.

    x is the share of left. Whatever the two numbers, the actions themselves earn -1
    (x = 0) and +1 (x = 1), so that each is the same game.
    """

    bend: float
    wave: float

    def reward(self, share: ArrayLike) -> Array:
        """`[...]` to `[...]`."""
        share = jnp.asarray(share)
        ripple = jnp.sin(2 * jnp.pi * share)
        return 2 * share - 1 - self.bend * 2 * share * (1 - share) - self.wave * ripple


CURVES = {
    "straight line": Curve(0.0, 0.0),
    "bent": Curve(1.0, 0.0),
    "wave": Curve(0.0, 0.5),
}
TEMPERATURES = (0.1, 0.5, 1.0, 2.0)
PROBABILITIES = np.linspace(0.05, 0.95, 19)  # of left, [P]

NO_BASELINE, SHIFTED = "REINFORCE", f"REINFORCE, {SHIFT:g} added"
EXPECTED = "REINFORCE, baseline: expected reward"
OPTIMAL = "REINFORCE, baseline: optimal"
HARD = "Gumbel-softmax at 0.5, straight-through"


class Samples(NamedTuple):
    """Policies, and what each of them drew."""

    logits: Array  # [N, P, A], the same for all N
    action: Array  # [N, P]
    noise: Array  # [N, P, A], standard Gumbel
    key: Key  # for who draws for himself


def gradients(samples: Samples) -> Iterator[tuple[str, str, Array]]:
    """Every estimator's name, the curve that it needs, its estimates `[N, P, A]`."""
    yield "backpropagation", "none", backpropagation(samples.logits, samples.key)
    for name, shift, baseline in baselines(samples.logits):
        reward = GAME.reward(samples.action) + shift
        estimates = estimators.score_function(
            samples.logits, samples.action, reward, baseline
        )
        yield name, "none", estimates
    for name, curve in CURVES.items():
        yield "straight-through", name, straight_through(samples, curve)
        for temperature in TEMPERATURES:
            soft = gumbel_softmax(samples, curve, temperature)
            yield gumbel_name(temperature), name, soft
        form = estimators.straight_through_gumbel_softmax
        yield HARD, name, gumbel_softmax(samples, curve, 0.5, form)


def gumbel_name(temperature: float) -> str:
    """What the table calls Gumbel-softmax at a temperature."""
    return f"Gumbel-softmax at {temperature:g}"


def baselines(logits: Array) -> Iterator[tuple[str, float, Array]]:
    """REINFORCE's names, what is added to both rewards, and baselines `[...]`.

    `logits` `[..., A]`.
    """
    for shift, words in ((0.0, NO_BASELINE), (SHIFT, SHIFTED)):
        rewards = jnp.broadcast_to(REWARDS + shift, logits.shape)
        value = jnp.sum(jax.nn.softmax(logits) * rewards, axis=-1)
        yield words, shift, jnp.zeros_like(value)
        yield f"{words}, baseline: expected reward", shift, value
        best = estimators.optimal_baseline(logits, rewards)
        yield f"{words}, baseline: optimal", shift, best


def backpropagation(logits: Array, key: Key) -> Array:
    """Autodiff through the sampled action and the game's reward: `[..., A]` twice."""

    def total(logits: Array) -> Array:
        return GAME.reward(jax.random.categorical(key, logits)).sum()

    # Every row has a sample of its own, so this is each sample's gradient.
    return jax.grad(total)(logits)


def straight_through(samples: Samples, curve: Curve) -> Array:
    """Autodiff through the one-hot action with the policy's derivative: `[N, P, A]`."""

    def total(logits: Array) -> Array:
        one_hot = estimators.straight_through(logits, samples.action)
        return curve.reward(one_hot[..., 0]).sum()

    return jax.grad(total)(samples.logits)


def gumbel_softmax(
    samples: Samples,
    curve: Curve,
    temperature: float,
    form: Callable[..., Array] = estimators.gumbel_softmax,
) -> Array:
    """Autodiff through a softened sample: `[N, P, A]`."""

    def total(logits: Array) -> Array:
        share = form(logits, samples.noise, temperature)[..., 0]
        return curve.reward(share).sum()

    return jax.grad(total)(samples.logits)


def moments(probabilities: np.ndarray, samples: int, seed: int = 0) -> pd.DataFrame:
    """Mean and deviation of every estimator, one sample at a time.

    Args:
        probabilities: `[P]`, of left.
        samples: N, of each estimator at each probability.
        seed: of all samples; every estimator has the same ones.

    Returns:
        A row per estimator, curve and probability. `mean`; `error`, the mean's standard
        error; `deviation`, the standard deviation of one sample; `largest`, the largest
        by its size; `exact`, the gradient; `bias`; `variance_error`, the standard error
        of the square of `deviation`.
    """
    logits = policy(probabilities)
    exact = estimators.exact_gradient(logits, jnp.broadcast_to(REWARDS, logits.shape))
    estimates = jax.device_get(_sampled(logits, jax.random.key(seed), samples))
    frames = []
    for (method, curve), values in estimates.items():
        values = values.astype(np.float64)  # [N, P]
        mean, deviation = values.mean(0), values.std(0)
        columns = {
            "method": method,
            "curve": curve,
            "probability": probabilities,
            "mean": mean,
            "error": deviation / np.sqrt(samples),
            "deviation": deviation,
            "largest": np.abs(values).max(0),
            "exact": np.asarray(exact)[:, 0],
            "bias": mean - np.asarray(exact)[:, 0],
            "variance_error": np.square(values - mean).std(0) / np.sqrt(samples),
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def rows_of(moments: pd.DataFrame, method: str, curve: str = "none") -> pd.DataFrame:
    """One estimator's rows, a row per probability."""
    return moments.query("method == @method and curve == @curve")


def policy(probabilities: np.ndarray) -> Array:
    """Logits `[P, A]` of policies that go left with probabilities `[P]`."""
    return jnp.log(jnp.stack([probabilities, 1 - probabilities], -1))


@partial(quick_jit, static_argnames="samples")
def _sampled(
    logits: Array, key: Key, samples: int
) -> dict[tuple[str, str], Array]:  # [N, P] each
    key_action, key_noise, key_own = jax.random.split(key, 3)
    rows = jnp.broadcast_to(logits, (samples, *logits.shape))
    action = jax.random.categorical(key_action, rows)
    noise = jax.random.gumbel(key_noise, rows.shape)
    found = gradients(Samples(rows, action, noise, key_own))
    return {(name, curve): each[..., 0] for name, curve, each in found}


def exact_deviations(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Closed-form standard deviation of a sample of each form of REINFORCE: `[P]`."""
    logits = policy(probabilities)
    found = {}
    for name, shift, baseline in baselines(logits):
        rewards = jnp.broadcast_to(REWARDS + shift, logits.shape)
        variance = estimators.score_function_variance(logits, rewards, baseline)
        found[name] = np.sqrt(np.maximum(np.asarray(variance)[:, 0], 0.0))
    return found
