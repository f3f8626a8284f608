"""Elastic layers compute what the plain layer of the size does, with slices of one set of weights."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.ops import convert_to_numpy as to_numpy

from autonas_keras.supernets.elastic import (
    ElasticBatchNormalization,
    ElasticConv2D,
    ElasticDepthwiseConv2D,
    ElasticKernel,
    ElasticLayer,
    ElasticSqueezeExcitation,
)
from autonas_keras.supernets.elastic_kernels import cut

LAYERS: dict[str, Callable[[], ElasticLayer]] = {
    "conv": lambda: ElasticConv2D(6, (3, 5, 7), strides=2, transform=True, seed=3),
    "pointwise": lambda: ElasticConv2D(5, seed=3),
    "depthwise": lambda: ElasticDepthwiseConv2D((3, 5, 7), transform=True, seed=3),
    "depthwise strided": lambda: ElasticDepthwiseConv2D((3, 5), strides=2, seed=3),
    "batch norm": lambda: ElasticBatchNormalization(zero_gamma=True),
    "squeeze": lambda: ElasticSqueezeExcitation(seed=3),
}


def images(channels: int, size: int = 8) -> np.ndarray:
    return np.random.default_rng(size).standard_normal((2, size, size, channels)).astype(keras.config.floatx())


def built(layer: ElasticLayer, channels: int = 6) -> ElasticLayer:
    """The layer with weights that stand nowhere at their usual start."""
    layer.build((None, None, None, channels))
    rng = np.random.default_rng(1)
    for variable in layer.weights:
        variable.assign(
            rng.uniform(0.5, 1.5, variable.shape) if variable.ndim == 1 else rng.normal(0, 0.3, variable.shape)
        )
    return layer


def plain_convolution(x: np.ndarray, kernel: np.ndarray, strides: int, depthwise: bool) -> np.ndarray:
    """Keras's layer with symmetric padding."""
    side, margin = kernel.shape[0], kernel.shape[0] // 2
    x = np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    kind = keras.layers.DepthwiseConv2D if depthwise else keras.layers.Conv2D
    given = () if depthwise else (kernel.shape[3],)
    layer = kind(*given, side, strides, padding="valid", use_bias=False)
    layer.build(x.shape)
    layer.set_weights([kernel])
    return to_numpy(layer(x))


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("channels", [2, 6])
def test_a_convolution_equals_the_plain_layer_of_its_size(strides: int, size: int, channels: int) -> None:
    layer, x = built(ElasticConv2D(6, (3, 5, 7), strides)), images(channels)
    margin = (7 - size) // 2
    kernel = layer.kernel.numpy()[margin : margin + size, margin : margin + size, :channels, : channels + 1]
    found = layer(x, channels=min(channels + 1, 6), kernel_size=size)
    np.testing.assert_allclose(to_numpy(found), plain_convolution(x, kernel, strides, False), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("channels", [2, 6])
def test_a_depthwise_convolution_equals_the_plain_layer_of_its_size(strides: int, size: int, channels: int) -> None:
    layer, x = built(ElasticDepthwiseConv2D((3, 5, 7), strides)), images(channels)
    margin = (7 - size) // 2
    kernel = layer.kernel.numpy()[margin : margin + size, margin : margin + size, :channels]
    found = layer(x, kernel_size=size)
    np.testing.assert_allclose(to_numpy(found), plain_convolution(x, kernel, strides, True), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["conv", "depthwise"])
@pytest.mark.parametrize("size", [3, 5, 7])
def test_matrices_stand_between_a_centre_and_the_smaller_kernel(name: str, size: int) -> None:
    layer = built(LAYERS[name]())
    assert isinstance(layer, ElasticKernel)
    kernel = layer.kernel.numpy().astype(np.float64)
    for smaller, matrix in zip((5, 3), layer.matrices, strict=True):
        if size > smaller:
            break
        centre = kernel[1:-1, 1:-1].reshape(smaller**2, -1)
        kernel = (matrix.numpy().astype(np.float64) @ centre).reshape(smaller, smaller, *kernel.shape[2:])
    found = layer.sliced_kernel(*kernel.shape[2:], kernel_size=size)
    np.testing.assert_allclose(to_numpy(found), kernel, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["conv", "depthwise"])
def test_matrices_are_the_identity_at_first(name: str) -> None:
    layer = LAYERS[name]()
    layer.build((None, None, None, 6))
    assert isinstance(layer, ElasticKernel) and [m.shape for m in layer.matrices] == [(25, 25), (9, 9)]
    np.testing.assert_array_equal(
        to_numpy(layer.sliced_kernel(6, 1, kernel_size=3)), layer.kernel.numpy()[2:5, 2:5, :6, :1]
    )


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("sizes", [(5,), (3, 5)])
def test_the_gradient_of_a_depthwise_convolution_is_that_of_the_operation(traced: bool, sizes: tuple[int, ...]) -> None:
    layer = built(ElasticDepthwiseConv2D(sizes))

    def slopes(x: tf.Tensor, size: tf.Tensor, weights: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, kernel_size=size) * weights)
        return tape.gradient(loss, [x, layer.kernel.value])

    run = tf.function(slopes, autograph=False) if traced else slopes
    for size in sizes:
        x, weights = tf.constant(images(4)), tf.constant(images(4)[:, ::-1])
        with tf.GradientTape() as tape:
            tape.watch(x)
            kernel = tf.convert_to_tensor(layer.kernel)
            margin = (sizes[-1] - size) // 2
            part = kernel[margin : sizes[-1] - margin, margin : sizes[-1] - margin, :4]
            loss = tf.reduce_sum(tf.nn.depthwise_conv2d(x, part, (1, 1, 1, 1), "SAME") * weights)
        expected = tape.gradient(loss, [x, layer.kernel.value])
        for found, slope in zip(run(x, tf.constant(size), weights), expected, strict=True):
            np.testing.assert_allclose(to_numpy(found), to_numpy(slope), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_outside_of_a_slice_is_zero(name: str) -> None:
    layer, x = built(LAYERS[name]()), images(2)
    sizes = {"kernel_size": 3} if "kernel_sizes" in layer.get_config() and name != "pointwise" else {}
    sizes |= {"channels": 3} if isinstance(layer, ElasticConv2D) else {}
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, **sizes) ** 2)
    weights = [variable.value for variable in layer.trainable_weights]
    for variable, slope in zip(layer.trainable_weights, tape.gradient(loss, weights), strict=True):
        found = np.array(tf.convert_to_tensor(slope))
        shape = {"gamma": (2,), "beta": (2,), "reduce_kernel": (2, 1), "reduce_bias": (1,), "expand_bias": (2,)}
        shape |= {"expand_kernel": (1, 2)}
        if "matrix" in variable.name:
            continue
        if variable.name == "kernel":
            margin = (variable.shape[0] - sizes.get("kernel_size", 1)) // 2
            if name in ("conv", "depthwise"):
                # A smaller kernel comes from the centre of the next larger one, which comes from the centre of the largest.
                margin = 1
            inside = (slice(margin, variable.shape[0] - margin),) * 2 + (
                slice(0, 2),
                slice(0, sizes.get("channels", 1)),
            )
        else:
            inside = tuple(slice(0, size) for size in shape[variable.name])
        assert np.all(found[inside] != 0), variable.name
        found[inside] = 0
        assert not np.any(found), variable.name


@pytest.mark.parametrize("channels", [2, 6])
def test_normalisation_equals_keras_on_its_channels(channels: int) -> None:
    layer, x = built(ElasticBatchNormalization()), 3 + 2 * images(channels)
    stock = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    stock.build(x.shape)
    stock.set_weights([vector.numpy()[:channels] for vector in layer.vectors])
    outside = [vector.numpy()[channels:] for vector in layer.vectors]
    for training in (False, True, False):
        np.testing.assert_allclose(
            to_numpy(layer(x, training=training)), to_numpy(stock(x, training=training)), rtol=1e-4, atol=1e-4
        )
    for vector, expected, rest in zip(layer.vectors, stock.get_weights(), outside, strict=True):
        np.testing.assert_allclose(vector.numpy()[:channels], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(vector.numpy()[channels:], rest)


def test_normalisation_in_float64_equals_keras(float64: None) -> None:
    layer, x = built(ElasticBatchNormalization()), 3 + 2 * images(4)
    stock = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    stock.build(x.shape)
    stock.set_weights([vector.numpy()[:4] for vector in layer.vectors])
    for training in (True, False):
        expected = to_numpy(stock(x, training=training))
        np.testing.assert_allclose(to_numpy(layer(x, training=training)), expected, rtol=1e-10)


def test_frozen_normalisation_keeps_its_statistics() -> None:
    layer = built(ElasticBatchNormalization())
    before = [vector.numpy() for vector in layer.vectors]
    layer.trainable = False
    np.testing.assert_array_equal(to_numpy(layer(images(6), training=True)), to_numpy(layer(images(6))))
    for vector, start in zip(layer.vectors, before, strict=True):
        np.testing.assert_array_equal(vector.numpy(), start)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        ElasticConv2D(4, (3, 4))


def test_a_cut_is_a_slice_with_its_gradient() -> None:
    x = tf.Variable(np.arange(24.0).reshape(4, 6))
    for sizes, begin in (((2, 3), None), ((4, 6), None), ((2, 4), (1, 2)), ((tf.constant(1), 6), (3, 0))):
        with tf.GradientTape() as tape:
            y = cut(tf.convert_to_tensor(x), sizes, begin)
            loss = tf.reduce_sum(y**2)
        start = begin or (0, 0)
        inside = tuple(slice(low, low + int(size)) for low, size in zip(start, sizes, strict=True))
        np.testing.assert_array_equal(y.numpy(), x.numpy()[inside])
        expected = np.zeros((4, 6))
        expected[inside] = 2 * x.numpy()[inside]
        np.testing.assert_array_equal(tape.gradient(loss, x).numpy(), expected)
