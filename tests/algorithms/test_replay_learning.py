"""What methods with a replay share: which rows are written, and how they are drawn."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms.fields import static
from pgvq.algorithms.replay_learning import ReplayLearning, Row
from pgvq.replay import prioritized
from pgvq.replay import ring as replay
from pgvq.types import InputError
from tests.helpers.probes import Numbered

pytestmark = pytest.mark.usefixtures("light_compilation")

GAMMA = 0.9


class Remembered(NamedTuple):
    """A learner that only remembers."""

    experience: Any


class Recorder(ReplayLearning, kw_only=True):
    """Acts uniformly and learns nothing: a row's error is -(2 + action), or zero."""

    right: bool = static(False)

    def init_learner(self, key, obs):
        return Remembered(self.init_replay(obs))

    def policy(self, learner, obs, memory, key, *, greedy, step):
        if greedy:
            return jnp.zeros(obs.shape[:1], jnp.int32), memory, ()
        return jax.random.randint(key, obs.shape[:1], 0, self.num_actions), memory, ()

    def learn(self, learner, batch, key, step):
        error = -(2.0 + batch.rows.action) * (not self.right)
        return learner, error, {"steps": step}


class Drawn(NamedTuple):
    """A learner that keeps what its updates drew."""

    experience: Any
    bits: Any  # [16] uint32
    places: Any  # [16, B] int32
    updates: Any


class Drawing(Recorder, kw_only=True):
    """Draws one number in every update, as a noisy network or a sampled target does."""

    def init_learner(self, key, obs):
        places = jnp.zeros((16, self.batch_size), jnp.int32)
        kept = jnp.zeros(16, jnp.uint32), places, jnp.int32(0)
        return Drawn(*super().init_learner(key, obs), *kept)

    def learn(self, learner, batch, key, step):
        number = learner.updates
        _, error, metrics = super().learn(learner, batch, key, step)
        learner = learner._replace(
            bits=learner.bits.at[number].set(jax.random.bits(key)),
            places=learner.places.at[number].set(batch.places),
            updates=number + 1,
        )
        return learner, error, metrics


def recorder(kind=Recorder, **changes):
    settings = {
        "env": Numbered(),
        "num_envs": 3,
        "rollout_length": 4,
        "replay_ratio": 2 / 12,
        "batch_size": 4,
        "warmup_steps": 14,
        "capacity": 500,
        "discount": GAMMA,
        "budget": 1_000.0,
    }
    return kind(**{**settings, **changes})


def lived(algorithm, iterations=6):
    """What is remembered at the beginning and after each iteration."""

    @jax.jit
    def live(key):
        def one(state, _):
            return algorithm.iterate(state)[0], state.learner.experience

        state, before = jax.lax.scan(one, algorithm.init(key), length=iterations)
        return before, state.learner.experience

    before, last = jax.device_get(live(jax.random.key(3)))
    each = [jax.tree.map(lambda x, i=i: x[i], before) for i in range(iterations)]
    return [*each, last]


@pytest.mark.parametrize("prioritized", [False, True])
def test_every_update_has_a_key_of_its_own(prioritized):
    """Twelve updates draw twelve numbers, and the rows' draws come from other keys."""
    algorithm = recorder(Drawing, prioritized=prioritized)

    @jax.jit
    def live(key):
        return jax.lax.scan(
            lambda state, _: (algorithm.iterate(state)[0], state.key),
            algorithm.init(key),
            length=6,
        )

    with jax.debug_key_reuse(True):
        state, keys = live(jax.random.key(3))
    learner = state.learner
    assert learner.updates == 12
    assert len(np.unique(learner.bits[:12])) == 12
    key_update = jax.random.split(keys[-1], 3)[2]
    updates = algorithm.updates_per_iteration
    by = algorithm.sampler.plan(learner.experience.replay, key_update, updates)
    if prioritized:
        assert not np.isin(jax.vmap(jax.random.bits)(by), learner.bits[:12]).any()
    else:
        np.testing.assert_array_equal(learner.places[10:12], by.places)


def in_order(ring):
    """The rows of a ring, oldest first."""
    index = (ring.position - ring.size + np.arange(ring.size)) % len(ring.rows.reward)
    return jax.tree.map(lambda leaf: leaf[index], ring.rows)


@pytest.fixture(scope="module")
def stream():
    """All that was lived with this key, one step per row, as `[steps, N, ...]`."""
    rows = in_order(lived(recorder())[-1].replay)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, 3, *leaf.shape[1:]), rows)


def endings(obs):
    """Where `Numbered` terminates and where it is truncated, by what was seen."""
    even, time = obs[..., 0] * 2**14 % 2 == 0, obs[..., 1]
    return even & (time == 2), ~even & (time == 4)


def test_every_step_is_written_once_and_in_order(stream):
    """Each row goes on where the last one of its environment stopped.

    Five steps of the warm-up and four of each iteration, in three environments.
    """
    assert len(stream.reward) == 5 + 6 * 4
    terminated, truncated = endings(stream.obs)
    assert terminated.any()
    assert truncated.any()
    np.testing.assert_array_equal(stream.next_obs[..., 0], stream.obs[..., 0])
    np.testing.assert_array_equal(stream.next_obs[..., 1], stream.obs[..., 1] + 1)
    goes_on = ~(terminated | truncated)[:-1]
    follows = stream.obs[1:]
    np.testing.assert_array_equal(follows[goes_on], stream.next_obs[:-1][goes_on])
    np.testing.assert_array_equal(follows[~goes_on][:, 1], 0)
    np.testing.assert_array_equal(stream.reward, stream.action)
    np.testing.assert_allclose(stream.discount, GAMMA * ~terminated)


def expected_rows(stream, n, count):
    """The first `count` rows of each environment, one window after the other."""
    terminated, truncated = endings(stream.obs)
    rows = []
    for t, env in np.ndindex(count, 3):
        earned = 0.0
        for k in range(n):
            here = t + k, env
            earned += GAMMA**k * stream.reward[here]
            if terminated[here] or truncated[here]:
                break
        left = 0.0 if terminated[here] else GAMMA ** (k + 1)
        first = stream.obs[t, env], stream.action[t, env]
        rows.append(Row(*first, earned, stream.next_obs[here], left))
    return Row(*map(np.array, zip(*rows, strict=True)))


@pytest.mark.parametrize(("n", "capacity"), [(1, 31), (3, 31), (5, 500)])
def test_n_step_rows_are_those_of_the_lived_stream(stream, n, capacity):
    """In a ring that wraps as well; the newest n - 1 steps wait for their returns."""
    algorithm = recorder(n_step=n, capacity=capacity)
    for iteration, experience in enumerate(lived(algorithm)):
        steps = 5 + 4 * iteration
        assert experience.replay.size == min(3 * (steps - n + 1), capacity)
        expected = expected_rows(stream, n, steps - n + 1)
        jax.tree.map(
            lambda got, want: np.testing.assert_allclose(
                got, want[-len(got) :], rtol=1e-6
            ),
            in_order(experience.replay),
            expected,
        )
        if n > 1:
            newest = stream.action[steps - n + 1 : steps]
            np.testing.assert_array_equal(experience.pending.action, newest)


def test_the_replay_draws_only_what_was_written():
    """And, without priorities, every row as often as any other."""
    algorithm, experience = holding(4, capacity=12, batch_size=64)
    by = algorithm.sampler.plan(experience.replay, jax.random.key(0), 2)
    assert by.places.shape == (2, 64)
    first = jax.tree.map(lambda leaf: leaf[0], by)
    batch = sampled(algorithm, experience, first, jnp.int32(0))
    np.testing.assert_array_equal(batch.places, by.places[0])
    np.testing.assert_array_equal(batch.rows.action, batch.places)
    np.testing.assert_array_equal(batch.weight, 1)
    np.testing.assert_allclose(np.bincount(np.ravel(by.places)), 32, atol=16)


def holding(count, **changes):
    """An algorithm, and its memory of `count` rows with actions 0, 1, ..."""
    algorithm = recorder(**changes)
    empty = algorithm.init_replay(jnp.zeros(2))
    obs, zero = jnp.zeros((count, 2)), jnp.zeros(count)
    rows = Row(obs, jnp.arange(count), zero, obs, zero)
    return algorithm, empty._replace(replay=replay.add(empty.replay, rows))


def leaves(priorities, capacity=500):
    return np.asarray(priorities.levels[0]).reshape(-1)[:capacity]


def test_priorities_are_powers_of_errors_and_the_highest_for_new_rows():
    """Schaul et al. 2016, algorithm 1: |error|^alpha, and the maximum until drawn.

    Errors are -2 and -3, so their roots. Whatever changed was drawn; at most two
    minibatches of four rows were.
    """
    algorithm = recorder(prioritized=True, priority_exponent=0.5)
    before, *after = lived(algorithm)
    size, written = 15, 12
    assert before.priorities.max_priority == 1
    np.testing.assert_array_equal(leaves(before.priorities)[:size], 1)
    assert not leaves(before.priorities)[size:].any()
    for experience in after:
        old = leaves(before.priorities).copy()
        old[size : size + written] = before.priorities.max_priority
        size += written
        new, action = leaves(experience.priorities), experience.replay.rows.action
        wanted = np.sqrt(2.0 + action)
        np.testing.assert_allclose(np.where(new == old, wanted, new), wanted, rtol=1e-6)
        assert 0 < (new != old).sum() <= 2 * 4
        assert not new[size:].any()
        before = experience
    np.testing.assert_allclose(before.priorities.max_priority, np.sqrt(3), rtol=1e-6)


def test_an_update_draws_by_what_the_last_one_found():
    """With one row per update, none of error zero is drawn again while others are left.

    Priorities that were read once per iteration would draw some of 27 rows twice.
    """
    algorithm = recorder(
        prioritized=True,
        priority_exponent=1.0,
        right=True,
        batch_size=1,
        replay_ratio=20 / 12,
    )
    experience = lived(algorithm, 1)[-1]
    known = leaves(experience.priorities)[:27]
    np.testing.assert_allclose(np.sort(known), [1e-6] * 20 + [1.0] * 7, rtol=1e-5)


def sampled(algorithm, experience, plan, steps):
    """The minibatch of one update after a number of agent steps."""
    beta = algorithm.importance_at(steps)
    return algorithm.sampler.sample(
        experience.priorities, experience.replay, plan, beta
    )


def prioritised_by(*priority):
    """An algorithm, and its memory of rows with these priorities."""
    settings = {"prioritized": True, "capacity": 12, "batch_size": 64}
    algorithm, memory = holding(len(priority), **settings)
    index = jnp.arange(len(priority))
    tree = prioritized.update(memory.priorities, index, jnp.array(priority))
    return algorithm, memory._replace(priorities=tree)


@pytest.mark.parametrize(
    ("steps", "beta"), [(0, 0.4), (500, 0.7), (1_000, 1.0), (5_000, 1.0)]
)
def test_importance_weights_undo_the_draws_at_the_end(steps, beta):
    """Section 3.4: (N P)^-beta over its maximum; beta from 0.4 to 1 at the budget."""
    algorithm, experience = prioritised_by(1.0, 2.0, 3.0, 4.0)
    batch = jax.jit(sampled)(algorithm, experience, jax.random.key(0), jnp.int32(steps))
    assert set(np.array(batch.places)) == {0, 1, 2, 3}
    np.testing.assert_array_equal(batch.rows.action, batch.places)
    chance = (np.array(batch.places) + 1) / 10
    weight = (4 * chance) ** -beta
    np.testing.assert_allclose(batch.weight, weight / weight.max(), rtol=1e-5)


def test_a_row_of_no_priority_is_not_drawn():
    algorithm, experience = prioritised_by(0.0, 0.0, 5.0, 0.0)
    batch = sampled(algorithm, experience, jax.random.key(0), jnp.int32(0))
    np.testing.assert_array_equal(batch.places, 2)


@pytest.mark.parametrize(("n", "refused"), [(5, False), (6, True)])
def test_n_steps_have_to_fit_into_the_warm_up(n, refused):
    """14 steps in 3 environments are 5 each; 6 would need 18."""
    if not refused:
        assert recorder(n_step=n).initial_steps == 15
        return
    with pytest.raises(InputError, match=r"n_step=6 .* use warmup_steps=18"):
        recorder(n_step=n)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_step", 0),
        ("batch_size", 0),
        ("capacity", 11),
        ("warmup_steps", 0),
        ("priority_exponent", 1.1),
        ("priority_exponent", -0.1),
        ("importance_exponent", 1.1),
        ("importance_exponent", -0.1),
    ],
)
def test_what_cannot_work_is_refused(field, value):
    with pytest.raises(InputError, match=f"{field}={value}"):
        recorder(**{field: value})
