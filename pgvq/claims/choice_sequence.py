"""A succession of choices: a recurrent network reads digits and names them in order.

It sees the columns of noisy pictures, one after the other, and then chooses a digit for
each of them, told what it has chosen so far. Supervised or by reward, the loss is
`-weight * log π(answer)`; what differs is whose answer it is and what it weighs.
Letters: B sequences of a minibatch, D digits of a sequence, T steps of reading and
answering, C = 10 digits to choose from.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.claims.choice_programs import quick_jit
from pgvq.networks.heads import RecurrentActorCritic, unroll
from pgvq.networks.torsos import MLP
from pgvq.ops.losses import log_prob, policy_gradient_loss
from pgvq.ops.optimizers import adam, apply_gradients
from pgvq.types import Key, Params

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
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(4)))(jnp.arange(seeds))
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
