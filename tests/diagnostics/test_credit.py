"""Credit by value, on rollouts whose weights can be worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import PPO, REINFORCE, ActorCritic, Tabular
from pgvq.algorithms.base import Learner, TrainState
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.algorithms.reinforce import MonteCarloLearner
from pgvq.algorithms.tabular import TableLearner
from pgvq.diagnostics.credit import (
    Recording,
    action_credit,
    critic_credit,
    q_credit,
    record,
    true_advantage,
)
from pgvq.diagnostics.exact import action_values_of, outcomes
from pgvq.envs import FiniteMDP, LeftOrRight, random_mdp
from pgvq.networks.torsos import MLP
from pgvq.types import InputError
from tests.helpers.by_value import batch, constant
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

# One environment, five agent steps; the fourth ends the episode, the fifth is open.
BATCH = batch(
    [[0.0], [0.0], [0.0], [1.0], [0.0]],
    [[False], [False], [False], [True], [False]],
    [[False]] * 5,
)
RETURNS = np.array([0.125, 0.25, 0.5, 1.0])
SMALL = {"torso": MLP(()), "env": LeftOrRight(), "discount": 0.5}


def state_of(algorithm, **heads):
    params = constant(algorithm, **heads)
    return TrainState(Learner(params, ()), (), (), jnp.int32(0))


@pytest.mark.parametrize(
    ("baseline", "subtracted"),
    [("none", 0.0), ("running mean", 0.3), ("value network", 0.2)],
)
def test_reinforce_holds_every_action_to_account(baseline, subtracted):
    algorithm = REINFORCE(baseline=baseline, **SMALL)
    params = constant(algorithm, value=0.2)
    carried = algorithm.nothing_carried(params)
    # Two rollouts before, of a mean return of 0.3.
    two = carried.statistics._replace(rollouts=2.0, mean_return=0.6)
    learner = MonteCarloLearner(params, (), carried._replace(statistics=two))
    got = action_credit(algorithm, TrainState(learner, (), (), ()), BATCH)[:, 0]
    np.testing.assert_allclose(got[:4], RETURNS - subtracted, atol=1e-6)
    assert np.isnan(got[4])  # what follows lies behind the edge


@pytest.mark.parametrize("kind", [ActorCritic, PPO])
def test_a_critic_that_says_the_same_of_everything_blames_the_last_action(kind):
    """lambda = 0: r + g * 0.2 - 0.2, and 1 - 0.2 where the game ends."""
    algorithm = kind(lambda_=0.0, **SMALL)
    state = state_of(algorithm, value=0.2)
    got = action_credit(algorithm, state, BATCH)[:, 0]
    np.testing.assert_allclose(got, [-0.1, -0.1, -0.1, 0.8, -0.1], atol=1e-6)
    to_the_end = critic_credit(algorithm, state, BATCH, 1.0)[:4, 0]
    np.testing.assert_allclose(to_the_end, RETURNS - 0.2, atol=1e-6)
    between = action_credit(kind(lambda_=0.5, **SMALL), state, BATCH)[:4, 0]
    errors = np.array([-0.1, -0.1, -0.1, 0.8])
    weights = [[0.25 ** (j - i) * (j >= i) for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(between, weights @ errors, atol=1e-6)


def table_of(q_values, epsilon=0.0):
    """A table of `q_values` [S, A] on a world of so many states."""
    states, actions = np.shape(q_values)
    env = random_mdp(0, states, actions, branches=2)
    learner = TableLearner(jnp.asarray(q_values, jnp.float32))
    algorithm = Tabular(env=env, epsilon=epsilon, discount=0.8)
    return algorithm, TrainState(learner, (), (), ())


def test_a_table_holds_the_choice_to_account_and_nothing_else():
    algorithm, state = table_of([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])
    action = [[2], [0], [2], [1]]
    seen = batch([[0.0]] * 3 + [[9.0]], [[False]] * 4, [[False]] * 4, action)
    seen = seen._replace(obs=jnp.eye(2)[jnp.array([[0], [0], [1], [1]])])
    got = action_credit(algorithm, state, seen)[:, 0]
    np.testing.assert_allclose(got, [3.0, -2.0, 2.0, -1.0], atol=1e-6)
    regret = q_credit(algorithm, state, seen, "max")[:, 0]
    np.testing.assert_allclose(regret, [0.0, -5.0, 0.0, -3.0], atol=1e-6)


def test_soft_actor_critic_compares_with_what_it_samples():
    sac = tiny("sac", env=LeftOrRight())
    obs = jnp.ones((1, *LeftOrRight().observation_space(None).shape))
    learner = sac.init_learner(jax.random.key(0), obs[0])
    state = TrainState(learner, (), (), ())
    seen = batch([[0.0]] * 2, [[False]] * 2, [[False]] * 2, [[0], [1]])
    seen = seen._replace(obs=jnp.stack([obs, obs]))
    got = action_credit(sac, state, seen)[:, 0]
    probs = jax.nn.softmax(sac.logits(learner.params, obs))[0]
    assert float(probs @ got) == pytest.approx(0.0, abs=1e-7)
    assert float(jnp.abs(got).max()) > 0


def test_the_true_advantage_against_the_exact_one():
    """A random world, an epsilon-greedy table: within 4 standard errors, everywhere."""
    q_values = np.random.default_rng(0).normal(size=(4, 2))
    algorithm, state = table_of(q_values, epsilon=0.4)
    # Every step pays, so that one more after the end would count.
    tables = random_mdp(0, 4, 2, termination=0.4).tables
    mdp = FiniteMDP(tables[0], tables[1] + 1.5, tables[2], 1000)
    algorithm = algorithm.replace(env=mdp)
    greedy = np.eye(2)[q_values.argmax(axis=1)]
    policy = 0.6 * greedy + 0.4 / 2
    exact = action_values_of(outcomes(mdp), policy, 0.8)
    exact = exact - (policy * exact).sum(axis=1, keepdims=True)

    pairs = jnp.arange(8)
    _, start = mdp.reset(jax.random.key(0), mdp.default_params)
    env_state = jax.tree.map(lambda x: jnp.repeat(x[None], 8, axis=0), start)
    env_state = env_state.replace(state=pairs // 2)
    seen = batch(jnp.zeros(8), jnp.zeros(8), jnp.zeros(8), pairs % 2)
    seen = seen._replace(obs=jnp.eye(4)[pairs // 2])
    got, error = true_advantage(
        algorithm, state, Recording(seen, env_state), jax.random.key(1), replays=1000
    )
    assert float(error.max()) < 0.06
    assert (np.abs(got - exact.ravel()) < 4 * np.asarray(error)).all()
    assert np.abs(exact).max() > 0.1


def test_a_recording_is_a_rollout_with_its_states():
    algorithm, state = table_of(np.zeros((3, 2)), epsilon=1.0)
    got = record(algorithm, state, jax.random.key(3), num_envs=2, length=7)
    assert got.batch.reward.shape == (7, 2)
    # The state before each step is the one that the observation shows.
    shown = np.asarray(got.batch.obs).argmax(axis=-1)
    assert (np.asarray(got.env_state.state) == shown).all()
    on = ~np.asarray(got.batch.terminated | got.batch.truncated)[:-1]
    followed = np.asarray(got.batch.next_obs)[:-1].argmax(axis=-1)
    assert (followed == shown[1:])[on].all()


def test_what_weighs_no_actions_is_said():
    class Own(PolicyGradient):
        def loss(self, params, batch):
            return jnp.zeros(()), {}

    own = Own(env=LeftOrRight())
    with pytest.raises(InputError, match="Own is not known to weigh actions"):
        action_credit(own, None, BATCH)
    with pytest.raises(InputError, match="object has no action values"):
        action_credit(object(), state_of(ActorCritic(**SMALL)), BATCH)
    memory = tiny("ppo", memory_size=4)
    moments = Recording(BATCH, ())
    with pytest.raises(InputError, match="PPO carries a memory"):
        true_advantage(memory, None, moments, jax.random.key(0), replays=2)
