"""Estimators of the policy gradient: what is in their losses, and whom they fit."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import PPO, REINFORCE, ActorCritic
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.diagnostics.gradient_estimators import (
    as_estimator,
    check_estimators,
    example_observation,
    policy_names,
    standard_estimators,
    steps_spent,
    surrogate,
)
from pgvq.diagnostics.gradients import DISCOUNTED_RETURN, gradient_lab
from pgvq.envs import random_mdp
from pgvq.networks.torsos import MLP
from pgvq.ops.losses import log_prob, policy_gradient_loss
from pgvq.types import Transition
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)
MDP = random_mdp(0, 5, 3, termination=0.15, max_agent_steps=10_000)
RANDOM = np.random.default_rng(0)
SMALL = {"samples": 8, "reference_samples": 8, "burn_in": 4, "tail": 4}


def test_ppo_starts_with_the_gradient_of_actor_critic():
    common = {"env": MDP, "num_envs": 4, "rollout_length": 8, "torso": MLP((8,))}
    critic = as_estimator(ActorCritic(lambda_=0.95, **common))
    ppo = as_estimator(PPO(num_minibatches=1, **common))
    params = critic.init_learner(jax.random.key(0), jnp.zeros(5)).params
    states = RANDOM.integers(5, size=(2, 8, 4))
    batch = Transition(
        obs=jnp.eye(5)[states[0]],
        action=jnp.asarray(RANDOM.integers(3, size=(8, 4))),
        reward=jnp.float32(RANDOM.normal(size=(8, 4))),
        next_obs=jnp.eye(5)[states[1]],
        terminated=jnp.asarray(RANDOM.random((8, 4)) < 0.2),
        truncated=jnp.asarray(RANDOM.random((8, 4)) < 0.1),
    )

    @jax.jit
    def gradients(params):
        return [
            jax.grad(surrogate, argnums=1)(one, params, batch, jax.random.key(3))
            for one in (critic, ppo)
        ]

    one, other = gradients(params)
    chex.assert_trees_all_close(one, other, atol=1e-6)
    assert np.abs(one["params"]["logits"]["bias"]).max() > 1e-3
    assert steps_spent(ppo) == 32
    assert steps_spent(ppo.replace(num_minibatches=4)) == 8


def test_an_estimator_is_the_policy_gradient_alone():
    for algorithm in (REINFORCE(baseline="value network"), ActorCritic(), PPO()):
        alone = as_estimator(algorithm)
        assert (alone.entropy_coef, alone.value_coef) == (0.0, 0.0)
        assert alone.normalize in (False, "none")
        assert alone.discount == algorithm.discount


@pytest.mark.parametrize(
    ("algorithm", "names"),
    [
        (ActorCritic(env=MDP, torso=MLP(())), ("logits",)),
        (tiny("ppo", shared_torso=True), ("logits", "torso")),
        (tiny("actor_critic"), ("logits", "torso")),
        (
            tiny("actor_critic", memory_size=4),
            ("inputs", "logits", "recurrent", "torso"),
        ),
    ],
    ids=["linear", "shared", "separate", "memory"],
)
def test_the_critic_is_no_part_of_the_policy(algorithm, names):
    assert policy_names(algorithm) == names


NETWORKS = {
    "no critic": (tiny("reinforce"), 2),
    "shared": (tiny("actor_critic", shared_torso=True), 10),
    "separate": (tiny("ppo"), 11),
    "memory": (tiny("actor_critic", memory_size=4), 11),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_the_standard_estimators_fit_every_network(network):
    algorithm, count = NETWORKS[network]
    estimators = standard_estimators(algorithm)
    assert len(estimators) == count
    params = algorithm.init_learner(
        jax.random.key(0), example_observation(algorithm)
    ).params
    check_estimators(algorithm, estimators, params)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_the_standard_estimators_are_measured(network):
    algorithm, _ = NETWORKS[network]
    estimators = {
        name: one.replace(num_envs=4, rollout_length=8)
        for name, one in standard_estimators(algorithm).items()
        if "PPO" not in name
    }
    if algorithm.critic != "none":
        ppo = tiny("ppo", memory_size=algorithm.memory_size)
        ppo = ppo.replace(shared_torso=algorithm.critic == "shared")
        estimators["PPO, first step"] = as_estimator(ppo)
    frame = gradient_lab(
        algorithm, algorithm.init(jax.random.key(0)), estimators,
        key=jax.random.key(1), **SMALL,
    )  # fmt: skip
    assert list(frame.estimator) == [*estimators, DISCOUNTED_RETURN]
    assert (frame.variance > 0).all()
    assert not frame[["bias", "variance_low", "variance_high"]].isna().any().any()


class Own(PolicyGradient, kw_only=True):
    """A policy gradient of one's own, without a baseline."""

    def loss(self, params, batch):
        logits, _, returns = self.assess(params, batch, 1.0)
        loss = policy_gradient_loss(log_prob(logits, batch.action), returns)
        return loss.mean(), {}


OWN = Own(env=MDP, num_envs=4, rollout_length=8, torso=MLP((4,)))


def test_an_algorithm_of_ones_own_is_an_estimator():
    estimators = standard_estimators(OWN)
    assert list(estimators) == [
        "REINFORCE, no baseline",
        "REINFORCE, running mean",
        "Own",
    ]
    check_estimators(OWN, estimators, OWN.init_learner(KEY, jnp.zeros(5)).params)
    assert steps_spent(estimators["Own"]) == 32


@pytest.mark.slow
def test_an_algorithm_of_ones_own_is_measured():
    estimators = {"Own": as_estimator(OWN)}
    frame = gradient_lab(OWN, OWN.init(KEY), estimators, key=KEY, **SMALL)
    assert list(frame.estimator) == ["Own", DISCOUNTED_RETURN]
    assert list(frame.estimates) == [8, 8]
    assert (frame.variance > 0).all()
