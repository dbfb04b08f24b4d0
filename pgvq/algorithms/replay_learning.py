"""What methods with a replay share: how it is filled, drawn from and warmed up.

Off-policy methods learn from transitions that an older policy collected. A member
writes `learn`, one update on one minibatch; here are the ring, n-step returns,
priorities, and the uniform steps before learning starts.
"""

import abc
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.algorithms.base import L, RolloutAlgorithm, TrainState
from pgvq.algorithms.fields import LARGEST, POSITIVE, SHARE, leaf, static
from pgvq.ops.returns import n_step
from pgvq.replay import ring
from pgvq.replay.ring import ReplayState
from pgvq.replay.samplers import Minibatch, Proportional, Sampler, Uniform
from pgvq.rollout import rollout
from pgvq.types import InputError, Key, Metrics, PyTree, Transition

# The updates' own keys are folded from the key of the draws. `split(key, n)[i]` is
# `fold_in(key, i)`, so the number is one that no split reaches.
UPDATES = 2**32 - 1


class Row(NamedTuple):
    """What the replay holds of a transition; leading axes `[C]` or `[B]`."""

    obs: PyTree  # as the environment shows it; what `learn` gets is encoded, [*O]
    action: Array  # [] int32
    reward: Array  # [] float32: discounted sum over the n steps
    next_obs: PyTree  # the same n steps later, or at the episode's end before that
    discount: Array  # [] float32: of the value of `next_obs`; 0 after a termination


class Experience(NamedTuple):
    """Replay buffer, pending n-step transitions and the sampler's state."""

    replay: ReplayState  # rows: `Row`
    pending: PyTree  # `Transition` [n - 1, N, ...], whose returns are open; () if n = 1
    priorities: PyTree  # of the sampler; () for uniform sampling


class ReplayLearning(RolloutAlgorithm[L], kw_only=True):
    """An iteration writes T agent steps of N environments, then takes its updates.

    Whatever `num_envs` is, there are `replay_ratio` updates per agent step.
    """

    # The ring holds what the environment shows: of a uint8 image a byte per pixel.
    keeps_shown: ClassVar[bool] = True

    num_envs: int = static(16, "environments side by side, N")
    rollout_length: int = static(8, "agent steps per environment and iteration, T")
    replay_ratio: float = static(
        1 / 8,
        "updates per agent step",
        search=(1 / 16, 1 / 8, 1 / 4),
        within=(0.0, 1e6),
    )
    batch_size: int = static(64, "transitions per update, B", within=POSITIVE)
    capacity: int = static(100_000, "transitions that the replay holds")
    warmup_steps: int = static(
        5_000, "uniform agent steps before learning; rounded up", within=POSITIVE
    )
    n_step: int = static(
        1, "rewards summed before the target bootstraps", within=POSITIVE
    )
    prioritized: bool = static(
        False, "draw by the size of the last error instead of uniformly"
    )
    priority_exponent: float = leaf(
        0.6, "prioritized: 0 is uniform, 1 proportional", within=SHARE
    )
    importance_exponent: float = leaf(
        0.4,
        "prioritized: 1 undoes the bias of the draws, 0 leaves it; rises to 1",
        within=SHARE,
    )
    importance_steps: float = leaf(
        0.0,
        "prioritized: agent steps over which it rises; 0: the whole budget",
        within=(0, LARGEST),
    )

    @abc.abstractmethod
    def learn(
        self, learner: L, batch: Minibatch, key: Key, step: Array
    ) -> tuple[L, Array, Metrics]:
        """One update: the learner afterwards, errors `[B]` by which rows get priority.

        A learner is a NamedTuple with the field `experience`, an `Experience` that is
        () in here, among others. Each update gets a key of its own, for noise or
        sampled targets; methods that draw nothing ignore it. `step` is the same in all
        updates of an iteration.
        """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_at_least("capacity", self.steps_per_iteration)
        if self.n_step > self.warmup_length:
            raise InputError(
                f"{type(self).__name__}: n_step={self.n_step} is more than the "
                f"{self.warmup_length} agent steps per environment of the warm-up "
                f"(warmup_steps / num_envs = {self.warmup_steps} / {self.num_envs}); "
                f"use warmup_steps={self.n_step * self.num_envs}"
            )
        wanted = self.replay_ratio * self.steps_per_iteration
        if wanted < 1 or abs(wanted - round(wanted)) > 1e-6:
            best = max(1, round(wanted))
            raise InputError(
                f"{type(self).__name__}: replay_ratio={self.replay_ratio:g} times "
                f"num_envs * rollout_length = {self.num_envs} * {self.rollout_length} "
                f"is {wanted:g} updates per iteration, not a whole number of at least "
                f"1; use replay_ratio={best}/{self.steps_per_iteration}"
            )
        self.check_product(
            ("updates_per_iteration", "batch_size"), "they are drawn at once"
        )

    @property
    def updates_per_iteration(self) -> int:
        """Gradient steps that one `iterate` takes."""
        return round(self.replay_ratio * self.steps_per_iteration)

    @property
    def sampler(self) -> Sampler:
        """How minibatches are sampled from the replay."""
        if self.prioritized:
            return Proportional(self.batch_size, self.priority_exponent)
        return Uniform(self.batch_size)

    def importance_at(self, agent_steps: Array) -> Array:
        """The exponent of importance weights, `[]`; it rises to 1."""
        length = self.schedule_length(self.importance_steps)
        left = 1.0 - jnp.clip(agent_steps / length, 0.0, 1.0)
        return 1.0 - left * (1.0 - self.importance_exponent)

    @property
    def warmup_length(self) -> int:
        """Agent steps per environment before learning."""
        return -(-self.warmup_steps // self.num_envs)

    @property
    def initial_steps(self) -> int:
        """Agent steps that `init` takes to warm up the replay."""
        return self.warmup_length * self.num_envs

    def init(self, key: Key) -> TrainState:
        """A fresh state whose replay holds `initial_steps` uniform agent steps."""
        key_state, key_warmup = jax.random.split(key)
        state = super().init(key_state)

        def uniform(obs: PyTree, memory: PyTree, key: Key) -> tuple[Array, PyTree, Any]:
            shape = (self.num_envs,)
            actions = jax.random.randint(key, shape, 0, self.num_actions)
            return actions, memory, ()

        def step(world: Any, key: Key) -> tuple[Any, Transition]:
            return rollout(self.env, self.params, uniform, world, key, 1)[:2]

        def fill(carry: tuple[Any, Any], key: Key) -> tuple[tuple[Any, Any], None]:
            world, batch = step(carry[0], key)
            return (world, self.add(carry[1], batch)), None

        keys = jax.random.split(key_warmup, self.warmup_length)
        open_steps = self.n_step - 1
        world, experience = state.world, state.learner.experience
        if open_steps:
            world, pending = jax.lax.scan(step, world, keys[:open_steps])
            pending = jax.tree.map(lambda x: x[:, 0], pending)
            experience = experience._replace(pending=pending)
        (world, experience), _ = jax.lax.scan(
            fill, (world, experience), keys[open_steps:]
        )
        learner = state.learner._replace(experience=experience)
        return state._replace(learner=learner, world=world)

    def init_replay(self, obs: Array) -> Experience:
        """An empty replay for observations of which `obs [*O]` is one, as encoded."""
        obs = self.reading.shown_like(obs)
        zero, no = jnp.float32(0), jnp.zeros((), dtype=bool)
        pending: PyTree = ()
        if self.n_step > 1:
            step = Transition(obs, jnp.int32(0), zero, obs, no, no)
            shape = (self.n_step - 1, self.num_envs)
            pending = jax.tree.map(lambda x: jnp.zeros(shape + x.shape, x.dtype), step)
        return Experience(
            ring.init(Row(obs, jnp.int32(0), zero, obs, zero), self.capacity),
            pending,
            self.sampler.init(self.capacity),
        )

    def add(self, experience: Experience, batch: Transition) -> Experience:
        """Writes a rollout `[T, N, ...]`, each step once its n-step return is known."""
        steps, count = batch._replace(extras=()), len(batch.reward)
        if self.n_step > 1:
            steps = jax.tree.map(
                lambda *parts: jnp.concatenate(parts), experience.pending, steps
            )
        reward, discount, last = n_step(
            steps.reward, steps.terminated, steps.truncated, self.discount, self.n_step
        )
        next_obs = jax.tree.map(
            lambda leaf: leaf[last, jnp.arange(self.num_envs)], steps.next_obs
        )
        obs = jax.tree.map(lambda leaf: leaf[:count], steps.obs)
        rows = Row(obs, steps.action[:count], reward, next_obs, discount)
        rows = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), rows)
        replay = ring.add(experience.replay, rows)
        written = count * self.num_envs
        priorities = self.sampler.add(experience.priorities, replay, written)
        pending = jax.tree.map(lambda x: x[count:], steps) if self.n_step > 1 else ()
        return Experience(replay, pending, priorities)

    def update(
        self, learner: Any, batch: Transition, key: Key, step: Array
    ) -> tuple[Any, Metrics]:
        """Writes the rollout `[T, N, ...]`, then takes the updates on minibatches."""
        experience = self.add(learner.experience, batch)
        sampler, replay = self.sampler, experience.replay
        beta = self.importance_at(step)

        def one(
            carry: tuple[Any, PyTree], given: tuple[PyTree, Key]
        ) -> tuple[Any, Metrics]:
            (learner, priorities), (plan, key) = carry, given
            batch = sampler.sample(priorities, replay, plan, beta)
            batch = batch._replace(rows=self.encoded(batch.rows))
            learner, error, metrics = self.learn(learner, batch, key, step)
            return (learner, sampler.update(priorities, batch.places, error)), metrics

        updates = self.updates_per_iteration
        keys = jax.random.split(jax.random.fold_in(key, UPDATES), updates)

        # The ring stays outside of what the updates carry: none of them changes it.
        start = learner._replace(experience=()), experience.priorities
        (learner, priorities), metrics = jax.lax.scan(
            one, start, (sampler.plan(replay, key, updates), keys)
        )
        experience = experience._replace(priorities=priorities)
        metrics = jax.tree.map(jnp.mean, metrics)
        metrics |= {"learning_rate": self.learning_rate_at(step)}
        return learner._replace(experience=experience), metrics
