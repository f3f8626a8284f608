"""The story of a search as one page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path

from autonas_keras.files import write_atomically
from autonas_keras.reporting import sections
from autonas_keras.reporting.html import Html, count, duration, number, paragraph, plural, text
from autonas_keras.reporting.reading import read_story
from autonas_keras.reporting.story import Story

FRESH = 120.0  # seconds since the last change of a file within which a search may be running

NAVIGATION = {
    "network": "Network",
    "search": "Search",
    "trials": "Trials",
    "learning": "Learning curves",
    "weights": "Weights",
    "trust": "Trust",
    "failures": "Failures",
    "time": "Time",
    "settings": "Settings",
}


def write_report(folder: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Write the page of the search in a folder, which is only read: it may be finished, killed, or still running.

    Args:
        folder: Folder of the project.
        path: Where the page goes; missing folders are made, and a file of that name is replaced at once.

    Returns:
        The path.

    Raises:
        ValueError: When the suffix is neither .html nor .htm, or the folder holds several searches.
        FileNotFoundError: When there is no such folder.
        OSError: When the page cannot be written there.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"Expected the name of a page to end in .html, got {path.name!r}.")
    page = report_page(read_story(folder))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page, sync=False)
    return path


def report_page(story: Story) -> str:
    """The page of a story as HTML."""
    parts = [
        sections.found_section(story),
        sections.search_section(story),
        sections.trials_section(story),
        sections.learning_section(story),
        sections.mixtures_section(story),
        sections.trust_section(story),
        sections.failures_section(story),
        sections.time_section(story),
        sections.settings_section(story),
    ]
    script, style = _resource("page.js"), _resource("page.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Nothing is loaded from anywhere, and no script runs but this one.
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:"
    body = "".join(parts) or paragraph("Nothing is written down yet: the search has not begun.")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">'
        f'<link rel="icon" href="data:,"><title>{text(story.name)}: architecture search</title>'
        f"<style>{style}</style></head><body>"
        f"<header>{_head(story)}{_navigation(parts)}</header><main>{body}</main>{_foot(story)}"
        f"<script>{script}</script></body></html>\n"
    )


@cache
def _resource(name: str) -> str:
    return resources.files("autonas_keras.reporting").joinpath(name).read_text(encoding="utf-8")


def _navigation(parts: list[Html]) -> str:
    there = [name for name in NAVIGATION if any(part.startswith(f'<section id="{name}"') for part in parts)]
    links = "".join(f'<li><a href="#{name}">{NAVIGATION[name]}</a></li>' for name in there)
    return f'<nav aria-label="Sections"><ul>{links}</ul></nav>' if links else ""


def _head(story: Story) -> str:
    method = (story.facts.get("tuner") or {}).get("name")
    kicker = " · ".join(["Architecture search", *([str(method)] if method else []), _state(story)])
    return (
        f'<p class="kicker">{text(kicker)}</p><h1>{text(story.name)}</h1>'
        f"{paragraph(_summary(story), style='lead')}{_warning(story)}{_figures(story)}"
    )


def _state(story: Story) -> str:
    if story.finished:
        return "finished"
    if story.written is None:
        return "not begun"
    phase = {"declare": "preparing", "search": "searching", "final": "in the final training"}.get(
        str(story.notes.get("open")), "not finished"
    )
    fresh = time.time() - story.written < FRESH
    return phase if fresh or phase == "not finished" else f"{phase} when it was last written to"


def _summary(story: Story) -> str:
    """What came of it, in a sentence or two."""
    found = []
    if story.candidates:
        found.append(
            f"One supernet was trained, and {count(len(story.candidates))} networks were judged with its weights."
        )
    elif any(title.startswith("Search") for title in story.trainings):
        epochs = max(len(v) for t, c in story.trainings.items() if t.startswith("Search") for v in c.values())
        found.append(f"One supernet learnt weights and architecture together for {count(epochs)} epochs.")
    elif story.trials:
        found.append(f"{plural(len(story.completed), 'trial')} trained a network each.")
    best = story.best
    if best is not None and story.objective:
        told = f"{story.objective} {number(best.score)}"
        if story.quality != story.objective and story.quality in best.metrics:
            told += f" and {story.quality} {number(best.metrics[story.quality])}"
        ending = f" with {count(best.costs['params'])} parameters." if "params" in best.costs else "."
        reached = "The best one reached" if story.finished else "The best one so far reached"
        found.append(f"{'With shared weights what was found reached' if story.one_shot else reached} {told}{ending}")
    return " ".join(found) or "Nothing has been found yet."


def _figures(story: Story) -> str:
    best, rows = story.best, []
    if best is not None:
        value = best.metrics.get(story.quality, best.score)
        rows.append((story.quality or "score", number(value), "with shared weights" if story.one_shot else ""))
        rows += [
            (name, count(best.costs[cost]), "")
            for cost, name in (("params", "parameters"), ("flops", "multiply-adds"))
            if cost in best.costs
        ]
    if len(story.trials) > 1:
        most = story.notes.get("max_trials")
        rows.append(("trials", count(len(story.completed)), f"of {count(most)}" if isinstance(most, int) else ""))
    elif story.candidates:
        rows.append(("networks judged", count(len(story.candidates)), ""))
    if story.failed:
        rows.append(("failed", count(len(story.failed)), ""))
    if story.phases:
        rows.append(("time", duration(sum(story.phases.values())), ""))
    cells = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)} {f'<small>{text(note)}</small>' if note else ''}</dd></div>"
        for name, value, note in rows
    )
    return f'<dl class="figures">{cells}</dl>' if cells else ""


def _warning(story: Story) -> str:
    if not story.problems:
        return ""
    shown = "".join(f"<li>{text(problem)}</li>" for problem in story.problems[:10])
    more = f"<li>and {len(story.problems) - 10} more</li>" if len(story.problems) > 10 else ""
    return f'<div class="warn" role="note"><p>Some files could not be read and are left out:</p><ul>{shown}{more}</ul></div>'


def _foot(story: Story) -> str:
    if story.written is None:
        return ""
    moment = datetime.fromtimestamp(story.written, UTC)
    told = f'State of <time datetime="{moment.isoformat(timespec="seconds")}">{moment:%Y-%m-%d %H:%M} UTC</time>'
    return f"<footer>{told}, when the folder of the search was last written to. Made by autonas_keras.</footer>"
