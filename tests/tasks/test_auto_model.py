"""Graphs of several inputs, searched blocks and heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import autokeras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import autonas_keras.blocks as ank
from autonas_keras.spaces import CellSpace
from autonas_keras.tasks import AutoModel
from tests.tasks.small import ONE_CELL, digits

DENSE = CellSpace(operations=("none", "skip_connect", "conv_1x1"), nodes=2, cells=2, channels=2, topology="dense")


def test_an_image_and_a_table_into_one_head(tmp_path: Path) -> None:
    image, table = ank.ImageInput(name="photo"), ank.StructuredDataInput(name="facts")
    a = ank.CellBlock(ONE_CELL)(ank.Normalization()(image))
    b = ank.DenseBlock(num_layers=1, dropout=0.0, use_batchnorm=False)(ank.Normalization()(table))
    out = ank.ClassificationHead()(ank.Merge()([a, b]))
    x, y = digits(60)
    frame = pd.DataFrame({"mean": x.mean(axis=(1, 2)), "zero": 0.0})
    model = AutoModel([image, table], out, directory=tmp_path, seed=0, search_epochs=1, search_cells=1)
    model.fit([x, frame], y, epochs=1, verbose=0)
    found = model.predict([x, frame], verbose=0)
    assert found.shape == y.shape and found.dtype == y.dtype
    np.testing.assert_array_equal(model.predict({"facts": frame, "photo": x}, verbose=0), found)
    with pytest.raises(ValueError, match=r"x with the keys \['facts', 'photo'\].*got \['image', 'table'\]"):
        model.predict({"image": x, "table": frame}, verbose=0)
    exported = model.export_model()
    assert [tuple(entry.shape[1:]) for entry in exported.inputs] == [(8, 8), (1,), (1,)]
    assert {type(layer).__module__.split(".")[0] for layer in exported.layers} == {"keras"}
    # A column that never changes is not blown up.
    columns = {name: frame[name].to_numpy() + 1 for name in frame}
    assert np.isfinite(exported.predict([x, columns], verbose=0)).all()
    with pytest.raises(ValueError, match="got 3 in x"):
        model.predict([x[:3], frame], verbose=0)
    with pytest.raises(ValueError, match="x as a list of 2 arrays"):
        model.predict(x)


def test_sizes_that_no_block_has_are_refused_before_the_folder_is_taken(tmp_path: Path) -> None:
    node = ank.Input()
    head = ank.RegressionHead()(ank.TabularBlock()(node))
    with pytest.raises(ValueError, match="Expected no cells for a space of tables, got 2"):
        AutoModel(node, head, directory=tmp_path, cells=2)
    assert not list(tmp_path.rglob("project.json"))


def test_two_searched_blocks_and_two_heads(tmp_path: Path) -> None:
    image = ank.ImageInput()
    pooled = [
        ank.SpatialReduction("global_avg")(block(image))
        for block in (ank.CellBlock(ONE_CELL), ank.CellBlock(DENSE, name="second"))
    ]
    merged = ank.Merge("concatenate")(pooled)
    heads = [ank.ClassificationHead(name="digit")(merged), ank.RegressionHead(name="ink")(merged)]
    x, y = digits(60)
    ink = x.sum(axis=(1, 2))
    settings: dict[str, Any] = {"search_epochs": 1, "search_cells": 1, "limits": {"params": 1500}}
    model = AutoModel(image, heads, directory=tmp_path, seed=0, **settings)
    history = model.fit(x, [y, ink], epochs=1, validation_data=(x, [y, ink]), verbose=0)
    assert {"val_digit_accuracy", "val_ink_loss"} <= set(history.history)
    labels, numbers = model.predict(x, verbose=0)
    assert labels.dtype == y.dtype and numbers.dtype == ink.dtype and numbers.shape == ink.shape
    result = model.evaluate(x, [y, ink], verbose=0, return_dict=True)
    assert model.evaluate(x, {"ink": ink, "digit": y}, verbose=0, return_dict=True) == pytest.approx(result)
    pairs = tf.data.Dataset.from_tensor_slices((x, {"digit": y, "ink": ink})).batch(32)
    assert model.evaluate(pairs, verbose=0, return_dict=True) == pytest.approx(result)
    assert result["digit_accuracy"] == pytest.approx((labels == y).mean())
    assert set(model.best_architecture.scope("second")) == {choice.name for choice, _ in DENSE.walk()}
    assert model.best_architecture.scope("cell_block_1", ONE_CELL) in ONE_CELL
    assert model.leaderboard().params[0] <= 1500
    model.plot_architecture(tmp_path / "cells.png")


def test_heads_and_inputs_of_autokeras_alone(tmp_path: Path) -> None:
    x, y = digits(60)
    settings: dict[str, Any] = {"space": ONE_CELL, "search_cells": 1, "search_epochs": 1}
    model = AutoModel(autokeras.ImageInput(), autokeras.ClassificationHead(), directory=tmp_path, seed=0, **settings)
    model.fit(x, y, epochs=1, verbose=0)
    assert model.predict(x, verbose=0).dtype == y.dtype
    assert {type(layer).__module__.split(".")[0] for layer in model.export_model().layers} == {"keras"}


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    image = ank.ImageInput()
    with pytest.raises(TypeError, match="all heads, or all nodes"):
        AutoModel(image, ["head"], directory=tmp_path)
    with pytest.raises(ValueError, match="a searched block for tuner 'darts', got none; add a CellBlock"):
        AutoModel(image, ank.ClassificationHead()(ank.ConvBlock()(image)), directory=tmp_path)
    with pytest.raises(ValueError, match="objective that the heads report, got 'val_accuracy'"):
        AutoModel(image, [ank.ClassificationHead(), ank.RegressionHead()], objective="val_accuracy", directory=tmp_path)


def test_inputs_and_heads_are_named_by_their_place_in_every_object(tmp_path: Path) -> None:
    for _ in range(2):
        inputs = [ank.TextInput(), ank.StructuredDataInput(), ank.StructuredDataInput()]
        model = AutoModel(inputs, [ank.ClassificationHead(), ank.RegressionHead()], directory=tmp_path)
        names = ["text_input_1", "structured_data_input_1", "structured_data_input_2"]
        assert [node.name for node in model.inputs] == names
        assert [head.name for head in model._heads] == ["classification_head_1", "regression_head_1"]


def test_names_that_the_user_gave_to_inputs_stay_with_them(tmp_path: Path) -> None:
    inputs = [ank.ImageInput(name="image_input_2"), ank.ImageInput(name="image_input_1")]
    model = AutoModel(inputs, ank.ClassificationHead(), directory=tmp_path)
    assert [node.name for node in model.inputs] == ["image_input_2", "image_input_1"]
