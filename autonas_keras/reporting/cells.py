"""The cells of an architecture as SVG text for a page: the layout of the pictures, in colours of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from autonas_keras.reporting.plot import (
    BEND,
    BOX_HEIGHT,
    COLOURS,
    OUTPUT_WIDTH,
    PILL_HEIGHT,
    PILL_STEP,
    TRUNK,
    CellLayout,
    cell_layouts,
)
from autonas_keras.spaces import Option, Space, canonical

UNIT = 72.0  # points of the drawing an inch


def cells_svg(space: Space, architecture: Mapping[str, Option]) -> list[tuple[str, str]]:
    """Title and ``svg`` element of each cell, in the order of the space.

    Raises:
        ValueError: When the space has no cells, or the architecture is no point of it.
    """
    return [(layout.title, _svg(layout)) for layout in cell_layouts(space, architecture)]


def _svg(layout: CellLayout) -> str:
    # Without the title, which the page says itself.
    top = layout.lane(0) - BOX_HEIGHT / 2 - 0.1
    width, height = layout.width * UNIT, (layout.height - top) * UNIT
    drawn = "".join(_parts(layout))
    words = "; ".join(
        f"node {node} takes " + " and ".join(f"{operation} of {_state(layout, state)}" for operation, state in pairs)
        for node, pairs in enumerate(layout.cell.nodes, layout.cell.inputs)
    )
    return (
        f'<svg class="cell" style="width:{width:.0f}px" viewBox="0 {top * UNIT:.1f} {width:.1f} {height:.1f}" role="img" '
        f'aria-label="{escape(f"{layout.title}: {words}")}">{drawn}</svg>'
    )


def _parts(layout: CellLayout) -> Iterator[str]:
    cell = layout.cell
    ends = {state: layout.output for state in cell.concat}
    branches: list[str] = []
    for node, pairs in enumerate(cell.nodes, cell.inputs):
        taken: dict[int, int] = {}
        for operation, state in pairs:
            taken[state] = taken.get(state, 0) + 1
            tap, drawn = _operation(layout, node, state, operation, taken[state])
            branches.append(drawn)
            ends[state] = max(ends.get(state, 0.0), tap)
    for state, end in ends.items():
        yield _line([(layout.box(state)[1], layout.lane(state)), (end, layout.lane(state))])
    yield from branches
    for state in range(layout.states):
        left, right = layout.box(state)
        yield _box(left, right, layout.lane(state), BOX_HEIGHT, "box", _state(layout, state))
    lanes = [layout.lane(state) for state in sorted(cell.concat)]
    half = max((lanes[-1] - lanes[0]) / 2 + BOX_HEIGHT / 2, 0.4)
    middle = min((lanes[0] + lanes[-1]) / 2, lanes[-1] + BOX_HEIGHT / 2 - half)
    word = "concat" if len(lanes) > 1 else "output"
    yield _box(layout.output, layout.output + OUTPUT_WIDTH, middle, 2 * half, "box", word, upright=True)
    for lane in lanes:
        yield _head(layout.output, lane, 0.1, 0.0)


def _operation(layout: CellLayout, node: int, state: int, operation: str, slot: int) -> tuple[float, str]:
    """The end of the branch on the lane of the state, and the branch."""
    lane, name = layout.lane(state), canonical(operation)
    centre = sum(layout.box(node)) / 2
    right = centre - TRUNK
    left = right - layout.pill_width
    tap = left - BEND * slot
    height = lane + BOX_HEIGHT / 2 + PILL_STEP * (slot - 0.5) + 0.03
    entry = layout.lane(node) - BOX_HEIGHT / 2
    style = "faint" if name == "none" else ""
    kind = next((number for number, start in enumerate(COLOURS) if name.startswith(start)), len(COLOURS))
    drawn = [
        _line([(tap - BEND, lane), (tap, lane), (tap, height), (left, height)], style),
        _line([(right, height), (centre, height), (centre, entry)], "gap"),
        _line([(right, height), (centre, height), (centre, entry)], style),
        "" if style else _head(centre, entry, 0.0, 0.1),
        _box(left, right, height, PILL_HEIGHT, f"pill o{kind} {style}", operation),
    ]
    return tap - BEND, "".join(drawn)


def _state(layout: CellLayout, state: int) -> str:
    if state >= layout.cell.inputs:
        return str(state)
    return "input" if layout.cell.inputs == 1 else f"cell k\N{MINUS SIGN}{layout.cell.inputs - state}"


def _line(points: list[tuple[float, float]], style: str = "") -> str:
    """A line along the axes with rounded corners."""
    path = f"M{_at(points[0])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path += f"L{_at(_towards(corner, before))}Q{_at(corner)} {_at(_towards(corner, after))}"
    return f'<path class="wire {style}" d="{path}L{_at(points[-1])}"/>'


def _towards(corner: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    dx, dy = end[0] - corner[0], end[1] - corner[1]
    length = abs(dx) + abs(dy)
    share = min(BEND, length) / length if length else 0.0
    return corner[0] + dx * share, corner[1] + dy * share


def _head(x: float, y: float, dx: float, dy: float) -> str:
    """The head of an arrow that comes from (x - dx, y - dy)."""
    sides = [(x - dx + side * dy * 0.45, y - dy + side * dx * 0.45) for side in (1, -1)]
    return f'<path class="head" d="M{_at((x, y))}L{_at(sides[0])}L{_at(sides[1])}Z"/>'


def _box(left: float, right: float, middle: float, height: float, style: str, text: str, upright: bool = False) -> str:
    x, y = (left + right) / 2 * UNIT, middle * UNIT
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if upright else ""
    round_by = (0.09 if style == "box" else height / 2) * UNIT
    return (
        f'<rect class="{style}" x="{left * UNIT:.1f}" y="{(middle - height / 2) * UNIT:.1f}" '
        f'width="{(right - left) * UNIT:.1f}" height="{height * UNIT:.1f}" rx="{round_by:.1f}"/>'
        f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" dy=".35em" text-anchor="middle"{turn}>{escape(text)}</text>'
    )


def _at(point: tuple[float, float]) -> str:
    return f"{point[0] * UNIT:.1f} {point[1] * UNIT:.1f}"
