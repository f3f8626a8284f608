"""Tasks on images."""

from __future__ import annotations

from typing import Any

from autonas_keras.blocks import ClassificationHead, ImageInput, RegressionHead
from autonas_keras.tasks.auto_model import AutoModel, settled


class ImageClassifier(AutoModel):
    """Finds a network that tells classes of images apart.

    Args:
        num_classes: Number of classes; found in the data when None.
        multi_label: Whether an image may have several labels, zeros and ones of shape (samples, labels).
        loss: Keras loss; by default binary or categorical crossentropy.
        metrics: Keras metrics; accuracy by default.
        project_name: Name of the folder in ``directory`` that keeps the search.
        **kwargs: As ``AutoModel`` takes them: tuner, space, limits, latency, directory, seed, max_trials, objective,
            overwrite, max_model_size, warm_start and the settings of the method.

    Example:
        ``clf = ank.ImageClassifier(tuner="darts", seed=0); clf.fit(x, y); clf.export_model().save("found.keras")``
    """

    def __init__(
        self,
        num_classes: int | None = None,
        multi_label: bool = False,
        loss: Any = None,
        metrics: Any = None,
        project_name: str = "image_classifier",
        **kwargs: Any,
    ) -> None:
        head = ClassificationHead(num_classes=num_classes, multi_label=multi_label, loss=loss, metrics=metrics)
        super().__init__(ImageInput(), head, project_name=project_name, **settled(kwargs))


class ImageRegressor(AutoModel):
    """Finds a network that predicts numbers from images.

    Args:
        output_dim: Numbers to predict for an image; found in the data when None.
        loss: Keras loss.
        metrics: Keras metrics; mean squared error by default.
        project_name: Name of the folder in ``directory`` that keeps the search.
        **kwargs: As ``AutoModel`` takes them: tuner, space, limits, latency, directory, seed, max_trials, objective,
            overwrite, max_model_size, warm_start and the settings of the method.
    """

    def __init__(
        self,
        output_dim: int | None = None,
        loss: Any = "mean_squared_error",
        metrics: Any = None,
        project_name: str = "image_regressor",
        **kwargs: Any,
    ) -> None:
        head = RegressionHead(output_dim=output_dim, loss=loss, metrics=metrics)
        super().__init__(ImageInput(), head, project_name=project_name, **settled(kwargs))
