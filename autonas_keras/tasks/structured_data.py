"""Tasks on tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import pandas as pd

from autonas_keras.blocks import ClassificationHead, RegressionHead, StructuredDataInput
from autonas_keras.tasks.auto_model import AutoModel, settled
from autonas_keras.tasks.sources import is_dataset
from autonas_keras.tasks.table_sources import as_frame, read_csv
from autonas_keras.tuners import SearchTuner

# Samples from which on a batch is of that size.
BATCHES = {20_000: 256, 5_000: 128, 1_000: 64, 0: 32}


class _StructuredDataTask(AutoModel):
    """What tasks on tables share: csv files, and batches that grow with the table."""

    _target: str | None = None  # the column of the targets in a csv file

    def fit(  # type: ignore[override]
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        validation_split: float = 0.2,
        validation_data: Any = None,
        verbose: Any = 1,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Search, then train the network that was found on all data.

        Called again, also after a kill, it goes on where it was; a search that is finished is only loaded.

        Args:
            x: A DataFrame, a dictionary of columns, an array or lists (samples, columns), a tf.data.Dataset of (x, y), or
                the path of a csv file.
            y: Targets: an array, a list or pandas; with a table that has names also the name of its column of targets.
            batch_size: Samples in a batch; 32 to 256 by their number when None.
            epochs: Epochs of the training of networks; chosen by the number of samples when None.
            callbacks: Keras callbacks for the training of networks.
            validation_split: Share of the samples to validate on, drawn by the seed with every class in it. The final
                network learns from them too.
            validation_data: x and y to validate on instead, or the path of a csv file.
            verbose: 0, 1 or 2, as in keras.Model.fit.
            **kwargs: As ``AutoModel.fit`` takes them.

        Returns:
            The history of the training of the final network.

        Raises:
            ValueError: When the data cannot be learnt from (a column that cannot is named), or the folder belongs to
                another search.
            TypeError: When the data is of a type that is not known.
        """
        x, y, validation_data, batch_size = self._prepared(x, y, validation_data, batch_size)
        return super().fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            verbose=verbose,
            **kwargs,
        )

    def predict(self, x: Any, batch_size: int = 32, verbose: Any = 1, **kwargs: Any) -> Any:
        """As ``AutoModel.predict``; x may also be the path of a csv file, whose column of targets is left out."""
        if isinstance(x, (str, os.PathLike)):
            x = read_csv(x).drop(columns=self._known_target() or [], errors="ignore")
        return super().predict(x, batch_size=batch_size, verbose=verbose, **kwargs)

    def evaluate(self, x: Any, y: Any = None, batch_size: int = 32, verbose: Any = 1, **kwargs: Any) -> Any:
        """As ``AutoModel.evaluate``; x and y may be a csv file and the name of its column of targets."""
        if isinstance(x, (str, os.PathLike)) and y is None:
            y = self._known_target()
        x, y = self._with_target(x, y, "x")
        return super().evaluate(x, y, batch_size=batch_size, verbose=verbose, **kwargs)

    def _prepared(self, x: Any, y: Any, validation_data: Any, batch_size: int | None) -> tuple[Any, Any, Any, int]:
        # Files read, targets taken apart, and a batch by the number of samples.
        if isinstance(y, str):
            self._target = y
            if isinstance(self.tuner, SearchTuner):
                self._facts["target"] = y
        x, y = self._with_target(x, y, "x")
        if isinstance(validation_data, (str, os.PathLike)):
            validation_data = self._with_target(validation_data, self._target, "validation_data")
        elif isinstance(validation_data, (tuple, list)) and len(validation_data) == 2:
            validation_data = self._with_target(validation_data[0], validation_data[1], "the validation x")
        if batch_size is None and not is_dataset(x) and x is not None:
            samples = len(as_frame(x, "x")[0])
            batch_size = next(size for least, size in BATCHES.items() if samples >= least)
        return super()._prepared(x, y, validation_data, batch_size)

    def _with_target(self, x: Any, y: Any, name: str) -> tuple[Any, Any]:
        """x and y, where y is the name of a column of x, taken apart."""
        if not isinstance(y, str):
            if isinstance(x, (str, os.PathLike)):
                if y is None:
                    raise ValueError(
                        f"Expected the name of the column of targets with the csv file {str(x)!r}, got none."
                    )
                return read_csv(x, name), y
            return x, y
        if isinstance(x, (str, os.PathLike)):
            x = read_csv(x, name)
        if not isinstance(x, (pd.DataFrame, Mapping)):
            raise ValueError(
                f"Expected y as targets, or as the name of a column of a csv file or a DataFrame, got {y!r} beside "
                f"{type(x).__name__}."
            )
        frame, _ = as_frame(x, name)
        if y not in frame.columns:
            raise ValueError(
                f"Expected a column {y!r} of targets in {name}, got {', '.join(map(str, frame.columns[:8]))}."
            )
        return frame.drop(columns=y), frame[y]

    def _known_target(self) -> str | None:
        """The name of the column of targets, if the training data had them as a column."""
        if self._target is None and isinstance(self.tuner, SearchTuner):
            self._target = self._project.read().get("target")
        return self._target


class StructuredDataClassifier(_StructuredDataTask):
    """Finds a network that tells classes of the rows of a table apart.

    Args:
        column_names: Names of the columns, for data that have none.
        column_types: "numerical" or "categorical" by the name of the column; those left out are found in the data.
        num_classes: Number of classes; found in the data when None.
        multi_label: Whether a row may have several labels, zeros and ones of shape (samples, labels).
        loss: Keras loss; by default binary or categorical crossentropy.
        metrics: Keras metrics; accuracy by default.
        project_name: Name of the folder in ``directory`` that keeps the search.
        **kwargs: As ``AutoModel`` takes them: tuner, space, limits, directory, seed, max_trials, objective, overwrite,
            max_model_size, warm_start and the settings of the method.

    Example:
        ``clf = ank.StructuredDataClassifier(tuner="random", max_trials=10, seed=0); clf.fit("train.csv", "survived")``
    """

    def __init__(
        self,
        column_names: Sequence[str] | None = None,
        column_types: Mapping[str, str] | None = None,
        num_classes: int | None = None,
        multi_label: bool = False,
        loss: Any = None,
        metrics: Any = None,
        project_name: str = "structured_data_classifier",
        **kwargs: Any,
    ) -> None:
        head = ClassificationHead(num_classes=num_classes, multi_label=multi_label, loss=loss, metrics=metrics)
        table = StructuredDataInput(column_names=column_names, column_types=column_types)
        super().__init__(table, head, project_name=project_name, **settled(kwargs, space="tabular"))


class StructuredDataRegressor(_StructuredDataTask):
    """Finds a network that predicts numbers from the rows of a table.

    Args:
        column_names: Names of the columns, for data that have none.
        column_types: "numerical" or "categorical" by the name of the column; those left out are found in the data.
        output_dim: Numbers to predict for a row; found in the data when None.
        loss: Keras loss.
        metrics: Keras metrics; mean squared error by default.
        project_name: Name of the folder in ``directory`` that keeps the search.
        **kwargs: As ``AutoModel`` takes them: tuner, space, limits, directory, seed, max_trials, objective, overwrite,
            max_model_size, warm_start and the settings of the method.
    """

    def __init__(
        self,
        column_names: Sequence[str] | None = None,
        column_types: Mapping[str, str] | None = None,
        output_dim: int | None = None,
        loss: Any = "mean_squared_error",
        metrics: Any = None,
        project_name: str = "structured_data_regressor",
        **kwargs: Any,
    ) -> None:
        head = RegressionHead(output_dim=output_dim, loss=loss, metrics=metrics)
        table = StructuredDataInput(column_names=column_names, column_types=column_types)
        super().__init__(table, head, project_name=project_name, **settled(kwargs, space="tabular"))
