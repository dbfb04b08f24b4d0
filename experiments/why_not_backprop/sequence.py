"""Claim: a succession of choices is learnt by backpropagation, given a derivative.

A recurrent network reads digits and names them in order. It sees the columns of noisy
pictures, one after the other, and then chooses a digit for each of them, with its
choices so far among its inputs. Supervised or by reward, the loss is
`-weight * log π(answer)`; what differs is whose answer it is and what it weighs.
Letters: B sequences of a minibatch, D digits of a sequence, T steps of reading and
answering, C = 10 digits to choose from.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from pgvq.networks.heads import RecurrentActorCritic, unroll
from pgvq.networks.torsos import MLP
from pgvq.ops.losses import log_prob, policy_gradient_loss
from pgvq.ops.optimizers import adam, apply_gradients
from pgvq.plotting.panels import COLORS, Panel, Rows, panels
from pgvq.study.definition import Claim, Finding, Say
from pgvq.types import Key, Params
from why_not_backprop.choices import (
    BAND,
    first_step,
    learning_curves,
    learning_table,
    quick_jit,
    seed_keys,
)

ROWS, COLUMNS, DIGITS = 5, 3, 10  # pixels of a picture, digits to choose from
LENGTH = 3  # D
READING = LENGTH * COLUMNS  # steps before the first answer
NOISE = 0.2  # standard deviation added to each pixel, which is 0 or 1
BATCH = 32  # B
WIDTH = 32  # of the memory
# Of Adam, the best for each after 1,000 steps or more: of 2e-2, 1e-2, 3e-3 and 1e-3
# supervised, and of the last three by reward.
RATES = {"supervised": 2e-2, "reward": 3e-3}
MAX_NORM = 1.0

# A line per row of pixels, the ten digits side by side.
_PICTURES = """
### .#. ### ### #.# ### ### ### ### ###
#.# ##. ..# ..# #.# #.. #.. ..# #.# #.#
#.# .#. ### .## ### ### ### .#. ### ###
#.# .#. #.. ..# ..# ..# #.# .#. #.# ..#
### ### ### ### ..# ### ### .#. ### ###
"""


def pictures() -> np.ndarray:
    """The ten digits, `[C, 5 rows, 3 columns]`, 0 and 1."""
    lines = [line.split() for line in _PICTURES.split("\n") if line]
    pixels = np.array([[[c == "#" for c in part] for part in line] for line in lines])
    return np.moveaxis(pixels, 1, 0).astype(np.float32)


PICTURES = pictures()
NETWORK = RecurrentActorCritic(MLP(()), DIGITS, width=WIDTH, critic=False)


class Task(NamedTuple):
    """A minibatch of sequences."""

    columns: Array  # [READING, B, ROWS] what is read, with noise
    digits: Array  # [D, B] int32, the right answers


def draw_task(key: Key, count: int = BATCH) -> Task:
    """Fresh sequences; consumes `key`."""
    key_digits, key_noise = jax.random.split(key)
    digits = jax.random.randint(key_digits, (LENGTH, count), 0, DIGITS)
    # [D, B, rows, columns] to [D, columns, B, rows], and the first two to one
    seen = jnp.moveaxis(jnp.asarray(PICTURES)[digits], -1, 1)
    columns = seen.reshape(READING, count, ROWS)
    noise = NOISE * jax.random.normal(key_noise, columns.shape)
    return Task(columns + noise, digits)


def inputs(task: Task, answers: Array) -> Array:
    """What the network gets, `[T, B, ROWS + C + 1]`, when it answers `[D, B]`.

    Of each step: the column, the answer before, one-hot, and whether to answer now.
    """
    count = answers.shape[1]
    before = jax.nn.one_hot(answers[:-1], DIGITS)
    before = jnp.pad(before, ((READING + 1, 0), (0, 0), (0, 0)))
    columns = jnp.pad(task.columns, ((0, LENGTH), (0, 0), (0, 0)))
    now = (jnp.arange(READING + LENGTH) >= READING).astype(jnp.float32)
    now = jnp.broadcast_to(now[:, None, None], (READING + LENGTH, count, 1))
    return jnp.concatenate([columns, before, now], -1)


def log_probs(params: Params, task: Task, answers: Array) -> Array:
    """Log-probability of each answer `[D, B]`, given those before: `[D, B]`."""
    memory = jnp.zeros((answers.shape[1], WIDTH))
    seen = inputs(task, answers)
    never = jnp.zeros(seen.shape[:2], bool)
    logits, _, _ = unroll(NETWORK, params, seen, memory, never)
    return log_prob(logits[READING:], answers)


def sample(params: Params, task: Task, key: Key) -> Array:
    """The network's own answers `[D, B]`, each drawn given those before."""
    count = task.columns.shape[1]
    blank = inputs(task, jnp.zeros((LENGTH, count), jnp.int32))
    pixels, now = blank[..., :ROWS], blank[..., -1:]

    # The largest of logits with such noise is a sample of their softmax.
    noise = jax.random.gumbel(key, (READING + LENGTH, count, DIGITS))

    def step(carry: Any, row: Any) -> tuple[Any, Array]:
        memory, before = carry
        pixels, now, noise = row
        seen = jnp.concatenate([pixels, before, now], -1)
        logits, _, memory = _apply(params, seen, memory)
        answer = jnp.argmax(logits + noise, axis=-1)
        return (memory, jax.nn.one_hot(answer, DIGITS) * now), answer

    start = jnp.zeros((count, WIDTH)), jnp.zeros((count, DIGITS))
    _, answers = jax.lax.scan(step, start, (pixels, now, noise))
    return answers[READING:]


def _apply(params: Params, obs: Array, memory: Array) -> Any:
    return NETWORK.apply(params, obs, memory)


def reward(answers: Array, digits: Array) -> Array:
    """The share of a sequence's answers that is right: `[D, B]` twice to `[B]`."""
    return (answers == digits).mean(0)


def init(key: Key) -> Params:
    """Random weights."""
    return NETWORK.init(key, jnp.ones((1, ROWS + DIGITS + 1)), jnp.zeros((1, WIDTH)))


def loss(params: Params, task: Task, answers: Array, supervised: Array) -> Array:
    """What is descended; all that tells learning by reward from supervised learning.

    Args:
        params: of the network.
        task: the sequences.
        answers: `[D, B]`, the network's own.
        supervised: `[]` bool: the right answers, all of the same weight. Else the own
            ones, weighed by the reward of the whole sequence less the batch's mean.
    """
    earned = reward(answers, task.digits)
    target = jnp.where(supervised, task.digits, answers)
    weight = jnp.where(supervised, 1.0, earned - earned.mean())
    chosen = log_probs(params, task, target)
    weights = jnp.broadcast_to(weight, chosen.shape)
    return policy_gradient_loss(chosen, weights).sum(0).mean()


def learn(steps: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """The share of right answers in every minibatch, before learning from it.

    The answers are the network's own, sampled, to sequences it has not seen before.

    Returns:
        Two arrays `[S, K]`, of S seeds over K gradient steps: supervised, and by
        reward. A seed has the same first weights and the same sequences in both.
    """
    keys = seed_keys(seeds, 4)
    both = jnp.concatenate([keys, keys])
    supervised = jnp.arange(2 * seeds) < seeds
    shares = np.asarray(_learn_all(steps, both, supervised))
    return shares[:seeds], shares[seeds:]


@partial(quick_jit, static_argnums=0)
def _learn_all(steps: int, keys: Key, supervised: Array) -> Array:
    return jax.vmap(partial(_learn_one, steps))(keys, supervised)


def _learn_one(steps: int, key: Key, supervised: Array) -> Array:
    rate = jnp.where(supervised, RATES["supervised"], RATES["reward"])

    def step(carry: Any, key: Key) -> tuple[Any, Array]:
        params, state = carry
        key_task, key_answers = jax.random.split(key)
        task = draw_task(key_task)
        answers = sample(params, task, key_answers)
        gradient = jax.grad(loss)(params, task, answers, supervised)
        after = apply_gradients(params, state, gradient, rate, MAX_NORM)
        return after, reward(answers, task.digits).mean()

    key_init, key_steps = jax.random.split(key)
    params = init(key_init)
    start = params, adam(rate, MAX_NORM).init(params)
    return jax.lax.scan(step, start, jax.random.split(key_steps, steps))[1]


@quick_jit
def autodiff(key: Key) -> Params:
    """The gradient of the sampled answers' reward, by autodiff through the sampling."""
    key_init, key_task, key_answers = jax.random.split(key, 3)
    task = draw_task(key_task)

    def earned(params: Params) -> Array:
        answers = sample(params, task, key_answers)
        return reward(answers, task.digits).mean()

    return jax.grad(earned)(init(key_init))


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
    supervised, by_reward = learn(steps, seeds)
    runs = {SUPERVISED: supervised, BY_REWARD: by_reward}
    say("autodiff through the sampled sequence (2 of 2)")
    gradient = autodiff(jax.random.key(5))
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
            "learning": learning_table(smooth, ends),
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
                first_step(smooth[name], ends, 0.5) for name in final
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
    curves = learning_curves(finding.tables["learning"], SHADES)
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
        f"{finding.numbers['seeds']:.0f} seeds; {BAND}. Answers are "
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
