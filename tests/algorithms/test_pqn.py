"""PQN by value: targets of whole rollouts, and what its updates run over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import PQN
from pgvq.networks.torsos import MLP
from pgvq.types import InputError, Transition
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

LENGTH, COUNT = 8, 4
WEIGHTS = np.array([[1.0, -2.0], [0.5, 1.0]], np.float32)  # [O, A]
BIAS = np.array([0.25, -0.5], np.float32)
LINEAR = {"params": {"q": {"kernel": WEIGHTS, "bias": BIAS}}}


def linear(**changes):
    """Q(s, a) is a linear function of the observation."""
    return tiny("pqn", torso=MLP(()), discount=0.9, **changes)


def random_rollout(seed):
    """Rows that have nothing to do with one another, so that mixing them up shows."""
    random = np.random.default_rng(seed)
    obs, next_obs = random.normal(size=(2, LENGTH, COUNT, 2)).astype(np.float32)
    reward = random.normal(size=(LENGTH, COUNT)).astype(np.float32)
    action = random.integers(2, size=(LENGTH, COUNT))
    terminated, truncated = random.random((2, LENGTH, COUNT)) < 0.15
    return Transition(obs, action, reward, next_obs, terminated, truncated)


def reference(batch, discount, lambda_):
    """Sutton & Barto 2018, eq. 12.3: the mixture of all n-step returns of each step.

    One n-step return after the other, up to the end of the episode or the rollout.
    """
    value = (batch.next_obs @ WEIGHTS + BIAS).max(axis=-1)
    returns = np.zeros((LENGTH, COUNT))
    for t, env in np.ndindex(LENGTH, COUNT):
        earned, share = 0.0, 1.0
        for k in range(LENGTH - t):
            here = t + k, env
            earned += discount**k * batch.reward[here]
            ahead = 0.0 if batch.terminated[here] else discount ** (k + 1) * value[here]
            ends = batch.terminated[here] or batch.truncated[here]
            if ends or k == LENGTH - t - 1:
                returns[t, env] += share * (earned + ahead)
                break
            returns[t, env] += share * (1 - lambda_) * (earned + ahead)
            share *= lambda_
    return returns


@pytest.mark.parametrize("lambda_", [0.0, 0.65, 1.0])
def test_targets_against_all_n_step_returns(lambda_):
    """Pitfall 2: values are those of `next_obs`, with ends and the rollout's edge."""
    algorithm = linear(lambda_=lambda_)
    targets = jax.jit(algorithm.targets)
    for seed in range(3):
        batch = random_rollout(seed)
        assert batch.terminated.any()
        assert batch.truncated.any()
        wanted = reference(batch, 0.9, lambda_)
        np.testing.assert_allclose(targets(LINEAR, batch), wanted, rtol=1e-4, atol=1e-5)


def test_golden_loss_and_gradient():
    """Q(s, 1) is 1 * -2 + 2 * 1 - 0.5 = -0.5 and the target 1.5."""
    algorithm = linear()
    row = jnp.array([[1.0, 2.0]]), jnp.array([1]), jnp.array([1.5])
    loss = jax.jit(jax.value_and_grad(algorithm.loss, has_aux=True))
    (value, metrics), grads = loss(LINEAR, *row)
    np.testing.assert_allclose(value, 0.5 * 2.0**2, rtol=1e-6)
    np.testing.assert_allclose(metrics["q_mean"], -0.5, rtol=1e-6)
    np.testing.assert_allclose(grads["params"]["q"]["bias"], [0.0, -2.0], rtol=1e-6)
    np.testing.assert_allclose(
        grads["params"]["q"]["kernel"], [[0.0, -2.0], [0.0, -4.0]], rtol=1e-6
    )


@pytest.mark.parametrize("rate", [0.0, 1e-2])
def test_an_epoch_is_every_row_once(rate):
    """With a learning rate of 0 the minibatches' mean loss is that of the rollout.

    A row left out or used twice would change it. With another rate it changes, and
    both epochs of four minibatches are updates.
    """
    algorithm = linear(num_epochs=2, num_minibatches=4, learning_rate=rate)
    batch = random_rollout(0)
    learner = algorithm.init_learner(jax.random.key(0), batch.obs[0, 0])
    learner = learner._replace(params=jax.tree.map(jnp.array, LINEAR))
    update, key = jax.jit(algorithm.update), jax.random.key(1)
    after, metrics = update(learner, batch, key, jnp.int32(0))
    q_taken = (batch.obs @ WEIGHTS + BIAS)[
        *np.indices((LENGTH, COUNT)), np.array(batch.action)
    ]
    error = reference(batch, 0.9, 0.65) - q_taken
    got = metrics["q_mean"], metrics["loss"]
    wanted = q_taken.mean(), (0.5 * error**2).mean()
    assert np.allclose(got, wanted, rtol=1e-5) == (rate == 0)
    assert after.opt_state[1].count == algorithm.updates_per_iteration == 2 * 4


def test_targets_hold_still_during_an_iteration():
    """What an update regresses on is what the parameters before it said.

    One row, seen from itself: Q is q, its goal 0.9 q. A hundred steps of Adam reach
    that goal; a goal that moved along would fall towards zero.
    """
    algorithm = linear(
        num_envs=1,
        rollout_length=1,
        num_epochs=300,
        num_minibatches=1,
        learning_rate=1e-2,
    )
    obs, no = jnp.zeros((1, 1, 2)), jnp.zeros((1, 1), bool)
    batch = Transition(obs, jnp.zeros((1, 1), int), jnp.zeros((1, 1)), obs, no, no)
    learner = algorithm.init_learner(jax.random.key(0), obs[0, 0])
    params = {"params": {"q": {"kernel": jnp.zeros((2, 2)), "bias": jnp.ones(2)}}}
    learner = learner._replace(params=params)
    update, key = jax.jit(algorithm.update), jax.random.key(1)
    after, _ = update(learner, batch, key, jnp.int32(0))
    np.testing.assert_allclose(after.params["params"]["q"]["bias"], [0.9, 1], atol=1e-3)


def test_layers_are_normalised_unless_told_otherwise():
    """Its stability without a target network rests on that (Gallici et al. 2024)."""
    learner = jax.eval_shape(PQN().init_learner, jax.random.key(0), jnp.zeros(6))
    layers = learner.params["params"]["torso"]
    assert sum(name.startswith("LayerNorm") for name in layers) == 2


def test_metrics_say_what_the_schedules_do():
    """In the second iteration of ten of 32 agent steps, half of which explore."""
    algorithm = linear(
        budget=320.0, exploration_fraction=0.5, epsilon_start=1.0, epsilon_end=0.0
    )
    batch = random_rollout(0)
    learner = algorithm.init_learner(jax.random.key(0), batch.obs[0, 0])
    update, key = jax.jit(algorithm.update), jax.random.key(1)
    _, metrics = update(learner, batch, key, jnp.int32(32))
    np.testing.assert_allclose(metrics["epsilon"], 1 - 32 / 160, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_minibatches": 7}, "num_minibatches=7 must divide .* = 32; use 4"),
        ({"num_minibatches": 0}, "num_minibatches=0"),
        ({"num_epochs": 0}, "num_epochs=0"),
        ({"lambda_": 1.1}, "lambda_=1.1"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(changes, message):
    with pytest.raises(InputError, match=message):
        tiny("pqn", **changes)
