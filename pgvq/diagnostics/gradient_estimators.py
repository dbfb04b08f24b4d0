"""Estimators of the policy gradient: the suite's algorithms, and what each estimates.

An estimator is an algorithm object: its own `loss`, on rollouts of its own size, is
differentiated, so that what is measured is what trains.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.algorithms import PPO, REINFORCE, ActorCritic
from pgvq.algorithms.policy_gradient import PolicyGradient
from pgvq.envs import vector_reset
from pgvq.networks.heads import ActorCritic as ActorCriticNetwork
from pgvq.networks.heads import RecurrentActorCritic
from pgvq.ops.minibatches import shuffled_indices
from pgvq.types import InputError, Key, Params, Transition

REINFORCES: dict[Any, str] = {
    "none": "REINFORCE, no baseline",
    "running mean": "REINFORCE, running mean",
    "value network": "REINFORCE, value network",
}
LAMBDAS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 1.0)

Estimators = Mapping[str, PolicyGradient]


def as_estimator(algorithm: PolicyGradient) -> PolicyGradient:
    """The same algorithm with nothing but the policy gradient in its loss.

    `entropy_coef`, `value_coef` and `normalize` are turned off where it has them.
    Whatever else a method of one's own adds to its loss, turn off yourself.
    """
    names = {field.name for field in dataclasses.fields(algorithm)}
    off: dict[str, Any] = {"entropy_coef": 0.0, "value_coef": 0.0}
    if "normalize" in names:
        of_ppo = isinstance(vars(algorithm)["normalize"], str)
        off["normalize"] = "none" if of_ppo else False
    return algorithm.replace(**{k: v for k, v in off.items() if k in names})


def standard_estimators(
    algorithm: PolicyGradient, lambdas: Sequence[float] = LAMBDAS
) -> dict[str, PolicyGradient]:
    """The suite's estimators that can use the network of `algorithm`, by name.

    REINFORCE with each baseline; actor-critic, on rollouts of its own 16 agent steps,
    with each lambda (1 is its n-step return); PPO's first step; and `algorithm` itself
    where it is none of these. Those that need a critic are left out without one.
    """
    common: dict[str, Any] = {
        "env": algorithm.env,
        "env_params": algorithm.env_params,
        "torso": algorithm.torso,
        "discount": algorithm.discount,
        "memory_size": algorithm.memory_size,
    }
    found: dict[str, PolicyGradient] = {}
    # REINFORCE's critic has a torso of its own; with a memory all share the policy's.
    fits = algorithm.critic == "separate" or algorithm.memory_size
    for baseline, name in REINFORCES.items():
        if baseline != "value network" or (fits and algorithm.critic != "none"):
            found[name] = REINFORCE(baseline=baseline, **common)
    if algorithm.critic != "none":
        common["shared_torso"] = algorithm.critic == "shared"
        for lambda_ in lambdas:
            found[f"actor-critic, λ = {lambda_:g}"] = ActorCritic(
                lambda_=lambda_, **common
            )
        found["PPO, first step"] = PPO(**common)
    if not isinstance(algorithm, REINFORCE | ActorCritic | PPO):
        found[type(algorithm).__name__] = algorithm
    return {name: as_estimator(one) for name, one in found.items()}


@singledispatch
def surrogate(
    algorithm: PolicyGradient, params: Params, batch: Transition, key: Key
) -> Array:
    """The scalar that an algorithm's first step on a rollout descends; `key` may serve.

    An algorithm whose `loss` does not read a rollout `[T, N, ...]` registers its own.
    """
    del key
    return algorithm.loss(params, batch)[0]


@surrogate.register
def _(algorithm: PPO, params: Params, batch: Transition, key: Key) -> Array:
    """On the first minibatch, before any weight has moved."""
    sample = jax.lax.stop_gradient(algorithm.sample(params, batch))
    index = shuffled_indices(key, algorithm.num_rows, 1, algorithm.num_minibatches)[0]
    return algorithm.loss(params, jax.tree.map(lambda x: x[:, index], sample))[0]


@singledispatch
def first_steps(algorithm: PolicyGradient) -> int:
    """How many first steps a rollout holds: an estimate is made from one such part."""
    del algorithm
    return 1


@first_steps.register
def _(algorithm: PPO) -> int:
    """A minibatch each."""
    return algorithm.num_minibatches


def steps_spent(algorithm: PolicyGradient) -> int:
    """Agent steps that one estimate is made from."""
    return algorithm.steps_per_iteration // first_steps(algorithm)


def policy_names(algorithm: PolicyGradient) -> tuple[str, ...]:
    """Names of the parts of the network that the policy's logits depend on.

    Of networks that are not the family's own, all parts.
    """
    network: Any = algorithm.network
    if isinstance(network, ActorCriticNetwork):
        network = network.clone(critic="none")
    elif isinstance(network, RecurrentActorCritic):
        network = network.clone(critic=False)
    obs = example_observation(algorithm)
    memory = (algorithm.initial_memory(1),) if algorithm.memory_size else ()
    shapes = jax.eval_shape(network.init, jax.random.key(0), obs[None], *memory)
    return tuple(sorted(shapes["params"]))


def example_observation(algorithm: PolicyGradient) -> Array:
    """An observation as networks get it, `[*O]`."""
    key = jax.random.key(0)
    obs, _ = vector_reset(algorithm.env, key, 1, algorithm.params)
    return algorithm.encode(obs)[0]


def stacked(
    estimators: Estimators,
) -> tuple[list[list[str]], list[PolicyGradient]]:
    """Estimators that differ in floats alone, together: their leaves get an axis."""
    alike: dict[Any, list[str]] = {}
    for name, one in estimators.items():
        alike.setdefault(jax.tree.structure(one), []).append(name)
    stacks = [
        jax.tree.map(lambda *x: jnp.stack(x), *(estimators[name] for name in names))
        for names in alike.values()
    ]
    return list(alike.values()), stacks


def check_estimators(
    algorithm: PolicyGradient, estimators: Estimators, params: Params
) -> None:
    """`InputError` unless each can be differentiated at `params`."""
    if not estimators:
        raise InputError("there are no estimators to compare; give at least one")
    given = {jax.tree_util.keystr(k): v.shape for k, v in _leaves(params)}
    example = example_observation(algorithm)
    for name, one in estimators.items():
        if not isinstance(one, PolicyGradient):
            raise InputError(
                f"the estimator {name!r} is a {type(one).__name__}, which has no "
                "policy gradient; give objects of the policy-gradient family"
            )
        learner = jax.eval_shape(one.init_learner, jax.random.key(0), example)
        lacking = [
            path
            for k, leaf in _leaves(learner.params)
            if given.get(path := jax.tree_util.keystr(k)) != leaf.shape
        ]
        if lacking:
            raise InputError(
                f"the estimator {name!r} needs the weights {lacking[0]}, which the "
                "state does not have in that shape; give it the torso and memory of "
                f"{type(algorithm).__name__}, and train with a critic if it needs one"
            )


def _leaves(params: Params) -> list[tuple[Any, Any]]:
    return jax.tree_util.tree_leaves_with_path(params)
