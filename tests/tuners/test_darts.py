"""What only the tuner of DARTS does."""

from __future__ import annotations

from pathlib import Path

from autonas_keras import tuners
from autonas_keras.spaces import CellSpace
from autonas_keras.tasks import ImageClassifier
from tests.tasks.small import digits

SPACE = CellSpace.nasbench201(cells=3, channels=4)


def test_an_expected_cost_makes_the_search_sparing(tmp_path: Path) -> None:
    x, y = digits(80)
    flops = {}
    for weight in (0.0, 100.0):
        method = tuners.Darts(search_epochs=12, alpha_learning_rate=0.1, warmup_epochs=0, cost_weight=weight)
        clf = ImageClassifier(tuner=method, space=SPACE, directory=tmp_path, project_name=str(weight))
        clf.fit(x, y, epochs=1, batch_size=16, verbose=0)
        flops[weight] = clf.leaderboard()["flops"].iloc[0]
    assert flops[100.0] < flops[0.0]
    found = clf.best_architecture.values()
    assert not {"nor_conv_3x3", "nor_conv_1x1"} & set(found), "Nothing that costs is worth it at this weight."
