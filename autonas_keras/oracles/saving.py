"""KerasTuner oracles whose state survives a kill at any moment.

KerasTuner writes its files in place and one after the other: a kill leaves a torn file, or files that disagree. Here
each file is switched at once, and what disagrees is mended when a search is loaded again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import trial as trial_module

from autonas_keras.files import write_atomically

DRAWS = 500  # proposals that may be refused in a row before an oracle gives up
DONE = (trial_module.TrialStatus.COMPLETED, trial_module.TrialStatus.FAILED)


class DurableOracle(keras_tuner.Oracle):
    """What oracles of this package share: whole files, mended on reload, and seed 0 as good as any other.

    Args:
        *args: As the oracle it is mixed into takes them.
        seed: Any integer; None draws one, without touching a global generator.
        **kwargs: As the oracle it is mixed into takes them.
    """

    # What KerasTuner keeps in an oracle.
    trials: dict[str, Any]
    ongoing_trials: dict[str, Any]
    start_order: list[str]
    end_order: list[str]

    def __init__(self, *args: Any, seed: int | None = None, **kwargs: Any) -> None:
        if seed is None:
            seed = int(np.random.default_rng().integers(1, 2**31))
        # KerasTuner takes 0 for "none given" and draws from Python's global generator.
        super().__init__(*args, seed=seed or 2**31, **kwargs)
        self.accept: Callable[[dict[str, Any]], bool] | None = None

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """As the oracle it is mixed into; what ``accept`` does not take is drawn again, and no trial of it is made."""
        for _ in range(DRAWS):
            response = super().populate_space(trial_id)
            values = response.get("values")
            if self.accept is None or values is None or self.accept(values):
                return response
            self._tried_so_far.add(self._compute_values_hash(values))
        return {"status": trial_module.TrialStatus.STOPPED, "values": None}

    def save(self) -> None:
        write_atomically(self._get_oracle_fname(), json.dumps(self.get_state()))

    def _save_trial(self, trial: Any) -> None:
        folder = self._get_trial_dir(trial.trial_id)
        write_atomically(os.path.join(folder, "trial.json"), json.dumps(trial.get_state()))

    def end_trial(self, trial: Any) -> None:
        super().end_trial(trial)
        # KerasTuner saves before it takes the trial off the list of those under way.
        self.save()

    def reload(self) -> None:
        super().reload()
        self._mend()

    def _mend(self) -> None:
        """Bring trials and state to one story after a kill between two files."""
        self.trials = dict(sorted(self.trials.items()))
        for trial_id in [name for name in self.trials if name not in self.start_order]:
            shutil.rmtree(self._get_trial_dir(trial_id))
            del self.trials[trial_id]
        self.start_order = [trial_id for trial_id in self.start_order if trial_id in self.trials]
        self.end_order = [trial_id for trial_id in self.end_order if trial_id in self.trials]
        again = []
        for trial_id, trial in self.trials.items():
            if trial.status in DONE:
                if trial_id not in self.end_order:
                    self.end_order.append(trial_id)
                    self._run_times[trial_id] += 1
            else:
                # A trial that runs again must not keep what it reported before.
                trial.metrics = type(trial.metrics)()
                trial.score, trial.best_step = None, 0
                again.append(trial_id)
        self._retry_queue = again[::-1]  # the last one is taken first
        self.ongoing_trials = {}
