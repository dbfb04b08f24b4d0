"""Torsos: what they compute, by which method, and that a vector is read as before."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.networks.heads import ActorCritic, QNetwork
from pgvq.networks.torsos import MLP, Conv, Convolution, Torso, is_image, patches
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)
VECTORS = jax.random.normal(jax.random.key(1), (5, 6))
IMAGES = jax.random.bernoulli(jax.random.key(2), 0.3, (4, 10, 10, 3))
PUBLISHED = [-1.3486887, 0.6160887, -1.1249284]  # MLP((64, 64)) of seed 0
LAYOUTS = [
    Conv((4,), features=(8,)),
    Conv((4, 5), kernel=2, stride=2, features=(8, 3)),
    Conv((3,), kernel=4, stride=3, features=(), layer_norm=True),
]


@partial(jax.jit, static_argnums=0)
def started(torso, obs):
    """Output and parameters of a torso as it starts."""
    return torso.init_with_output(KEY, obs)


def shapes(torso, obs=IMAGES):
    """Parameters as shapes and dtypes alone."""
    return jax.eval_shape(torso.init, KEY, obs)


def filled(torso, obs):
    """Parameters of the right shapes, drawn by numpy: nothing is compiled for them."""
    draw = np.random.default_rng(0).standard_normal
    return jax.tree.map(lambda x: 0.3 * draw(x.shape, np.float32), shapes(torso, obs))


def program(torso, obs):
    """What `started` runs, and the names and shapes of what it returns."""
    make = jax.make_jaxpr(torso.init_with_output, return_shape=True)
    jaxpr, returned = make(KEY, obs)
    return str(jaxpr), returned


def equal(ours, theirs):
    """Two pytrees are the same: names, shapes and every bit."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "bool", "uint8"])
@pytest.mark.parametrize("torso", LAYOUTS, ids=["one", "strides", "norm"])
def test_both_methods_give_the_same_outputs_and_gradients(torso, dtype):
    obs = IMAGES.astype(dtype)
    params = filled(torso, obs)

    @partial(jax.jit, static_argnums=0)
    def outputs_and_gradient(torso, params):
        def loss(params):
            outputs = torso.apply(params, obs)
            return (outputs**2).mean(), outputs

        return jax.grad(loss, has_aux=True)(params)

    results = [
        outputs_and_gradient(torso.copy(method=method), params)
        for method in ("im2col", "lax")
    ]
    close = partial(np.testing.assert_allclose, atol=1e-5, rtol=1e-5)
    jax.tree.map(close, *results)
    assert results[0][1].dtype == jnp.float32


def test_both_methods_start_from_the_same_weights():
    ours, theirs = (Convolution(4, method=method) for method in ("im2col", "lax"))
    close = partial(np.testing.assert_allclose, rtol=1e-5)
    jax.tree.map(close, started(ours, IMAGES)[1], started(theirs, IMAGES)[1])


def test_both_methods_give_the_same_gradient_in_the_observation():
    obs = jax.random.normal(KEY, IMAGES.shape)
    torso = LAYOUTS[1]
    params = filled(torso, obs)

    @partial(jax.jit, static_argnums=0)
    def gradient(torso, obs):
        return jax.grad(lambda obs: torso.apply(params, obs).sum())(obs)

    ours, theirs = (gradient(torso.copy(method=m), obs) for m in ("im2col", "lax"))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.abs(ours).max() > 0.01


def test_patches_are_views_in_the_order_of_a_kernel():
    images = np.arange(2 * 5 * 6 * 3).reshape(2, 5, 6, 3)  # [N, H, W, C]
    views = patches(jnp.array(images.transpose(3, 1, 2, 0)), kernel=2, stride=3)
    assert views.shape == (12, 2, 2, 2)
    np.testing.assert_array_equal(views[:, 1, 0, 1], images[1, 3:5, 0:2].reshape(-1))


@pytest.mark.parametrize(("backend", "method"), [("cpu", "im2col"), ("gpu", "lax")])
def test_auto_is_the_faster_method_of_the_backend(monkeypatch, backend, method):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)

    ours, theirs = (program(Convolution(4, method=m), IMAGES) for m in ("auto", method))
    assert ours == theirs
    assert ("conv_general_dilated" in ours[0]) == (method == "lax")


def test_on_vectors_torso_has_the_names_and_values_of_mlp():
    """So that what was trained with one can be read and repeated with the other."""
    by_mlp, by_torso = (ActorCritic(torso, 6, "separate") for torso in (MLP(), Torso()))
    equal(started(by_torso, VECTORS), started(by_mlp, VECTORS))


@pytest.mark.parametrize("norm", [False, True])
def test_torso_is_conv_on_images_and_mlp_on_the_rest(norm):
    """The very same program, from the key to the parameters' names and the output."""
    tanh = jnp.tanh
    torso = Torso((7,), tanh, norm, channels=(2, 3), image_features=(9,))
    conv = Conv((2, 3), features=(9,), activation=tanh, layer_norm=norm)
    mlp = MLP((7,), tanh, norm)
    for same, obs in ((conv, IMAGES), (mlp, VECTORS), (mlp, IMAGES[:, :7])):
        assert program(torso, obs) == program(same, obs)


@pytest.mark.parametrize("critic", ["none", "shared"])
def test_under_every_head(critic):
    for head in (partial(ActorCritic, critic=critic), QNetwork):
        ours, theirs = (head(torso, 6) for torso in (Torso(), MLP((64, 64))))
        assert program(ours, VECTORS) == program(theirs, VECTORS)


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
    params = shapes(Torso(), jnp.ones((1, *shape)))["params"]
    assert ("Convolution_0" in params) == image


def test_the_network_of_minatars_papers():
    params = shapes(Torso(), jnp.ones((1, 10, 10, 4), bool))["params"]
    assert jax.tree.map(lambda leaf: leaf.shape, params) == {
        "Convolution_0": {"kernel": (3, 3, 4, 16), "bias": (16,)},
        "Dense_0": {"kernel": (8 * 8 * 16, 128), "bias": (128,)},
    }


def test_mlp_still_starts_as_in_the_published_results():
    params = started(MLP((64, 64)), jnp.ones((1, 3)))[1]["params"]
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
    output, params = started(torso, obs)
    rows = np.asarray(output).reshape(-1, 16)
    rows = rows[rows.any(axis=1)]  # an empty view has no variance
    np.testing.assert_allclose(rows.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(rows.var(1), 1, atol=1e-3)
    assert set(params["params"]["LayerNorm_0"]) == {"scale", "bias"}
    assert started(torso.copy(activation=jnp.abs), obs)[0].min() >= 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: shapes(Conv(), VECTORS), "images .* use MLP, or Torso"),
        (lambda: shapes(Conv(kernel=11)), "kernel=11 .* 10 x 10"),
        (lambda: shapes(Conv((2, 2), 6)), "kernel=6 .* 5 x 5"),
        (lambda: shapes(Conv(method="fft")), "'fft' .* 'auto'"),
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
