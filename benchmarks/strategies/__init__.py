"""Strategies on published tables, and what their steps cost: ``make bench-strategies``."""

from __future__ import annotations

# With the settings that the rows compare; everything else is at its default.
STRATEGIES = {
    "random": "random",
    "evolution": "evolution:population_size=10,sample_size=3",
    "genetic": "genetic",
    "epsilon_greedy": "epsilon_greedy",
    "reinforce": "reinforce",
    "local_search": "local_search",
    "predictor": "predictor",
}
