"""An oracle that proposes what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_tuner.engine import trial as trial_module

from autonas_keras.oracles.saving import DurableOracle


class Given(DurableOracle):
    """Proposes given hyperparameter values, one trial each, then stops: those that a one-shot search found.

    Args:
        objective: As keras_tuner.Oracle takes it.
        proposals: Values by name for each trial; they may be set later, before the first trial.
        **kwargs: As keras_tuner.Oracle takes them.
    """

    def __init__(self, objective: Any = None, proposals: Sequence[Mapping[str, Any]] = (), **kwargs: Any) -> None:
        super().__init__(objective=objective, **kwargs)
        self.proposals = [dict(values) for values in proposals]

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        index = int(trial_id)
        if index >= len(self.proposals):
            return {"status": trial_module.TrialStatus.STOPPED, "values": None}
        return {"status": trial_module.TrialStatus.RUNNING, "values": dict(self.proposals[index])}
