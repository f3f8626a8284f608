"""Which method is taken where none was named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autonas_keras.nasbench import NasBench201
from autonas_keras.spaces import CellSpace, ChainSpace, JoinedSpace, MobileSpace
from autonas_keras.tasks import ImageClassifier, StructuredDataClassifier
from autonas_keras.tuners import TUNERS, Facts, choose, read_choice, write_choice
from autonas_keras.tuners.published import NASBENCH201, known_points

CIFAR = Facts(8000, (32, 32, 3), ("mixed",), free=True, time_limit=600.0, cores=2, gpus=0)
GIVEN = replace(CIFAR, free=False)


@pytest.mark.parametrize(
    ("facts", "tuner", "space"),
    [
        (CIFAR, "published", "nasbench201"),
        (replace(CIFAR, time_limit=None), "darts", None),
        (GIVEN, "published", None),
        (replace(GIVEN, time_limit=36_000.0), "darts", None),
        (replace(GIVEN, gpus=1), "darts", None),
        (replace(GIVEN, samples=200, time_limit=30.0), "published", None),
        (replace(GIVEN, searched=("mobile",), time_limit=36_000.0), "bignas", None),
        (replace(GIVEN, searched=("mobile", "other"), time_limit=36_000.0), "spos", None),
        (replace(GIVEN, searched=("other",), time_limit=None), "spos", None),
        (replace(CIFAR, image=None), "greedy", None),
        (replace(CIFAR, searched=()), "greedy", None),
        (replace(CIFAR, searched=(), time_limit=None), "greedy", None),
    ],
)
def test_the_choice_follows_data_machine_and_time_and_says_why(
    tmp_path: Path, facts: Facts, tuner: str, space: str | None
) -> None:
    choice = choose(facts)
    assert (choice.tuner, choice.space) == (tuner, space)
    assert choice.tuner in TUNERS and len(choice.why.split()) > 5
    write_choice(tmp_path, choice, facts)
    assert read_choice(tmp_path) == choice


@pytest.mark.parametrize("text", [None, "", '{"tuner": "darts"}', "[1]"])
def test_a_choice_that_is_not_there_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "choice.json").write_text(text)
    assert read_choice(tmp_path) is None


def test_the_facts_are_those_of_the_graph_and_the_arrays(tmp_path: Path) -> None:
    x = np.zeros((7, 12, 10))
    graph = ImageClassifier(directory=tmp_path).tuner.graph
    facts = Facts.of(graph, (x,), True, 5.0)
    assert (facts.samples, facts.image, facts.searched) == (7, (12, 10, 1), ("mixed",))
    assert facts.cores >= 1 and facts.free and facts.time_limit == 5.0
    table = StructuredDataClassifier(directory=tmp_path, project_name="table").tuner.graph
    assert Facts.of(table, (x[:, :, 0],), False, None).image is None


@pytest.mark.parametrize("space", [CellSpace.darts(), CellSpace.nasbench201(), MobileSpace.small(), ChainSpace.spos()])
def test_known_architectures_are_points_of_their_space_and_connected(space) -> None:
    joined = JoinedSpace({"a": space, "b": CellSpace.darts()})
    points = known_points(joined, seed=0)
    assert points == known_points(joined, seed=0) and len(points) >= 2 and len(set(points)) == len(points)
    for point in points:
        assert point in joined
        for name, part in joined.parts.items():
            if isinstance(part, CellSpace):
                assert all(part.cell(point.scope(name, part), kind).has_path for kind in part.cell_types)


def test_what_is_published_is_as_good_in_the_table_as_it_is_said_to_be(data_dir: Path) -> None:
    table = NasBench201(data_dir / "nas_bench_201.csv.gz")
    accuracy = table.test("cifar10")
    points = [table.space.parse(text) for text in NASBENCH201]
    assert [round(accuracy(point), 2) for point in points] == [94.31, 94.37, 93.33]
    assert accuracy(points[1]) == table.optimum("cifar10").value
    flops = [table.costs(point)["flops"] for point in points]
    assert flops[0] < 0.6 * flops[1] and flops[2] < 0.4 * flops[1]
