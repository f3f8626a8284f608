"""A search in TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from autonas_keras.reporting.plot import architecture_figure
from autonas_keras.spaces import Option, Space

DPI = 80


class TensorBoard(keras.callbacks.Callback):
    """Writes a search for TensorBoard: what ``fit`` takes as a callback sees supernets, trials and the final network.

    Each training is a run of its own, "search", "trial_3" or "final". After each epoch it gets the scalars of the logs;
    a supernet with alphas gets them as histograms, and the cells that they favour as an image when those change; other
    trainings get the cells of their network once.

    Args:
        log_dir: Folder of all runs, for ``tensorboard --logdir``.

    Example:
        ``clf.fit(x, y, callbacks=[ank.reporting.TensorBoard("logs")])``
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        super().__init__()
        self.log_dir = Path(log_dir)
        self.run = ""
        self._cells: tuple[Space, Mapping[str, Option]] | None = None
        self._writer: Any = None
        self._drawn: dict[str, Mapping[str, Option]] = {}

    def begin_run(
        self, name: str, space: Space | None = None, architecture: Mapping[str, Option] | None = None
    ) -> None:
        """Say what the next training is.

        Args:
            name: Name of the run.
            space: The space of its network.
            architecture: The network, a point of the space.
        """
        self.run = name
        self._cells = None if space is None or architecture is None else (space, architecture)
        self._drawn = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._writer = tf.summary.create_file_writer(str(self.log_dir / self.run))
        if self._cells is not None:
            self._draw("cells", *self._cells, step=0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        with self._writer.as_default(step=epoch):
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, float(value))
            for layer in getattr(self.model, "supernets", ()):
                if hasattr(layer, "mixture"):
                    for kind, table in layer.mixture().items():
                        tf.summary.histogram(f"{layer.name}/alphas/{kind}", table)
                    self._draw(layer.name, layer.space, layer.architecture(), epoch)
        self._writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._writer.close()
        self._writer = None

    def _draw(self, name: str, space: Space, architecture: Mapping[str, Option], step: int) -> None:
        if self._drawn.get(name) == architecture:
            return
        self._drawn[name] = architecture
        try:
            figure = architecture_figure(space, architecture)
        except ValueError:  # a space without cells
            return
        figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        with self._writer.as_default(step=step):
            tf.summary.image(f"{name}/picture", np.asarray(canvas.buffer_rgba())[None])
