"""What an architecture costs and is worth."""

from autonas_keras.evaluation.costs import COSTS, architecture_costs, check_limits, least_costs, meets, model_costs

__all__ = ["COSTS", "architecture_costs", "check_limits", "least_costs", "meets", "model_costs"]
