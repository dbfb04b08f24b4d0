"""Soft actor-critic by value: three losses, what each of them moves, its optimum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import SAC
from pgvq.algorithms.replay_learning import Row
from pgvq.algorithms.sac import SoftLearner
from pgvq.networks.torsos import MLP
from pgvq.replay.samplers import Minibatch
from pgvq.types import InputError
from tests.helpers.probes import Probe
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

ONLINE = ((1.0, 4.0), (3.0, 2.0))  # of each critic the values of both actions
TARGET = ((2.0, 6.0), (4.0, 0.0))
LOGITS = (0.0, 1.0986123)  # of the actor: log 3
CHANCES = np.array([0.25, 0.75])
ENTROPY = -(CHANCES * np.log(CHANCES)).sum()
TEMPERATURE, UNIFORM = 0.5, np.log(2)
# The smaller of both target values is (2, 0), so what follows is worth
# 0.25 * 2 + 0.75 * 0, and the entropy at its price.
GOAL = 1.0 + 0.5 * (0.5 + TEMPERATURE * ENTROPY)


def minibatch(reward=1.0, discount=0.5, weight=1.0):
    """`[1]`: a row with action 0, whose observations are all one."""
    obs, zero = jnp.ones((1, 2)), jnp.zeros(1, jnp.int32)
    row = Row(obs, zero, jnp.array([reward]), obs, jnp.array([discount]))
    return Minibatch(row, zero, jnp.array([weight]))


def constant(algorithm, logits=LOGITS, critics=ONLINE):
    """Parameters of networks that say the same of every observation."""
    key, obs = jax.random.key(0), jnp.ones(2)
    shapes = jax.eval_shape(algorithm.init_learner, key, obs).params
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    params["actor"]["params"]["logits"]["bias"] = jnp.array(logits)
    params["critics"]["params"]["q"]["bias"] = jnp.array(critics)
    params["log_temperature"] = jnp.log(jnp.float32(TEMPERATURE))
    return params


def losses(algorithm, params, batch):
    """The loss, errors, metrics and gradients by part."""
    target = constant(algorithm, critics=TARGET)["critics"]
    (loss, (error, metrics)), grads = differentiate(algorithm, params, target, batch)
    return loss, error, metrics, grads


@jax.jit
def differentiate(algorithm, *of):
    return jax.value_and_grad(algorithm.loss, has_aux=True)(*of)


def biases(grads):
    return (
        grads["actor"]["params"]["logits"]["bias"],
        grads["critics"]["params"]["q"]["bias"],
        grads["log_temperature"],
    )


def test_golden_losses():
    """Christodoulou 2019, eq. 4, 10 and 11, with a weight of 1/2 on the first two."""
    algorithm = tiny("sac", target_entropy=0.3)
    batch = minibatch(weight=0.5)
    loss, error, metrics, _ = losses(algorithm, constant(algorithm), batch)
    critic = 0.5 * 0.5 * ((1 - GOAL) ** 2 + (3 - GOAL) ** 2)
    # The smaller of both values is (1, 2) here.
    actor = -0.5 * (0.25 * 1 + 0.75 * 2 + TEMPERATURE * ENTROPY)
    tuning = np.log(TEMPERATURE) * (ENTROPY - 0.3 * UNIFORM)
    np.testing.assert_allclose(metrics["loss"], critic, rtol=1e-5)
    np.testing.assert_allclose(loss, critic + actor + tuning, rtol=1e-5)
    np.testing.assert_allclose(error, [GOAL - 2.0], rtol=1e-5)
    np.testing.assert_allclose(metrics["q_mean"], 2.0, rtol=1e-6)
    np.testing.assert_allclose(metrics["entropy"], ENTROPY, rtol=1e-5)
    np.testing.assert_allclose(metrics["temperature"], TEMPERATURE, rtol=1e-6)


def test_every_loss_moves_its_own_part():
    """Pitfall 24, by value: what leaked from one part into another would be added.

    Critics: Q - goal at the action taken. Actor: -pi (advantage), with the soft values
    q - temperature * log pi. Temperature: the entropy's surplus.
    """
    algorithm = tiny("sac", target_entropy=0.3)
    *_, grads = losses(algorithm, constant(algorithm), minibatch())
    actor, critics, temperature = biases(grads)
    soft = np.array([1.0, 2.0]) - TEMPERATURE * np.log(CHANCES)
    wanted = -CHANCES * (soft - (CHANCES * soft).sum())
    np.testing.assert_allclose(actor, wanted, rtol=1e-5)
    wanted = [[1 - GOAL, 0], [3 - GOAL, 0]]
    np.testing.assert_allclose(critics, wanted, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(temperature, ENTROPY - 0.3 * UNIFORM, rtol=1e-5)


def test_rows_count_by_their_weight():
    """In the gradients of critics and actor; the temperature has none of its own."""
    algorithm = tiny("sac")
    params = constant(algorithm)
    full = biases(losses(algorithm, params, minibatch())[-1])
    quarter = biases(losses(algorithm, params, minibatch(weight=0.25))[-1])
    for part in range(2):
        np.testing.assert_allclose(quarter[part], 0.25 * full[part], rtol=1e-6)
    np.testing.assert_allclose(quarter[2], full[2], rtol=1e-6)


@pytest.mark.parametrize(
    ("logits", "critics", "rarer"),
    [
        # Values differ by much more than entropy is worth: towards the better action.
        ((0.0, 0.0), ((0.0, 9.0), (0.0, 9.0)), 0),
        # They do not differ: towards the rarer one.
        ((0.0, 2.0), ((5.0, 5.0), (5.0, 5.0)), 1),
    ],
)
def test_the_actor_moves_to_value_and_to_entropy(logits, critics, rarer):
    """Pitfall 24: descending lowers the logit whose gradient is positive."""
    algorithm = tiny("sac")
    params = constant(algorithm, logits, critics)
    gradient = biases(losses(algorithm, params, minibatch())[-1])[0]
    assert gradient[rarer] > 1e-3
    np.testing.assert_allclose(gradient.sum(), 0.0, atol=1e-6)


def test_a_termination_leaves_nothing_to_come():
    algorithm = tiny("sac")
    _, error, *_ = losses(algorithm, constant(algorithm), minibatch(discount=0.0))
    np.testing.assert_allclose(error, [1.0 - 2.0], rtol=1e-6)


update = jax.jit(SAC.learn)


def learnt(share, tune):
    """A learner before and after one update."""
    algorithm = tiny(
        "sac", target_entropy=share, tune_temperature=tune, target_rate=0.25
    )
    shapes = jax.eval_shape(algorithm.init_learner, jax.random.key(0), jnp.ones(2))
    before = SoftLearner(
        params=constant(algorithm),
        target_params=constant(algorithm, critics=TARGET)["critics"],
        opt_state=jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes.opt_state),
        experience=(),
    )
    step = jnp.int32(0)
    return before, update(algorithm, before, minibatch(), jax.random.key(0), step)[0]


@pytest.mark.parametrize(
    ("share", "tune", "sign"),
    [(0.99, True, 1), (0.3, True, -1), (0.99, False, 0), (0.3, False, 0)],
)
def test_the_temperature_seeks_its_entropy(share, tune, sign):
    """Entropy here is 0.81 of the uniform one's: dearer if that is too little."""
    before, after = learnt(share, tune)
    change = after.params["log_temperature"] - before.params["log_temperature"]
    assert np.sign(change) == sign
    # Adam's first step is as long as the learning rate.
    np.testing.assert_allclose(abs(change), abs(sign) * 1e-3, rtol=1e-3)


def test_target_critics_move_by_their_rate():
    before, after = learnt(0.3, True)
    moved = jax.tree.map(lambda x, y: (x != y).any(), before.params, after.params)
    assert all(any(jax.tree.leaves(part)) for part in moved.values())
    jax.tree.map(
        lambda old, new, got: np.testing.assert_allclose(
            got, 0.75 * old + 0.25 * new, rtol=1e-6
        ),
        before.target_params,
        after.params["critics"],
        after.target_params,
    )


def test_the_critics_begin_apart():
    """The smaller of two equal values would be either."""
    init = jax.jit(tiny("sac").init_learner)
    critics = init(jax.random.key(0), jnp.ones(2)).params["critics"]["params"]
    kernel = critics["torso"]["Dense_0"]["kernel"]
    assert (kernel[0] != kernel[1]).all()


class Bandit(Probe):
    """One agent step; action 1 earns 0.6 and action 0 nothing."""

    def observe(self, key, state, action, params):
        return jnp.ones(2)

    def reward(self, state, action):
        return 0.6 * action


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_the_best_policy_is_a_softmax_of_values(trained_in_a_bandit, temperature):
    """`softmax(r / temperature)`, the one soft optimum (Haarnoja et al. 2018)."""
    logits, critics = trained_in_a_bandit(temperature=temperature)
    np.testing.assert_allclose(critics, [[0.0, 0.6]] * 2, atol=1e-2)
    wanted = jax.nn.softmax(jnp.array([0.0, 0.6]) / temperature)
    np.testing.assert_allclose(jax.nn.softmax(logits), wanted, atol=1e-2)


@pytest.fixture(scope="module")
def trained_in_a_bandit():
    """Trains there; the actor's logits `[A]` and the critics' values `[2, A]`."""

    @jax.jit
    def learn(algorithm, key):
        def one(_, state):
            return algorithm.iterate(state)[0]

        state = jax.lax.fori_loop(0, 400, one, algorithm.init(key))
        params, obs = state.learner.params, jnp.ones((1, 2))
        logits = algorithm.logits(params, obs)[0]
        return logits, algorithm.critics(params["critics"], obs)[:, 0]

    def train(**changes):
        algorithm = SAC(
            env=Bandit(),
            torso=MLP(()),
            num_envs=8,
            rollout_length=2,
            replay_ratio=2 / 16,
            warmup_steps=64,
            capacity=512,
            learning_rate=2e-2,
            target_rate=0.1,
            tune_temperature=False,
            budget=64 + 400 * 16,
            **changes,
        )
        return jax.device_get(learn(algorithm, jax.random.key(0)))

    return train


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0.0),
        ("target_entropy", 1.1),
        ("target_rate", -0.1),
        ("max_grad_norm", 0.0),
    ],
)
def test_fields_of_its_own_are_checked(field, value):
    with pytest.raises(InputError, match=f"{field}={value}"):
        tiny("sac", **{field: value})
