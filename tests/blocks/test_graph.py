"""Graphs of searched blocks beside AutoKeras's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import autokeras
import keras
import keras_tuner
import numpy as np
import pytest

from autonas_keras import blocks
from autonas_keras.spaces import CellSpace, JoinedSpace
from autonas_keras.supernets import CellSupernet

TINY = CellSpace(operations=("max_pool_3x3", "skip_connect", "conv_1x1"), nodes=1, cells=2, channels=2)
DENSE = CellSpace(operations=("none", "skip_connect", "conv_1x1"), nodes=2, cells=3, channels=4, topology="dense")


def shaped(graph: blocks.Graph, inputs: list[tuple[int, ...]], outputs: list[int]) -> blocks.Graph:
    graph.set_io_shapes(([np.array([9, *shape]) for shape in inputs], [np.array([9, width]) for width in outputs]))
    for node, width in zip(graph.outputs, outputs, strict=True):
        head = node.in_blocks[0]
        head.loss = head.loss or ("binary_crossentropy" if width == 1 else "categorical_crossentropy")
    return graph


def classifier(space: Any = TINY, head: Any = blocks.ClassificationHead) -> blocks.Graph:
    image = blocks.ImageInput()
    out = head()(blocks.CellBlock(space)(blocks.Normalization()(image)))
    return blocks.Graph(image, out, optimizer=keras.optimizers.SGD)


def two_searched() -> blocks.Graph:
    image = blocks.ImageInput()
    features = blocks.ConvBlock()(blocks.Normalization()(image))
    a, b = blocks.CellBlock(TINY)(features), blocks.CellBlock(DENSE, name="second")(image)
    pooled = [blocks.SpatialReduction()(part) for part in (a, b)]
    merged = blocks.DenseBlock()(blocks.Merge()(pooled))
    return blocks.Graph(image, [blocks.ClassificationHead()(merged), blocks.RegressionHead()(merged)])


def test_a_block_declares_its_whole_space_in_its_scope() -> None:
    hp = keras_tuner.HyperParameters()
    graph = shaped(classifier(), [(8, 8)], [3])
    model = graph.build(hp)
    names = [choice.name for choice, _ in TINY.walk()]
    assert [entry.name for entry in hp.space] == [f"cell_block_1/{name}" for name in names]
    assert model.output_shape == (None, 3)
    assert graph.space.read(hp).scope("cell_block_1") == TINY.default()


@pytest.mark.parametrize("shape", [(8, 8), (9, 7, 3), (224, 224, 1)])
@pytest.mark.parametrize("space", [TINY, DENSE])
def test_supernet_and_network_give_features_of_one_shape(shape: tuple[int, ...], space: CellSpace) -> None:
    graph = shaped(classifier(space), [shape], [3])
    hp = keras_tuner.HyperParameters()
    shapes = []
    for network in (blocks.Network(), blocks.Network(supernet=lambda s, name: CellSupernet(s, name=name))):
        with graph.building(network):
            model = graph.assemble(hp)
        assert model.input_shape == (None, *shape)
        shapes.append(
            next(layer for layer in model.layers if "pool" in layer.name and "global" in layer.name).input.shape
        )
    assert shapes[0] == shapes[1]
    assert all(block.network.supernet is None for block in graph.searched)


def test_two_searched_blocks_beside_those_of_autokeras() -> None:
    graph = shaped(two_searched(), [(8, 8, 3)], [3, 1])
    hp = keras_tuner.HyperParameters()
    model = graph.build(hp)
    assert isinstance(graph.space, JoinedSpace) and set(graph.space.parts) == {"cell_block_1", "second"}
    assert graph.space.read(hp) in graph.space
    assert {"optimizer", "conv_block_1/kernel_size"} <= {entry.name for entry in hp.space}
    assert model.output_names == ["classification_head_1", "regression_head_1"]
    layers = [layer.name for layer in model.layers]
    assert "cell_block_1_stem_conv" in layers and "second_stem_conv" in layers
    x = np.zeros((2, 8, 8, 3), "uint8")
    y = {"classification_head_1": np.eye(3)[:2], "regression_head_1": np.zeros((2, 1))}
    model.fit(x, y, verbose=0)


def test_a_graph_made_twice_in_a_process_is_the_same() -> None:
    configs = [two_searched().get_config()["blocks"] for _ in range(2)]
    assert configs[0] == configs[1]
    names = [layer.name for layer in shaped(classifier(), [(8, 8)], [3]).build(keras_tuner.HyperParameters()).layers]
    again = shaped(classifier(), [(8, 8)], [3]).build(keras_tuner.HyperParameters())
    assert names == [layer.name for layer in again.layers]


@pytest.mark.parametrize("make", [classifier, two_searched])
def test_a_graph_survives_its_file(make: Any, tmp_path: Path) -> None:
    graph = make()
    graph.save(str(tmp_path / "graph"))
    loaded = blocks.Graph.from_config(json.loads((tmp_path / "graph").read_text()))
    assert loaded.get_config() == graph.get_config()
    assert [block.space for block in loaded.searched] == [block.space for block in graph.searched]


def test_two_blocks_of_one_name_are_refused() -> None:
    image = blocks.ImageInput()
    a, b = blocks.CellBlock(TINY, name="same")(image), blocks.CellBlock(TINY, name="same")(image)
    with pytest.raises(ValueError, match="its own name, got 'same' twice"):
        blocks.Graph(image, blocks.ClassificationHead()(blocks.Merge()([a, b])))


def test_a_block_reads_images_only() -> None:
    table = blocks.Input()
    graph = blocks.Graph(table, blocks.ClassificationHead()(blocks.CellBlock(TINY)(table)))
    with pytest.raises(ValueError, match="a CellBlock reads images or feature maps"):
        shaped(graph, [(5,)], [2]).build(keras_tuner.HyperParameters())


def test_wrong_spaces_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'darts'"):
        blocks.CellBlock("dart")
    with pytest.raises(TypeError, match="Expected a space of cells"):
        blocks.CellBlock(JoinedSpace({"a": TINY}))


def test_the_heads_of_autokeras_work_too() -> None:
    graph = shaped(classifier(head=autokeras.ClassificationHead), [(8, 8)], [3])
    hp = keras_tuner.HyperParameters()
    assert graph.build(hp).output_shape == (None, 3)
    assert "classification_head_1/spatial_reduction_1/reduction_type" in hp.values


@pytest.mark.parametrize(
    ("multi_label", "width", "activation"), [(False, 1, "sigmoid"), (False, 3, "softmax"), (True, 3, "sigmoid")]
)
def test_a_head_ends_as_its_targets_need(multi_label: bool, width: int, activation: str) -> None:
    graph = shaped(classifier(head=lambda: blocks.ClassificationHead(multi_label=multi_label)), [(8, 8)], [width])
    model = graph.build(keras_tuner.HyperParameters())
    assert model.layers[-1].activation is getattr(keras.activations, activation)


def test_a_loss_that_the_user_wants_is_kept() -> None:
    head = blocks.ClassificationHead(loss="categorical_focal_crossentropy")
    analyser = head.get_analyser()
    analyser.update(np.eye(3))
    analyser.finalize()
    head.config_from_analyser(analyser)
    assert head.loss == "categorical_focal_crossentropy"


def test_a_regression_head_speaks_in_the_units_of_its_targets() -> None:
    head = blocks.RegressionHead()
    head.set_units((100.0,), (10.0,))
    assert head.loss_weight == pytest.approx(0.01)
    head.shape = (1,)
    entry = keras.Input((4,))
    model = keras.Model(entry, head.build(keras_tuner.HyperParameters(), entry))
    model.layers[1].set_weights([np.zeros((4, 1)), np.ones(1)])
    assert model.predict(np.zeros((1, 4)), verbose=0).item() == pytest.approx(110.0)


@pytest.mark.parametrize("loss", ["msle", "mean_absolute_percentage_error", keras.losses.CosineSimilarity()])
def test_losses_that_know_no_units_have_no_weight(loss: Any) -> None:
    head = blocks.RegressionHead(loss=loss)
    head.set_units((100.0,), (10.0,))
    assert head.loss_weight == 1.0


def test_metrics_are_new_for_every_model() -> None:
    graph = classifier(head=lambda: blocks.ClassificationHead(metrics=[keras.metrics.AUC()]))
    a, b = graph.compile_arguments(), graph.compile_arguments()
    assert a["metrics"]["classification_head_1"][0] is not b["metrics"]["classification_head_1"][0]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_outputs_are_no_less_precise_than_float32(policy: str, float64: None) -> None:
    keras.config.set_dtype_policy(policy)
    regression, classes = blocks.RegressionHead(output_dim=1), blocks.ClassificationHead(num_classes=3)
    regression.shape, classes.shape = (1,), (3,)
    regression.set_units([2e5], [5e4])
    x = keras.Input((4,))
    model = keras.Model(x, [head.build(keras_tuner.HyperParameters(), x) for head in (regression, classes)])
    kernel, bias, *rest = model.get_weights()
    model.set_weights([np.full_like(kernel, 0.1), bias, *rest])
    found, shares = (np.asarray(y) for y in model(np.full((1, 4), 20.0, "float32")))
    assert found.dtype == shares.dtype == ("float64" if policy == "float64" else "float32")
    np.testing.assert_allclose(found, 2e5 + 8 * 5e4, rtol=0.01)  # float16 ends at 65,504
