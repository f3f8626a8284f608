"""The conformance suite over all supernet layers and their options."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import pytest
import tensorflow as tf

from autonas_keras.layers.chain import chain_block
from autonas_keras.layers.quantize import quantize_activations, quantize_weights
from autonas_keras.spaces import CellSpace, ChainSpace, MacroSpace, MobileSpace
from autonas_keras.spaces.chain import ChainLayer
from autonas_keras.supernets import (
    CellSupernet,
    MixedFunction,
    PathCell,
    PathChain,
    PathFunction,
    PathMacro,
    PathMobile,
)
from autonas_keras.supernets.elastic import (
    ElasticBatchNormalization,
    ElasticConv2D,
    ElasticDepthwiseConv2D,
    ElasticSqueezeExcitation,
)
from autonas_keras.supernets.switch import Switch, branch_model
from autonas_keras.testing.layers import LayerTestCase, PathTestCase, SupernetTestCase
from autonas_keras.testing.probe import every_option
from tests.supernets.toy import ToySpace

# Which operations there are is for test_cell and test_path_cell: two of them show what choosing does.
CELLS = {
    "darts": CellSpace.darts(operations=("sep_conv_3x3", "skip_connect"), cells=3, channels=2, nodes=2),
    "one node": CellSpace.darts(
        operations=("sep_conv_3x3", "max_pool_3x3", "skip_connect"), cells=3, channels=2, nodes=1
    ),
    "nasnet": CellSpace.nasnet(operations=("dil_conv_5x5", "skip_connect"), cells=3, channels=2, nodes=1),
    "nasbench201": CellSpace.nasbench201(
        operations=("none", "skip_connect", "conv_3x3", "avg_pool_3x3"), cells=2, channels=2, nodes=2
    ),
}
STAGES = ((2, 6, 2),)
TOY = ToySpace(layers=1)
MOBILE: dict[str, Any] = {
    "widths": ((2, 3), (4, 6)),
    "depths": ((1,), (1, 2)),
    "kernels": (3, 5),
    "expansions": (2, 3),
    "strides": (1, 2),
    "stem": (2, 3),
    "head": 6,
}


# Parts


class TestSwitch(LayerTestCase):
    sizes = ((8, 6, 4), (7, 5, 4))
    options = tuple({"index": index} for index in range(3))
    configured = False
    jit = True

    def layer(self, seed: int = 0, dtype: Any = "float32") -> Switch:
        place, space = ChainLayer("layer_1", 4, 4, 1), ChainSpace(("identity", "mbconv_k3_e1"), STAGES, stem=4)
        models = [
            branch_model(
                name, (None, None, 4), partial(chain_block, name=name, layer=place, space=space), dtype, [seed, kernel]
            )
            for kernel, name in enumerate(("mbconv_k3_e1", "mbconv_k5_e2"))
        ]
        return Switch([models[0], None, models[1]], dtype=dtype)


class TestElasticConv2D(LayerTestCase):
    sizes = ((8, 6, 4), (7, 5, 3), (5, 1, 2))
    options = ({"channels": 3, "kernel_size": 3}, {"channels": 5, "kernel_size": 5}, {"channels": 2, "kernel_size": 7})

    def layer(self, **kwargs: Any) -> ElasticConv2D:
        return ElasticConv2D(5, (3, 5, 7), strides=2, **kwargs)


class TestTransformedElasticConv2D(TestElasticConv2D):
    def layer(self, **kwargs: Any) -> ElasticConv2D:
        return ElasticConv2D(5, (3, 5, 7), transform=True, **kwargs)


class TestElasticDepthwiseConv2D(LayerTestCase):
    sizes = ((8, 6, 4), (7, 5, 3), (5, 1, 2))
    options = ({"kernel_size": 3}, {"kernel_size": 5})

    def layer(self, **kwargs: Any) -> ElasticDepthwiseConv2D:
        return ElasticDepthwiseConv2D((3, 5), **kwargs)


class TestTransformedElasticDepthwiseConv2D(TestElasticDepthwiseConv2D):
    def layer(self, **kwargs: Any) -> ElasticDepthwiseConv2D:
        return ElasticDepthwiseConv2D((3, 5), strides=2, transform=True, **kwargs)


class TestElasticBatchNormalization(LayerTestCase):
    sizes = ((8, 6, 4), (7, 5, 3), (5, 1, 2))
    seeded = False

    def layer(self, **kwargs: Any) -> ElasticBatchNormalization:
        return ElasticBatchNormalization(**kwargs)


class TestElasticSqueezeExcitation(LayerTestCase):
    sizes = ((8, 6, 16), (7, 5, 9))

    def layer(self, **kwargs: Any) -> ElasticSqueezeExcitation:
        return ElasticSqueezeExcitation(**kwargs)


class Quantized(keras.layers.Layer):
    """A dense layer of a few bits."""

    def build(self, input_shape: Any) -> None:
        initializer = keras.initializers.GlorotUniform(seed=1)
        self.kernel = self.add_weight(shape=(input_shape[-1], 5), initializer=initializer, name="kernel")

    def call(self, x: Any, weights: Any = 8, activations: Any = 8) -> Any:
        return quantize_activations(tf.cast(x, self.compute_dtype), activations, 6.0) @ quantize_weights(
            tf.convert_to_tensor(self.kernel), weights
        )


class TestQuantizers(LayerTestCase):
    options = tuple({"weights": bits, "activations": 10 - bits} for bits in (2, 4, 8))
    seeded = smooth = False
    jit = True

    def layer(self, **kwargs: Any) -> Quantized:
        return Quantized(**kwargs)


# Mixtures


@pytest.mark.slow(seconds=10)
class TestMixtureOfDarts(SupernetTestCase):
    options = (*every_option(CELLS["darts"])[:4], None)

    def layer(self, **kwargs: Any) -> CellSupernet:
        return CellSupernet(CELLS["darts"], **kwargs)


class TestMixtureOfNasbench201(SupernetTestCase):
    options = (None, *every_option(CELLS["nasbench201"]))
    jit = True

    def layer(self, **kwargs: Any) -> CellSupernet:
        return CellSupernet(CELLS["nasbench201"], **kwargs)


class Mixture(LayerTestCase):
    """A mixture from which no network can be handed out."""

    options = (None,)

    def choose(self, layer: Any, option: Any) -> dict[str, Any]:
        layer.select(option)
        return {}


@pytest.mark.slow(seconds=10)
class TestPartialChannels(Mixture):
    def layer(self, **kwargs: Any) -> CellSupernet:
        return CellSupernet(CELLS["one node"], partial_channels=2, **kwargs)


class TestGumbel(Mixture):
    smooth = False
    drawn = True

    def layer(self, **kwargs: Any) -> CellSupernet:
        return CellSupernet(CELLS["nasbench201"], sampling="gumbel", **kwargs)


class TestMixedFunction(SupernetTestCase):
    sizes = ((5,),)
    kernels = (2,)
    options = (None, *every_option(TOY))

    def layer(self, **kwargs: Any) -> MixedFunction:
        return MixedFunction(TOY, **kwargs)


class TestMixedFunctionOfGumbel(Mixture):
    sizes = ((5,),)
    kernels = (2,)
    smooth = False
    drawn = True

    def layer(self, **kwargs: Any) -> MixedFunction:
        return MixedFunction(TOY, sampling="gumbel", **kwargs)


# Paths


@pytest.mark.slow(seconds=10)
class TestPathCellOfDarts(PathTestCase):
    all_heard = False

    def layer(self, **kwargs: Any) -> PathCell:
        return PathCell(CELLS["one node"], affine=True, **kwargs)


@pytest.mark.slow(seconds=10)
class TestPathCellOfNasnet(PathTestCase):
    all_heard = False

    def layer(self, **kwargs: Any) -> PathCell:
        return PathCell(CELLS["nasnet"], **kwargs)


class TestPathCellOfNasbench201(PathTestCase):
    all_heard = False

    def layer(self, **kwargs: Any) -> PathCell:
        return PathCell(CELLS["nasbench201"], **kwargs)


class TestPathChain(PathTestCase):
    jit = True

    def layer(self, **kwargs: Any) -> PathChain:
        return PathChain(ChainSpace(("identity", "mb3_k3", "mbconv_k5_e1"), STAGES, stem=4, tail=5), **kwargs)


@pytest.mark.slow(seconds=10)
class TestPathChainWithoutAffine(PathTestCase):
    def layer(self, **kwargs: Any) -> PathChain:
        space = ChainSpace(("mb2_k3", "identity"), ((1, 4, 1), (1, 6, 2)), stem=4, activation="relu6", stem_strides=2)
        return PathChain(space, affine=False, **kwargs)


class TestPathChainOfWidths(PathTestCase):
    sizes = ((7, 5, 3),)

    def layer(self, **kwargs: Any) -> PathChain:
        operations = ("shuffle_k3", "shuffle_xception")
        return PathChain(ChainSpace(operations, STAGES, stem=4, widths=(0.5, 1.5)), **kwargs)


@pytest.mark.slow(seconds=10)
class TestPathChainOfBits(PathTestCase):
    smooth = trains = False
    rounds = True

    def layer(self, **kwargs: Any) -> PathChain:
        space = ChainSpace(("identity", "mbconv_k3_e2"), STAGES, stem=4, widths=(1.0, 0.5), bits=(2, 8))
        return PathChain(space, **kwargs)


class TestPathMacro(PathTestCase):
    def layer(self, **kwargs: Any) -> PathMacro:
        operations = ("sep_conv_5x5", "avg_pool_3x3")
        return PathMacro(MacroSpace(operations, layers=3, channels=2), **kwargs)


class TestPathMacroWithoutAffine(PathTestCase):
    def layer(self, **kwargs: Any) -> PathMacro:
        space = MacroSpace(("sep_conv_3x3",), layers=4, channels=3, growth=1)
        return PathMacro(space, affine=False, **kwargs)


class TestPathMobile(PathTestCase):
    def layer(self, **kwargs: Any) -> PathMobile:
        return PathMobile(MobileSpace(**MOBILE), **kwargs)


@pytest.mark.slow(seconds=10)
class TestPathMobileOfResolutions(PathTestCase):
    sizes = ((11, 9, 3),)

    def layer(self, **kwargs: Any) -> PathMobile:
        changes = {"resolutions": (7, 9), "squeeze": (False, True), "activations": ("hard_swish", "relu")}
        space = MobileSpace(**{**MOBILE, **changes, "stem_stride": 2})
        return PathMobile(space, transform=True, zero_gamma=True, **kwargs)


class TestPathFunction(PathTestCase):
    sizes = ((5,),)
    kernels = (2,)
    all_heard = False  # what a layer of zeros reads

    def layer(self, **kwargs: Any) -> PathFunction:
        return PathFunction(TOY, **kwargs)
