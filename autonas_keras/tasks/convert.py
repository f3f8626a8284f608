"""The data of a task: every input and target converted, checked against one another, and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tree
from autokeras import nodes
from autokeras.blocks import heads

from autonas_keras.tasks.data import as_images, as_numbers, as_parts, by_name, check_lengths, split_indices
from autonas_keras.tasks.sources import as_array, from_dataset, is_dataset, known_spec
from autonas_keras.tasks.targets import Labels, Numbers, find_labels, find_numbers, target_from_config

__all__ = [
    "TrainingData",
    "check_same",
    "check_samples",
    "encoded",
    "inputs",
    "pair",
    "target_from_config",
    "training_data",
]


@dataclass
class TrainingData:
    """Arrays to search with; a tuple of them where a model has several inputs or heads.

    Attributes:
        x: Training inputs.
        y: Encoded training targets.
        validation: Inputs and encoded targets to validate on.
        targets: How each target is encoded.
    """

    x: Any
    y: Any
    validation: tuple[Any, Any]
    targets: list[Labels | Numbers]


def training_data(model: Any, x: Any, y: Any, validation_split: float, validation_data: Any) -> TrainingData:
    """Everything ``fit`` is given as arrays, the validation samples apart.

    Raises:
        ValueError: When samples are missing, do not match, or leave nothing to train or validate on.
        TypeError: When data is of a type that is not known.
    """
    if x is None:
        raise ValueError("Expected x, got None; pass the inputs to learn from.")
    for encoder in model.encoders:
        if encoder is not None:
            encoder.forget()
    x, y = pair(model, x, y, "x")
    heads_named = [head.name for head in model._heads]
    y = by_name(y, heads_named, "y")
    samples = read_inputs(model, x, "x", None)
    given = _target_parts(y, len(model._heads), "y")
    names = ["y"] if len(given) == 1 else [f"y[{i}]" for i in range(len(given))]
    check_lengths({**_named(samples, "x"), **{n: as_array(part, n) for n, part in zip(names, given, strict=True)}}, 2)
    targets = [_target(head, part, name) for head, part, name in zip(model._heads, given, names, strict=True)]
    encodings = encoded(targets, y, "y")
    if validation_data is None:
        if not validation_split:
            raise ValueError("Expected validation_data or a validation_split between 0 and 1, got neither.")
        rows = split_indices(len(samples[0]), validation_split, model.seed or 0, _classes(targets, given, names))
        _fit_encoders(model, samples, "x", rows[0])
        # Classes are those of all samples, the units of numbers those of the training samples.
        targets = [
            _target(head, as_array(part, name)[rows[0]], name) if isinstance(target, Numbers) else target
            for head, target, part, name in zip(model._heads, targets, given, names, strict=True)
        ]
        arrays = encode_inputs(model, samples, "x")
        train, validation = (tree.map_structure(lambda a, i=index: a[i], (arrays, encodings)) for index in rows)
        return TrainingData(train[0], train[1], validation, targets)
    x_val, y_val = _validation_pair(model, validation_data)
    _fit_encoders(model, samples, "x", None)
    arrays = encode_inputs(model, samples, "x")
    shapes = [array.shape[1:] for array in tree.flatten(arrays)]
    x_val = inputs(model, x_val, "the validation x", shapes)
    y_val = encoded(targets, by_name(y_val, heads_named, "the validation y"), "the validation y")
    check_lengths({**_named(x_val, "the validation x"), **_named(y_val, "the validation y")})
    return TrainingData(arrays, encodings, (x_val, y_val), targets)


def pair(model: Any, x: Any, y: Any, name: str, shapes: Sequence[tuple[int, ...]] | None = None) -> tuple[Any, Any]:
    """x and y, also out of a dataset that holds both; ``shapes`` are those of a sample that were trained on, if any.

    Raises:
        ValueError: When y is missing, or given beside a dataset.
    """
    if is_dataset(x):
        if y is not None:
            raise ValueError(f"Expected y in the dataset {name}, got a dataset and y; leave y out.")
        return _from_pairs(model, x, name, shapes)
    if y is None:
        raise ValueError("Expected y, got None; pass the targets, or a tf.data.Dataset of (x, y) as x.")
    return x, y


def inputs(model: Any, x: Any, name: str, shapes: Sequence[tuple[int, ...]] | None) -> Any:
    """The inputs as the networks read them, an array or a tuple of arrays.

    Args:
        model: The AutoModel, its encoders fitted.
        x: What was given.
        name: How an error calls it.
        shapes: Shapes of a sample that were trained on.
    """
    return encode_inputs(model, read_inputs(model, x, name, shapes), name)


def read_inputs(model: Any, x: Any, name: str, shapes: Sequence[tuple[int, ...]] | None) -> list[Any]:
    """The samples of each input: arrays, or what its encoder reads.

    Args:
        model: The AutoModel.
        x: What was given.
        name: How an error calls it.
        shapes: Shapes of a sample that were trained on, None for the training data itself.
    """
    if is_dataset(x):
        x = _only_inputs(model, x, name, shapes)
    x = by_name(x, [node.name for node in model.inputs], name)
    # A dictionary for the only input is one of columns, if the input is encoded.
    parts = [x] if len(model.inputs) == 1 and model.encoders[0] else as_parts(x, len(model.inputs), name)
    samples = []
    for i, (node, encoder, part) in enumerate(zip(model.inputs, model.encoders, parts, strict=True)):
        called = name if len(parts) == 1 else f"{name}[{i}]"
        shape = None if shapes is None else tuple(shapes[i])
        if encoder is not None:
            samples.append(encoder.read(part, called))
            continue
        if isinstance(node, nodes.ImageInput):
            samples.append(as_images(part, called, shape))
            continue
        if isinstance(node, nodes.TextInput):
            array = as_array(part, called)
            array = array.astype(str) if array.dtype == object else array
        else:
            array = as_numbers(part, called)
        if shape is not None and array.shape[1:] != shape:
            raise ValueError(
                f"Expected samples of shape {shape} in {called} as in the training data, got {array.shape[1:]}."
            )
        samples.append(array)
    return samples


def encode_inputs(model: Any, samples: Sequence[Any], name: str) -> Any:
    """What ``read_inputs`` gave as the networks read it, an array or a tuple of arrays."""
    names = [name] if len(samples) == 1 else [f"{name}[{i}]" for i in range(len(samples))]
    arrays = [
        part if encoder is None else encoder.encode(part, called)
        for encoder, part, called in zip(model.encoders, samples, names, strict=True)
    ]
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def _fit_encoders(model: Any, samples: Sequence[Any], name: str, rows: np.ndarray | None) -> None:
    """Fit the encoders of inputs on the training samples ``rows``, None for all."""
    for i, (encoder, part) in enumerate(zip(model.encoders, samples, strict=True)):
        if encoder is not None:
            called = name if len(samples) == 1 else f"{name}[{i}]"
            encoder.fit(part if rows is None else encoder.take(part, rows), called)


def encoded(targets: Sequence[Labels | Numbers], y: Any, name: str) -> Any:
    """The targets as the network learns them, an array or a tuple of arrays."""
    parts = _target_parts(y, len(targets), name)
    names = [name] if len(parts) == 1 else [f"{name}[{i}]" for i in range(len(parts))]
    arrays = [target.encode(part, called) for target, part, called in zip(targets, parts, names, strict=True)]
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def check_samples(x: Any) -> None:
    """Refuse inputs without samples or of different lengths.

    Raises:
        ValueError: When there are none, or their numbers differ.
    """
    check_lengths(_named(x, "x"), 1)


def check_same(x: Any, y: Any) -> None:
    """Refuse inputs and targets of different lengths.

    Raises:
        ValueError: When their numbers differ.
    """
    check_lengths({**_named(x, "x"), **_named(y, "y")}, 1)


def _named(arrays: Any, name: str) -> dict[str, Any]:
    flat = list(arrays) if isinstance(arrays, (list, tuple)) else [arrays]
    return {name if len(flat) == 1 else f"{name}[{i}]": array for i, array in enumerate(flat)}


def _target_parts(y: Any, count: int, name: str) -> list[Any]:
    if count == 1 and isinstance(y, (list, tuple)) and len(y) == 1 and np.ndim(y[0]) > 0:
        return [y[0]]  # the targets of the only head, in a list
    return as_parts(y, count, name)


def _target(head: Any, y: Any, name: str) -> Labels | Numbers:
    if isinstance(head, heads.ClassificationHead):
        return find_labels(y, name, head.num_classes, head.multi_label)
    return find_numbers(y, name, getattr(head, "output_dim", None))


def _classes(targets: Sequence[Any], given: Sequence[Any], names: Sequence[str]) -> np.ndarray | None:
    """Classes of the first target that has them, for a split that keeps their shares."""
    for target, part, name in zip(targets, given, names, strict=True):
        if isinstance(target, Labels) and target.form != "multi_label":
            return target.indices(part, name)
    return None


def _validation_pair(model: Any, data: Any) -> tuple[Any, Any]:
    if is_dataset(data):
        return _from_pairs(model, data, "validation_data")
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(
            f"Expected validation_data as (x, y) or a tf.data.Dataset of them, got {type(data).__name__}"
            f"{f' of {len(data)}' if hasattr(data, '__len__') else ''}."
        )
    return data[0], data[1]


def _from_pairs(
    model: Any, dataset: Any, name: str, shapes: Sequence[tuple[int, ...]] | None = None
) -> tuple[Any, Any]:
    """x and y of a dataset of (x, y)."""
    spec = known_spec(dataset)
    return from_dataset(dataset, name, _batched(model, spec[0], shapes) if isinstance(spec, tuple) and spec else None)


def _only_inputs(model: Any, dataset: Any, name: str, shapes: Sequence[tuple[int, ...]] | None) -> Any:
    """x of a dataset of x, or of (x, y)."""
    spec = known_spec(dataset)
    if isinstance(spec, tuple) and len(spec) == 2 and (len(model.inputs) != 2 or _holds_all(model, spec[0])):
        return _from_pairs(model, dataset, name, shapes)[0]
    batched = _batched(model, spec, shapes)
    if batched is None:
        found = [part.shape for part in tree.flatten(spec)]
        # (None, None, 3) is an image of any size.
        batched = max(shape.rank for shape in found) == 4 or any(
            shape.rank and shape[0] is None and (shape.rank != 3 or shape[-1] not in (1, 3, 4)) for shape in found
        )

    def with_target(*x: Any) -> tuple[Any, Any]:
        return x if len(x) > 1 else x[0], _first(tree.flatten(x)[0]) if batched else 0

    return from_dataset(dataset.map(with_target), name, batched)[0]


def _holds_all(model: Any, spec: Any) -> bool:
    """Whether what a dataset holds are all of several inputs, and not one of them."""
    if isinstance(spec, Mapping):
        return set(spec) == {node.name for node in model.inputs}
    return isinstance(spec, (tuple, list)) and len(spec) == len(model.inputs)


def _batched(model: Any, spec: Any, shapes: Sequence[tuple[int, ...]] | None = None) -> bool | None:
    """Whether what a dataset holds for x are batches, told by an input whose samples have known axes; None without."""
    for i, (node, encoder) in enumerate(zip(model.inputs, model.encoders, strict=True)):
        part = spec
        if len(model.inputs) > 1 and isinstance(spec, Mapping):
            part = spec.get(node.name)
        elif len(model.inputs) > 1:
            part = spec[i] if _holds_all(model, spec) else None
        if encoder is not None and part is not None:
            rank = max(one.shape.rank or 0 for one in tree.flatten(part))
            return rank > (0 if isinstance(part, Mapping) else encoder.sample_rank)
        if encoder is None and shapes is not None and hasattr(part, "shape"):
            sample, batch = (_is_like(sizes, tuple(shapes[i])) for sizes in (part.shape, part.shape[1:]))
            if sample != batch:
                return batch
    return None


def _is_like(sizes: Sequence[int | None], shape: tuple[int, ...]) -> bool:
    """Whether a sample of some sizes is one of a shape, where grey images have an axis of channels or none."""
    grey = shape[:-1] if len(shape) == 3 and shape[-1] == 1 else shape
    wanted = {shape, grey, (*grey, 1) if len(grey) == 2 else shape}
    return any(
        len(sizes) == len(one) and all(size in (None, axis) for size, axis in zip(sizes, one, strict=True))
        for one in wanted
    )


def _first(tensor: Any) -> Any:
    """One number or string for each sample of a batch."""
    return tensor[(..., *[0] * (tensor.shape.rank - 1))]
