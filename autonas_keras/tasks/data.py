"""What people pass as data, turned into the arrays that are searched on, or refused in one sentence."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from warnings import warn

import keras
import numpy as np

from autonas_keras.tasks.sources import as_array, type_name

CHUNK = 1024  # samples looked at in one go, so that no check doubles the memory


def by_name(data: Any, names: Sequence[str], name: str) -> Any:
    """Data as a list in the order of ``names``, where it is a dictionary of several inputs or targets.

    Raises:
        ValueError: When a dictionary has other keys than the names.
    """
    if not isinstance(data, Mapping) or len(names) == 1:
        return data
    if set(data) != set(names):
        raise ValueError(
            f"Expected {name} with the keys {sorted(names)}, the names in the graph, got {sorted(map(str, data))}; name "
            "inputs and heads so, or pass a list in their order."
        )
    return [data[each] for each in names]


def as_parts(data: Any, count: int, name: str) -> list[Any]:
    """The ``count`` inputs or targets that ``data`` holds: itself, or the entries of a list or tuple.

    Raises:
        ValueError: When there is another number of them.
    """
    if isinstance(data, Mapping) and len(data) == count == 1:
        return list(data.values())
    if count == 1:
        return [data]
    if not isinstance(data, (list, tuple)) or len(data) != count:
        got = f"{len(data)}" if isinstance(data, (list, tuple)) else f"one {type_name(data)}"
        raise ValueError(f"Expected {name} as a list of {count} arrays, got {got}; pass one for each of them.")
    return list(data)


def _numeric(array: np.ndarray, name: str, what: str) -> np.ndarray:
    if array.dtype == object and array.size:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"Expected {what} of numbers in {name}, got {type_name(array.flat[0])}.") from None
    if array.dtype.kind not in "buif":
        raise TypeError(f"Expected {what} of numbers in {name}, got dtype {array.dtype}; convert it to numbers first.")
    return array


def check_finite(array: np.ndarray, name: str, what: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: When a value is not finite, with the number of samples it is in.
    """
    if array.dtype.kind != "f":
        return
    bad = 0
    for start in range(0, len(array), CHUNK):
        part = array[start : start + CHUNK]
        bad += int((~np.isfinite(part).reshape(len(part), -1).all(axis=1)).sum())
    if bad:
        raise ValueError(
            f"Expected finite {what} in {name}, got NaN or infinity in {bad} of {len(array)} samples; "
            "remove or replace them."
        )


def as_numbers(data: Any, name: str, what: str = "an array") -> np.ndarray:
    """A finite array of numbers: uint8 where that holds them, float32 otherwise, samples first.

    Raises:
        TypeError: When it does not hold numbers.
        ValueError: When a value is not finite, also after the conversion to float32.
    """
    array = _numeric(as_array(data, name), name, what)
    if array.ndim == 0:
        raise ValueError(f"Expected {what} of samples in {name}, got the single number {array}.")
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype.kind in "iu" and array.size and 0 <= array.min() and array.max() <= 255:
        return array.astype(np.uint8)
    with np.errstate(over="ignore"):  # what overflows is refused below
        array = array.astype(np.float32, copy=False)
    check_finite(array, name, "pixels" if "image" in what else "values")
    return array


def as_images(data: Any, name: str = "x", shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Images as an array of shape (samples, height, width) or (samples, height, width, channels).

    Args:
        data: Anything ``as_array`` takes.
        name: How an error calls it.
        shape: Shape that one image has to have; a last axis of one channel may be missing or too many.

    Warns:
        UserWarning: When the channels of training images seem to come first.

    Raises:
        TypeError: When the pixels are not numbers.
        ValueError: When the rank or the shape is another, an axis is empty, or a pixel is not finite.
    """
    array = as_array(data, name)
    listed = isinstance(data, (list, tuple)) and len(data) == 1
    as_trained = shape is not None and array.shape[1:] == tuple(shape)
    if listed and not as_trained and (array.ndim == 5 or array.shape[-1] not in (1, 3, 4)):
        array = array[0] if array.ndim > 3 else array  # the images of the only input, in a list
    if array.ndim not in (3, 4):
        raise ValueError(
            f"Expected images in {name} of shape (samples, height, width) or (samples, height, width, channels), "
            f"got shape {array.shape}; add or remove axes."
        )
    if 0 in array.shape[1:]:
        raise ValueError(f"Expected images with pixels in {name}, got shape {array.shape}.")
    array = as_numbers(array, name, "images")
    if shape is None:
        _warn_of_channels_first(array.shape[1:], name)
        return array
    if array.shape[1:] != tuple(shape):
        squeezed = [s[:-1] if len(s) == 3 and s[-1] == 1 else s for s in (array.shape[1:], tuple(shape))]
        if squeezed[0] != squeezed[1]:
            raise ValueError(
                f"Expected images in {name} of shape {tuple(shape)} as in the training data, got {array.shape[1:]}; "
                "resize them."
            )
        array = array.reshape((len(array), *shape))
    return array


def _warn_of_channels_first(shape: tuple[int, ...], name: str) -> None:
    # Images of one or three rows are rare, colours in front of them are not.
    if len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) > 4:
        warn(
            f"Expected images in {name} of shape (height, width, channels), got {shape}, which looks like channels first; "
            f"if so, pass np.moveaxis({name}, 1, -1).",
            stacklevel=2,
        )


def check_lengths(parts: Mapping[str, np.ndarray], least: int = 1) -> int:
    """The number of samples, the same in all parts.

    Raises:
        ValueError: When the parts have different lengths, or fewer than ``least`` samples.
    """
    lengths = {name: len(array) for name, array in parts.items()}
    count = next(iter(lengths.values()))
    if any(length != count for length in lengths.values()):
        said = ", ".join(f"{length} in {name}" for name, length in lengths.items())
        raise ValueError(f"Expected the same number of samples everywhere, got {said}; check how they were made.")
    if count < least:
        first = next(iter(lengths))
        raise ValueError(f"Expected at least {least} samples in {first}, got {count}; pass more data.")
    return count


def check_batch_size(batch_size: Any, name: str = "batch_size") -> int:
    """The batch size.

    Raises:
        ValueError: When it is not a positive integer.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"Expected {name} to be a positive integer, got {batch_size!r}.")
    return int(batch_size)


def check_callbacks(callbacks: Any) -> list[keras.callbacks.Callback]:
    """The callbacks as a list, also of one alone.

    Raises:
        TypeError: When something else is among them.
    """
    found = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else callbacks or []
    for callback in found if isinstance(found, (list, tuple)) else [found]:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                f"Expected callbacks to be a list of keras.callbacks.Callback, got {callback!r} among them."
            )
    return list(found)


def split_indices(
    count: int, fraction: float, seed: int, classes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted indices of the samples to train on and of those to validate on, drawn by the seed.

    AutoKeras takes the last samples, which leaves out classes where data are sorted; here every class gives its share
    of the validation samples (as near as whole numbers allow), and each keeps at least one sample to train on.

    Args:
        count: Number of samples.
        fraction: Share of the samples to validate on.
        seed: Seed of the draw.
        classes: Index of the class of each sample, for a draw that keeps their shares.

    Raises:
        ValueError: When the fraction is not between 0 and 1, or a side would be empty.
    """
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float, np.floating)) or not 0 < fraction < 1:
        raise ValueError(f"Expected validation_split between 0 and 1, got {fraction!r}; 0.2 is usual.")
    wanted = int(round(count * fraction))
    groups = np.zeros(count, int) if classes is None else np.unique(classes, return_inverse=True)[1]
    sizes = np.bincount(groups, minlength=1)
    room = int(np.maximum(sizes - 1, 0).sum())
    if not 0 < wanted < count or room == 0:
        left = "validation" if wanted < 1 or room == 0 else "training"
        raise ValueError(
            f"Expected validation_split to leave samples on both sides, got {fraction} of {count} samples, "
            f"which leaves none for {left}; pass more data or another validation_split."
        )
    wanted = min(wanted, room)
    shares = sizes * (wanted / count)
    taken = np.minimum(np.floor(shares).astype(int), np.maximum(sizes - 1, 0))
    rng = np.random.default_rng(seed)
    # Largest remainders first; among equals the larger class gives.
    order = np.lexsort((-sizes, taken - shares))
    while taken.sum() < wanted:
        for group in order:
            if taken.sum() < wanted and taken[group] < sizes[group] - 1:
                taken[group] += 1
    validation = [rng.permutation(np.flatnonzero(groups == group))[:share] for group, share in enumerate(taken)]
    chosen = np.sort(np.concatenate(validation))
    return np.setdiff1d(np.arange(count), chosen), chosen


def fingerprint(arrays: Sequence[np.ndarray]) -> str:
    """A short text that differs when the data differ."""
    code = 0
    for array in arrays:
        code = zlib.crc32(f"{array.dtype}{array.shape}".encode(), code)
        for start in range(0, len(array), CHUNK):
            code = zlib.crc32(np.ascontiguousarray(array[start : start + CHUNK]).tobytes(), code)
    return f"{code:08x}"
