"""Networks for tables beside scikit-learn."""

from __future__ import annotations

import tempfile
import time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import autonas_keras as ank
from benchmarks.data import data_file

# What is searched with, and for how long: a run takes some minutes on two cores.
TUNERS: dict[str, dict[str, Any]] = {
    "greedy": {"max_trials": 4},
    "spos": {"search_epochs": 10},
}


class Table(NamedTuple):
    """Rows and targets to learn from and to test on."""

    x: pd.DataFrame
    y: np.ndarray
    x_test: pd.DataFrame
    y_test: np.ndarray


def adult() -> Table:
    """The official split of Adult."""
    table = pd.read_csv(data_file("adult.csv.gz"))
    test = table["split"] == "test"
    rows, labels = table.drop(columns=["split", "income"]), table["income"].to_numpy(object)
    return Table(rows[~test], labels[~test], rows[test], labels[test])


def california(seed: int) -> Table:
    """80 % and 20 % of California housing."""
    table = pd.read_csv(data_file("california_housing.csv.gz"))
    rows, values = table.drop(columns="median_house_value"), table["median_house_value"].to_numpy(float)
    x, x_test, y, y_test = train_test_split(rows, values, test_size=0.2, random_state=seed)
    return Table(x, y, x_test, y_test)


def titanic(seed: int) -> list[Table]:
    """Five folds of the Titanic with as many survivors in each."""
    table = pd.read_csv(data_file("titanic.csv.gz"))
    rows, labels = table.drop(columns="survived"), table["survived"].to_numpy()
    folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(rows, labels)
    return [Table(rows.iloc[a], labels[a], rows.iloc[b], labels[b]) for a, b in folds]


def linear(table: Table) -> Any:
    """Logistic or ridge regression on scaled numbers and one-hot categories, fitted."""
    head = LogisticRegression(max_iter=2000) if _labels(table) else Ridge()
    return make_pipeline(_scaled(table), head).fit(table.x, table.y)


def boosting(table: Table, seed: int) -> Any:
    """scikit-learn's gradient boosting as it comes, fitted."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=250)
    columns = ColumnTransformer([("codes", codes, _strings(table))], remainder="passthrough")
    kind = HistGradientBoostingClassifier if _labels(table) else HistGradientBoostingRegressor
    marks = np.arange(len(table.x.columns)) < len(_strings(table))
    return make_pipeline(columns, kind(categorical_features=marks, random_state=seed)).fit(table.x, table.y)


def perceptron(table: Table, seed: int) -> Any:
    """scikit-learn's MLPRegressor on scaled targets, fitted; ``predict`` gives them scaled."""
    head = MLPRegressor(hidden_layer_sizes=(128, 64), early_stopping=True, max_iter=300, random_state=seed)
    return make_pipeline(_scaled(table), head).fit(table.x, (table.y - table.y.mean()) / table.y.std())


def searched(table: Table, seed: int, tuner: str) -> tuple[Any, np.ndarray, float]:
    """A fitted task, its predictions for the test rows, and the seconds that the search and the training took."""
    task = ank.StructuredDataClassifier if _labels(table) else ank.StructuredDataRegressor
    objective = "val_accuracy" if _labels(table) else "val_loss"
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        model = task(tuner=tuner, directory=folder, seed=seed, objective=objective, **TUNERS[tuner])
        model.fit(table.x, table.y, verbose=0)
        seconds = time.perf_counter() - start
        return model, model.predict(table.x_test, batch_size=1024, verbose=0), seconds


def accuracy(found: np.ndarray, true: np.ndarray) -> float:
    """Share of right labels in per cent."""
    return float(100 * (found == true).mean())


def rmse(found: np.ndarray, true: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(((found - true) ** 2).mean()))


def _labels(table: Table) -> bool:
    return table.y.dtype.kind != "f"


def _strings(table: Table) -> list[str]:
    return [name for name in table.x if not pd.api.types.is_numeric_dtype(table.x[name])]


def _scaled(table: Table) -> ColumnTransformer:
    strings = _strings(table)
    numbers = [name for name in table.x if name not in strings]
    one_hot = OneHotEncoder(handle_unknown="ignore")
    impute = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer([("numbers", impute, numbers), ("strings", one_hot, strings)])
