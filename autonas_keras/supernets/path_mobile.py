"""The mobile space as one layer whose blocks have elastic sizes.

Reference: Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020, section 3;
Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers.mobile import mobile_network
from autonas_keras.spaces import MobileSpace, Option
from autonas_keras.spaces.mobile_plan import hidden_channels, resized_shape
from autonas_keras.supernets.elastic_block import ElasticBlock, ElasticUnit, LayerWeights, Permutation
from autonas_keras.supernets.elastic_kernels import Size
from autonas_keras.supernets.path import PathSupernet, Usage
from autonas_keras.supernets.switch import dtype_policy


@keras.utils.register_keras_serializable(package="autonas_keras")
class PathMobile(PathSupernet):
    """All networks of a mobile space in one, each a part of the largest: first channels, first blocks, kernels' centres.

    Images (batch, height, width, channels) in, features of the selected network out. The route holds the index of each
    size that the space leaves open: the resolution, channels, numbers of blocks, and for each block the side of the
    kernel and the channels inside. Zeros are the smallest network.

    Args:
        space: A mobile space, or its configuration.
        transform: Whether matrices that are learned stand between a kernel's centre and the next smaller kernel.
            Source: Cai et al., ICLR 2020, section 3.3.
        zero_gamma: Whether the last normalisation of a block that adds its input starts at scale 0. Source: Yu et al.,
            ECCV 2020, section 3.2.
        seed: Seed of all initial weights.
        **kwargs: As keras.layers.Layer takes them.

    Raises:
        TypeError: When the space is no mobile space.
        ValueError: When it has resolutions and the size of the images is not known.
    """

    space: MobileSpace

    def __init__(
        self,
        space: MobileSpace | Mapping[str, Any],
        transform: bool = False,
        zero_gamma: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        found = MobileSpace(**space) if isinstance(space, Mapping) else space
        if not isinstance(found, MobileSpace):
            raise TypeError(f"Expected a MobileSpace, got {type(found).__name__}.")
        self.space = found
        self.transform = bool(transform)
        self.zero_gamma = bool(zero_gamma)

    def get_config(self) -> dict[str, Any]:
        config = {"space": self.space.get_config(), "transform": self.transform, "zero_gamma": self.zero_gamma}
        return {**super().get_config(), **config, "seed": self.seed}

    # Shapes

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        space = self.space
        sides = list(input_shape[1:3])
        if space.resolutions:
            fixed = len(space.resolutions) == 1 and None not in sides
            sides = list(resized_shape(sides, space.resolutions[0])) if fixed else [None, None]
        for stride in (space.stem_stride, *space.strides):
            sides = [None if side is None else -(-side // stride) for side in sides]
        return (input_shape[0], *sides, space.widths[-1][-1] if space.head is None else space.head)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    # Weights

    def build(self, input_shape: Sequence[int | None]) -> None:
        space, plan = self.space, self.space.plan(self.space.largest())
        colours = input_shape[-1]
        if colours is None:
            raise ValueError("Expected an input with a known number of channels, got None; give the input its shape.")
        self._image_size = tuple(input_shape[1:3])
        if space.resolutions and None in self._image_size:
            raise ValueError(f"Expected images of a known size, got {tuple(input_shape)}; give the input its shape.")
        self.stem = self._unit("stem", plan.stem, 3, space.stem_stride, space.activations[0])
        self.blocks = [
            ElasticBlock(
                block,
                space.kernels[stage],
                self.transform,
                self.zero_gamma,
                self._seed(f"stage_{stage}_block_{number}"),
                dtype=self.dtype_policy,
                name=f"stage_{stage}_block_{number}",
            )
            for stage, blocks in enumerate(plan.stages)
            for number, block in enumerate(blocks)
        ]
        self.head = None if space.head is None else self._unit("head", space.head, 1, 1, space.activations[-1])
        self.stem.build((None, None, None, colours))
        for block in self.blocks:
            block.build((None, None, None, block.block.inputs))
        if self.head is not None:
            self.head.build((None, None, None, plan.stages[-1][-1].outputs))
        self._options = self._sizes()
        open_sizes = [name for name, options in self._options.items() if len(options) > 1]
        self._places = {name: place for place, name in enumerate(open_sizes)}
        self._build_route(len(self._places))
        super().build(input_shape)

    def _unit(self, name: str, outputs: int, kernel: int, strides: int, activation: str) -> ElasticUnit:
        seed = self._seed(name)
        return ElasticUnit(outputs, kernel, strides, activation, seed, dtype=self.dtype_policy, name=name)

    def _seed(self, name: str) -> int:
        return int(np.random.SeedSequence([self.seed, *name.encode()]).generate_state(1)[0])

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        """The values of everything in the network that has a size, by name."""
        space = self.space
        sizes = {"resolution": space.resolutions or (0,), "stem": space.stem}
        widths = space.stem
        for stage, depths in enumerate(space.depths):
            sizes[f"stage_{stage}/depth"] = depths
            sizes[f"stage_{stage}/width"] = space.widths[stage]
            for number in range(depths[-1]):
                hidden = {hidden_channels(width, ratio) for width in widths for ratio in space.expansions[stage]}
                sizes[f"stage_{stage}/block_{number}/kernel"] = space.kernels[stage]
                sizes[f"stage_{stage}/block_{number}/hidden"] = tuple(sorted(hidden))
                widths = space.widths[stage]
        return sizes

    def _positions(self) -> list[tuple[int, int]]:
        """Stage and number of each block, as they stand in ``blocks``."""
        return [(stage, number) for stage, depths in enumerate(self.space.depths) for number in range(depths[-1])]

    # Routes

    def route(self, architecture: Mapping[str, Option]) -> np.ndarray:
        """The indices of the open sizes of an architecture, int32; 0 for blocks that it is without.

        Raises:
            ValueError: When it is no point of the space.
        """
        plan = self.space.plan(self.space.architecture(architecture))
        sizes = {name: options[0] for name, options in self._options.items()}
        sizes |= {"stem": plan.stem, "resolution": plan.resolution or 0}
        for stage, blocks in enumerate(plan.stages):
            sizes |= {f"stage_{stage}/depth": len(blocks), f"stage_{stage}/width": blocks[0].outputs}
            for number, block in enumerate(blocks):
                here = f"stage_{stage}/block_{number}"
                sizes |= {f"{here}/kernel": block.kernel, f"{here}/hidden": block.hidden}
        return np.array([self._options[name].index(sizes[name]) for name in self._places], np.int32)

    def _selected_sizes(self) -> dict[str, Size]:
        """The selected size of everything, an integer where only one is possible."""
        sizes: dict[str, Size] = {name: options[0] for name, options in self._options.items()}
        if not self._places:
            return sizes
        # One look-up in one table takes less time than one for each place.
        rows = [self._options[name] for name in self._places]
        table = [[*row, *[0] * (max(map(len, rows)) - len(row))] for row in rows]
        found = tf.gather(tf.constant(table), tf.convert_to_tensor(self.selected), batch_dims=1)
        return sizes | dict(zip(self._places, tf.unstack(found), strict=True))

    def usage(self) -> list[Usage]:
        """Blocks beyond the depth of their stage, and matrices of smaller kernels than the selected one, are unused."""
        found = []
        for (stage, number), block in zip(self._positions(), self.blocks, strict=True):
            reached = None
            if number >= self.space.depths[stage][0]:
                name = f"stage_{stage}/depth"
                reached = _Reaches(self._places[name], self._options[name], number + 1)
            matrices = block.depthwise.matrices
            known = {id(matrix) for matrix in matrices}
            if reached is not None:
                found.append(Usage(reached, [w for w in block.trainable_weights if id(w) not in known]))
            sizes = block.depthwise.kernel_sizes
            # Without transformation there are no matrices.
            for larger, matrix in zip(sizes[:0:-1], matrices, strict=False):
                kernel = _Reaches(self._places[f"stage_{stage}/block_{number}/kernel"], sizes, larger)
                found.append(Usage(partial(_transforms, reached=reached, kernel=kernel), [matrix]))
        return found

    # Computation

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        sizes = self._selected_sizes()
        x = self._resized(tf.cast(tf.convert_to_tensor(inputs), self.compute_dtype))
        x, width = self.stem(x, channels=sizes["stem"], training=training), sizes["stem"]
        for (stage, number), block in zip(self._positions(), self.blocks, strict=True):
            here = f"stage_{stage}/block_{number}"
            run = partial(
                block.__call__,
                x,
                hidden=sizes[f"{here}/hidden"],
                outputs=sizes[f"stage_{stage}/width"],
                kernel=sizes[f"{here}/kernel"],
                inputs=width,
                training=training,
            )
            width = sizes[f"stage_{stage}/width"]
            if number < self.space.depths[stage][0]:
                x = run()
            else:
                x = tf.cond(sizes[f"stage_{stage}/depth"] > number, run, partial(tf.identity, x))
        return x if self.head is None else self.head(x, channels=self.space.head, inputs=width, training=training)

    def _resized(self, x: tf.Tensor) -> tf.Tensor:
        sizes = [resized_shape(self._image_size, side) for side in self.space.resolutions]
        branches = [partial(_resize, x, size, size == self._image_size) for size in sizes]
        if len(branches) < 2:
            return branches[0]() if branches else x
        return tf.switch_case(self.place(self._places["resolution"]), branches)

    # Networks

    def extract(self, architecture: Mapping[str, Option], input_shape: tuple[int, int, int]) -> keras.Model:
        """The network of an architecture as a model of stock Keras layers with the weights it has in here.

        Raises:
            ValueError: When the architecture is no point of the space.
        """
        point = self.space.architecture(architecture)
        plan = self.space.plan(point)
        with dtype_policy(self.dtype_policy):
            x = keras.Input(input_shape, dtype=self.compute_dtype)
            model = keras.Model(x, mobile_network(x, point, self.space))
        weights: LayerWeights = self.stem.sliced("stem", int(input_shape[-1]), plan.stem)
        blocks = dict(zip(self._positions(), self.blocks, strict=True))
        for stage, found in enumerate(plan.stages):
            for number, block in enumerate(found):
                weights |= blocks[stage, number].sliced(f"stage_{stage}_block_{number}", block)
        if self.head is not None and self.space.head is not None:
            weights |= self.head.sliced("head", plan.stages[-1][-1].outputs, self.space.head)
        for name, arrays in weights.items():
            model.get_layer(name).set_weights(arrays)
        return model

    def sort_channels(self, expansions: Sequence[float] = ()) -> list[Permutation]:
        """Put the channels inside every block in the order of their importance, the largest first.

        The importance is the L1 norm of the weights by which the block's last convolution reads a channel. The largest
        network computes what it did before, and the smaller ones get its most important channels.

        Args:
            expansions: Those whose networks are trained already and shall also compute what they did, in the widest
                stages: channels stay on their side of these limits.

        Returns:
            What was permuted; an optimizer's slots have to follow.

        Reference: Cai et al., ICLR 2020, section 3.3, figure 4.
        """
        permutations = [found for block in self.blocks for found in block.sorting(expansions)]
        for variable, axis, order in permutations:
            variable.assign(np.take(variable.numpy(), order, axis))
        return permutations


@dataclass(frozen=True)
class _Reaches:
    """Whether the size that a route has at a place is at least ``least``."""

    place: int
    options: tuple[int, ...]
    least: int

    def __call__(self, route: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.constant(self.options), route[self.place]) >= self.least


def _transforms(route: tf.Tensor, reached: _Reaches | None, kernel: _Reaches) -> tf.Tensor:
    """Whether a route reaches a block and its kernel is smaller than one that a matrix stands behind."""
    smaller = tf.logical_not(kernel(route))
    return smaller if reached is None else tf.logical_and(reached(route), smaller)


def _resize(x: tf.Tensor, size: tuple[int, int], same: bool) -> tf.Tensor:
    return tf.identity(x) if same else tf.cast(tf.image.resize(x, size), x.dtype)
