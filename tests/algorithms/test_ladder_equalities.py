"""Changes of class on the ladder that change one thing: the rest is the same update."""

import jax
import numpy as np
import pytest

from tests.helpers.probes import Delayed
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")


def parameters(algorithm, iterations=3):
    """What has been learnt after some iterations from one key."""

    @jax.jit
    def learnt(key):
        state = algorithm.init(key)
        step = lambda state, _: (algorithm.iterate(state)[0], None)  # noqa: E731
        return jax.lax.scan(step, state, length=iterations)[0].learner.params

    return jax.tree.leaves(learnt(jax.random.key(3)))


def are_close(one, other):
    return all(np.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))


def monte_carlo(rollout_length):
    """REINFORCE and actor-critic with all in common; episodes have two steps."""
    same = {"env": Delayed(), "rollout_length": rollout_length, "normalize": False}
    same |= {"learning_rate": 1e-2, "discount": 0.9, "max_grad_norm": 0.5}
    return (
        tiny("reinforce", baseline="value network", **same),
        tiny("actor_critic", lambda_=1.0, **same),
    )


def test_reinforce_is_actor_critic_where_rollouts_hold_whole_episodes():
    assert are_close(*map(parameters, monte_carlo(8)))


def test_reinforce_is_not_actor_critic_where_episodes_go_on():
    """Rollouts of 3 steps cut episodes of 2: only there the two differ."""
    assert not are_close(*map(parameters, monte_carlo(3)))


def test_one_epoch_of_ppo_is_actor_critic():
    """Of one minibatch: the ratio is 1, so that nothing is clipped."""
    same = {"learning_rate": 1e-2, "discount": 0.9, "lambda_": 0.7}
    critic = parameters(tiny("actor_critic", **same))
    ppo = {"num_epochs": 1, "num_minibatches": 1, "normalize": "batch", **same}
    assert are_close(critic, parameters(tiny("ppo", **ppo)))
    # A second epoch is what makes the difference.
    assert not are_close(critic, parameters(tiny("ppo", **ppo | {"num_epochs": 2})))
