"""Torsos: what they compute, by which method, and that a vector is read as before."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.networks import ActorCritic, QNetwork
from pgvq.torsos import MLP, Conv, Convolution, Torso, is_image, patches
from pgvq.types import InputError

KEY = jax.random.key(0)
VECTORS = jax.random.normal(jax.random.key(1), (5, 6))
IMAGES = jax.random.bernoulli(jax.random.key(2), 0.3, (4, 10, 10, 3))
PUBLISHED = [-1.3486887, 0.6160887, -1.1249284]  # MLP((64, 64)) of seed 0
LAYOUTS = [
    Conv((4,), features=(8,)),
    Conv((4, 5), kernel=2, stride=2, features=(8, 3)),
    Conv((3,), kernel=4, stride=3, features=(), layer_norm=True),
]


def equal(ours, theirs):
    """Two pytrees are the same: names, shapes and every bit."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "bool", "uint8"])
@pytest.mark.parametrize("torso", LAYOUTS, ids=["one", "strides", "norm"])
def test_both_methods_give_the_same_outputs_and_gradients(torso, dtype):
    obs = IMAGES.astype(dtype)
    params = torso.init(KEY, obs)

    @partial(jax.jit, static_argnums=0)
    def outputs_and_gradient(torso, params):
        def loss(params):
            outputs = torso.apply(params, obs)
            return (outputs**2).mean(), outputs

        return jax.grad(loss, has_aux=True)(params)

    equal(torso.copy(method="lax").init(KEY, obs), params)
    results = [
        outputs_and_gradient(torso.copy(method=method), params)
        for method in ("im2col", "lax")
    ]
    close = partial(np.testing.assert_allclose, atol=1e-5, rtol=1e-5)
    jax.tree.map(close, *results)
    assert results[0][1].dtype == jnp.float32


def test_both_methods_give_the_same_gradient_in_the_observation():
    obs = jax.random.normal(KEY, IMAGES.shape)
    torso = LAYOUTS[1]
    params = torso.init(KEY, obs)

    @partial(jax.jit, static_argnums=0)
    def gradient(torso, obs):
        return jax.grad(lambda obs: torso.apply(params, obs).sum())(obs)

    ours, theirs = (gradient(torso.copy(method=m), obs) for m in ("im2col", "lax"))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.abs(ours).max() > 0.1


def test_patches_are_views_in_the_order_of_a_kernel():
    images = np.arange(2 * 5 * 6 * 3).reshape(2, 5, 6, 3)
    views = patches(jnp.array(images), kernel=2, stride=3)
    assert views.shape == (2, 2, 2, 12)
    np.testing.assert_array_equal(views[1, 1, 0], images[1, 3:5, 0:2].reshape(-1))


@pytest.mark.parametrize(("backend", "method"), [("cpu", "im2col"), ("gpu", "lax")])
def test_auto_is_the_faster_method_of_the_backend(monkeypatch, backend, method):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)

    def program(method):
        layer = Convolution(4, method=method)
        return str(jax.make_jaxpr(lambda x: layer.init_with_output(KEY, x)[0])(IMAGES))

    assert program("auto") == program(method)
    assert ("conv_general_dilated" in program("auto")) == (method == "lax")


@pytest.mark.parametrize("critic", ["none", "shared", "separate"])
def test_on_vectors_torso_has_the_names_and_values_of_mlp(critic):
    """So that what was trained with one can be read and repeated with the other."""
    by_mlp = ActorCritic(MLP((64, 64)), 6, critic)
    by_torso = ActorCritic(Torso(), 6, critic)
    params = by_mlp.init(KEY, VECTORS)
    equal(by_torso.init(KEY, VECTORS), params)
    equal(by_torso.apply(params, VECTORS), by_mlp.apply(params, VECTORS))


def test_under_action_values_as_well():
    params = QNetwork(MLP((64, 64)), 6).init(KEY, VECTORS)
    equal(QNetwork(Torso(), 6).init(KEY, VECTORS), params)


@pytest.mark.parametrize("norm", [False, True])
def test_torso_is_conv_on_images_and_mlp_on_the_rest(norm):
    tanh = jnp.tanh
    torso = Torso((7,), tanh, norm, channels=(2, 3), image_features=(9,))
    conv = Conv((2, 3), features=(9,), activation=tanh, layer_norm=norm)
    mlp = MLP((7,), tanh, norm)
    for same, obs in ((conv, IMAGES), (mlp, VECTORS), (mlp, IMAGES[:, :7])):
        output, params = torso.init_with_output(KEY, obs)
        equal(same.init_with_output(KEY, obs), (output, params))


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((8, 8, 1), True),
        ((10, 10, 4), True),
        ((7, 8, 3), False),
        ((8, 7, 3), False),
        ((10, 10), False),
        ((10, 10, 4, 4), False),
        ((128,), False),
        ((), False),
    ],
)
def test_an_image_has_three_axes_and_at_least_eight_rows_and_columns(shape, image):
    assert is_image(shape) == image
    params = jax.eval_shape(Torso().init, KEY, jnp.ones((1, *shape)))["params"]
    assert ("Convolution_0" in params) == image


def test_the_network_of_minatars_papers():
    shapes = jax.eval_shape(Torso().init, KEY, jnp.ones((1, 10, 10, 4), bool))
    assert jax.tree.map(lambda leaf: leaf.shape, shapes["params"]) == {
        "Convolution_0": {"kernel": (3, 3, 4, 16), "bias": (16,)},
        "Dense_0": {"kernel": (8 * 8 * 16, 128), "bias": (128,)},
    }


def test_mlp_still_starts_as_in_the_published_results():
    params = MLP((64, 64)).init(KEY, jnp.ones((1, 3)))["params"]
    assert {name: set(layer) for name, layer in params.items()} == {
        "Dense_0": {"kernel", "bias"},
        "Dense_1": {"kernel", "bias"},
    }
    np.testing.assert_allclose(params["Dense_0"]["kernel"][0, :3], PUBLISHED, rtol=1e-5)


@pytest.mark.parametrize(
    ("torso", "obs"), [(MLP((16,)), VECTORS), (Conv((16,), features=()), IMAGES)]
)
def test_layer_norm_stands_between_layer_and_activation(torso, obs):
    """Seen with no activation: mean 0 and variance 1 over the features or channels."""
    torso = torso.copy(layer_norm=True, activation=lambda hidden: hidden)
    output, params = torso.init_with_output(KEY, obs)
    rows = np.asarray(output).reshape(-1, 16)
    rows = rows[rows.any(axis=1)]  # an empty view has no variance
    np.testing.assert_allclose(rows.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(rows.var(1), 1, atol=1e-3)
    assert set(params["params"]["LayerNorm_0"]) == {"scale", "bias"}
    assert float(torso.copy(activation=jnp.abs).apply(params, obs).min()) >= 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Conv().init(KEY, VECTORS), "images .* use MLP, or Torso"),
        (lambda: Conv(kernel=11).init(KEY, IMAGES), "kernel=11 .* 10 x 10"),
        (lambda: Conv((2, 2), 6).init(KEY, IMAGES), "kernel=6 .* 5 x 5"),
        (lambda: Conv(method="fft").init(KEY, IMAGES), "'fft' .* 'auto'"),
        (lambda: Convolution(0), "filters=0"),
        (lambda: Convolution(4, kernel=0), "kernel=0"),
        (lambda: Convolution(4, stride=0), "stride=0"),
    ],
)
def test_what_cannot_work_is_said(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_torsos_compare_by_value():
    for kind in (MLP, Conv, Torso):
        assert kind() == kind()
        assert hash(kind()) == hash(kind())
        assert kind() != kind(layer_norm=True)
