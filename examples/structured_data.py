"""Search a classifier of the rows of a table, train what was found, test it and take it away.

    python examples/structured_data.py [--trials 4] [--epochs 20]

The table is the wines of scikit-learn, with one column of words and some values missing, so nothing is downloaded.
Here all 45 wines of the test were told apart.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

import autonas_keras as ank

FOLDER = Path("runs")


def wines() -> pd.DataFrame:
    """The wines, their colour in words and every tenth alcohol missing."""
    data = load_wine(as_frame=True)
    table = data.data.rename(columns={"od280/od315_of_diluted_wines": "dilution"})
    table["color"] = pd.cut(table.pop("color_intensity"), 3, labels=["pale", "ruby", "deep"]).astype(str)
    table.loc[::10, "alcohol"] = np.nan
    return table.assign(kind=np.array(["Barolo", "Grignolino", "Barbera"])[data.target])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    train, test = train_test_split(wines(), test_size=0.25, random_state=0)

    clf = ank.StructuredDataClassifier(
        tuner="greedy",
        max_trials=options.trials,
        objective="val_accuracy",
        directory=FOLDER,
        project_name="wine",
        seed=0,
    )
    clf.fit(train, "kind", epochs=options.epochs)

    print("test loss and accuracy:", clf.evaluate(test, "kind", verbose=0))
    rows = test.drop(columns="kind")
    print("labels of the first five:", clf.predict(rows[:5], verbose=0), "true:", test["kind"][:5].to_numpy())
    print(clf.best_architecture)

    # A model of stock layers that takes the columns as they are: the program that uses it needs keras and nothing of ours.
    clf.export_model().save(FOLDER / "wine.keras")
    model = keras.saving.load_model(FOLDER / "wine.keras")
    columns = {name: rows[name].to_numpy(object if name == "color" else "float32") for name in rows}
    print("loaded again:", model.predict(columns, verbose=0)[:5].argmax(-1))


if __name__ == "__main__":
    main()
