"""How well a proxy of a task ranks networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from autonas_keras.evaluation import Proxy, ProxyReport
from autonas_keras.tasks import convert
from autonas_keras.tasks.data import check_batch_size
from autonas_keras.tuners import SearchTuner, TrialTuner


class ProxyCheck:
    """The part of a task that compares its proxy with full trainings."""

    _facts: dict[str, Any]
    _own_tuner: Callable[[], SearchTuner]
    _read: Callable[..., convert.TrainingData]
    _describe: Callable[[convert.TrainingData, float], dict[str, Any]]

    def validate_proxy(
        self,
        x: Any,
        y: Any = None,
        proxy: Proxy | None = None,
        n: int = 10,
        epochs: int | None = None,
        batch_size: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        validation_split: float = 0.2,
        validation_data: Any = None,
        verbose: Any = 0,
    ) -> ProxyReport:
        """Train random architectures on a proxy and in full: how well the proxy ranks them, and what it saves.

        It changes nothing in the search. Called again with the same data, also after a kill, it goes on where it was.

        Args:
            x: Inputs as in ``fit``.
            y: Targets as in ``fit``.
            proxy: The proxy; that of the method when None.
            n: Architectures; of ten, a correlation is known to some 0.3.
            epochs: Epochs of a full training, as in ``fit``.
            batch_size: Samples in a batch; None for that of ``fit``.
            callbacks: Keras callbacks for the trainings.
            validation_split: Share of the samples to compare networks on.
            validation_data: x and y to compare networks on instead.
            verbose: 0, 1 or 2, as in keras.Model.fit.

        Returns:
            The report; print it for one sentence.

        Raises:
            ValueError: When there is no proxy, nothing follows one of its settings, or ``n`` is less than 3.
            TypeError: When the tuner does not train one network per architecture.
        """
        tuner = self._own_tuner()
        if not isinstance(tuner, TrialTuner):
            raise TypeError(
                f'Expected a tuner that trains one network per architecture, such as "random", got {tuner.method.name!r}.'
            )
        proxy = proxy or tuner.method.proxy
        if proxy is None:
            raise ValueError("Expected a proxy, got none; pass proxy=ank.Proxy(epochs=3), say.")
        if check_batch_size(n, "n") < 3:
            raise ValueError(f"Expected n of 3 or more for a rank correlation, got {n}.")
        x, y, validation_data, batch_size = self._prepared(x, y, validation_data, batch_size)
        data = self._read(x, y, validation_split, validation_data)
        split = 0.0 if validation_data is not None else float(validation_split)
        fit = {"epochs": epochs, "batch_size": check_batch_size(batch_size), "validation_split": split}
        return tuner.validate_proxy(
            proxy, n, {**self._facts, "data": self._describe(data, split), "fit": fit},
            x=data.x, y=data.y, epochs=epochs, callbacks=callbacks, validation_data=data.validation,
            validation_split=split, verbose=verbose, batch_size=batch_size,
        )  # fmt: skip

    def _prepared(self, x: Any, y: Any, validation_data: Any, batch_size: int | None) -> tuple[Any, Any, Any, int]:
        """The arguments of ``fit`` of a task as ``AutoModel.fit`` takes them."""
        return x, y, validation_data, 32 if batch_size is None else batch_size
