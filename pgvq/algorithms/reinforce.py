"""REINFORCE (Williams 1992; Sutton & Barto 2018, section 13.3-13.4).

The gradient of the expected return is the expectation of `G * grad log pi(a|s)`: every
action becomes more probable in proportion to the return `G` that followed it. Nothing
is bootstrapped; a baseline reduces the variance.

Episodes do not end where rollouts do. The return of a step whose episode is still
running at the rollout's edge is not known yet, and rewards that come later must reach
it. `G_t` is a sum, so they can be paid one by one: with the discounted sum of
gradients over the steps of the running episode (an eligibility trace, as in Baxter &
Bartlett 2001),

    z = sum_t discount^(now - t) grad log pi(a_t|s_t)
    sum_t G_t grad log pi(a_t|s_t) = sum over rewards r of  r * z at that time

each environment carries one trace `z` from rollout to rollout, and a reward is paid to
all steps of its episode, however long ago they were. Every step is used once, with its
complete return, and its gradient is that of the policy that took it.
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.algorithms.fields import leaf, static
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.networks.heads import Critic
from pgvq.ops.losses import (
    entropy,
    log_prob,
    policy_gradient_loss,
    safe_scale,
    squared_error,
)
from pgvq.ops.returns import has_ended, lambda_returns
from pgvq.types import Key, Metrics, Params, PyTree, Transition

BASELINES = ("none", "running mean", "value network")
KEPT = 0.8  # of the running statistics, from one rollout to the next
ROWS_AT_A_TIME = 512  # of a rollout, differentiated together: they stay in the cache


class Statistics(NamedTuple):
    """Sums over past rollouts, each fading by `KEPT` a rollout; all `[]` float32.

    Squares are of the steps whose return was complete at their rollout's edge.
    """

    rollouts: Array
    mean_return: Array  # of a step, summed over the rollouts
    steps: Array  # whose squares follow
    squared_advantage: Array
    squared_return: Array


class Carried(NamedTuple):
    """What is carried from one rollout to the next."""

    traces: Params  # leaves [N, ...]: gradients of the steps whose episode is running
    shares: Array  # [N] the same sum with 1 for each gradient
    statistics: Statistics


class MonteCarloLearner(NamedTuple):
    """What REINFORCE has learnt so far."""

    params: Params
    opt_state: Any
    carried: Carried


class Rows(NamedTuple):
    """Steps of a rollout as the gradient reads them; axes `[T, n, ...]`."""

    obs: Array  # [*O]
    action: Array  # [] int32
    ended: Array  # [] bool: the episode ended with this step
    memory: PyTree  # [H] before the step; () without a memory
    returns: Array  # [] what the episode paid from here to its end or to the edge
    running: Array  # [] bool: the episode runs on behind the edge
    weight: Array  # [] discount^(T - t) where it does, 0 elsewhere
    baseline: Array  # []
    scale: Array  # [] that advantages are divided by


class REINFORCE(PolicyGradient[MonteCarloLearner], kw_only=True):
    """Monte Carlo policy gradient from complete returns; no step is dropped.

    A rollout's steps are paid what they earned so far, and the rest when it comes, in
    later rollouts (`carried_share` is the share of steps whose episode is still running
    at the edge). So the estimate has no bias, whatever the length of episodes, and no
    bound on it. What a rollout pays is divided by its number of steps.
    An episode that the clock cut counts what it earned; with a value network as
    baseline it bootstraps there, as every other algorithm does.
    """

    num_envs: int = static(64, "environments side by side, N", search=(32, 64))
    rollout_length: int = static(
        128, "agent steps per environment and iteration, T", search=(64, 128, 256)
    )
    baseline: Literal["none", "running mean", "value network"] = static(
        "running mean",
        "what is subtracted from the returns: " + ", ".join(BASELINES),
    )
    normalize: bool = static(
        True, "divide advantages by their deviation in the rollouts before"
    )
    learning_rate: float = leaf(
        2e-2, "of Adam, at the beginning", search=(1e-3, 1e-1, "log")
    )
    discount: float = leaf(
        0.98, "gamma, per agent step", search=(0.9, 0.999, "horizon")
    )
    value_coef: float = leaf(
        0.5, "weight of the value network's loss", within=(0.0, 100.0)
    )

    @property
    def critic(self) -> Critic:
        """A torso of its own, so that the baseline does not shape the policy."""
        return "separate" if self.baseline == "value network" else "none"

    def init_learner(self, key: Key, obs: Array) -> MonteCarloLearner:
        """A fresh learner for observations like `obs [*O]`; consumes `key`."""
        learner = super().init_learner(key, obs)
        carried = self.nothing_carried(learner.params)
        return MonteCarloLearner(learner.params, learner.opt_state, carried)

    def nothing_carried(self, params: Params) -> Carried:
        """What is carried into the first rollout: no running episode has begun."""
        shape = (self.num_envs,)
        traces = jax.tree.map(lambda x: jnp.zeros(shape + x.shape, x.dtype), params)
        statistics = Statistics(*(jnp.float32(0) for _ in Statistics._fields))
        return Carried(traces, jnp.zeros(shape), statistics)

    def rows(self, params: Params, batch: Transition, statistics: Statistics) -> Rows:
        """A rollout `[T, N, ...]` with what is known of its returns at its edge."""
        ended = batch.terminated | batch.truncated
        returns = lambda_returns(
            batch.reward,
            self._values_at_cuts(params, batch),
            batch.terminated,
            batch.truncated,
            self.discount,
            1.0,
        )
        length = len(returns)
        running = ~has_ended(batch.terminated, batch.truncated)
        powers = self.discount ** (length - jnp.arange(length, dtype=jnp.float32))
        mean = statistics.mean_return / jnp.maximum(statistics.rollouts, 1e-8)
        baseline = mean if self.baseline == "running mean" else jnp.float32(0)
        return Rows(
            obs=batch.obs,
            action=batch.action,
            ended=ended,
            memory=batch.extras if self.memory_size else (),
            returns=returns,
            running=running,
            weight=jnp.where(running, powers[:, None], 0.0),
            baseline=jnp.broadcast_to(baseline, returns.shape),
            scale=jnp.broadcast_to(self._scale(statistics), returns.shape),
        )

    def _values_at_cuts(self, params: Params, batch: Transition) -> Array:
        """What bootstraps `[T, N]`: the value where the clock cut, 0 elsewhere."""
        if self.critic == "none":
            return jnp.zeros_like(batch.reward)
        _, _, value = self.judged(params, batch)
        return jnp.where(batch.truncated, value, 0.0)

    def _scale(self, statistics: Statistics) -> Array:
        """What advantages are divided by, `[]`; 1 before anything is known."""
        if not self.normalize:
            return jnp.float32(1)
        steps = jnp.maximum(statistics.steps, 1e-8)
        deviation = jnp.sqrt(statistics.squared_advantage / steps)
        size = jnp.sqrt(statistics.squared_return / steps)
        return jnp.where(statistics.steps > 0, safe_scale(deviation, size), 1.0)

    def loss(self, params: Params, batch: Rows) -> tuple[Array, Metrics]:
        """The surrogate of what rows `[T, n]` have earned so far, per agent step."""
        return self.surrogate(*self.heads(params, batch), batch), {}

    def heads(self, params: Params, rows: Rows) -> tuple[Array, Array]:
        """Logits `[T, n, A]` and values `[T, n]`."""
        memory = rows.memory[0] if self.memory_size else ()
        logits, value, _ = self.outputs(params, rows.obs, memory, rows.ended)
        return logits, value

    def surrogate(self, logits: Array, value: Array, rows: Rows) -> Array:
        """The scalar to descend for what is known of the returns at the edge."""
        known = rows.baseline if self.critic == "none" else value
        advantage = (rows.returns - known) / rows.scale
        actor = policy_gradient_loss(log_prob(logits, rows.action), advantage)
        loss = actor - self.entropy_coef * entropy(logits)
        if self.critic != "none":
            loss = loss + self.value_coef * squared_error(value, rows.returns)
        return loss.sum() / self.steps_per_iteration

    def per_reward(self, logits: Array, value: Array, rows: Rows) -> Array:
        """What `surrogate` gains by a reward of 1 directly behind the edge."""
        gain = -log_prob(logits, rows.action) / rows.scale
        if self.critic != "none":
            gain = gain - self.value_coef * value
        return jnp.sum(rows.weight * gain) / self.steps_per_iteration

    def estimate(
        self, params: Params, carried: Carried, batch: Transition
    ) -> tuple[Params, Carried, Metrics]:
        """The gradient to descend for a rollout `[T, N, ...]`, and what is carried on.

        Its mean over rollouts of one policy is the gradient of `surrogate` with every
        step's complete return.
        """
        rows = self.rows(params, batch, carried.statistics)
        length, count = batch.reward.shape
        through = ~rows.ended.any(0)  # [N]: one episode runs through all of it
        kept = jnp.where(through, self.discount**length, 0.0)
        paid = rows.returns[0]  # [N] to the steps of earlier rollouts
        # A part of the environments at a time: [N / n, ...] of everything.
        size = _part(length, count)
        by_part = jax.tree.map(
            lambda x: jnp.moveaxis(x.reshape(length, -1, size, *x.shape[2:]), 1, 0),
            rows,
        )
        carried_by_part = jax.tree.map(
            lambda x: x.reshape(-1, size, *x.shape[1:]), (carried.traces, kept, paid)
        )

        def part(total: Any, of: Any) -> tuple[Any, Params]:
            rows, (traces, kept, paid) = of
            grads, gains, sums = jax.vmap(self._of_one, (None, 1))(params, rows)
            owed = jax.tree.map(lambda z: jnp.tensordot(paid, z, 1), traces)
            new = jax.tree.map(lambda x: x.sum(0), (grads, sums))
            total = jax.tree.map(jnp.add, total, new)
            total = jax.tree.map(jnp.add, total[0], owed), total[1]
            fading = jax.vmap(lambda k, z: jax.tree.map(lambda x: k * x, z))
            traces = jax.tree.map(jnp.add, fading(kept, traces), gains)
            return total, traces

        zeros = jax.tree.map(jnp.zeros_like, params), Sums(*[jnp.float32(0)] * 5)
        (grads, sums), traces = jax.lax.scan(part, zeros, (by_part, carried_by_part))
        traces = jax.tree.map(lambda x: x.reshape(count, *x.shape[2:]), traces)
        mean = (rows.returns.sum() + paid @ carried.shares) / (length * count)
        new = Statistics(jnp.float32(1), mean, sums.steps, *sums[-2:])
        statistics = jax.tree.map(
            lambda old, new: KEPT * old + new, carried.statistics, new
        )
        shares = kept * carried.shares + rows.weight.sum(0)
        return (
            grads,
            Carried(traces, shares, statistics),
            {
                "loss": sums.loss,
                "entropy": sums.entropy / (length * count),
                "return_mean": mean,
                "carried_share": 1.0 - sums.steps / (length * count),
            },
        )

    def _of_one(self, params: Params, rows: Rows) -> tuple[Params, Params, "Sums"]:
        """Of one environment `[T]`: gradients of `surrogate` and of `per_reward`."""
        rows = jax.tree.map(lambda x: x[:, None], rows)
        outputs, pull = jax.vjp(lambda params: self.heads(params, rows), params)
        surrogate = jax.value_and_grad(self.surrogate, argnums=(0, 1))
        loss, now = surrogate(*outputs, rows)
        later = jax.grad(self.per_reward, argnums=(0, 1))(*outputs, rows)
        complete = ~rows.running
        known = rows.baseline if self.critic == "none" else outputs[1]
        sums = Sums(
            loss,
            entropy(outputs[0]).sum(),
            complete.sum().astype(jnp.float32),
            jnp.sum(complete * jnp.square(rows.returns - known)),
            jnp.sum(complete * jnp.square(rows.returns)),
        )
        return pull(now)[0], pull(later)[0], sums

    def update(
        self, learner: MonteCarloLearner, batch: Transition, key: Key, step: Array
    ) -> tuple[MonteCarloLearner, Metrics]:
        """One step of Adam down `estimate`."""
        grads, carried, metrics = self.estimate(learner.params, learner.carried, batch)
        learner, metrics = self.descended(learner, grads, metrics, step)
        return learner._replace(carried=carried), metrics


class Sums(NamedTuple):
    """Over steps; `[]` float32."""

    loss: Array
    entropy: Array
    steps: Array  # complete at the edge, whose squares follow
    squared_advantage: Array
    squared_return: Array


def _part(length: int, count: int) -> int:
    """How many of `count` environments make about `ROWS_AT_A_TIME` rows, exactly."""
    most = max(1, ROWS_AT_A_TIME // length)
    return max(n for n in range(1, min(most, count) + 1) if count % n == 0)
