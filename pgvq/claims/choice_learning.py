"""Learning `LeftOrRight`, one sampled action at a time, by every way of doing it."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.claims.choice_gradients import (
    CURVES,
    GAME,
    NO_BASELINE,
    SHIFT,
    SHIFTED,
    Curve,
    Samples,
    backpropagation,
    gumbel_softmax,
    straight_through,
)
from pgvq.claims.choice_programs import quick_jit
from pgvq.ops import estimators
from pgvq.ops.exploration import epsilon_greedy
from pgvq.ops.losses import action_value, squared_error
from pgvq.types import Key

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
    curve: Curve, temperature: float | None, logits: Array, key: Key
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
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(1)))(jnp.arange(seeds))
    found = jax.device_get(_all_seeds(steps, keys))
    return {name: np.asarray(found[name]) for name in METHODS}


@partial(quick_jit, static_argnums=0)
def _all_seeds(steps: int, keys: Key) -> dict[str, Array]:
    return jax.vmap(partial(_one_seed, steps))(keys)


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
