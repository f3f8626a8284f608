from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autonas_keras.nasbench import NasBench201
from autonas_keras.spaces import CellSpace, to_nasbench201

STRINGS = [to_nasbench201(CellSpace.nasbench201(), a) for a in CellSpace.nasbench201().enumerate()]


class NatsBench:
    """Stands in for ``nats_bench.create(path, "tss")``, whose data (gigabytes of pickles) are not at hand.

    It has the methods, arguments, names of data sets and keys of results of nats_bench 1.8; its order is that of
    ``STRINGS`` turned round, and its numbers tell which question they answer.
    """

    def __init__(self) -> None:
        self.strings = STRINGS[::-1]
        self.indices = {text: index for index, text in enumerate(self.strings)}

    def query_index_by_arch(self, arch: str) -> int:
        return self.indices.get(arch, -1)

    def query_by_arch(self, arch: str, hp: str) -> str:
        return f"{arch} {hp}"

    def get_more_info(
        self, index: int, dataset: str, iepoch: int | None = None, hp: str = "12", is_random: bool = True
    ) -> dict[str, Any]:
        assert not is_random, "means over seeds are asked for"
        base = {"cifar10-valid": 10.0, "cifar10": 20.0, "cifar100": 30.0, "ImageNet16-120": 40.0}[dataset]
        base += {"12": 0.0, "200": 5.0}[hp] + index / 1e5
        valid = None if dataset == "cifar10" else base + 1.0
        return {"valid-accuracy": valid, "test-accuracy": base + 2.0, "train-all-time": base + 3.0}

    def get_cost_info(self, index: int, dataset: str, hp: str = "12") -> dict[str, float]:
        return {"flops": 7.78305 + index, "params": 0.073306 + index, "latency": 0.01}


class NasBench201Api(NatsBench):
    """Stands in for the object of the older package, which names the schedule otherwise and has no costs by name."""

    get_cost_info = None  # type: ignore[assignment]

    def get_more_info(  # type: ignore[override]
        self,
        index: int,
        dataset: str,
        iepoch: int | None = None,
        use_12epochs_result: bool = False,
        is_random: bool = True,
    ) -> dict[str, Any]:
        return super().get_more_info(index, dataset, iepoch, "12" if use_12epochs_result else "200", is_random)


@pytest.fixture(scope="module")
def table() -> NasBench201:
    return NasBench201(NatsBench())


@pytest.mark.parametrize("index", [0, 7, 15_624])
def test_each_result_is_that_of_its_question(table: NasBench201, index: int) -> None:
    architecture, part = table.architecture(STRINGS[::-1][index]), index / 1e5
    assert table.row(architecture) == index
    assert table.evaluate("cifar10")(architecture) == pytest.approx(11 + part)
    assert table.test("cifar10")(architecture) == pytest.approx(27 + part)
    assert table.accuracy(architecture, "cifar10", 12, "test") == pytest.approx(22 + part)
    assert table.evaluate("cifar100")(architecture) == pytest.approx(31 + part)
    assert table.accuracy(architecture, "cifar100", 200, "val") == pytest.approx(36 + part)
    assert table.test("imagenet16_120")(architecture) == pytest.approx(47 + part)
    assert table.training_seconds(architecture, "ImageNet16-120", 200) == pytest.approx(48 + part)


def test_costs_are_counted_in_ones(table: NasBench201) -> None:
    assert table.costs(table.architectures[2]) == {"params": 2_073_306, "flops": 9_783_050}


def test_the_older_object_gives_the_same_accuracies(table: NasBench201) -> None:
    older = NasBench201(NasBench201Api())
    assert older.costs(older.architectures[0]) == {}
    for column in older.frame.columns:
        np.testing.assert_array_equal(older.frame[column], table.frame[column])


def test_an_object_that_lacks_an_architecture_or_a_method_is_refused() -> None:
    api = NatsBench()
    del api.indices[STRINGS[3]]
    with pytest.raises(ValueError, match="Expected an API that knows all 15,625 cells, got none of "):
        NasBench201(api)
    api.query_index_by_arch = None  # type: ignore[method-assign]
    with pytest.raises(TypeError, match="with a method query_index_by_arch, got NatsBench"):
        NasBench201(api)
