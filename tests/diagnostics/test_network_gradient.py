"""The exact policy gradient against differences, a table's, and REINFORCE's mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import REINFORCE
from pgvq.algorithms.base import Learner, TrainState
from pgvq.diagnostics.credit import record
from pgvq.diagnostics.exact import action_values_of, observations, outcomes
from pgvq.diagnostics.exact_pong import SmallPong
from pgvq.diagnostics.gradient_exact import exact_policy_gradient, expected_visits
from pgvq.diagnostics.network_gradient import network_policy_gradient
from pgvq.envs import random_mdp
from pgvq.networks.torsos import MLP
from pgvq.ops.returns import lambda_returns
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

GAMMA = 0.8
MDP = random_mdp(2, 5, 3)
SMALL = SmallPong(width=4, height=4)


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def test_the_gradient_against_differences_of_the_exact_return():
    mdp = outcomes(SMALL)
    obs = np.asarray(observations(SMALL), np.float64)
    params = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)

    def value(weights):
        policy = softmax(obs @ weights)
        values = (policy * action_values_of(mdp, policy, GAMMA)).sum(axis=1)
        return mdp.start @ values

    got, gradient = network_policy_gradient(
        mdp, lambda p: jnp.asarray(obs, jnp.float32) @ p, jnp.asarray(params), GAMMA
    )
    assert got == pytest.approx(value(params), abs=1e-6)
    for entry in ((0, 0), (3, 1), (5, 2)):
        step = np.zeros(params.shape)
        step[entry] = 1e-5
        wanted = (value(params + step) - value(params - step)) / 2e-5
        assert float(gradient[entry]) == pytest.approx(wanted, abs=1e-6)


def test_the_gradient_of_a_table_is_the_dense_one():
    """Which is per agent step, so the mean length of an episode lies between."""
    logits = np.random.default_rng(1).normal(size=(5, 3))
    _, got = network_policy_gradient(
        outcomes(MDP), lambda p: p, jnp.asarray(logits, jnp.float32), GAMMA
    )
    wanted = exact_policy_gradient(MDP, logits, GAMMA, discounted_states=True)
    length = expected_visits(MDP, softmax(logits)).sum()
    np.testing.assert_allclose(got, wanted * length, atol=1e-6)


def test_the_mean_of_reinforce_is_the_exact_gradient():
    """grad log pi times discount^t G_t, summed over an episode, in 4,000 episodes.

    What comes after 60 agent steps counts one in a million.
    """
    algorithm = REINFORCE(env=SMALL, discount=GAMMA, torso=MLP(()))
    params = algorithm.init_learner(jax.random.key(0), jnp.zeros(6)).params
    params = jax.tree.map(
        lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(1), leaf.shape),
        params,
    )
    state = TrainState(Learner(params, ()), (), (), ())
    batch = record(algorithm, state, jax.random.key(2), num_envs=4_000, length=60).batch
    ended = batch.terminated | batch.truncated
    first = jnp.cumsum(ended, axis=0) - ended == 0
    zeros = jnp.zeros_like(batch.reward)
    returns = lambda_returns(
        batch.reward, zeros, batch.terminated, batch.truncated, GAMMA, 1.0
    )
    weight = first * returns * GAMMA ** jnp.arange(60.0)[:, None]

    def logits(params, obs):
        return algorithm.network.apply(params, obs)[0]

    def episode(obs, action, weight):
        def surrogate(params):
            log_probs = jax.nn.log_softmax(logits(params, obs))
            taken = jnp.take_along_axis(log_probs, action[:, None], axis=1)[:, 0]
            return jnp.sum(weight * taken)

        return jax.grad(surrogate)(params)["params"]["logits"]["kernel"]

    samples = jax.vmap(episode, in_axes=1)(batch.obs, batch.action, weight)
    error = np.asarray(samples.std(axis=0)) / np.sqrt(len(samples))
    _, exact = network_policy_gradient(
        outcomes(SMALL), lambda p: logits(p, observations(SMALL)), params, GAMMA
    )
    exact = np.asarray(exact["params"]["logits"]["kernel"])
    assert (np.abs(samples.mean(axis=0) - exact) < 4 * error).all()
    assert np.abs(exact).max() > 8 * error.max()


def test_what_has_no_gradient_is_said():
    with pytest.raises(InputError, match="discount=1"):
        network_policy_gradient(outcomes(MDP), lambda p: p, jnp.zeros((5, 3)), 1.0)
    with pytest.raises(InputError, match=r"shape \(4, 3\)"):
        network_policy_gradient(outcomes(MDP), lambda p: p, jnp.zeros((4, 3)), 0.9)
