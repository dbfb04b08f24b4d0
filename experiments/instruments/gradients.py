"""Instrument: policy-gradient estimates, their bias and variance, on Pong."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

from pgvq.algorithms import REINFORCE, ActorCritic
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.diagnostics.gradient_estimators import LAMBDAS
from pgvq.diagnostics.gradient_statistics import cosine_at
from pgvq.diagnostics.gradients import DISCOUNTED_RETURN, gradients_along_training
from pgvq.plotting.panels import COLORS, Curve, Panel, panels, table_curve
from pgvq.study.definition import Claim, Finding, Say

ACTOR_CRITIC = "actor-critic, λ = {:g}"
DEFAULT, ONE_STEP, N_STEP = (ACTOR_CRITIC.format(x) for x in (0.95, 0.0, 1.0))
NAMES = [ACTOR_CRITIC.format(lambda_) for lambda_ in LAMBDAS]
SHADES = ("policy gradient light", "policy gradient", "policy gradient dark")
SIZES = np.geomspace(500, 1e7, 60)  # agent steps of an estimate
COMPARED = {
    ONE_STEP: ("one-step actor-critic", COLORS["other light"]),
    DEFAULT: ("actor-critic, λ=0.95", COLORS["policy gradient"]),
    N_STEP: ("16-step actor-critic", COLORS["policy gradient dark"]),
    "REINFORCE, running mean": ("REINFORCE", COLORS["reference"]),
}


def when(trained: int) -> str:
    """A point of training in words."""
    return f"after {round(trained, -3):,} steps" if trained else "before training"


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Against lambda, and against the size of an estimate."""
    frame = finding.tables["lab"]
    files = panels(
        folder / "lambda",
        "How far should an advantage look ahead before it trusts the critic?",
        "Actor-critic's gradient on rollouts of 16 agent steps, against the λ of its "
        "returns, before and along training",
        lambda_panels(frame),
        caption(finding.numbers)
        + " Bars are 95 % intervals. λ = 0 believes the critic after one step, λ = 1 "
        "after 16. Cosines of means are corrected for noise, and cut where that leads "
        "above 1.",
    )
    points = sorted(set(frame.trained_steps))
    return files + panels(
        folder / "batch_size",
        "How many agent steps does a gradient need, before it points the right way?",
        "Cosine of one estimate with the reference, against the agent steps that it is "
        "made from",
        [size_panel(frame, point) for point in (points[0], points[-1])],
        caption(finding.numbers)
        + " Lines follow from the measured bias and noise; dots are estimates measured "
        "at the algorithm's own size. A line that levels off below 1 is biased, if the "
        "table's interval says so too.",
    )


def caption(numbers: Mapping[str, float]) -> str:
    return (
        f"One training of an actor-critic on Pong. Estimates from "
        f"{numbers['sampled_steps'] / 1e6:.1f}M agent steps per point, the reference "
        f"from {numbers['reference_steps'] / 1e6:.1f}M others."
    )


def lambda_panels(frame: pd.DataFrame) -> list[Panel]:
    """Bias, its direction, noise, and what is left of a single estimate."""
    return [
        Panel(
            title="Bias of the estimate",
            x_label="λ",
            y_label="of the reference's length",
            curves=_curves(frame, "relative_bias"),
            lines={"no bias": 0.0},
        ),
        Panel(
            title="Direction of the mean estimate",
            x_label="λ",
            y_label="cosine with the reference",
            curves=_curves(frame, "alignment", highest=1.0),
            lines={"no bias": 1.0},
            y_limits=(-0.5, 1.05),
        ),
        Panel(
            title="Signal to noise per agent step",
            x_label="λ",
            y_label="squared mean / variance",
            curves=_curves(frame, "signal_to_noise_per_step"),
            y_log=True,
        ),
        Panel(
            title="Direction of a single estimate",
            x_label="λ",
            y_label="cosine with the reference",
            curves=_curves(frame, "cosine"),
            lines={"pure noise": 0.0},
        ),
    ]


def _curves(frame: pd.DataFrame, name: str, highest: float = math.inf) -> list[Curve]:
    """A curve per point of training, cut at `highest`."""
    curves = []
    points = frame.groupby("trained_steps")
    for shade, (trained, part) in zip(SHADES, points, strict=False):
        part = part.set_index("estimator").loc[NAMES]
        ends = [name, f"{name}_low", f"{name}_high"]
        part = part.assign(**part[ends].clip(upper=highest))
        words, color = when(int(str(trained))), COLORS[shade]
        curves.append(
            table_curve(words, part, "lambda_", name, color=color, marker="o")
        )
    return curves


def size_panel(frame: pd.DataFrame, trained: int) -> Panel:
    """The cosine of larger and larger estimates, at one point of training."""
    rows = frame[frame.trained_steps == trained].set_index("estimator")
    curves = []
    for name, (words, color) in COMPARED.items():
        row = rows.loc[name]
        line = cosine_at(min(row.alignment, 1.0), row.noise_scale, SIZES)
        dot = [np.array([row[end]]) for end in ("cosine", "cosine_low", "cosine_high")]
        size = [row.agent_steps]
        curves += [
            Curve(words, SIZES, line, color=color),
            Curve("", size, *dot, color=color, dashes="", marker="o"),
        ]
    return Panel(
        title=when(trained)[0].upper() + when(trained)[1:],
        x_label="agent steps of the estimate",
        y_label="cosine with the reference",
        curves=curves,
        x_log=True,
        y_limits=(-0.3, 1.05),
        lines={"no bias, no noise": 1.0},
    )


def measure(
    say: Say,
    steps: Sequence[float] = (0, 1e5, 5e5),
    samples: int = 96,
    reference_samples: int = 512,
    agent: PolicyGradient | None = None,
    **settings: Any,
) -> Finding:
    """The gradient lab at three points of one training of an actor-critic."""
    agent = agent or ActorCritic()
    frame = gradients_along_training(
        agent,
        steps,
        key=jax.random.key(0),
        say=say,
        samples=samples,
        reference_samples=reference_samples,
        **settings,
    )
    return Finding(
        numbers=numbers(frame, agent, samples, reference_samples),
        tables={"lab": frame, "bias": shown_bias(frame), "noise": shown_noise(frame)},
        expectations=expectations(frame),
    )


def numbers(
    frame: pd.DataFrame, agent: PolicyGradient, samples: int, reference_samples: int
) -> dict[str, float]:
    """What the text cites."""
    last = frame[frame.trained_steps == frame.trained_steps.max()]
    last = last.set_index("estimator")
    group = int(last.loc[DISCOUNTED_RETURN, "agent_steps"])
    return {
        "discount": float(agent.discount),
        "rollout": int(last.loc[DEFAULT, "agent_steps"]),
        "sampled_steps": group * samples,
        "reference_steps": group * reference_samples,
        "trained_steps": int(frame.trained_steps.max()),
        "long_rollout": REINFORCE.rollout_length,
        "long_games": REINFORCE.num_envs,
        "default_cosine": last.loc[DEFAULT, "cosine"],
        "one_step_cosine": last.loc[ONE_STEP, "cosine"],
    }


def expectations(frame: pd.DataFrame) -> dict[str, bool]:
    """What was expected beforehand, and whether it is so."""
    points = [p.set_index("estimator") for _, p in frame.groupby("trained_steps")]
    first, last = points[0], points[-1]
    cosines = np.array([last.cosine[name] for name in NAMES])
    reinforce = "REINFORCE, running mean"
    return {
        "Before training, when the critic knows nothing, λ = 0 is more biased than "
        "λ = 1 over 16 steps.": bool(first.bias[ONE_STEP] > first.bias[N_STEP]),
        "Once the critic is trained it can be believed after one step: the mean of the "
        "λ = 0 estimate has a cosine above 0.5 with the reference.": bool(
            last.alignment[ONE_STEP] > 0.5
        ),
        "After training the variance of an estimate rises with λ.": bool(
            (np.diff([last.variance[name] for name in NAMES]) > 0).all()
        ),
        "After training a λ strictly between 0 and 1 has the best cosine with the "
        "reference.": 0 < int(np.argmax(cosines)) < len(NAMES) - 1,
        "After training λ = 0.95, the default, comes within a tenth of the best λ's "
        "cosine.": bool(cosines[NAMES.index(DEFAULT)] >= 0.9 * cosines.max()),
        "After training REINFORCE needs more agent steps than actor-critic with "
        "λ = 0.95 to see as much signal as noise.": bool(
            last.noise_scale[reinforce] > last.noise_scale[DEFAULT]
        ),
        "After training the value network is a better baseline for REINFORCE than the "
        "running mean: the variance is at least a tenth smaller.": bool(
            last.variance["REINFORCE, value network"] < 0.9 * last.variance[reinforce]
        ),
        "Noise is a larger problem than bias: no estimator's cosine with the reference "
        "exceeds 0.5, at any point.": bool((frame.cosine < 0.5).all()),
        "Nothing measured rules out that the gradient that everyone follows and that "
        "of the discounted return point the same way, to a cosine of 0.9.": all(
            p.alignment_high[DISCOUNTED_RETURN] > 0.9 for p in points
        ),
    }


def shown_bias(frame: pd.DataFrame) -> pd.DataFrame:
    """For the page: cosines of mean estimates with their intervals."""

    def cell(row: Any) -> str:
        if np.isnan(row.alignment):
            return "unknown"
        ends = [row.alignment, row.alignment_low, row.alignment_high]
        return "{:.2f} [{:.2f}, {:.2f}]".format(*np.clip(ends, -1, 1))

    return _shown(frame, cell)


def shown_noise(frame: pd.DataFrame) -> pd.DataFrame:
    """For the page: agent steps at which signal equals noise."""

    def cell(row: Any) -> str:
        known = np.isfinite(row.noise_scale) and row.noise_scale > 0
        return f"{rounded(row.noise_scale):,}" if known else "unknown"

    return _shown(frame[frame.estimator != DISCOUNTED_RETURN], cell)


def rounded(value: float) -> int:
    """To two significant digits."""
    return int(float(f"{value:.1e}"))


def _shown(frame: Any, cell: Any) -> pd.DataFrame:
    """A row per estimator, a column per point of training."""
    columns: dict[str, Any] = {}
    for trained, part in frame.groupby("trained_steps"):
        columns["estimator"] = list(part.estimator)
        columns["agent steps each"] = [f"{x:,}" for x in part.agent_steps]
        heading = when(int(str(trained)))
        columns[heading] = [cell(row) for row in part.itertuples()]
    return pd.DataFrame(columns)


TEXT = r"""
**Question.** A policy gradient is never computed, only estimated from games. How far is
an estimate from the truth on average (its bias), how much does it scatter (its
variance), and what does each method make of an agent step?

**Mathematics.** Let $d$ be the share of agent steps that a policy spends in each state.
What all of these methods estimate is the mean over agent steps

$$g = \mathbb{E}_{s \sim d, a \sim \pi}[\nabla \log \pi(a \mid s) \, A(s, a)]$$

and they differ in what they put in place of the advantage $A$, discounted by
<<discount:.2f>>. REINFORCE waits for the point to end and takes the return $G$, less a
baseline that does not depend on the action: no bias, but all the chance of what
followed. The one-step actor-critic takes $r + \gamma V(s') - V(s)$: little
chance, but what the critic $V$ does not know is lost. In between, $\lambda$ mixes
returns of all lengths. Here the reference for $g$ comes from complete returns in
<<reference_steps:,.0f>> agent steps per point of training, with no edges and nothing
bootstrapped. The noise of an estimate $\hat g$ falls with the $n$ agent steps that it
is made from, and

$$B = \frac{n \, \operatorname{tr} \operatorname{Cov}(\hat g)}{|\mathbb{E} \hat g|^2}$$

does not depend on $n$: from $B$ agent steps an estimate has as much noise as signal.
This is its *noise scale*; $1/B$ is the signal to noise that each agent step buys.

<<figure:lambda|Bias, signal to noise and direction of actor-critic's gradient, against
lambda, at three points of training>>

The cosine between the mean estimate and the reference is what no step size and no
amount of data mends. With its 95 % interval:

<<table:bias>>

The last row is not an estimator but another aim. Everybody weights states by how often
they are visited, also with a discount, and then $g$ is the gradient of no function
(Nota & Thomas 2020). The gradient of the discounted return would weight a step that
comes $t$ steps after a point begins by $\gamma^t$.

How many agent steps it takes until signal equals noise:

<<table:noise>>

"Signal" is the estimator's own mean here, whichever way it points: a critic that is
wrong can be wrong with very little noise. And an advantage is a small difference
between the values of neighbouring states, so that a critic may know the values well
and not the advantages. REINFORCE's estimates are made of
rollouts of <<long_rollout:.0f>> agent steps in <<long_games:.0f>> games,
actor-critic's of 16 steps, PPO's first step of a minibatch. One estimate of the default
actor-critic, from <<rollout:,.0f>> agent steps, has a cosine of
<<default_cosine:.2f>> with the reference after
<<trained_steps:,.0f>> agent steps of training, and that of λ = 0
<<one_step_cosine:.2f>>. A single estimate is no more than a vote: training takes one
such step after the other, and what all of them share adds up.

<<figure:batch_size|Cosine of an estimate with the reference against the agent steps
that it is made from>>

This second picture says which estimator to choose for a batch of a given size. To the
left noise decides and to the right bias: where a line levels off below 1, more games do
not help. (How sure the levels on the right are, say the intervals of the first table.)

**Expected beforehand, and found:**

<<expectations>>

Estimators are the algorithms' own losses, without the bonus for entropy and the
normalisation of advantages. On finite MDPs reference and bias are known in closed form,
and the lab's numbers are tested against them there.
"""

gradients = Claim(
    name="gradients",
    title="What a policy-gradient estimate is worth",
    measure=measure,
    draw=draw,
    text=TEXT,
)
