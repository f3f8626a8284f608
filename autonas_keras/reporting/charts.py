"""Charts as SVG text, coloured by the style sheet of the page that they stand in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 480, 280
LEFT, RIGHT, TOP, BOTTOM = 62, 22, 12, 42
POINTS = 160  # of a line at most

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line through points; ``style`` are classes of the style sheet."""

    points: Sequence[Point]
    style: str = "line"
    label: str | None = None
    steps: bool = False


@dataclass(frozen=True)
class Dots:
    """Points with a text for each, which shows on hovering."""

    points: Sequence[Point]
    style: str = "dot"
    texts: Sequence[str] = ()
    label: str | None = None
    radius: float = 3.0


@dataclass
class Chart:
    """Lines and dots between two axes.

    Attributes:
        title: What it shows, for those who hear the page.
        x: What the horizontal axis counts.
        y: What the vertical axis counts.
        parts: What is drawn, the last on top.
        log_x: Whether the horizontal axis is logarithmic, which takes positive values.
        whole_x: Whether the horizontal axis counts whole things.
        robust: Whether values far off the others may leave the chart at its edge.
    """

    title: str
    x: str
    y: str
    parts: list[Line | Dots] = field(default_factory=list)
    log_x: bool = False
    whole_x: bool = False
    robust: bool = True

    def svg(self) -> str:
        """The chart as an ``svg`` element; empty when it has no points."""
        points = [point for part in self.parts for point in part.points]
        if not points:
            return ""
        self._x = _Scale([x for x, _ in points], LEFT, WIDTH - RIGHT, self.log_x, whole=self.whole_x)
        self._y = _Scale(
            _without_far([y for _, y in points]) if self.robust else [y for _, y in points], HEIGHT - BOTTOM, TOP
        )
        drawn = "".join(self._line(part) if isinstance(part, Line) else self._dots(part) for part in self.parts)
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">'
            f"{self._axes()}{drawn}</svg>"
        )

    def legend(self) -> str:
        """The labels of the parts as a list, empty when there are fewer than two."""
        labelled = [part for part in self.parts if part.label is not None]
        if len(labelled) < 2:
            return ""
        items = "".join(
            f'<li><svg class="key" viewBox="0 0 22 10" aria-hidden="true">{_key(part)}</svg>{escape(str(part.label))}</li>'
            for part in labelled
        )
        return f'<ul class="legend">{items}</ul>'

    def _axes(self) -> str:
        found = []
        for value, text in self._y.ticks():
            y = self._y.at(value)
            found.append(f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
            found.append(f'<text class="tick" x="{LEFT - 8}" y="{y}" dy=".35em" text-anchor="end">{text}</text>')
        for value, text in self._x.ticks():
            x = self._x.at(value)
            found.append(f'<path class="axis" d="M{x} {HEIGHT - BOTTOM}v4"/>')
            found.append(f'<text class="tick" x="{x}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{text}</text>')
        found.append(f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
        middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
        found.append(
            f'<text class="label" x="{middle_x}" y="{HEIGHT - 5}" text-anchor="middle">{escape(self.x)}</text>'
        )
        found.append(
            f'<text class="label up" transform="translate(13 {middle_y}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.y)}</text>"
        )
        return "".join(found)

    def _place(self, point: Point) -> Point:
        return self._x.at(point[0]), self._y.at(point[1])

    def _line(self, line: Line) -> str:
        places = [self._place(point) for point in thin_line(line.points)]
        if line.steps:
            path = f"M{places[0][0]} {places[0][1]}" + "".join(f"H{x}V{y}" for x, y in places[1:])
        else:
            path = "M" + "L".join(f"{x} {y}" for x, y in places)
        title = f"<title>{escape(line.label)}</title>" if line.label else ""
        return f'<path class="{line.style}" d="{path}">{title}</path>'

    def _dots(self, dots: Dots) -> str:
        found = []
        for index, point in enumerate(dots.points):
            x, y = self._place(point)
            title = f"<title>{escape(dots.texts[index])}</title>" if dots.texts else ""
            found.append(f'<circle cx="{x}" cy="{y}" r="{dots.radius}">{title}</circle>')
        return f'<g class="{dots.style}">{"".join(found)}</g>'


class _Scale:
    """Where values stand between two ends, with ticks at round values; what lies outside stands at the end."""

    def __init__(
        self, values: Sequence[float], start: float, end: float, log: bool = False, whole: bool = False
    ) -> None:
        self.start, self.end, self.log, self.whole = start, end, log, whole
        low, high = (self._move(min(values)), self._move(max(values)))
        space = (high - low) * 0.04 or (0.1 if log else abs(high) * 0.05 or 0.5)
        if not log:  # what is all but equal is drawn as equal, with ticks that people can read
            space = max(space, (abs(high) * 2e-3 - (high - low)) / 2)
        self.low, self.high = low - space, high + space
        self.least = min(values) if whole else -math.inf

    def _move(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def at(self, value: float) -> float:
        """The place of a value, in tenths."""
        share = (self._move(value) - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Values with their texts, from four to eight."""
        if self.log:
            found = [
                factor * 10.0**power
                for power in range(math.floor(self.low), math.ceil(self.high) + 1)
                for factor in ((1, 2, 5) if self.high - self.low < 2.4 else (1,))
            ]
            inside = [value for value in found if self.low <= math.log10(value) <= self.high]
            if len(inside) >= 2:
                return [(value, short(value)) for value in inside[:: -(-len(inside) // 7)]]
            low, high = 10**self.low, 10**self.high
        else:
            low, high = self.low, self.high
        step = _round_step((high - low) / 5)
        if self.whole:
            step = max(1.0, step)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(low / step), math.floor(high / step)
        least = max(self.least, step / 2 if self.log else -math.inf)
        return [(i * step, short(i * step, digits)) for i in range(first, last + 1) if i * step >= least]


def _round_step(step: float) -> float:
    """The next larger of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def _without_far(values: Sequence[float]) -> list[float]:
    """The values within three spreads of the middle half, so that one that diverged does not hide all others."""
    ordered = sorted(values)
    if len(ordered) < 8:
        return ordered
    low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    spread = max(high - low, abs(high) * 1e-6) * 3
    return [value for value in ordered if low - spread <= value <= high + spread]


def short(value: float, digits: int = 0) -> str:
    """A number of a tick: 1.5M, 20k, 0.25."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= max(size * 0.99999, 1e4):
            return f"{value / size:.4g}{letter}"
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def thin_line(points: Sequence[Point], count: int = POINTS) -> list[Point]:
    """At most about ``count`` points of a line: first and last, and of each part between its lowest and highest."""
    if len(points) <= count:
        return list(points)
    parts = max(1, (count - 2) // 2)
    inner, kept = points[1:-1], [points[0]]
    for part in range(parts):
        piece = inner[part * len(inner) // parts : (part + 1) * len(inner) // parts]
        if piece:
            kept += sorted({min(piece, key=lambda p: p[1]), max(piece, key=lambda p: p[1])})
    return [*kept, points[-1]]


def _key(part: Line | Dots) -> str:
    if isinstance(part, Line):
        return f'<path class="{part.style}" d="M1 5H21"/>'
    return f'<g class="{part.style}"><circle cx="11" cy="5" r="{part.radius}"/></g>'


def areas(values: Sequence[Sequence[float]], title: str, width: int = 150, height: int = 64) -> str:
    """Shares over time, stacked, as a small ``svg`` element.

    Args:
        values: For each moment the share of each option; a single moment is drawn as if it lasted.
        title: What it shows, for those who hear the page.
        width: Units of the drawing.
        height: Units of the drawing.
    """
    moments = [list(moment) for moment in values] * (2 if len(values) == 1 else 1)
    total = max((sum(moment) for moment in moments), default=0.0) or 1.0
    step, paths = width / (len(moments) - 1), []
    below = [0.0] * len(moments)
    for option in range(len(moments[0])):
        above = [low + moment[option] for low, moment in zip(below, moments, strict=True)]
        if any(moment[option] > 0.002 * total for moment in moments):
            upper = [f"{i * step:.1f} {height * (1 - value / total):.1f}" for i, value in enumerate(above)]
            lower = [f"{i * step:.1f} {height * (1 - value / total):.1f}" for i, value in enumerate(below)]
            paths.append(f'<path class="fill c{option % 12}" d="M{"L".join([*upper, *lower[::-1]])}Z"/>')
        below = above
    drawn = "".join(paths)
    return f'<svg class="areas" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{escape(title)}">{drawn}</svg>'
