"""Targets as people have them and as a network learns them: class labels and numbers, encoded and decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from autonas_keras.blocks import balanced
from autonas_keras.tasks.data import check_finite
from autonas_keras.tasks.sources import as_array, type_name

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Labels:
    """How class labels are encoded.

    Attributes:
        classes: The labels in the order of the outputs; for one-hot and multi-label targets the column numbers.
        dtype: dtype of the labels that were given, and of those that are predicted.
        form: "vector" (samples,), "column" (samples, 1), "one_hot" or "multi_label" (samples, classes).
    """

    classes: tuple[Scalar, ...]
    dtype: str
    form: str

    @property
    def binary(self) -> bool:
        """Whether one sigmoid output says it all."""
        return len(self.classes) == 2 and self.form != "multi_label"

    @property
    def width(self) -> int:
        """Number of outputs of the network."""
        return 1 if self.binary else len(self.classes)

    def describe(self) -> str:
        """The targets in a few words, for messages."""
        shown = ", ".join(map(repr, self.classes[:3])) + (", ..." if len(self.classes) > 3 else "")
        return f"{len(self.classes)} {'labels per sample' if self.form == 'multi_label' else 'classes'} ({shown})"

    def indices(self, y: Any, name: str = "y") -> np.ndarray:
        """Index of the class of every sample (multi-label: of each different row), shape (samples,).

        Raises:
            ValueError: When a label is none of the classes, or the shape is another.
        """
        array = _label_array(y, name)
        if self.form in ("one_hot", "multi_label"):
            array = _zeros_and_ones(array, name)
            if array.shape[1:] != (len(self.classes),):
                raise ValueError(
                    f"Expected {name} of shape (samples, {len(self.classes)}) as in the training data, "
                    f"got {array.shape}; encode it in the same way."
                )
            if self.form == "multi_label":
                return np.unique(array, axis=0, return_inverse=True)[1].reshape(-1)
            _check_one_hot(array, name)
            return array.argmax(axis=1)
        if array.ndim > 1 and array.shape[1:] != (1,):
            raise ValueError(
                f"Expected {name} as labels of shape (samples,) as in the training data, got shape {array.shape}."
            )
        array = array.reshape(-1)
        if _family(array) != _family(np.array(self.classes)) and len(array):
            raise ValueError(
                f"Expected labels in {name} like those in the training data ({self.classes[0]!r}), "
                f"got {array[0]!r}; convert them to one type."
            )
        lookup = {label: index for index, label in enumerate(self.classes)}
        values, inverse = np.unique(array, return_inverse=True)
        unknown = [value for value in values.tolist() if value not in lookup]
        if unknown:
            raise ValueError(
                f"Expected labels in {name} that the training data has, got {unknown[0]!r}"
                f"{f' and {len(unknown) - 1} others' if len(unknown) > 1 else ''}; "
                "add such samples to the training data or leave them out."
            )
        return np.array([lookup[value] for value in values.tolist()], int)[inverse.reshape(-1)]

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """What the network learns: 0 or 1 of shape (samples, 1), or one column for each class; float32."""
        if self.form == "multi_label":
            self.indices(y, name)
            return _zeros_and_ones(_label_array(y, name), name).astype(np.float32)
        indices = self.indices(y, name)
        if self.binary:
            return indices[:, None].astype(np.float32)
        return np.eye(len(self.classes), dtype=np.float32)[indices]

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """The labels that outputs of shape (samples, width) stand for, in the form and dtype that were given."""
        outputs = np.asarray(outputs)
        if self.form == "multi_label":
            return (outputs > 0.5).astype(self.dtype)
        indices = (outputs[:, 0] > 0.5).astype(int) if self.binary else outputs.argmax(axis=1)
        if self.form == "one_hot":
            return np.eye(len(self.classes))[indices].astype(self.dtype)
        labels = np.array(self.classes)
        labels = (np.char.encode(labels) if self.dtype.startswith("|S") else labels).astype(self.dtype)[indices]
        return labels[:, None] if self.form == "column" else labels

    def get_config(self) -> dict[str, Any]:
        """The attributes as JSON knows them."""
        return {"type": "labels", **asdict(self), "classes": list(self.classes)}


@dataclass(frozen=True)
class Numbers:
    """How regression targets are encoded.

    Attributes:
        dtype: dtype of the predictions: that of the targets when they were floats, float32 otherwise.
        form: "vector" (samples,) or "columns" (samples, width).
        mean: Mean of the training targets, one for each column.
        scale: Their standard deviation, 1 where they are constant.
    """

    dtype: str
    form: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def width(self) -> int:
        """Number of outputs of the network."""
        return len(self.mean)

    def describe(self) -> str:
        """The targets in a few words, for messages."""
        return f"{self.width} number{'s' if self.width > 1 else ''} per sample"

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """The targets as float32 of shape (samples, width).

        Raises:
            ValueError: When the width is another.
        """
        array = _numbers(y, name)
        if array.shape[1] != self.width:
            raise ValueError(
                f"Expected {name} with {self.describe()} as in the training data, got shape {np.shape(y)}."
            )
        return array.astype(np.float32)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions in the form and dtype of the targets."""
        outputs = np.asarray(outputs).astype(self.dtype)
        return outputs[:, 0] if self.form == "vector" else outputs

    def get_config(self) -> dict[str, Any]:
        """The attributes as JSON knows them."""
        return {"type": "numbers", **asdict(self), "mean": list(self.mean), "scale": list(self.scale)}


def target_from_config(config: Mapping[str, Any]) -> Labels | Numbers:
    """The target of what ``get_config`` gave."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in config.items() if key != "type"
    }
    return Labels(**values) if config["type"] == "labels" else Numbers(**values)


def find_labels(y: Any, name: str = "y", num_classes: int | None = None, multi_label: bool = False) -> Labels:
    """How the class labels of a training set are to be encoded.

    Args:
        y: Labels of shape (samples,) or (samples, 1), or zeros and ones of shape (samples, classes).
        name: How an error calls it.
        num_classes: Number of classes; found in the data when None.
        multi_label: Whether several columns may be one at once.

    Raises:
        TypeError: When the labels are of different types.
        ValueError: When labels are missing, or there are fewer than two classes or another number than told.
    """
    array = _label_array(y, name)
    if multi_label or (array.ndim == 2 and array.shape[1] > 1):
        labels = _from_columns(array, name, multi_label)
    else:
        given = as_array(y, name).dtype
        dtype = "object" if given.kind in "T" or array.dtype.kind == "O" else given.str
        labels = _from_values(array, name, num_classes, array.dtype.str if dtype == "|O" else dtype)
    if num_classes is not None and len(labels.classes) != num_classes:
        raise ValueError(
            f"Expected {num_classes} classes in {name} as num_classes says, got {labels.describe()}; "
            "correct one of the two."
        )
    return labels


def class_weights(targets: Sequence[Any], encoded: Any, wish: str | Mapping[Any, float] | None) -> Any:
    """The weight of each class of the only target, in the order of its classes; None when all count alike.

    Args:
        targets: How the targets are encoded.
        encoded: The encoded training targets.
        wish: "balanced", or weights by label.

    Raises:
        ValueError: When there is not one target of exclusive classes, or a weight is of no label or not positive.
    """
    if wish is None:
        return None
    labels = targets[0]
    if len(targets) > 1 or not isinstance(labels, Labels) or labels.form == "multi_label":
        raise ValueError(
            "Expected class_weight for one head that tells classes apart, got other targets; leave it out."
        )
    if wish != "balanced" and not isinstance(wish, Mapping):
        raise ValueError(f'Expected class_weight to be "balanced" or a dictionary of weights by label, got {wish!r}.')
    if isinstance(wish, str):
        ones = encoded.sum(axis=0).round().astype(int).tolist()
        return balanced([len(encoded) - ones[0], ones[0]] if labels.binary else ones)
    known = {label: place for place, label in enumerate(labels.classes)}
    weights = [1.0] * len(known)
    for label, weight in wish.items():
        label = label.item() if isinstance(label, np.generic) else label
        if label not in known:
            raise ValueError(
                f"Expected class_weight by the labels of the training data, {labels.describe()}, got {label!r}."
            )
        if isinstance(weight, bool) or not isinstance(weight, (int, float, np.number)) or not 0 < weight < np.inf:
            raise ValueError(f"Expected positive weights in class_weight, got {weight!r} for {label!r}.")
        weights[known[label]] = float(weight)
    return tuple(weights)


def find_numbers(y: Any, name: str = "y", output_dim: int | None = None) -> Numbers:
    """How the regression targets of a training set are to be encoded.

    Args:
        y: Numbers of shape (samples,) or (samples, width).
        name: How an error calls it.
        output_dim: The width; found in the data when None.

    Raises:
        TypeError: When they are not numbers.
        ValueError: When a number is not finite, or the shape is another.
    """
    array = _numbers(y, name)
    if output_dim is not None and array.shape[1] != output_dim:
        raise ValueError(
            f"Expected {output_dim} columns in {name} as output_dim says, got {array.shape[1]}; correct one of the two."
        )
    given = as_array(y, name)
    dtype = given.dtype.name if given.dtype.kind == "f" else "float32"
    scale = array.std(axis=0)
    scale[scale < 1e-12 * np.maximum(1.0, np.abs(array).max(axis=0, initial=0.0))] = 1.0
    form = "vector" if given.ndim == 1 else "columns"
    return Numbers(dtype, form, tuple(array.mean(axis=0).tolist()), tuple(scale.tolist()))


def _label_array(y: Any, name: str) -> np.ndarray:
    array = as_array(y, name)
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ValueError(
            f"Expected labels in {name} of shape (samples,) or (samples, classes), got shape {array.shape}."
        )
    missing = pd.isna(array).sum() if array.dtype.kind in "fOmM" else 0
    if missing:
        raise ValueError(f"Expected a label for every sample in {name}, got {missing} missing; remove these samples.")
    check_finite(array, name, "labels")
    if array.dtype.kind == "O" and array.size:
        kinds = {str if isinstance(item, str) else type(item) for item in array.flat}
        if len(kinds) > 1:
            names = " and ".join(sorted(kind.__name__ for kind in kinds)[:2])
            raise TypeError(f"Expected labels of one type in {name}, got {names}; convert them to one type.")
        if kinds == {str}:
            return array
        if not kinds <= {int, bool, float} and not issubclass(next(iter(kinds)), np.generic):
            raise TypeError(f"Expected labels in {name} as strings or numbers, got {type_name(array.flat[0])}.")
        return np.array(array.tolist())
    if array.dtype.kind == "S":
        return np.char.decode(array)
    if array.dtype.kind not in "buifUOT":
        raise TypeError(f"Expected labels in {name} as strings or numbers, got dtype {array.dtype}; convert them.")
    return array


def _from_values(array: np.ndarray, name: str, num_classes: int | None, dtype: str) -> Labels:
    values = np.unique(array.astype(object) if array.dtype.kind == "T" else array)
    classes = values.tolist()
    if num_classes is not None and values.dtype.kind in "iu" and len(classes) < num_classes:
        if classes and 0 <= classes[0] and classes[-1] < num_classes:
            classes = list(range(num_classes))  # a class without samples yet
    if len(classes) < 2:
        got = f"only {classes[0]!r}" if classes else "no sample"
        raise ValueError(f"Expected at least two classes in {name}, got {got}; there is nothing to tell apart.")
    if array.dtype.kind == "f" and len(classes) > max(20, len(array) // 2) and (values % 1 != 0).any():
        raise ValueError(
            f"Expected class labels in {name}, got {len(classes)} different numbers in {len(array)} samples; "
            "a regressor predicts numbers."
        )
    return Labels(tuple(classes), dtype, "vector" if array.ndim == 1 else "column")


def _from_columns(array: np.ndarray, name: str, multi_label: bool) -> Labels:
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"Expected {name} of shape (samples, labels) with zeros and ones for multi_label, got {array.shape}; "
            "give every label a column."
        )
    values = _zeros_and_ones(array, name)
    if not multi_label:
        _check_one_hot(values, name)
    used = values.any(axis=0).sum() if len(values) else 0
    if used < (1 if multi_label else 2):
        raise ValueError(f"Expected at least two classes in {name}, got samples of {used} only.")
    return Labels(tuple(range(array.shape[1])), array.dtype.str, "multi_label" if multi_label else "one_hot")


def _zeros_and_ones(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype.kind not in "buif" or array.ndim != 2 or not np.isin(array, (0, 1)).all():
        raise ValueError(
            f"Expected zeros and ones in the columns of {name}, got {array.dtype} of shape {array.shape} "
            "with other values; pass labels in one column, or encode each label as a column."
        )
    return array.astype(np.uint8)


def _check_one_hot(values: np.ndarray, name: str) -> None:
    wrong = int((values.sum(axis=1) != 1).sum())
    if wrong:
        raise ValueError(
            f"Expected one class per sample in {name}, got none or several in {wrong} of {len(values)} rows; "
            "pass multi_label=True for that."
        )


def _family(array: np.ndarray) -> str:
    return "strings" if array.dtype.kind in "UOT" else "numbers"


def _numbers(y: Any, name: str) -> np.ndarray:
    """Targets as float64 of shape (samples, width)."""
    array = as_array(y, name)
    if array.dtype == object and array.size:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"Expected numbers in {name}, got {type_name(array.flat[0])}; convert them.") from None
    if array.dtype.kind not in "buif":
        raise TypeError(f"Expected numbers in {name}, got dtype {array.dtype}; convert them, or use a classifier.")
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
        raise ValueError(f"Expected {name} of shape (samples,) or (samples, outputs), got shape {array.shape}.")
    with np.errstate(over="ignore"):
        check_finite(array.astype(np.float32), name, "targets")
    return array.astype(np.float64).reshape(len(array), -1)
