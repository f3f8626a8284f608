"""Training on several devices."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.mark.slow(seconds=15)
def test_two_devices_learn_what_one_does() -> None:
    command = [sys.executable, str(Path(__file__).with_name("two_devices.py"))]
    one, two = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    assert one.keys() == two.keys() and len(set(one["loss"])) == 2
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4)
    # Where a gradient is next to nothing, what Adam makes of it is not.
    np.testing.assert_allclose(two["weights"], one["weights"], rtol=5e-3)
