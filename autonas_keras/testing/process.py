"""The process in which the suites repeat what they did."""

from __future__ import annotations

import atexit
import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor


@functools.cache
def other_process() -> ProcessPoolExecutor:
    """One process for all tests of a session: it takes seconds to start, and hashes strings in its own way."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    atexit.register(pool.shutdown)
    return pool
