"""The gradient lab against closed forms, on an MDP whose gradients are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import tiny

from pgvq.algorithms import DQN, PPO, REINFORCE, ActorCritic
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.diagnostics.gradient_estimators import (
    as_estimator,
    policy_names,
    standard_estimators,
    steps_spent,
    surrogate,
)
from pgvq.diagnostics.gradient_exact import (
    exact_policy_gradient,
    expected_actor_critic_gradient,
)
from pgvq.diagnostics.gradient_sampling import ages
from pgvq.diagnostics.gradients import (
    DISCOUNTED_RETURN,
    along_training,
    gradient_lab,
    reference_gradient,
)
from pgvq.envs import policy_values, random_mdp
from pgvq.networks import MLP
from pgvq.rollout import init_world, rollout
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

DISCOUNT = 0.9
MDP = random_mdp(0, 5, 3, termination=0.15, max_agent_steps=10_000)
# Linear in the one-hot state: a table of logits and a table of values.
AGENT = ActorCritic(
    env=MDP, torso=MLP(()), discount=DISCOUNT, num_envs=8, rollout_length=4
)
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(5, 3))
WRONG = RANDOM.normal(size=5)  # a critic's values
SMALL = {"samples": 8, "reference_samples": 8, "burn_in": 4, "tail": 4}


def state(values):
    """A training state with the policy `LOGITS` and a critic that says `values`."""
    params = {
        "logits": {"kernel": jnp.float32(LOGITS), "bias": jnp.zeros(3)},
        "value": {"kernel": jnp.float32(values)[:, None], "bias": jnp.zeros(1)},
    }
    fresh = AGENT.init(jax.random.key(0))
    return fresh._replace(learner=fresh.learner._replace(params={"params": params}))


def right():
    """The value of the policy, [S]."""
    policy = np.array(jax.nn.softmax(LOGITS))
    return (policy * policy_values(*MDP.tables, DISCOUNT, policy)).sum(1)


def of_network(table):
    """The gradient by the network's weights, bias and kernel, from that by a table."""
    return np.concatenate([table.sum(0), table.ravel()])


@pytest.mark.parametrize("discounted_states", [False, True])
def test_the_reference_is_the_exact_policy_gradient(discounted_states):
    found = reference_gradient(
        AGENT,
        state(WRONG),
        key=jax.random.key(1),
        samples=256,
        length=64,
        burn_in=50,
        discounted_states=discounted_states,
    )
    exact = exact_policy_gradient(
        MDP, LOGITS, DISCOUNT, discounted_states=discounted_states
    )
    kernel = found.gradient["logits"]["kernel"]
    error = found.standard_error["logits"]["kernel"]
    assert np.abs(kernel - exact).max() > 0  # it is an estimate, and by samples
    np.testing.assert_array_less(np.abs(kernel - exact), 4 * error)
    np.testing.assert_array_less(error, 0.01)
    assert found.groups.shape == (256, 5 * 3 + 3)


@pytest.fixture(scope="module")
def lab():
    """By critic, right or wrong: what the lab measures of four lambdas."""
    lambdas = {f"{x}": as_estimator(AGENT.replace(lambda_=x)) for x in (0.0, 0.9, 1.0)}
    settings = {"samples": 512, "reference_samples": 512, "burn_in": 50}
    return {
        name: gradient_lab(
            AGENT, state(values), lambdas, key=jax.random.key(2), **settings
        ).set_index("estimator")
        for name, values in (("right", right()), ("wrong", WRONG))
    }


@pytest.mark.parametrize("lambda_", [0.0, 0.9, 1.0])
def test_a_wrong_critic_biases_as_theory_predicts(lab, lambda_):
    row = lab["wrong"].loc[f"{lambda_}"]
    exact = of_network(exact_policy_gradient(MDP, LOGITS, DISCOUNT))
    mean = of_network(
        expected_actor_critic_gradient(MDP, LOGITS, WRONG, DISCOUNT, lambda_, 4)
    )
    bias = np.linalg.norm(mean - exact)
    norm, length = np.linalg.norm(mean), np.linalg.norm(exact)
    assert row.bias_low < bias < row.bias_high
    assert row.bias_low > 0.02  # and so it is seen
    assert row.relative_bias_low < bias / length < row.relative_bias_high
    assert row.alignment_low < mean @ exact / norm / length < row.alignment_high
    error = np.sqrt(row.variance / row.estimates)  # and more, of any one direction
    assert row.norm == pytest.approx(norm, abs=4 * error)
    assert row.reference_norm == pytest.approx(length, abs=4 * error)


@pytest.mark.parametrize("lambda_", [0.0, 0.9, 1.0])
def test_with_the_right_critic_nothing_is_biased(lab, lambda_):
    row = lab["right"].loc[f"{lambda_}"]
    assert row.bias_low == 0
    assert row.bias_high < 0.02
    assert row.alignment_low < 1 < row.alignment_high


def test_variance_and_signal_rise_and_fall_with_lambda(lab):
    variance = lab["right"].variance
    assert variance["0.0"] < 0.9 * variance["0.9"] < 0.9 * variance["1.0"]
    rows = lab["wrong"].drop(DISCOUNTED_RETURN)
    noise = rows.variance * rows.agent_steps / rows.norm**2
    np.testing.assert_allclose(rows.noise_scale, noise, rtol=1e-6)
    np.testing.assert_allclose(rows.signal_to_noise_per_step, 1 / noise, rtol=1e-6)


def test_the_gradient_of_the_discounted_return_is_another(lab):
    row = lab["right"].loc[DISCOUNTED_RETURN]
    exact = of_network(exact_policy_gradient(MDP, LOGITS, DISCOUNT))
    other = of_network(
        exact_policy_gradient(MDP, LOGITS, DISCOUNT, discounted_states=True)
    )
    assert row.bias_low < np.linalg.norm(other - exact) < row.bias_high
    assert row.bias_low > 0.05


def test_one_lambda_is_the_same_alone_and_beside_others(lab):
    alone = gradient_lab(
        AGENT,
        state(right()),
        {"alone": as_estimator(AGENT.replace(lambda_=0.9))},
        key=jax.random.key(2),
        samples=512,
        reference_samples=512,
        burn_in=50,
    ).iloc[0]
    beside = lab["right"].loc["0.9"]
    for name in ("norm", "bias_high", "cosine", "variance"):
        assert alone[name] == pytest.approx(beside[name], rel=1e-3), name


def test_ages_count_the_steps_of_an_episode():
    ended = jnp.array([[0, 0], [1, 0], [0, 0], [0, 1], [0, 0]], bool)
    np.testing.assert_array_equal(
        ages(jnp.array([3, 0]), ended), [[3, 0], [4, 1], [0, 2], [1, 3], [2, 0]]
    )


def gradient_of(algorithm, params, batch, key):
    grads = jax.grad(surrogate, argnums=1)(algorithm, params, batch, key)
    return np.concatenate([x.ravel() for x in jax.tree.leaves(grads["params"])])


def test_ppo_starts_with_the_gradient_of_actor_critic():
    common = {"env": MDP, "num_envs": 4, "rollout_length": 8, "torso": MLP((8,))}
    critic = as_estimator(ActorCritic(lambda_=0.95, **common))
    ppo = as_estimator(PPO(num_minibatches=1, **common))
    params = critic.init(jax.random.key(0)).learner.params
    learner = critic.init(jax.random.key(0)).learner
    world = init_world(MDP, MDP.default_params, jax.random.key(1), 4)
    _, batch, _ = rollout(
        MDP,
        MDP.default_params,
        lambda obs, memory, key: (critic.explore(learner, obs, key)[0], memory, ()),
        world,
        jax.random.key(2),
        8,
    )
    key = jax.random.key(3)
    one, other = (gradient_of(a, params, batch, key) for a in (critic, ppo))
    assert np.abs(one).max() > 1e-3
    np.testing.assert_allclose(one, other, atol=1e-6)
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
        (AGENT, ("logits",)),
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


@pytest.mark.parametrize(
    ("name", "changes", "count"),
    [
        ("reinforce", {}, 2),
        ("actor_critic", {"shared_torso": True}, 10),
        ("ppo", {"memory_size": 4, "num_minibatches": 2}, 11),
    ],
)
def test_the_standard_estimators_fit_every_network(name, changes, count):
    algorithm = tiny(name, **changes)
    small = {"num_envs": 4, "rollout_length": 8}
    estimators = {
        key: one.replace(**small, **({"num_minibatches": 2} if "PPO" in key else {}))
        for key, one in standard_estimators(algorithm).items()
    }
    frame = gradient_lab(
        algorithm, algorithm.init(jax.random.key(0)), estimators,
        key=jax.random.key(1), **SMALL,
    )  # fmt: skip
    assert list(frame.estimator) == [*estimators, DISCOUNTED_RETURN]
    assert len(estimators) == count
    assert (frame.variance > 0).all()
    assert not frame[["bias", "variance_low", "variance_high"]].isna().any().any()


def test_an_algorithm_of_ones_own_is_an_estimator():
    class Own(PolicyGradient, kw_only=True):
        def loss(self, params, batch):
            logits, _, returns = self.assess(params, batch, 1.0)
            return -(jax.nn.log_softmax(logits)[..., 0] * returns).mean(), {}

    own = Own(env=MDP, num_envs=4, rollout_length=8, torso=MLP((4,)))
    estimators = standard_estimators(own)
    assert list(estimators) == ["REINFORCE, none", "REINFORCE, batch mean", "Own"]
    frame = along_training(
        own, [0, 40], {"Own": estimators["Own"]}, key=jax.random.key(0), **SMALL
    )
    assert list(frame.trained_steps) == [0, 0, 64, 64]


def test_what_cannot_be_compared_is_said():
    fresh = state(WRONG)
    key = jax.random.key(0)
    with pytest.raises(InputError, match="at least 3"):
        gradient_lab(AGENT, fresh, {"a": AGENT}, key=key, samples=2)
    with pytest.raises(InputError, match="no estimators"):
        gradient_lab(AGENT, fresh, {}, key=key)
    with pytest.raises(InputError, match="no policy gradient"):
        gradient_lab(AGENT, fresh, {"q": DQN(env=MDP)}, key=key)
    other = AGENT.replace(torso=MLP((4,)))
    with pytest.raises(InputError, match="does not have in that shape"):
        gradient_lab(AGENT, fresh, {"wide": other}, key=key)
    with pytest.raises(InputError, match="give `tail`"):
        gradient_lab(AGENT.replace(discount=1.0), fresh, {"a": AGENT}, key=key)
    with pytest.raises(InputError, match="give rising numbers"):
        along_training(AGENT, [10, 10], key=key)
