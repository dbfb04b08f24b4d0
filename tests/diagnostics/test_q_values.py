"""The Q lab where the answer is known: tables that hold Q*, or Q* and a constant."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import DQN, PQN, Tabular
from pgvq.algorithms.base import TrainState
from pgvq.algorithms.tabular import TableLearner
from pgvq.diagnostics.exact import outcomes, value_iteration
from pgvq.diagnostics.exact_pong import SmallPong
from pgvq.diagnostics.q_training import values_along_training
from pgvq.diagnostics.q_values import (
    distance_to_best,
    over_estimation,
    overestimated,
    values_of,
)
from pgvq.envs import FiniteMDP
from pgvq.types import InputError
from tests.helpers.probes import Clock
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

GAMMA = 0.8
STATES, ACTIONS = 5, 3


def certain_mdp():
    """Without chance; under the best policy every episode ends within the clock."""
    random = np.random.default_rng(5)
    following = np.eye(STATES)[random.integers(STATES, size=(STATES, ACTIONS))]
    following[:, 0] = np.eye(STATES)[(np.arange(STATES) + 1) % STATES]
    rewards = random.uniform(-1, 0, (STATES, ACTIONS))
    rewards[-1, 0] = 5.0
    terminations = np.zeros((STATES, ACTIONS))
    terminations[-1, 0] = 1
    return FiniteMDP(following, rewards, terminations, 12)


MDP = certain_mdp()
BEST = value_iteration(outcomes(MDP), GAMMA)
TABLE = Tabular(env=MDP, discount=GAMMA, num_envs=4, rollout_length=4)


def state_with(algorithm, table):
    """A state whose learner alone is there, for nothing else is asked for."""
    learner = TableLearner(jnp.asarray(table, jnp.float32))
    return TrainState(learner, (), (), ())


def new_state(algorithm):
    shape = algorithm.env.observation_space(algorithm.params).shape
    learner = algorithm.init_learner(jax.random.key(0), jnp.zeros(shape))
    return TrainState(learner, (), (), ())


def measured(algorithm, table, **sizes):
    sizes = {"num_envs": 16, "max_steps": 64, **sizes}
    state = state_with(algorithm, table)
    return over_estimation(algorithm, state, jax.random.key(1), 3, **sizes)


@pytest.mark.parametrize("offset", [0.0, 0.7, -2.0])
def test_a_table_of_the_best_values_is_off_by_what_was_added_to_it(offset):
    found = measured(TABLE, BEST + offset)
    assert not found.bootstrapped[found.counted].any()
    error = np.asarray(found.estimated - found.obtained)[np.asarray(found.counted)]
    np.testing.assert_allclose(error, offset, atol=2e-6)
    assert float(found.bias) == pytest.approx(offset, abs=1e-6)


def test_each_environment_plays_its_first_episodes():
    """The last step of an episode earns 5, and no other is worth as much."""
    found = measured(TABLE, BEST)
    last = np.isclose(found.obtained, 5.0)
    counted = np.asarray(found.counted)
    assert ((last & counted).sum(axis=0) == 3).all()
    for ends, steps in zip(last.T, counted.sum(axis=0), strict=True):
        assert ends[steps - 1]
    assert counted.sum(axis=0).std() > 0


def test_exploration_costs_what_the_values_do_not_know():
    exploring = TABLE.replace(epsilon=1.0)
    found = measured(exploring, BEST, greedy=False)
    assert float(found.bias) > 0.3


def test_the_clock_is_bootstrapped_and_reported():
    """Reward 1 for ever, cut every two steps: the true value is 1 / (1 - discount)."""
    right = jnp.full((12, 2), 1 / (1 - GAMMA))

    class Constant(Tabular):
        def q_values(self, params, obs):
            return jnp.full((len(obs), 2), params[0, 0])

    algorithm = Constant(env=Clock(), discount=GAMMA)
    found = measured(algorithm, right, max_steps=6)
    assert float(found.bias) == pytest.approx(0.0, abs=1e-6)
    assert bool(found.bootstrapped.all())
    # Too high by 1, of which a step from the cut hands on 0.8, two steps from it 0.64.
    found = measured(algorithm, right + 1, max_steps=6)
    assert float(found.bias) == pytest.approx(1 - (0.8 + 0.64) / 2, abs=1e-5)


def test_values_of_soft_actor_critic_count_its_entropy():
    sac = tiny("sac", env=Clock(), temperature=0.5, discount=GAMMA)
    state = new_state(sac)
    known = values_of(sac, state.learner, jnp.ones((3, 2)))
    np.testing.assert_allclose(known.bonus, 0.5 * np.log(2), atol=1e-3)
    # Two steps are paid 1 and the bonus of what follows; new critics say about 0.
    found = over_estimation(
        sac, state, jax.random.key(1), num_envs=4, max_steps=4, greedy=False
    )
    wanted = (1 + GAMMA * float(known.bonus[0])) * (1 + (1 + GAMMA)) / 2
    assert float(found.mean(found.obtained)) == pytest.approx(wanted, abs=0.02)


def test_noise_in_a_table_makes_the_maximum_too_high_by_its_expectation():
    """Normal noise of deviation 1 on three equal actions: E max = 3 / (2 sqrt(pi))."""
    count = 20_000
    noise = np.random.default_rng(0).normal(size=(count, ACTIONS))
    flat = FiniteMDP(np.ones((1, ACTIONS, 1)), np.zeros((1, ACTIONS)), [[1.0] * 3], 5)
    algorithm = TABLE.replace(env=flat)

    def bias(row):
        state = state_with(algorithm, row[None])
        found = over_estimation(
            algorithm, state, jax.random.key(0), 1, num_envs=1, max_steps=1
        )
        return found.bias

    biases = jax.vmap(bias)(jnp.asarray(noise, jnp.float32))
    error = float(biases.std()) / np.sqrt(count)
    assert abs(float(biases.mean()) - 1.5 / np.sqrt(np.pi)) < 4 * error


TO_BEST = distance_to_best(MDP, GAMMA)
LEARNING = TABLE.replace(learning_rate=0.7, epsilon=1.0, num_envs=16)


def both(*args):
    return TO_BEST(*args) | overestimated(*args, num_envs=4, max_steps=64)


@pytest.fixture(scope="module")
def trained():
    """A table in a world without chance, on the way to its best values."""
    return values_along_training({"table": LEARNING}, 1_600, 3, 2, both)


def test_along_training_a_table_comes_to_the_best_values(trained):
    assert list(trained.agent_steps) == [0, 768, 1600] * 2
    assert list(trained.seed) == [0] * 3 + [1] * 3
    assert set(trained.variant) == {"table"}
    ends = trained[trained.agent_steps == 1600]
    assert (ends[["largest", "mean", "regret"]] < 1e-2).all().all()
    assert (ends.over_estimation.abs() < 1e-2).all()
    start = trained[trained.agent_steps == 0]
    assert (start.estimated == 0).all()
    assert start.largest.to_numpy() == pytest.approx(np.abs(BEST).max(), abs=1e-6)


def test_what_is_measured_does_not_change_what_is_learnt(trained):
    """Looked at three times and by playing, or five times: the same at the end."""
    again = values_along_training({"table": LEARNING}, 1_600, 5, 2, TO_BEST)
    ends = [frame[frame.agent_steps == 1600] for frame in (trained, again)]
    assert list(ends[0]["mean"]) == list(ends[1]["mean"])
    assert ends[0]["mean"].nunique() == 2  # two seeds, two tables


@pytest.mark.parametrize("name", ["dqn", "pqn"])
def test_networks_can_be_asked(name):
    network = tiny(name, env=SmallPong(width=4, height=4), discount=GAMMA)
    measure = distance_to_best(network.env, GAMMA)
    found = measure(network, new_state(network), jax.random.key(1))
    # A new network says about zero, and so is off by the values themselves.
    assert abs(float(found["bias"])) < float(found["mean"]) <= float(found["largest"])
    assert float(found["largest"]) == pytest.approx(1.0, abs=0.1)
    assert isinstance(network, DQN | PQN)


def test_what_has_no_action_values_is_said():
    actor = tiny("actor_critic")
    state = new_state(actor)
    with pytest.raises(InputError, match="ActorCritic has no action values"):
        over_estimation(actor, state, jax.random.key(0), num_envs=2, max_steps=2)
    memory = tiny("ppo", memory_size=4)
    with pytest.raises(InputError, match="PPO carries a memory"):
        over_estimation(memory, state, jax.random.key(0), num_envs=2, max_steps=2)
    sac = tiny("sac")
    with pytest.raises(InputError, match="greedy=False"):
        over_estimation(sac, state, jax.random.key(0), num_envs=2, max_steps=2)
    with pytest.raises(InputError, match="points=1"):
        values_along_training({"table": TABLE}, 100, 1, 1)
    with pytest.raises(InputError, match=r"too few for points=9.*at least 128"):
        values_along_training({"table": TABLE}, 100, 9, 1)
