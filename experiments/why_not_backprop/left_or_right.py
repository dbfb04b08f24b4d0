"""Claim: left or right, where a sampled action has no gradient, and the ways out.

The policy has a logit for each action; gradients are those of the expected reward,
2 π - 1 with π the probability of left, with respect to left's logit. Letters: A
actions, P policies, N samples, S seeds, K gradient steps.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array
from jax.typing import ArrayLike

from pgvq.envs import LeftOrRight
from pgvq.ops import estimators
from pgvq.ops.exploration import epsilon_greedy
from pgvq.ops.losses import action_value, squared_error
from pgvq.plotting.panels import COLORS, Curve, Panel, panels
from pgvq.study.definition import Claim, Finding, Say
from pgvq.types import Key
from why_not_backprop.choices import (
    BAND,
    CRITICAL,
    DOTS,
    first_step,
    learning_curves,
    learning_table,
    learnt_by_seed,
    quick_jit,
    with_errors,
)

GAME = LeftOrRight()
REWARDS = GAME.reward(jnp.arange(2))  # [A]
SHIFT = 3.0  # added to both rewards, to see what a baseline is for


class Between(NamedTuple):
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
    "straight line": Between(0.0, 0.0),
    "bent": Between(1.0, 0.0),
    "wave": Between(0.0, 0.5),
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


def straight_through(samples: Samples, curve: Between) -> Array:
    """Autodiff through the one-hot action with the policy's derivative: `[N, P, A]`."""

    def total(logits: Array) -> Array:
        one_hot = estimators.straight_through(logits, samples.action)
        return curve.reward(one_hot[..., 0]).sum()

    return jax.grad(total)(samples.logits)


def gumbel_softmax(
    samples: Samples,
    curve: Between,
    temperature: float,
    form: Callable[..., Array] = estimators.gumbel_softmax,
) -> Array:
    """Autodiff through a softened sample: `[N, P, A]`."""

    def total(logits: Array) -> Array:
        share = form(logits, samples.noise, temperature)[..., 0]
        return curve.reward(share).sum()

    return jax.grad(total)(samples.logits)


def estimate_moments(
    probabilities: np.ndarray, samples: int, seed: int = 0
) -> pd.DataFrame:
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


RATE = 0.2  # of plain gradient steps
EPSILON = 0.2  # share of uniform actions of Q-learning
# All prefer the wrong action to begin with: P(left) = 0.2, or Q(right) > Q(left).
LOGITS = (float(np.log(0.2)), float(np.log(0.8)))
VALUES = (0.0, 0.5)
Q_LEARNING = "Q-learning"

Ascent = Callable[[Array, Key], Array]  # [A] and a key to what is added, [A]


def reinforce(shift: float, logits: Array, key: Key) -> Array:
    """The score function of one action, with `shift` added to both rewards."""
    action = jax.random.categorical(key, logits)
    return estimators.score_function(logits, action, GAME.reward(action) + shift)


def relaxed_step(
    curve: Between, temperature: float | None, logits: Array, key: Key
) -> Array:
    """Straight-through or, at a temperature, Gumbel-softmax, from one sample."""
    key_action, key_noise = jax.random.split(key)
    rows = logits[None, None]  # N = P = 1
    action = jax.random.categorical(key_action, rows)
    samples = Samples(rows, action, jax.random.gumbel(key_noise, rows.shape), key)
    if temperature is None:
        return straight_through(samples, curve)[0, 0]
    return gumbel_softmax(samples, curve, temperature)[0, 0]


def regression(values: Array, key: Key) -> Array:
    """Q-learning: down the squared error of the value of an epsilon-greedy action."""
    action = epsilon_greedy(key, values[None], EPSILON)[0]

    def loss(values: Array) -> Array:
        return squared_error(action_value(values, action), GAME.reward(action))

    return -jax.grad(loss)(values)


METHODS: dict[str, Ascent] = {
    "backpropagation": backpropagation,
    NO_BASELINE: partial(reinforce, 0.0),
    SHIFTED: partial(reinforce, SHIFT),
    Q_LEARNING: regression,
    "straight-through, straight line": partial(
        relaxed_step, CURVES["straight line"], None
    ),
    "straight-through, wave": partial(relaxed_step, CURVES["wave"], None),
    "Gumbel-softmax, straight line": partial(
        relaxed_step, CURVES["straight line"], 0.5
    ),
}


def expected_reward(method: str, learnt: np.ndarray) -> np.ndarray:
    """Of the policy as it behaves, exactly: `[..., A]` logits or values to `[...]`."""
    if method == Q_LEARNING:
        greedy = np.where(learnt[..., 0] >= learnt[..., 1], 1.0, -1.0)
        return (1 - EPSILON) * greedy
    return np.tanh((learnt[..., 0] - learnt[..., 1]) / 2)


def learn(steps: int, seeds: int) -> dict[str, np.ndarray]:
    """Logits or values of every method along its learning, `[S, K, A]`.

    K = steps + 1: before the first step and after each.
    """
    found = learnt_by_seed(partial(_one_seed, steps), seeds, claim=1)
    return {name: found[name] for name in METHODS}


def _one_seed(steps: int, key: Key) -> dict[str, Array]:
    def step(
        learnt: dict[str, Array], key: Key
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        changed = {
            name: values + RATE * METHODS[name](values, key)
            for name, values in learnt.items()
        }
        return changed, changed

    start = {
        name: jnp.array(VALUES if name == Q_LEARNING else LOGITS) for name in METHODS
    }
    _, path = jax.lax.scan(step, start, jax.random.split(key, steps))
    return jax.tree.map(lambda x, y: jnp.concatenate([x[None], y]), start, path)


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Three figures: gradients, what lies between the actions, learning."""
    moments = finding.tables["moments"]
    samples = f"{finding.numbers['samples']:,.0f} samples per policy and estimator"
    return [
        *draw_gradients(moments, folder, samples),
        *draw_between(moments, folder, samples),
        *draw_learning(finding, folder),
    ]


def draw_gradients(moments: pd.DataFrame, folder: Path, samples: str) -> list[Path]:
    """The gradient's mean against the truth, and REINFORCE's deviation."""
    exact = rows_of(moments, NO_BASELINE)
    means = [Curve("exact", exact.probability, exact.exact, color=COLORS["reference"])]
    for method, color in (
        ("REINFORCE", "policy gradient"),
        ("backpropagation", "backpropagation"),
    ):
        rows = rows_of(moments, method)
        means.append(
            with_errors(method, rows, "probability", color=COLORS[color], **DOTS)
        )
    named = {
        NO_BASELINE: ("no baseline", "policy gradient"),
        EXPECTED: ("baseline: expected reward", "policy gradient dark"),
        OPTIMAL: ("optimal baseline", "other"),
        SHIFTED: (f"no baseline, {SHIFT:g} added to both rewards", "reference"),
    }
    closed = exact_deviations(PROBABILITIES)
    spreads = []
    for method, (words, color) in named.items():
        rows = rows_of(moments, method)
        spreads += [
            Curve(words, PROBABILITIES, closed[method], color=COLORS[color]),
            Curve("", rows.probability, rows.deviation, color=COLORS[color], **DOTS),
        ]
    return panels(
        folder / "gradients",
        "What is the gradient of a reward whose action was sampled?",
        "Left or right: gradient of the expected reward with respect to left's logit",
        [
            Panel("mean of the estimates", "P(left)", "gradient", means),
            Panel(
                "REINFORCE: deviation of one estimate", "P(left)", "deviation", spreads
            ),
        ],
        f"{samples}. Left: bars are two standard errors, mostly smaller than the dots. "
        "Right: dots are measured, lines are the closed form.",
    )


def draw_between(moments: pd.DataFrame, folder: Path, samples: str) -> list[Path]:
    """Estimators that need a reward between the actions, and what they make of it."""
    shades = dict(
        zip(CURVES, ("backpropagation", "backpropagation light", "other"), strict=True)
    )
    share = np.linspace(0, 1, 101)
    invented = [
        Curve(name, share, np.asarray(curve.reward(share)), color=COLORS[shades[name]])
        for name, curve in CURVES.items()
    ]
    exact = rows_of(moments, NO_BASELINE)
    passed = []
    for name, shade in shades.items():
        rows = rows_of(moments, "straight-through", name)
        color = COLORS[shade]
        passed.append(Curve(name, rows.probability, rows["mean"], color=color))
    passed.append(
        Curve(
            "exact",
            exact.probability,
            exact.exact,
            color=COLORS["policy gradient dark"],
            dashes=(0, (2, 2)),
        )
    )
    bias, deviation = [], []
    ramp = ("Q-learning dark", "Q-learning", "Q-learning light", "other light")
    for temperature, shade in zip(TEMPERATURES, ramp, strict=True):
        rows = rows_of(moments, gumbel_name(temperature), "straight line")
        words = f"temperature {temperature:g}"
        x, color = rows.probability, COLORS[shade]
        bias.append(with_errors(words, rows, "probability", "bias", color=color))
        deviation.append(Curve(words, x, rows.deviation, color=color))
    return panels(
        folder / "between",
        "Can autodiff be made to pass a sampled action?",
        "Estimators that differentiate a reward which is made up between the actions",
        [
            Panel(
                "three rewards of the same game", "share of left", "reward", invented
            ),
            Panel("straight-through: mean", "P(left)", "gradient", passed),
            Panel("Gumbel-softmax, straight line: bias", "P(left)", "bias", bias),
            Panel(
                "Gumbel-softmax, straight line: deviation of one estimate",
                "P(left)",
                "deviation",
                deviation,
            ),
        ],
        f"{samples}. Top left: the game itself pays at 0 (right) and at 1 (left), "
        "nothing is said of what lies between. Bands are two standard errors.",
    )


def draw_learning(finding: Finding, folder: Path) -> list[Path]:
    """Learning curves side by side, and the values that the regression finds."""
    seeds = f"{finding.numbers['seeds']:.0f} seeds"
    shades = (
        "backpropagation",
        "policy gradient",
        "policy gradient light",
        "Q-learning",
        "other",
        "reference",
        "other light",
    )
    colors = {m: COLORS[shade] for m, shade in zip(METHODS, shades, strict=True)}
    dashed = tuple(method for method in METHODS if "straight" in method)
    table = finding.tables["learning"]
    rewards = learning_curves(table, colors, dashed)
    named = {"Q(left)": COLORS["Q-learning"], "Q(right)": COLORS["Q-learning light"]}
    values = learning_curves(finding.tables["values"], named)
    return panels(
        folder / "learning",
        "Which way of learning finds left?",
        "Expected reward of the policy as it behaves, and the values of Q-learning",
        [
            Panel("policy", "gradient steps", "expected reward", rewards),
            Panel("Q-learning's regression", "gradient steps", "reward", values),
        ],
        f"{seeds}, one sampled action per gradient step; {BAND}. "
        f"Q-learning acts at random in {EPSILON:.0%} of its steps. All "
        "begin with a preference for right.",
    )


SHOWN = 0.3  # probability of left for which the table gives numbers
SAMPLED = (NO_BASELINE, EXPECTED, SHIFTED)
ROUNDING = 1e-5  # of single precision; a deviation below it is none


def measure(
    say: Say, *, samples: int = 10_000, steps: int = 300, seeds: int = 20
) -> Finding:
    """Moments of `samples` gradients per estimator, and learning curves of `seeds`."""
    say("gradients of a sampled action, every estimator (1 of 2)")
    moments = estimate_moments(PROBABILITIES, samples)
    say("learning curves, every method (2 of 2)")
    learnt = learn(steps, seeds)
    rewards = {name: expected_reward(name, path) for name, path in learnt.items()}
    numbers: dict[str, float] = {"samples": samples, "steps": steps, "seeds": seeds}
    numbers |= {"policies": len(PROBABILITIES), "shown": SHOWN}
    numbers |= gradient_numbers(moments) | learning_numbers(learnt, rewards)
    every = np.arange(steps + 1)
    values = {
        "Q(left)": learnt[Q_LEARNING][..., 0],
        "Q(right)": learnt[Q_LEARNING][..., 1],
    }
    return Finding(
        numbers=numbers,
        tables={
            "moments": moments.round(6),
            "learning": learning_table(rewards, every),
            "values": learning_table(values, every),
            "estimators": estimators_shown(moments),
            "methods": methods_shown(rewards, every),
        },
        expectations=expectations(numbers),
    )


def gradient_numbers(moments: pd.DataFrame) -> dict[str, float]:
    """What the moments say about each question."""
    sampled = moments[moments.method.isin(SAMPLED) & (moments.deviation > ROUNDING)]
    exact = exact_deviations(PROBABILITIES)
    variance_z = []
    for method in SAMPLED:
        rows = rows_of(moments, method)
        off = np.square(rows.deviation) - np.square(exact[method])
        known = rows.deviation > ROUNDING
        variance_z.append((np.abs(off) / rows.variance_error)[known].max())
    straight, bent, wave = (
        rows_of(moments, "straight-through", name) for name in CURVES
    )
    warmer = [rows_of(moments, gumbel_name(t), "straight line") for t in TEMPERATURES]
    mean_bias = [rows.bias.abs().mean() for rows in warmer]
    deviation = [rows.deviation.mean() for rows in warmer]
    coldest = rows_of(moments, gumbel_name(TEMPERATURES[0]), "wave")
    none, expected, shifted, lowest = (
        exact[name] for name in (NO_BASELINE, EXPECTED, SHIFTED, OPTIMAL)
    )
    found = {
        "autodiff_largest": rows_of(moments, "backpropagation").largest.max(),
        "reinforce_z": (sampled.bias.abs() / sampled.error).max(),
        "variance_z": np.max(variance_z),
        "baseline_helps": np.mean(expected < none - ROUNDING),
        "baseline_helps_shifted": np.mean(expected < shifted - ROUNDING),
        "optimal_deviation": lowest.max(),
        "straight_bias": straight.bias.abs().max(),
        "bent_bias": bent.bias.abs().max(),
        "wave_largest": wave["mean"].max(),
        "cold_bias": mean_bias[0],
        "hot_bias": mean_bias[-1],
        "cold_deviation": deviation[0],
        "hot_deviation": deviation[-1],
        "bias_rises": np.all(np.diff(mean_bias) > 0),
        "deviation_falls": np.all(np.diff(deviation) < 0),
        "wave_hard_largest": rows_of(moments, HARD, "wave")["mean"].max(),
        "wave_cold_smallest": coldest["mean"].min(),
    }
    return {name: float(value) for name, value in found.items()}


def learning_numbers(
    learnt: dict[str, np.ndarray], rewards: dict[str, np.ndarray]
) -> dict[str, float]:
    """Final rewards (median of the seeds), and how near the values are to the truth."""
    found = {
        "moved_by_backpropagation": np.ptp(learnt["backpropagation"], axis=1).max(),
        "value_error": np.abs(learnt[Q_LEARNING][:, -1] - [1.0, -1.0]).max(),
        "value_left": learnt[Q_LEARNING][:, -1, 0].mean(),
        "value_right": learnt[Q_LEARNING][:, -1, 1].mean(),
        "best_behaviour": 1 - EPSILON,
        "reinforce_worst": rewards["REINFORCE"][:, -1].min(),
        "wave_best": rewards["straight-through, wave"][:, -1].max(),
    }
    return {name: float(value) for name, value in found.items()}


def expectations(numbers: dict[str, float]) -> dict[str, bool]:
    """What was expected before the measurement, and whether it came so."""
    n = numbers
    return {
        "Autodiff through a sampled action gives a gradient of exactly zero, for every "
        "sample of every policy.": n["autodiff_largest"] == 0,
        "The mean of REINFORCE is the exact gradient to within four of its standard "
        "errors, for every policy, with and without a baseline.": (
            n["reinforce_z"] < CRITICAL
        ),
        "The variance of REINFORCE is that of the closed form to within four of its "
        "standard errors.": n["variance_z"] < CRITICAL,
        "The expected reward as a baseline lowers the variance for every policy.": (
            n["baseline_helps"] == 1
        ),
        f"It does so where {SHIFT:g} is added to both rewards.": (
            n["baseline_helps_shifted"] == 1
        ),
        "Straight-through is exact where the reward between the actions is a straight "
        "line.": n["straight_bias"] < ROUNDING,
        "It is biased where that line is bent, though both actions earn the same.": (
            n["bent_bias"] > 0.05
        ),
        "It has the wrong sign for every policy where the line is a wave.": (
            n["wave_largest"] < 0
        ),
        "The hotter Gumbel-softmax, the larger its bias and the smaller its "
        "deviation.": bool(n["bias_rises"] and n["deviation_falls"]),
        "Backpropagation does not move the policy at all.": (
            n["moved_by_backpropagation"] == 0
        ),
        "REINFORCE learns to go left in every seed (expected reward above 0.9).": (
            n["reinforce_worst"] > 0.9
        ),
        "Q-learning's regression finds Q(left) = 1 and Q(right) = -1 to within 0.1 in "
        "every seed.": n["value_error"] < 0.1,
        "On the wave straight-through learns to go right, in every seed.": (
            n["wave_best"] < -0.9
        ),
    }


def estimators_shown(moments: pd.DataFrame) -> pd.DataFrame:
    """Bias and deviation for one policy, a row per estimator and curve."""
    sampled = ("backpropagation", NO_BASELINE, EXPECTED, OPTIMAL, SHIFTED)
    pairs = [
        *((method, "none") for method in sampled),
        *(("straight-through", curve) for curve in CURVES),
        *((HARD, curve) for curve in ("straight line", "wave")),
        *((gumbel_name(t), "straight line") for t in TEMPERATURES),
        *((gumbel_name(t), "wave") for t in TEMPERATURES),
    ]
    chosen = pd.concat([rows_of(moments, *pair) for pair in pairs])
    chosen = chosen[np.isclose(chosen.probability, SHOWN)]
    return pd.DataFrame(
        {
            "estimator": chosen.method,
            "reward between the actions": chosen.curve.replace("none", "-"),
            "mean gradient": chosen["mean"].round(3) + 0.0,  # no -0
            "its standard error": chosen.error.round(4),
            "bias": chosen.bias.round(3) + 0.0,
            "deviation of one sample": chosen.deviation.round(3),
        }
    )


def methods_shown(rewards: dict[str, np.ndarray], steps: np.ndarray) -> pd.DataFrame:
    """Where each method ends, and when it is above a half."""
    return pd.DataFrame(
        {
            "method": list(rewards),
            "expected reward at the end": [
                round(float(np.median(path[:, -1])), 2) for path in rewards.values()
            ],
            "worst seed": [round(float(p[:, -1].min()), 2) for p in rewards.values()],
            "gradient steps until it is above 0.5": [
                first_step(path, steps, 0.5) for path in rewards.values()
            ],
        }
    )


TEXT = r"""
**The question.** There is one choice: left earns +1, right earns -1. A network gives
each action a number (a logit), and the action is *sampled* from
$\pi = \mathrm{softmax}(\mathrm{logits})$. The reward is computed in JAX from end to
end, so why not differentiate it and climb?

**Autodiff answers zero.** The sampled action is an integer. A slightly different logit
gives the same integer, so the same reward: as far as autodiff is concerned the reward
does not depend on the network. The largest gradient in <<samples:,d>> samples of each
of <<policies:d>> policies was <<autodiff_largest:g>>. What does depend on the network,
smoothly, is the *expected* reward, and its gradient can be written with the score
$\nabla \log \pi(a)$:

$$\nabla \sum_a \pi_a r_a = \sum_a \pi_a \, r_a \nabla \log \pi_a
= \mathbb{E}_{a \sim \pi}\left[ r_a \nabla \log \pi_a \right].$$

The right-hand side is a mean over samples that needs no derivative of the reward at
all: that is REINFORCE. For left's logit it is $2 \pi (1 - \pi)$, with $\pi$ the
probability of left.

<<figure:gradients|Mean gradients and REINFORCE's deviation for every policy>>

The mean of REINFORCE's samples is never further from the exact gradient than
<<reinforce_z:.1f>> of its standard errors. A single sample is: it has the variance
$\sum_a \pi_a (r_a - b)^2 (\nabla \log \pi_a)^2 - g^2$, with $g$ the gradient and $b$ a
baseline, which may be any number that does not depend on the action. The usual one, the
expected reward, makes the variance independent of where the reward's zero lies. It is
not the best one: here the best baseline is the expected reward with the two
probabilities swapped, and it leaves a deviation of <<optimal_deviation:.3f>>.

**Or make the action differentiable.** *Straight-through* plays the sampled action and
then pretends that it was $\pi$ when it comes to derivatives; *Gumbel-softmax* plays a
mixture of both actions, the more of a mixture the higher its temperature. Both then
differentiate the reward, so both need something that the game does not have: a reward
*between* left and right. Here are three, equal at the actions themselves.

<<figure:between|Three rewards between the actions, and the gradients made from them>>

<<table:estimators>>

All rows are for a policy that goes left with probability <<shown:.1f>>.
Straight-through reads the slope at the two ends alone, which is as good as whoever drew
the line. Gumbel-softmax reads it everywhere in between, and how much that misleads it
is a matter of the temperature: on the straight line its bias is <<cold_bias:.3f>> at
the lowest and <<hot_bias:.3f>> at the highest (mean size over the policies), its
deviation <<cold_deviation:.2f>> and <<hot_deviation:.2f>>.

**Or learn what the actions earn.** Q-learning asks for no gradient of the reward. It
regresses $Q(a)$ on the reward of the action taken, by plain backpropagation of
$\frac{1}{2} (r - Q(a))^2$, and then goes where $Q$ is larger. After <<steps:d>> steps
it has Q(left) = <<value_left:.3f>> and Q(right) = <<value_right:.3f>> (mean of the
seeds). As it goes on acting at random now and then, <<best_behaviour:.1f>> is the most
that it can earn while learning.

<<figure:learning|Expected reward of each method as it learns, and the values found>>

<<table:methods>>

What a deviation costs is seen in "REINFORCE, 3 added": the same game with three more
points for either action, whose gradient has the same mean. Compare its band with that
of REINFORCE as it is.

**What was expected, and what came.**

<<expectations>>
"""

left_or_right = Claim(
    name="left_or_right",
    title="Left or right: a sampled action has no gradient",
    measure=measure,
    draw=draw,
    text=TEXT,
)
