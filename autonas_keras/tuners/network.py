"""The training of a discrete network of a graph."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tree
from autokeras.nodes import ImageInput

from autonas_keras.blocks import IMAGES, CellBlock, ClassificationHead, Graph, Network, Recipe, alone
from autonas_keras.blocks.isolation import fresh_names, own_randomness
from autonas_keras.evaluation import Proxy
from autonas_keras.layers import DropPath, copy_weights
from autonas_keras.training import Pace, fit_resumable, steps_per_epoch
from autonas_keras.tuners.settings import Method

LARGE = 40_000  # samples from which on a network is trained as the paper trains on CIFAR-10
CHUNK = 256


@dataclass
class Plan:
    """How a discrete network is trained.

    Attributes:
        method: Settings.
        epochs: Epochs in all.
        batch_size: Samples in a batch.
        seed: Seed of weights, order, and random changes.
        directory: Folder of checkpoints.
        validation: x and y to look at after each epoch, or None.
        callbacks: Keras callbacks.
        verbose: As in keras.Model.fit.
        regularise: Whether drop-path, auxiliary head and cutout may be used.
        until: Epoch to pause after, to be trained on from the checkpoints later; None for the last one.
        proxy: What makes the training cheaper than a full one, or None.
        begin: Called with the network before it is trained, to give it other weights.
        pace: Ends the training in time, with its learning rate; None trains all epochs.
    """

    method: Method
    epochs: int
    batch_size: int
    seed: int
    directory: Path | None = None
    validation: Any = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    verbose: Any = 1
    regularise: bool = True
    until: int | None = None
    proxy: Proxy | None = None
    begin: Callable[[keras.Model], Any] | None = None
    pace: Pace | None = None

    def network(self) -> Network:
        """How searched blocks are built."""
        sizes = {} if self.proxy is None else self.proxy.sizes()
        return Network(cells=self.method.cells, channels=self.method.channels, **sizes)

    def compiled_with(
        self, samples: Any, recipe: Recipe = IMAGES, method: Method | None = None
    ) -> keras.optimizers.Optimizer:
        """The optimizer of the training, whose rate the pace sets if there is one."""
        method = (method or self.method).settled(recipe)
        steps = self.epochs * steps_per_epoch(samples, self.batch_size)
        if self.pace is not None:
            self.pace.over(scaled_rate(method, self.batch_size, recipe), steps)
        return make_optimizer(method, steps, self.batch_size, recipe, scheduled=self.pace is None)

    def all_callbacks(self) -> list[keras.callbacks.Callback]:
        """The callbacks, that of the pace among them."""
        return [*self.callbacks, *([] if self.pace is None else [self.pace])]


def train(graph: Graph, hp: Any, data: Any, plan: Plan) -> tuple[keras.Model, keras.callbacks.History]:
    """The trained network of ``hp``, of stock layers and compiled, and its history.

    Args:
        graph: A graph that knows the shapes of the data.
        hp: Hyperparameters with all values.
        data: x and y, arrays or tuples of arrays.
        plan: How to train it.
    """
    x, y = data
    large = plan.regularise and len(tree.flatten(x)[0]) >= LARGE
    rate = (0.2 if large else 0.0) if plan.method.drop_path is None else plan.method.drop_path
    rate = rate if any(isinstance(block, CellBlock) for block in graph.searched) else 0.0
    weight = (0.4 if large else 0.0) if plan.method.auxiliary is None else plan.method.auxiliary
    special = plan.regularise and bool(rate or (weight and _takes_auxiliary(graph)))
    network = plan.network()
    with own_randomness(plan.seed), graph.building(network):
        plain = graph.assemble(hp)
    adapt(plain, x)
    if plan.begin is not None:
        plan.begin(plain)
    model, callbacks = plain, plan.all_callbacks()
    if special:
        drop_path = DropPath(0.0, plan.seed) if rate else None
        network.drop_path, network.auxiliary = drop_path, bool(weight and _takes_auxiliary(graph))
        with own_randomness(plan.seed), graph.building(network):
            model = _with_auxiliary(graph, graph.assemble(hp)) if network.auxiliary else graph.assemble(hp)
        copy_adapted(plain, model)
        if drop_path is not None:
            callbacks.append(_RisingDropPath(drop_path, rate, plan.epochs, plan.pace))
    arguments = graph.compile_arguments()
    if model is not plain and network.auxiliary:
        arguments = _auxiliary_arguments(graph, arguments, weight)
    model.compile(optimizer=plan.compiled_with(x, graph.recipe), **arguments)
    targets = [named_targets(graph, part, model) for part in (y, plan.validation[1] if plan.validation else None)]
    history = fit_resumable(
        model,
        (x, targets[0]),
        None if plan.validation is None else (plan.validation[0], targets[1]),
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        seed=plan.seed,
        directory=plan.directory,
        callbacks=callbacks,
        verbose=plan.verbose,
        augment=plan.method.augmentation(image_shape(graph), large),
        until=plan.until,
    )
    if model is not plain:
        copy_weights(model, plain)
    plain.compile(optimizer="sgd", **graph.compile_arguments(training=False))
    return plain, history


def make_optimizer(
    method: Method, steps: int, batch_size: int, recipe: Recipe = IMAGES, scheduled: bool = True
) -> keras.optimizers.Optimizer:
    """SGD or AdamW whose rate grows for the first twentieth of the steps and then falls to zero along a cosine.

    If the rate is not ``scheduled``, something else moves it.
    """
    method = method.settled(recipe)
    rate = scaled_rate(method, batch_size, recipe)
    schedule = make_schedule(rate, steps) if scheduled else rate
    decay = method.weight_decay or None
    optimizer: keras.optimizers.Optimizer
    if method.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=decay or 0.0, global_clipnorm=5.0)
    else:
        momentum = method.momentum
        optimizer = keras.optimizers.SGD(
            schedule, momentum=momentum, nesterov=momentum > 0, weight_decay=decay, global_clipnorm=5.0
        )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def scaled_rate(method: Method, batch_size: int, recipe: Recipe = IMAGES) -> float:
    """The highest rate of a training.

    The rate of a method is for batches of 64 and grows with the batch, because smaller batches take more steps: with SGD
    up to that size, with AdamW up to the size that the recipe was found with.
    """
    method = method.settled(recipe)
    assert method.learning_rate is not None
    most = recipe.batch_size if method.optimizer == "adamw" else 64
    return method.learning_rate * (min(most, batch_size) / 64) ** 0.5


def make_schedule(rate: float, steps: int) -> keras.optimizers.schedules.CosineDecay:
    """A rate that grows for the first twentieth of the steps and then falls to zero along a cosine."""
    warm = steps // 20
    return keras.optimizers.schedules.CosineDecay(
        rate * 0.1 if warm else rate,
        max(1, steps - warm),
        warmup_target=rate if warm else None,
        warmup_steps=warm,
    )


def image_shape(graph: Graph) -> tuple[int, ...] | None:
    """The shape of the images that a graph reads, None when there are none, or other inputs that look like images."""
    shapes = [tuple(node.shape) for node in graph.inputs if isinstance(node, ImageInput)]
    others = [node for node in graph.inputs if not isinstance(node, ImageInput) and len(node.shape) in (2, 3)]
    return shapes[0] if len(set(shapes)) == 1 and not others else None


def named_targets(graph: Graph, y: Any, model: keras.Model) -> Any:
    """Targets by the name of their head where a model has several outputs."""
    if y is None or len(model.outputs) == 1:
        return tree.flatten(y)[0] if y is not None else None
    heads = [node.in_blocks[0].name for node in graph.outputs]
    named = dict(zip(heads, tree.flatten(y), strict=True))
    if "auxiliary" in model.output_names:
        named["auxiliary"] = named[heads[0]]
    return named


# The auxiliary head


def _takes_auxiliary(graph: Graph) -> bool:
    heads = [node.in_blocks[0] for node in graph.outputs]
    cells = len(graph.searched) == 1 and isinstance(graph.searched[0], CellBlock)
    return cells and len(heads) == 1 and isinstance(heads[0], ClassificationHead)


def _with_auxiliary(graph: Graph, model: keras.Model) -> keras.Model:
    x = keras.layers.GlobalAveragePooling2D(name="auxiliary_global_pool")(graph.searched[0].auxiliary_features)
    x = keras.layers.Dense(model.outputs[0].shape[-1], name="auxiliary_logits")(x)
    activation = model.get_layer(graph.outputs[0].in_blocks[0].name).activation
    x = keras.layers.Activation(activation, name="auxiliary")(x)
    return keras.Model(alone(model.inputs), [*model.outputs, x], name="network")


def _auxiliary_arguments(graph: Graph, arguments: dict[str, Any], weight: float) -> dict[str, Any]:
    head = graph.outputs[0].in_blocks[0].name
    loss = arguments["loss"][head]
    return {
        **arguments,
        "loss": {head: loss, "auxiliary": loss},
        "loss_weights": {head: 1.0, "auxiliary": weight},
        "metrics": arguments["metrics"],
    }


class _RisingDropPath(keras.callbacks.Callback):
    """A rate that grows with the epochs. Source: Zoph et al., CVPR 2018, appendix A; Liu et al., ICLR 2019."""

    def __init__(self, drop_path: DropPath, rate: float, epochs: int, pace: Pace | None) -> None:
        super().__init__()
        self.drop_path, self.rate, self.epochs, self.pace = drop_path, rate, epochs, pace

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        share = epoch / self.epochs if self.pace is None else self.pace.progress
        self.drop_path.assign(self.rate * share)


# Layers that look at the data before the training


def adapt(model: keras.Model, x: Any) -> None:
    """Let the preprocessing layers of a model (keras.layers.Normalization and the like) see the data, in small parts.

    Only layers with nothing that learns before them are adapted, each on what the ones before it give. A feature that
    never changes keeps its scale.
    """
    arrays = dict(zip((tensor.name for tensor in model.inputs), tree.flatten(x), strict=True))
    for layer in model.layers:
        if not hasattr(layer, "adapt") or not isinstance(layer.input, keras.KerasTensor):
            continue
        with fresh_names():
            sources = keras.utils.get_source_inputs(layer.input)
            before = keras.Model(alone(sources), layer.input)
        if before.trainable_weights or getattr(layer, "input_mean", None) is not None:
            continue

        # TensorFlow keeps the generator for ever, and with it whatever it holds by then.
        held = [(before, [arrays[tensor.name] for tensor in sources])]

        def parts(held: Any = held) -> Iterator[Any]:
            before, given = held[0]
            for start in range(0, len(given[0]), CHUNK):
                chunk = [np.asarray(array[start : start + CHUNK]) for array in given]
                yield before(alone(chunk))

        # What a layer was told to be later than its input, the input does not show.
        normalises = isinstance(layer, keras.layers.Normalization)
        spec = tf.TensorSpec((None, *layer.input.shape[1:]), layer.compute_dtype if normalises else layer.input.dtype)
        layer.adapt(tf.data.Dataset.from_generator(parts, output_signature=spec))
        held.clear()
        if normalises:
            variance = keras.ops.convert_to_numpy(layer.adapt_variance)
            layer.adapt_variance.assign(np.where(variance < 1e-12, 1.0, variance).astype(variance.dtype))
            layer.finalize_state()


def copy_adapted(source: keras.Model, target: keras.Model) -> None:
    """Let the preprocessing layers of ``target`` know what those of ``source`` with the same name have seen."""
    for layer in source.layers:
        if layer.weights and hasattr(layer, "adapt"):
            other = target.get_layer(layer.name)
            other.set_weights(layer.get_weights())
            # It computes with what it took from its weights when it was built.
            if isinstance(other, keras.layers.Normalization):
                other.finalize_state()


def save_model(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Save a model so that a reader finds the old file or the new one, never half of it."""
    path = Path(path)
    whole = path.with_name(f".{path.stem}.writing.keras")
    model.save(whole)
    os.replace(whole, path)
