"""Candidates that are judged on a proxy, the best of them in full, and what the proxy is worth."""

from __future__ import annotations

import json
import math
import shutil
import time
import traceback
import zlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from autonas_keras import oracles
from autonas_keras.blocks import Graph, Network
from autonas_keras.blocks.isolation import forgotten_gradients
from autonas_keras.evaluation import Proxy, ProxyReport
from autonas_keras.files import write_atomically
from autonas_keras.training import Pace, spent
from autonas_keras.tuners.base import SearchTuner
from autonas_keras.tuners.network import Plan, train
from autonas_keras.tuners.timed import LEAST_TRIAL

TOP_K = 5
ON_PROXY = 0.5  # share of the time of a search with a limit that candidates get on a proxy
FULL, CHECKED = "full", "proxies"  # folders of a project


class ProxyTuner(SearchTuner):
    """A search whose candidates may be trained on a proxy: the best are then trained in full and compared once more.

    What was trained in full is in files of its own, one for each candidate, so that no oracle mistakes it for a trial.
    """

    method: Any  # a TrialMethod
    _subset: tuple[Proxy, Any] | None = None  # a proxy, and its samples

    @abstractmethod
    def _full_plan(self, directory: Path, epochs: int) -> Plan:
        """How a network is trained in full, to be compared with others."""

    def _proxy_plan(self, directory: Path, proxy: Proxy | None) -> Plan:
        """How a network is trained to be compared with others, on a proxy or in full."""
        epochs = self._fit["epochs"]
        plan = self._full_plan(directory, epochs if proxy is None else proxy.epochs or epochs)
        plan.proxy = proxy
        return plan

    def _samples(self, plan: Plan) -> Any:
        """The samples that a plan trains on."""
        if plan.proxy is None:
            return self._data
        if self._subset is None or self._subset[0] != plan.proxy:
            self._subset = plan.proxy, plan.proxy.subset(self._data, self.seed)
        return self._subset[1]

    def train_trial(self, hp: Any, plan: Plan) -> tuple[keras.callbacks.History, dict[str, Any]]:
        """As ever, or on a proxy; the costs are those of the full network."""
        if plan.proxy is None:
            return super().train_trial(hp, plan)
        _, history = train(self.graph, hp, self._samples(plan), plan)
        return history, self._costs(hp)

    def trial_pace(self) -> Pace | None:
        if self.method.proxy is None or self.clock is None or self.hasty:
            return super().trial_pace()
        return self._pace(self.trial_seconds())

    def _pace(self, seconds: float) -> Pace:
        """What ends a training after so many seconds."""
        assert self.clock is not None
        clock, end = self.clock, self.clock.used() + seconds
        return Pace(lambda: end - clock.used())

    def on_search_begin(self) -> None:
        super().on_search_begin()
        proxy = self.method.proxy
        if proxy is not None:
            check_proxy(proxy, self.graph)
            self.search_share = ON_PROXY * type(self).search_share
        if self.method.validate_proxy and self.clock is not None:
            raise ValueError(
                f"Expected no time_limit with validate_proxy={self.method.validate_proxy}, got {self.clock.limit:g} s; "
                "validate the proxy before: proxy.validate(clf, x, y)."
            )
        if self.method.validate_proxy:
            report = self._validate(proxy, self.method.validate_proxy, self.project.read())
            if self._fit["verbose"]:
                print(report)

    def on_search_end(self) -> None:
        super().on_search_end()
        self.search_share = type(self).search_share
        if self.method.proxy is not None and self._only is None:
            self._train_finalists()
        self._subset = None

    # The best in full

    def _train_finalists(self) -> None:
        """Train the best candidates in full; those that were before are not trained again."""
        finalists = self._finalists()
        if self._fit["verbose"] and finalists:
            print(f"Training the best {len(finalists)} on the proxy in full, for {self._fit['epochs']} epochs.")
        results: list[dict[str, Any]] = []
        for number, trial in enumerate(finalists):
            path, pace = self._file(FULL, trial.trial_id), None
            if self.clock is not None and not path.with_suffix(".json").exists():
                seconds = self.search_left() / (len(finalists) - number)
                if self.search_left() < LEAST_TRIAL:
                    break
                pace = self._pace(max(seconds, LEAST_TRIAL))
            results.append(self._judged(path, trial.hyperparameters, None, pace))
        if results and all(result["score"] is None for result in results):
            raise RuntimeError(
                f"Expected a candidate whose full training completes, got {len(results)} that failed:\n"
                f"{results[-1]['message']}"
            )

    def _finalists(self) -> list[Any]:
        """The trials of the best architectures on the proxy, the best first."""
        best: dict[Any, Any] = {}
        for trial in self._ranked():
            values = trial.hyperparameters.values
            best.setdefault(tuple(sorted((n, v) for n, v in values.items() if not n.startswith("tuner/"))), trial)
        return list(best.values())[: self.method.top_k or TOP_K]

    def _ranked(self) -> list[Any]:
        completed = [trial for trial in self._listed() if trial.status == "COMPLETED"]
        return sorted(completed, key=lambda trial: trial.score, reverse=self.oracle.objective.direction == "max")

    def _judged(self, path: Path, hp: Any, proxy: Proxy | None, pace: Pace | None = None) -> dict[str, Any]:
        """What a training gave: score (None when it failed), metrics of the best epoch, seconds and a message.

        Args:
            path: Folder of its checkpoints; the result is in the file of that name.
            hp: Hyperparameters with all values.
            proxy: What the network is trained on, None for the full training.
            pace: Ends the training in time.
        """
        file = path.with_name(f"{path.name}.json")
        if file.exists():
            return json.loads(file.read_text())
        start, objective = time.perf_counter() - spent(path), self.oracle.objective
        result: dict[str, Any] = {"score": None, "metrics": {}, "message": None}
        try:
            plan = self._proxy_plan(path, proxy)
            plan.pace = pace
            with forgotten_gradients():
                _, history = train(self.graph, hp, self._samples(plan), plan)
            result["metrics"] = best_epoch(history.history, objective)
            score = objective.get_value(result["metrics"])
            result["score"] = score if math.isfinite(score) else None
            result["message"] = None if math.isfinite(score) else f"{objective.name} was {score}"
        except OSError:
            raise
        except Exception:
            result["message"] = traceback.format_exc()
        result["seconds"] = time.perf_counter() - start
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(result, default=float))
        shutil.rmtree(path, ignore_errors=True)
        return result

    def _full_results(self) -> dict[str, dict[str, Any]]:
        """What full trainings gave, by trial."""
        if self.method.proxy is None:
            return {}
        files = sorted(self._file(FULL).glob("*.json"))
        return {file.stem: json.loads(file.read_text()) for file in files}

    @property
    def best_trial(self) -> Any:
        """The candidate that was best in full; as long as none was trained in full, the best on the proxy.

        Raises:
            ValueError: When no trial is completed yet.
        """
        scores = {name: one["score"] for name, one in self._full_results().items() if one["score"] is not None}
        if not scores:
            return super().best_trial
        choose = max if self.oracle.objective.direction == "max" else min
        return self.oracle.trials[choose(scores, key=lambda name: scores[name])]

    def leaderboard(self) -> pd.DataFrame:
        """As ever; after a search on a proxy, the score is that on the proxy, and full_score that of a full training."""
        table = super().leaderboard()
        if self.method.proxy is None:
            return table
        results = self._full_results()
        for place, (name, key) in enumerate({"full_score": "score", "full_seconds": "seconds"}.items(), 1):
            values = [results.get(trial, {}).get(key) for trial in table["trial"]]
            table.insert(table.columns.get_loc("score") + place, name, pd.Series(values, dtype=float))
        rising = self.oracle.objective.direction == "min"
        return table.sort_values(["full_score", "score"], ascending=rising, na_position="last", ignore_index=True)

    # What the proxy is worth

    def validate_proxy(self, proxy: Proxy, n: int, facts: Mapping[str, Any], **data: Any) -> ProxyReport:
        """Train random architectures both ways, apart from the search; called again it goes on where it was.

        Args:
            proxy: The proxy.
            n: Architectures.
            facts: What the trainings depend on.
            **data: As ``search`` takes it.
        """
        with self.project.writing(), forgotten_gradients():
            self._prepare(**data)
            self._declare()
            check_proxy(proxy, self.graph)
            report = self._validate(proxy, n, facts)
            if self._fit["verbose"]:
                print(report)
            self._subset = None
            del self._data, self._validation
        return report

    def _validate(self, proxy: Proxy, n: int, facts: Mapping[str, Any]) -> ProxyReport:
        tuner = {name: value for name, value in facts["tuner"].items() if name not in ("proxy", "top_k")}
        text = json.dumps({**facts, "tuner": tuner, "proxy": proxy.facts()}, sort_keys=True)
        folder = self._file(CHECKED, f"{zlib.crc32(text.encode()):08x}")
        rows = []
        for number, hp in enumerate(self._random_hyperparameters(n)):
            row: dict[str, Any] = {"architecture": None}
            if self.graph.searched:
                row["architecture"] = str(self.architecture(hp)).replace("\n", "; ")
            for name, given in (("proxy", proxy), ("full", None)):
                result = self._judged(folder / f"{number}_{name}", hp, given)
                row |= {f"{name}_score": result["score"], f"{name}_seconds": result["seconds"]}
            rows.append(row)
        report = ProxyReport.of(rows)
        summary = {"rank_correlation": report.rank_correlation, "speed_up": report.speed_up, "networks": rows}
        write_atomically(self._file("proxy.json"), json.dumps({"proxy": proxy.facts(), **summary}))
        return report

    def _random_hyperparameters(self, n: int) -> list[Any]:
        """Hyperparameters of random networks within the limits, none twice; more of them begin with the same ones."""
        space = self.oracle.get_space()
        known = self.graph.space if self.graph.searched else None
        drawn = oracles.RandomSearch(self.oracle.objective, n, seed=self.seed, space=known, hyperparameters=space)
        drawn.excess, drawn.asks = self._excess if self.limits else None, self._asks(space)
        found = []
        for number in range(n):
            values = drawn.populate_space(str(number)).get("values")
            if values is None:
                break
            hp = space.copy()
            hp.values = {**hp.values, **values}
            found.append(hp)
        return found

    @abstractmethod
    def _costs(self, hp: Any) -> dict[str, float]:
        """What the full network of hyperparameters costs."""

    @abstractmethod
    def _asks(self, hp: Any) -> int:
        """Of how many networks at most the excess may be asked for one proposal."""

    @abstractmethod
    def _excess(self, values: dict[str, Any]) -> float:
        """By how much the full network of hyperparameter values passes the limits, 0 within them."""


def best_epoch(history: Mapping[str, Sequence[float]], objective: Any) -> dict[str, float]:
    """The metrics of the epoch with the best finite value of an objective, those of the last when none is finite."""
    epochs = [dict(zip(history, numbers, strict=True)) for numbers in zip(*history.values(), strict=False)]
    values = [objective.get_value(epoch) for epoch in epochs]
    finite = [epoch for epoch, value in enumerate(values) if math.isfinite(value)]
    choose = max if objective.direction == "max" else min
    best = choose(finite, key=lambda epoch: values[epoch], default=len(values) - 1)
    return {name: float(numbers[best]) for name, numbers in history.items()}


def check_proxy(proxy: Proxy, graph: Graph) -> None:
    """Refuse a proxy with a setting that nothing in a graph follows.

    Args:
        proxy: The proxy.
        graph: A graph that was built.

    Raises:
        ValueError: When no searched block follows one of its settings.
    """
    network = Network(**proxy.sizes())
    follows = [block.follows(network) for block in graph.searched]
    for name, who in (
        ("width", "searched blocks of images"),
        ("depth", "searched blocks of cells"),
        ("resolution", "searched blocks, other than mobile networks, that see 24 pixels or more"),
    ):
        if getattr(proxy, name) != 1 and not any(found[name] for found in follows):
            raise ValueError(
                f"Expected a proxy without {name} for a graph that has no {who}, got {name}={getattr(proxy, name)}; "
                "leave it out."
            )
