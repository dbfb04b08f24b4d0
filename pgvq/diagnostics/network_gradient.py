"""The exact policy gradient of a network, where an environment is solved exactly."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pgvq.diagnostics.exact import Outcomes, action_values_of, visits
from pgvq.types import Params


def network_policy_gradient(
    mdp: Outcomes,
    logits: Callable[[Params], Array],
    params: Params,
    discount: float,
) -> tuple[float, Params]:
    """The expected discounted return of an episode, and its gradient in `params`.

        grad J = sum_s d(s) sum_a Q(s, a) grad pi(a|s)      d = discounted visits

    The policy gradient theorem (Sutton et al. 2000): the derivatives of d and of Q need
    not be known. Nothing is sampled, so it is what REINFORCE's estimate has as its
    mean. For logits in a table see `pgvq.diagnostics.gradient_exact`.

    Args:
        mdp: what chance can do, S states with A actions.
        logits: from `params` to the policy's logits [S, A] in all states: the network
            applied to `pgvq.diagnostics.exact.observations`.
        params: of the network.
        discount: 0..1, 1 excluded.

    Raises:
        InputError: the discount is 1 or more, or the logits are not [S, A].
    """
    policy = np.asarray(jax.nn.softmax(jnp.asarray(logits(params))), np.float64)
    policy /= policy.sum(axis=1, keepdims=True)  # in float64 they add up to 1
    q_values = action_values_of(mdp, policy, discount)
    weight = visits(mdp, policy, discount)[:, None] * q_values

    def surrogate(params: Params) -> Array:
        return jnp.sum(jax.nn.softmax(logits(params)) * weight)

    value = float(mdp.start @ np.sum(policy * q_values, axis=1))
    return value, jax.grad(surrogate)(params)
