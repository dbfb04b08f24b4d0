"""What later papers added to DQN, by value: duels, quantiles, weights, all at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms.dqn import QLearner
from pgvq.algorithms.replay_learning import Row
from pgvq.networks.torsos import MLP
from pgvq.replay.samplers import Minibatch
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")


def minibatch(reward=(1.0,), weight=(1.0,), discount=0.5):
    """`[B]` rows with action 0, whose observations are all one."""
    count = len(reward)
    obs, zeros = jnp.ones((count, 2)), jnp.zeros(count, jnp.int32)
    rows = Row(obs, zeros, jnp.array(reward), obs, jnp.full(count, discount))
    return Minibatch(rows, zeros, jnp.array(weight))


def constant(algorithm, **biases):
    """Parameters whose heads say the same of every observation."""
    init = algorithm.network.init
    shapes = jax.eval_shape(init, jax.random.key(0), jnp.ones((1, 2)))["params"]
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    for name, bias in biases.items():
        zeros[name]["bias"] = jnp.ravel(jnp.array(bias))
    return {"params": zeros}


def test_a_duel_is_value_plus_advantage_less_its_mean():
    """Wang et al. 2016, eq. 9, with random weights."""
    algorithm = tiny("dqn", dueling=True, torso=MLP(()))
    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda x: random.normal(size=x.shape).astype(np.float32), constant(algorithm)
    )
    obs = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
    heads = params["params"]
    value, advantage = (
        obs @ heads[name]["kernel"] + heads[name]["bias"]
        for name in ("value", "advantage")
    )
    got = jax.jit(algorithm.q_values)(params, obs)
    np.testing.assert_allclose(
        got, value + advantage - advantage.mean(axis=1, keepdims=True), rtol=1e-5
    )
    np.testing.assert_allclose(got.mean(axis=1), value[:, 0], rtol=1e-5)


def test_golden_loss_of_a_duel():
    """Online (1, 5) and target (-1, 1): the goal is 1 + 0.5 * 1, and Q is 1."""
    algorithm = tiny("dqn", dueling=True)
    online = constant(algorithm, value=3.0, advantage=(1.0, 5.0))
    target = constant(algorithm, value=0.0, advantage=(2.0, 4.0))
    loss, (error, _) = jax.jit(algorithm.loss)(online, target, minibatch())
    np.testing.assert_allclose(loss, 0.5 * 0.5**2, rtol=1e-6)
    np.testing.assert_allclose(error, [0.5], rtol=1e-6)


# By their means the online network prefers action 0, by their maxima it would be the
# other; so with the target network, which prefers action 1, and its minima.
ONLINE = ((0.0, 2.0), (-1.0, 2.5))
TARGET = ((1.0, 1.0), (0.0, 6.0))


@pytest.mark.parametrize(
    ("double", "loss", "error"),
    [
        # Goals 1 + 0.5 (1, 1), predictions (0, 2) at 1/4 and 3/4:
        # 1/4 (1.5 - 1/2) and 1/4 * 0.5^2 / 2.
        (True, 0.25 + 0.03125, 0.5),
        # Goals 1 + 0.5 (0, 6): 1/4 (0.5 + 3.5) / 2 and (1/4 * 0.5 + 3/4 * 1.5) / 2.
        (False, 0.5 + 0.625, 1.5),
    ],
)
def test_golden_loss_of_quantiles(double, loss, error):
    """Dabney et al. 2018, algorithm 1: the greedy action is that of the best mean."""
    algorithm = tiny("dqn", quantiles=2, double=double)
    online, target = (constant(algorithm, q=bias) for bias in (ONLINE, TARGET))
    got, (errors, metrics) = jax.jit(algorithm.loss)(online, target, minibatch())
    np.testing.assert_allclose(got, loss, rtol=1e-6)
    np.testing.assert_allclose(errors, [error], rtol=1e-6)
    np.testing.assert_allclose(metrics["q_mean"], 1.0, rtol=1e-6)


def test_quantiles_act_by_their_mean():
    algorithm = tiny("dqn", quantiles=2)
    obs = jnp.ones((3, 2))
    params = constant(algorithm, q=ONLINE)
    assert algorithm.network.apply(params, obs).shape == (3, 2, 2)
    np.testing.assert_allclose(algorithm.q_values(params, obs), [[1.0, 0.75]] * 3)
    learner = QLearner(params, params, (), (), jnp.int32(0))
    given = learner, obs, (), jax.random.key(0)
    assert not algorithm.policy(*given, greedy=True, step=jnp.int32(0))[0].any()


@pytest.mark.parametrize("quantiles", [0, 2])
def test_targets_are_data(quantiles):
    """Pitfall 24: only the action taken has a gradient, though both networks are one.

    Q(s, 0) is 0 and the goal 1 + 0.5 * 8, from action 1; quantiles have slopes -tau.
    """
    algorithm = tiny("dqn", quantiles=quantiles)
    of_action = [[0.0, 0.0], [8.0, 8.0]] if quantiles else [0.0, 8.0]
    params = constant(algorithm, q=of_action)

    def loss(params):
        return algorithm.loss(params, params, minibatch())[0]

    got = jax.jit(jax.grad(loss))(params)["params"]["q"]["bias"]
    wanted = [-0.25, -0.75, 0.0, 0.0] if quantiles else [-5.0, 0.0]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("quantiles", [0, 2])
def test_rows_count_by_their_weight(quantiles):
    """A row of weight 1/4 and one of weight 1, in the loss and in its gradient."""
    algorithm = tiny("dqn", quantiles=quantiles)
    params = constant(algorithm)
    loss = jax.jit(jax.value_and_grad(algorithm.loss, has_aux=True))

    def of(reward, weight):
        (value, _), grads = loss(params, params, minibatch(reward, weight, 0.0))
        return jnp.append(grads["params"]["q"]["bias"], value)

    # Both rows have one program: a row of weight 0 is none.
    first, second = of((3.0, 0.0), (1.0, 0.0)), of((0.0, 2.0), (0.0, 1.0))
    assert first[-1] > second[-1] > 0
    got = of((3.0, 2.0), (0.25, 1.0))
    np.testing.assert_allclose(got, 0.25 * first + second, rtol=1e-6)


def test_all_variants_at_once():
    """Structure, shapes and dtypes stay, no key is used twice, and all is finite."""
    algorithm = tiny(
        "dqn",
        quantiles=3,
        dueling=True,
        n_step=3,
        prioritized=True,
        target_period=1,
        target_rate=0.1,
        torso=MLP((4,)),
    )

    @jax.jit
    def live(key):
        state = algorithm.init(key)
        return state, *algorithm.iterate(state)

    with jax.debug_key_reuse(True):
        *states, metrics = live(jax.random.key(0))
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), state) for state in states]
    assert shapes[0] == shapes[1]
    before, after = (state.learner for state in states)
    assert (before.updates, after.updates) == (0, 2)
    assert np.isfinite(metrics["loss"])
    for name in ("params", "target_params"):
        old, new = (jax.tree.leaves(getattr(x, name)) for x in (before, after))
        assert any((x != y).any() for x, y in zip(old, new, strict=True))
        assert all(np.isfinite(leaf).all() for leaf in new)
    priorities = after.experience.priorities.levels[0]
    assert len(np.unique(priorities)) > 3
