"""The files of a search, read as they are: finished, killed, half-written or being written."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autonas_keras import spaces
from autonas_keras.oracles.failures import reason
from autonas_keras.reporting.mixtures import read_mixtures
from autonas_keras.reporting.story import COSTS, Candidate, Curves, Story, Trial, Trust
from autonas_keras.spaces import CellSpace, JoinedSpace, Space

SPACE_CLASSES: dict[str, type[Space]] = {
    name: kind for name, kind in vars(spaces).items() if isinstance(kind, type) and issubclass(kind, Space)
}
NOTES = ("record", "seconds")  # what the entry of an epoch holds beside its logs
WRITTEN = ("project.json", "oracle.json", "story.json", "search", "trial_*")  # by a search, now or one day
PHASES = ("declare", "search", "final")
BAD_FILE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, OSError, csv.Error)


def read_story(folder: str | os.PathLike[str]) -> Story:
    """The story of the search in a folder; nothing in it is changed.

    Args:
        folder: Folder of the project, in whatever state.

    Raises:
        FileNotFoundError: When there is no such folder.
        ValueError: When it holds searches and is none, or holds other things only.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"Expected the folder of a search, got {folder}; pass directory/project_name of the task."
        )
    inside = sorted(file.parent.name for file in folder.glob("*/project.json"))
    if inside and not (folder / "project.json").exists():
        raise ValueError(
            f"Expected the folder of one search, got {folder}, which holds {', '.join(inside)}; pass one of them."
        )
    others = any(not file.name.startswith(".") for file in folder.iterdir())  # half-written files begin so
    if others and not any(True for pattern in WRITTEN for _ in folder.glob(pattern)):
        raise ValueError(
            f"Expected the folder of a search, got {folder} without {' or '.join(WRITTEN[:2])}; "
            "pass directory/project_name of the task."
        )
    return _Reader(folder).story()


class _Reader:
    """Reads what is whole, and remembers what is not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self.written: float | None = None

    def story(self) -> Story:
        facts, oracle = self.mapping("project.json"), self.mapping("oracle.json")
        story = Story(
            self.folder.resolve().name,
            finished=bool(self.mapping("tuner0.json").get("finished")),
            facts=facts,
            notes=self.mapping("story.json"),
            layers=[row for row in self.json("layers.json", []) if isinstance(row, dict)],
        )
        story.space = self._read("story.json", lambda: self._space(story), None)
        raw = self._read("oracle.json", lambda: self._raw_trials(oracle), [])
        story.objective, story.direction = _objective(facts.get("objective"), raw)
        story.trials = [trial for _, trial in self._each(raw, lambda state: self._trial(state, story.space))]
        story.candidates = self._read("search/inherited.csv", self._candidates, [])
        logs = self._supernet_logs()
        story.trainings = {title: _curves(entries) for title, entries in logs.items()}
        final = self.mapping("final.json").get("history") or _curves(self.json("final/history.json", []))
        if final:
            story.trainings = {**story.trainings, "Final training": _finite_curves(final)}
        options = self._read("oracle.json", lambda: _options(oracle), {})
        for title, entries in {**logs, "controller": self.json("controller.json", [])}.items():
            for _, found in self._each([(title, entries)], lambda e: read_mixtures(e, story.space, options)):
                story.mixtures = [*story.mixtures, *found]
        self._find(story, logs)
        story.phases = self._read("story.json", lambda: self._phases(story), {})
        story.trusts = self._trusts(story.trials)
        story.why = str(self.mapping("choice.json").get("why") or "")
        story.problems, story.written = tuple(dict.fromkeys(self.problems)), self.written
        return story

    # Files

    def json(self, name: str | Path, default: Any) -> Any:
        """What a file holds; the default when it is not there, or not whole, or of another type."""
        path = self.folder / name
        try:
            text = path.read_text(encoding="utf-8")
            self.written = max(self.written or 0.0, path.stat().st_mtime)
            found = json.loads(text)
        except FileNotFoundError:
            return default
        except (OSError, ValueError) as error:
            self.problems.append(f"{path.relative_to(self.folder)}: {error}")
            return default
        if not isinstance(found, type(default)):
            self.problems.append(f"{path.relative_to(self.folder)}: it holds a {type(found).__name__}")
            return default
        return found

    def mapping(self, name: str | Path) -> dict[str, Any]:
        """The JSON object of a file, empty when there is none."""
        return self.json(name, {})

    def _each(self, items: Any, read: Any) -> Iterator[tuple[Any, Any]]:
        """What ``read`` gives for each item; those that it cannot read are left out and remembered."""
        for name, item in items:
            try:
                yield name, read(item)
            except BAD_FILE as error:
                self.problems.append(f"{name}: {str(error) or type(error).__name__}")

    def _read(self, name: str, read: Callable[[], Any], default: Any) -> Any:
        """What ``read`` makes of a file; the default when it cannot, which is remembered."""
        return next((found for _, found in self._each([(name, None)], lambda _: read())), default)

    # Parts

    def _space(self, story: Story) -> Space | None:
        known = story.notes.get("spaces")
        if not known:  # a search of an earlier version, or one that was killed at its very start
            known = {
                block.get("name"): {
                    "class": str(block.get("class")).replace("Block", "Space"),
                    "config": block["space"],
                }
                for block in story.facts.get("graph", {}).get("blocks", ())
                if isinstance(block.get("space"), dict)
            }
        parts = {}
        for name, entry in known.items():
            if entry.get("class") in SPACE_CLASSES:
                for _, space in self._each([(f"space of {name}", entry)], _make_space):
                    parts[name] = space
        return JoinedSpace(parts) if parts and len(parts) == len(known) else None

    def _raw_trials(self, oracle: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """The states of the trials by file, in the order in which they ended."""
        states = []
        for file in self.folder.glob("trial_*/trial.json"):
            name = file.relative_to(self.folder)
            state = self.mapping(name)
            if state:
                states.append((str(name), {**state, "folder": file.parent}))
        ended = {trial_id: place for place, trial_id in enumerate(oracle.get("end_order") or ())}
        return sorted(states, key=lambda pair: (ended.get(_id(pair[1]), math.inf), len(_id(pair[1])), _id(pair[1])))

    def _trial(self, state: Mapping[str, Any], space: Space | None) -> Trial:
        folder, status = state["folder"], str(state.get("status"))
        result = self.mapping(folder / "result.json")
        curves = self.mapping(folder / "curves.json") or _curves(self.json(folder / "training" / "history.json", []))
        decisions = state.get("hyperparameters", {}).get("values") or {}
        failed = status in ("FAILED", "INVALID")
        message = str(state.get("message") or "")
        return Trial(
            name=_id(state),
            status=status,
            score=_number(state.get("score")),
            metrics=_metrics(state),
            decisions=decisions,
            architecture=_text(space, decisions),
            costs=_costs(result),
            seconds=_number(result.get("seconds")),
            full=_number(self.mapping(Path("full") / f"{_id(state)}.json").get("score")),
            curves=_finite_curves(curves),
            reason=reason(message) if failed else None,
            message=message,
        )

    def _candidates(self) -> list[Candidate]:
        path = self.folder / "search" / "inherited.csv"
        if not path.exists():
            return []
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        found = []
        for row in rows:
            score = _number(row.get("score"))
            if score is not None:
                found.append(Candidate(str(row.get("architecture")), score, _costs(row)))
        return found

    def _supernet_logs(self) -> dict[str, list[dict[str, Any]]]:
        """The epochs of the trainings of supernets, by title."""
        found = {}
        for file in sorted((self.folder / "search").rglob("history.json")):
            part = file.parent.relative_to(self.folder / "search").as_posix()
            entries = [entry for entry in self.json(file, []) if isinstance(entry, dict)]
            if entries:
                found["Search" if part == "." else f"Search, {part.replace('_', ' ')}"] = entries
        return found

    def _find(self, story: Story, logs: Mapping[str, list[dict[str, Any]]]) -> None:
        """What was found, or is best so far, or what the alphas favour at this moment."""
        best = story.best
        if best is not None:
            story.decisions = best.decisions
            story.found = _point(story.space, best.decisions)
            so_far = f"Best of the trials so far: trial {best.name}."
            told = "What the search found; its final training is not finished." if story.one_shot else so_far
            story.found_by = "" if story.finished else told
            return
        for title, entries in logs.items():
            record = entries[-1].get("record", {})
            if isinstance(story.space, JoinedSpace):
                for _, point in self._each([(title, record)], lambda r: _favoured(story.space, r)):
                    story.found, story.decisions = point, dict(point or {})
                    story.found_by = f"What the alphas favour after epoch {len(entries)}." if point else ""

    def _phases(self, story: Story) -> dict[str, float]:
        known = {name: value for name, value in story.notes.get("phases", {}).items() if _number(value) is not None}
        if not known:
            search = sum(trial.seconds or 0.0 for trial in story.trials)
            final = _number(self.mapping("final.json").get("seconds")) or 0.0
            known = {name: value for name, value in (("search", search), ("final", final)) if value}
        # A kill leaves less in the notes than the epochs say.
        for name in ("search", "final"):
            files = sorted((self.folder / name).rglob("history.json"))
            least = sum(_number(e.get("seconds")) or 0.0 for file in files for e in self.json(file, []) if e)
            if least > known.get(name, 0.0):
                known[name] = least
        return dict(sorted(known.items(), key=lambda pair: PHASES.index(pair[0]) if pair[0] in PHASES else 9))

    def _trusts(self, trials: Sequence[Trial]) -> list[Trust]:
        """Pairs of cheap and full judgements: of a check of a proxy, of the finalists of a search, or as they are named."""
        found = []
        for file, name, cheap, full in (
            ("proxy.json", "architecture", "proxy_score", "full_score"),
            ("trust.json", "network", "cheap", "full"),
        ):
            known = self.mapping(file)
            rows = known.get("pairs") or known.get("networks") or ()
            pairs = []
            for _, row in self._each([(file, row) for row in rows], dict):
                values = _number(row.get(cheap)), _number(row.get(full))
                if values[0] is not None and values[1] is not None:
                    pairs.append((str(row.get(name, "")), values[0], values[1]))
            if pairs:
                found.append(Trust(str(known.get("measure", "training on the proxy")), pairs))
        finalists = [(f"trial {t.name}", t.score, t.full) for t in trials if t.score is not None and t.full is not None]
        if finalists:
            found.append(Trust("their trials, which chose them,", finalists))
        return found


def _make_space(entry: Mapping[str, Any]) -> Space:
    return SPACE_CLASSES[entry["class"]](**entry["config"])


def _id(state: Mapping[str, Any]) -> str:
    return str(state.get("trial_id", ""))


def _number(value: Any) -> float | None:
    """A finite number, None for all else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _costs(result: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name in COSTS if (value := _number(result.get(name))) is not None}


def _metrics(state: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for name, metric in (state.get("metrics") or {}).get("metrics", {}).items():
        observations = metric.get("observations") or ()
        at_best = [o for o in observations if o.get("step") == state.get("best_step")] or observations[-1:]
        if at_best and (value := _number(at_best[-1]["value"][0])) is not None:
            found[name] = value
    return found


def _objective(fact: Any, raw: list[tuple[str, dict[str, Any]]]) -> tuple[str, str]:
    """Name and direction of the objective, as the project or its trials say."""
    text = str(fact or "")
    if text.startswith("["):
        return "multi_objective", "min"  # the sum that KerasTuner makes of several
    named = re.search(r"name=['\"]([^'\"]+)", text)
    name = named.group(1) if named else text
    said = re.search(r"direction=['\"](min|max)", text)
    if said:
        return name, said.group(1)
    for _, state in raw:
        metric = ((state.get("metrics") or {}).get("metrics") or {}).get(name)
        if isinstance(metric, dict) and metric.get("direction") in ("min", "max"):
            return name, metric["direction"]
    return name, "min" if re.search("loss|error|mse|mae", name) else "max"


def _point(space: Space | None, decisions: Mapping[str, Any]) -> Any:
    """The point of the space that hyperparameters name; other hyperparameters are left out. None when there is none."""
    if space is None:
        return None
    try:
        return space.architecture({name: value for name, value in decisions.items() if name in space.named})
    except ValueError:
        return None


def _text(space: Space | None, decisions: Mapping[str, Any]) -> str | None:
    point = _point(space, decisions)
    if point is not None:
        return str(point).replace("\n", "; ")
    return ", ".join(f"{name}={value}" for name, value in decisions.items()) or None


def _favoured(space: Any, record: Mapping[str, Any]) -> Any:
    """What alphas favour, None when they are not all there."""
    decisions: dict[str, Any] = {}
    for block, part in space.parts.items():
        if block not in record or not isinstance(part, CellSpace):
            return None
        found = part.discretize(record[block])
        decisions |= {f"{block}/{name}": option for name, option in found.items()}
    return space.architecture(decisions)


def _options(oracle: Mapping[str, Any]) -> dict[str, list[str]]:
    """The options of each hyperparameter."""
    entries = (oracle.get("hyperparameters") or {}).get("space", ())
    return {e["config"]["name"]: [str(v) for v in e["config"].get("values", ())] for e in entries if "config" in e}


def _curves(entries: Any) -> Curves:
    names = {name: None for entry in entries for name in entry if name not in NOTES}
    return _finite_curves({name: [entry.get(name) for entry in entries] for name in names})


def _finite_curves(curves: Mapping[str, Any]) -> Curves:
    return {
        str(name): [_number(value) for value in values] for name, values in curves.items() if isinstance(values, list)
    }
