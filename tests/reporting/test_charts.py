"""Charts as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from autonas_keras.reporting.charts import Chart, Dots, Line, areas, short, thin_line


def path_of(svg: str, style: str) -> list[tuple[float, float]]:
    element = next(e for e in ElementTree.fromstring(svg).iter() if e.get("class") == style)
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", element.get("d", ""))]


def test_a_line_runs_from_left_to_right_and_larger_values_stand_higher() -> None:
    places = path_of(Chart("t", "x", "y", [Line([(1, 1.0), (2, 4.0), (3, 2.0)])]).svg(), "line")
    assert places[0][0] < places[1][0] < places[2][0]
    assert places[1][1] < places[2][1] < places[0][1]


@pytest.mark.parametrize("values", [[1.0, 1.0], [0.0, 0.0], [-3.0, 5.0], [1e-9, 2e-9], [1.0986055, 1.0986075]])
def test_every_chart_has_ticks_that_are_told_apart(values: list[float]) -> None:
    svg = Chart("t", "x", "y", [Line([(float(i), v) for i, v in enumerate(values)])]).svg()
    texts = [e.text for e in ElementTree.fromstring(svg).iter("text") if e.get("text-anchor") == "end"]
    assert len(texts) == len(set(texts)) > 0


def test_a_chart_without_points_is_empty() -> None:
    assert Chart("t", "x", "y", [Line([])]).svg() == ""


def test_one_value_that_diverged_does_not_hide_the_others() -> None:
    points = [(float(i), 1.0 + i / 100) for i in range(20)]
    places = path_of(Chart("t", "x", "y", [Line([*points, (20.0, 1e9)])]).svg(), "line")
    assert places[0][1] - places[19][1] > 50


def test_texts_of_points_and_axes_are_escaped() -> None:
    svg = Chart("<a>", "<b>", "<c>", [Dots([(0, 0), (1, 1)], texts=["<d>", "<e>"])]).svg()
    assert {e.text for e in ElementTree.fromstring(svg).iter("title")} == {"<d>", "<e>"}


def test_a_thinned_line_keeps_its_ends_and_extremes() -> None:
    points = [(float(i), 0.0) for i in range(10_000)]
    points[4321] = (4321.0, 9.0)
    kept = thin_line(points, 100)
    assert len(kept) <= 100 and kept == sorted(kept)
    assert {points[0], points[4321], points[-1]} <= set(kept)


def test_areas_stack_to_the_full_height() -> None:
    svg = areas([[0.25, 0.75], [0.5, 0.5]], "t", 100, 40)
    (_, lower), (_, upper) = path_of(svg, "fill c0")[0], path_of(svg, "fill c1")[0]
    assert (lower, upper) == (30.0, 0.0)


@pytest.mark.parametrize(
    ("value", "text"), [(1500, "1,500"), (20_000, "20k"), (2.5e6, "2.5M"), (0, "0"), (-1, "\N{MINUS SIGN}1")]
)
def test_ticks_are_short(value: float, text: str) -> None:
    assert short(value) == text
