from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path
from subprocess import run
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.patches import FancyBboxPatch
from matplotlib.transforms import Bbox

from autonas_keras.reporting import architecture_figure, plot_architecture
from autonas_keras.reporting.cells import cells_svg
from autonas_keras.spaces import DARTS_V2, CellSpace, Choice, Space, TabularSpace

DARTS = CellSpace.darts()
SPACES = {
    "darts": DARTS,
    "nasnet": CellSpace.nasnet(),
    "nasbench201": CellSpace.nasbench201(),
    "one_node": CellSpace.nasnet(nodes=1),
    "seven_nodes": CellSpace.darts(nodes=7),
    "joined": Space.join({"cell_block_1": CellSpace.darts(nodes=1), "cell_block_2": CellSpace.nasbench201()}),
}
every = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def drawn(space: Space, seed: int) -> tuple[list[Bbox], list[Bbox], Bbox]:
    """Extents of the boxes, of the texts and of the whole picture, in pixels."""
    figure = architecture_figure(space, space.sample(np.random.default_rng(seed)))
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.axes[0]
    boxes = [patch.get_window_extent(renderer) for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    return boxes, [text.get_window_extent(renderer) for text in axes.texts if text.get_text()], figure.bbox


def inside(inner: Bbox, outer: Bbox) -> bool:
    return outer.x0 <= inner.x0 and inner.x1 <= outer.x1 and outer.y0 <= inner.y0 and inner.y1 <= outer.y1


@every
def test_nothing_overlaps_and_every_text_is_in_its_box(space: Space) -> None:
    for seed in range(5):
        boxes, texts, picture = drawn(space, seed)
        assert not [pair for pair in combinations(boxes, 2) if Bbox.intersection(*pair) is not None]
        assert not [pair for pair in combinations(texts, 2) if Bbox.intersection(*pair) is not None]
        assert all(inside(shape, picture) for shape in (*boxes, *texts))
        assert all(any(inside(text, box) for text in texts) for box in boxes)


@every
@pytest.mark.parametrize("suffix", [".png", ".svg", ".PNG"])
def test_the_path_is_returned_and_holds_a_picture(space: Space, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cell{suffix}"
    assert plot_architecture(space, space.default(), str(path)) == path
    assert path.stat().st_size > 1000
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_png_is_a_picture_with_something_on_it(tmp_path: Path) -> None:
    image = imread(plot_architecture(DARTS, DARTS.from_genotype(DARTS_V2), tmp_path / "cell.png"))
    assert image.shape[0] > 500
    assert image.shape[1] > 500
    assert 0.02 < (image[..., :3].min(-1) < 0.95).mean() < 0.5


def svg_texts(path: Path) -> list[str]:
    return ["".join(node.itertext()).strip() for node in ElementTree.parse(path).iter() if node.tag.endswith("}text")]


def test_the_svg_names_every_operation_and_state(tmp_path: Path) -> None:
    texts = svg_texts(plot_architecture(DARTS, DARTS.from_genotype(DARTS_V2), tmp_path / "cell.svg"))
    for name in ("sep_conv_3x3", "max_pool_3x3", "skip_connect", "dil_conv_3x3"):
        assert texts.count(name) == sum(pair[0] == name for pair in (*DARTS_V2.normal, *DARTS_V2.reduce))
    for text in ("2", "3", "4", "5", "concat", "cell k\N{MINUS SIGN}1", "cell k\N{MINUS SIGN}2"):
        assert texts.count(text) == 2
    assert {"normal cell", "reduction cell"} <= set(texts)


def test_a_joined_space_draws_each_part_under_its_name(tmp_path: Path) -> None:
    texts = svg_texts(plot_architecture(SPACES["joined"], SPACES["joined"].default(), tmp_path / "cell.svg"))
    assert {"cell_block_1, normal cell", "cell_block_1, reduction cell", "cell_block_2, cell"} <= set(texts)


def test_a_long_name_of_the_users_own_finds_room(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "an_operation_with_a_remarkably_long_name"
    monkeypatch.setattr("autonas_keras.spaces.operations._names", {name, "skip_connect"})
    boxes, texts, picture = drawn(CellSpace((name, "skip_connect"), nodes=2), seed=0)
    assert not [pair for pair in combinations(boxes, 2) if Bbox.intersection(*pair) is not None]
    assert all(any(inside(text, box) for text in texts) for box in boxes)
    assert all(inside(box, picture) for box in boxes)


def test_the_same_architecture_makes_the_same_file_in_another_process(tmp_path: Path) -> None:
    program = (
        "import sys; from autonas_keras.spaces import CellSpace; from autonas_keras.reporting import plot_architecture; "
        "s = CellSpace.nasnet(); [plot_architecture(s, s.default(), path) for path in sys.argv[1:]]"
    )
    there = [tmp_path / f"there{suffix}" for suffix in (".svg", ".png")]
    run([sys.executable, "-c", program, *map(str, there)], check=True, cwd=Path(__file__).parents[2])
    for path in there:
        here = plot_architecture(CellSpace.nasnet(), CellSpace.nasnet().default(), tmp_path / f"here{path.suffix}")
        assert here.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["cell.pdf", "cell", "cell.svg.txt"])
def test_another_suffix_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"end in .png or .svg, got '{name}'"):
        plot_architecture(DARTS, DARTS.default(), tmp_path / "new" / name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_point_of_a_space_of_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Expected a decision for"):
        plot_architecture(DARTS, {}, tmp_path / "cell.svg")
    flat = Space((Choice("units", (8, 16)),))
    with pytest.raises(ValueError, match="Expected a space of cells to draw, got Space"):
        plot_architecture(flat, flat.default(), tmp_path / "cell.svg")


def test_what_has_no_cells_is_left_out_of_a_joined_space(tmp_path: Path) -> None:
    space = Space.join({"cell_block_1": CellSpace.darts(nodes=1), "tabular_block_1": TabularSpace(layers=1)})
    path = plot_architecture(space, space.default(), tmp_path / "cells.svg")
    assert len(cells_svg(space, space.default())) == 2 and path.exists()
    none = Space.join({"tabular_block_1": TabularSpace(layers=1)})
    with pytest.raises(ValueError, match="Expected a space of cells to draw, got TabularSpace"):
        plot_architecture(none, none.default(), path)


def test_a_failed_write_leaves_the_old_picture_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plot_architecture(DARTS, DARTS.default(), tmp_path / "cell.svg")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        plot_architecture(DARTS, DARTS.from_genotype(DARTS_V2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_global_state_of_matplotlib_moves(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams), pyplot.get_fignums()
    plot_architecture(DARTS, DARTS.default(), tmp_path / "cell.svg")
    assert (dict(matplotlib.rcParams), pyplot.get_fignums()) == before
