"""Torsos, in flax.linen: modules that read `[N, *O]` observations into `[N, F]`.

`Torso` is what every algorithm starts from: it looks at the observation's shape and
reads images as `Conv` does and everything else as `MLP` does. Modules are frozen and
compare by value, so they can be static fields of an algorithm.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array, lax

from pgvq.checks import as_bool, as_int, shown
from pgvq.types import InputError

HE = nn.initializers.he_normal()

Activation = Callable[[Array], Array]
Method = Literal["auto", "im2col", "lax"]

WIDEST = 65_536  # of any layer


class MLP(nn.Module):
    """Flattens each observation and applies dense layers.

    Attributes:
        features: width of each layer.
        activation: after each layer; relu is the cheapest on a CPU.
        layer_norm: normalise each layer before its activation, which keeps Q-learning
            without a target network stable (PQN, Gallici et al. 2024).
    """

    features: tuple[int, ...] = (64, 64)
    activation: Activation = nn.relu
    layer_norm: bool = False

    def __post_init__(self) -> None:
        settle_layers(self, "features")
        super().__post_init__()

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        """`obs [N, *O]`, any dtype, to `[N, F]`."""
        return dense_layers(obs, self.features, self.activation, self.layer_norm)


class Conv(nn.Module):
    """Convolutions without padding, then dense layers.

    The defaults are the network of MinAtar's papers (Young & Tian 2019). Numbers are
    read as they are: bool as 0 and 1, uint8 as 0 to 255.

    Attributes:
        channels: filters of each convolution.
        kernel: height and width of the filters, pixels.
        stride: pixels from one position of a filter to the next.
        features: width of each dense layer.
        activation: after each layer.
        layer_norm: normalise each layer before its activation; a convolution's output
            over the channels of each position.
        method: how `Convolution` computes.

    Raises:
        InputError: where the observation is no image `[H, W, C]`, or too small a one.
    """

    channels: tuple[int, ...] = (16,)
    kernel: int = 3
    stride: int = 1
    features: tuple[int, ...] = (128,)
    activation: Activation = nn.relu
    layer_norm: bool = False
    method: Method = "auto"

    def __post_init__(self) -> None:
        settle_layers(self, "features", "channels")
        settle_filter(self)
        super().__post_init__()

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        """`obs [N, H, W, C]`, any dtype, to `[N, F]`."""
        if obs.ndim != 4:
            raise InputError(
                f"Conv reads images [N, H, W, C] and was given shape {obs.shape}; "
                "use MLP, or Torso, which chooses by the shape"
            )
        hidden = obs
        for filters in self.channels:
            layer = Convolution(filters, self.kernel, self.stride, self.method)
            hidden = finish(layer(hidden), self.activation, self.layer_norm)
        return dense_layers(hidden, self.features, self.activation, self.layer_norm)


class Torso(nn.Module):
    """Reads images `[H, W, C]` as `Conv` does, and everything else as `MLP` does.

    The layers are made here, not in an inner `MLP` or `Conv`, so parameters have the
    names and, for the same key, the values that those modules would give them.

    Attributes:
        features: width of each dense layer where the observation is no image.
        activation: after each layer.
        layer_norm: normalise each layer before its activation.
        channels: 3 x 3 filters of each convolution, for images.
        image_features: width of each dense layer above the convolutions.
    """

    features: tuple[int, ...] = (64, 64)
    activation: Activation = nn.relu
    layer_norm: bool = False
    channels: tuple[int, ...] = (16,)
    image_features: tuple[int, ...] = (128,)

    def __post_init__(self) -> None:
        settle_layers(self, "features", "channels", "image_features")
        super().__post_init__()

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        """`obs [N, *O]`, any dtype, to `[N, F]`."""
        if not is_image(obs.shape[1:]):
            return dense_layers(obs, self.features, self.activation, self.layer_norm)
        hidden = obs
        for filters in self.channels:
            layer = Convolution(filters)
            hidden = finish(layer(hidden), self.activation, self.layer_norm)
        return dense_layers(
            hidden, self.image_features, self.activation, self.layer_norm
        )


def settle_layers(module: Any, *widths: str) -> None:
    """Makes the fields of a torso plain, or raises `InputError`: in `__post_init__`.

    `widths` names the fields that are tuples of layers' widths; a list or an array
    becomes a tuple of ints.
    """
    for field in widths:
        given = getattr(module, field)
        if isinstance(given, np.ndarray | jax.Array) and np.ndim(given) == 1:
            given = list(np.asarray(given))
        if not isinstance(given, list | tuple):
            raise InputError(
                f"{type(module).__name__}: {field}={shown(given)} must be a tuple with "
                f"the width of each layer, such as {example(module, field)}"
            )
        setattr(module, field, tuple(whole(module, field, one) for one in given))
    if not callable(module.activation):
        name = module.activation if isinstance(module.activation, str) else "tanh"
        known = name if hasattr(nn, name) else "tanh"
        raise InputError(
            f"{type(module).__name__}: activation={shown(module.activation)} must be a "
            f"function from arrays to arrays; give nn.{known}, after `from flax import "
            "linen as nn`"
        )
    layer_norm = as_bool(module.layer_norm)
    if layer_norm is None:
        raise InputError(
            f"{type(module).__name__}: layer_norm={shown(module.layer_norm)} must be "
            "True or False"
        )
    module.layer_norm = layer_norm


def settle_filter(module: Any) -> None:
    """The same for a convolution's `kernel`, `stride` and `method`."""
    module.kernel = whole(module, "kernel", module.kernel)
    module.stride = whole(module, "stride", module.stride)
    known = ("auto", "im2col", "lax")
    if not isinstance(module.method, str) or module.method not in known:
        raise InputError(
            f"method={shown(module.method)} is no way to convolve; "
            "use 'auto', 'im2col' or 'lax'"
        )


def whole(module: Any, field: str, given: Any) -> int:
    """A width, a size or a stride as Python's int, or an `InputError`."""
    value = as_int(given)
    held = getattr(module, field)
    told = f"{type(module).__name__}: {field}={shown(held)}"
    if value is None or value < 1:
        several = isinstance(held, list | tuple | np.ndarray)
        wanted = "whole numbers" if several else "a whole number"
        raise InputError(
            f"{told} must be {wanted} of at least 1, such as {example(module, field)}"
        )
    if value > WIDEST:
        raise InputError(
            f"{told} is more than {WIDEST:,}, and two layers of that width have 17 GB "
            f"of weights between them; use less, such as {example(module, field)}"
        )
    return value


def example(module: Any, field: str) -> str:
    """A value that a field can have: its default, or a usual number."""
    return repr(getattr(type(module), field, 16))


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an observation of this shape is `[H, W, C]` with H and W of at least 8.

    On a smaller one a 3 x 3 filter without padding has only half as many positions as
    there are cells (5 x 5 of 7 x 7), and a dense layer reads so few cells directly.
    """
    return len(shape) == 3 and min(shape[:2]) >= 8


class Convolution(nn.Module):
    """One convolution without padding, and a bias.

    Attributes:
        filters: F, channels of the output.
        kernel: height and width of a filter, pixels.
        stride: pixels from one position of a filter to the next.
        method: `im2col` lays every filter's view out as a row and multiplies matrices;
            `lax` leaves it to XLA; `auto` is `im2col` on a CPU and `lax` elsewhere.
            All have the same parameters. XLA's own convolution is slow on a CPU, most
            of all in the gradient: see `benchmarks/convolution_speed.py`.

    Raises:
        InputError: where a field is out of its range, or the image is smaller than a
            filter.
    """

    filters: int
    kernel: int = 3
    stride: int = 1
    method: Method = "auto"

    def __post_init__(self) -> None:
        self.filters = whole(self, "filters", self.filters)
        settle_filter(self)
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """`images [N, H, W, C]`, any dtype, to `[N, H', W', F]`."""
        height, width, channels = images.shape[1:]
        if min(height, width) < self.kernel:
            raise InputError(
                f"kernel={self.kernel} is larger than the image of {height} x {width} "
                "that reaches it; use a smaller kernel or stride, or fewer layers"
            )
        shape = (self.kernel, self.kernel, channels, self.filters)
        kernel = self.param("kernel", HE, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.filters,))
        method = self.method
        if method == "auto":
            method = "im2col" if jax.default_backend() == "cpu" else "lax"
        if method == "im2col":
            return by_im2col(images, kernel, self.stride) + bias
        outputs = lax.conv_general_dilated(
            images.astype(jnp.float32),
            kernel,
            window_strides=(self.stride, self.stride),
            padding="VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return outputs + bias


def by_im2col(images: Array, kernel: Array, stride: int) -> Array:
    """`images [N, H, W, C]`, `kernel [k, k, C, F]` to `[N, H', W', F]`, by one product.

    N comes last until the product is done, so that what is copied into the views is one
    run of N numbers each time and not C of them: that halves the time on a CPU.
    """
    filters = kernel.shape[-1]
    views = patches(images.transpose(3, 1, 2, 0), len(kernel), stride)
    rows, height, width, count = views.shape
    views = views.astype(jnp.float32).reshape(rows, -1)
    outputs = kernel.reshape(rows, filters).T @ views
    return outputs.reshape(filters, height, width, count).transpose(3, 1, 2, 0)


def patches(images: Array, kernel: int, stride: int) -> Array:
    """What a filter sees at each position: `[C, H, W, N]` to `[k * k * C, H', W', N]`.

    The first axis runs over the rows of the view, its columns and the channels, in the
    order of a kernel `[k, k, C, F]`.
    """
    height, width = images.shape[1] - kernel + 1, images.shape[2] - kernel + 1
    shifted = [
        images[:, row : row + height : stride, column : column + width : stride]
        for row in range(kernel)
        for column in range(kernel)
    ]
    return jnp.concatenate(shifted)


def dense_layers(
    hidden: Array, features: tuple[int, ...], activation: Activation, layer_norm: bool
) -> Array:
    """Flattens `[N, ...]` and applies dense layers of the module that calls this."""
    hidden = hidden.reshape(hidden.shape[0], -1).astype(jnp.float32)
    for width in features:
        layer = nn.Dense(width, kernel_init=HE)
        hidden = finish(layer(hidden), activation, layer_norm)
    return hidden


def finish(hidden: Array, activation: Activation, layer_norm: bool) -> Array:
    """What follows a layer: normalisation over its last axis if any, and activation."""
    return activation(nn.LayerNorm()(hidden) if layer_norm else hidden)
