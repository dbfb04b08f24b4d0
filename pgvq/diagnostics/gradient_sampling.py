"""Policy-gradient estimates by the algorithms' own losses, many in one program.

Letters beside those of `types`: `J` independent groups of games, `W` environments of a
group, `K` estimates of a group, `V` algorithms that differ in floats alone, `P` weights
of the policy. All gradients point uphill: they are of the return, not of the loss.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, PartitionSpec

from pgvq.algorithms.base import Learner
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.algorithms.reinforce import REINFORCE
from pgvq.checks import check_integer
from pgvq.diagnostics.gradient_estimators import first_steps, surrogate
from pgvq.ops.losses import log_prob, policy_gradient_loss
from pgvq.rollout import init_world, rollout
from pgvq.types import InputError, Key, Params, PyTree, Transition

NEGLIGIBLE = 0.01  # share of a return that may be left behind the tail
ENVIRONMENTS_AT_A_TIME = 64  # per device; more leave the cache and take longer


class Layout(NamedTuple):
    """How a group plays; static. In agent steps of each environment."""

    num_envs: int  # W
    burn_in: int  # played before, so that episodes stand at every stage
    length: int  # counted
    tail: int  # played behind, so that what was counted has its return
    # Reference gradients wanted: of states as visited, or discounted, or both.
    discounted: tuple[bool, ...] = (False,)


def layout_for(
    algorithm: PolicyGradient,
    estimators: Sequence[PolicyGradient],
    burn_in: int,
    tail: int | None,
) -> Layout:
    """Of groups that are cut into the rollouts of every estimator.

    Without a `tail` one that leaves `NEGLIGIBLE` behind. Raises `InputError` where
    `burn_in` or `tail` cannot be, or a tail has to be given.
    """
    tail = negligible_after(algorithm) if tail is None else tail
    check_integer("burn_in", burn_in, 0)
    check_integer("tail", tail, 0)
    return Layout(
        num_envs=math.lcm(*(one.num_envs for one in estimators)),
        burn_in=burn_in,
        length=math.lcm(*(one.rollout_length for one in estimators)),
        tail=tail,
    )


def negligible_after(algorithm: PolicyGradient) -> int:
    """Agent steps after which the discount has left a negligible share."""
    discount = float(algorithm.discount)
    if discount >= 1:
        raise InputError(
            "discount=1 makes no future negligible, however far; give `tail`, as many "
            "agent steps as the longest episode has"
        )
    return math.ceil(math.log(NEGLIGIBLE) / math.log(discount)) if discount > 0 else 0


class Estimates(NamedTuple):
    """What one group of one algorithm's estimates adds up to."""

    mean: Any  # [P]
    unit: Any  # [P] mean of the estimates, each scaled to length 1
    squared: Any  # [] mean of their squared lengths


class Group(NamedTuple):
    """One group of games; arrays of JAX, of numpy once they are on the host."""

    complete: Any  # [D, P] the reference gradient, for each `Layout.discounted`
    estimates: list[Estimates]  # one per stack, leaves [V, ...]


def sample_groups(
    algorithm: PolicyGradient,
    params: Params,
    stacks: Sequence[PolicyGradient],
    layout: Layout,
    names: tuple[str, ...],
    count: int,
    key: Key,
) -> Group:
    """Plays J = `count` groups with one policy and estimates its gradient in each.

    Group i is the same whatever `count` and the number of devices, up to rounding.

    Args:
        algorithm: whose policy plays.
        params: its network's.
        stacks: estimators; the leaves of each have an axis `[V]`. None for the
            reference alone.
        layout: of every group.
        names: parts of the network to differentiate by, of `policy_names`.
        count: J.
        key: consumed.

    Returns:
        Leaves `[J, ...]`, numpy arrays.
    """
    devices = tuple(jax.local_devices()[:count])
    at_a_time = max(1, ENVIRONMENTS_AT_A_TIME // layout.num_envs)
    at_a_time = min(at_a_time, -(-count // len(devices)))
    whole = at_a_time * len(devices)
    groups = _sample(
        key,
        jnp.arange(-(-count // whole) * whole),
        algorithm,
        jax.device_get(params),
        list(stacks),
        layout=layout,
        names=names,
        at_a_time=at_a_time,
        devices=devices,
    )
    return jax.tree.map(lambda leaf: leaf[:count], jax.device_get(groups))


@partial(jax.jit, static_argnames=("layout", "names", "at_a_time", "devices"))
def _sample(
    key: Key,
    numbers: Array,
    algorithm: PolicyGradient,
    params: Params,
    stacks: list[PolicyGradient],
    *,
    layout: Layout,
    names: tuple[str, ...],
    at_a_time: int,
    devices: tuple[Any, ...],
) -> Group:
    """The groups of these `numbers [J]`, shared out over the devices."""

    def of_device(key: Key, numbers: Array, *rest: Any) -> Group:
        def group(number: Array) -> Group:
            return _group(jax.random.fold_in(key, number), layout, names, *rest)

        return jax.lax.map(group, numbers, batch_size=at_a_time)

    groups, same = PartitionSpec("groups"), PartitionSpec()
    return jax.shard_map(
        of_device,
        mesh=Mesh(np.array(devices), ("groups",)),
        in_specs=(same, groups, same, same, same),
        out_specs=groups,
        check_vma=False,
    )(key, numbers, algorithm, params, stacks)


def _group(
    key: Key,
    layout: Layout,
    names: tuple[str, ...],
    algorithm: PolicyGradient,
    params: Params,
    stacks: list[PolicyGradient],
) -> Group:
    """Plays one group, and takes all gradients from what was played."""
    key_play, key_estimates = jax.random.split(key)
    earlier, batch, age = _play(algorithm, params, layout, key_play)
    policy = {name: params["params"][name] for name in names}
    complete = _complete_gradients(algorithm, params, policy, batch, age, layout)
    keys = jax.random.split(key_estimates, len(stacks)) if stacks else []
    counted = jax.tree.map(lambda leaf: leaf[: layout.length], batch)
    estimates = [
        _estimates(stack, params, policy, earlier, counted, key)
        for stack, key in zip(stacks, keys, strict=True)
    ]
    return Group(complete, estimates)


def _play(
    algorithm: PolicyGradient, params: Params, layout: Layout, key: Key
) -> tuple[Transition, Transition, Array]:
    """Rollouts `[burn_in, W]` and `[length + tail, W]`, and each later step's age."""
    key_world, key_burn_in, key_play = jax.random.split(key, 3)
    policy = algorithm.behaviour(Learner(params, ()), jnp.int32(0))
    env, env_params = algorithm.env, algorithm.params
    memory = algorithm.initial_memory(layout.num_envs)
    world = init_world(env, env_params, key_world, layout.num_envs, memory)
    world, earlier, _ = rollout(
        env, env_params, policy, world, key_burn_in, layout.burn_in
    )
    rows = layout.length + layout.tail
    _, batch, _ = rollout(env, env_params, policy, world, key_play, rows)
    ended = batch.terminated | batch.truncated
    earlier, batch = algorithm.encoded(earlier), algorithm.encoded(batch)
    return earlier, batch, ages(world.episode_length, ended)


def ages(age: Array, ended: Array) -> Array:
    """How many agent steps of its episode came before each step: `[T, N]` int32.

    Args:
        age: `[N]` of the first row.
        ended: `[T, N]` bool: the episode ended with this step.
    """
    row = jnp.arange(len(ended))[:, None]
    began = jnp.concatenate([-age[None], jnp.where(ended, row + 1, -age)[:-1]])
    return row - jax.lax.cummax(began)


def _complete_gradients(
    algorithm: PolicyGradient,
    params: Params,
    policy: PyTree,
    batch: Transition,
    age: Array,
    layout: Layout,
) -> Array:
    """From returns that are complete, of the steps that count: `[D, P]`.

    Where there is a critic its value is subtracted, and what the other environments got
    beyond it: both know nothing of the action, and so add no bias.
    """
    length = layout.length
    _, value, returns = algorithm.assess(params, batch, 1.0)
    excess = (returns - value)[:length]
    sums = excess.sum(0)
    others = (sums.sum() - sums) / max(1, length * (sums.size - 1))
    advantage = excess - others
    powers = algorithm.discount ** age[:length]
    weights = [powers if discounted else 1.0 for discounted in layout.discounted]
    memory = batch.extras[0] if algorithm.memory_size else ()
    counted = jax.tree.map(lambda leaf: leaf[:length], batch)
    ended = counted.terminated | counted.truncated

    def returns_of(policy: PyTree) -> Array:
        whole = _with_policy(params, policy)
        logits, *_ = algorithm.outputs(whole, counted.obs, memory, ended)
        loss = policy_gradient_loss(log_prob(logits, counted.action), advantage)
        return -jnp.stack([(weight * loss).mean() for weight in weights])

    return _flat(jax.jacrev(returns_of)(policy), 1)


def _estimates(
    stack: PolicyGradient,
    params: Params,
    policy: PyTree,
    earlier: Transition,
    batch: Transition,
    key: Key,
) -> Estimates:
    """Cuts a rollout into those that the algorithms learn from; leaves `[V, ...]`."""
    if isinstance(stack, REINFORCE):
        found = _paid_by_and_by(stack, params, tuple(policy), earlier, batch)
    else:
        found = _each_by_itself(stack, params, policy, batch, key)
    squared = jnp.sum(jnp.square(found), axis=-1)  # [K, V]
    # An estimate of nothing, as from a rollout without an end, has no direction.
    unit = found / jnp.sqrt(jnp.maximum(squared, 1e-30))[..., None]
    return Estimates(found.mean(0), unit.mean(0), squared.mean(0))


def _each_by_itself(
    stack: PolicyGradient, params: Params, policy: PyTree, batch: Transition, key: Key
) -> Array:
    """Gradients of the losses of independent rollouts: `[K, V, P]`."""
    rollouts = _cut(batch, stack.rollout_length, stack.num_envs)
    parts = first_steps(stack)
    keys = jax.random.split(key, (len(rollouts.reward), parts))

    def gradient(algorithm: PolicyGradient, rollout: Transition, key: Key) -> Array:
        def objective(policy: PyTree) -> Array:
            return -surrogate(algorithm, _with_policy(params, policy), rollout, key)

        return _flat(jax.grad(objective)(policy), 0)

    # Whatever does not depend on the algorithm or on the key is computed once for all.
    of_all = jax.vmap(gradient, in_axes=(0, None, None))
    of_keys = jax.vmap(of_all, in_axes=(None, None, 0))
    found = jax.vmap(of_keys, in_axes=(None, 0, 0))(stack, rollouts, keys)
    return found.reshape(-1, *found.shape[2:])


def _paid_by_and_by(
    stack: REINFORCE,
    params: Params,
    names: tuple[str, ...],
    earlier: Transition,
    batch: Transition,
) -> Array:
    """REINFORCE's gradients, each with what is owed to earlier rollouts: `[K, V, P]`.

    What the burn-in's steps are owed is known; of steps before it nothing is.
    """
    count, blocks = stack.num_envs, batch.reward.shape[1] // stack.num_envs
    rollouts = jax.tree.map(  # [K / blocks, blocks, T, N, ...]
        lambda x: x.reshape(-1, blocks, *x.shape[1:]),
        _cut(batch, stack.rollout_length, count),
    )

    def of_block(
        algorithm: REINFORCE, earlier: Transition, rollouts: Transition
    ) -> Array:
        carried = algorithm.nothing_carried(params)
        if len(earlier.reward):
            carried = algorithm.estimate(params, carried, earlier)[1]

        def one(carried: Any, rollout: Transition) -> tuple[Any, Array]:
            grads, carried, _ = algorithm.estimate(params, carried, rollout)
            uphill = jax.tree.map(
                jnp.negative, {name: grads["params"][name] for name in names}
            )
            return carried, _flat(uphill, 0)

        return jax.lax.scan(one, carried, rollouts)[1]

    before = jax.tree.map(
        lambda x: x.reshape(len(x), blocks, count, *x.shape[2:]), earlier
    )
    of_all = jax.vmap(of_block, in_axes=(0, None, None))
    found = jax.vmap(of_all, in_axes=(None, 1, 1))(stack, before, rollouts)
    found = jnp.moveaxis(found, 2, 0)  # [K / blocks, blocks, V, P]
    return found.reshape(-1, *found.shape[2:])


def _cut(batch: Transition, length: int, num_envs: int) -> Transition:
    """`[L, W, ...]` into K rollouts, `[K, length, num_envs, ...]`."""

    def cut(leaf: Array) -> Array:
        rows, columns, *rest = leaf.shape
        shape = rows // length, length, columns // num_envs, num_envs, *rest
        return jnp.moveaxis(leaf.reshape(shape), 2, 1).reshape(
            -1, length, num_envs, *rest
        )

    return jax.tree.map(cut, batch)


def _with_policy(params: Params, policy: PyTree) -> Params:
    return {**params, "params": {**params["params"], **policy}}


def _flat(tree: PyTree, axes: int) -> Array:
    """All leaves in one vector: `[..., P]` for that number of leading axes."""
    leaves = [x.reshape(*x.shape[:axes], -1) for x in jax.tree.leaves(tree)]
    return jnp.concatenate(leaves, axis=-1)
