"""PPO by value: surrogate, clipping, normalisation, and what its updates run over."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pgvq.algorithms import PPO
from pgvq.algorithms.ppo import Sample
from pgvq.ops.minibatches import shuffled_indices
from tests.helpers.by_value import constant
from tests.helpers.ppo_by_value import COUNT, LENGTH, lively, plain, random_rollout
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

LOGITS = np.array([0.3, -0.5], np.float32)
POLICY = np.exp(LOGITS) / np.exp(LOGITS).sum()
VALUE = 1.0

# Probability ratios on both sides of 1 - 0.2 and 1 + 0.2 with advantages of both signs;
# old values of which 1 is a step of less or more than 0.2, to and from their returns.
RATIO = np.array([0.5, 0.9, 1.1, 1.5, 0.5, 0.9, 1.1, 1.6])
ADVANTAGE = np.array([2.0, 1.0, 3.0, 2.0, -1.0, -2.0, -1.0, -3.0])
OLD_VALUE = np.array([0.9, 1.1, 0.5, 0.5, 1.6, 1.6, 0.7, 1.0])
RETURNS = np.array([2.0, 0.0, 2.0, 0.0, 2.0, 0.0, 0.75, 1.0])
ACTION = np.array([0, 1, 0, 1, 1, 0, 1, 0])


def by_hand():
    """A minibatch of the rows above, `[1, B]`."""
    rows = {
        "action": ACTION,
        "ended": np.zeros(8, bool),
        "log_prob": np.log(POLICY[ACTION] / RATIO).astype(np.float32),
        "value": OLD_VALUE.astype(np.float32),
        "returns": RETURNS.astype(np.float32),
        "advantage": ADVANTAGE.astype(np.float32),
    }
    rows = {name: row[None] for name, row in rows.items()}
    return Sample(obs=jnp.ones((1, 8, 2)), memory=(), **rows)


@jax.jit
def differentiate(algorithm, params, sample):
    """The loss, its metrics and the gradient by the parameters."""
    return jax.value_and_grad(algorithm.loss, has_aux=True)(params, sample)


def heads(grads):
    """The gradient by the logits and by the value."""
    return grads["params"]["logits"]["bias"], grads["params"]["value"]["bias"]


@jax.jit
def sampled(algorithm, params, rollout):
    return algorithm.sample(params, rollout)


def score_function(algorithm, params, obs, action, advantage):
    """The policy gradient: of `-log pi(a|s) * A`, from the network itself."""

    def surrogate(params):
        log_probs = jax.nn.log_softmax(algorithm.network.apply(params, obs)[0])
        return -(log_probs[jnp.arange(len(action)), action] * advantage).mean()

    return jax.jit(jax.grad(surrogate))(params)


def assert_close(one, other):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6), one, other
    )


@pytest.mark.parametrize("clip_value", [False, True])
def test_golden_loss_and_gradient(clip_value):
    """Schulman et al. 2017, eq. 7 and 9, row by row, on all sides of both clips."""
    algorithm = plain(clip_value=clip_value, value_coef=0.5, entropy_coef=0.1)
    params = constant(algorithm, LOGITS, VALUE)
    (loss, metrics), grads = differentiate(algorithm, params, by_hand())

    surrogate = np.minimum(RATIO * ADVANTAGE, np.clip(RATIO, 0.8, 1.2) * ADVANTAGE)
    near = np.clip(VALUE, OLD_VALUE - 0.2, OLD_VALUE + 0.2)
    errors = 0.5 * (VALUE - RETURNS) ** 2
    kept = np.ones(8, bool)
    if clip_value:
        # No gradient where the clipped step is the worse one and stands still.
        kept = errors >= 0.5 * (near - RETURNS) ** 2
        errors = np.maximum(errors, 0.5 * (near - RETURNS) ** 2)
        assert 0 < kept.sum() < 8
    entropy = -(POLICY * np.log(POLICY)).sum()
    wanted = -surrogate.mean() + 0.5 * errors.mean() - 0.1 * entropy
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], wanted, rtol=1e-5)
    np.testing.assert_allclose(metrics["value_loss"], errors.mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["entropy"], entropy, rtol=1e-5)

    # Rows 3 and 4 have gained all that they may; 0 and 7 are to come back.
    moving = np.array([1, 1, 1, 0, 0, 1, 1, 1]) * RATIO * ADVANTAGE
    by_logits = -(moving[:, None] * (np.eye(2)[ACTION] - POLICY)).mean(0)
    by_logits += 0.1 * POLICY * (np.log(POLICY) + entropy)
    by_value = 0.5 * (kept * (VALUE - RETURNS)).mean()
    got = heads(grads)
    np.testing.assert_allclose(got[0], by_logits, rtol=1e-4)
    np.testing.assert_allclose(got[1], [by_value], rtol=1e-4)


def test_metrics_of_how_far_the_policy_moved():
    """KL by `r - 1 - log r`; half of the rows moved by more than 0.2."""
    kl = (RATIO - 1 - np.log(RATIO)).mean()
    for target, beyond in ((0.9 * kl, 1.0), (1.1 * kl, 0.0)):
        algorithm = plain(target_kl=float(target))
        params = constant(algorithm, LOGITS, VALUE)
        (_, metrics), _ = differentiate(algorithm, params, by_hand())
        np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-5)
        np.testing.assert_allclose(metrics["clipped_share"], 0.5)
        np.testing.assert_allclose(metrics["beyond_target_kl"], beyond)


@pytest.mark.parametrize(("logits", "favoured"), [((1.0, 0.0), 0), ((0.0, 1.0), 1)])
def test_the_entropy_bonus_flattens(logits, favoured):
    """Pitfall 24: without any advantage, descending makes the likelier action rarer."""
    algorithm = plain(entropy_coef=0.1)
    sample = by_hand()._replace(advantage=jnp.zeros((1, 8)))
    _, grads = differentiate(algorithm, constant(algorithm, logits), sample)
    by_logits, _ = heads(grads)
    assert by_logits[favoured] > 0 > by_logits[1 - favoured]


def test_what_the_rollout_said_is_data():
    """Pitfall 24: advantages, old log-probabilities, old values and returns."""
    algorithm = plain(clip_value=True, value_coef=0.5, normalize="minibatch")
    params, sample = constant(algorithm, LOGITS, VALUE), by_hand()

    @jax.jit
    @jax.grad
    def gradient(data):
        return algorithm.loss(params, sample._replace(**data))[0]

    names = "advantage", "log_prob", "value", "returns"
    for name, leaf in gradient({k: getattr(sample, k) for k in names}).items():
        assert not leaf.any(), name


def test_the_first_minibatch_has_the_policy_gradient():
    """All ratios are 1 there, whatever `clip` is."""
    algorithm = plain(clip=1e-3)
    params, rollout = lively(algorithm).params, random_rollout()
    sample = sampled(algorithm, params, rollout)
    rows = shuffled_indices(jax.random.key(1), algorithm.num_rows, 1, 2)[0]
    part = jax.tree.map(lambda leaf: leaf[:, rows], sample)
    (_, metrics), grads = differentiate(algorithm, params, part)
    obs, action = rollout.obs.reshape(-1, 2)[rows], rollout.action.reshape(-1)[rows]
    wanted = score_function(algorithm, params, obs, action, part.advantage[0])
    assert_close(grads, wanted)
    assert optax.tree.norm(grads) > 1e-3
    np.testing.assert_allclose(metrics["kl"], 0.0, atol=1e-6)
    np.testing.assert_allclose(metrics["clipped_share"], 0.0)


def test_one_minibatch_of_everything_is_actor_critic():
    """One epoch of one minibatch takes the step that actor-critic takes."""
    settings = {"normalize": "none", "value_coef": 0.5, "entropy_coef": 0.01}
    ppo = plain(num_epochs=1, num_minibatches=1, **settings)
    settings["normalize"] = False
    other = tiny("actor_critic", lambda_=0.8, discount=0.9, **settings)
    other = other.replace(learning_rate=ppo.learning_rate)
    args = lively(ppo), random_rollout(), jax.random.key(1), jnp.int32(0)
    after, metrics = jax.jit(ppo.update)(*args)
    wanted, metrics_wanted = jax.jit(other.update)(*args)
    assert_close(after.params, wanted.params)
    assert_close(metrics["value_loss"], metrics_wanted["value_loss"])


def reference(rollout, value, next_value, discount, lambda_):
    """Generalised advantages as the sum that defines them (Schulman et al. 2016)."""
    alive = 1 - rollout.terminated
    errors = rollout.reward + discount * alive * next_value - value
    advantage = np.zeros((LENGTH, COUNT))
    for t, env in np.ndindex(LENGTH, COUNT):
        for k in range(t, LENGTH):
            advantage[t, env] += (discount * lambda_) ** (k - t) * errors[k, env]
            if rollout.terminated[k, env] or rollout.truncated[k, env]:
                break
    return advantage


@pytest.mark.parametrize("lambda_", [0.0, 0.8, 1.0])
def test_advantages_against_the_sum_that_defines_them(lambda_):
    """Pitfalls 2 and 3: with terminations, truncations and the rollout's edge."""
    algorithm = plain(lambda_=lambda_)
    params, rollout = lively(algorithm).params, random_rollout()
    assert rollout.terminated.any()
    assert rollout.truncated.any()

    @jax.jit
    def network(obs):
        logits, value = algorithm.network.apply(params, obs.reshape(-1, 2))
        return jax.nn.log_softmax(logits), value.reshape(obs.shape[:2])

    (log_probs, value), (_, next_value) = (
        network(rollout.obs),
        network(rollout.next_obs),
    )
    wanted = reference(rollout, value, next_value, 0.9, lambda_)
    sample = sampled(algorithm, params, rollout)
    for got, rows in (
        (sample.advantage, wanted),
        (sample.returns, wanted + value),
        (sample.value, value),
        (sample.log_prob, log_probs[np.arange(32), rollout.action.reshape(-1)]),
        (sample.action, rollout.action),
        (sample.ended, rollout.terminated | rollout.truncated),
    ):
        np.testing.assert_allclose(got, rows.reshape(1, -1), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(sample.obs, rollout.obs.reshape(1, -1, 2))


def test_normalising_is_an_option():
    """Pitfall 14: not at all, over the rollout, or over each minibatch."""
    params, rollout = lively(plain()).params, random_rollout()
    raw = np.asarray(sampled(plain(), params, rollout).advantage)[0]
    rows = np.arange(0, 32, 2)  # half of them
    wanted = {
        "none": raw[rows],
        "batch": ((raw - raw.mean()) / raw.std())[rows],
        "minibatch": (raw[rows] - raw[rows].mean()) / raw[rows].std(),
    }
    obs, action = rollout.obs.reshape(-1, 2)[rows], rollout.action.reshape(-1)[rows]
    for normalize, advantage in wanted.items():
        algorithm = plain(normalize=normalize)
        sample = sampled(algorithm, params, rollout)
        part = jax.tree.map(lambda leaf: leaf[:, rows], sample)
        (loss, _), grads = differentiate(algorithm, params, part)
        np.testing.assert_allclose(loss, -advantage.mean(), rtol=1e-4, atol=1e-6)
        assert_close(grads, score_function(algorithm, params, obs, action, advantage))


def test_updates_are_counted_exactly():
    """Three epochs of four minibatches; the first of them meets the old policy."""
    algorithm = plain(
        num_epochs=3, num_minibatches=4, learning_rate=0.1, target_kl=1e-6
    )
    learner = lively(algorithm)
    update = jax.jit(PPO.update)
    args = learner, random_rollout(), jax.random.key(1), jnp.int32(0)
    after, metrics = update(algorithm, *args)
    count = optax.tree.get(after.opt_state, "count")
    assert count == algorithm.updates_per_iteration == 3 * 4
    np.testing.assert_allclose(metrics["beyond_target_kl"], 11 / 12, rtol=1e-6)
    assert metrics["clipped_share"] > 0

    still, metrics = update(algorithm.replace(learning_rate=0.0), *args)
    assert_close(still.params, learner.params)
    np.testing.assert_allclose(metrics["beyond_target_kl"], 0.0)
    np.testing.assert_allclose(metrics["clipped_share"], 0.0)


def test_every_row_is_used_once_per_epoch(monkeypatch):
    """With what belongs to it: rows carry their number in every field."""
    seen, loss = [], PPO.loss

    def recorded(self, params, batch):
        jax.debug.callback(lambda *row: seen.append(row), batch.obs, batch.action)
        return loss(self, params, batch)

    monkeypatch.setattr(PPO, "loss", recorded)
    algorithm = plain(num_epochs=3, num_minibatches=4)
    number = np.arange(32).reshape(LENGTH, COUNT)
    obs = np.stack([number, number], axis=-1).astype(np.float32)
    rollout = random_rollout()._replace(obs=obs, action=number % 2)
    args = lively(algorithm), rollout, jax.random.key(1), jnp.int32(0)
    jax.block_until_ready(jax.jit(algorithm.update)(*args))
    jax.effects_barrier()
    assert len(seen) == 3 * 4
    for obs, action in seen:
        np.testing.assert_array_equal(obs[..., 0] % 2, action)
    used = np.concatenate([obs[0, :, 0] for obs, _ in seen])
    np.testing.assert_array_equal(np.sort(used), np.repeat(np.arange(32), 3))
