"""Claim: the threshold, where a differentiable network has a gradient of zero."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pgvq.claims import choice_curves, choice_exact, choice_threshold
from pgvq.claims.choice_threshold import (
    BATCH,
    CONCENTRATION,
    COST,
    METHODS,
    SCALE,
    START,
    UPPER_START,
)
from pgvq.claims.choice_threshold_figures import draw
from pgvq.envs.choices import THRESHOLD, won
from pgvq.study.definition import Claim, Finding, Say

OUTPUTS = np.linspace(0.1, 0.9, 17)  # of the network, at which gradients are estimated
DISTANCES = (0.05, 0.1, 0.2, 0.4)  # from the threshold
SLOPE_TEMPERATURES = np.geomspace(0.01, 2, 12)
OPTIMUM_TEMPERATURES = np.array([0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 1.5])
FAR = 0.3  # the distance whose slopes are numbers of the text
CRITICAL = 4.0  # standard errors


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
    drawn = choice_threshold.random_networks(networks)
    say("score functions of Gaussian and Beta policies (2 of 4)")
    moments = choice_threshold.moments(OUTPUTS, samples)
    say("learning curves, every method (3 of 4)")
    learnt = choice_threshold.learn(steps, seeds)
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
            "learning": choice_curves.learning_table(learnt, every),
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
    found = choice_threshold.optima(OPTIMUM_TEMPERATURES, steps)
    exact = choice_exact.smoothed_optimum(OPTIMUM_TEMPERATURES, COST)
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
    near, far = choice_exact.smoothed_slope(THRESHOLD - FAR, np.array([0.1, 0.01]))
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
                choice_curves.first_step(path, steps, THRESHOLD)
                for path in learnt.values()
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
