"""Heads that leave nothing to search but the architecture: AutoKeras's, with global pooling and without dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tree
from autokeras.blocks import heads
from autokeras.blocks.reduction import SpatialReduction

from autonas_keras.spaces import close_names

SHORT = ("accuracy", "acc", "crossentropy", "ce")  # which Keras reads by the shape of the outputs


def _read_loss(loss: Any) -> Any:
    """A loss as it was given, if Keras knows it.

    Raises:
        ValueError: When it is a name that Keras does not know (close names are given).
    """
    return _known("loss", loss, keras.losses)


def _read_metrics(metrics: Any) -> list[Any] | None:
    """Metrics as a list, also of one alone; None for none given.

    Raises:
        ValueError: When one is a name that Keras does not know (close names are given).
    """
    if metrics is None:
        return None
    given = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    return [_known("metric", metric, keras.metrics) for metric in given]


def _known(what: str, part: Any, module: Any) -> Any:
    if getattr(part, "__name__", "") == "<lambda>":
        raise ValueError(f"Expected a {what} that a file can hold, got a lambda; define it with def.")
    if isinstance(part, str) and part not in SHORT:
        try:
            module.get(part)
        except (TypeError, ValueError):
            names = [*SHORT, *(name for name in dir(module) if name.islower())]
            raise ValueError(
                f"Expected a {what} that Keras knows, got {part!r}{close_names(part.lower(), names)}."
            ) from None
    return part


def _pooled(inputs: Any) -> Any:
    x = tree.flatten(inputs)[0]
    if len(x.shape) > 2:
        return SpatialReduction("global_avg").global_avg(x)
    return x


def _whole() -> str | None:
    """The dtype of outputs: in half precision units of targets overflow and small probabilities are zero."""
    return "float32" if keras.config.dtype_policy().compute_dtype in ("float16", "bfloat16") else None


UNITLESS = (
    keras.losses.mean_squared_logarithmic_error,
    keras.losses.MeanSquaredLogarithmicError,
    keras.losses.mean_absolute_percentage_error,
    keras.losses.MeanAbsolutePercentageError,
    keras.losses.cosine_similarity,
    keras.losses.CosineSimilarity,
)


@keras.utils.register_keras_serializable(package="autonas_keras")
class ClassificationHead(heads.ClassificationHead):
    """Global average pooling and a classifier.

    Args:
        num_classes: Number of classes; found in the data when None.
        multi_label: Whether a sample may have several labels.
        loss: Keras loss; by default binary or categorical crossentropy, as the targets need.
        metrics: Keras metrics; accuracy by default.
        dropout: Rate of dropout before the classifier; none by default.
        **kwargs: name.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        multi_label: bool = False,
        loss: Any = None,
        metrics: Any = None,
        dropout: float | None = 0.0,
        **kwargs: Any,
    ) -> None:
        loss, metrics = _read_loss(loss), _read_metrics(metrics)
        # AutoKeras replaces the loss when it has seen the data; a wish of the user is kept.
        self._wish = loss
        if metrics is None and multi_label:
            # "accuracy" would compare the largest output with the largest label.
            metrics = [keras.metrics.BinaryAccuracy(name="accuracy")]
        super().__init__(num_classes, multi_label, loss, metrics, dropout, **kwargs)

    def config_from_analyser(self, analyser: Any) -> None:
        super().config_from_analyser(analyser)
        if self._wish is not None:
            self.loss = self._wish

    def build(self, hp: Any, inputs: Any = None) -> Any:
        x = _pooled(inputs)
        if self.dropout:
            x = keras.layers.Dropout(self.dropout)(x)
        x = keras.layers.Dense(self.shape[-1], name=f"{self.name}_logits")(x)
        sigmoid = self.multi_label or self.shape[-1] == 1
        return keras.layers.Activation("sigmoid" if sigmoid else "softmax", dtype=_whole(), name=self.name)(x)


@keras.utils.register_keras_serializable(package="autonas_keras")
class RegressionHead(heads.RegressionHead):
    """Global average pooling and a linear output in the units of the targets.

    Args:
        output_dim: Numbers to predict; found in the data when None.
        loss: Keras loss.
        metrics: Keras metrics; mean squared error by default.
        dropout: Rate of dropout before the output; none by default.
        **kwargs: name.
    """

    def __init__(
        self,
        output_dim: int | None = None,
        loss: Any = "mean_squared_error",
        metrics: Any = None,
        dropout: float | None = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(output_dim, _read_loss(loss), _read_metrics(metrics), dropout, **kwargs)
        self.mean: tuple[float, ...] = (0.0,)
        self.scale: tuple[float, ...] = (1.0,)

    def set_units(self, mean: Sequence[float], scale: Sequence[float]) -> None:
        """Say where the targets lie, one number for each column, so that the network itself works around zero."""
        self.mean, self.scale = tuple(mean), tuple(scale)

    @property
    def loss_weight(self) -> float:
        """What makes a squared error about one at the start, whatever the units; 1 for losses that know no units."""
        named = keras.losses.get(self.loss)
        if named in UNITLESS or isinstance(named, tuple(kind for kind in UNITLESS if isinstance(kind, type))):
            return 1.0
        squared = named is keras.losses.mean_squared_error or isinstance(named, keras.losses.MeanSquaredError)
        size = sum(scale**2 for scale in self.scale) / len(self.scale)
        return 1.0 / size if squared else 1.0 / size**0.5

    def build(self, hp: Any, inputs: Any = None) -> Any:
        x = _pooled(inputs)
        if self.dropout:
            x = keras.layers.Dropout(self.dropout)(x)
        x = keras.layers.Dense(self.shape[-1], name=f"{self.name}_normal")(x)
        return keras.layers.Rescaling(list(self.scale), list(self.mean), dtype=_whole(), name=self.name)(x)
