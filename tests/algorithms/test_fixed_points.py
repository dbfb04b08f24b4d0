"""What each method of Q-learning converges to, against exact values of a small MDP.

Five states seen one-hot, three actions, and a clock that cuts after seven agent steps,
so that a cut taken for an end would show. Learning rates end at zero: what is left is
where the method goes, not how it trembles there.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import DQN, PQN
from pgvq.algorithms.tabular import Tabular
from pgvq.envs import FiniteMDP, optimal_values, policy_values, random_mdp
from pgvq.networks.torsos import MLP

pytestmark = pytest.mark.usefixtures("light_compilation")

GAMMA, EPSILON = 0.8, 0.5
STATES, ACTIONS = 5, 3


def certain_mdp():
    """Without chance: each pair has one next state, and two of them end the episode."""
    random = np.random.default_rng(1)
    pairs = STATES, ACTIONS
    terminations = np.zeros(pairs)
    terminations[0, 1] = terminations[3, 2] = 1
    following = np.eye(STATES)[random.integers(STATES, size=pairs)]
    return FiniteMDP(following, random.uniform(-1, 1, pairs), terminations, 7)


CERTAIN = certain_mdp()
CERTAIN_BEST = optimal_values(*CERTAIN.tables, GAMMA)
CHANCY = random_mdp(0, STATES, ACTIONS, termination=0.0, max_agent_steps=7)
CHANCY_BEST = optimal_values(*CHANCY.tables, GAMMA)


def exploring_values():
    """Q of the epsilon-greedy policy that is greedy in its own values, `[S, A]`."""
    values = CHANCY_BEST
    for _ in range(100):
        greedy = np.eye(ACTIONS)[values.argmax(axis=1)]
        policy = (1 - EPSILON) * greedy + EPSILON / ACTIONS
        before, values = values, policy_values(*CHANCY.tables, GAMMA, policy)
        if np.array_equal(before.argmax(axis=1), values.argmax(axis=1)):
            return values
    raise AssertionError("this MDP has no such policy: use another seed")


def learnt(algorithm, iterations):
    """Action values `[S, A]` at the end of the budget, and the learner."""
    steps = algorithm.initial_steps + iterations * algorithm.steps_per_iteration
    learner = learn(algorithm.replace(budget=float(steps)), iterations)
    values = algorithm.q_values(learner.params, jnp.eye(STATES))
    return np.asarray(values), jax.device_get(learner)


@partial(jax.jit, static_argnums=1)
def learn(algorithm, iterations):
    def one(_, state):
        return algorithm.iterate(state)[0]

    start = algorithm.init(jax.random.key(0))
    return jax.lax.fori_loop(0, iterations, one, start).learner


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["q_learning", "sarsa", "expected_sarsa"])
def test_tables(rule):
    """Q-learning finds what is best, Sarsa what is true of the policy that explores."""
    best, exploring = CHANCY_BEST, exploring_values()
    assert (best - exploring > 0.1).all()
    table = Tabular(
        env=CHANCY,
        rule=rule,
        num_envs=256,
        rollout_length=8,
        discount=GAMMA,
        learning_rate=0.02,
        epsilon=EPSILON,
    )
    got, _ = learnt(table, 1_500)
    wanted = best if rule == "q_learning" else exploring
    np.testing.assert_allclose(got, wanted, atol=2e-2)


def test_a_table_where_nothing_is_left_to_chance():
    """Q-learning is exact there, whatever explores."""
    table = Tabular(
        env=CERTAIN, discount=GAMMA, learning_rate=1.0, epsilon=1.0, num_envs=32
    )
    got, _ = learnt(table, 50)
    np.testing.assert_allclose(got, CERTAIN_BEST, atol=1e-3)


# Nothing but a linear layer on one-hot states: a table that Adam fills.
DEEP = partial(
    DQN,
    env=CERTAIN,
    torso=MLP(()),
    num_envs=16,
    rollout_length=1,
    replay_ratio=1 / 16,
    warmup_steps=1_000,
    capacity=5_000,
    discount=GAMMA,
    learning_rate=2e-2,
    target_period=10,
    epsilon_start=1.0,
    epsilon_end=0.5,
)
slow = pytest.mark.slow


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param({"double": False}, marks=slow, id="single"),
        pytest.param({}, marks=slow, id="double"),
        pytest.param({"huber": True}, marks=slow, id="huber"),
        pytest.param({"dueling": True}, marks=slow, id="dueling"),
        pytest.param({"prioritized": True}, marks=slow, id="prioritized"),
        pytest.param({"quantiles": 5}, marks=slow, id="quantiles"),
        pytest.param(
            {"quantiles": 5, "dueling": True, "prioritized": True}, id="together"
        ),
    ],
)
def test_deep_q_networks(variant):
    """All of them find Q* where nothing is left to chance.

    With chance the mean of quantiles under Huber's loss is not the mean of the returns,
    in skewed ones by far (0.27 where the game ends at random), so quantiles can be held
    to Q* only here. With n > 1 steps an action that explored would count as the
    policy's own, so n is 1.
    """
    got, _ = learnt(DEEP(**variant), 1_000)
    np.testing.assert_allclose(got, CERTAIN_BEST, atol=5e-3)


def replayed_values(rows):
    """Q of the best policy in the empirical MDP of replayed rows `[C, ...]`."""
    here = rows.obs.argmax(axis=1) * ACTIONS + rows.action
    there = rows.next_obs.argmax(axis=1)
    size = STATES * ACTIONS
    values = np.zeros((STATES, ACTIONS))
    for _ in range(300):
        target = rows.reward + rows.discount * values[there].max(axis=1)
        sums, counts = np.bincount(here, target, size), np.bincount(here, None, size)
        values = (sums / counts).reshape(STATES, ACTIONS)
    return values


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(partial(DQN, double=False), id="single"),
        pytest.param(DQN, marks=slow, id="double"),
        pytest.param(partial(PQN, lambda_=0.0), marks=slow, id="pqn"),
    ],
)
def test_deep_methods_where_chance_decides(method):
    """Next states are drawn: a million steps bring them to Q* all the same.

    Every pair was tried some 70,000 times, which leaves an error of about 0.003.
    """
    settings = {
        "env": CHANCY,
        "torso": MLP(()),
        "num_envs": 1024,
        "rollout_length": 8,
        "discount": GAMMA,
        "learning_rate": 2e-2,
        "epsilon_start": 1.0,
        "epsilon_end": 1.0,
    }
    of_replay = {
        "replay_ratio": 1 / 128,
        "batch_size": 1024,
        "warmup_steps": 8_192,
        "capacity": 1_100_000,
        "target_period": 10,
    }
    of_rollouts = {"num_epochs": 1, "num_minibatches": 4}
    kind = method.func if isinstance(method, partial) else method
    settings |= of_replay if kind is DQN else of_rollouts
    got, _ = learnt(method(**settings), 128 if kind is DQN else 400)
    np.testing.assert_allclose(got, CHANCY_BEST, atol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("prioritized", [False, True])
def test_chance_is_averaged_over_what_the_replay_holds(prioritized):
    """Large errors drawn more often would bias that by 0.5, but for their weights.

    Games that end at random make returns skewed. The replay holds some 700 steps of
    each pair, so its own truth is near Q*, not on it, and is what a learner finds.
    """
    mdp = random_mdp(0, STATES, ACTIONS, max_agent_steps=7)
    algorithm = DEEP(
        env=mdp,
        prioritized=prioritized,
        importance_exponent=1.0,
        batch_size=128,
        # Most of the budget is the warm-up: few rows change while it learns, and the
        # learning rate is down to a tenth when it begins.
        warmup_steps=10_000,
        capacity=10_000,
        num_envs=1,
        replay_ratio=4.0,
        learning_rate=0.2,
        epsilon_end=1.0,
    )
    got, learner = learnt(algorithm, 1_000)
    wanted = replayed_values(learner.experience.replay.rows)
    np.testing.assert_allclose(wanted, optimal_values(*mdp.tables, GAMMA), atol=0.15)
    np.testing.assert_allclose(got, wanted, atol=0.1)


def test_q_lambda_is_optimal_without_a_trace_alone():
    """With lambda > 0 the actions that explored count as if the policy had meant them.

    Uniform actions: a target without a trace looks at the best one of the next state, a
    longer one at what the uniform ones earned as well, and so falls short of Q*.
    """

    def values(lambda_):
        algorithm = PQN(
            env=CERTAIN,
            torso=MLP(()),
            num_envs=16,
            rollout_length=4,
            discount=GAMMA,
            num_epochs=1,
            num_minibatches=1,
            epsilon_start=1.0,
            epsilon_end=1.0,
            learning_rate=2e-2,
            lambda_=lambda_,
        )
        return learnt(algorithm, 1_000)[0]

    np.testing.assert_allclose(values(0.0), CERTAIN_BEST, atol=1e-3)
    short = CERTAIN_BEST - values(0.65)
    assert short.min() > -1e-2
    assert short.max() > 0.5
