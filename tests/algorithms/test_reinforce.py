"""REINFORCE by value: complete returns across rollouts, baselines, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.types import InputError, Transition
from tests.helpers.by_value import batch, constant
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

F, T = False, True


def plain(**changes):
    """Rollouts of one environment, nothing but the policy gradient in them."""
    settings = {"normalize": False, "entropy_coef": 0.0, "discount": 0.5}
    return tiny("reinforce", **{"num_envs": 1, **settings, **changes})


@jax.jit
def estimate(algorithm, params, carried, rollout):
    return algorithm.estimate(params, carried, rollout)


def first(algorithm, params, rollout):
    """The gradient of a first rollout per step of it, and the metrics."""
    carried = algorithm.nothing_carried(params)
    grads, _, metrics = estimate(algorithm, params, carried, rollout)
    scale = algorithm.steps_per_iteration / rollout.reward.size
    return jax.tree.map(lambda x: x * scale, grads)["params"], metrics


def stream(length, num_envs, seed, cuts=0.0):
    """Random steps `[length, N]`, the last of which ends every episode."""
    random = np.random.default_rng(seed)
    shape = (length, num_envs)
    terminated = random.random(shape) < 0.04
    terminated[-1] = True
    return Transition(
        obs=jnp.asarray(random.normal(size=(*shape, 2)), jnp.float32),
        action=jnp.asarray(random.integers(2, size=shape)),
        reward=jnp.asarray(random.normal(size=shape), jnp.float32),
        next_obs=jnp.asarray(random.normal(size=(*shape, 2)), jnp.float32),
        terminated=jnp.asarray(terminated),
        truncated=jnp.asarray((random.random(shape) < cuts) & ~terminated),
    )


def complete_returns(steps, discount, value):
    """By the sum that defines them, `[length, N]`; `value` where the clock cuts."""
    reward, next_value = np.asarray(steps.reward, np.float64), np.asarray(value)
    terminated, truncated = np.asarray(steps.terminated), np.asarray(steps.truncated)
    returns = np.zeros_like(reward)
    for env in range(reward.shape[1]):
        for t in range(len(reward)):
            for k in range(t, len(reward)):
                returns[t, env] += discount ** (k - t) * reward[k, env]
                if terminated[k, env]:
                    break
                if truncated[k, env]:
                    last = discount ** (k - t + 1) * next_value[k, env]
                    returns[t, env] += last
                    break
    return returns


@pytest.mark.parametrize("length", [1, 5, 20, 60])
@pytest.mark.parametrize("baseline", ["none", "value network"])
def test_rollouts_of_any_length_add_up_to_complete_returns(baseline, length):
    """Pitfalls 15, 25, 33: no step is dropped, none twice, none with a short return.

    Episodes of 25 steps on average, some cut by the clock, cut into rollouts of 1 to
    60: the estimates add up to the gradient by complete returns, each summed up from
    its definition.
    """
    algorithm = plain(
        baseline=baseline, num_envs=3, discount=0.97, entropy_coef=0.1, value_coef=0.7
    )
    steps = stream(60, 3, seed=0, cuts=0.02)
    params = algorithm.init_learner(jax.random.key(0), jnp.zeros(2)).params
    params = jax.tree.map(lambda x: x + 0.1, params)
    carried, total = algorithm.nothing_carried(params), None
    for at in range(0, 60, length):
        part = jax.tree.map(lambda x, at=at: x[at : at + length], steps)
        grads, carried, _ = estimate(algorithm, params, carried, part)
        total = grads if total is None else jax.tree.map(jnp.add, total, grads)
    total = jax.tree.map(lambda x: x * algorithm.steps_per_iteration, total)

    critic = baseline != "none"
    _, value, next_value = algorithm.judged(params, steps)
    returns = complete_returns(steps, 0.97, next_value * critic)

    def whole(params):
        logits, value, _ = algorithm.judged(params, steps)
        log_probs = jax.nn.log_softmax(logits)
        taken = jnp.take_along_axis(log_probs, steps.action[..., None], -1)[..., 0]
        known = jax.lax.stop_gradient(value) * critic
        bonus = -jnp.sum(jnp.exp(log_probs) * log_probs, -1)
        error = 0.5 * jnp.square(value - returns) * critic
        return jnp.sum(-taken * (returns - known) - 0.1 * bonus + 0.7 * error)

    wanted = jax.jit(jax.grad(whole))(params)
    jax.tree.map(
        lambda got, want: np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-3),
        total,
        wanted,
    )
    assert value.shape == (60, 3)
    for leaf in jax.tree.leaves(carried.traces):  # every episode is over
        np.testing.assert_array_equal(leaf, 0)


def test_a_reward_reaches_an_action_of_thousands_of_steps_ago():
    """No bound: the first action is paid in full for a reward 3,000 steps later."""
    algorithm = plain(baseline="none", discount=1.0)
    params = constant(algorithm)
    carried = algorithm.nothing_carried(params)
    rollout = batch([[0.0]] * 100, [[F]] * 100, [[F]] * 100)
    chosen = rollout.action.at[0].set(1)
    total = 0.0
    for number in range(30):
        part = rollout._replace(action=chosen if number == 0 else rollout.action)
        if number == 29:
            part = part._replace(
                reward=part.reward.at[-1].set(1.0),
                terminated=part.terminated.at[-1].set(True),
            )
        grads, carried, metrics = estimate(algorithm, params, carried, part)
        total += grads["params"]["logits"]["bias"] * algorithm.steps_per_iteration
    # 2,999 steps with action 0 and one with action 1, each by 1/2 of a return of 1.
    np.testing.assert_allclose(total, [-(2999 - 1) / 2, (2999 - 1) / 2], rtol=1e-5)
    assert metrics["carried_share"] == 0


EPISODE = batch([[1], [2]], [[F], [T]], [[F], [F]])  # returns by hand: 2 and 2


@pytest.mark.parametrize(
    ("baseline", "gradient"),
    [("none", [-1.0, 1.0]), ("value network", [-0.25, 0.25])],
)
def test_golden_gradient_of_each_baseline(baseline, gradient):
    """Action 0 with probability 1/2: the loss falls by half of the advantage."""
    algorithm = plain(baseline=baseline)
    grads, metrics = first(algorithm, constant(algorithm, value=1.5), EPISODE)
    np.testing.assert_allclose(grads["logits"]["bias"], gradient, rtol=1e-5)
    np.testing.assert_allclose(metrics["return_mean"], 2.0, rtol=1e-6)


def test_the_running_mean_is_of_the_rollouts_before():
    """So it knows nothing of the actions that it is subtracted for: it has no bias."""
    algorithm = plain(baseline="running mean")
    params = constant(algorithm)
    carried = algorithm.nothing_carried(params)
    seen = []
    for pay in (2.0, 4.0, 4.0):
        rollout = batch([[pay]], [[T]], [[F]])
        grads, carried, _ = estimate(algorithm, params, carried, rollout)
        seen.append(grads["params"]["logits"]["bias"][1] * 2)
    seen = np.array(seen) * algorithm.steps_per_iteration
    second = 2.0
    third = (0.8 * 2.0 + 4.0) / 1.8
    np.testing.assert_allclose(seen, [2.0, 4.0 - second, 4.0 - third], rtol=1e-5)


def test_the_mean_return_counts_every_step_once():
    """Also where the reward comes in a later rollout than the step."""
    algorithm = plain(baseline="none", discount=0.5)
    params = constant(algorithm)
    carried = algorithm.nothing_carried(params)
    means = []
    for reward, ended in ((0.0, F), (0.0, F), (1.0, T)):
        rollout = batch([[reward]], [[ended]], [[F]])
        _, carried, metrics = estimate(algorithm, params, carried, rollout)
        means.append(float(metrics["return_mean"]))
    np.testing.assert_allclose(means, [0, 0, 1 + 0.5 + 0.25])


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [("none", 2.0), ("value network", 1 + 0.5 * (2 + 0.5 * 8))],
)
def test_an_episode_that_the_clock_cuts(baseline, expected):
    """Pitfall 3: bootstrapped by the value network; else it is what it earned."""
    algorithm = plain(baseline=baseline)
    rollout = batch([[1], [2]], [[F], [F]], [[F], [T]])
    _, metrics = first(algorithm, constant(algorithm, value=8.0), rollout)
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
    for baseline in ("none", "running mean", "value network"):
        algorithm = plain(baseline=baseline, num_envs=2)
        params = constant(algorithm, value=0.7)
        got, _ = first(algorithm, params, rollout)
        np.testing.assert_allclose(got["logits"]["bias"], [0.5, -0.5], rtol=1e-5)


def test_the_entropy_bonus_flattens():
    """Pitfall 24: without any advantage, descending makes the likelier action rarer."""
    algorithm = plain(entropy_coef=0.1)
    rollout = batch([[0.0]], [[T]], [[F]])
    got, _ = first(algorithm, constant(algorithm, logits=(1.0, 0.0)), rollout)
    assert got["logits"]["bias"][0] > 0 > got["logits"]["bias"][1]


def test_the_policys_loss_does_not_move_the_value_network():
    """Pitfall 24: with its own loss weighed by 0, the baseline's gradient is zero."""
    algorithm = plain(baseline="value network", value_coef=0.0)
    got, _ = first(algorithm, constant(algorithm, value=0.7), EPISODE)
    np.testing.assert_array_equal(got["value"]["bias"], 0)
    algorithm = plain(baseline="value network", value_coef=1.0)
    got, _ = first(algorithm, constant(algorithm, value=0.5), EPISODE)
    np.testing.assert_allclose(got["value"]["bias"], [0.5 - 2.0], rtol=1e-6)


def test_normalising_divides_by_the_deviation_of_the_rollouts_before():
    """Pitfall 14: off, the gradient grows with the rewards; on, it does not."""
    for normalize, ratio in ((False, 10.0), (True, 1.0)):
        sizes = []
        for k in (1, 10):
            algorithm = plain(normalize=normalize, baseline="none", num_envs=2)
            params = constant(algorithm)
            carried = algorithm.nothing_carried(params)
            for _ in range(2):
                rollout = batch([[1 * k, 3 * k]], [[T, T]], [[F, F]], action=[[0, 1]])
                grads, carried, _ = estimate(algorithm, params, carried, rollout)
            sizes.append(grads["params"]["logits"]["bias"][0])
        np.testing.assert_allclose(sizes[1] / sizes[0], ratio, rtol=1e-4)


def test_equal_returns_give_no_gradient_once_they_are_known():
    """Pitfall 32: divided by a deviation of rounding they would be of unit size."""
    algorithm = plain(normalize=True, baseline="running mean", num_envs=2)
    params = constant(algorithm)
    carried = algorithm.nothing_carried(params)
    for pay in (5.0, 5.0, 5.0 + 1e-5):
        rollout = batch([[pay, pay]], [[T, T]], [[F, F]], action=[[0, 0]])
        grads, carried, _ = estimate(algorithm, params, carried, rollout)
    assert np.abs(grads["params"]["logits"]["bias"]).max() < 1e-5


def test_a_baseline_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="'running mean'"):
        tiny("reinforce", baseline="mean")
