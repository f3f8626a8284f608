"""What a fitted task predicts, how good it is, and the model that is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tree
from autokeras.engine.tuner import AutoTuner

from autonas_keras.blocks import own_objects
from autonas_keras.tasks import convert
from autonas_keras.tasks.data import by_name, check_batch_size
from autonas_keras.tasks.encoders import Encoder, load_encoders, with_preprocessing
from autonas_keras.tasks.targets import Labels, Numbers
from autonas_keras.tuners import Project, SearchTuner


class Prediction:
    """The part of a task that uses the network that was found."""

    inputs: list[Any]
    encoders: Sequence[Encoder | None]
    tuner: SearchTuner | AutoTuner
    _project: Project
    _heads: list[Any]
    _targets: list[Labels | Numbers] | None
    _encodes: bool

    def _inputs_for_model(self, x: Any) -> Any:
        shapes, self._targets = self._known()
        x = convert.inputs(self, x, "x", shapes)
        convert.check_samples(x)
        return self.tuner.get_best_pipeline().transform_x(x)

    def _known(self) -> tuple[list[tuple[int, ...]], list[Labels | Numbers]]:
        """Shapes of the inputs and encodings of the targets, from the folder in a new process."""
        if not isinstance(self.tuner, SearchTuner):
            if self._targets is None:
                raise ValueError("Expected a model that was fitted, got one that was not; call fit first.")
            return [tuple(node.data_shape[1:]) for node in self.inputs], self._targets
        facts = self._project.read()
        if "data" not in facts or not self.tuner.finished:
            raise ValueError("Expected a model that was fitted, got one that was not; call fit first.")
        if not self._encodes:
            load_encoders(self._project.path, self.encoders)
            self._set_features()
            self._encodes = True
        return [tuple(shape) for shape in facts["data"]["inputs"]], [
            convert.target_from_config(config) for config in facts["data"]["targets"]
        ]

    def predict(self, x: Any, batch_size: int = 32, verbose: Any = 1, **kwargs: Any) -> Any:
        """Predict labels, in the dtype and form of the training labels, or numbers.

        Args:
            x: Inputs as in ``fit``; of a dataset of (x, y) the targets are ignored.
            batch_size: Samples in a batch.
            verbose: As in keras.Model.predict.
            **kwargs: Further arguments of keras.Model.predict.

        Returns:
            An array, or a list of arrays for several heads.

        Raises:
            ValueError: When nothing was fitted yet, or the inputs are not like those of the training.
        """
        x = self._inputs_for_model(x)
        outputs = self.tuner.get_best_model().predict(
            x, batch_size=check_batch_size(batch_size), verbose=verbose, **kwargs
        )
        assert self._targets is not None
        found = [target.decode(array) for target, array in zip(self._targets, tree.flatten(outputs), strict=True)]
        return found[0] if len(found) == 1 else found

    def evaluate(self, x: Any, y: Any = None, batch_size: int = 32, verbose: Any = 1, **kwargs: Any) -> Any:
        """Loss and metrics of the final network.

        Args:
            x: Inputs as in ``fit``, or a tf.data.Dataset of (x, y).
            y: Targets as in ``fit``.
            batch_size: Samples in a batch.
            verbose: As in keras.Model.evaluate.
            **kwargs: Further arguments of keras.Model.evaluate, such as ``return_dict=True``.

        Raises:
            ValueError: When nothing was fitted yet, or the data is not like that of the training.
        """
        x, y = convert.pair(self, x, y, "x", self._known()[0])
        x = self._inputs_for_model(x)
        assert self._targets is not None
        y = convert.encoded(self._targets, by_name(y, [head.name for head in self._heads], "y"), "y")
        convert.check_same(x, y)
        model = self.tuner.get_best_model()
        y = y if len(self._heads) > 1 else tree.flatten(y)[0]
        if len(self._heads) > 1:
            y = {head.name: part for head, part in zip(self._heads, y, strict=True)}
        return model.evaluate(x, y, batch_size=check_batch_size(batch_size), verbose=verbose, **kwargs)

    def export_model(self) -> keras.Model:
        """The final network, a Keras model of stock layers that takes the inputs as they were given to ``fit``.

        It gives what its heads compute, of more than two classes a probability for each in sorted order, and is compiled for
        targets of that shape, such as one-hot ones; ``predict`` and ``evaluate`` of the task take labels.

        Raises:
            ValueError: When the search is not finished.
        """
        return self._taking_raw(self.tuner.get_best_model())

    def _taking_raw(self, network: keras.Model) -> keras.Model:
        """A network that takes the inputs as they were given to ``fit``."""
        if not any(self.encoders):
            return network
        self._known()
        with keras.saving.custom_object_scope(own_objects(self._heads)):
            return with_preprocessing(network, self.encoders)

    def _set_features(self) -> None:
        raise NotImplementedError
