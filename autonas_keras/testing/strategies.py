"""What every strategy has to keep, as tests to inherit.

A new strategy is tested by five lines::

    class TestMine(StrategyTestCase):
        nonsense = ({"population_size": 0},)

        def strategy(self, space, seed=0, **kwargs):
            return Mine(space, seed=seed, **kwargs)

The rest of the class says what the strategy claims (``objectives``, ``scale_free``, ``beats_random``) and how long it is
run (``steps``). What has to hold through an oracle is in ``autonas_keras.testing.oracles``.
"""

from __future__ import annotations

from autonas_keras.testing.strategy_feedback import FeedbackTests
from autonas_keras.testing.strategy_proposals import ProposalTests
from autonas_keras.testing.strategy_states import StateTests


class StrategyTestCase(ProposalTests, StateTests, FeedbackTests):
    """Inherit it as ``class TestMine(StrategyTestCase)`` and override ``strategy``.

    Attributes:
        objectives: Numbers in a reward.
        scale_free: Whether the strategy claims that rewards times a positive number plus another change nothing.
        beats_random: Whether it claims to find better architectures than random search.
        steps: Evaluations of the sequences that are compared; fewer for strategies that think long.
        evaluations: Evaluations of each of three searches in the comparison with random search.
        nonsense: Arguments that must raise ValueError.
    """
