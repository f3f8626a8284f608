"""The cells of an architecture as a picture.

Every state of a cell has a lane that runs from its box to the right. Where a node takes the state, an operation
branches off below the lane and runs down into the node, which sums what arrives; the output collects the lanes on
the right. Lanes and operations have their places in a grid, so nothing overlaps however many nodes there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path as Outline

from autonas_keras.spaces import Architecture, Cell, CellSpace, JoinedSpace, Option, Space, canonical

CANVASES = {".png": FigureCanvasAgg, ".svg": FigureCanvasSVG}

# Fill and border by what the name starts with, for names in their canonical form.
COLOURS = {
    "sep_conv": ("#dbe9fb", "#2f6fbf"),
    "dil_conv": ("#e8e0f7", "#6f4bb8"),
    "conv": ("#d5f0ee", "#1c857c"),
    "max_pool": ("#fdeacc", "#c27a12"),
    "avg_pool": ("#fdf3cc", "#a68a12"),
    "skip_connect": ("#e4f2dc", "#4d8a2f"),
    "none": ("#ffffff", "#b9bdc4"),
}
OTHER = ("#fbdfe6", "#b93a5e")
LINE, FAINT, INK, BOX = "#59616e", "#c9cdd3", "#1d232c", "#eef0f3"

# Inches.
MARGIN, TITLE, SPACE_BELOW = 0.3, 0.24, 0.3
BOX_HEIGHT, BOX_WIDTH, INPUT_WIDTH = 0.36, 0.46, 0.92
PILL_HEIGHT, PILL_STEP, CHARACTER = 0.28, 0.36, 0.078
TAP, TRUNK, BEND = 0.34, 0.3, 0.12
OUTPUT_GAP, OUTPUT_WIDTH = 0.42, 0.34


def plot_architecture(space: Space, architecture: Mapping[str, Option], path: str | os.PathLike[str]) -> Path:
    """Draw the cells of an architecture, one below the other, as PNG or SVG by the suffix of ``path``.

    Args:
        space: A ``CellSpace``, or a ``JoinedSpace`` in which there are some, each drawn under its name; tables, texts and
            chains beside them have nothing to draw.
        architecture: A point of the space.
        path: Where the picture goes; missing folders are made, and a file of that name is replaced at once.

    Returns:
        The path.

    Raises:
        ValueError: When the suffix is neither .png nor .svg, the space has no cells, or the architecture is no point of it.
    """
    path = Path(path)
    if path.suffix.lower() not in CANVASES:
        raise ValueError(f"Expected the name of a picture to end in .png or .svg, got {path.name!r}.")
    save_figure(architecture_figure(space, architecture), path)
    return path


def architecture_figure(space: Space, architecture: Mapping[str, Option]) -> Figure:
    """The picture of ``plot_architecture`` as a matplotlib figure, one unit an inch.

    Raises:
        ValueError: When the space has no cells, or the architecture is no point of it.
    """
    layouts = cell_layouts(space, architecture)
    figure = Figure(figsize=(max(layout.width for layout in layouts), sum(layout.height for layout in layouts)))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0.0, figure.get_figwidth())
    axes.set_ylim(0.0, figure.get_figheight())
    top = figure.get_figheight()
    for layout in layouts:
        _draw(axes, layout, top)
        top -= layout.height
    return figure


def cell_layouts(space: Space, architecture: Mapping[str, Option]) -> list[CellLayout]:
    """Where everything of the cells stands, in the order of the space.

    Raises:
        ValueError: When the space has no cells, or the architecture is no point of it.
    """
    layouts = [CellLayout(*parts) for parts in _cells(space, space.architecture(architecture))]
    if not layouts:
        named = ", ".join(type(part).__name__ for part in _parts(space))
        raise ValueError(
            f"Expected a space of cells to draw, got {named}; print the architecture, which says all of it."
        )
    return layouts


def _cells(space: Space, architecture: Architecture, name: str = "") -> Iterator[tuple[Cell, str, str]]:
    """Cells with title and note, in the order of the space."""
    if isinstance(space, JoinedSpace):
        for key, part in space.parts.items():
            yield from _cells(part, architecture.scope(key, part), f"{name}{key}, ")
    elif isinstance(space, CellSpace):
        for kind in space.cell_types:
            title = "cell" if kind == "cell" else f"{kind} cell"
            note = "operations on its two inputs have stride 2" if kind == "reduction" else ""
            yield space.cell(architecture, kind), f"{name}{title}", note


def _parts(space: Space) -> list[Space]:
    """The spaces that a space is joined of."""
    if not isinstance(space, JoinedSpace):
        return [space]
    return [inner for part in space.parts.values() for inner in _parts(part)]


@dataclass(frozen=True)
class CellLayout:
    """Where everything of one cell stands, in inches from its upper left corner, y downwards."""

    cell: Cell
    title: str
    note: str

    @property
    def states(self) -> int:
        return self.cell.inputs + len(self.cell.nodes)

    @property
    def pill_width(self) -> float:
        return 0.24 + CHARACTER * max(len(operation) for pairs in self.cell.nodes for operation, _ in pairs)

    def lane(self, state: int) -> float:
        """The lane of a state; below it is room for the operations that branch off it."""
        rows = [max([*(self._uses(node, s) for node in self.cell.nodes), 0]) for s in range(state)]
        return TITLE + MARGIN + BOX_HEIGHT / 2 + sum(BOX_HEIGHT + 0.12 + PILL_STEP * row for row in rows)

    @staticmethod
    def _uses(pairs: tuple[tuple[str, int], ...], state: int) -> int:
        return sum(used == state for _, used in pairs)

    def box(self, state: int) -> tuple[float, float]:
        """Left and right end of the box of a state."""
        if state < self.cell.inputs:
            return MARGIN, MARGIN + INPUT_WIDTH
        column = TAP + self.pill_width + TRUNK + BOX_WIDTH / 2
        centre = MARGIN + INPUT_WIDTH + (state - self.cell.inputs + 1) * column
        return centre - BOX_WIDTH / 2, centre + BOX_WIDTH / 2

    @property
    def output(self) -> float:
        """Left end of the output."""
        return self.box(self.states - 1)[1] + OUTPUT_GAP

    @property
    def width(self) -> float:
        texts = 1.4 * CHARACTER * len(self.title) + CHARACTER * (len(self.note) + 4)
        return max(self.output + OUTPUT_WIDTH, MARGIN + texts) + MARGIN

    @property
    def height(self) -> float:
        return self.lane(self.states - 1) + BOX_HEIGHT / 2 + SPACE_BELOW


def _draw(axes: Axes, layout: CellLayout, top: float) -> None:
    cell = layout.cell
    ends = {state: layout.output for state in cell.concat}
    for node, pairs in enumerate(cell.nodes, cell.inputs):
        taken: dict[int, int] = {}
        for operation, state in pairs:
            taken[state] = taken.get(state, 0) + 1
            tap = _operation(axes, layout, top, node, state, operation, taken[state])
            ends[state] = max(ends.get(state, 0.0), tap)
    for state, end in ends.items():
        _line(axes, [(layout.box(state)[1], top - layout.lane(state)), (end, top - layout.lane(state))], LINE, 1)
    for state in range(layout.states):
        left, right = layout.box(state)
        text = str(state)
        if state < cell.inputs:
            text = "input" if cell.inputs == 1 else f"cell k\N{MINUS SIGN}{cell.inputs - state}"
        _box(axes, left, right, top - layout.lane(state), BOX_HEIGHT, BOX, LINE, text, bold=True)
    _output(axes, layout, top)
    axes.text(MARGIN, top - MARGIN, layout.title, fontsize=11, weight="bold", color=INK, va="baseline", zorder=5)
    axes.text(layout.width - MARGIN, top - MARGIN, layout.note, fontsize=9, color=LINE, ha="right", zorder=5)


def _operation(axes: Axes, layout: CellLayout, top: float, node: int, state: int, operation: str, slot: int) -> float:
    """One operation from the lane of its state down to its node; the end of the branch on the lane is returned."""
    lane, name = top - layout.lane(state), canonical(operation)
    centre = sum(layout.box(node)) / 2
    right = centre - TRUNK
    left = right - layout.pill_width
    # Two operations of a node on one state branch off one after the other, the lower one first.
    tap = left - BEND * slot
    height = lane - BOX_HEIGHT / 2 - PILL_STEP * (slot - 0.5) - 0.03
    colour, dashes = (FAINT, (0, (2, 2))) if name == "none" else (LINE, None)
    entry = top - layout.lane(node) + BOX_HEIGHT / 2
    route = [(right, height), (centre, height), (centre, entry + (0.0 if name == "none" else 0.07))]
    _line(axes, [(tap - BEND, lane), (tap, lane), (tap, height), (left, height)], colour, 1, dashes)
    _line(axes, route, "white", 2, width=5.0)
    _line(axes, route, colour, 2.5 if name == "none" else 3, dashes)
    if name != "none":
        _head(axes, (centre, entry), (0.0, -1.0))
    fill, edge = next((pair for start, pair in COLOURS.items() if name.startswith(start)), OTHER)
    _box(axes, left, right, height, PILL_HEIGHT, fill, edge, operation, faint=name == "none")
    return tap - BEND


def _output(axes: Axes, layout: CellLayout, top: float) -> None:
    lanes = [top - layout.lane(state) for state in sorted(layout.cell.concat)]
    left, right = layout.output, layout.output + OUTPUT_WIDTH
    # A single lane would leave no room for the word, which stands upright.
    half = max((lanes[0] - lanes[-1]) / 2 + BOX_HEIGHT / 2, 0.4)
    middle = max((lanes[0] + lanes[-1]) / 2, lanes[-1] - BOX_HEIGHT / 2 + half)
    word = "concat" if len(lanes) > 1 else "output"
    _box(axes, left, right, middle, 2 * half, BOX, LINE, word, bold=True, rotation=90)
    for lane in lanes:
        _head(axes, (left, lane), (1.0, 0.0))


def _line(
    axes: Axes,
    points: list[tuple[float, float]],
    colour: str,
    order: float,
    dashes: tuple[int, tuple[int, ...]] | None = None,
    width: float = 1.3,
) -> None:
    """A line through the points with rounded corners."""
    vertices, codes = [points[0]], [Outline.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        vertices += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Outline.LINETO, Outline.CURVE3, Outline.CURVE3]
    outline = Outline([*vertices, points[-1]], [*codes, Outline.LINETO])
    axes.add_patch(
        PathPatch(
            outline,
            fill=False,
            edgecolor=colour,
            linewidth=width,
            linestyle=dashes or "solid",
            zorder=4,
            snap=False,
        )
    )


def _towards(corner: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """The point where the bend at a corner meets its arm; arms run along the axes."""
    dx, dy = end[0] - corner[0], end[1] - corner[1]
    length = abs(dx) + abs(dy)
    share = min(BEND, length) / length if length else 0.0
    return corner[0] + dx * share, corner[1] + dy * share


def _head(axes: Axes, tip: tuple[float, float], direction: tuple[float, float]) -> None:
    (x, y), (dx, dy) = tip, direction
    back, side = 0.1, 0.045
    corners = [tip, (x - back * dx + side * dy, y - back * dy + side * dx)]
    corners.append((x - back * dx - side * dy, y - back * dy - side * dx))
    axes.add_patch(Polygon(corners, closed=True, facecolor=LINE, edgecolor="none", zorder=3.5, snap=False))


def _box(
    axes: Axes,
    left: float,
    right: float,
    middle: float,
    height: float,
    fill: str,
    edge: str,
    text: str,
    bold: bool = False,
    faint: bool = False,
    rotation: float = 0.0,
) -> None:
    style = f"round,pad=0,rounding_size={0.09 if bold else height / 2}"
    axes.add_patch(
        FancyBboxPatch(
            (left, middle - height / 2),
            right - left,
            height,
            boxstyle=style,
            facecolor=fill,
            edgecolor=edge,
            linewidth=1.1,
            linestyle=(0, (2, 2)) if faint else "solid",
            zorder=4,
            snap=False,
        )
    )
    axes.text(
        (left + right) / 2,
        middle,
        text,
        fontsize=9,
        weight="bold" if bold else "normal",
        color="#8a9099" if faint else INK,
        ha="center",
        va="center_baseline" if not rotation else "center",
        rotation=rotation,
        zorder=4.5,
    )


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure, with the format of the suffix; a file of that name is replaced at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.lower()
    half_written = path.with_name(f".{path.name}.{os.getpid()}.part")
    metadata = {"Date": None} if kind == ".svg" else {}
    try:
        # The salt and the missing date make the same picture the same file.
        with matplotlib.rc_context({"svg.hashsalt": "autonas_keras", "svg.fonttype": "none"}):
            canvas = CANVASES[kind](figure)
            canvas.print_figure(half_written, dpi=150, format=kind[1:], facecolor="white", metadata=metadata)
        os.replace(half_written, path)
    finally:
        half_written.unlink(missing_ok=True)
