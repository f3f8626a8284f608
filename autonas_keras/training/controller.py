"""A controller and the shared weights of its architectures, learnt in turn.

Reference: Pham, Guan, Zoph, Le, Dean, "Efficient Neural Architecture Search via Parameter Sharing" (ENAS), ICML 2018,
section 2.2.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autonas_keras.files import write_atomically
from autonas_keras.spaces import Architecture
from autonas_keras.strategies import Reinforce
from autonas_keras.strategies.lstm import ControllerNetwork
from autonas_keras.training.sampling import Sampling, Steps


class ControllerSampling(Sampling):
    """What a controller draws: one architecture for each step of an epoch.

    Args:
        controller: Whose network draws, as it is when an epoch begins.
        seed: Any integer that is not negative.
        warmup_epochs: Epochs at the start that draw uniformly.
    """

    def __init__(self, controller: Reinforce, seed: int, warmup_epochs: int = 0) -> None:
        super().__init__(controller.space, seed)
        self.controller, self.warmup_epochs = controller, warmup_epochs

    def epoch(self, number: int, steps: int) -> Steps:
        if number < self.warmup_epochs:
            return super().epoch(number, steps)
        rng = np.random.default_rng([self.seed, 4, number])
        return [[self.space.decode(code)] for code in self.controller.network.sample(rng, steps).codes]

    def step(self, rng: np.random.Generator) -> list[Architecture]:
        return [self.space.sample(rng)]


class ControllerTraining(keras.callbacks.Callback):
    """Lets a controller learn after each epoch, from what its architectures are worth with the weights of the moment.

    Args:
        controller: Learns by ``propose`` and ``observe``; its own draws are with repeats (``unique=False``).
        reward: What an architecture is worth; the second argument counts the calls, and chooses the minibatch.
        steps: Rewards after each epoch.
        warmup_epochs: Epochs at the start after which nothing is learnt.
        directory: Folder in which the controller is kept after each epoch, so that a training that goes on has it.
        share: Time that the rewards may take, in times of what the epochs took so far; None for any.
        now: A clock that never goes back.
    """

    def __init__(
        self,
        controller: Reinforce,
        reward: Callable[[Architecture, int], float],
        steps: int,
        warmup_epochs: int = 0,
        directory: str | Path | None = None,
        share: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.controller, self.reward, self.steps, self.warmup_epochs = controller, reward, steps, warmup_epochs
        self.share, self.now = share, now
        self._began = self._allowed = 0.0
        self.directory = None if directory is None else Path(directory)
        if self.directory is not None:
            self.directory.mkdir(parents=True, exist_ok=True)
        self._done = 0  # epochs after which the controller has learnt

    def restore(self, epochs: int) -> None:
        """Bring the controller back as it was after so many epochs."""
        if epochs and self.directory is not None:
            self.controller.set_state(json.loads(self._file(epochs).read_text()))
        self._done = epochs

    def restore_last(self, epochs: int) -> None:
        """Bring the controller back as it was at the end of a training, which may have stopped before so many epochs."""
        if self.directory is not None:
            self.restore(next((count for count in range(epochs, 0, -1) if self._file(count).exists()), 0))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch != self._done:
            self.restore(epoch)
        self._began = self.now()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        rewards: list[float] = []
        begun = self.now()
        self._allowed += (self.share or 0.0) * (begun - self._began)
        if epoch >= self.warmup_epochs:
            for step in range(epoch * self.steps, (epoch + 1) * self.steps):
                if self.share is not None and rewards and self.now() - begun >= self._allowed:
                    break
                architecture = self.controller.propose()
                assert architecture is not None
                rewards.append(self.reward(architecture, step))
                self.controller.observe(architecture, rewards[-1])
        self._allowed -= self.now() - begun
        if logs is not None:
            logs["controller_reward"] = float(np.mean(rewards)) if rewards else float("nan")
            logs["controller_entropy"] = self.controller.entropy()
        self._done = epoch + 1
        if self.directory is not None:
            write_atomically(self._file(epoch + 1), json.dumps(self.controller.get_state()))
            # The checkpoint of this epoch is not written yet: a kill now goes on from the one before.
            self._file(epoch - 1).unlink(missing_ok=True)

    def _file(self, epochs: int) -> Path:
        assert self.directory is not None
        return self.directory / f"controller_{epochs}.json"


def controller_probabilities(network: ControllerNetwork, seed: int, draws: int = 64) -> dict[str, list[float]]:
    """How likely a controller takes each option of each choice, in the mean over what it decides before.

    Args:
        network: What draws.
        seed: Seed of the draws that the mean is taken over.
        draws: Their number; a choice that is active in none of them is left out.
    """
    names, found = list(network.space.named), {}
    for step in network.sample(np.random.default_rng([seed, 9]), draws).steps:
        active = np.ones((draws, 1), bool) if step.active is None else step.active
        found[names[step.choice]] = np.exp(step.log_p).mean(axis=0, where=active).round(5).tolist()
    return found
