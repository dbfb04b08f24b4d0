"""A small network plays `Threshold`: its gradients, and what it learns from them.

Every method says how the reward changes with the network's output a; the network's own
backpropagation does the rest. Letters: S seeds, N samples, K gradient steps.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from flax import linen as nn
from jax import Array

from pgvq.claims import choice_exact
from pgvq.claims.choice_programs import quick_jit
from pgvq.envs import Threshold
from pgvq.envs.choices import won
from pgvq.networks.torsos import MLP
from pgvq.ops import estimators
from pgvq.types import Key, Params

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


def moments(outputs: np.ndarray, samples: int, seed: int = 0) -> pd.DataFrame:
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
    gaussian = choice_exact.gaussian_gradient(outputs, SCALE)
    exact = {
        "Gaussian": gaussian,
        "Beta": choice_exact.beta_gradient(outputs, CONCENTRATION),
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
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(2)))(jnp.arange(seeds))
    found = jax.device_get(_all_seeds(steps, keys))
    return {name: np.asarray(found[name]) for name in METHODS}


@partial(quick_jit, static_argnums=0)
def _all_seeds(steps: int, keys: Key) -> dict[str, Array]:
    return jax.vmap(partial(_one_seed, steps))(keys)


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
