"""One reward out of several measurements.

Reference: Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", CVPR 2019, section 3.
"""

from __future__ import annotations

import math


def mnasnet_reward(
    accuracy: float, latency: float, target: float, weight: float = -0.07, within: float | None = None
) -> float:
    """Accuracy times (latency / target) to the power of a weight.

    The soft constraint of the paper is the default: twice the latency is worth it for 5 % more accuracy. The hard one
    is ``weight=-1, within=0``: below the target only accuracy counts.

    Args:
        accuracy: Not negative, larger is better.
        latency: In any unit, or any other cost that is positive.
        target: The latency aimed at, in the same unit.
        weight: The exponent above the target (beta).
        within: The exponent up to the target (alpha); None: the same.

    Returns:
        The reward; NaN, which observes as a failure, when accuracy or latency is NaN.

    Raises:
        ValueError: When latency or target is not positive, or accuracy is negative, such as the negative of a loss: the more
            latency, the better it would become.

    Reference: Tan et al., CVPR 2019, equations 2 and 3.
    """
    for name, value in (("latency", latency), ("target", target)):
        if value <= 0 or (name == "target" and not math.isfinite(value)):
            raise ValueError(f"Expected {name} to be a positive number, got {value!r}.")
    if accuracy < 0:
        raise ValueError(f"Expected accuracy not to be negative, got {accuracy!r}; pass exp(-loss), say.")
    exponent = within if within is not None and latency <= target else weight
    return accuracy * (latency / target) ** exponent
