"""Every algorithm on environments whose values are known exactly, to a hundredth.

What is learnt here in a second is the target itself: termination, truncation, what
follows what, and the way from a reward to the action that earned it.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import DQN, PPO, PQN, REINFORCE, SAC, ActorCritic
from pgvq.networks.torsos import MLP
from pgvq.ops.losses import expected_value
from tests.helpers.probes import Clock, Delayed, Match, OneStep

pytestmark = pytest.mark.usefixtures("light_compilation")

COMMON = {
    "num_envs": 8,
    "torso": MLP((16,)),
    "discount": 0.5,
    "learning_rate": 1e-2,
    "max_grad_norm": 10.0,
}
POLICY = {
    **COMMON,
    "entropy_coef": 0.0,
    "value_coef": 1.0,
    "rollout_length": 8,
    "budget": 400 * 64,
}
REPLAY = {
    **COMMON,
    "rollout_length": 2,
    "replay_ratio": 1 / 16,
    "batch_size": 32,
    "warmup_steps": 64,
    "capacity": 512,
    "budget": 400 * 16,
}
LEARNERS = {
    "reinforce": partial(REINFORCE, baseline="value network", **POLICY),
    "actor_critic": partial(ActorCritic, lambda_=0.9, **POLICY),
    "ppo": partial(PPO, num_epochs=2, num_minibatches=4, **POLICY),
    # Policy and critic share a memory: normalised, the noise of advantages that are
    # almost zero would move the values for ever.
    "actor_critic with a memory": partial(
        ActorCritic, memory_size=8, normalize=False, lambda_=0.9, **POLICY
    ),
    # Entropy costs so little that the soft values are the hard ones.
    "sac": partial(
        SAC, temperature=1e-3, tune_temperature=False, target_rate=0.1, **REPLAY
    ),
    "dqn": partial(DQN, target_period=10, epsilon_end=0.1, **REPLAY),
    "pqn": partial(
        PQN,
        **{**COMMON, "torso": MLP((16,), layer_norm=True)},
        rollout_length=8,
        num_epochs=1,
        num_minibatches=2,
        epsilon_end=0.1,
        budget=400 * 64,
    ),
}


@pytest.fixture(params=list(LEARNERS))
def trained(request):
    """A function that trains on an environment and returns values and actions there.

    Of observations `[K, *O]` at one time of an episode after the other; those at the
    first are what a memory has seen before it sees the second.
    """

    def train(env, *times):
        algorithm = LEARNERS[request.param](env=env)
        times = [jnp.array(obs, jnp.float32) for obs in times]

        @jax.jit
        def learn(key):
            def one(_, state):
                return algorithm.iterate(state)[0]

            state = jax.lax.fori_loop(0, 400, one, algorithm.init(key))
            return watch(algorithm, state, times, key)

        return jax.device_get(learn(jax.random.key(0)))

    return train


def watch(algorithm, state, times, key):
    """What the network says and the actions it prefers, `[times * K, ...]`."""
    params, memory = state.learner.params, algorithm.initial_memory(len(times[0]))
    lived = []
    for obs in times:
        outputs = outputs_of(algorithm, params, obs, *jax.tree.leaves(memory))
        action, memory = algorithm.act(state, obs, memory, key, greedy=True)
        lived.append((outputs, action))
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *lived)


def outputs_of(algorithm, params, obs, *memory):
    """Logits and state values, or action values alone."""
    if not isinstance(algorithm, SAC):
        return algorithm.network.apply(params, obs, *memory)
    logits = algorithm.logits(params, obs)
    q_values = algorithm.critics(params["critics"], obs).min(axis=0)
    return logits, expected_value(q_values, jax.nn.softmax(logits))


def values(outputs):
    """State values of either family: the critic's, or the best action's."""
    return outputs[1] if isinstance(outputs, tuple) else outputs.max(axis=-1)


def test_one_step_is_worth_its_reward(trained):
    outputs, _ = trained(OneStep(), [[1, 1]])
    np.testing.assert_allclose(values(outputs), [1.0], atol=1e-2)


def test_a_cut_by_the_clock_is_no_end(trained):
    """Pitfall 3: worth 1 / (1 - 0.5) = 2; taken for ends, the cuts leave 1.33."""
    outputs, _ = trained(Clock(), [[1, 1]])
    np.testing.assert_allclose(values(outputs), [2.0], atol=1e-2)


def test_a_delayed_reward_is_discounted_to_where_it_is_seen(trained):
    """Pitfall 2: values belong to the observation they are read at."""
    outputs, _ = trained(Delayed(), [[1, 0], [-1, 0]], [[1, 1], [-1, 1]])
    np.testing.assert_allclose(values(outputs), [0.5, -0.5, 1.0, -1.0], atol=1e-2)


def test_the_rewarded_action_is_found_and_its_value_known(trained):
    outputs, action = trained(Match(), [[1, 0], [-1, 0]])
    np.testing.assert_array_equal(action, [1, 0])
    if isinstance(outputs, tuple):
        chances = np.asarray(jax.nn.softmax(outputs[0]))
        np.testing.assert_allclose(chances[[0, 1], action], 1.0, atol=1e-2)
        np.testing.assert_allclose(outputs[1], 1.0, atol=2e-2)
    else:
        np.testing.assert_allclose(outputs, [[0, 1], [1, 0]], atol=1e-2)
