"""Latency tables: their parts against the networks they stand for, their files, their sentences. No times are tested."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.evaluation import (
    LatencyTable,
    architecture_costs,
    chain_costs,
    latency,
    macro_costs,
    mobile_costs,
    model_costs,
)
from autonas_keras.evaluation.conditions import Conditions
from autonas_keras.evaluation.latency import CUTS
from autonas_keras.evaluation.parts import Cut
from autonas_keras.evaluation.timing import keras_call, low_medians, strengthen, tflite_call
from autonas_keras.layers import register_operation
from autonas_keras.spaces import CellSpace, ChainSpace, Choice, MacroSpace, MobileSpace, Space
from autonas_keras.strategies import RandomSearch

SHAPE = (16, 12, 3)
CELLS = {
    "darts": CellSpace.darts(cells=3, channels=3, nodes=2),
    "nasnet": CellSpace.nasnet(cells=3, channels=4, nodes=2),
    "nasbench201": CellSpace.nasbench201(cells=4, channels=4),
    "one node": CellSpace.darts(cells=2, channels=2, nodes=1),
    "one dense node": CellSpace.nasbench201(cells=3, channels=2, nodes=1),
    "others": CellSpace(("conv_7x1_1x7", "sep_conv_7x7", "skip_connect"), nodes=2, cells=3, channels=5),
}
CHAINS = {
    "macro": ChainSpace.nasbench_macro(4),
    "shuffle": ChainSpace(
        ("shuffle_k3", "shuffle_xception", "identity"), ((2, 8, 2), (2, 12, 1)), 4, 2, 0, widths=(0.5, 1.0)
    ),
    "mobile": MobileSpace(
        ((4, 6), (8, 12)), (1, 2), (3, 5), ((1,), (2, 3)), (1, 2), (4, 8), 2, 16, (10, 12), "hard_swish", (False, True)
    ),
    "small": MobileSpace.small(),
}
MACRO = MacroSpace(("conv_3x3", "sep_conv_5x5", "max_pool_3x3"), layers=4, channels=4)
SPACES: dict[str, Any] = {**CELLS, **CHAINS, "skips": MACRO}
COUNTS: dict[type[Space], Any] = {
    CellSpace: architecture_costs,
    ChainSpace: chain_costs,
    MacroSpace: macro_costs,
    MobileSpace: mobile_costs,
}
SMALL = CellSpace.nasbench201(cells=3, channels=2, nodes=2)
TINY_CHAIN = ChainSpace(("mbconv_k3_e1", "mbconv_k3_e2", "identity"), ((2, 4, 1),), 2)
TINY_MOBILE = MobileSpace(((2, 4),), (1, 2), 3, (1, 2), 1, 2, head=4)
TINY = CellSpace.nasbench201(operations=("skip_connect", "none", "nor_conv_3x3"), cells=1, channels=2, nodes=2)


def conditions(**changes: Any) -> Conditions:
    return Conditions(
        **{
            "input_shape": SHAPE,
            "classes": 10,
            "batch_size": 1,
            "runtime": "keras",
            "threads": 2,
            "processor": "a, b",
            "tensorflow": "2.21.0",
            **changes,
        }
    )


def cut_of(space: Space, classes: int = 10, shape: tuple[int, int, int] = SHAPE) -> Cut:
    return CUTS[type(space)](space, shape, classes)


def table(space: Space, time: float | None = None, **changes: Any) -> LatencyTable:
    """Every part takes ``time``, by default a time of its own."""
    about = conditions(**changes)
    names = sorted({part.name for part in cut_of(space).all_parts()})
    times = {name: 0.1 + place / 7 if time is None else time for place, name in enumerate(names)}
    return LatencyTable(space, about, {"call": 0.25, **times})


@pytest.mark.parametrize("name", SPACES)
def test_parts_have_the_costs_of_the_whole_network(name: str) -> None:
    space = SPACES[name]
    cut = cut_of(space, 7)
    built: dict[str, dict[str, int]] = {}
    names = {part.name for part in cut.all_parts()}
    rng = np.random.default_rng(0)
    for _ in range(2):
        architecture = space.sample(rng)
        parts = cut.parts(architecture)
        built |= {part.name: model_costs(part.build()) for part in parts if part.name not in built}
        total = {key: sum(built[part.name][key] for part in parts) for key in ("params", "flops")}
        assert total == COUNTS[type(space)](space, architecture, SHAPE, 7), architecture
        assert {part.name for part in parts} <= names
    assert model_costs(cut.network(architecture)) == total


def test_what_nothing_reads_is_no_part() -> None:
    space = CellSpace.nasnet(cells=4, channels=2, nodes=2)
    decisions = dict(space.default())
    decisions |= {f"{kind}/node_{node}/input_{i}": 0 for kind in space.cell_types for node in (2, 3) for i in (1, 2)}
    parts = [part.name for part in cut_of(space).parts(space.architecture(decisions))]
    # The last of four cells reads the second one only, and that one the stem.
    assert sum(name.startswith("concat") for name in parts) == 2
    assert sum(name.startswith("input") for name in parts) == 2


def test_two_operations_of_one_name_on_one_state_are_one_part() -> None:
    space = CellSpace.nasbench201(cells=1, channels=2)

    def operations_of(name: str) -> list[str]:
        parts = cut_of(space).parts({edge: name for edge in space.named})
        return [part.name for part in parts if not part.name.startswith(("stem", "sum", "head"))]

    # Three edges read the first state, two the second and one the third.
    one, two = "conv_3x3 16x12x2", "conv_3x3 16x12x2 twice"
    assert operations_of("nor_conv_3x3") == [two, one, two, one]
    assert operations_of("skip_connect") == []


def test_operations_of_the_users_own_are_parts() -> None:
    register_operation("conv_9x9", lambda x, c, s: keras.layers.Conv2D(c, 9, s, padding="same")(x))
    space = CellSpace(("conv_9x9", "sep_conv_3x3"), nodes=2, cells=3, channels=2)
    cut = cut_of(space)
    costs = {part.name: model_costs(part.build()) for part in cut.all_parts()}
    total = sum(costs[part.name]["params"] for part in cut.parts(space.default()))
    assert total == architecture_costs(space, space.default(), SHAPE, 10)["params"]


@pytest.mark.parametrize("name", SPACES)
def test_a_latency_is_the_call_and_the_scaled_sum_of_the_parts(name: str) -> None:
    space = SPACES[name]
    times, ones = table(space, scale=2.0), table(space, 1.0)
    for seed in range(50):  # every part that is met has a time
        architecture = space.sample(np.random.default_rng(seed))
        parts = [part.name for part in cut_of(space).parts(architecture)]
        assert times.latency_ms(architecture) == pytest.approx(0.25 + 2 * sum(times.milliseconds[p] for p in parts))
        assert ones.costs(dict(architecture)) == {"latency_ms": 0.25 + len(parts)}


def test_a_hand_counted_network() -> None:
    ones = table(SMALL, 1.0)
    decisions = {"cell/edge_1_0": "skip_connect", "cell/edge_2_0": "none", "cell/edge_2_1": "nor_conv_3x3"}
    # Stem and head; two residual blocks; in each of three cells nothing, a convolution, and the sum of both.
    assert ones.latency_ms(decisions) == 0.25 + 2 + 2 + 3 * 3


def test_a_strategy_stays_within_a_latency() -> None:
    costs = table(SMALL)
    limit = float(np.median([costs.latency_ms(a) for a in SMALL.enumerate()]))
    strategy = RandomSearch(SMALL, seed=0, limits={"latency_ms": limit}, costs=costs.costs)
    proposed = [strategy.propose() for _ in range(20)]
    assert all(a is not None and costs.latency_ms(a) <= limit for a in proposed)


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    before = table(SPACES["darts"], batch_size=3, scale=0.75, networks=4, median_error=0.03, rank_correlation=0.8)
    before.save(tmp_path / "darts.csv")
    after = LatencyTable.load(tmp_path / "darts.csv", SPACES["darts"])
    assert (after.space, after.conditions, after.milliseconds) == (before.space, before.conditions, before.milliseconds)
    architecture = SPACES["darts"].default()
    assert after.latency_ms(architecture) == before.latency_ms(architecture)
    lines = (tmp_path / "darts.csv").read_text().splitlines()
    assert lines[0] == "# autonas_keras latency table"
    for line in (
        "# batch_size: 3",
        '# processor: "a, b"',
        "# scale: 0.75",
        "# median_error: 0.03",
        "part,milliseconds",
    ):
        assert line in lines
    assert len(lines) == lines.index("part,milliseconds") + 1 + len(before.milliseconds)


def test_a_table_of_another_space_is_refused_by_name(tmp_path: Path) -> None:
    table(SMALL).save(tmp_path / "small.csv")
    sentence = (
        "Expected a latency table of CellSpace(operations=['none', 'max_pool_3x3'",
        "got one of CellSpace(operations=['none', 'skip_connect'",
        "in small.csv; measure one with LatencyTable.measure.",
    )
    with pytest.raises(ValueError, match=".*".join(re.escape(words) for words in sentence)):
        LatencyTable.load(tmp_path / "small.csv", SPACES["darts"])


@pytest.mark.parametrize(
    "change", [lambda text: "", lambda text: "a,b\n1,2\n", lambda text: text.replace("# classes", "# clases"),
               lambda text: text.replace("call,0.25", "call,fast"), lambda text: text.replace("part,milli", "part,")]
)  # fmt: skip
def test_what_is_no_table_is_refused(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "some.csv"
    table(SMALL).save(path)
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match="Expected a latency table that LatencyTable.save wrote, got .*some.csv"):
        LatencyTable.load(path)


def test_a_table_that_lacks_a_part_is_refused() -> None:
    whole = table(SMALL)
    for name in ("call", "sum 16x12x2 of 2"):
        left = {key: value for key, value in whole.milliseconds.items() if key != name}
        with pytest.raises(ValueError, match=f"Expected the time of every part of CellSpace.*got none of '{name}'"):
            LatencyTable(SMALL, whole.conditions, left)


def test_an_architecture_of_another_space_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected decisions of this space, got 'normal/node_2/inputs'"):
        table(SMALL).latency_ms(SPACES["darts"].default())


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (
            {"space": Space((Choice("a", (1, 2)),))},
            TypeError,
            "Expected a space that can be timed in parts, a .*got Space",
        ),
        ({"space": "dart"}, ValueError, "Expected the name of a space, got 'dart'; did you mean 'darts'"),
        (
            {"input_shape": (32, 32)},
            ValueError,
            r"Expected an input_shape of \(height, width, channels\), got \(32, 32\)",
        ),
        ({"input_shape": (32, 0, 3)}, ValueError, "Expected an input_shape"),
        ({"input_shape": 32}, ValueError, "Expected an input_shape .* got 32"),
        ({"classes": 0}, ValueError, "Expected classes to be an integer of 1 or more, got 0"),
        ({"batch_size": 1.5}, ValueError, "Expected batch_size to be an integer of 1 or more, got 1.5"),
        ({"repeats": True}, ValueError, "Expected repeats to be an integer of 1 or more, got True"),
        ({"calibrate": -1}, ValueError, "Expected calibrate to be a number of networks, 0 or more, got -1"),
        ({"compare": 2.5}, ValueError, "Expected compare to be a number of networks, 0 or more, got 2.5"),
        ({"space": TINY, "calibrate": 20}, ValueError, "Expected to time at most the 27 networks there are, got 30"),
        (
            {"space": ChainSpace(("mbconv_k3_e3", "identity"), ((1, 8, 1),), 4, bits=(2, 4))},
            ValueError,
            r"Expected a chain space without bits to time, got bits=\(2, 4\)",
        ),
        ({"runtime": "torch"}, ValueError, r"Expected a runtime of \('keras', 'tflite'\), got 'torch'"),
        ({"threads": 2}, ValueError, "Expected threads with runtime='tflite' only, got 2 with 'keras'"),
        ({"threads": 0, "runtime": "tflite"}, ValueError, "Expected threads to be an integer of 1 or more, got 0"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_timed(
    arguments: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        LatencyTable.measure(**{"space": SPACES["darts"], **arguments})


@pytest.mark.parametrize(("name", "runtime"), [("tiny", "keras"), ("chain", "keras"), ("mobile", "tflite")])
def test_a_measured_table_and_its_comparison_with_whole_networks(name: str, runtime: str) -> None:
    space = {"tiny": TINY, "chain": TINY_CHAIN, "mobile": TINY_MOBILE}[name]
    shape, threads = (8, 8, 3), 1 if runtime == "tflite" else None
    before = random.getstate(), np.random.get_state()[1].tolist()
    measured = LatencyTable.measure(
        space, shape, 4, batch_size=2, runtime=runtime, threads=threads, repeats=1, calibrate=2, compare=3, verbose=0
    )
    assert set(measured.milliseconds) == {"call", *(part.name for part in cut_of(space, 4, shape).all_parts())}
    assert all(0 <= value < math.inf for value in measured.milliseconds.values())
    about, frame = measured.conditions, measured.comparison
    assert (about.input_shape, about.classes, about.batch_size, about.runtime) == (shape, 4, 2, runtime)
    assert about.scale > 0 and about.threads >= 1 and about.processor and about.tensorflow == tf.__version__
    assert list(frame) == ["architecture", "sum_ms", "whole_ms", "error"]
    assert frame["sum_ms"].tolist() == [measured.latency_ms(a) for a in frame["architecture"]]
    assert (frame["whole_ms"] > 0).all()
    assert frame["error"].tolist() == pytest.approx((frame["sum_ms"] / frame["whole_ms"] - 1).tolist())
    assert about.networks == len(set(frame["architecture"])) == 3
    assert about.median_error == pytest.approx(np.median(np.abs(frame["error"])))
    spearman = frame[["sum_ms", "whole_ms"]].corr("spearman").iloc[0, 1]
    assert about.rank_correlation == pytest.approx(spearman, nan_ok=True)  # noise may leave nothing of tiny parts
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_the_scale_is_that_of_other_networks_than_the_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def times(calls: dict[str, Any], repeats: int, counted: Any) -> dict[str, float]:
        parts = [part.name for part in cut_of(TINY).all_parts()]
        found = {"call": 1.0, "idle": 2.0, **{name: 2.0 + 2 * place for place, name in enumerate(parts, 1)}}
        for place, sample in enumerate(samples):
            sums.append(sum(found[part.name] / 2 - 1 for part in cut_of(TINY).parts(sample)))
            found[f"whole {place}"] = 1 + (3 if place < 2 else 5) * sums[-1]
        return found

    rng = np.random.default_rng(0)
    samples: dict[Any, None] = {}
    sums: list[float] = []
    while len(samples) < 4:
        samples[TINY.sample(rng)] = None
    monkeypatch.setattr(latency, "low_medians", times)
    monkeypatch.setattr(latency, "_call", lambda models, conditions: len)
    measured = LatencyTable.measure(TINY, SHAPE, calibrate=2, compare=2, seed=0, verbose=0)
    assert measured.conditions.scale == pytest.approx(3.0)
    assert measured.comparison["architecture"].tolist() == list(samples)[2:]
    errors = [(1 + 3 * total) / (1 + 5 * total) - 1 for total in sums[2:]]
    assert measured.comparison["error"].tolist() == pytest.approx(errors)


def test_a_call_runs_every_model() -> None:
    architecture = {name: "nor_conv_3x3" for name in TINY.named}
    models = [strengthen(cut_of(TINY, 4, (8, 8, 3)).network(architecture)) for _ in range(3)]
    outputs = keras_call(models, 2)()
    assert [output.shape for output in outputs] == [(1,)] * 3
    assert len({float(output[0]) for output in outputs}) == 3
    assert tflite_call(models, 2, 1)() is None


def test_every_call_is_made_in_every_round() -> None:
    counts: Counter[str] = Counter()
    rounds: list[int] = []
    calls = {name: lambda name=name: counts.update([name]) for name in "ab"}
    times = low_medians(calls, 4, rounds.append)
    assert rounds == [1, 2, 3, 4] and set(times) == {"a", "b"}
    assert all(counts[name] >= 3 + 4 * 3 for name in "ab")


def test_signals_do_not_die_out_in_a_strengthened_network() -> None:
    space = CellSpace.darts(operations=("sep_conv_5x5",), cells=6, channels=2, nodes=2)
    network = strengthen(cut_of(space).network(space.default()))
    features = keras.Model(network.input, [layer.output for layer in network.layers if "concat" in layer.name])
    for maps in features(np.random.default_rng(1).standard_normal((2, *SHAPE), np.float32)):
        assert 1e-2 < np.std(maps) < 1e6
