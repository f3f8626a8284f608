"""Encoders inside a model that is exported."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from autonas_keras.tasks.encoders import with_preprocessing
from autonas_keras.tasks.table_encoder import TableEncoder
from autonas_keras.tasks.text_encoder import TextEncoder


def test_two_texts_and_two_tables_with_columns_of_one_name_are_exported_together(tmp_path: Path) -> None:
    table = pd.DataFrame({"text": ["a", "a", "b"], "age": [1.0, 2.0, 3.0]})
    data = [table, ["good", "bad film", "good"], table[::-1], ["one", "two", "three"]]
    encoders = [TableEncoder(), TextEncoder(), TableEncoder(), TextEncoder()]
    arrays = []
    for encoder, part in zip(encoders, data, strict=True):
        samples = encoder.read(part, "x")
        encoder.fit(samples, "x")
        arrays.append(encoder.encode(samples, "x").astype("float32"))
    entries = [keras.Input(array.shape[1:]) for array in arrays]
    network = keras.Model(entries, keras.layers.Concatenate()(entries))
    with_preprocessing(network, encoders).save(tmp_path / "model.keras")
    raw = [
        {name: part[name].to_numpy(object if name == "text" else float) for name in part}
        if isinstance(part, pd.DataFrame)
        else np.array(part, object)
        for part in data
    ]
    found = keras.saving.load_model(tmp_path / "model.keras").predict(raw, verbose=0)
    np.testing.assert_array_equal(found, np.concatenate(arrays, axis=1))
