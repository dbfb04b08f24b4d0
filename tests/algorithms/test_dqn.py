"""DQN by value: targets, counts of updates and target moves, warm-up, exploration."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms.replay_learning import Row
from pgvq.networks.torsos import MLP
from pgvq.replay.samplers import Minibatch
from pgvq.types import InputError, Transition
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

F, T = False, True


def minibatch(reward=1.0, discount=0.5):
    """`[1]`: a row with action 0, whose observations are all one."""
    obs, zero = jnp.ones((1, 2)), jnp.zeros(1, jnp.int32)
    row = Row(obs, zero, jnp.array([reward]), obs, jnp.array([discount]))
    return Minibatch(row, zero, jnp.ones(1))


def constant(algorithm, q_values):
    """Parameters of a network that says the same of every observation."""
    init = algorithm.network.init
    shapes = jax.eval_shape(init, jax.random.key(0), jnp.ones((1, 2)))["params"]
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    zeros["q"]["bias"] = jnp.array(q_values)
    return {"params": zeros}


@pytest.mark.parametrize(
    ("double", "huber", "loss"),
    [
        # The target network's best is 5, so the goal is 1 + 0.5 * 5 and Q is 3.
        (False, False, 0.5 * 0.5**2),
        # The online network's best is action 0, whose target value is 1: 1 + 0.5 * 1.
        (True, False, 0.5 * 1.5**2),
        (True, True, 0.5 + 1.0 * 0.5),
    ],
)
def test_golden_loss(double, huber, loss):
    algorithm = tiny("dqn", double=double, huber=huber)
    online, target = constant(algorithm, (3.0, 2.0)), constant(algorithm, (1.0, 5.0))
    got, (error, metrics) = jax.jit(algorithm.loss)(online, target, minibatch())
    np.testing.assert_allclose(got, loss, rtol=1e-6)
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-6)
    np.testing.assert_allclose(metrics["q_mean"], 3.0, rtol=1e-6)
    np.testing.assert_allclose(error, [-1.5 if double else 0.5], rtol=1e-6)


def test_the_end_of_the_game_and_of_the_clock_differ():
    """Pitfall 3: only a termination leaves nothing to bootstrap from.

    Four environments that went on, met the clock, were over, and both; Q is 4.
    """
    algorithm = tiny("dqn", discount=0.5)
    ends = jnp.array([[[F, F, T, T]], [[F, T, F, T]]])
    obs, one = jnp.ones((1, 4, 2)), jnp.ones((1, 4))
    lived = Transition(obs, jnp.zeros((1, 4), jnp.int32), one, obs, *ends)
    empty = algorithm.init_replay(obs[0, 0])
    experience = jax.jit(algorithm.add)(empty, lived)
    rows = jax.tree.map(lambda leaf: leaf[:4], experience.replay.rows)
    np.testing.assert_allclose(rows.discount, [0.5, 0.5, 0.0, 0.0])
    params = constant(algorithm, (4.0, 0.0))
    batch = Minibatch(rows, jnp.arange(4), jnp.ones(4))
    _, (error, _) = jax.jit(algorithm.loss)(params, params, batch)
    np.testing.assert_allclose(error + 4.0, [3.0, 3.0, 1.0, 1.0], rtol=1e-6)


@pytest.mark.parametrize("double", [True, False])
def test_targets_are_data(double):
    """Pitfall 24: the gradient is Q - G at the action taken, and nothing from inside G.

    Online and target parameters are one object here, so that an unstopped target would
    show: it would make the gradient (Q - G) (1 - discount).
    """
    algorithm = tiny("dqn", double=double)

    def loss(params):
        return algorithm.loss(params, params, minibatch())[0]

    got = jax.jit(jax.grad(loss))(constant(algorithm, (4.0, 0.0)))["params"]
    np.testing.assert_allclose(got["q"]["bias"], [4.0 - 3.0, 0.0], rtol=1e-6)


def trained(algorithm, iterations):
    """The states from the beginning on, one per iteration, and the metrics."""
    iterate = jax.jit(algorithm.iterate)
    states, metrics = [jax.jit(algorithm.init)(jax.random.key(0))], []
    for _ in range(iterations):
        state, metric = iterate(states[-1])
        states.append(state)
        metrics.append(metric)
    return jax.device_get((jax.tree.map(without_key, states), metrics))


def without_key(leaf):
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf


def differ(one, other):
    same = jax.tree.map(lambda x, y: bool((x == y).all()), one, other)
    return not all(jax.tree.leaves(same))


@pytest.mark.parametrize(
    ("num_envs", "length", "updates", "period"),
    [(6, 3, 1, 4), (7, 1, 3, 5)],
)
def test_updates_and_target_moves_are_counted(num_envs, length, updates, period):
    """Pitfalls 6 and 7: neither depends on whether `num_envs` divides anything.

    `steps % period == 0` with many environments would fire at their common multiple,
    and one update per vectorised step would let the replay ratio fall with `num_envs`.
    """
    ratio = updates / (num_envs * length)
    algorithm = tiny(
        "dqn",
        num_envs=num_envs,
        rollout_length=length,
        replay_ratio=ratio,
        target_period=period,
        torso=MLP((4,)),
        capacity=31,
        batch_size=4,
    )
    states, _ = trained(algorithm, 12)
    for iteration, state in enumerate(states):
        assert state.learner.updates == iteration * updates
        learnt = state.agent_steps - algorithm.initial_steps
        assert state.learner.updates == round(ratio * learnt)
        assert state.learner.opt_state[1].count == state.learner.updates
    for iteration, (before, after) in enumerate(itertools.pairwise(states)):
        moves = (iteration + 1) * updates // period - iteration * updates // period
        moved = differ(before.learner.target_params, after.learner.target_params)
        assert moved == (moves > 0)
        if (iteration + 1) * updates % period == 0:
            assert not differ(after.learner.target_params, after.learner.params)


@pytest.fixture(scope="module")
def averaging():
    """Fourteen iterations of one update each, the target averaged with rate 1/4."""
    algorithm = tiny(
        "dqn",
        target_period=1,
        target_rate=0.25,
        replay_ratio=1 / 32,
        budget=300,
        exploration_fraction=0.5,
        epsilon_start=0.9,
        epsilon_end=0.1,
    )
    return algorithm, *trained(algorithm, 14)


def test_polyak_averaging_moves_by_its_rate(averaging):
    _, states, _ = averaging
    for before, after in itertools.pairwise(states):
        jax.tree.map(
            lambda old, new, got: np.testing.assert_allclose(
                got, 0.75 * old + 0.25 * new, atol=1e-6
            ),
            before.learner.target_params,
            after.learner.params,
            after.learner.target_params,
        )


def test_the_warm_up_fills_the_replay_and_is_counted(averaging):
    """Pitfall 13: 30 steps wanted, 4 environments, so 32 are taken and said."""
    algorithm, states, _ = averaging
    assert algorithm.initial_steps == 32
    assert states[0].learner.experience.replay.size == 32
    assert states[0].agent_steps == 32
    assert states[0].learner.updates == 0


def test_warm_up_actions_are_uniform():
    """Pitfall 20: the untrained network would play one action all the time."""
    algorithm = tiny("dqn", warmup_steps=2_000, capacity=2_000, epsilon_start=0.0)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    actions = state.learner.experience.replay.rows.action
    counts = np.bincount(actions, minlength=2)
    np.testing.assert_allclose(counts / 2_000, 0.5, atol=0.05)


def test_epsilon_falls_in_agent_steps(averaging):
    """Pitfall 20: not in iterations, updates or steps per environment.

    From 0.9 at step 0 to 0.1 at step 150 (half of the budget of 300), and the warm-up's
    32 steps count: the first iteration explores as after 32 steps.
    """
    algorithm, _, metrics = averaging
    for iteration, metric in enumerate(metrics):
        steps = 32 + 32 * iteration
        expected = max(0.1, 0.9 - 0.8 * steps / 150)
        np.testing.assert_allclose(metric["epsilon"], expected, rtol=1e-5)
    np.testing.assert_allclose(algorithm.epsilon(jnp.int32(75)), 0.5, rtol=1e-6)


@pytest.mark.parametrize(("steps", "share"), [(0, 0.45), (75, 0.25), (10_000, 0.05)])
def test_epsilon_is_the_share_of_uniform_actions(averaging, steps, share):
    """Of two actions an exploring step takes the other one half of the time."""
    algorithm, _, _ = averaging
    learner = algorithm.init_learner(jax.random.key(0), jnp.zeros(2))
    learner = learner._replace(params=constant(algorithm, (1.0, 0.0)))
    given = learner, jnp.zeros((20_000, 2)), (), jax.random.key(1)
    action, *_ = algorithm.policy(*given, greedy=False, step=jnp.int32(steps))
    np.testing.assert_allclose(np.mean(action), share, atol=0.02)
    assert not algorithm.policy(*given, greedy=True, step=jnp.int32(steps))[0].any()


def test_replayed_transitions_are_true(averaging):
    """Pitfalls 4 and 19: in every slot of a wrapped ring, next_obs is what followed.

    The environment numbers its episodes, so a reset observation or rows that came
    apart would show.
    """
    algorithm, states, _ = averaging
    for state in states:
        ring = state.learner.experience.replay
        written = int(state.agent_steps)
        assert ring.size == min(written, algorithm.capacity)
        assert ring.position == written % algorithm.capacity
        rows = jax.tree.map(lambda leaf, n=int(ring.size): leaf[:n], ring.rows)
        number, time = rows.obs[:, 0] * 2**14, rows.obs[:, 1]
        np.testing.assert_array_equal(rows.next_obs[:, 0], rows.obs[:, 0])
        np.testing.assert_array_equal(rows.next_obs[:, 1], time + 1)
        np.testing.assert_array_equal(rows.reward, rows.action)
        terminated = (time == 2) & (number % 2 == 0)
        discount = np.where(terminated, 0, np.float32(algorithm.discount))
        np.testing.assert_array_equal(rows.discount, discount)
        assert (time <= np.where(number % 2 == 0, 2, 4)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replay_ratio": 1 / 64}, "use replay_ratio=1/32"),
        ({"replay_ratio": 0.1}, "use replay_ratio=3/32"),
        ({"replay_ratio": float("nan")}, "replay_ratio=nan must be a finite number"),
        ({"capacity": 31}, "capacity=31 must be a whole number of at least 32"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"target_period": 0}, "target_period=0"),
        ({"target_rate": 2.0}, "target_rate=2.0"),
        ({"warmup_steps": 0}, "warmup_steps=0"),
        ({"quantiles": -1}, "quantiles=-1"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(changes, message):
    """Pitfall 7: a replay ratio that would be rounded is an error."""
    with pytest.raises(InputError, match=message):
        tiny("dqn", **changes)
