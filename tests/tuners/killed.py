"""A search that is killed while its supernet and while what it found is trained; run as a program so that it can fork.

Forked children share the imports, which take some seconds; nothing of TensorFlow runs before the fork.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from pathlib import Path

from tests.forks import forked
from tests.tuners.test_resume import fitted


def main(folder: Path) -> None:
    """Kill the search once in each training, then let it end."""
    for file in ("search/state/checkpoint", "final/state/checkpoint"):
        process = forked(lambda: fitted(folder))
        while not (folder / "image_classifier" / file).exists():
            assert not os.waitpid(process, os.WNOHANG)[0], "it ended before it could be killed"
            time.sleep(0.02)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    assert os.waitpid(forked(lambda: fitted(folder)), 0)[1] == 0, "the search raised"


if __name__ == "__main__":
    gc.freeze()  # what is imported is no garbage, and stays shared with the children
    main(Path(sys.argv[1]))
