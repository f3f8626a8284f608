"""AutoKeras's graph, mended for today's Keras and told how searched blocks are to be built."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import keras
import numpy as np
import tree
from autokeras import blocks as blocks_module, graph as graph_module, nodes
from autokeras.engine import block
from autokeras.utils.utils import to_snake_case

from autonas_keras.blocks.class_weights import ClassWeighted
from autonas_keras.blocks.heads import RegressionHead
from autonas_keras.blocks.isolation import fresh_names
from autonas_keras.blocks.own_objects import own_objects
from autonas_keras.blocks.recipe import IMAGES, Recipe
from autonas_keras.blocks.searched import Network, SearchedBlock
from autonas_keras.files import write_atomically
from autonas_keras.layers import normalised_table
from autonas_keras.spaces import Columns, JoinedSpace

HALF = ("float16", "bfloat16")


@keras.utils.register_keras_serializable(package="autonas_keras")
class Graph(graph_module.Graph):
    """A graph of blocks between inputs and heads.

    Other than AutoKeras's it names its blocks by their place (so that a graph made twice in a process is the same),
    gives Keras plain integers as shapes, reads pixels with stock layers, and fixes optimizer and learning rate when
    told, which AutoKeras searches.

    Args:
        inputs: Input nodes.
        outputs: Output nodes.
        optimizer: Function that makes the optimizer of a network; None leaves AutoKeras's hyperparameters.
        **kwargs: name.
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, optimizer: Any = None, **kwargs: Any) -> None:
        super().__init__(inputs, outputs, **kwargs)
        self.optimizer = optimizer
        self.seed = 0
        self._features: dict[int, Any] = {}
        self._name_parts()

    def _name_parts(self) -> None:
        # Counted from one: the host counts on with every graph that a process makes.
        counts: Counter[str] = Counter()
        for part in [*self.blocks, *sorted(self.inputs, key=_number)]:  # data may come by the names of inputs
            kind = to_snake_case(type(part).__name__)
            if re.fullmatch(rf"{kind}_\d+", part.name):
                counts[kind] += 1
                part.name = f"{kind}_{counts[kind]}"
        names = [part.name for part in self.blocks]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(
                f"Expected every block of a graph to have its own name, got {twice[0]!r} twice; rename one."
            )
        searched = self.searched
        for part in searched:
            part.layer_prefix = f"{part.name}_" if len(searched) > 1 else ""

    @property
    def searched(self) -> list[SearchedBlock]:
        """The blocks whose architecture is searched, in the order of the graph."""
        return [part for part in self.blocks if isinstance(part, SearchedBlock)]

    @property
    def recipe(self) -> Recipe:
        """How a network of the graph is trained, where nobody says: as its searched blocks ask if they agree."""
        asked = {part.recipe for part in self.searched}
        return asked.pop() if len(asked) == 1 else IMAGES

    @property
    def space(self) -> JoinedSpace:
        """The joined space of all searched blocks; that of a single one is joined too, so that its names agree.

        Raises:
            ValueError: When no block is searched.
        """
        if not self.searched:
            raise ValueError("Expected a graph with a searched block, got none; add one such as CellBlock.")
        return JoinedSpace({part.name: part.space for part in self.searched})

    def check_sizes(self, **sizes: int | None) -> None:
        """Refuse sizes of networks that no searched block has; what some of them have is for these.

        Args:
            **sizes: ``cells`` and ``channels`` as a ``Network`` takes them.

        Raises:
            ValueError: With the first of them.
        """
        for name, size in sizes.items():
            if size is None or not self.searched or any(name in part.sizes for part in self.searched):
                continue
            part = self.searched[0]
            raise ValueError(
                f"Expected no {name} for a space of {part.kind}, got {size}; say the sizes in a {part.space_class.__name__}."
            )

    @contextmanager
    def building(self, network: Network) -> Iterator[None]:
        """Build searched blocks as ``network`` says inside."""
        self.check_sizes(cells=network.cells, channels=network.channels)
        before = [part.network for part in self.searched]
        for part in self.searched:
            part.network = network
        try:
            yield
        finally:
            for part, old in zip(self.searched, before, strict=True):
                part.network = old

    def set_io_shapes(self, shapes: Any) -> None:
        """Shapes of the data with the samples first, as plain integers: Keras takes no NumPy integers any more."""
        super().set_io_shapes(tree.map_structure(lambda shape: np.asarray(shape).astype(object), shapes))

    def set_features(self, features: Sequence[Any]) -> None:
        """Say what is known of each input that is encoded, and to the searched blocks that read it; None for others.

        The Keras input of such a node takes encoded samples, in the dtype of ``node.dtype``. Blocks that are not searched
        read a table with its columns normalised and without missing values.
        """
        self._features = {id(node): found for node, found in zip(self.inputs, features, strict=True)}
        for part in self.searched:
            if len(part.inputs) == 1:
                part.features = self._features.get(id(part.inputs[0]))

    # Building

    def build(self, hp: Any) -> keras.Model:
        """The compiled Keras model of hyperparameters."""
        return self._compile_keras_model(hp, self.assemble(hp))

    def assemble(self, hp: Any) -> keras.Model:
        """The Keras model of hyperparameters, not compiled."""
        with fresh_names():
            self.compile()
            tensors: dict[int, Any] = {}
            entries = []
            for node in self.inputs:
                entry, tensor = self._enter(node, hp)
                entries.append(entry)
                tensors[self._node_to_id[node]] = tensor
            for part in self.blocks:
                given = [self._given(part, node, tensors[self._node_to_id[node]]) for node in part.inputs]
                for node, tensor in zip(part.outputs, tree.flatten(part.build(hp, inputs=given)), strict=True):
                    tensors[self._node_to_id[node]] = tensor
            outputs = [tensors[self._node_to_id[node]] for node in self.outputs]
            return _with_whole_means(keras.Model(alone(entries), alone(outputs), name="network"))

    def _given(self, part: Any, node: Any, tensor: Any) -> Any:
        """What a block reads of a node: of an encoded table all but the searched ones normalised numbers."""
        found = self._features.get(id(node))
        if isinstance(found, Columns) and not isinstance(part, SearchedBlock):
            return normalised_table(tensor, found)
        return tensor

    def _enter(self, node: Any, hp: Any) -> tuple[Any, Any]:
        """The Keras input of a node, and what its blocks read: float32, images with a channel axis, by stock layers."""
        if self._features.get(id(node)) is not None:
            entry = keras.Input(shape=node.shape, dtype=node.dtype)
            return entry, entry
        if isinstance(node, nodes.ImageInput) or type(node) is nodes.Input:
            entry = keras.Input(shape=node.shape, dtype="float32")
            grey = isinstance(node, nodes.ImageInput) and len(node.shape) == 2
            return entry, keras.layers.Reshape((*node.shape, 1))(entry) if grey else entry
        if isinstance(node, nodes.StructuredDataInput):
            entry = keras.Input(shape=node.shape, dtype="float32")
            return entry, entry
        entry = node.build_node(hp)
        return entry, tree.flatten(node.build(hp, entry))[0]

    def _compile_keras_model(self, hp: Any, model: keras.Model) -> keras.Model:
        if self.optimizer is None:
            return super()._compile_keras_model(hp, model)
        model.compile(optimizer=self.optimizer(), **self.compile_arguments())
        return model

    def _get_metrics(self) -> dict[str, list[Any]]:
        """Metrics by head, new ones each time: Keras does not reset one that another model used before."""

        def fresh(metric: Any) -> Any:
            return type(metric).from_config(metric.get_config()) if isinstance(metric, keras.metrics.Metric) else metric

        with self.own_objects():
            return {name: [fresh(metric) for metric in metrics] for name, metrics in super()._get_metrics().items()}

    def compile_arguments(self, training: bool = True) -> dict[str, Any]:
        """Losses and metrics by head, with the weights that bring losses to one scale while training."""
        arguments: dict[str, Any] = {"loss": self._get_loss(), "metrics": self._get_metrics()}
        heads = [node.in_blocks[0] for node in self.outputs]
        for head in heads if training else ():
            if getattr(head, "class_weights", None):
                arguments["loss"][head.name] = ClassWeighted(arguments["loss"][head.name], head.class_weights)
        if training and any(isinstance(head, RegressionHead) for head in heads):
            arguments["loss_weights"] = {head.name: getattr(head, "loss_weight", 1.0) for head in heads}
        return arguments

    def own_objects(self) -> AbstractContextManager[Any]:
        """While a network is loaded, or compiled from its configuration: Keras finds the user's losses and metrics."""
        return keras.saving.custom_object_scope(own_objects([node.in_blocks[0] for node in self.outputs]))

    # Files

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Graph:
        """The graph of ``get_config``; AutoKeras hands Keras its unregistered classes in a way Keras ignores."""
        known = {
            name: value
            for module in (blocks_module, nodes)
            for name, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, (block.Block, nodes.Input))
        }
        with keras.utils.custom_object_scope(known):
            return super().from_config(config)

    def save(self, filepath: str) -> None:
        """Write the configuration as JSON, at once or not at all."""
        write_atomically(filepath, json.dumps(self.get_config()))


def _number(part: Any) -> int:
    """The number at the end of a name, 0 without one."""
    return int(part.name.rpartition("_")[2]) if re.search(r"_\d+$", part.name) else 0


def _with_whole_means(model: keras.Model) -> keras.Model:
    """The model, whose normalisation of inputs is in float32, and what comes before it: in half precision it cannot see
    data in parts, and large numbers have neither means nor room."""
    if keras.config.dtype_policy().compute_dtype not in HALF:
        return model
    for layer in [layer for layer in model.layers if isinstance(layer, keras.layers.Normalization)]:
        before = keras.Model(keras.utils.get_source_inputs(layer.input), layer.input).layers
        for part in (layer, *(other for other in before if not other.weights)):
            if part.compute_dtype in HALF:
                part.dtype_policy = keras.DTypePolicy("float32")
        layer.finalize_state()
    return model


def alone(tensors: list[Any]) -> Any:
    """The only tensor of a list, or the list: a model made of lists is exported with lists in its signature."""
    return tensors[0] if len(tensors) == 1 else tensors
