"""Faults that were found in published code, each planted into a sound algorithm.

`PLANTED` says which check has to find it; the number is the row of docs/pitfalls.md, 0
for what is not in it.
"""

import jax
import jax.numpy as jnp
import optax

from pgvq.algorithms.fields import leaf, static
from pgvq.ops.losses import action_value, entropy
from pgvq.ops.returns import one_step_returns
from pgvq.rollout import rollout
from pgvq.types import Ratio
from tests.helpers.reference_algorithms import Actions, Policy, Replayed, over_time


class DummyKey(Policy, kw_only=True):
    """1: the seed is overwritten by a dummy key."""

    def init_learner(self, key, obs):
        return super().init_learner(jax.random.key(0), obs)


class OffByOne(Actions, kw_only=True):
    """2: bootstraps from the value of the state itself."""

    def targets(self, params, batch):
        return super().targets(params, batch._replace(next_obs=batch.obs))


class WrongSeed(Actions, kw_only=True):
    """2: the recursion begins behind the last row with the last row's own return."""

    def targets(self, params, batch):
        value = over_max(self, params, batch.next_obs)
        last = batch.reward[-1] + self.discount * value[-1]
        trace = self.lambda_ * (1.0 - (batch.terminated | batch.truncated))

        def backwards(later, row):
            reward, value, terminated, trace = row
            mixture = (1.0 - trace) * value + trace * later
            now = one_step_returns(reward, mixture, terminated, self.discount)
            return now, now

        rows = (batch.reward, value, batch.terminated, trace)
        return jax.lax.scan(backwards, last, rows, reverse=True)[1]


class CutIsEnd(Policy, kw_only=True):
    """3: truncation treated as termination, by a policy gradient."""

    def returns(self, batch, next_value):
        ended = batch.terminated | batch.truncated
        return super().returns(batch._replace(terminated=ended), next_value)


class CutIsEndReplayed(Replayed, kw_only=True):
    """3: the same by Q-learning from a replay."""

    def rows(self, batch):
        ended = batch.terminated | batch.truncated
        return super().rows(batch._replace(terminated=ended))


class EndIsCut(Actions, kw_only=True):
    """3: termination bootstrapped as if the clock had cut."""

    def targets(self, params, batch):
        none = jnp.zeros_like(batch.terminated)
        ended = batch.terminated | batch.truncated
        return super().targets(params, batch._replace(terminated=none, truncated=ended))


class ResetStored(Replayed, kw_only=True):
    """4: the following row's observation is stored as the next one."""

    def rows(self, batch):
        following = jnp.concatenate([batch.obs[1:], batch.next_obs[-1:]])
        return super().rows(batch._replace(next_obs=following))


class ClippedByElement(Policy, kw_only=True):
    """5: the bound holds for each element."""

    def clip(self):
        return optax.clip(self.max_grad_norm)


class MovesBySteps(Replayed, kw_only=True):
    """6: the target moves when the period divides the agent steps."""

    def moves(self, learner, steps):
        return steps % self.target_period == 0


class UpdatesBySteps(Replayed, kw_only=True):
    """6: an update only where the agent steps are a multiple of 10."""

    def one(self, learner, rows, steps):
        after = super().one(learner, rows, steps)
        now = steps % 10 == 0
        return jax.tree.map(lambda x, y: jnp.where(now, x, y), after, learner)


class RatioOfOne(Replayed, kw_only=True):
    """7: updates per iteration do not grow with num_envs."""

    @property
    def updates_per_iteration(self):
        return max(1, round(self.replay_ratio * self.rollout_length))


class RatioUndeclared(Replayed, kw_only=True):
    """7: the same, and what is declared is not what is done."""

    def number_of_updates(self):
        return max(1, round(self.replay_ratio * self.rollout_length))


class AlwaysSamples(Policy, kw_only=True):
    """8: there is no greedy mode."""

    def policy(self, *given, greedy, step):
        return super().policy(*given, greedy=False, step=step)


class NeverSamples(Actions, kw_only=True):
    """8: there is only a greedy mode."""

    def policy(self, *given, greedy, step):
        return super().policy(*given, greedy=True, step=step)


class EvaluatesWithTrainingKey(Policy, kw_only=True):
    """9: looks how good it is with the key that it trains with."""

    def iterate(self, state):
        after, metrics = super().iterate(state)
        actions, _ = self.act(state, state.world.obs, (), state.key, greedy=False)
        return after, {**metrics, "mean_action": actions.astype(jnp.float32).mean()}


class SameKeyAgain(Policy, kw_only=True):
    """9: every iteration begins from the same key."""

    def iterate(self, state):
        key = jax.random.wrap_key_data(jax.random.key_data(state.key))
        after, metrics = super().iterate(state)
        return after._replace(key=key), metrics


class ZeroBeforeTheFirst(Policy, kw_only=True):
    """10: no episode has ended, and the curve says 0."""

    def iterate(self, state):
        state, metrics = super().iterate(state)
        known = {
            name: m.value if isinstance(m, Ratio) else m for name, m in metrics.items()
        }
        return state, {name: jnp.nan_to_num(value) for name, value in known.items()}


class StaleEpisodes(Policy, kw_only=True):
    """10: without a new episode the old one is told again."""

    def init(self, key):
        return super().init(key), jnp.float32(jnp.nan)

    def iterate(self, state):
        state, last = state
        state, metrics = super().iterate(state)
        now = metrics["episode_return"].value
        now = jnp.where(jnp.isnan(now), last, now)
        return (state, now), {**metrics, "episode_return": now}

    def act(self, state, obs, memory, key, *, greedy):
        return super().act(state[0], obs, memory, key, greedy=greedy)


class ShortReturns(Policy, kw_only=True):
    """15 and 25: what the rollout's edge cuts counts as over."""

    critic: str = static("none")

    def complete(self, batch):
        return jnp.ones(batch.reward.shape, bool)


class FloatCounter(Policy, kw_only=True):
    """16: agent steps in float32."""

    def init(self, key):
        return super().init(key)._replace(agent_steps=jnp.float32(0))


class FloatInBetween(Policy, kw_only=True):
    """16: an int32 that is computed in float32."""

    def iterate(self, state):
        before = state.agent_steps.astype(jnp.float32)
        state, metrics = super().iterate(state)
        steps = (before + self.steps_per_iteration).astype(jnp.int32)
        return state._replace(agent_steps=steps), metrics


class OneKeyForBoth(Actions, kw_only=True):
    """22: the coin and the random action share a key."""

    def two_keys(self, key):
        return key, key


class WrongBonus(Policy, kw_only=True):
    """24: the entropy is descended."""

    def bonus(self, logits):
        return -self.entropy_coef * entropy(logits)


class TargetNotStopped(Policy, kw_only=True):
    """24: a gradient flows through the critic's target."""

    def stopped(self, target, advantage):
        return target, jax.lax.stop_gradient(advantage)


class AdvantageNotStopped(Policy, kw_only=True):
    """24: the policy's gradient flows into the critic."""

    def stopped(self, target, advantage):
        return jax.lax.stop_gradient(target), advantage


class QTargetNotStopped(Actions, kw_only=True):
    """24: the same in Q-learning."""

    def loss(self, params, batch):
        q_values = over_time_q(self, params, batch.obs)
        target = self.targets(params, batch)
        return jnp.mean(jnp.square(target - action_value(q_values, batch.action)))


class CountsWithoutWarmUp(Replayed, kw_only=True):
    """13: the environments take steps in `init` that nobody counts."""

    def init(self, key):
        key, key_more = jax.random.split(key)
        state = super().init(key)
        world, *_ = rollout(
            self.env,
            self.params,
            lambda obs, memory, key: (jnp.zeros(len(obs), jnp.int32), memory, ()),
            state.world,
            key_more,
            3,
        )
        return state._replace(world=world)


class FirstLaneForAll(Policy, kw_only=True):
    """Right alone, wrong under vmap: its own batching rule reads the first lane."""

    def loss(self, params, batch):
        @jax.custom_batching.custom_vmap
        def scale(advantage):
            return 1.0 / (jnp.std(advantage) + 1e-8)

        @scale.def_vmap
        def _(size, batched, advantages):
            first = 1.0 / (jnp.std(advantages[0]) + 1e-8)
            return jnp.full(size, first), True

        by = scale(jax.lax.stop_gradient(batch.reward + batch.obs.sum(-1)))
        return by * super().loss(params, batch)


class UnsolvedUnderVmap(Policy, kw_only=True):
    """Natural gradient by cg over a closed-over product, which has no inverse.

    It goes on until rounding decides, and under vmap one rounds differently.
    """

    damping: float = leaf(0.0)

    def update(self, learner, batch, key, step):
        loss, grads = jax.value_and_grad(self.loss)(learner.params, batch)

        def kl(params):
            logits, _ = over_time(self.network.apply, params, batch.obs)
            old, _ = over_time(self.network.apply, learner.params, batch.obs)
            gap = jax.nn.log_softmax(old) - jax.nn.log_softmax(logits)
            return jnp.mean(jnp.sum(jax.nn.softmax(old) * gap, axis=-1))

        def product(v):
            fisher = jax.jvp(jax.grad(kl), (learner.params,), (v,))[1]
            return jax.tree.map(lambda f, x: f + self.damping * x, fisher, v)

        step, _ = jax.scipy.sparse.linalg.cg(product, grads)
        return self.descended(learner, step), {"loss": loss}


class SolvedUnderVmap(UnsolvedUnderVmap, kw_only=True):
    """The same with damping, sound."""

    damping: float = leaf(0.1)


def over_time_q(algorithm, params, obs):
    return jax.vmap(lambda row: algorithm.q_values(params, row))(obs)


def over_max(algorithm, params, obs):
    return over_time_q(algorithm, params, obs).max(axis=-1)


PLANTED = [
    (0, FirstLaneForAll, "seed alone"),
    (0, UnsolvedUnderVmap, "seed alone"),
    (1, DummyKey, "seeds"),
    (2, OffByOne, "bootstrap"),
    (2, WrongSeed, "bootstrap"),
    (3, CutIsEnd, "truncation"),
    (3, CutIsEndReplayed, "truncation"),
    (3, EndIsCut, "termination"),
    (4, ResetStored, "next observation"),
    (5, ClippedByElement, "clipping"),
    (6, MovesBySteps, "target network"),
    (6, UpdatesBySteps, "updates"),
    (7, RatioOfOne, "updates"),
    (7, RatioUndeclared, "updates"),
    (8, AlwaysSamples, "modes"),
    (8, NeverSamples, "modes"),
    (9, EvaluatesWithTrainingKey, "keys"),
    (9, SameKeyAgain, "keys"),
    (10, ZeroBeforeTheFirst, "metrics"),
    (10, StaleEpisodes, "metrics"),
    (13, CountsWithoutWarmUp, "agent steps"),
    (15, ShortReturns, "unfinished episodes"),
    (16, FloatCounter, "counters"),
    (16, FloatInBetween, "counters"),
    (22, OneKeyForBoth, "keys"),
    (24, WrongBonus, "entropy"),
    (24, TargetNotStopped, "values"),
    (24, AdvantageNotStopped, "values"),
    (24, QTargetNotStopped, "values"),
]
