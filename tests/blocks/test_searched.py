"""Searched blocks of every kind of space."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

from autonas_keras import blocks
from autonas_keras.evaluation import model_costs
from autonas_keras.spaces import CellSpace, ChainSpace, JoinedSpace, MacroSpace, MobileSpace
from autonas_keras.supernets import PathChain, PathMacro, PathMobile
from autonas_keras.tuners.limits import GraphCosts, check_feasible

CHAIN = ChainSpace(("identity", "mbconv_k3_e2"), stages=((2, 8, 2),), stem=4, tail=8)
MOBILE = MobileSpace(((2, 4), (4,)), depths=(1, 2), kernels=(3, 5), expansions=(1, 2), head=8, resolutions=(4, 8))
CELL = CellSpace(operations=("max_pool_3x3", "skip_connect", "conv_1x1"), nodes=1, cells=2, channels=2)
MACRO = MacroSpace(("conv_3x3", "max_pool_3x3"), layers=3, channels=2)
KINDS = {"chain": CHAIN, "macro": MACRO, "mobile": MOBILE}
SUPERNETS: dict[str, Any] = {"chain": PathChain, "macro": PathMacro, "mobile": PathMobile}
every = pytest.mark.parametrize("kind", KINDS)


def graph_of(space: Any, shape: tuple[int, ...] = (8, 8)) -> blocks.Graph:
    image = blocks.ImageInput()
    head = blocks.ClassificationHead(loss="categorical_crossentropy")
    out = head(blocks.searched_block(space)(blocks.Normalization()(image)))
    graph = blocks.Graph(image, out, optimizer=keras.optimizers.SGD)
    graph.set_io_shapes(([np.array([9, *shape])], [np.array([9, 3])]))
    return graph


def assembled(graph: blocks.Graph, architecture: Any = None, network: Any = None) -> keras.Model:
    hp = keras_tuner.HyperParameters()
    hp.values = dict(architecture or {})
    with graph.building(network or blocks.Network()):
        return graph.assemble(hp)


@every
def test_the_block_of_a_space_declares_all_of_it(kind: str) -> None:
    hp = keras_tuner.HyperParameters()
    graph = graph_of(KINDS[kind])
    assert graph.assemble(hp).output_shape == (None, 3)
    names = [choice.name for choice, _ in KINDS[kind].walk()]
    assert list(dict.fromkeys(e.name for e in hp.space)) == [f"{kind}_block_1/{name}" for name in dict.fromkeys(names)]


@every
def test_supernet_and_network_give_features_of_as_many_channels(kind: str) -> None:
    graph, layer = graph_of(KINDS[kind], (9, 7, 3)), SUPERNETS[kind]
    networks = [blocks.Network(), blocks.Network(supernet=lambda space, name: layer(space, name=name))]
    heads = [assembled(graph, network=network).get_layer("classification_head_1_logits") for network in networks]
    assert heads[0].kernel.shape == heads[1].kernel.shape


@pytest.mark.parametrize("spaces", [(CHAIN,), (MOBILE,), (CHAIN, MOBILE, CELL, MACRO)], ids=len)
def test_costs_of_a_graph_equal_those_of_its_networks(spaces: tuple[Any, ...]) -> None:
    image = blocks.ImageInput()
    parts = [blocks.SpatialReduction("global_avg")(blocks.searched_block(space)(image)) for space in spaces]
    merged = blocks.Merge("concatenate")(parts) if len(parts) > 1 else parts[0]
    graph = blocks.Graph(image, blocks.ClassificationHead(loss="mse")(merged), optimizer=keras.optimizers.SGD)
    graph.set_io_shapes(([np.array([9, 12, 12, 3])], [np.array([9, 3])]))
    hp = keras_tuner.HyperParameters()
    costs = GraphCosts(graph, graph.assemble(hp), graph.space.read(hp))
    rng = np.random.default_rng(0)
    for _ in range(2):
        architecture = graph.space.sample(rng)
        found = model_costs(assembled(graph, architecture))
        assert costs.of(architecture) == found
        assert all(costs.least()[name] <= found[name] for name in found)
    with pytest.raises(ValueError, match="the nearest that is feasible"):
        check_feasible(costs, graph.space, {"flops": costs.least()["flops"] - 1})


def test_a_mobile_space_by_name_takes_its_resolutions_from_the_images() -> None:
    graph = graph_of("mobile", (28, 28))
    hp = keras_tuner.HyperParameters()
    graph.assemble(hp)
    space = graph.searched[0].space
    assert space.resolutions == (16, 20, 24, 28) and space == MobileSpace.small(28)
    again = graph_of("mobile", (28, 28)).searched[0]
    again.recall(hp)
    assert again.space == space and again.space.read(hp_of(hp, again.name)) in space


def hp_of(hp: Any, name: str) -> Any:
    """Hyperparameters whose names are those inside the block."""
    found = keras_tuner.HyperParameters()
    found.values = {key.removeprefix(f"{name}/"): value for key, value in hp.values.items()}
    return found


def test_a_space_by_name_suits_small_and_large_images() -> None:
    for shape in ((8, 8), (150, 130, 3)):
        graph = graph_of("mobile", shape)
        assembled(graph)
        space = graph.searched[0].space
        assert max(space.resolutions) <= 76 and space.stem_stride == (1 if shape[0] == 8 else 2)


@pytest.mark.parametrize("space", ["mobile", "nasbench_macro", "enas_macro", CHAIN, MACRO, MOBILE])
def test_a_graph_of_chains_or_mobile_networks_survives_its_file(space: Any, tmp_path: Path) -> None:
    graph = graph_of(space)
    graph.save(str(tmp_path / "graph"))
    loaded = blocks.Graph.from_config(json.loads((tmp_path / "graph").read_text()))
    assert loaded.get_config()["blocks"][1] == graph.get_config()["blocks"][1]
    assert loaded.searched[0].space == graph.searched[0].space
    assert loaded.searched[0].sized == (not isinstance(space, str))


@pytest.mark.parametrize("space", [CHAIN, MACRO], ids=["chain", "macro"])
def test_a_network_is_built_as_wide_as_asked(space: Any) -> None:
    model = assembled(graph_of(space), network=blocks.Network(channels=8))
    assert model.get_layer("stem_conv").filters == 8


def test_sizes_that_a_kind_of_network_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="no cells for a space of chains"):
        assembled(graph_of(CHAIN), network=blocks.Network(cells=3))
    with pytest.raises(ValueError, match="no channels for a space of mobile networks"):
        assembled(graph_of(MOBILE), network=blocks.Network(channels=3))


def test_sizes_are_for_the_blocks_that_have_them() -> None:
    image = blocks.ImageInput()
    cells, chain = (blocks.searched_block(space)(image) for space in ("nasbench201", CHAIN))
    pooled = [blocks.SpatialReduction("global_avg")(each) for each in (cells, chain)]
    graph = blocks.Graph(image, blocks.ClassificationHead()(blocks.Merge()(pooled)))
    graph.check_sizes(cells=2, channels=4)
    graph.set_io_shapes(([np.array([9, 8, 8, 3])], [np.array([9, 3])]))
    with graph.building(blocks.Network(cells=2, channels=4)):
        graph.build(keras_tuner.HyperParameters())
        assert (graph.searched[0].built_space.cells, graph.searched[0].built_space.channels) == (2, 4)


def test_wrong_spaces_are_refused() -> None:
    with pytest.raises(TypeError, match="a space of chains for a ChainBlock"):
        blocks.ChainBlock("mobile")
    with pytest.raises(TypeError, match="a space of mobile networks for a MobileBlock"):
        blocks.MobileBlock(CHAIN)
    with pytest.raises(TypeError, match="Expected a space of one of CellSpace, ChainSpace, MacroSpace, MobileSpace"):
        blocks.searched_block(JoinedSpace({"a": CHAIN}))
    with pytest.raises(ValueError, match="did you mean 'mobile'"):
        blocks.searched_block("mobil")


@pytest.mark.parametrize(
    ("space", "smaller"),
    [
        (CellSpace(("max_pool_3x3", "conv_1x1"), nodes=1, cells=8, channels=16), {"width": 0.25, "depth": 0.5}),
        (CellSpace(("none", "conv_1x1"), 2, 9, 16, "dense"), {"width": 0.5, "depth": 0.2}),
        (ChainSpace(("identity", "mbconv_k3_e2"), stages=((2, 16, 2),), stem=8, tail=16), {"width": 0.5}),
        (MacroSpace(("conv_3x3",), layers=3, channels=8), {"width": 0.5}),
        (MOBILE, {"width": 0.5}),
    ],
    ids=["cells", "dense cells", "chain", "macro", "mobile"],
)
def test_a_proxy_has_a_smaller_network_of_the_same_architecture(space: Any, smaller: dict[str, float]) -> None:
    graph, network = graph_of(space, (8, 8, 3)), blocks.Network(**smaller)
    point = graph.space.sample(np.random.default_rng(0))
    full, small = (assembled(graph, point, n) for n in (None, network))
    assert small.count_params() < full.count_params() and small.output_shape == full.output_shape
    assert {name for name, does in graph.searched[0].follows(network).items() if does} == set(smaller)
    if "depth" in smaller:
        with graph.building(network):
            built = graph.searched[0].built_space
        assert (built.cells, built.channels) == ((4, 4) if space.topology == "distinct" else (3, 8))


def test_what_is_averaged_down_depends_on_the_images() -> None:
    network = blocks.Network(shrink=2)
    for side, follows in ((24, True), (23, False)):
        graph = graph_of(CELL, (side, side))
        assembled(graph)
        assert graph.searched[0].follows(network)["resolution"] is follows
