"""Architectures that are trained from scratch, one after another, in one supernet that is traced once.

Building and tracing the stand-alone network of an architecture takes seconds. Here nothing but weights begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.layers import faster_training
from autonas_keras.spaces import JoinedSpace, Option
from autonas_keras.supernets import PathSupernet
from autonas_keras.training.first_weights import FirstWeights, parts_of
from autonas_keras.training.fit import build_metrics, light_graphs
from autonas_keras.training.masked import Group
from autonas_keras.training.paths import PathModel
from autonas_keras.training.stream import Data, batches, judged_batches, steps_per_epoch

JUDGED = 500  # validation samples at a time: branches that are not taken cost each call some time


@keras.utils.register_keras_serializable(package="autonas_keras")
class ScratchModel(PathModel):
    """A PathModel that computes one architecture for many steps, so that what a step uses is said once for all of them."""

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """As ``PathModel.compile``."""
        super().compile(*args, **kwargs)
        self._usage = _Usage(super().supernets, super().space)

    # To look for the supernets among some thousand layers takes longer than to begin an architecture.

    @property
    def supernets(self) -> list[PathSupernet]:
        return self._usage.supernets if hasattr(self, "_usage") else super().supernets

    @property
    def space(self) -> JoinedSpace:
        return self._usage.space if hasattr(self, "_usage") else super().space

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self._usage.metrics if hasattr(self, "_usage") and self._usage.metrics else super().metrics

    def keep_metrics(self) -> None:
        """Look for the metrics, which Keras does several times an epoch, no more: all are built."""
        self._usage.metrics = super().metrics

    def begin(self, architecture: Mapping[str, Option], parts: Sequence[keras.Model]) -> None:
        """Train and compute this joined architecture, which is made of ``parts``, from now on."""
        self.routes.set({name: route[None, None] for name, route in self.route(architecture).items()})
        self.select(architecture)
        self._usage.set(parts)

    def _groups(self, routes: Mapping[str, tf.Tensor]) -> list[Group]:
        return self._usage.groups()


class _Usage:
    """The weights that only some architectures use, and a variable that says which the one under way does."""

    def __init__(self, supernets: list[PathSupernet], space: JoinedSpace) -> None:
        self.supernets, self.space = supernets, space
        self.metrics: list[keras.metrics.Metric] = []
        self._variables = [entry.variables for layer in supernets for entry in layer.usage()]
        numbers = {id(group[0]): number for number, group in enumerate(self._variables)}
        self._numbers = {
            id(part): [numbers[id(weight)] for weight in part.trainable_weights if id(weight) in numbers]
            for layer in supernets
            for part in parts_of(layer)
        }
        self._flags = tf.Variable(np.zeros(len(self._variables), bool), trainable=False)

    def set(self, parts: Sequence[keras.Model]) -> None:
        flags = np.zeros(len(self._variables), bool)
        flags[[number for part in parts for number in self._numbers[id(part)]]] = True
        self._flags.assign(flags)

    def groups(self) -> list[Group]:
        flags = tf.unstack(tf.convert_to_tensor(self._flags))
        return [Group(flag, variables) for flag, variables in zip(flags, self._variables, strict=True)]


class ScratchTraining:
    """Trains one architecture after another, each from its own first weights, in one traced model.

    What one training leaves behind is not seen by the next, so each gives the same numbers whatever came before.

    Args:
        model: A compiled model.
        weights: Gives it the first weights of each architecture.
        train: x and y.
        validation: x and y to evaluate after each epoch, or None.
        batch_size: Samples in a batch.
        seed: Seed of the order of samples and of ``augment``.
        augment: Function of a batch of x and a seed, such as ``Augment``.
    """

    def __init__(
        self,
        model: ScratchModel,
        weights: FirstWeights,
        train: Data,
        validation: Data | None = None,
        *,
        batch_size: int,
        seed: int,
        augment: Callable[[Any, tf.Tensor], Any] | None = None,
    ) -> None:
        self.model, self.weights = model, weights
        self._steps = steps_per_epoch(train, batch_size)
        # To make a pipeline takes as long as some steps; what is drawn in it depends on the epoch alone.
        self._batches = batches(train, batch_size, seed, augment=augment)
        self._validation = None
        if validation is not None:
            self._validation = judged_batches(validation, max(batch_size, JUDGED))
        self._traced = False
        build_metrics(model, train)

    def start(self, architecture: Mapping[str, Option]) -> None:
        """Select a joined architecture, with first weights and an optimizer that has not moved yet.

        Raises:
            ValueError: When it is no point of the space, or ``weights.covers`` it not.
        """
        self.model.begin(architecture, self.weights.restore(architecture))

    def fit(
        self,
        architecture: Mapping[str, Option],
        epochs: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: Any = 1,
    ) -> keras.callbacks.History:
        """Train a joined architecture from the start.

        Args:
            architecture: A point of ``model.space``.
            epochs: Epochs of the training.
            callbacks: Keras callbacks; their model is the whole supernet.
            verbose: As in keras.Model.fit.

        Raises:
            ValueError: When it is no point of the space, or ``weights.covers`` it not.
        """
        self.start(architecture)
        # The kernels count while the graph is traced only; the options have to be the same ever after.
        with nullcontext() if self._traced else faster_training(self.model), light_graphs():
            history = self.model.fit(
                self._batches,
                epochs=epochs,
                steps_per_epoch=self._steps,
                shuffle=False,
                validation_data=self._validation,
                callbacks=list(callbacks),
                verbose=verbose,
            )
        if not self._traced:
            self._traced = True
            self.model.keep_metrics()
        return history
