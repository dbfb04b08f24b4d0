"""Actor-critic by value: targets, stop-gradients, and which loss moves which weight."""

import numpy as np
import pytest

from pgvq.types import InputError
from tests.helpers.by_value import batch, constant, gradient, loss_of
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

F, T = False, True


def plain(**changes):
    settings = {
        "entropy_coef": 0.0,
        "discount": 0.5,
        "lambda_": 1.0,
        "value_coef": 0.5,
        "normalize": False,
    }
    return tiny("actor_critic", **{**settings, **changes})


@pytest.mark.parametrize(
    ("lambda_", "returns"), [(1.0, [1 + 0.5 * 4, 2 + 0.5 * 4]), (0.0, [3.0, 4.0])]
)
def test_golden_loss(lambda_, returns):
    """Two steps, value 4 everywhere, bootstrapped at the rollout's edge."""
    algorithm = plain(lambda_=lambda_)
    rollout = batch([[1], [2]], [[F], [F]], [[F], [F]])
    loss, metrics = loss_of(algorithm, constant(algorithm, value=4.0), rollout)
    advantage = np.array(returns) - 4.0
    expected = np.log(2) * advantage.mean() + 0.5 * (0.5 * advantage**2).mean()
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["entropy"], np.log(2), rtol=1e-6)
    np.testing.assert_allclose(
        metrics["value_loss"], (0.5 * advantage**2).mean(), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("terminated", "truncated", "target"), [(T, F, 1.0), (F, T, 3.0), (T, T, 1.0)]
)
def test_the_end_of_the_game_and_of_the_clock_differ(terminated, truncated, target):
    """Pitfall 3: only a termination leaves nothing to bootstrap from."""
    algorithm = plain(value_coef=1.0)
    rollout = batch([[1]], [[terminated]], [[truncated]])
    got = gradient(algorithm, constant(algorithm, value=4.0), rollout)
    np.testing.assert_allclose(got["value"]["bias"], [4.0 - target], rtol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_targets_are_data(shared):
    """Pitfall 24: the critic's gradient is `V - G`, and nothing from inside G.

    With an unstopped target it would be (V - G) (1 - discount), half of that.
    """
    algorithm = plain(value_coef=1.0, shared_torso=shared)
    rollout = batch([[1.0]], [[F]], [[F]])
    got = gradient(algorithm, constant(algorithm, value=4.0), rollout)
    np.testing.assert_allclose(got["value"]["bias"], [4.0 - 3.0], rtol=1e-6)


def test_the_advantage_is_data():
    """Pitfall 24: with the critic's loss weighed by 0, its gradient is zero."""
    algorithm = plain(value_coef=0.0)
    rollout = batch([[1.0], [5.0]], [[F], [F]], [[F], [F]])
    got = gradient(algorithm, constant(algorithm, value=4.0), rollout)
    np.testing.assert_array_equal(got["value"]["bias"], 0)


def test_a_better_action_becomes_more_probable():
    """Pitfall 24, by value: -A (one_hot - pi) with A = 1 + 0.5 * 4 - 4 = -1."""
    algorithm = plain()
    rollout = batch([[1.0]], [[F]], [[F]])
    got = gradient(algorithm, constant(algorithm, value=4.0), rollout)
    np.testing.assert_allclose(got["logits"]["bias"], [0.5, -0.5], rtol=1e-6)


def test_the_entropy_bonus_flattens():
    """Pitfall 24: without any advantage, descending makes the likelier action rarer."""
    algorithm = plain(entropy_coef=0.1)
    rollout = batch([[0.0]], [[T]], [[F]])
    got = gradient(algorithm, constant(algorithm, logits=(1.0, 0.0)), rollout)
    assert got["logits"]["bias"][0] > 0 > got["logits"]["bias"][1]


def test_normalising_is_an_option_over_the_whole_batch():
    """Pitfall 14: off, the gradient grows with the rewards; on, it does not."""
    rollouts = [
        batch([[1 * k, 3 * k]], [[T, T]], [[F, F]], action=[[0, 1]]) for k in (1, 10)
    ]
    for normalize, ratio in ((False, 10.0), (True, 1.0)):
        algorithm = plain(normalize=normalize)
        params = constant(algorithm)
        small, big = (
            gradient(algorithm, params, rollout)["logits"]["bias"][0]
            for rollout in rollouts
        )
        np.testing.assert_allclose(big / small, ratio, rtol=1e-4)


def test_equal_advantages_give_no_gradient():
    """Pitfall 32: one-step episodes that always pay 5, and a critic that knows nothing.

    Divided by a deviation of zero the gradient's norm was 650,883.
    """
    rollout = batch([[5, 5]], [[T, T]], [[F, F]], action=[[0, 1]])
    algorithm = plain(normalize=True, value_coef=0.0)
    for value in (0.0, 4.999):
        params = constant(algorithm, value=value)
        got = gradient(algorithm, params, rollout)["logits"]["bias"]
        np.testing.assert_allclose(got, 0.0, atol=1e-6)


def test_a_critics_small_errors_are_not_made_large():
    """Noise of a hundredth of the returns becomes a tenth, not one."""
    rewards = np.array([[1.0, 1.01]])
    rollout = batch(rewards, [[T, T]], [[F, F]], action=[[0, 1]])
    algorithm = plain(normalize=True, value_coef=0.0)
    got = gradient(algorithm, constant(algorithm, value=1.0), rollout)
    noise = 0.005 / (0.1 * np.sqrt(np.mean(rewards**2)))
    # Both rows push in the same direction, each by noise / 2, and so does their mean.
    np.testing.assert_allclose(
        got["logits"]["bias"], [noise / 2, -noise / 2], rtol=1e-3
    )


@pytest.mark.parametrize("field", ["lambda_", "value_coef"])
def test_fields_of_its_own_are_checked(field):
    with pytest.raises(InputError, match=field):
        tiny("actor_critic", **{field: -0.1})
