"""What the updates of each algorithm cost alone: two losses on rows that stay.

The rows are those of one update, out of one real rollout (or a replay that `init` has
filled), made by the algorithm itself. On them stand

  rule   the algorithm's own loss, with every network that it reads;
  bare   one forward pass of every network that it trains, and a loss on its outputs.

A new algorithm is a line in `UPDATES`, or in `WITHOUT` if there is nothing to compare.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from pgvq.algorithms import (
    DQN,
    PPO,
    PQN,
    REINFORCE,
    SAC,
    ActorCritic,
    AnalyticPolicyGradient,
    Tabular,
)
from pgvq.ops.losses import action_value, entropy, log_prob, squared_error
from pgvq.ops.minibatches import shuffled_indices
from pgvq.ops.optimizers import apply_gradients
from pgvq.rollout import rollout
from pgvq.types import Transition

import jax  # isort: skip
import jax.numpy as jnp  # isort: skip
from jax import Array  # isort: skip

Loss = Callable[[Any, Any, Any, Any], Array]  # algorithm, params, older params, rows


class Update(NamedTuple):
    """How one algorithm's update is made up."""

    rows: Callable[[Any, Any], Any]  # algorithm, its state -> what one update sees
    rule: Loss
    bare: Loss


def update_of(algorithm: Any) -> tuple[Update | None, str]:
    """What is known of the algorithm's update; else None, and why."""
    kind = type(algorithm)
    if kind in UPDATES:
        return UPDATES[kind], ""
    missing = f"no rule, no bare: add {kind.__name__} to UPDATES in updates_alone.py"
    return None, WITHOUT.get(kind, missing)


def updates(
    algorithm: Any, loss: Loss, count: Array, params: Any, opt_state: Any, rows: Any
) -> Any:
    """So many iterations' updates on the same `rows`: parameters and optimiser state.

    Where a target network is read, it is the network of one update before: one that
    never changed would be evaluated once, before the loop, and the present one would
    share its evaluations.
    """

    def one(_: Any, carry: Any) -> Any:
        params, opt_state, older = carry
        grads = jax.grad(lambda params: loss(algorithm, params, older, rows))(params)
        return *descended(params, opt_state, grads), params

    number = count * algorithm.updates_per_iteration
    return jax.lax.fori_loop(0, number, one, (params, opt_state, params))[:2]


def descended(params: Any, opt_state: Any, grads: Any) -> tuple[Any, Any]:
    """Parameters and optimiser state after a step of Adam, or of one for each part."""
    if not isinstance(opt_state, dict):
        return apply_gradients(params, opt_state, grads, 1e-4, 1.0)
    parts = {
        name: descended(params[name], opt_state[name], grads[name]) for name in params
    }
    after = {name: part[0] for name, part in parts.items()}
    return after, {name: part[1] for name, part in parts.items()}


def lived(algorithm: Any, state: Any) -> Transition:
    """A rollout `[T, N, ...]` as the next iteration would collect it."""
    policy = algorithm.behaviour(state.learner, state.agent_steps)
    world, length = state.world, algorithm.rollout_length
    batch = rollout(
        algorithm.env, algorithm.params, policy, world, jax.random.key(0), length
    )[1]
    return batch if algorithm.keeps_shown else algorithm.encoded(batch)


def first_minibatch(rows: Any, count: int, num_minibatches: int, axis: int) -> Any:
    """One shuffled minibatch of `count` rows that lie along an axis."""
    index = shuffled_indices(jax.random.key(1), count, 1, num_minibatches)[0]
    return jax.tree.map(lambda leaf: jnp.take(leaf, index, axis=axis), rows)


def ppo_rows(algorithm: PPO, state: Any) -> Any:
    """A `Sample` of one minibatch: `[1, B, ...]`; `[T, n, ...]` with a memory."""
    sample = algorithm.sample(state.learner.params, lived(algorithm, state))
    count = algorithm.num_rows
    return first_minibatch(sample, count, algorithm.num_minibatches, axis=1)


def pqn_rows(algorithm: PQN, state: Any) -> Any:
    """Observations, actions and targets `[B, ...]` of one minibatch."""
    batch = lived(algorithm, state)
    targets = algorithm.targets(state.learner.params, batch)
    rows = (batch.obs, batch.action, targets)
    rows = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), rows)
    count = algorithm.steps_per_iteration
    return first_minibatch(rows, count, algorithm.num_minibatches, axis=0)


def replay_rows(algorithm: DQN | SAC, state: Any) -> Any:
    """A `Minibatch` drawn from the replay as it stands."""
    experience = state.learner.experience
    sampler, key = algorithm.sampler, jax.random.key(0)
    plan = jax.tree.map(lambda x: x[0], sampler.plan(experience.replay, key, 1))
    beta = algorithm.importance_at(state.agent_steps)
    return sampler.sample(experience.priorities, experience.replay, plan, beta)


def rollout_rule(algorithm: Any, params: Any, older: Any, rows: Any) -> Array:
    """REINFORCE, actor-critic, PPO: the loss reads the network that learns, alone."""
    return algorithm.loss(params, rows)[0]


def pqn_rule(algorithm: PQN, params: Any, older: Any, rows: Any) -> Array:
    """Regression on targets that were made before."""
    return algorithm.loss(params, *rows)[0]


def dqn_rule(algorithm: DQN, params: Any, older: Any, rows: Any) -> Array:
    """With the target network on what follows."""
    return algorithm.loss(params, older, rows)[0]


def sac_rule(algorithm: SAC, params: Any, older: Any, rows: Any) -> Array:
    """All three losses, with the target critics on what follows."""
    return algorithm.loss(params, older["critics"], rows)[0]


def policy_bare(logits: Array, value: Array, action: Array, signal: Array) -> Array:
    """The plainest loss on a policy and its critic."""
    policy = -log_prob(logits, action) * signal - 0.01 * entropy(logits)
    return (policy + squared_error(value, signal)).mean()


def rollout_bare(algorithm: Any, params: Any, older: Any, rows: Any) -> Array:
    """Policy and critic on a whole rollout."""
    memory = rows.extras[0] if algorithm.memory_size else ()
    ended = rows.terminated | rows.truncated
    logits, value, _ = algorithm.outputs(params, rows.obs, memory, ended)
    return policy_bare(logits, value, rows.action, rows.reward)


def ppo_bare(algorithm: PPO, params: Any, older: Any, rows: Any) -> Array:
    """Policy and critic on a minibatch; with a memory unrolled over the whole T."""
    memory = rows.memory[0] if algorithm.memory_size else ()
    logits, value, _ = algorithm.outputs(params, rows.obs, memory, rows.ended)
    return policy_bare(logits, value, rows.action, rows.returns)


def pqn_bare(algorithm: PQN, params: Any, older: Any, rows: Any) -> Array:
    """The network on the observations of a minibatch."""
    obs, action, target = rows
    q_values = algorithm.q_values(params, obs)
    return squared_error(action_value(q_values, action), target).mean()


def dqn_bare(algorithm: DQN, params: Any, older: Any, rows: Any) -> Array:
    """The network on the observations of a minibatch, not on what follows."""
    row = rows.rows
    q_values = algorithm.q_values(params, row.obs)
    return squared_error(action_value(q_values, row.action), row.reward).mean()


def sac_bare(algorithm: SAC, params: Any, older: Any, rows: Any) -> Array:
    """The actor and both critics on the observations of a minibatch."""
    row = rows.rows
    q_values = algorithm.critics(params["critics"], row.obs)
    of_both = jax.vmap(action_value, in_axes=(0, None))(q_values, row.action)
    critic = squared_error(of_both, jnp.broadcast_to(row.reward, of_both.shape))
    logits = algorithm.logits(params, row.obs)
    actor = policy_bare(logits, jnp.zeros_like(row.reward), row.action, row.reward)
    return critic.mean() + actor


UPDATES: dict[type, Update] = {
    REINFORCE: Update(lived, rollout_rule, rollout_bare),
    ActorCritic: Update(lived, rollout_rule, rollout_bare),
    PPO: Update(ppo_rows, rollout_rule, ppo_bare),
    SAC: Update(replay_rows, sac_rule, sac_bare),
    DQN: Update(replay_rows, dqn_rule, dqn_bare),
    PQN: Update(pqn_rows, pqn_rule, pqn_bare),
}

WITHOUT: dict[type, str] = {
    Tabular: "a table: there is no network to compare with",
    AnalyticPolicyGradient: "its update passes through the game: neither is alone",
}
