"""Tasks on tables, from the data that people have to the model that they export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest

import autonas_keras as ank

SPACE = ank.spaces.TabularSpace(
    ("dense", "identity"),
    layers=1,
    width=8,
    embedding=4,
    bins=4,
    categories=(2,),
    normalisations=("none",),
    dropouts=(0.0,),
)


def people(rows: int = 60) -> pd.DataFrame:
    """Who is older or paid better says yes, but for some."""
    rng = np.random.default_rng(0)
    age = rng.integers(18, 70, rows).astype(float)
    paid = rng.choice(["little", "well"], rows)
    says = np.where((age > 45) | (paid == "well"), "yes", "no")
    age[::9] = np.nan
    return pd.DataFrame({"age": age, "paid": paid, "says": says})


def classifier(folder: Path, **settings: Any) -> ank.StructuredDataClassifier:
    return ank.StructuredDataClassifier(
        **{"tuner": "random", "max_trials": 1, "space": SPACE, "directory": folder, "seed": 0, **settings}
    )


def test_a_csv_file_from_fit_to_the_exported_model(tmp_path: Path) -> None:
    data = people()
    data.to_csv(tmp_path / "train.csv", index=False)
    model = classifier(tmp_path, objective="val_auc")
    model.fit(tmp_path / "train.csv", "says", epochs=4, verbose=0)
    assert model.tuner.oracle.objective.direction == "max"
    assert {"auc", "accuracy"} <= set(model.leaderboard().columns)
    labels = model.predict(tmp_path / "train.csv", verbose=0)
    assert labels.dtype == object and set(labels) <= {"yes", "no"}
    loss, accuracy, _ = model.evaluate(tmp_path / "train.csv", "says", verbose=0)
    assert np.isfinite(loss) and accuracy == pytest.approx((labels == data["says"]).mean())
    exported = model.export_model()
    assert {type(layer).__module__.split(".")[0] for layer in exported.layers} == {"keras"}
    exported.save(tmp_path / "found.keras")
    columns = {"age": data["age"].to_numpy(), "paid": data["paid"].to_numpy(object)}
    loaded = keras.saving.load_model(tmp_path / "found.keras")
    assert loaded.evaluate(columns, (data["says"] == "yes").to_numpy(float)[:, None], verbose=0)[0] == pytest.approx(
        loss
    )
    outputs = loaded.predict(columns, verbose=0)
    assert (np.where(outputs[:, 0] > 0.5, "yes", "no") == labels).all()
    # Another process knows the columns and the name of the target from the folder.
    again = classifier(tmp_path, objective="val_auc")
    assert (again.predict(data[["paid", "age"]], verbose=0) == labels).all()
    assert again.evaluate(tmp_path / "train.csv", verbose=0)[1] == pytest.approx(accuracy)
    with pytest.raises(ValueError, match="got none named 'age'"):
        again.predict(data[["paid"]])
    with pytest.raises(ValueError, match="belongs to, with data"):
        again.fit(data.assign(paid=data["paid"].str.upper()), "says", epochs=4, verbose=0)
    assert (again.predict(data[["paid", "age"]], verbose=0) == labels).all(), "What was refused is forgotten."


def test_what_a_refused_fit_has_read_is_forgotten(tmp_path: Path) -> None:
    data, model = people(), classifier(tmp_path)
    for more in ({}, {"more": 1.0}):
        with pytest.raises(ValueError, match="'perhaps'"):
            model.fit(data.assign(**more), "says", class_weight={"perhaps": 2.0}, verbose=0)


def test_a_proxy_is_checked_on_what_fit_takes(tmp_path: Path) -> None:
    people().to_csv(tmp_path / "train.csv", index=False)
    model = classifier(tmp_path, max_trials=2)
    report = ank.Proxy(data_fraction=0.5).validate(model, tmp_path / "train.csv", "says", n=3, epochs=1)
    assert len(report.table) == 3 and report.table["full_score"].notna().all()
    model.fit(tmp_path / "train.csv", "says", epochs=1, verbose=0)
    assert len(model.leaderboard()) == 2


def test_the_encoder_learns_from_the_training_samples_only(tmp_path: Path) -> None:
    data = people()
    data.loc[:, "id"] = [f"person {i // 2}" for i in range(len(data))]
    model = classifier(tmp_path)
    x, y = data.drop(columns="says"), data["says"]
    model.fit(x, y, epochs=1, validation_data=(x.iloc[:1].assign(paid="new", age=500.0), y[:1]), verbose=0)
    encoder = model.encoders[0]
    assert encoder is not None
    assert encoder.features.edges[0][-1] < 70 and encoder.features.sizes == (3, 31)
    split = classifier(tmp_path / "split")
    split.fit(x, y, epochs=1, verbose=0)
    # Pairs that the split took apart are rare in what is left.
    assert split.encoders[0].features.sizes[1] < 31  # type: ignore[union-attr]


def test_numbers_are_learnt_in_their_units_and_metrics_of_them_are_objectives(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    y = (1000 + 50 * x[:, 0]).astype(np.float64)
    model = ank.StructuredDataRegressor(
        tuner="random", max_trials=1, space=SPACE, directory=tmp_path, seed=0, objective="val_r2_score"
    )
    history = model.fit(x, y, epochs=30, verbose=0)
    assert model.tuner.oracle.objective.direction == "max"
    assert {"r2_score", "loss"} <= set(history.history)
    found = model.predict(x, verbose=0)
    assert found.dtype == np.float64 and np.abs(found - y).mean() < 40
    np.testing.assert_allclose(model.export_model().predict(x, verbose=0)[:, 0], found, rtol=1e-5)


def test_the_units_of_numbers_are_those_of_the_training_samples(tmp_path: Path) -> None:
    x, y = pd.DataFrame({"a": np.arange(20.0)}), np.arange(20.0) ** 3
    model = ank.StructuredDataRegressor(tuner="random", space=SPACE, directory=tmp_path, seed=0)
    data = model._read(x, y, 0.25, None)
    target: Any = data.targets[0]
    assert len(data.y) == 15 and target.form == "vector"
    assert target.mean == pytest.approx((float(np.mean(data.y)),)) and target.mean[0] != pytest.approx(y.mean())
    assert model._heads[0].scale == target.scale


def test_datasets_of_columns_and_of_rows(tmp_path: Path) -> None:
    import tensorflow as tf

    data = people()
    columns = {"age": data["age"].to_numpy(np.float32), "paid": data["paid"].to_numpy(str)}
    labels = (data["says"] == "yes").to_numpy(int)
    model = classifier(tmp_path)
    dataset = tf.data.Dataset.from_tensor_slices((columns, labels))
    model.fit(dataset.batch(8), epochs=1, verbose=0)
    expected = model.predict(pd.DataFrame(columns), verbose=0)
    assert expected.dtype == labels.dtype
    for given in (dataset.batch(7), dataset.map(lambda x, y: x), dataset.map(lambda x, y: x).batch(9)):
        np.testing.assert_array_equal(model.predict(given, verbose=0), expected)


def test_class_weights_count_rare_classes_as_much(tmp_path: Path) -> None:
    data = people()
    counts = data["says"].value_counts()
    model = classifier(tmp_path, metrics=["accuracy", keras.metrics.Recall(name="recall")])
    model.fit(data, "says", epochs=1, class_weight="balanced", verbose=0)
    no, yes = model._heads[0].class_weights
    assert (no > yes) == (counts["no"] < counts["yes"])
    for wish, message in (
        ({"maybe": 2}, "by the labels of the training data, 2 classes .'no', 'yes'., got 'maybe'"),
        ({"yes": 0}, "positive weights in class_weight, got 0"),
        ("even", 'to be "balanced"'),
    ):
        with pytest.raises(ValueError, match=message):
            classifier(tmp_path / "other").fit(data, "says", class_weight=wish)


def test_what_cannot_be_learnt_from_is_refused_in_one_sentence(tmp_path: Path) -> None:
    data = people()
    model = classifier(tmp_path)
    for x, y, message in (
        (data, "income", "a column 'income' of targets in x, got age, paid, says"),
        (tmp_path / "none.csv", "says", "which is no file"),
        (data.assign(says="yes"), "says", "at least two classes"),
        (data.assign(says=np.nan), "says", "60 missing"),
        (data.assign(born=pd.Timestamp("2000-01-01")), "says", "column 'born' of x, got dates"),
        (data.drop(columns="says"), data["says"][:5], "5 in y"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(x, y)
    with pytest.raises(ValueError, match="targets in y"):
        ank.StructuredDataRegressor(directory=tmp_path, project_name="r").fit(np.ones((4, 2)), [1, 2, np.nan, 3])


def test_a_table_beside_an_image_and_features_in_a_block(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = people(40)
    x = [rng.random((40, 6, 6)).astype(np.float32), data[["age", "paid"]]]
    image, table = ank.ImageInput(), ank.StructuredDataInput()
    flat = ank.Flatten()(image)
    merged = ank.Merge("concatenate")([ank.TabularBlock(SPACE)(table), ank.TabularBlock(SPACE, name="second")(flat)])
    model = ank.AutoModel(
        [image, table], ank.ClassificationHead()(merged), tuner="random", max_trials=1, directory=tmp_path, seed=0
    )
    model.fit(x, data["says"], epochs=1, verbose=0)
    assert set(model.best_architecture.scope("second")) == set(SPACE.named)
    outputs = model.export_model().predict([x[0], {n: x[1][n].to_numpy(object if n == "paid" else None) for n in x[1]}])
    assert (np.where(outputs[:, 0] > 0.5, "yes", "no") == model.predict(x, verbose=0)).all()


def test_a_thousand_classes_and_validation_on_one_row(tmp_path: Path) -> None:
    x = np.arange(2000.0)[:, None]
    model = classifier(tmp_path)
    model.fit(x, np.arange(2000) // 2, epochs=1, validation_data=(x[:1], [0]), verbose=0)
    assert model.predict(x[:3], verbose=0).shape == (3,)


def agreement(true: Any, predicted: Any) -> Any:
    return keras.ops.mean(keras.ops.cast(keras.ops.equal(true, keras.ops.round(predicted)), "float32"), axis=-1)


def squares(true: Any, predicted: Any) -> Any:
    return keras.ops.mean(keras.ops.square(true - predicted), axis=-1)


def other_squares() -> Any:
    def squares(true: Any, predicted: Any) -> Any:
        return 100 * keras.ops.mean(keras.ops.square(true - predicted), axis=-1)

    return squares


def test_losses_and_metrics_of_the_user_are_known_after_a_reload(tmp_path: Path) -> None:
    """So is an objective with its direction, which stands in the folder as the same text every time."""
    data = people()
    settings: dict[str, Any] = {
        "loss": squares,
        "metrics": [agreement, keras.metrics.MeanMetricWrapper(agreement, name="again")],
        "objective": keras_tuner.Objective("val_agreement", "max"),
    }
    first = classifier(tmp_path, **settings)
    first.fit(data[["age", "paid"]], data["says"], epochs=1, verbose=0)
    assert first.export_model().compiled
    again = classifier(tmp_path, **settings)
    found = again.evaluate(data[["age", "paid"]], data["says"], verbose=0, return_dict=True)
    assert found["agreement"] == pytest.approx(found["again"], abs=1e-6)
    assert again.export_model().compiled
    other = {**settings, "objective": keras_tuner.Objective("val_agreement", "min")}
    with pytest.raises(ValueError, match="direction"):
        classifier(tmp_path, **other)
    facts = [
        classifier(tmp_path, project_name="focal", loss=keras.losses.BinaryFocalCrossentropy(gamma=gamma))._facts
        for gamma in (2.0, 2.0, 5.0)
    ]
    assert facts[0] == facts[1] != facts[2]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "mcrossentropy"}, "a loss that Keras knows, got 'mcrossentropy'; did you mean '.*crossentropy'"),
        ({"metrics": ["acuracy"]}, "a metric that Keras knows, got 'acuracy'; did you mean 'accuracy'"),
        ({"loss": "categorical_crossentropy"}, "a loss for classes encoded as zeros and ones"),
        ({"loss": keras.losses.SparseCategoricalCrossentropy()}, "got 'SparseCategoricalCrossentropy'; leave it out"),
        ({"metrics": ["accuracy", "categorical_accuracy"]}, "a metric for classes encoded as zeros and ones"),
        ({"loss": lambda true, predicted: squares(true, predicted)}, "a loss that a file can hold, got a lambda"),
        ({"loss": squares, "metrics": [other_squares()]}, "names of their own, got two named 'squares'"),
        ({"metrics": keras.metrics.SparseTopKCategoricalAccuracy()}, "got 'SparseTopKCategoricalAccuracy'"),
    ],
)
def test_losses_and_metrics_that_cannot_be_are_refused_before_the_search(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    data = people()
    with pytest.raises(ValueError, match=words):
        classifier(tmp_path, **settings).fit(data[["age", "paid"]], data["says"], epochs=1, verbose=0)
    assert not list(tmp_path.glob("*/trial_*"))


def test_arguments_of_fit_are_refused_in_one_sentence(tmp_path: Path) -> None:
    data = people()
    x, y = data[["age", "paid"]], data["says"]
    for arguments, error, words in (
        ({"class_weight": [1, 2]}, ValueError, "a dictionary of weights by label, got"),
        ({"callbacks": [print]}, TypeError, "a list of keras.callbacks.Callback, got <built-in function print>"),
        ({"callbacks": 3}, TypeError, "a list of keras.callbacks.Callback, got 3"),
    ):
        with pytest.raises(error, match=words):  # type: ignore[call-overload]
            classifier(tmp_path).fit(x, y, epochs=1, verbose=0, **arguments)
    with pytest.raises(TypeError, match="got 'time_limit', which is an argument of fit"):
        classifier(tmp_path, time_limit=5)
    with pytest.raises(
        ValueError, match="a number for each sample with class_weight, got one number for all from 'all_in"
    ):
        classifier(tmp_path, loss=all_in_one).fit(x, y, epochs=1, verbose=0, class_weight="balanced")


def all_in_one(true: Any, predicted: Any) -> Any:
    return keras.ops.mean(keras.losses.binary_crossentropy(true, predicted))


@pytest.mark.parametrize(
    ("task", "space", "words"),
    [
        (
            ank.StructuredDataClassifier,
            "darts",
            "a space for StructuredDataInput, got 'darts', which is for ImageInput",
        ),
        (ank.TextClassifier, SPACE, "a space for TextInput, got 'TabularSpace', which is for StructuredDataInput"),
        (ank.ImageRegressor, "text", "a space for ImageInput, got 'text', which is for TextInput; leave it out"),
    ],
)
def test_a_space_for_other_inputs_is_refused(task: Any, space: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        task(space=space, directory=tmp_path)
    assert not list(tmp_path.iterdir())
