"""Memory of agents: what is learnt from is what acted."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import PPO
from pgvq.algorithms.base import Learner
from pgvq.ops.optimizers import adam
from pgvq.rollout import rollout
from pgvq.types import InputError
from tests.helpers.by_value import batch
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

WIDTH, LENGTH, COUNT = 6, 8, 4  # H, and T and N of `tiny`
NAMES = ["reinforce", "actor_critic", "ppo"]


def remembering(name, **changes):
    return tiny(name, memory_size=WIDTH, **changes)


def louder(params):
    """The same with heads that are far from uniform and from zero."""
    params = jax.tree.map(lambda leaf: leaf, params)
    for head in params["params"].keys() & {"logits", "value"}:
        params["params"][head]["kernel"] *= 100
    return params


def shapes(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


@pytest.mark.parametrize("name", NAMES)
def test_every_member_of_the_family_keeps_a_memory(name):
    """Zeros where an episode begins, and the state keeps its structure (`scan`).

    Traced with JAX's check that no key is used twice (pitfall 22).
    """
    algorithm = remembering(name)

    @jax.jit
    def live(key):
        def one(state, _):
            state, _ = algorithm.iterate(state)
            return state, (state.world[2:], state.learner.params)

        first = algorithm.init(key)
        return first, jax.lax.scan(one, first, length=3)[1]

    with jax.debug_key_reuse(True):
        first, (worlds, params) = live(jax.random.key(0))
    assert first.world.memory.shape == (COUNT, WIDTH)
    assert not first.world.memory.any()
    _, episode_length, memory = worlds  # [3, N] each
    remembers = (memory != 0).any(axis=-1)
    np.testing.assert_array_equal(remembers, episode_length > 0)
    assert 0 < remembers.sum() < remembers.size
    # Every weight was learnt, the recurrent ones among them.
    for leaf in jax.tree.leaves(params):
        assert (leaf[0] != leaf[1]).any()
        assert (leaf[1] != leaf[2]).any()


class Said(NamedTuple):
    """What acting computed along a rollout."""

    logits: jax.Array  # [T, N, A]
    value: jax.Array  # [T, N]
    after: jax.Array  # [T, N, H] the memory after the step
    drawn: jax.Array  # [T, N] bool: the action was drawn from these logits


@pytest.fixture(scope="module")
def acted():
    """An actor-critic with its parameters, the worlds before and after two rollouts.

    And the second rollout, which begins in the middle of episodes, with what was said.
    """
    algorithm = remembering("actor_critic", discount=0.9)
    state = jax.jit(algorithm.init)(jax.random.key(1))
    learner = state.learner._replace(params=louder(state.learner.params))

    def policy(obs, memory, key):
        given = learner, obs, memory, key
        action, after, before = algorithm.policy(*given, greedy=False, step=0)
        logits, value, _ = algorithm.step(learner.params, obs, memory)
        drawn = jax.random.categorical(key, logits) == action
        return action, after, (before, Said(logits, value, after, drawn))

    @jax.jit
    def run(world, key):
        return rollout(algorithm.env, algorithm.params, policy, world, key, LENGTH)

    worlds = [state.world]
    for number in range(2):
        world, lived, _ = run(worlds[-1], jax.random.key(number + 2))
        worlds.append(world)
    before, said = lived.extras
    lived = lived._replace(extras=before)
    return algorithm, learner.params, worlds, jax.device_get(lived), said


def ends(lived):
    return lived.terminated | lived.truncated


def test_memory_crosses_the_edges_of_rollouts_and_no_end_of_an_episode(acted):
    _, _, worlds, lived, said = acted
    before, ended = lived.extras, ends(lived)
    assert lived.terminated.any()
    assert lived.truncated.any()
    np.testing.assert_array_equal(before[0], worlds[1].memory)
    assert worlds[1].memory.any()
    kept = np.where(ended[..., None], 0.0, said.after)
    np.testing.assert_array_equal(before[1:], kept[:-1])
    np.testing.assert_array_equal(worlds[2].memory, kept[-1])


def test_learning_recomputes_what_acting_said(acted):
    """From the first memory alone: logits, and so probabilities, values, memories."""
    algorithm, params, _, lived, said = acted
    assert said.drawn.all()
    args = params, lived.obs, lived.extras[0], ends(lived)
    outputs = jax.jit(algorithm.outputs)(*args)
    for ours, acting in zip(outputs, said[:3], strict=True):
        np.testing.assert_allclose(ours, acting, rtol=1e-5, atol=1e-6)
    assert np.std(said.logits[..., 0] - said.logits[..., 1]) > 0.01


def test_ppo_begins_with_the_probabilities_that_acted(acted):
    """Those that its ratios are relative to."""
    _, params, _, lived, said = acted
    sample = jax.jit(remembering("ppo").sample)(params, lived)
    log_probs = jax.nn.log_softmax(said.logits)
    taken = np.take_along_axis(log_probs, lived.action[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(sample.log_prob, taken, rtol=1e-4, atol=1e-6)


def test_a_minibatch_is_whole_environments(acted, monkeypatch):
    """Every one once per epoch, in the order of time and from its own memory.

    While the parameters stand still, so do its probabilities.
    """
    _, params, _, lived, _ = acted
    seen, loss = [], PPO.loss

    def recorded(self, params, batch):
        rows = batch.obs, batch.action, batch.memory[0]
        jax.debug.callback(lambda *row: seen.append(row), *rows)
        return loss(self, params, batch)

    monkeypatch.setattr(PPO, "loss", recorded)
    settings = {"num_epochs": 2, "num_minibatches": 2}
    algorithm = remembering("ppo", learning_rate=0.0, **settings)
    learner = Learner(params, adam(0.0, 1.0).init(params))
    args = learner, lived, jax.random.key(0), jnp.int32(0)
    _, metrics = jax.block_until_ready(jax.jit(algorithm.update)(*args))
    jax.effects_barrier()
    np.testing.assert_allclose(metrics["kl"], 0.0, atol=1e-6)
    np.testing.assert_allclose(metrics["clipped_share"], 0.0)
    whole = np.concatenate(
        [lived.obs, lived.action[..., None]], axis=-1
    )  # [T, N, 2 + 1]
    used = []
    for obs, action, memory in seen:
        assert obs.shape == (LENGTH, COUNT // 2, 2)
        rows = np.concatenate([obs, action[..., None]], axis=-1)
        for place in range(COUNT // 2):
            (env,) = (
                env
                for env in range(COUNT)
                if np.array_equal(whole[:, env], rows[:, place])
            )
            np.testing.assert_array_equal(memory[place], lived.extras[0, env])
            used.append(env)
    assert sorted(used[:COUNT]) == sorted(used[COUNT:]) == list(range(COUNT))


def test_values_to_bootstrap_from_remember_the_step(acted):
    """The value of `next_obs` with the memory after `obs`, where an end cuts as well.

    One-step returns, and what they bootstrap from is data.
    """
    algorithm, params, _, lived, said = acted
    step = jax.jit(algorithm.step)
    next_value = np.stack(
        [step(params, lived.next_obs[t], said.after[t])[1] for t in range(LENGTH)]
    )
    wanted = lived.reward + 0.9 * ~lived.terminated * next_value
    *_, returns = jax.jit(algorithm.assess)(params, lived, 0.0)
    np.testing.assert_allclose(returns, wanted, rtol=1e-5, atol=1e-6)


REACHED = {  # by the loss of time 5 in each environment: from there back to an end
    0: [0, 1, 2, 3, 4, 5],
    1: [3, 4, 5],
    2: [5],
    3: [0, 1, 2, 3, 4, 5],
}


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_a_step_reaches_back_to_its_episodes_beginning(name):
    """Episodes end before time 3 by themselves, before time 5 by the clock, or later.

    The step at time 5 alone earns something, and without discount, critic and entropy
    the loss is that step's.
    """
    settings = {"discount": 0.0, "entropy_coef": 0.0}
    if name == "reinforce":
        settings |= {"baseline": "none", "normalize": False}
    if name == "actor_critic":
        settings |= {"value_coef": 0.0, "normalize": False}
    if name == "ppo":
        settings |= {"value_coef": 0.0, "normalize": "none"}
    algorithm = remembering(name, **settings)
    learner = jax.jit(algorithm.init_learner)(jax.random.key(0), jnp.zeros(2))
    params = louder(learner.params)
    if "value" in params["params"]:
        params["params"]["value"]["kernel"] *= 0

    reward, terminated, truncated = np.zeros((3, LENGTH, COUNT))
    reward[5] = 1
    terminated[2, 1] = terminated[7] = 1
    truncated[4, 2] = truncated[5, 3] = 1
    memory = jax.random.normal(jax.random.key(1), (LENGTH, COUNT, WIDTH))
    obs = jax.random.normal(jax.random.key(2), (LENGTH, COUNT, 2))
    lived = batch(reward, terminated, truncated)._replace(extras=memory, obs=obs)
    if name == "ppo":
        lived = algorithm.sample(params, lived)
    if name == "reinforce":
        lived = algorithm.rows(params, lived, learner.carried.statistics)

    @jax.jit
    @jax.grad
    def gradient(obs):
        return algorithm.loss(params, lived._replace(obs=obs))[0]

    reached = np.abs(gradient(obs)).max(axis=2) > 0  # [T, N]
    for env, times in REACHED.items():
        np.testing.assert_array_equal(np.flatnonzero(reached[:, env]), times)


def test_reinforce_without_a_critic_bootstraps_from_nothing():
    """A cut by the clock counts what was earned; an untrained head would add to it."""
    for baseline, critic in (("running mean", False), ("value network", True)):
        algorithm = remembering("reinforce", baseline=baseline, discount=0.5)
        learner = jax.jit(algorithm.init_learner)(jax.random.key(0), jnp.zeros(2))
        params = louder(learner.params)
        assert ("value" in params["params"]) == critic
        memory = jnp.ones((2, 1, WIDTH))
        lived = batch([[1], [2]], [[0], [0]], [[0], [1]])._replace(extras=memory)
        statistics = learner.carried.statistics
        rows = jax.jit(algorithm.rows)(params, lived, statistics)
        assert np.array_equal(rows.returns, [[1 + 0.5 * 2], [2]]) != critic


def test_a_memory_of_another_structure_is_refused():
    algorithm = remembering("ppo")
    state = jax.jit(algorithm.init)(jax.random.key(0))
    key = jax.random.key(1)
    with pytest.raises(InputError, match="another structure; give"):
        algorithm.act(state, state.world.obs, (), key, greedy=True)
    memory = algorithm.initial_memory(len(state.world.obs))
    _, after = algorithm.act(state, state.world.obs, memory, key, greedy=True)
    assert after.shape == memory.shape
