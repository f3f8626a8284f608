"""How many trials failed, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from keras_tuner.engine import trial as trial_module

UNKNOWN = "the worker did not say why"
SHOWN = 5  # reasons, and trials of each, that a report names


def reason(message: str | None) -> str:
    """The first line of the error in the message of a trial, which is a traceback or a sentence."""
    lines = [line for line in (message or "").splitlines() if line.strip()]
    # The error of a traceback is the first line after its last frame that is not indented.
    last_frame = max((i for i, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    return next((line.strip() for line in lines[last_frame + 1 :] if not line.startswith(" ")), UNKNOWN)


def failures(trials: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ids of the trials that failed, by reason, the most frequent first."""
    found: dict[str, list[str]] = {}
    for trial_id, trial in trials.items():
        if trial.status == trial_module.TrialStatus.FAILED:
            found.setdefault(reason(trial.message), []).append(trial_id)
    return dict(sorted(found.items(), key=lambda pair: -len(pair[1])))


def report(trials: Mapping[str, Any]) -> str:
    """How many trials failed and why, in a few lines; empty when none did."""
    found = failures(trials)
    if not found:
        return ""
    lines = [f"{sum(map(len, found.values()))} of {len(trials)} trials failed:"]
    for why, trial_ids in list(found.items())[:SHOWN]:
        lines.append(f"  {len(trial_ids)} x {why} (trial {_listed(trial_ids)})")
    if len(found) > SHOWN:
        lines.append(f"  and {len(found) - SHOWN} other reasons")
    return "\n".join(lines)


def _listed(trial_ids: Iterable[str]) -> str:
    names = list(trial_ids)
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
