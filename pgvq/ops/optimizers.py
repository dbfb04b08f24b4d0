"""The optimiser of both families: Adam behind a clip of the gradient's global norm."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pgvq.types import Params

EPSILON = 1e-5


def adam(learning_rate: Array | float, max_grad_norm: Array | float) -> Any:
    """Adam (Kingma & Ba 2015) after clipping the global norm, never element-wise.

    Args:
        learning_rate: `[]`, may be traced: a schedule's value at this update.
        max_grad_norm: `[]`, the bound on the Euclidean norm over all parameters.

    Returns:
        An `optax.GradientTransformation`. Its state does not depend on the arguments,
        so a new one may be made for every update.
    """
    return optax.chain(
        clip_by_global_norm(max_grad_norm),
        optax.scale_by_adam(eps=EPSILON),
        optax.scale_by_learning_rate(learning_rate),
    )


def apply_gradients(
    params: Params,
    opt_state: Any,
    grads: Params,
    learning_rate: Array | float,
    max_grad_norm: Array | float,
) -> tuple[Params, Any]:
    """One step of `adam` down `grads`: the parameters and its state afterwards."""
    optimizer = adam(learning_rate, max_grad_norm)
    changes, opt_state = optimizer.update(grads, opt_state)
    return optax.apply_updates(params, changes), opt_state


def clip_by_global_norm(max_norm: Array | float) -> optax.GradientTransformation:
    """Scales the whole gradient down to `max_norm` where it is longer.

    One multiplication per leaf, so that it costs nothing beside the update itself; the
    direction is kept.
    """

    def update(
        updates: Params, state: Any, params: Params | None = None
    ) -> tuple[Params, Any]:
        norm = optax.tree.norm(updates)
        scale = jnp.minimum(1.0, max_norm / jnp.maximum(norm, 1e-12))
        return jax.tree.map(lambda leaf: leaf * scale, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
