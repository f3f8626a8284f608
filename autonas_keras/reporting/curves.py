"""The charts of a report: how the search went, what networks cost, how trainings learnt."""

from __future__ import annotations

from collections.abc import Sequence

from autonas_keras.reporting.charts import Chart, Dots, Line, Point
from autonas_keras.reporting.html import Html, count, figure, number
from autonas_keras.reporting.mixtures import thinned
from autonas_keras.reporting.story import Curves, Story, Trial, best_so_far, front_of

SHOWN = 60  # trials whose learning curves are drawn
NAMED = 3  # of them, the best ones, in colours of their own
DOTS = 3000  # points of a scatter at most
COST_NAMES = {"params": "parameters", "flops": "multiply-adds", "latency_ms": "milliseconds"}


def progress_chart(story: Story) -> Html:
    """The scores in the order of the trials, or of the judged networks, and the best so far."""
    if len(story.completed) > 1:
        values = [trial.score or 0.0 for trial in story.completed]
        texts = [f"trial {trial.name}: {number(trial.score)}" for trial in story.completed]
        sign, axis, what = story.sign, story.objective, "trials"
    elif len(story.candidates) > 1:
        values = [candidate.score for candidate in story.candidates]
        texts = [f"network {i}: {number(value)}" for i, value in enumerate(values, 1)]
        sign, axis, what = 1, "score with inherited weights", "networks judged with shared weights"
    else:
        return Html("")
    places = list(range(1, len(values) + 1))
    points: list[Point] = list(zip(map(float, places), values, strict=True))
    kept = thinned(list(zip(points, texts, strict=True)), DOTS)
    best = list(zip(map(float, places), best_so_far(values, sign), strict=True))
    chart = Chart(
        f"Best {axis} so far over {len(values)} {what}",
        what,
        axis,
        [
            Dots([point for point, _ in kept], "dot", [text for _, text in kept], "each", _radius(len(kept))),
            Line(best, "line", "best so far", steps=True),
        ],
        whole_x=True,
    )
    better = "higher" if sign > 0 else "lower"
    return figure(chart, "Best so far", f"Every {what.split()[0].rstrip('s')} in its order; {better} is better.")


def cost_charts(story: Story) -> list[Html]:
    """Quality against each cost that is known, with the front."""
    found = []
    for cost, name in COST_NAMES.items():
        if story.candidates:
            rows = [(c.costs[cost], c.score, "") for c in story.candidates if c.costs.get(cost, 0) > 0]
            axis, sign = "score with inherited weights", 1
        else:
            axis = story.quality
            sign = 1 if axis == "val_accuracy" else story.sign
            rows = [
                (t.costs[cost], t.metrics[axis], f"trial {t.name}")
                for t in story.completed
                if t.costs.get(cost, 0) > 0 and axis in t.metrics
            ]
        if len(rows) < 2:
            continue
        points = [(x, y) for x, y, _ in rows]
        front = front_of(points, sign)
        texts = [f"{label or 'a network'}: {number(y)}, {count(x)} {name}" for x, y, label in rows]
        others = thinned([i for i in range(len(points)) if i not in set(front)], DOTS)
        chart = Chart(
            f"{axis} against {name}, {len(rows)} networks, {len(front)} in the front",
            name,
            axis,
            [
                Dots([points[i] for i in others], "dot", [texts[i] for i in others], "others", _radius(len(others))),
                Line([points[i] for i in front], "line", steps=True),
                Dots([points[i] for i in front], "frontdot", [texts[i] for i in front], "Pareto front", 3.5),
            ],
            log_x=max(x for x, _ in points) > 5 * min(x for x, _ in points),
        )
        found.append(
            figure(
                chart,
                f"{_capital(_words(axis))} against {name}",
                "No other network beats those of the front for the same cost.",
            )
        )
    return found


def learning_charts(story: Story) -> list[Html]:
    """The objective of the trials after each epoch, and the curves of supernets and the final network."""
    found = [_trials_chart(story)]
    for title, curves in story.trainings.items():
        found += _training_charts(title, curves)
    return [chart for chart in found if chart]


def _trials_chart(story: Story) -> Html:
    name = story.quality
    drawn = [trial for trial in story.trials if len(_points(trial.curves.get(name, ()))) > 1]
    if not drawn:
        return Html("")
    ranked = sorted(drawn, key=lambda t: story.sign * t.score if t.score is not None else float("-inf"), reverse=True)
    best, rest = ranked[:NAMED], thinned(ranked[NAMED:], SHOWN)

    def line(trial: Trial, style: str, label: str | None) -> Line:
        return Line(_points(trial.curves[name]), style, label)

    parts: list[Line | Dots] = [line(trial, "faintline", None) for trial in reversed(rest)]
    parts += [line(trial, f"l{place}", f"trial {trial.name}") for place, trial in enumerate(best)]
    note = f"The best {len(best)} in colour" + (
        f", {_of(len(rest), len(drawn) - len(best))} others in grey." if rest else "."
    )
    chart = Chart(f"{name} of {len(drawn)} trials after each epoch", "epoch", name, parts, whole_x=True)
    return figure(chart, f"Trials: {_words(name)}", note)


def _training_charts(title: str, curves: Curves) -> list[Html]:
    """The losses of a training in one chart, each metric with its validation in one of its own."""
    groups: dict[str, list[str]] = {}
    for name in curves:
        kind = "loss" if name.endswith("loss") else name.removeprefix("val_")
        groups.setdefault(kind, []).append(name)
    found = []
    for kind, names in groups.items():
        lines = [
            Line(_points(curves[name]), f"l{place % 5}", name)
            for place, name in enumerate(names)
            if _points(curves[name])
        ]
        if any(len(line.points) > 1 for line in lines):
            chart = Chart(f"{title}: {kind} after each epoch", "epoch", kind, [*lines], whole_x=True)
            found.append(figure(chart, f"{title}: {_words(kind)}"))
    return found


def _points(values: Sequence[float | None]) -> list[Point]:
    return [(float(epoch), value) for epoch, value in enumerate(values, 1) if value is not None]


def _of(shown: int, there: int) -> str:
    return str(shown) if shown == there else f"{shown} of {there:,}"


def _radius(points: int) -> float:
    return 2.5 if points > 300 else 3.5


def _words(name: str) -> str:
    return name.replace("val_", "validation ").replace("_", " ")


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
