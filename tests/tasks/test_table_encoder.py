"""Tables become one matrix, by pandas and by Keras layers alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tree

from autonas_keras.tasks.encoders import with_preprocessing
from autonas_keras.tasks.table_columns import Categorical
from autonas_keras.tasks.table_encoder import TableEncoder


def frame(rows: int = 40) -> pd.DataFrame:
    """Columns of every kind, with something missing where that can be."""
    rng = np.random.default_rng(0)
    gaps = rng.random(rows) < 0.2
    return pd.DataFrame(
        {
            "number": np.where(gaps, np.nan, rng.standard_normal(rows)),
            "string": np.where(gaps, None, rng.choice(["a", "b", "ü"], rows)),
            "whole": rng.integers(0, 5, rows),
            "flag": rng.random(rows) < 0.5,
            "nullable": pd.array([None, *range(rows - 1)], dtype="Int64"),
            "maybe": pd.array([None, *[True, False] * (rows // 2)][:rows], dtype="boolean"),
            "class": pd.Categorical(rng.choice(["x", "y"], rows), categories=["y", "x", "never"]),
            "code": pd.Categorical(rng.choice([7, 9], rows)),
            "mixed": [1, "z"] * (rows // 2),
            "nothing": [None] * rows,
            "constant": 3.5,
            "with/slash": rng.integers(0, 9, rows).astype(float),
        }
    )


def fitted(data: Any, **arguments: Any) -> TableEncoder:
    encoder = TableEncoder(**arguments)
    encoder.fit(encoder.read(data, "x"), "x")
    return encoder


def encode(encoder: TableEncoder, data: Any) -> np.ndarray:
    return encoder.encode(encoder.read(data, "x"), "x")


def raw(data: pd.DataFrame) -> dict[str, np.ndarray]:
    """The columns as an exported model takes them: strings as objects, numbers with NaN."""
    columns = {}
    for name in data:
        values = data[name]
        kind = values.cat.categories.dtype if isinstance(values.dtype, pd.CategoricalDtype) else values.dtype
        strings = not pd.api.types.is_numeric_dtype(kind) and name != "nothing"
        columns[str(name).replace("/", "_")] = (
            values.astype(object).where(values.notna(), "").astype(str).to_numpy(object)
            if strings
            else values.astype("Float64").to_numpy(np.float64, na_value=np.nan)
        )
    return columns


def test_numbers_stay_and_categories_become_codes() -> None:
    data = pd.DataFrame({"s": ["b", "a", "b", None, "a", "once", ""], "n": [1.5, np.nan, 2, 3, 4, 5, 6]})
    encoder = fitted(data)
    found = encode(encoder, data)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], data["n"].astype(np.float32))  # numbers come first
    assert found[:, 1].tolist() == [2, 1, 2, 0, 1, 0, 0]  # what is missing or seen once has no code
    features = encoder.features
    assert features is not None
    assert (features.numeric, features.categorical, features.sizes, features.missing) == (("n",), ("s",), (3,), (True,))


def test_all_kinds_of_columns_are_encoded_without_surprises() -> None:
    data = frame()
    encoder = fitted(data)
    assert encoder.features is not None
    assert encoder.features.categorical == ("string", "class", "code", "mixed")
    found = encode(encoder, data)
    column = dict(zip([c.name for c in encoder.columns], found.T, strict=True))
    assert (column["nothing"] == 0).all() and (column["constant"] == 3.5).all()
    np.testing.assert_array_equal(column["flag"], data["flag"])
    assert np.isnan(column["nullable"][0]) and column["nullable"][1] == 0
    assert sorted(set(column["code"])) == [1, 2]


def test_the_exported_layers_do_the_same_in_a_process_with_keras_alone(tmp_path: Path) -> None:
    data = frame()
    encoder = fitted(data)
    inputs, tensor = encoder.preprocessing()
    model = keras.Model(inputs, tensor)
    other = data.sample(frac=1, random_state=0)  # another order, with values that were not there
    other = other.assign(string="never seen", number=np.nan)
    expected = np.concatenate([encode(encoder, part) for part in (data, other)])
    columns = {k: np.concatenate([a, b]) for (k, a), b in zip(raw(data).items(), raw(other).values(), strict=True)}
    np.testing.assert_array_equal(model.predict(columns, verbose=0), expected)
    model.save(tmp_path / "model.keras")
    strings = {name: values.tolist() for name, values in columns.items()}
    (tmp_path / "columns.json").write_text(json.dumps(strings))
    program = (
        "import json, sys, keras, numpy as np\n"
        "columns = json.load(open('columns.json'))\n"
        "columns = {k: np.array(v, object if isinstance(v[0], str) else float) for k, v in columns.items()}\n"
        "np.save('found.npy', keras.saving.load_model('model.keras').predict(columns, verbose=0))\n"
        "assert not any(name.startswith(('autonas', 'autokeras')) for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), expected)


def exported(encoder: TableEncoder, columns: dict[str, Any]) -> np.ndarray:
    inputs, tensor = encoder.preprocessing()
    return keras.Model(inputs, tensor).predict(columns, verbose=0)


def test_whole_categories_are_the_same_in_the_exported_layers_where_one_is_minus_one_or_none_is_whole() -> None:
    encoder = fitted(pd.DataFrame({"code": pd.Categorical([-1, -1, 0, 0, 5, 5])}))
    values = np.array([-1, 0, 5, -2, 7, 0.5, np.nan])
    expected = encode(encoder, pd.DataFrame({"code": values}))
    assert expected.ravel().tolist() == [1, 2, 3, 0, 0, 0, 0]
    np.testing.assert_array_equal(exported(encoder, {"code": values}), expected)


def test_a_column_without_any_category_twice_is_exported_too() -> None:
    data = pd.DataFrame({"name": ["Ann", "Ben", ""], "age": [1.0, 2.0, 3.0]})
    encoder = fitted(data)
    columns = {"name": np.array(["Ann", "Dora", ""], object), "age": data["age"].to_numpy()}
    np.testing.assert_array_equal(exported(encoder, columns), [[1, 0], [2, 0], [3, 0]])


def test_columns_whose_names_differ_by_a_slash_keep_entries_of_their_own() -> None:
    encoder = fitted(pd.DataFrame({"a/b": [1, 2], "a_b": [3, 4], "": [5, 6], "_": [7, 8]}))
    assert encoder.entries == ["a_b_", "a_b", "__", "_"]
    columns = {name: np.array([place, place]) for place, name in enumerate(encoder.entries)}
    np.testing.assert_array_equal(exported(encoder, columns), [[0, 1, 2, 3]] * 2)


@pytest.mark.skipif(len(pd.factorize(pd.Series(["a\0", "a"]))[1]) < 2, reason="this pandas reads no further than a NUL")
def test_strings_that_tensorflow_cannot_hold_are_categories_like_others() -> None:
    encoder = fitted(pd.DataFrame({"s": ["\ud800", "\ud800", "a\0", "a\0", "a", "a"]}))
    assert encode(encoder, pd.DataFrame({"s": ["\ud801", "a\0", "a"]})).ravel().tolist() == [1, 0, 2]
    columns = {"s": np.array(["?", "a\0", "a"], object)}
    assert exported(encoder, columns).ravel().tolist() == [1, 0, 2]


def test_columns_are_matched_by_name_and_the_state_goes_through_json() -> None:
    data = frame()
    encoder, again = fitted(data), TableEncoder()
    again.set_state(json.loads(json.dumps(encoder.get_state())))
    expected = encode(encoder, data)
    np.testing.assert_array_equal(encode(again, data.iloc[:, ::-1]), expected)
    np.testing.assert_array_equal(encode(again, dict(data.items())), expected)
    assert again.get_state() == encoder.get_state()
    with pytest.raises(ValueError, match="columns of the training data in x, got none named 'flag'"):
        encode(again, data.drop(columns="flag"))
    with pytest.raises(ValueError, match="got 'more' too; drop what is extra"):
        encode(again, data.assign(more=1))


def test_names_that_were_said_for_an_array_count_in_a_table_that_has_them() -> None:
    encoder = fitted(np.array([[1.0, 5.0], [2.0, 6.0]]), column_names=["a", "b"])
    np.testing.assert_array_equal(encode(encoder, pd.DataFrame({"b": [10.0], "a": [1.0]})), [[1, 10]])
    np.testing.assert_array_equal(encode(encoder, [[3.0, 4.0]]), [[3, 4]])
    with pytest.raises(ValueError, match="got none named 'a', 'b'"):
        encode(encoder, pd.DataFrame({"c": [10.0], "d": [1.0]}))


def test_what_looks_like_a_number_is_text_in_a_column_of_texts(tmp_path: Path) -> None:
    rows = np.array([["01", "1.5"], ["01", "2"], ["a", ""], ["a", "nan"]])
    encoder = fitted(rows)
    assert [column.name for column in encoder.columns if not column.categorical] == ["1"]
    expected = np.array([[1.5, 1], [2, 1], [np.nan, 2], [np.nan, 2]])
    np.testing.assert_array_equal(encode(encoder, rows), expected)
    for row, numbers in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(encode(encoder, row[None]), numbers[None])
    train, later = tmp_path / "train.csv", tmp_path / "later.csv"
    train.write_text("code,flag,n\n01,TRUE,1\n01,TRUE,2\nA2,maybe,3\nA2,maybe,4\n")
    later.write_text("code,flag,n\n01,TRUE,1\n,TRUE,2\n")
    numbered = tmp_path / "numbered.csv"
    numbered.write_text("first,second\n01,1.5\n01,2\n")
    np.testing.assert_array_equal(encode(encoder, numbered), expected[:2])  # matched by place
    of_file = fitted(train)
    np.testing.assert_array_equal(encode(of_file, later), [[1, 1, 1], [2, 0, 1]])


def test_a_column_of_strings_without_a_number_stays_one_of_texts() -> None:
    encoder = fitted(np.array([["a", "x"], ["nan", "x"], ["a", "x"], ["nan", "x"]]))
    np.testing.assert_array_equal(encode(encoder, np.array([["nan", "x"], ["b", "x"]])), [[2, 1], [0, 1]])


def test_one_row_with_something_missing_is_a_row() -> None:
    encoder = fitted(pd.DataFrame({"n": [1.0, 2.0], "c": ["a", "a"]}))
    np.testing.assert_array_equal(encode(encoder, [{"n": pd.NA, "c": "a"}]), [[np.nan, 1]])


@pytest.mark.parametrize("values", [[0.5, 0.5, 1.0, 1.5], [2**60 + 1, 2**60 + 1, 2**60 + 2, 2**60 + 2]])
def test_numbers_that_cannot_be_categories_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="whole numbers below 2.*in the categorical column 'c' of x, got .*to strings"):
        fitted(pd.DataFrame({"c": values}), column_types={"c": "categorical"})


def test_whole_numbers_none_of_which_comes_twice_are_exported_as_numbers() -> None:
    encoder, again = fitted(pd.DataFrame({"c": pd.Categorical([1, 2, 3])})), TableEncoder()
    again.set_state(json.loads(json.dumps(encoder.get_state())))
    inputs, _ = again.preprocessing()
    assert inputs["c"].dtype == "float64"
    assert Categorical("c", [1, 2]).whole, "Of a search that was kept before this was said."
    np.testing.assert_array_equal(exported(again, {"c": np.array([1.0, 9.0])}), [[0], [0]])


def test_columns_may_be_called_as_keras_calls_its_operations() -> None:
    names = [
        "cast",
        "floor",
        "where",
        "equal",
        "concatenate",
        "string_lookup",
        "integer_lookup",
        "zeros_like",
        "floor_1",
    ]
    data = pd.DataFrame({name: pd.Categorical([1, 1, 2, 2]) for name in names}).assign(
        string_lookup=["a", "a", "b", "b"]
    )
    encoder, features = fitted(data), keras.Input((len(names),), name="features")
    keras.utils.clear_session()
    model = with_preprocessing(keras.Model(features, keras.layers.Identity(name="head")(features)), [encoder])
    columns = {name: np.array(data[name].astype(object if name == "string_lookup" else float)) for name in names}
    np.testing.assert_array_equal(model.predict(columns, verbose=0), encode(encoder, data))


def test_arrays_and_lists_are_tables_too() -> None:
    numbers = np.arange(12.0).reshape(6, 2)
    encoder = fitted(numbers)
    expected = numbers.astype(np.float32)
    for data in (numbers, numbers.tolist(), [numbers], pd.DataFrame(numbers, columns=["a", "b"])):
        np.testing.assert_array_equal(encode(encoder, data), expected)
    inputs, tensor = encoder.preprocessing()
    assert inputs is tensor and tuple(inputs.shape) == (None, 2)
    objects = np.array([[1, "a"], [2.5, "b"], [None, "a"], [4, "b"]], object)
    np.testing.assert_array_equal(encode(fitted(objects), objects), [[1, 1], [2.5, 2], [np.nan, 1], [4, 2]])
    # NumPy made strings of these numbers; a DataFrame's strings are meant.
    texts = np.array([[1, "a"], [2, "b"], [3, "a"], [4, "b"]])
    np.testing.assert_array_equal(encode(fitted(texts), texts)[:, 0], [1, 2, 3, 4])
    zips = pd.DataFrame({"zip": ["02139", "10001", "02139", "10001"]})
    assert encode(fitted(zips), zips).ravel().tolist() == [1, 2, 1, 2]
    with pytest.raises(ValueError, match=r"shape \(6,\); reshape it to \(samples, 1\)"):
        fitted(np.arange(6))
    with pytest.raises(ValueError, match="rows of one length"):
        fitted([[1, 2], [3]])


def test_types_can_be_said() -> None:
    data = pd.DataFrame({"n": [1, 2, 1, 2], "s": ["1", "2.5", None, "4"]})
    encoder = fitted(data, column_types={"n": "categorical", "s": "numerical"})
    np.testing.assert_array_equal(encode(encoder, data), [[1, 1], [2.5, 2], [np.nan, 1], [4, 2]])
    named = fitted(np.array([[1.0, 5.0], [2.0, 5.0]]), column_names=["a", "b"], column_types={"b": "categorical"})
    assert named.features is not None and named.features.categorical == ("b",)
    for arguments, message in (
        ({"column_types": {"n": "text"}}, "numerical and categorical, got 'text' for 'n'"),
        ({"column_types": {"missing": "numerical"}}, "'missing', which is none of them"),
        ({"column_names": ["a", "a"]}, "without any twice"),
    ):
        with pytest.raises(ValueError, match=message):
            fitted(data, **arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.to_datetime(["2020-01-01", "2020-02-01"]), "dates or times"),
        (["2020-01-01", "2020-02-01"], "dates such as '2020-01-01'"),
        (["1/2/2020 10:00", "3/4/2020 11:00"], "dates such as"),
        ([pd.Timestamp("2020-01-01").date()] * 2, "dates or times"),
        (["Jan 1, 2020", "13-Feb-20"], "dates such as 'Jan 1, 2020'"),
        (["01/02/20", "9:05:10 pm"], "dates such as '01/02/20'"),
        ([[1], [2]], "list '.1.'; drop the column"),
        (["word", [2]], "list '.2.'; drop the column"),
        ([1.0, np.inf], "infinity in 1 of 2"),
        ([1e39, 1.0], "infinity in 1 of 2"),
        ([1j, 2j], "complex"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_by_name(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"column 'strange' of x.*({message})"):
        fitted(pd.DataFrame({"fine": [1, 2], "strange": values}))


def test_what_is_no_number_later_is_refused_by_name() -> None:
    encoder = fitted(pd.DataFrame({"n": [1, 2]}))
    with pytest.raises(ValueError, match="numbers in column 'n' of x, got str 'many'"):
        encode(encoder, pd.DataFrame({"n": ["1", "many"]}))
    np.testing.assert_array_equal(encode(encoder, pd.DataFrame({"n": ["1", None]})), [[1], [np.nan]])


def test_a_hundred_thousand_categories() -> None:
    names = np.repeat([f"name {i}" for i in range(100_000)], 2)
    encoder = fitted(pd.DataFrame({"name": names}))
    assert encoder.features is not None and encoder.features.sizes == (100_001,)
    found = encode(encoder, pd.DataFrame({"name": ["name 5", "nobody", "name 99999"]})).ravel()
    assert found[1] == 0 and found[0] != found[2] and found.min() >= 0


def test_a_table_without_any_value_is_refused() -> None:
    table = pd.DataFrame({"a": [None] * 4, "b": [np.nan] * 4})
    with pytest.raises(ValueError, match="Expected values in x to learn from, got none in any of its 2 columns"):
        TableEncoder().fit(table, "x")
    TableEncoder().fit(table.assign(c=1.0), "x")


def test_whole_numbers_among_categories_are_the_same_beside_missing_ones() -> None:
    encoder = TableEncoder()
    given = encoder.read(pd.DataFrame({"code": ["12", "12", "A7", "A7", "13", "13"], "size": range(6)}), "x")
    encoder.fit(given, "x")
    strings, floats = (
        encoder.encode(encoder.read(pd.DataFrame({"code": codes, "size": range(3)}), "x"), "x")
        for codes in (["12", None, "13"], [12.0, np.nan, 13.0])
    )
    tree.map_structure(np.testing.assert_array_equal, strings, floats)
