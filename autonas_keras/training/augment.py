"""Random changes of images that keep what they show, as pure functions of a batch and a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Augment:
    """Mirror, shift and cut out images.

    Args:
        flip: Mirror left and right with probability one half.
        shift: Shift by up to this many pixels each way; what comes in at the border is mirrored in colour images and
            zero in grey ones.
        cutout: Side in pixels of a square put to the mean of the image, 0 for none. Source: DeVries, Taylor,
            "Improved Regularization of CNNs with Cutout", 2017.
    """

    flip: bool = False
    shift: int = 0
    cutout: int = 0

    @classmethod
    def auto(cls, shape: Sequence[int]) -> Augment:
        """What is safe for images of ``shape`` (height, width[, channels]): shifts, and mirroring of colour images."""
        side, colour = min(shape[:2]), len(shape) == 3 and shape[2] >= 3
        return cls(flip=colour, shift=max(1, side // 8) if colour else max(1, side // 14))

    def __call__(self, x: Any, seed: tf.Tensor) -> Any:
        """The batch with every image, (batch, height, width[, channels]), changed; other inputs are left alone."""
        return tf.nest.map_structure(lambda t: self._images(t, seed) if t.shape.rank in (3, 4) else t, x)

    def _images(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        grey = x.shape.rank == 3
        images = x[..., None] if grey else x
        size = tf.shape(images)[0]
        seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
        if self.flip:
            mirrored = tf.random.stateless_uniform((size, 1, 1, 1), seeds[0]) < 0.5
            images = tf.where(mirrored, tf.reverse(images, [2]), images)
        if self.shift:
            images = self._shifted(images, seeds[1])
        if self.cutout:
            images = self._cut(images, seeds[2])
        return images[..., 0] if grey else images

    def _shifted(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        size, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
        margin = min(self.shift, height - 1, width - 1)
        mode = "REFLECT" if images.shape[3] >= 3 else "CONSTANT"
        padded = tf.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode)
        moves = tf.random.stateless_uniform((2, size, 1), seed, 0, 2 * margin + 1, tf.int32)
        padded = tf.gather(padded, moves[0] + tf.range(height)[None], axis=1, batch_dims=1)
        return tf.gather(padded, moves[1] + tf.range(width)[None], axis=2, batch_dims=1)

    def _cut(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        size, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
        centre = tf.random.stateless_uniform((2, size, 1), seed) * [[[float(height)]], [[float(width)]]]
        half = self.cutout / 2
        rows = tf.abs(tf.range(height, dtype=tf.float32)[None] + 0.5 - centre[0]) < half
        columns = tf.abs(tf.range(width, dtype=tf.float32)[None] + 0.5 - centre[1]) < half
        hole = (rows[:, :, None] & columns[:, None, :])[..., None]
        mean = tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2), keepdims=True)
        return tf.where(hole, tf.cast(mean, images.dtype), images)
