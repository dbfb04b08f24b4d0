"""REINFORCE by value: complete returns, its three baselines, and its gradient."""

import jax
import numpy as np
import pytest
from by_value import batch, constant, gradient, loss_of
from tiny import tiny

from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

F, T = False, True


def plain(**changes):
    settings = {"normalize": False, "entropy_coef": 0.0, "discount": 0.5}
    return tiny("reinforce", **{**settings, **changes})


# Returns by hand, discount 0.5: rows 0 and 1 are 1 + 0.5 * 2 = 2 and 2; row 2 has none.
EPISODE = batch([[1], [2], [100]], [[F], [T], [F]], [[F], [F], [F]])


@pytest.mark.parametrize(
    ("baseline", "loss"),
    [
        ("none", 2 * np.log(2)),  # -log(1/2) * 2, in both rows
        ("batch mean", 0.0),  # both returns are the mean
        ("value network", (2 - 1.5) * np.log(2) + 0.5 * 0.5 * 0.5**2),
    ],
)
def test_golden_loss_of_each_baseline(baseline, loss):
    algorithm = plain(baseline=baseline)
    got, metrics = loss_of(algorithm, constant(algorithm, value=1.5), EPISODE)
    np.testing.assert_allclose(got, loss, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(metrics["return_mean"], 2.0, rtol=1e-6)


def test_steps_without_an_end_are_dropped_and_their_share_is_told():
    """Pitfalls 15 and 25: an episode cut by the rollout's edge has no return.

    Whatever its rewards are, it changes neither loss nor gradient, also not by the
    baseline, by the deviation or by the entropy.
    """
    algorithm = plain(normalize=True, entropy_coef=0.1)
    params = constant(algorithm, logits=(0.3, 0.0))
    ends = [[F, F], [T, F], [F, F]], [[F, F], [F, T], [F, F]]
    results = []
    for unfinished in (0.0, 1e3):
        rewards = [[1, 4], [2, 3], [unfinished, -unfinished]]
        rollout = batch(rewards, *ends)
        results.append(
            (loss_of(algorithm, params, rollout), gradient(algorithm, params, rollout))
        )
    (first, dropped), second = results[0][0], results[1][0][0]
    np.testing.assert_allclose(dropped["dropped_share"], 1 / 3, rtol=1e-6)
    np.testing.assert_array_equal(first, second)
    jax.tree.map(np.testing.assert_array_equal, results[0][1], results[1][1])


def test_a_rollout_without_any_end_teaches_nothing():
    """Pitfall 15: no falling back on bootstrapping, and no division by 0."""
    algorithm = plain(baseline="value network", entropy_coef=0.1, normalize=True)
    rollout = batch([[1.0], [1.0]], [[F], [F]], [[F], [F]])
    params = constant(algorithm, logits=(0.3, 0.0), value=2.0)
    loss, metrics = loss_of(algorithm, params, rollout)
    assert loss == 0
    assert metrics["dropped_share"] == 1
    for leaf in jax.tree.leaves(gradient(algorithm, params, rollout)):
        np.testing.assert_array_equal(leaf, 0)


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [("none", 2.0), ("value network", 1 + 0.5 * (2 + 0.5 * 8))],
)
def test_an_episode_that_the_clock_cuts(baseline, expected):
    """Pitfall 3: bootstrapped by the value network; else it is what it earned."""
    algorithm = plain(baseline=baseline)
    rollout = batch([[1], [2]], [[F], [F]], [[F], [T]])
    _, metrics = loss_of(algorithm, constant(algorithm, value=8.0), rollout)
    second = 2.0 if baseline == "none" else 2 + 0.5 * 8
    np.testing.assert_allclose(
        metrics["return_mean"], (expected + second) / 2, rtol=1e-6
    )


def test_the_gradient_is_the_gradient_of_the_expected_reward():
    """Pitfall 24: sign and size, exactly, by weighing every action once.

    A policy of (1/2, 1/2) paid (1, 3): dJ/d logit_i = pi_i (r_i - J) = (-1/2, 1/2).
    The loss descends, so its gradient is the opposite.
    """
    rollout = batch([[1, 3]], [[T, T]], [[F, F]], action=[[0, 1]])
    for baseline in ("none", "batch mean", "value network"):
        algorithm = plain(baseline=baseline)
        params = constant(algorithm, value=0.7)
        got = gradient(algorithm, params, rollout)["logits"]["bias"]
        np.testing.assert_allclose(got, [0.5, -0.5], rtol=1e-5)


def test_the_entropy_bonus_flattens():
    """Pitfall 24: without any advantage, descending makes the likelier action rarer."""
    algorithm = plain(entropy_coef=0.1)
    rollout = batch([[0.0]], [[T]], [[F]])
    params = constant(algorithm, logits=(1.0, 0.0))
    got = gradient(algorithm, params, rollout)["logits"]["bias"]
    assert got[0] > 0 > got[1]


def test_the_policys_loss_does_not_move_the_value_network():
    """Pitfall 24: with its own loss weighed by 0, the baseline's gradient is zero."""
    algorithm = plain(baseline="value network", value_coef=0.0)
    got = gradient(algorithm, constant(algorithm, value=0.7), EPISODE)
    np.testing.assert_array_equal(got["value"]["bias"], 0)
    algorithm = plain(baseline="value network", value_coef=1.0)
    got = gradient(algorithm, constant(algorithm, value=0.5), EPISODE)
    np.testing.assert_allclose(got["value"]["bias"], [0.5 - 2.0], rtol=1e-6)


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


def test_a_baseline_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="'batch mean'"):
        tiny("reinforce", baseline="mean")
