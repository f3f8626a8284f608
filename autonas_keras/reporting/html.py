"""Small pieces of HTML; all text that is handed in is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from autonas_keras.reporting.charts import Chart


class Html(str):
    """Text that is HTML already."""


def text(value: Any) -> Html:
    """Anything as HTML: what is HTML as it is, all else escaped."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def paragraph(*parts: Any, style: str = "") -> Html:
    """A paragraph; parts that are not HTML are escaped."""
    return Html(f"<p{_classed(style)}>{''.join(map(text, parts))}</p>")


def section(name: str, title: str, *parts: Html) -> Html:
    """A section with its heading; empty when it has no parts."""
    body = "".join(parts)
    if not body:
        return Html("")
    return Html(
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{text(title)}</h2>{body}</section>'
    )


def figure(chart: Chart, caption: str, note: str = "") -> Html:
    """A chart with its caption and legend; empty when the chart has no points."""
    drawn = chart.svg()
    if not drawn:
        return Html("")
    return Html(f"<figure><figcaption><b>{text(caption)}</b> {text(note)}</figcaption>{drawn}{chart.legend()}</figure>")


def charts(*figures: Html) -> Html:
    """Figures side by side where there is room."""
    shown = "".join(figures)
    return Html(f'<div class="charts">{shown}</div>') if shown else Html("")


def pairs_table(caption: str, rows: Sequence[tuple[Any, Any]]) -> Html:
    """Names and values, a row each; empty without rows."""
    if not rows:
        return Html("")
    body = "".join(f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in rows)
    return Html(f'<table class="pairs"><caption>{text(caption)}</caption><tbody>{body}</tbody></table>')


def scrolling(label: str, content: str) -> Html:
    """What may be wider than a phone, reached by keyboard too."""
    return Html(f'<div class="scroll" role="region" aria-label="{text(label)}" tabindex="0">{content}</div>')


def number(value: float | None, digits: int = 4) -> str:
    """A measured number for people: four digits after the point, more where it is small."""
    if value is None:
        return "–"
    if value and abs(value) < 10**-digits * 10:
        return f"{value:.3g}"
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:,.1f}"


def count(value: float | None) -> str:
    """A whole number with separators."""
    return "–" if value is None else f"{value:,.0f}"


def plural(number_: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number_:,} {noun}" if number_ == 1 else f"{number_:,} {noun}s"


def duration(seconds: float | None) -> str:
    """A time as people say it."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def _classed(style: str) -> str:
    return f' class="{style}"' if style else ""
