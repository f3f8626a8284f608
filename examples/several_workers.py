"""One search by several processes: the same program, and three variables that say who is who.

    python examples/several_workers.py [--quick]

It starts a chief and two workers (with --quick one) on this machine; on several machines start them by hand with the chief's address.
Here both workers and the chief agreed on the best of 12 trials, and all ended by themselves.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

QUICK = "--quick" in sys.argv[1:]


def search() -> None:
    """What every process runs; it returns in each when the final network is trained."""
    from sklearn.datasets import load_digits

    import autonas_keras as ank

    digits = load_digits()
    count = 60 if QUICK else len(digits.target)
    x, y = digits.images[:count].astype("float32"), digits.target[:count]
    space = ank.spaces.CellSpace(
        operations=("sep_conv_3x3", "max_pool_3x3", "skip_connect"),
        nodes=1 if QUICK else 2,
        cells=2 if QUICK else 3,
        channels=2 if QUICK else 8,
    )
    clf = ank.ImageClassifier(
        tuner="evolution", space=space, max_trials=2 if QUICK else 12, directory="runs", project_name="workers", seed=0
    )
    clf.fit(x, y, epochs=1 if QUICK else 10, verbose=0)
    name, board = os.environ["KERASTUNER_TUNER_ID"], clf.leaderboard()
    print(f"{name}: {len(board)} trials, best {board['score'][0]:.3f} of {dict(clf.best_architecture)}", flush=True)


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port)}
    processes = [
        subprocess.Popen([sys.executable, *sys.argv], env={**shared, "KERASTUNER_TUNER_ID": name})
        for name in ("chief", "worker1", "worker2")[: 2 if QUICK else None]
    ]
    codes = [process.wait() for process in processes]
    print("exit codes:", codes)
    sys.exit(max(codes))


if __name__ == "__main__":
    if "KERASTUNER_TUNER_ID" in os.environ:
        search()
    else:
        main()
