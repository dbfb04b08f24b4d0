"""Claim: a succession of choices is learnt by backpropagation, given a derivative."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pgvq.claims import choice_curves, choice_sequence
from pgvq.claims.choice_sequence import BATCH, DIGITS, LENGTH, RATES, READING, WIDTH
from pgvq.plotting.panels import COLORS, Panel, Rows, panels
from pgvq.study.definition import Claim, Finding, Say

SUPERVISED = "backpropagation, right answers given"
BY_REWARD = "REINFORCE, a reward for the whole"
SHADES = {
    SUPERVISED: COLORS["backpropagation"],
    BY_REWARD: COLORS["policy gradient"],
}
WINDOW = 25  # gradient steps that a point of the curves averages over
LAST = 100  # gradient steps that "at the end" averages over
CHANCE = 1 / DIGITS


def measure(say: Say, *, steps: int = 1_500, seeds: int = 5) -> Finding:
    """Learns the task twice, by the right answers and by a reward, over `seeds`."""
    say("a sequence of digits, supervised and by reward (1 of 2)")
    supervised, by_reward = choice_sequence.learn(steps, seeds)
    runs = {SUPERVISED: supervised, BY_REWARD: by_reward}
    say("autodiff through the sampled sequence (2 of 2)")
    gradient = choice_sequence.autodiff(jax.random.key(5))
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient))
    last = min(LAST, steps)
    final = {name: shares[:, -last:].mean(1) for name, shares in runs.items()}
    answers = last * BATCH * LENGTH
    numbers: dict[str, float] = {
        "steps": steps, "seeds": seeds, "chance": CHANCE, "batch": BATCH,
        "length": LENGTH, "reading": READING, "width": WIDTH,
        "sequences": DIGITS**LENGTH, "autodiff_largest": largest,
        "supervised_rate": RATES["supervised"], "reward_rate": RATES["reward"],
        # of a share of right answers, of a network that guesses
        "guess_error": float(np.sqrt(CHANCE * (1 - CHANCE) / answers)),
    }  # fmt: skip
    for key, name in (("supervised", SUPERVISED), ("reward", BY_REWARD)):
        numbers[f"{key}_final"] = float(np.median(final[name]))
        numbers[f"{key}_lowest"] = float(final[name].min())
        numbers[f"{key}_highest"] = float(final[name].max())
    ends, smooth = smoothed(runs)
    per_seed = [
        {"method": name, "seed": seed, "share": round(float(share), 4)}
        for name, shares in final.items()
        for seed, share in enumerate(shares)
    ]
    return Finding(
        numbers=numbers,
        tables={
            "learning": choice_curves.learning_table(smooth, ends),
            "final": pd.DataFrame(per_seed),
            "methods": methods_shown(final, smooth, ends),
        },
        expectations=expectations(numbers),
    )


def smoothed(
    runs: dict[str, np.ndarray],
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Means of `WINDOW` steps: the last step of each `[K]`, and `[S, K]` by method."""
    steps = next(iter(runs.values())).shape[1]
    whole = steps // WINDOW * WINDOW
    ends = np.arange(WINDOW, whole + 1, WINDOW)
    means = {
        name: shares[:, :whole].reshape(len(shares), -1, WINDOW).mean(2)
        for name, shares in runs.items()
    }
    return ends, means


def methods_shown(
    final: dict[str, np.ndarray], smooth: dict[str, np.ndarray], ends: np.ndarray
) -> pd.DataFrame:
    """Where each way of learning ends, and when half of the answers are right."""
    return pd.DataFrame(
        {
            "learnt by": list(final),
            "right at the end": [f"{np.median(s):.1%}" for s in final.values()],
            "worst seed": [f"{s.min():.1%}" for s in final.values()],
            "best seed": [f"{s.max():.1%}" for s in final.values()],
            "gradient steps until half is right": [
                choice_curves.first_step(smooth[name], ends, 0.5) for name in final
            ],
        }
    )


def expectations(numbers: dict[str, float]) -> dict[str, bool]:
    """What was expected before the measurement, and whether it came so."""
    n = numbers
    above_chance = n["chance"] + 4 * n["guess_error"]
    return {
        "Backpropagation through time learns the succession of choices: more than 90 % "
        "of the answers are right at the end, in every seed.": (
            n["supervised_lowest"] > 0.9
        ),
        "Autodiff of the reward, through the network's own sampled answers, gives a "
        "gradient of exactly zero.": n["autodiff_largest"] == 0,
        "REINFORCE, told the share of right answers and no more, rises above chance by "
        "more than four standard errors in every seed.": (
            n["reward_lowest"] > above_chance
        ),
        "After as many steps its best seed is below the worst of backpropagation.": (
            n["reward_highest"] < n["supervised_lowest"]
        ),
    }


def draw(finding: Finding, folder: Path) -> list[Path]:
    """One figure: learning curves, and the seeds at the end."""
    curves = choice_curves.learning_curves(finding.tables["learning"], SHADES)
    final = finding.tables["final"]
    rows = {name: final[final.method == name].share for name in SHADES}
    chance = {"guessing": finding.numbers["chance"]}
    return panels(
        folder / "learning",
        "Is a succession of choices what backpropagation cannot learn?",
        f"A recurrent network reads {LENGTH} noisy digits and then names them in order",
        [
            Panel(
                "right answers while learning",
                "gradient steps",
                "share",
                curves,
                lines=chance,
                y_limits=(0.0, 1.0),
            ),
            Rows("right answers at the end", "share", rows, SHADES, chance),
        ],
        f"{finding.numbers['seeds']:.0f} seeds; {choice_curves.BAND}. Answers are "
        "sampled by the network, to sequences it has not seen before. Right: a dot per "
        f"seed, the mean of the last {LAST} steps; diamond and bar: interquartile mean "
        "and its 95 % interval.",
    )


TEXT = r"""
**The question.** A network that plays makes one choice after the other. Is it the
succession that backpropagation cannot deal with? Take a task without any game in it: a
recurrent network (a GRU of <<width:d>> units) reads <<length:d>> noisy pictures of
digits, <<reading:d>> columns of pixels one after the other, and then answers with
<<length:d>> digits one after the other. Each answer is sampled and fed back to it
before the next. There are <<sequences:,d>> sequences of digits, and guessing is right
in <<chance:.0%>> of the answers.

**Two ways to learn it.** Both descend the same function of the same network,

$$L = -\sum_{k} w \, \log \pi(y_k \mid y_1 \ldots y_{k-1}, \text{pictures}),$$

by backpropagation through all <<reading:d>> steps of reading and all answers:

- *supervised*, $y$ are the right answers (fed back instead of its own) and $w = 1$;
- *by reward*, $y$ are the network's own sampled answers and $w$ is the share of them
  that was right, less the minibatch's mean: REINFORCE.

In the first the loss says of every answer which one would have been better, for it has
a derivative with respect to each probability. In the second all that is known is one
number for the whole sequence. That number has no derivative: autodiff through the
sampled answers gave a gradient whose largest entry is <<autodiff_largest:g>>.

<<figure:learning|Share of right answers as it learns, supervised and by reward>>

<<table:methods>>

Minibatches of <<batch:d>> sequences, <<steps:,d>> gradient steps. Adam's learning rate
is the best for each of those tried (<<supervised_rate:g>> and <<reward_rate:g>>).
Whatever the second way lacks, it is not a way to backpropagate through time: it does
exactly that, at every step, with the log-probabilities of its own choices.

**What was expected, and what came.**

<<expectations>>
"""

sequence = Claim(
    name="sequence",
    title="A succession of choices is not the obstacle",
    measure=measure,
    draw=draw,
    text=TEXT,
)
