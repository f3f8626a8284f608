"""What a report tells, a function for each section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autonas_keras.reporting.cells import cells_svg
from autonas_keras.reporting.charts import Chart, Dots, areas
from autonas_keras.reporting.curves import cost_charts, learning_charts, progress_chart
from autonas_keras.reporting.html import (
    Html,
    charts,
    count,
    duration,
    figure,
    number,
    pairs_table,
    paragraph,
    plural,
    scrolling,
    section,
    text,
)
from autonas_keras.reporting.story import Mixture, Story, Trial, rank_correlation

FIRST = 20  # rows of the table of trials before all are asked for
ROWS = 120  # edges or decisions of a mixture that are drawn at most
REASONS = 20  # reasons of failures that are listed
MESSAGE = 4000  # characters of the end of a message
PHASE_NAMES = {"declare": "Preparing the space", "search": "Search", "final": "Final training"}


def found_section(story: Story) -> Html:
    """The network: its cells, its notation and its layers."""
    parts: list[Html] = []
    if story.found_by:
        parts.append(paragraph(story.found_by, style="note"))
    if story.found is not None and story.space is not None:
        parts += _cells(story)
        parts.append(Html(f"<details><summary>Its notation</summary><pre>{text(story.found)}</pre></details>"))
    if story.decisions:
        rows = [(name, value) for name, value in story.decisions.items()]
        table = pairs_table("What was decided", rows)
        parts.append(Html(f"<details><summary>{plural(len(rows), 'decision')}</summary>{table}</details>"))
    parts.append(_layers(story.layers))
    return section("network", "The found network" if story.finished else "The network so far", *parts)


def _cells(story: Story) -> list[Html]:
    assert story.space is not None and story.found is not None
    try:
        drawn = cells_svg(story.space, story.found)
    except ValueError:  # a space that has no cells; its notation says all of it
        return []
    if len(getattr(story.space, "parts", ())) == 1:  # the name of the only block says nothing
        drawn = [(title.rpartition(", ")[2], svg) for title, svg in drawn]
    return [Html(f"<h3>{text(_capital(title))}</h3>{scrolling(title, svg)}") for title, svg in drawn]


def _layers(rows: Sequence[Mapping[str, Any]]) -> Html:
    if not rows:
        return Html("")
    body = "".join(
        f'<tr><th scope="row">{text(row.get("name"))}</th><td>{text(row.get("type"))}</td>'
        f'<td>{text(_shapes(row.get("shape")))}</td><td class="n">{_cell_count(row.get("params"))}</td></tr>'
        for row in rows
    )
    head = '<tr><th scope="col">Layer</th><th scope="col">Type</th><th scope="col">Output</th><th scope="col" class="n">Parameters</th></tr>'
    table = f"<table><caption>Layers of the exported network, in their order</caption><thead>{head}</thead><tbody>{body}</tbody></table>"
    return Html(f"<details><summary>{plural(len(rows), 'layer')}</summary>{scrolling('Layers', table)}</details>")


def _shapes(shapes: Any) -> str:
    return ", ".join("×".join(map(str, shape)) for shape in shapes or ())


def _cell_count(value: Any) -> str:
    return count(value) if isinstance(value, (int, float)) else "–"


def search_section(story: Story) -> Html:
    """How the search went, and what networks cost."""
    return section("search", "How the search went", charts(progress_chart(story), *cost_charts(story)))


# Trials


def trials_section(story: Story) -> Html:
    """Every trial in a table that sorts by its headings."""
    if not story.trials:
        return Html("")
    metrics = list(dict.fromkeys(name for name in (story.objective, story.quality) if name))
    costs = [cost for cost in ("params", "flops", "latency_ms") if any(cost in trial.costs for trial in story.trials)]
    titles = {"params": "Parameters", "flops": "Multiply-adds", "latency_ms": "Milliseconds"}
    best = story.best
    ordered = sorted(story.trials, key=lambda t: -story.sign * t.score if t.score is not None else float("inf"))
    ascending = "ascending" if story.sign < 0 else "descending"
    orders = {name: "ascending" if name.endswith(("loss", "error")) else "descending" for name in metrics}
    head = [_head("Trial", "ascending")]
    head += [_head(n, orders[n], sort=ascending if n == story.objective else "none", numbers=True) for n in metrics]
    head += [_head(titles[cost], "ascending", numbers=True) for cost in costs]
    full = any(trial.full is not None for trial in story.trials)
    head += [_head("In full", orders.get(story.objective, "descending"), numbers=True)] if full else []
    head += [
        _head("Seconds", "ascending", numbers=True),
        _head("Status", "ascending"),
        _head("Architecture", "ascending"),
    ]
    body = "".join(_trial_row(trial, metrics, costs, trial is best, full) for trial in ordered)
    table = (
        f'<table class="sortable" data-first="{FIRST}" data-news="trials-news" data-more="trials-more">'
        f"<caption>{plural(len(ordered), 'trial')}, the best first. A heading sorts by its column; the name of a trial shows its architecture.</caption>"
        f"<thead><tr>{''.join(head)}</tr></thead><tbody>{body}</tbody></table>"
    )
    more = f'<button type="button" class="more" id="trials-more" hidden>Show all {count(len(ordered))} trials</button>'
    news = '<p class="hidden" id="trials-news" role="status"></p>'
    return section("trials", "Trials", scrolling("Table of trials", table), Html(more + news))


def _head(title: str, order: str, sort: str = "none", numbers: bool = False) -> str:
    style = ' class="n"' if numbers else ""
    return f'<th scope="col"{style} aria-sort="{sort}" data-order="{order}"><button type="button">{text(title)}</button></th>'


def _trial_row(trial: Trial, metrics: Sequence[str], costs: Sequence[str], best: bool, full: bool) -> str:
    cells = [f'<th scope="row"><button type="button" aria-expanded="false">{text(trial.name)}</button></th>']
    for name in metrics:
        # The score of a trial stands for the objective, which may be several.
        value = trial.metrics.get(name, trial.score if name == metrics[0] else None)
        cells.append(_value(value, number(value)))
    cells += [_value(trial.costs.get(cost), count(trial.costs.get(cost))) for cost in costs]
    cells += [_value(trial.full, number(trial.full))] if full else []
    cells.append(_value(trial.seconds, "–" if trial.seconds is None else f"{trial.seconds:,.1f}"))
    status = trial.status.lower()
    style = "s bad" if trial.reason else "s"
    cells.append(f'<td class="{style}">{text(status)}{" · best" if best else ""}</td>')
    cells.append(f"<td><code>{text(trial.reason or trial.architecture or '')}</code></td>")
    marked = ' class="best"' if best else ""
    return f"<tr{marked}>{''.join(cells)}</tr>"


def _value(value: float | None, shown: str) -> str:
    return f'<td class="n" data-v="{"" if value is None else repr(float(value))}">{shown}</td>'


# What was learnt


def learning_section(story: Story) -> Html:
    """Learning curves."""
    return section("learning", "Learning curves", charts(*learning_charts(story)))


def mixtures_section(story: Story) -> Html:
    """Alphas or probabilities over time."""
    if not story.mixtures:
        return Html("")
    controller = any(mixture.title.startswith("controller") for mixture in story.mixtures)
    told = (
        "How likely the controller takes each option of a decision, from the beginning (left) to the end (right)."
        if controller
        else "Weight of each operation on the edges of a cell, from the first epoch (left) to the last (right)."
    )
    parts = [paragraph(told, " Under each stands the option that leads at the end.", style="note")]
    parts += [_mixture(mixture) for mixture in story.mixtures]
    return section("weights", "What the controller learnt" if controller else "What the alphas learnt", *parts)


def _mixture(mixture: Mixture) -> Html:
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, options in enumerate(mixture.options[:ROWS]):
        groups.setdefault(tuple(options), []).append(row)
    parts = [f"<h3>{text(_capital(mixture.title))}</h3>"]
    for options, rows in groups.items():
        keys = "".join(f'<li><i class="swatch c{i % 12}"></i>{text(name)}</li>' for i, name in enumerate(options))
        parts.append(f'<ul class="legend">{keys}</ul><ul class="multiples">')
        for row in rows:
            last = mixture.values[-1][row]
            leading = max(range(len(last)), key=lambda i: last[i])
            title = f"{mixture.rows[row]}: {options[leading]} leads with {last[leading]:.2f}"
            drawn = areas([moment[row] for moment in mixture.values], title)
            parts.append(
                f"<li>{text(mixture.rows[row])}{drawn}<b>{text(options[leading])}</b> <span>{last[leading]:.2f}</span></li>"
            )
        parts.append("</ul>")
    left = len(mixture.rows) - ROWS
    if left > 0:
        parts.append(paragraph(f"{left} more are not drawn.", style="note"))
    return Html("".join(parts))


# Whether to believe it


def trust_section(story: Story) -> Html:
    """How well cheap measures rank networks as full training does."""
    parts = []
    for trust in story.trusts:
        pairs = [(cheap, full) for _, cheap, full in trust.pairs]
        found = rank_correlation(pairs)
        told = f"{plural(len(pairs), 'network')} were judged by {trust.measure} and trained in full."
        if found is not None:
            verdict = "much" if found >= 0.8 else "roughly" if found >= 0.5 else "not"
            told += f" Spearman's rank correlation is {found:.2f}: the cheap measure ranks them {verdict} as full training does."
        texts = [f"{name or 'a network'}: {number(cheap)}, in full {number(full)}" for name, cheap, full in trust.pairs]
        chart = Chart(told, "cheap", "in full", [Dots(pairs, "frontdot", texts)], robust=False)
        parts += [paragraph(told), charts(figure(chart, "Cheap against full"))]
    return section("trust", "Trust", *parts)


def failures_section(story: Story) -> Html:
    """What failed and why, and files that could not be read."""
    parts = []
    reasons: dict[str, list[Trial]] = {}
    for trial in story.failed:
        reasons.setdefault(str(trial.reason), []).append(trial)
    ordered = sorted(reasons.items(), key=lambda pair: -len(pair[1]))
    for reason, trials in ordered[:REASONS]:
        names = ", ".join(trial.name for trial in trials[:10]) + (", …" if len(trials) > 10 else "")
        message = trials[-1].message[-MESSAGE:]
        told = f"{count(len(trials))} of {plural(len(story.trials), 'trial')}: {names}."
        parts.append(f"<h3>{text(reason)}</h3>{paragraph(told, style='note')}")
        parts.append(
            f"<details><summary>The message of trial {text(trials[-1].name)}</summary><pre>{text(message)}</pre></details>"
        )
    if len(ordered) > REASONS:
        parts.append(paragraph(f"And {len(ordered) - REASONS} other reasons.", style="note"))
    return section("failures", "What failed, and why", *map(Html, parts))


# Facts


def time_section(story: Story) -> Html:
    """Time by phase."""
    total = sum(story.phases.values())
    if not total:
        return Html("")
    body = "".join(
        f'<tr><th scope="row">{text(PHASE_NAMES.get(name, name))}</th><td class="n">{duration(seconds)}</td>'
        f'<td><span class="bar" style="width:{100 * seconds / total:.1f}%"></span></td></tr>'
        for name, seconds in story.phases.items()
    )
    rest = f'<tr><th scope="row">Together</th><td class="n">{duration(total)}</td><td></td></tr>'
    told = "Time by phase, the time before interruptions included."
    return section(
        "time", "Time", Html(f'<table class="bars"><caption>{told}</caption><tbody>{body}{rest}</tbody></table>')
    )


def settings_section(story: Story) -> Html:
    """Settings of the method, the data, the seed and the versions."""
    facts = story.facts
    method = dict(facts.get("tuner") or {})
    rows: list[tuple[str, Any]] = [("method", method.pop("name", "–"))]
    rows += [("chosen because", story.why)] if story.why else []
    rows += [
        ("seed", facts.get("seed", "–")),
        ("objective", f"{story.objective} ({story.direction})" if story.objective else "–"),
    ]
    rows += [(f"limit of {name}", _plain(value)) for name, value in (facts.get("limits") or {}).items()]
    rows += [
        (f"fit: {_spaced(name)}", _plain(value))
        for name, value in (facts.get("fit") or {}).items()
        if value is not None
    ]
    if story.notes.get("max_trials"):
        rows.append(("max trials", count(story.notes["max_trials"])))
    settings = [(_spaced(name), _plain(value)) for name, value in method.items() if value is not None]
    versions = list((story.notes.get("versions") or {}).items())
    if not facts and not versions:
        return Html("")
    tables = [
        pairs_table("The search", rows),
        pairs_table("Settings of the method; those left to the data are not listed", settings),
        pairs_table("The data", _data(facts.get("data") or {})),
        pairs_table("Versions", versions),
    ]
    return section("settings", "Settings", Html(f'<div class="columns">{"".join(tables)}</div>'))


def _data(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    if len(data.get("samples") or ()) == 2:
        rows.append(("samples to learn from and to validate on", " and ".join(map(count, data["samples"]))))
    rows += [("input", "×".join(map(str, shape))) for shape in data.get("inputs") or ()]
    for target in data.get("targets") or ():
        classes = target.get("classes")
        if isinstance(classes, list):
            shown = ", ".join(map(str, classes[:20])) + (", …" if len(classes) > 20 else "")
            rows.append((f"{count(len(classes))} classes", shown))
        else:
            rows.append(("target", target.get("type", "–")))
    return rows


def _spaced(name: str) -> str:
    return str(name).replace("_", " ")


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_spaced(name)} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value)


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]
