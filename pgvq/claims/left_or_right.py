"""Claim: left or right, where a sampled action has no gradient, and the ways out."""

import numpy as np
import pandas as pd

from pgvq.claims import choice_curves, choice_gradients, choice_learning
from pgvq.claims.choice_figures import draw
from pgvq.claims.choice_gradients import (
    CURVES,
    EXPECTED,
    HARD,
    NO_BASELINE,
    OPTIMAL,
    PROBABILITIES,
    SHIFT,
    SHIFTED,
    TEMPERATURES,
    gumbel_name,
    rows_of,
)
from pgvq.claims.choice_learning import Q_LEARNING, expected_reward
from pgvq.study.definition import Claim, Finding, Say

SHOWN = 0.3  # probability of left for which the table gives numbers
CRITICAL = 4.0  # standard errors
SAMPLED = (NO_BASELINE, EXPECTED, SHIFTED)
ROUNDING = 1e-5  # of single precision; a deviation below it is none


def measure(
    say: Say, *, samples: int = 10_000, steps: int = 300, seeds: int = 20
) -> Finding:
    """Moments of `samples` gradients per estimator, and learning curves of `seeds`."""
    say("gradients of a sampled action, every estimator (1 of 2)")
    moments = choice_gradients.moments(PROBABILITIES, samples)
    say("learning curves, every method (2 of 2)")
    learnt = choice_learning.learn(steps, seeds)
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
            "learning": choice_curves.learning_table(rewards, every),
            "values": choice_curves.learning_table(values, every),
            "estimators": estimators_shown(moments),
            "methods": methods_shown(rewards, every),
        },
        expectations=expectations(numbers),
    )


def gradient_numbers(moments: pd.DataFrame) -> dict[str, float]:
    """What the moments say about each question."""
    sampled = moments[moments.method.isin(SAMPLED) & (moments.deviation > ROUNDING)]
    exact = choice_gradients.exact_deviations(PROBABILITIES)
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
        "best_behaviour": 1 - choice_learning.EPSILON,
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
                choice_curves.first_step(path, steps, 0.5) for path in rewards.values()
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
