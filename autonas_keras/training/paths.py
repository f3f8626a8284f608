"""Weights that all architectures of a space share, learnt a few architectures a step: a Keras model.

Reference: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling" (SPOS), ECCV 2020, section
3; Chu, Zhang, Xu, "FairNAS", ICCV 2021, algorithm 1; Yu et al., "BigNAS", ECCV 2020, section 3.1 (sandwich rule,
in-place distillation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers import without_dropout
from autonas_keras.spaces import JoinedSpace, Option
from autonas_keras.supernets import PathSupernet
from autonas_keras.training.masked import Group, count_uses, only_used


class Routes:
    """The routes of an epoch: for each supernet a table of shape (steps, paths, places), and the step that is next."""

    def __init__(self, places: Mapping[str, int], paths: int) -> None:
        self.paths = paths
        self.tables = {
            name: tf.Variable(
                np.zeros((1, paths, count), np.int32),
                trainable=False,
                shape=(None, paths, count),
                name=f"routes_{name}",
            )
            for name, count in places.items()
        }
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step_of_epoch")

    def set(self, tables: Mapping[str, np.ndarray]) -> None:
        """Begin an epoch."""
        for name, table in tables.items():
            self.tables[name].assign(table)
        self.step.assign(0)

    def next(self) -> dict[str, tf.Tensor]:
        """The routes of the next step, (paths, places) for each supernet; after the last one the first again."""
        row = tf.convert_to_tensor(self.step)
        self.step.assign_add(1)
        return {name: table[row % tf.cast(tf.shape(table)[0], tf.int64)] for name, table in self.tables.items()}


@keras.utils.register_keras_serializable(package="autonas_keras")
class PathModel(keras.Model):
    """A functional model with supernet layers that computes one architecture at a time.

    A step runs the batch through one or more architectures, sums the gradients and moves the weights that any of them
    used, once; all others stay, their momentum too. Which ones is said an epoch ahead (``set_architectures``), so that
    no step waits for Python.

    Example:
        ``model = PathModel(inputs, outputs); model.compile("sgd", loss="mse")``
        ``fit_paths(model, (x, y), UniformSampling(model.space, seed=0), epochs=10, batch_size=64, seed=0)``
    """

    def compile(
        self,
        optimizer: Any = "sgd",
        *,
        paths: int = 1,
        weight_decay: float = 0.0,
        distillation: float = 0.0,
        teacher: keras.Model | None = None,
        **kwargs: Any,
    ) -> None:
        """Set optimizer and loss.

        Args:
            optimizer: Of the weights.
            paths: Architectures in a step.
            weight_decay: L2 of the weights that a step uses, added to their gradients as PyTorch's SGD does, but of those
                that ``optimizer.exclude_from_weight_decay`` names.
            distillation: Share of the loss of all architectures but the first that takes what the first one predicts as
                the truth (in-place distillation); 1 as in BigNAS. They then learn without dropout, which is for the
                first one alone.
            teacher: A model that gives what all of them take as the truth instead; it does not learn.
            **kwargs: loss, metrics and what else keras.Model.compile takes; losses are not scaled for float16.

        Raises:
            ValueError: When there is no supernet, ``paths`` is not positive, or a share is not in 0 to 1.
        """
        if isinstance(paths, bool) or not isinstance(paths, int) or paths < 1:
            raise ValueError(f"Expected paths to be a positive integer, got {paths!r}.")
        if not 0 <= distillation <= 1:
            raise ValueError(f"Expected distillation to be a share from 0 to 1, got {distillation!r}.")
        super().compile(optimizer=optimizer, **{"jit_compile": False, "auto_scale_loss": False, **kwargs})
        if not self.supernets:
            raise ValueError("Expected a layer that is a PathSupernet in a PathModel, got none.")
        self.paths, self.weight_decay, self.distillation = paths, float(weight_decay), float(distillation)
        # Wrapped, so that Keras does not take the teacher for a part of this model.
        self._teach = None if teacher is None else partial(teacher, training=False)
        with self.distribute_strategy.scope():
            self.routes = Routes({layer.name: int(layer.selected.shape[0]) for layer in self.supernets}, paths)
            self.optimizer.build(self.trainable_variables)
            count_uses(self.optimizer, sum(len(layer.usage()) for layer in self.supernets))

    @property
    def supernets(self) -> list[PathSupernet]:
        """The layers that hold a space."""
        return [layer for layer in self._flatten_layers(include_self=False) if isinstance(layer, PathSupernet)]

    @property
    def space(self) -> JoinedSpace:
        """The spaces of all supernets, joined under their names."""
        return JoinedSpace({layer.name: layer.space for layer in self.supernets})

    def route(self, architecture: Mapping[str, Option]) -> dict[str, np.ndarray]:
        """The routes of a joined architecture, by the name of the supernet.

        Raises:
            ValueError: When it is no point of ``space``.
        """
        point = self.space.architecture(architecture)
        return {layer.name: layer.route(point.scope(layer.name, layer.space)) for layer in self.supernets}

    def select(self, architecture: Mapping[str, Option]) -> None:
        """Compute this architecture from now on, in ``evaluate`` and ``predict``.

        Raises:
            ValueError: When it is no point of ``space``.
        """
        for name, route in self.route(architecture).items():
            self.get_layer(name).selected.assign(route)

    def set_architectures(self, architectures: Sequence[Sequence[Mapping[str, Option]]]) -> None:
        """Say which architectures the next steps train, ``paths`` a step."""
        routes = [[self.route(architecture) for architecture in step] for step in architectures]
        self.routes.set(
            {
                layer.name: np.array([[route[layer.name] for route in step] for step in routes], np.int32)
                for layer in self.supernets
            }
        )

    # Steps

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        weights = self.trainable_variables
        routes = self.routes.next()
        total: list[tf.Tensor] = []
        teacher = None if self._teach is None else self._taught(x)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        for path in range(self.paths):
            for layer in self.supernets:
                layer.selected.assign(routes[layer.name][path])
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([weight.value for weight in weights])
                regularised = path == 0 or not self.distillation or self._teach is not None
                with nullcontext() if regularised else without_dropout(self):
                    prediction = self(x, training=True)
                loss = self._path_loss(x, y, prediction, sample_weight, teacher)
                if path and self.losses:
                    # What layers add, such as the L2 of a head, counts once: regularisers are not for each path.
                    loss -= tf.add_n([tf.cast(part, loss.dtype) for part in self.losses]) / replicas
            slopes = tape.gradient(loss, [weight.value for weight in weights], unconnected_gradients="zero")
            total = [a + b for a, b in zip(total, slopes, strict=True)] if total else slopes
            if path == 0:
                # Losses come divided by the number of replicas, whose gradients are summed.
                self._loss_tracker.update_state(loss * replicas)
                metrics = self.compute_metrics(x, y, prediction, sample_weight=sample_weight)
                if teacher is None:
                    teacher = tf.nest.map_structure(tf.stop_gradient, prediction)
        with only_used(self.optimizer, self._groups(routes), self.weight_decay):
            self.optimizer.apply(total, weights)
        return metrics

    def _taught(self, x: Any) -> Any:
        assert self._teach is not None
        return tf.nest.map_structure(tf.stop_gradient, self._teach(x))

    def _path_loss(self, x: Any, y: Any, prediction: Any, sample_weight: Any, teacher: Any) -> tf.Tensor:
        if teacher is None or not self.distillation:
            return self.compute_loss(x=x, y=y, y_pred=prediction, sample_weight=sample_weight, training=True)
        if isinstance(y, Mapping):
            teacher = dict(zip(self.output_names, tf.nest.flatten(teacher), strict=True))
        soft = self.compute_loss(x=x, y=teacher, y_pred=prediction, sample_weight=sample_weight, training=True)
        if self.distillation == 1:
            return soft
        hard = self.compute_loss(x=x, y=y, y_pred=prediction, sample_weight=sample_weight, training=True)
        return self.distillation * soft + (1 - self.distillation) * hard

    def _groups(self, routes: Mapping[str, tf.Tensor]) -> list[Group]:
        """What any of the paths of a step uses."""
        groups = []
        for layer in self.supernets:
            for used, variables in layer.usage():
                each = [tf.reshape(used(routes[layer.name][path]), ()) for path in range(self.paths)]
                groups.append(Group(tf.reduce_any(tf.stack(each)), variables))
        return groups
