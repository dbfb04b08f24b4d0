"""Claim: the threshold, where a differentiable network has a gradient of zero.

Every method says how the reward changes with the network's output a; the network's own
backpropagation does the rest. The closed forms that the measurements are compared with
use neither samples nor autodiff. Letters: S seeds, N samples, K gradient steps.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from flax import linen as nn
from jax import Array
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln, digamma, expit, ndtr

from pgvq.analysis.statistics import Floats
from pgvq.envs import Threshold
from pgvq.envs.choices import THRESHOLD, won
from pgvq.networks.torsos import MLP
from pgvq.ops import estimators
from pgvq.plotting.panels import COLORS, Curve, Panel, panels
from pgvq.study.definition import Claim, Finding, Say
from pgvq.types import Key, Params
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

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(100)  # of an integral over (-1, 1)


def gaussian_value(mean: ArrayLike, scale: float) -> Floats:
    """`E[sign(a - 1/2)] = 2 Φ(z) - 1` of `a ~ N(mean, scale²)`: `[...]` to `[...]`.

    `z = (mean - 1/2) / scale`, and Φ is the standard normal's distribution function.
    """
    return 2 * ndtr((np.asarray(mean, np.float64) - THRESHOLD) / scale) - 1


def gaussian_gradient(mean: ArrayLike, scale: float) -> Floats:
    """Derivative of `gaussian_value` in the mean, `2 φ(z) / scale`, φ the density."""
    z = (np.asarray(mean, np.float64) - THRESHOLD) / scale
    return 2 * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / scale


def beta_value(mean: ArrayLike, concentration: float) -> Floats:
    """`E[sign(a - 1/2)] = 1 - 2 I_{1/2}(κ mean, κ (1 - mean))`, `a` of that Beta.

    `mean` `[...]` in (0, 1) to `[...]`; κ is the concentration and I the regularised
    incomplete beta function.
    """
    mean = np.asarray(mean, np.float64)
    alpha, beta = concentration * mean, concentration * (1 - mean)
    return 1 - 2 * betainc(alpha, beta, THRESHOLD)


def beta_gradient(mean: ArrayLike, concentration: float) -> Floats:
    """Derivative of `beta_value` in the mean: `E[sign(a - 1/2) ∂ log p(a) / ∂ mean]`.

    The score has mean zero, so the integral over one side of 1/2 is enough, twice. It
    is taken on the side away from the mean, where the density is smooth, by Gauss and
    Legendre's rule with 100 nodes.

    Args:
        mean: `[...]`, in (0, 1).
        concentration: κ, at least 4, where this is exact to 1e-6.

    Returns:
        `[...]`.
    """
    mean = np.asarray(mean, np.float64)[..., None]
    above = mean < THRESHOLD  # the side that is integrated over
    offset = (1 + _NODES) / 4  # (0, 1/2)
    action = np.where(above, THRESHOLD + offset, THRESHOLD - offset)
    alpha, beta = concentration * mean, concentration * (1 - mean)
    log_density = (
        (alpha - 1) * np.log(action)
        + (beta - 1) * np.log1p(-action)
        - betaln(alpha, beta)
    )
    log_odds = np.log(action) - np.log1p(-action)
    score = concentration * (log_odds - digamma(alpha) + digamma(beta))
    sides = np.where(above, 2.0, -2.0)[..., 0]
    return sides * np.sum(np.exp(log_density) * score * _WEIGHTS / 4, axis=-1)


def smoothed_slope(action: ArrayLike, temperature: ArrayLike) -> Floats:
    """Derivative of `2 σ((a - 1/2) / t) - 1` in a: `2 σ(x) σ(-x) / t`.

    `[...]` each, and `[...]`; the temperature t is > 0.
    """
    temperature = np.asarray(temperature, np.float64)
    scaled = (np.asarray(action, np.float64) - THRESHOLD) / temperature
    return 2 * expit(scaled) * expit(-scaled) / temperature


def smoothed_optimum(temperature: ArrayLike, cost: float) -> Floats:
    """Which a in [0, 1] maximises `2 σ((a - 1/2) / t) - 1 - cost * a`.

    The slope is zero at `1/2 + 2 t arccosh(1 / √(2 t cost))`, where `2 t cost <= 1`,
    and at its mirror image, a minimum. The largest value is there (within the interval)
    or at 0, and for higher temperatures at 0, the wrong side of the threshold. The game
    itself has its best value just above 1/2.

    Args:
        temperature: `[...]`, t > 0.
        cost: of a unit of a, in (0, 2).

    Returns:
        `[...]`.
    """
    temperature = np.asarray(temperature, np.float64)
    steepness = np.minimum(2 * temperature * cost, 1.0)
    inner = THRESHOLD + 2 * temperature * np.arccosh(1 / np.sqrt(steepness))
    inner = np.minimum(inner, 1.0)
    nothing = np.zeros_like(inner)
    better = smoothed_value(inner, temperature, cost) > smoothed_value(
        nothing, temperature, cost
    )
    return np.where(better, inner, nothing)


def smoothed_value(
    action: ArrayLike, temperature: ArrayLike, cost: float = 0.0
) -> Floats:
    """`2 σ((a - 1/2) / t) - 1 - cost * a`: `[...]` each, and `[...]`."""
    action = np.asarray(action, np.float64)
    scaled = (action - THRESHOLD) / np.asarray(temperature, np.float64)
    return 2 * expit(scaled) - 1 - cost * action


GAME = Threshold()
SCALE = 0.2  # standard deviation of the Gaussian policy
CONCENTRATION = 10.0  # of the Beta policy
BATCH = 16  # actions per gradient step of the score function
RATE = 0.1  # of plain gradient steps
START = 0.2  # the output before the first, on the wrong side
COST = 0.5  # of a unit of a, where the optimum is looked for
UPPER_START = 0.6  # the output from where it is looked for

Slope = Callable[[Array, Key], Array]  # output [] and a key to d reward / d output


class Player(nn.Module):
    """One number in (0, 1) for an observation: four tanh units and a sigmoid."""

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        """`[N, 1]` to `[N]`."""
        hidden = MLP((4,), activation=nn.tanh)(obs)
        return nn.sigmoid(nn.Dense(1, name="output")(hidden))[..., 0]


def output(params: Params) -> Array:
    """The network's answer to the game's only observation, `[]`."""
    answer: Any = Player().apply(params, jnp.ones((1, 1)))
    return answer[0]


def init(key: Key, start: float | Array) -> Params:
    """Random weights, with the last bias such that the output is `start`."""
    params: Any = Player().init(key, jnp.ones((1, 1)))
    now = jax.scipy.special.logit(output(params))
    bias = params["params"]["output"]["bias"]
    wanted = bias + jax.scipy.special.logit(jnp.asarray(start)) - now
    inner = {**params["params"], "output": {**params["params"]["output"]}}
    inner["output"]["bias"] = wanted
    return {"params": inner}


def random_networks(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Gradients of `count` networks with standard normal weights, by autodiff.

    Returns, each `[count]`: the output `output`; `own`, the largest derivative of the
    output in any weight; and `reward`, that of the game's reward.
    """
    keys = jax.random.split(jax.random.key(seed), count)
    return {name: np.asarray(x) for name, x in _gradient_sizes(keys).items()}


@quick_jit
def _gradient_sizes(keys: Key) -> dict[str, Array]:
    def one(key: Key) -> dict[str, Array]:
        params = init(key, 0.5)
        leaves, tree = jax.tree.flatten(params)
        drawn = [
            jax.random.normal(k, leaf.shape)
            for k, leaf in zip(jax.random.split(key, len(leaves)), leaves, strict=True)
        ]
        params = jax.tree.unflatten(tree, drawn)
        own = jax.grad(output)(params)
        reward = jax.grad(lambda p: GAME.reward(output(p)))(params)
        return {"output": output(params), "own": _size(own), "reward": _size(reward)}

    return jax.vmap(one)(keys)


def _size(tree: Params) -> Array:
    return jnp.max(jnp.stack([jnp.abs(x).max() for x in jax.tree.leaves(tree)]))


def gaussian_slopes(mean: Array, key: Key) -> Array:
    """The score function of a Gaussian policy, a sample for each mean: `[...]`."""
    noise = jax.random.normal(key, mean.shape)
    action = estimators.pathwise(mean, SCALE, noise)
    return GAME.reward(action) * estimators.gaussian_score(action, mean, SCALE)


def beta_slopes(mean: Array, key: Key) -> Array:
    """The score function of a Beta policy, a sample for each mean: `[...]`."""
    alpha, beta = CONCENTRATION * mean, CONCENTRATION * (1 - mean)
    # Beyond this single precision rounds log(1 - a) to minus infinity.
    action = jnp.clip(jax.random.beta(key, alpha, beta), 1e-6, 1 - 1e-6)
    return GAME.reward(action) * estimators.beta_score(action, mean, CONCENTRATION)


def pathwise_slopes(mean: Array, key: Key) -> Array:
    """Autodiff through the Gaussian policy's noise and the game's reward: `[...]`."""
    noise = jax.random.normal(key, mean.shape)

    def total(mean: Array) -> Array:
        return GAME.reward(estimators.pathwise(mean, SCALE, noise)).sum()

    return jax.grad(total)(mean)


def estimate_moments(outputs: np.ndarray, samples: int, seed: int = 0) -> pd.DataFrame:
    """Mean of each estimator of d E[reward] / d output, a row per policy and output.

    Args:
        outputs: `[P]`, means of the policies, in (0, 1).
        samples: N.
        seed: of all samples.

    Returns:
        Columns `policy`, `output`, `mean`, its standard `error`, `largest` by its size
        alone, and `exact`, the closed form.
    """
    found = jax.device_get(
        _sampled(jnp.float32(outputs), jax.random.key(seed), samples)
    )
    gaussian = gaussian_gradient(outputs, SCALE)
    exact = {
        "Gaussian": gaussian,
        "Beta": beta_gradient(outputs, CONCENTRATION),
        "Gaussian, pathwise": gaussian,
    }
    frames = []
    for policy, values in found.items():
        values = values.astype(np.float64)  # [N, P]
        columns = {
            "policy": policy,
            "output": outputs,
            "mean": values.mean(0),
            "error": values.std(0) / np.sqrt(samples),
            "largest": np.abs(values).max(0),
            "exact": exact[policy],
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


@partial(quick_jit, static_argnames="samples")
def _sampled(outputs: Array, key: Key, samples: int) -> dict[str, Array]:
    mean = jnp.broadcast_to(outputs, (samples, len(outputs)))
    return {
        "Gaussian": gaussian_slopes(mean, key),
        "Beta": beta_slopes(mean, key),
        "Gaussian, pathwise": pathwise_slopes(mean, key),
    }


def smoothed(temperature: float) -> Slope:
    """Autodiff of the smoothed reward; of the game's own at a temperature of 0."""
    game = Threshold(temperature=temperature)
    return lambda output, key: jax.grad(game.reward)(output)


def batched(slopes: Slope) -> Slope:
    """The mean of `BATCH` samples."""
    return lambda output, key: slopes(jnp.full(BATCH, output), key).mean()


METHODS: dict[str, Slope] = {
    "backpropagation": smoothed(0.0),
    "backpropagation, temperature 0.1": smoothed(0.1),
    "backpropagation, temperature 0.01": smoothed(0.01),
    "score function, Gaussian": batched(gaussian_slopes),
    "score function, Beta": batched(beta_slopes),
}


def learn(steps: int, seeds: int) -> dict[str, np.ndarray]:
    """Each method's outputs along its learning, `[S, K + 1]`, from `START`."""
    found = learnt_by_seed(partial(_one_seed, steps), seeds, claim=2)
    return {name: found[name] for name in METHODS}


def _one_seed(steps: int, key: Key) -> dict[str, Array]:
    key_init, key_steps = jax.random.split(key)
    start = init(key_init, START)

    def ascended(slope: Slope, params: Params, key: Key) -> tuple[Params, Array]:
        now, backward = jax.vjp(output, params)
        (gradient,) = backward(slope(now, key))
        return jax.tree.map(lambda p, g: p + RATE * g, params, gradient), now

    def step(learnt: dict[str, Params], key: Key):
        moved = {n: ascended(METHODS[n], p, key) for n, p in learnt.items()}
        return {n: p for n, (p, _) in moved.items()}, {
            n: a for n, (_, a) in moved.items()
        }

    keys = jax.random.split(key_steps, steps + 1)
    return jax.lax.scan(step, dict.fromkeys(METHODS, start), keys)[1]


def optima(temperatures: np.ndarray, steps: int) -> np.ndarray:
    """Where backpropagation of the smoothed reward less `COST * a` ends.

    One network for each of the temperatures `[...]`, by Adam from an output of
    `UPPER_START`; `[...]` outputs.
    """
    found = _all_optima(steps, jnp.float32(temperatures))
    return np.asarray(found, np.float64)


@partial(quick_jit, static_argnums=0)
def _all_optima(steps: int, temperatures: Array) -> Array:
    return jax.vmap(partial(_one_optimum, steps))(temperatures)


def _one_optimum(steps: int, temperature: Array) -> Array:
    adam = optax.adam(0.01)

    def loss(params: Params) -> Array:
        action = output(params)
        return COST * action - won(action, temperature)

    def step(carry: Any, _: None) -> tuple[Any, None]:
        params, state = carry
        changes, state = adam.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, changes), state), None

    params = init(jax.random.key(3), UPPER_START)
    (params, _), _ = jax.lax.scan(step, (params, adam.init(params)), None, steps)
    return output(params)


GAUSSIAN, BETA = COLORS["policy gradient"], COLORS["policy gradient dark"]
ITSELF, SMOOTHED = COLORS["backpropagation"], COLORS["other"]


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Three figures."""
    return [
        *draw_gradients(finding, folder),
        *draw_smoothing(finding, folder),
        *draw_learning(finding, folder),
    ]


def draw_gradients(finding: Finding, folder: Path) -> list[Path]:
    """The expected reward as the network's output moves, and its derivative."""
    a = np.linspace(0.02, 0.98, 193)
    step = np.where(a > THRESHOLD, 1.0, -1.0)
    values = [
        Curve("no noise", a, step, color=ITSELF),
        Curve("Gaussian policy", a, gaussian_value(a, SCALE), color=GAUSSIAN),
        Curve("Beta policy", a, beta_value(a, CONCENTRATION), color=BETA),
    ]
    moments = finding.tables["moments"]
    slopes = [Curve("no noise", a, np.zeros_like(a), color=ITSELF)]
    exact = {
        "Gaussian": gaussian_gradient(a, SCALE),
        "Beta": beta_gradient(a, CONCENTRATION),
    }
    for policy, color in (("Gaussian", GAUSSIAN), ("Beta", BETA)):
        slopes.append(Curve(f"{policy} policy", a, exact[policy], color=color))
        slopes.append(dots(moments, policy, color))
    slopes.append(dots(moments, "Gaussian, pathwise", SMOOTHED, "pathwise, Gaussian"))
    return panels(
        folder / "gradients",
        "The network is differentiable and its reward a jump: what is there to climb?",
        "Threshold: expected reward of a policy whose mean is the network's output",
        [
            Panel("expected reward", "output of the network", "reward", values),
            Panel("its derivative", "output of the network", "per output", slopes),
        ],
        f"Lines are exact. Dots are means of {finding.numbers['samples']:,.0f} "
        "estimates by the score function, and by the pathwise derivative, with bars of "
        f"two standard errors. Gaussian policy: standard deviation {SCALE:g}; Beta "
        f"policy: concentration {CONCENTRATION:g}.",
    )


def dots(moments: pd.DataFrame, policy: str, color: str, name: str = "") -> Curve:
    """Measured means with bars of two standard errors."""
    rows = moments[moments.policy == policy]
    return with_errors(name, rows, "output", color=color, **DOTS)


def draw_smoothing(finding: Finding, folder: Path) -> list[Path]:
    """How far a smoothed reward is felt, and where its optimum lies."""
    t = np.geomspace(0.005, 2, 200)
    felt = slope_curves(finding.tables["slopes"], t)
    best = smoothed_optimum(t, COST)
    found = finding.tables["optima"]
    earned = np.where(best > THRESHOLD, 1.0, -1.0) - COST * best
    x, y = found.temperature, found.found
    optima = [
        Curve("closed form", t, best, color=SMOOTHED),
        Curve("learnt", x, y, color=ITSELF, **DOTS),
    ]
    rewards = [
        Curve("closed form", t, earned, color=SMOOTHED),
        Curve("learnt", x, found.earned, color=ITSELF, **DOTS),
    ]
    label = "temperature"
    return panels(
        folder / "smoothing",
        "What if the jump is smoothed, so that backpropagation has something to climb?",
        "Threshold with the reward 2 σ((a - 1/2) / temperature) - 1",
        [
            Panel(
                "slope of the smoothed reward, by the distance from the jump",
                label,
                "per output",
                felt,
                x_log=True,
                y_log=True,
                y_limits=(1e-8, 1e2),
            ),
            Panel(
                "its best output, at a cost",
                label,
                "output",
                optima,
                x_log=True,
                lines={"best in the game": THRESHOLD},
            ),
            Panel(
                "what that earns in the game itself",
                label,
                "reward",
                rewards,
                x_log=True,
                lines={"best in the game": 1 - COST * THRESHOLD},
            ),
        ],
        f"The cost is {COST:g} of a unit of output. Lines are closed forms. Dots: "
        "autodiff in single precision (first), and where backpropagation of the "
        "smoothed reward ends, one network per temperature (the other two).",
    )


def slope_curves(slopes: pd.DataFrame, temperatures: np.ndarray) -> list[Curve]:
    """Of each distance the closed form along `[K]` temperatures, and autodiff's."""
    shades = ("Q-learning dark", "Q-learning", "Q-learning light", "other light")
    curves = []
    for distance, shade in zip(sorted(slopes.distance.unique()), shades, strict=True):
        color = COLORS[shade]
        exact = smoothed_slope(THRESHOLD - distance, temperatures)
        rows = slopes[(slopes.distance == distance) & (slopes.slope > 0)]
        curves += [
            Curve(f"{distance:g} away", temperatures, exact, color=color),
            Curve("", rows.temperature, rows.slope, color=color, **DOTS),
        ]
    return curves


def draw_learning(finding: Finding, folder: Path) -> list[Path]:
    """The output of every method's network as it learns."""
    shades = (ITSELF, SMOOTHED, COLORS["other light"], GAUSSIAN, BETA)
    colors = dict(zip(METHODS, shades, strict=True))
    dashed = ("backpropagation, temperature 0.01",)
    table = finding.tables["learning"]
    curves = learning_curves(table, colors, dashed)
    return panels(
        folder / "learning",
        "Which way of learning crosses the threshold?",
        "Output of the network; above the line it wins",
        [
            Panel(
                "network's output",
                "gradient steps",
                "output",
                curves,
                lines={"threshold": THRESHOLD},
                y_limits=(0.0, 1.0),
            )
        ],
        f"{finding.numbers['seeds']:.0f} seeds from an output of {START:g}; "
        f"{BAND}. The score function has {BATCH} sampled actions per "
        "gradient step.",
    )


OUTPUTS = np.linspace(0.1, 0.9, 17)  # of the network, at which gradients are estimated
DISTANCES = (0.05, 0.1, 0.2, 0.4)  # from the threshold
SLOPE_TEMPERATURES = np.geomspace(0.01, 2, 12)
OPTIMUM_TEMPERATURES = np.array([0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 1.5])
FAR = 0.3  # the distance whose slopes are numbers of the text


def measure(
    say: Say,
    *,
    networks: int = 10_000,
    samples: int = 10_000,
    steps: int = 200,
    seeds: int = 10,
    optimum_steps: int = 1_500,
) -> Finding:
    """Gradients of random networks, their estimates, learning, the smoothed optimum."""
    say("gradients of random networks (1 of 4)")
    drawn = random_networks(networks)
    say("score functions of Gaussian and Beta policies (2 of 4)")
    moments = estimate_moments(OUTPUTS, samples)
    say("learning curves, every method (3 of 4)")
    learnt = learn(steps, seeds)
    say("optima of the smoothed reward (4 of 4)")
    optima = optimum_table(optimum_steps)
    numbers: dict[str, float] = {
        "networks": networks, "samples": samples, "steps": steps, "seeds": seeds,
        "scale": SCALE, "concentration": CONCENTRATION, "cost": COST, "start": START,
        "upper_start": UPPER_START, "batch": BATCH, "best": 1 - COST * THRESHOLD,
    }  # fmt: skip
    numbers |= gradient_numbers(drawn, moments)
    numbers |= learning_numbers(learnt) | optimum_numbers(optima)
    every = np.arange(steps + 1)
    return Finding(
        numbers=numbers,
        tables={
            "moments": moments.round(6),
            "slopes": slope_table(),
            "learning": learning_table(learnt, every),
            "optima": optima,
            "methods": methods_shown(learnt, every),
            "smoothing": smoothing_shown(optima),
        },
        expectations=expectations(numbers),
    )


def slope_table() -> pd.DataFrame:
    """Autodiff of the smoothed reward by distance below the threshold and temperature.

    In single precision, so that what vanishes there is zero here.
    """
    distance, temperature = np.meshgrid(DISTANCES, SLOPE_TEMPERATURES, indexing="ij")
    output = THRESHOLD - distance

    def total(output: jax.Array) -> jax.Array:
        return won(output, jnp.float32(temperature)).sum()

    slope = np.asarray(jax.grad(total)(jnp.float32(output)))
    columns = {"distance": distance, "temperature": temperature, "slope": slope}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def optimum_table(steps: int) -> pd.DataFrame:
    """The smoothed optimum by temperature: in closed form, found, and what it earns."""
    found = optima(OPTIMUM_TEMPERATURES, steps)
    exact = smoothed_optimum(OPTIMUM_TEMPERATURES, COST)
    earned = np.where(found > THRESHOLD, 1.0, -1.0) - COST * found
    columns = {
        "temperature": OPTIMUM_TEMPERATURES,
        "exact": exact,
        "found": found,
        "earned": earned,
    }
    return pd.DataFrame(columns)


def gradient_numbers(
    drawn: dict[str, np.ndarray], moments: pd.DataFrame
) -> dict[str, float]:
    """Shares of gradients that are zero, and how far estimates are off."""
    score = moments[moments.policy.isin(["Gaussian", "Beta"])]
    pathwise = moments[moments.policy == "Gaussian, pathwise"]
    near, far = smoothed_slope(THRESHOLD - FAR, np.array([0.1, 0.01]))
    found = {
        "zero_share": np.mean(drawn["reward"] == 0),
        "own_zero_share": np.mean(drawn["own"] == 0),
        "winning_share": np.mean(drawn["output"] > THRESHOLD),
        "score_z": ((score["mean"] - score.exact).abs() / score.error).max(),
        "pathwise_largest": pathwise.largest.max(),
        "far": FAR,
        "warm_slope": near,
        "cold_slope": far,
    }
    return {name: float(value) for name, value in found.items()}


def learning_numbers(learnt: dict[str, np.ndarray]) -> dict[str, float]:
    """The lowest and highest output at the end over the seeds, by method."""
    names = ("itself", "warm", "cold", "gaussian", "beta")
    found = {}
    for name, path in zip(names, (learnt[m] for m in METHODS), strict=True):
        found[f"{name}_lowest"] = float(path[:, -1].min())
        found[f"{name}_highest"] = float(path[:, -1].max())
    found["itself_moved"] = float(np.ptp(learnt["backpropagation"], axis=1).max())
    return found


def optimum_numbers(optima: pd.DataFrame) -> dict[str, float]:
    """How far the optimum found is from the closed form, and from the game's own."""
    warm = optima[optima.exact > THRESHOLD]
    hottest = optima.iloc[-1]
    return {
        "optimum_error": float((optima.found - optima.exact).abs().max()),
        "optimum_rises": float(np.all(np.diff(warm.found) > 0)),
        "coldest": float(optima.temperature.min()),
        "coldest_optimum": float(optima.found.iloc[0]),
        "hottest": float(hottest.temperature),
        "hottest_optimum": float(hottest.found),
        "hottest_earned": float(hottest.earned),
    }


def expectations(numbers: dict[str, float]) -> dict[str, bool]:
    """What was expected before the measurement, and whether it came so."""
    n = numbers
    return {
        "The gradient of the reward is exactly zero for every random network.": (
            n["zero_share"] == 1
        ),
        "The gradient of the network's output is zero for none of them.": (
            n["own_zero_share"] == 0
        ),
        "The mean of the score function is the exact gradient to within four of its "
        "standard errors, for every output, with a Gaussian and with a Beta policy.": (
            n["score_z"] < CRITICAL
        ),
        "The pathwise derivative through the Gaussian's noise is zero in every sample, "
        "though the expected reward has a gradient.": n["pathwise_largest"] == 0,
        "Backpropagation does not move the network at all.": n["itself_moved"] == 0,
        "The score function with a Gaussian policy crosses the threshold in every "
        "seed.": n["gaussian_lowest"] > THRESHOLD,
        "With a Beta policy it does so as well.": n["beta_lowest"] > THRESHOLD,
        "Backpropagation of the reward smoothed at a temperature of 0.1 crosses it in "
        "every seed.": n["warm_lowest"] > THRESHOLD,
        "At a temperature of 0.01 it crosses it in none.": (
            n["cold_highest"] < THRESHOLD
        ),
        "With a cost, backpropagation of the smoothed reward ends within 0.01 of the "
        "smoothed reward's own optimum, at every temperature.": (
            n["optimum_error"] < 0.01
        ),
        "That optimum moves away from the game's own as the temperature rises, and at "
        "the highest it lies on the wrong side of the threshold.": bool(
            n["optimum_rises"] and n["hottest_optimum"] < THRESHOLD
        ),
    }


def methods_shown(learnt: dict[str, np.ndarray], steps: np.ndarray) -> pd.DataFrame:
    """Where each method's network ends, and when the median is across."""
    return pd.DataFrame(
        {
            "method": list(learnt),
            "output at the end": [
                round(float(np.median(path[:, -1])), 2) for path in learnt.values()
            ],
            "seeds above the threshold": [
                f"{np.sum(path[:, -1] > THRESHOLD)} of {len(path)}"
                for path in learnt.values()
            ],
            "gradient steps until the median is across": [
                first_step(path, steps, THRESHOLD) for path in learnt.values()
            ],
        }
    )


def smoothing_shown(optima: pd.DataFrame) -> pd.DataFrame:
    """The optima with as many digits as they are worth."""
    return pd.DataFrame(
        {
            "temperature": optima.temperature,
            "best output, closed form": optima.exact.round(3),
            "output learnt": optima.found.round(3),
            "what it earns in the game": optima.earned.round(3),
        }
    )


TEXT = r"""
**The question.** A network answers with a number $a$ between 0 and 1, and earns +1 if
$a > 1/2$, else -1. Nothing is sampled, and the network is differentiable from end to
end. Is there a gradient now?

**Zero, almost everywhere.** By the chain rule the gradient is
$\frac{\partial r}{\partial a} \nabla a$, and the reward is flat on either side of its
jump. Of <<networks:,d>> networks with random weights (<<winning_share:.0%>> of which
win) <<zero_share:.1%>> had a gradient that was exactly zero; the derivative of their
output was zero for <<own_zero_share:.1%>>. At the jump itself there is no derivative,
but a network would have to hit it exactly.

**Noise smooths what cannot be differentiated.** If the network's output is the mean
$\mu$ of a policy, the *expected* reward is smooth. For a Gaussian policy with standard
deviation $s$

$$\mathbb{E}[r] = 2 \Phi(z) - 1, \quad z = \frac{\mu - 1/2}{s}, \qquad
\frac{d}{d\mu} \mathbb{E}[r] = \frac{2}{s} \varphi(z)
= \mathbb{E}\left[ r(a) \frac{a - \mu}{s^2} \right],$$

and the last form is the score function again: it asks for the reward of the actions
tried and not for its derivative. A Beta policy keeps its actions between 0 and 1; its
score has the digamma function in it and is used in the same way.

<<figure:gradients|Expected reward and its derivative against the network's output>>

The largest distance of a measured mean from the exact gradient is <<score_z:.1f>> of
its standard errors. Noise alone is not enough: the *pathwise* derivative, through
$a = \mu + s \epsilon$, differentiates the reward of each sample, and its largest value
was <<pathwise_largest:g>>.

**Or smooth the reward itself**, into $2 \, \mathrm{sigmoid}((a - 1/2) / \tau) - 1$ with
a temperature $\tau$. Backpropagation then works, on another game. Its slope a distance
$d$ from the jump is about $\frac{2}{\tau} e^{-d / \tau}$ where $\tau$ is small: at a
distance of <<far:.1f>> it is <<warm_slope:.2g>> at a temperature of 0.1 and
<<cold_slope:.1g>> at 0.01. And if an action costs something, <<cost:.1f>> of a unit of
$a$, the best action moves. In the game it lies just above 1/2 and earns <<best:.2f>>.
Smoothed with temperature $\tau$ and cost $c$ it is

$$a^{*} = \frac{1}{2} + 2 \tau \, \mathrm{arccosh} \frac{1}{\sqrt{2 \tau c}}$$

as long as that lies below 1, and 0 once $\tau$ is so large that paying nothing is
better.

<<figure:smoothing|Slopes of the smoothed reward, and its optimum, against temperature>>

<<table:smoothing>>

A low temperature is near the truth and out of reach, a high one the other way round.
(The networks of this table start at <<upper_start:.1f>>, on the right side. From the
wrong side a cold one feels the cost alone.)

**Learning**, from an output of <<start:.1f>>, without a cost:

<<figure:learning|Output of each method's network along its learning>>

<<table:methods>>

**What was expected, and what came.**

<<expectations>>
"""

threshold = Claim(
    name="threshold",
    title="The threshold: a differentiable network with nothing to climb",
    measure=measure,
    draw=draw,
    text=TEXT,
)
