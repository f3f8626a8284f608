"""The gradients that kernels bring along are those of TensorFlow's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.supernets import kernels


def gradients(function: Callable[..., tf.Tensor], *inputs: np.ndarray, traced: bool) -> list[np.ndarray]:
    """Gradients of a weighted sum of the output, through a traced function or eagerly."""
    tensors = [tf.constant(value) for value in inputs]
    if traced:
        specs = [
            tf.TensorSpec((None, *t.shape[1:3], t.shape[3]) if i == 0 else t.shape, t.dtype)
            for i, t in enumerate(tensors)
        ]
        function = tf.function(function, autograph=False).get_concrete_function(*specs)

    @tf.function(autograph=False)
    def slopes(*tensors: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            y = function(*tensors)
            loss = tf.reduce_sum(tf.sin(y))
        return tape.gradient(loss, list(tensors))

    return [value.numpy() for value in slopes(*tensors)]


def types(function: Callable[..., tf.Tensor], *specs: tf.TensorSpec) -> set[str]:
    """Names of the gradients that the operations of a traced function ask for."""
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    found = set()
    for operation in graph.get_operations():
        try:
            found.add(operation.get_attr("_gradient_op_type").decode())
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (4, 3), (2, 1)])
def test_a_5x5_kernel_gradient_by_blocks_is_the_whole_one(size: tuple[int, int], dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, *size, 6)).astype(dtype)
    kernel = rng.standard_normal((5, 5, 6, 1)).astype(dtype)
    found = gradients(kernels.depthwise, x, kernel, traced=True)
    with tf.GradientTape() as tape:
        tensors = tf.constant(x), tf.constant(kernel)
        tape.watch(tensors)
        loss = tf.reduce_sum(tf.sin(tf.nn.depthwise_conv2d(*tensors, (1, 1, 1, 1), "SAME")))
    for a, b in zip(found, tape.gradient(loss, tensors), strict=True):
        np.testing.assert_allclose(
            a, b, rtol=1e-4 if dtype == "float32" else 1e-10, atol=1e-4 if dtype == "float32" else 1e-10
        )
    spec = tf.TensorSpec((None, *size, 6), dtype), tf.TensorSpec(kernel.shape, dtype)
    assert types(kernels.depthwise, *spec) == {"AutonasDepthwiseBlocks"}


@pytest.mark.parametrize("values", ["distinct", "equal"])
def test_max_pooling_passes_its_gradient_to_the_same_pixels(values: str) -> None:
    rng = np.random.default_rng(0)
    x = (
        rng.standard_normal((2, 5, 6, 3)).astype("float32")
        if values == "distinct"
        else np.zeros((2, 5, 6, 3), "float32")
    )
    (found,) = gradients(lambda x: kernels.pool(x, "max"), x, traced=True)
    (expected,) = gradients(lambda x: tf.nn.max_pool2d(x, 3, 1, "SAME"), x, traced=True)
    np.testing.assert_array_equal(found, expected)
    assert types(lambda x: kernels.pool(x, "max"), tf.TensorSpec(x.shape)) == {"AutonasMaxPool"}


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (1, 1)])
def test_every_second_pixel_starts_with_the_first(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal((2, *size, 3)).astype("float32")
    np.testing.assert_array_equal(kernels.every_second(tf.constant(x)), x[:, ::2, ::2])


def test_shift_moves_up_and_left() -> None:
    x = np.arange(6, dtype="float32").reshape(1, 2, 3, 1)
    np.testing.assert_array_equal(kernels.shift(tf.constant(x))[0, :, :, 0], [[4, 5, 0], [0, 0, 0]])
