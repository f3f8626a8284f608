"""Candidate operations against the reference's arithmetic, worked out in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest

from autonas_keras import layers, spaces
from autonas_keras.layers import OPERATIONS, apply_operation, operation_model, register_operation

CHANNELS = 3
CASES = [(name, strides, size) for name in OPERATIONS for strides in (1, 2) for size in ((7, 6), (1, 5))]


def windows(x: np.ndarray, kernel: tuple[int, int], strides: tuple[int, int], dilation: int, fill: float) -> np.ndarray:
    """What each output position sees under symmetric padding, (batch, rows, columns, kernel, kernel, channels)."""
    margins = [dilation * (k - 1) // 2 for k in kernel]
    padded = np.pad(x, ((0, 0), (margins[0],) * 2, (margins[1],) * 2, (0, 0)), constant_values=fill)
    rows, columns = (-(-n // s) for n, s in zip(x.shape[1:3], strides, strict=True))
    out = np.empty((len(x), rows, columns, *kernel, x.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            top, left = i * strides[0], j * strides[1]
            out[:, i, j] = padded[
                :, top : top + dilation * kernel[0] : dilation, left : left + dilation * kernel[1] : dilation
            ][:, : kernel[0], : kernel[1]]
    return out


class Reference:
    """The operations of the published code, reading a model's weights one after the other."""

    def __init__(self, model: keras.Model) -> None:
        self.weights: Iterator[np.ndarray] = iter([w.astype(float) for w in model.get_weights()])

    def conv(self, x: np.ndarray, strides: int | tuple[int, int] = 1) -> np.ndarray:
        kernel = next(self.weights)
        steps = (strides, strides) if isinstance(strides, int) else strides
        return np.einsum("bijklc,klcd->bijd", windows(x, kernel.shape[:2], steps, 1, 0.0), kernel)

    def depthwise(self, x: np.ndarray, strides: int, dilation: int = 1) -> np.ndarray:
        kernel = next(self.weights)[..., 0]
        return np.einsum("bijklc,klc->bijc", windows(x, kernel.shape[:2], (strides, strides), dilation, 0.0), kernel)

    def norm(self, x: np.ndarray, affine: bool = True) -> np.ndarray:
        gamma, beta = (next(self.weights), next(self.weights)) if affine else (1.0, 0.0)
        mean, variance = next(self.weights), next(self.weights)
        return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta

    def __call__(self, name: str, x: np.ndarray, strides: int) -> np.ndarray:
        positive = np.maximum(x, 0.0)
        family, _, kernel = name.rpartition("_")
        if name == "none":
            return np.zeros_like(x[:, ::strides, ::strides])
        if name == "skip_connect":
            if strides == 1:
                return x
            shifted = np.pad(positive, ((0, 0), (0, 1), (0, 1), (0, 0)))[:, 1:, 1:]
            return self.norm(np.concatenate([self.conv(positive, 2), self.conv(shifted, 2)], axis=-1))
        if name == "max_pool_3x3":
            return self.norm(windows(x, (3, 3), (strides, strides), 1, -np.inf).max((3, 4)), affine=False)
        if name == "avg_pool_3x3":
            return self.norm(np.nanmean(windows(x, (3, 3), (strides, strides), 1, np.nan), (3, 4)), affine=False)
        if name == "conv_7x1_1x7":
            return self.norm(self.conv(self.conv(positive, (1, strides)), (strides, 1)))
        if family == "conv":
            return self.norm(self.conv(positive, strides))
        if family == "dil_conv":
            return self.norm(self.conv(self.depthwise(positive, strides, 2)))
        y = self.norm(self.conv(self.depthwise(positive, strides)))
        return self.norm(self.conv(self.depthwise(np.maximum(y, 0.0), 1)))


def randomised(model: keras.Model, rng: np.random.Generator) -> keras.Model:
    values = [rng.normal(size=w.shape) for w in model.weights]
    model.set_weights(
        [np.abs(v) + 0.5 if "variance" in w.path else v for v, w in zip(values, model.weights, strict=True)]
    )
    return model


@pytest.mark.parametrize(("name", "strides", "size"), CASES)
def test_an_operation_computes_what_the_reference_does(name: str, strides: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(size) + strides)
    model = randomised(operation_model(name, (*size, CHANNELS), CHANNELS, strides), rng)
    x = rng.normal(size=(2, *size, CHANNELS)).astype("float32")
    expected = Reference(model)(name, x.astype(float), strides)
    assert expected.shape[1:3] == tuple(-(-n // strides) for n in size)
    np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(4, 4), (5, 5), (4, 5)])
def test_average_pooling_at_stride_2_leaves_the_padding_out(size: tuple[int, int]) -> None:
    model = operation_model("avg_pool_3x3", (*size, 1), 1, 2, pool_norm=False)
    x = np.arange(size[0] * size[1], dtype="float32").reshape(1, *size, 1)
    y = np.asarray(model(x))[0, ..., 0]
    assert y.shape == tuple(-(-n // 2) for n in size)
    assert y[0, 0] == x[0, :2, :2].mean()
    assert y[0, 1] == x[0, :2, 1:4].mean()
    bottom = slice(1, 4) if size[0] == 4 else slice(3, 5)
    assert y[-1, 0] == pytest.approx(x[0, bottom, :2].mean())


def test_max_pooling_does_not_see_zeros_beyond_the_border() -> None:
    x = -np.ones((1, 4, 4, 2), "float32")
    for strides in (1, 2):
        y = operation_model("max_pool_3x3", (4, 4, 2), 2, strides, pool_norm=False)(x)
        np.testing.assert_array_equal(np.asarray(y), -1.0)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_factorized_reduce_reads_even_positions_beside_odd_ones(size: tuple[int, int]) -> None:
    x = keras.Input((*size, 1))
    model = keras.Model(x, layers.factorized_reduce(x, 2, affine=False))
    model.set_weights([np.ones(w.shape) for w in model.weights[:2]] + [np.zeros(2), np.ones(2) - 1e-5])
    image = np.arange(1, size[0] * size[1] + 1, dtype="float32").reshape(1, *size, 1)
    y = np.asarray(model(image))
    even, odd = image[0, ::2, ::2, 0], np.zeros(y.shape[1:3])
    inside = image[0, 1::2, 1::2, 0]
    odd[: inside.shape[0], : inside.shape[1]] = inside
    np.testing.assert_allclose(y[0, ..., 0], even, rtol=1e-6)
    np.testing.assert_allclose(y[0, ..., 1], odd, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_factorized_reduce_takes_odd_numbers_of_channels(channels: int) -> None:
    assert operation_model("skip_connect", (5, 5, channels), channels, 2).output_shape == (None, 3, 3, channels)


def test_search_has_no_affine_and_nasbench201_no_normalised_pooling() -> None:
    for name in OPERATIONS:
        model = operation_model(name, (6, 6, 4), 4, 2, affine=False)
        assert not [w.path for w in model.weights if w.path.endswith(("gamma", "beta"))]
    for name in ("max_pool_3x3", "avg_pool_3x3"):
        assert operation_model(name, (6, 6, 4), 4, pool_norm=False).weights == []
        assert len(operation_model(name, (6, 6, 4), 4).weights) == 2


def test_batch_norm_has_the_constants_of_the_reference() -> None:
    layer = layers.batch_norm(affine=True)
    assert (layer.momentum, layer.epsilon, layer.center, layer.scale) == (0.9, 1e-5, True, True)


def test_kernels_start_uniform_within_one_over_the_root_of_fan_in() -> None:
    kernels = operation_model("sep_conv_5x5", (8, 8, 64), 64).get_weights()
    for kernel, fan in ((kernels[0], 25), (kernels[1], 64)):
        assert np.abs(kernel).max() <= fan**-0.5
        assert kernel.std() == pytest.approx((3 * fan) ** -0.5, rel=0.05)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("strides", [1, 2])
def test_operations_are_stock_layers_and_change_channels(name: str, strides: int) -> None:
    given = 4 if name == "none" else 6
    model = operation_model(name, (5, 4, 4), given, strides)
    assert model.output_shape == (None, -(-5 // strides), -(-4 // strides), given)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)


def test_none_cannot_change_channels() -> None:
    with pytest.raises(ValueError, match='Expected the operation "none" to keep the 4 channels, got 6'):
        operation_model("none", (5, 4, 4), 6)


def test_every_name_of_the_spaces_can_be_built() -> None:
    for name in (*spaces.DARTS_OPERATIONS, *spaces.NASNET_OPERATIONS, *spaces.NASBENCH201_OPERATIONS, "sep_conv_7x7"):
        assert operation_model(name, (4, 4, 2), 2).output_shape == (None, 4, 4, 2)
    assert {spaces.canonical(name) for name in layers.operations.BUILT_IN} <= set(OPERATIONS)


def test_synonyms_are_the_same_operation() -> None:
    shapes = [[w.shape for w in operation_model(name, (4, 4, 2), 2).weights] for name in ("nor_conv_3x3", "conv_3x3")]
    assert shapes[0] == shapes[1]


def test_every_weight_gets_a_gradient() -> None:
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(4, 7, 7, 4)).astype("float32")
    for name in OPERATIONS:
        model = operation_model(name, (7, 7, 4), 4, 2)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=True) ** 3)
        for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
            assert gradient is not None and np.abs(gradient).max() > 0, weight.path


@pytest.mark.parametrize(
    ("name", "strides", "sentence"),
    [
        ("sep_conv_3x4", 1, "Expected a known operation, got 'sep_conv_3x4'; did you mean 'sep_conv_3x3'"),
        ("conv_3x3", 3, "Expected strides of 1 or 2 for 'conv_3x3', got 3"),
    ],
)
def test_wrong_operations_get_a_sentence(name: str, strides: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        apply_operation(name, keras.Input((4, 4, 2)), 2, strides)


def test_a_user_registers_an_operation() -> None:
    def wide(x: keras.KerasTensor, channels: int, strides: int) -> keras.KerasTensor:
        return keras.layers.Conv2D(channels, 9, strides, padding="same")(x)

    register_operation("wide_conv", wide)
    assert operation_model("wide_conv", (5, 5, 2), 4, 2).output_shape == (None, 3, 3, 4)
    space = spaces.CellSpace(operations=("wide_conv", "skip_connect"))
    assert space.operations == ("wide_conv", "skip_connect")
    register_operation("wide_conv", lambda x, channels, strides: x)
    assert operation_model("wide_conv", (5, 5, 2), 2).weights == []


def test_a_registered_operation_has_to_give_the_right_shape() -> None:
    register_operation("stuck", lambda x, channels, strides: x)
    with pytest.raises(ValueError, match=r"Expected operation 'stuck' to give shape \(3, 3, 2\).*got \(5, 5, 2\)"):
        operation_model("stuck", (5, 5, 2), 2, 2)


@pytest.mark.parametrize("name", ["sep_conv_3x3", "identity", "none", "nor_conv_1x1"])
def test_built_in_operations_cannot_be_replaced(name: str) -> None:
    with pytest.raises(ValueError, match=f"Expected a new name for an operation, got '{name}'"):
        register_operation(name, lambda x, channels, strides: x)


def test_what_cannot_be_registered() -> None:
    with pytest.raises(ValueError, match="identifier"):
        register_operation("my conv", lambda x, channels, strides: x)
    with pytest.raises(TypeError, match="Expected a function of"):
        register_operation("my_conv", 3)  # type: ignore[arg-type]
