"""Tables by value: one update by hand for each rule, and what follows what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms.tabular import RULES, TableLearner, Tabular
from pgvq.envs import FiniteMDP
from pgvq.types import InputError, Transition

pytestmark = pytest.mark.usefixtures("light_compilation")

# Three states, three actions; only their numbers matter here.
ENV = FiniteMDP(np.full((3, 3, 3), 1 / 3), np.zeros((3, 3)), np.full((3, 3), 0.1))
TABLE = np.array([[1.0, 2.0, 3.0], [4.0, 8.0, 2.0], [0.0, -1.0, 5.0]], np.float32)


def tabular(**changes):
    settings = {"discount": 0.5, "learning_rate": 0.25, "epsilon": 0.0}
    return Tabular(env=ENV, **{**settings, **changes})


def rollout(state, action, reward, next_state, terminated=(), truncated=()):
    """`[T, N]` from lists of `[T, N]` state numbers; ends are lists of places."""
    see = jax.nn.one_hot(jnp.array(state), 3), jax.nn.one_hot(jnp.array(next_state), 3)
    ends = np.zeros((2, *np.shape(reward)), bool)
    for kind, places in enumerate((terminated, truncated)):
        for place in places:
            ends[kind][place] = True
    action, reward = jnp.array(action), jnp.array(reward, jnp.float32)
    return Transition(see[0], action, reward, see[1], *ends)


def corrections(algorithm, batch, key=0):
    """What an update added to the entries of `TABLE`."""
    learner = TableLearner(jnp.array(TABLE))
    after, _ = update(algorithm, learner, batch, jax.random.key(key), jnp.int32(0))
    return after.params - TABLE


update = jax.jit(Tabular.update)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("q_learning", 8.0),
        # The next row took action 2 in that state.
        ("sarsa", 2.0),
        # The best action has 0.7 and a third of 0.3, the others that third each.
        ("expected_sarsa", 0.7 * 8.0 + 0.1 * (4 + 8 + 2)),
    ],
)
def test_golden_update(rule, value):
    """0.25 of the error from Q(0, 1) = 2 to 1 + 0.5 * value; then the game is over."""
    algorithm = tabular(rule=rule, epsilon=0.3)
    batch = rollout([[0], [1]], [[1], [2]], [[1], [7]], [[1], [2]], [(1, 0)])
    wanted = np.zeros((3, 3))
    wanted[0, 1] = 0.25 * (1 + 0.5 * value - 2)
    wanted[1, 2] = 0.25 * (7 - 2)
    np.testing.assert_allclose(corrections(algorithm, batch), wanted, rtol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_the_end_of_the_game_and_of_the_clock_differ(rule):
    """Pitfall 3: a cut is worth Q in the state it was made in, an end nothing.

    Both episodes are followed by the first row of another one, in state 2 with action
    2, which is of no account.
    """
    algorithm = tabular(rule=rule)
    batch = rollout(
        [[0, 0], [2, 2]],
        [[0, 1], [2, 2]],
        [[1, 1], [0, 0]],
        [[1, 1], [2, 2]],
        terminated=[(0, 0)],
        truncated=[(0, 1)],
    )
    got = corrections(algorithm, batch)[0, :2]
    np.testing.assert_allclose(got, [0.25 * (1 - 1), 0.25 * (1 + 0.5 * 8 - 2)])


def test_sarsa_asks_the_policy_at_the_edge():
    """Behind the last row nothing was done yet: here the best action or a uniform one.

    In state 1 these are worth 8, and 4 or 2.
    """
    batch = rollout([[0]], [[0]], [[0]], [[1]])
    got = corrections(tabular(rule="sarsa"), batch)[0, 0]
    np.testing.assert_allclose(got, 0.25 * (0.5 * 8 - 1))
    exploring = tabular(rule="sarsa", epsilon=1.0)
    values = {float(corrections(exploring, batch, key)[0, 0]) for key in range(20)}
    assert values == {0.25 * (0.5 * value - 1) for value in (8, 4, 2)}


def test_steps_of_a_rollout_follow_one_another():
    """The second row reads what the first one wrote: 3 + 0.25 (1 + 0.5 * 8 - 3)."""
    batch = rollout([[0], [2]], [[2], [0]], [[1], [0]], [[1], [0]])
    got = corrections(tabular(), batch)
    np.testing.assert_allclose(got[0, 2], 0.5)
    np.testing.assert_allclose(got[2, 0], 0.25 * 0.5 * 3.5)


def test_who_stands_in_one_state_corrects_it_by_the_mean():
    """Three environments, of which two took the same action in the same state."""
    batch = rollout([[0, 0, 0]], [[1, 1, 0]], [[1, 5, 4]], [[1, 1, 1]], [(0,)])
    got = corrections(tabular(learning_rate=1.0), batch)
    np.testing.assert_allclose(got[0], [4 - 1, 3 - 2, 0])
    assert not got[1:].any()


def test_the_beginning_and_how_it_acts():
    """A table of one number; epsilon-greedy with exploration, and else the best."""
    algorithm = tabular(initial_value=2.5, epsilon=0.3)
    learner = algorithm.init_learner(jax.random.key(0), jnp.zeros(3))
    np.testing.assert_array_equal(learner.params, np.full((3, 3), 2.5))
    learner = TableLearner(jnp.array(TABLE))
    obs = jnp.eye(3)[jnp.arange(30_000) % 3]
    given = learner, obs, (), jax.random.key(0)
    best, *_ = algorithm.policy(*given, greedy=True, step=jnp.int32(0))
    np.testing.assert_array_equal(best, np.array([2, 1, 2])[np.arange(30_000) % 3])
    action, *_ = algorithm.policy(*given, greedy=False, step=jnp.int32(0))
    np.testing.assert_allclose((action != best).mean(), 0.3 * 2 / 3, atol=0.01)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rule", "monte_carlo"),
        ("learning_rate", 1.5),
        ("epsilon", -0.1),
        ("initial_value", 1e7),
    ],
)
def test_what_cannot_work_is_refused(field, value):
    with pytest.raises(InputError, match=f"{field}={value!r}"):
        tabular(**{field: value})
