"""The gradient lab against closed forms, on an MDP whose gradients are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import DQN, ActorCritic
from pgvq.diagnostics.gradient_estimators import (
    as_estimator,
)
from pgvq.diagnostics.gradient_exact import (
    exact_policy_gradient,
    expected_actor_critic_gradient,
)
from pgvq.diagnostics.gradient_sampling import ages
from pgvq.diagnostics.gradients import (
    DISCOUNTED_RETURN,
    gradient_lab,
    gradients_along_training,
    reference_gradient,
)
from pgvq.envs import policy_values, random_mdp
from pgvq.networks.torsos import MLP
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)
DISCOUNT = 0.9
MDP = random_mdp(0, 5, 3, termination=0.15, max_agent_steps=10_000)
# Linear in the one-hot state: a table of logits and a table of values.
AGENT = ActorCritic(
    env=MDP, torso=MLP(()), discount=DISCOUNT, num_envs=32, rollout_length=4
)
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(5, 3))
WRONG = RANDOM.normal(size=5)  # a critic's values


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


@pytest.mark.parametrize(
    "discounted_states", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_the_reference_is_the_exact_policy_gradient(discounted_states):
    found = reference_gradient(
        AGENT,
        state(WRONG),
        key=jax.random.key(1),
        samples=64,
        length=64,
        burn_in=20,
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
    assert found.groups.shape == (64, 5 * 3 + 3)


# By name: lambda, rollout length and environments. A group plays the most of both.
ESTIMATORS = {
    "0": (0.0, 4, 32),
    "0.9": (0.9, 4, 32),
    "1": (1.0, 4, 32),
    "0.9 of 16": (0.9, 16, 16),
}
SIZES = {"samples": 128, "reference_samples": 128, "burn_in": 20}


def estimator(lambda_, length, num_envs):
    changes = {"rollout_length": length, "num_envs": num_envs}
    return as_estimator(AGENT.replace(lambda_=lambda_, **changes))


@pytest.fixture(scope="module")
def lab():
    """By critic, right or wrong: what the lab measures of four estimators."""
    estimators = {name: estimator(*values) for name, values in ESTIMATORS.items()}
    return {
        name: gradient_lab(
            AGENT, state(values), estimators, key=jax.random.key(2), **SIZES
        ).set_index("estimator")
        for name, values in (("right", right()), ("wrong", WRONG))
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_wrong_critic_biases_as_theory_predicts(lab, name):
    row = lab["wrong"].loc[name]
    exact = of_network(exact_policy_gradient(MDP, LOGITS, DISCOUNT))
    mean = of_network(
        expected_actor_critic_gradient(
            MDP, LOGITS, WRONG, DISCOUNT, *ESTIMATORS[name][:2]
        )
    )
    bias = np.linalg.norm(mean - exact)
    norm, length = np.linalg.norm(mean), np.linalg.norm(exact)
    assert row.bias_low < bias < row.bias_high
    assert row.bias_high - row.bias_low < 0.03
    assert row.relative_bias_low < bias / length < row.relative_bias_high
    assert row.alignment_low < mean @ exact / norm / length < row.alignment_high
    error = np.sqrt(row.variance / row.estimates)  # and more, of any one direction
    assert row["norm"] == pytest.approx(norm, abs=4 * error)
    assert row.reference_norm == pytest.approx(length, abs=4 * error)


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
def test_with_the_right_critic_nothing_is_biased(lab, name):
    row = lab["right"].loc[name]
    assert row.bias_low == 0
    assert row.bias_high < 0.02
    four_errors = row.alignment_high - row.alignment_low
    assert four_errors < 0.1
    assert row.alignment == pytest.approx(1, abs=four_errors)


def test_variance_and_signal_rise_and_fall_with_lambda(lab):
    variance = lab["right"].variance
    assert variance["0"] < 0.9 * variance["0.9"] < 0.9 * variance["1"]
    rows = lab["wrong"].drop(DISCOUNTED_RETURN)
    noise = rows.variance * rows.agent_steps / rows["norm"] ** 2
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


@pytest.mark.slow
def test_an_estimator_is_measured_the_same_beside_fewer_others(lab):
    few = {name: estimator(*ESTIMATORS[name]) for name in ("1", "0.9 of 16")}
    frame = gradient_lab(AGENT, state(right()), few, key=jax.random.key(2), **SIZES)
    beside = frame.set_index("estimator").loc["1"]
    for quantity in ("norm", "bias_high", "cosine", "variance"):
        assert beside[quantity] == pytest.approx(
            lab["right"].loc["1", quantity], rel=1e-3
        ), quantity


def test_ages_count_the_steps_of_an_episode():
    ended = jnp.array([[0, 0], [1, 0], [0, 0], [0, 1], [0, 0]], bool)
    np.testing.assert_array_equal(
        ages(jnp.array([3, 0]), ended), [[3, 0], [4, 1], [0, 2], [1, 3], [2, 0]]
    )


def test_what_cannot_be_compared_is_said():
    fresh = state(WRONG)
    with pytest.raises(InputError, match="at least 3"):
        gradient_lab(AGENT, fresh, {"a": AGENT}, key=KEY, samples=2)
    with pytest.raises(InputError, match="no estimators"):
        gradient_lab(AGENT, fresh, {}, key=KEY)
    with pytest.raises(InputError, match="no policy gradient"):
        gradient_lab(AGENT, fresh, {"q": DQN(env=MDP)}, key=KEY)
    other = AGENT.replace(torso=MLP((4,)))
    with pytest.raises(InputError, match="does not have in that shape"):
        gradient_lab(AGENT, fresh, {"wide": other}, key=KEY)
    with pytest.raises(InputError, match="burn_in=-1 is impossible"):
        gradient_lab(AGENT, fresh, {"a": AGENT}, key=KEY, burn_in=-1)
    with pytest.raises(InputError, match="give `tail`"):
        gradient_lab(AGENT.replace(discount=1.0), fresh, {"a": AGENT}, key=KEY)
    with pytest.raises(InputError, match="give rising numbers"):
        gradients_along_training(AGENT, [10, 10], key=KEY)
