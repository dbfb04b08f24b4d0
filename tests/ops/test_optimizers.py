"""The clip of the gradient's norm, and Adam behind it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pgvq.ops.optimizers import EPSILON, adam, clip_by_global_norm

GRADS = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([[4.0]])}  # norm 5


@pytest.mark.parametrize("bound", [0.5, 1.0, 4.9])
def test_a_long_gradient_is_scaled_as_a_whole(bound):
    """Pitfall 5: an element-wise clip at 1 would give (1, 0, 1), another direction."""
    clip = clip_by_global_norm(bound)
    clipped, _ = clip.update(GRADS, clip.init(GRADS))
    np.testing.assert_allclose(optax.tree.norm(clipped), bound, rtol=1e-6)
    np.testing.assert_allclose(clipped["a"], bound * np.array([0.6, 0.0]), rtol=1e-6)
    np.testing.assert_allclose(clipped["b"], bound * np.array([[0.8]]), rtol=1e-6)


def test_a_short_gradient_is_left_alone():
    clip = clip_by_global_norm(5.1)
    clipped, _ = clip.update(GRADS, clip.init(GRADS))
    jax.tree.map(np.testing.assert_array_equal, clipped, GRADS)


def test_a_zero_gradient_stays_zero():
    zeros = jax.tree.map(jnp.zeros_like, GRADS)
    clip = clip_by_global_norm(1.0)
    clipped, _ = clip.update(zeros, clip.init(zeros))
    jax.tree.map(np.testing.assert_array_equal, clipped, zeros)


def test_adam_equals_optax_with_the_clip_in_front():
    reference = optax.chain(
        optax.clip_by_global_norm(0.5), optax.adam(0.01, eps=EPSILON)
    )
    ours, theirs = adam(0.01, 0.5).init(GRADS), reference.init(GRADS)
    for scale in (1.0, -0.3, 0.01):
        grads = jax.tree.map(lambda leaf, s=scale: leaf * s, GRADS)
        mine, ours = adam(0.01, 0.5).update(grads, ours)
        other, theirs = reference.update(grads, theirs)
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), mine, other
        )


def test_a_schedule_may_make_a_new_one_for_every_update():
    """The state does not depend on learning rate and bound: the first step is -rate."""
    state = adam(0.0, 1.0).init(GRADS)
    changes, _ = jax.jit(lambda rate: adam(rate, 1e6).update(GRADS, state))(0.1)
    np.testing.assert_allclose(changes["b"], [[-0.1]], rtol=1e-4)
