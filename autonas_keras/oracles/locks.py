"""KerasTuner's lock of an oracle, held so that an exception lets it go.

KerasTuner's own wrapper keeps the lock for ever when the method inside raises, and takes two threads of the same name
for one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keras_tuner.src.engine import oracle as engine


@contextmanager
def locked(oracle: Any, own: threading.RLock) -> Iterator[None]:  # type: ignore[valid-type]
    """Hold the oracle for this thread; what KerasTuner decorates with ``synchronized`` runs inside as it is.

    Args:
        oracle: A keras_tuner.Oracle.
        own: The oracle's own lock, which tells threads of the same name apart.
    """
    name = threading.current_thread().name
    with own:  # type: ignore[attr-defined]
        outermost = engine.THREADS[oracle] != name
        if outermost:
            engine.LOCKS[oracle].acquire()
            engine.THREADS[oracle] = name
        try:
            yield
        finally:
            if outermost:
                engine.THREADS[oracle] = None
                engine.LOCKS[oracle].release()
