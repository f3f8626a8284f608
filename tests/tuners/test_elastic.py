"""Elastic supernets: BigNAS and Once-for-All, and what they hand out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import autonas_keras as ank
from autonas_keras.evaluation import inherited, model_costs
from autonas_keras.spaces import ChainSpace, MobileSpace
from autonas_keras.tasks import ImageClassifier
from autonas_keras.training import checkpoint as checkpoint_module
from autonas_keras.tuners import BigNas, Ofa, shared
from tests.tasks.small import digits
from tests.tuners.test_resume import Killed, dies

SPACE = MobileSpace(((4, 8),), depths=(1, 2), kernels=(3, 5), expansions=(1, 2), stem=4, head=16, resolutions=(6, 8))
OTHER = MobileSpace(((4, 8),), depths=(1, 2), kernels=(3, 5), expansions=(1, 3), stem=4, head=16, resolutions=(6, 8))
CHAIN = ChainSpace(("identity", "mbconv_k3_e2"), stages=((2, 8, 2),), stem=4)
BLOCK = MobileSpace(((4, 8),), depths=(1,), kernels=(3, 5), expansions=(1, 2), stem=4, head=8, resolutions=(6, 8))
SETTINGS: dict[str, dict[str, Any]] = {
    "bignas": {"search_epochs": 2, "search_batch_size": 20, "evaluations": 8},
    "ofa": {"search_epochs": 3, "search_batch_size": 20, "evaluations": 8, "generations": 2, "population_size": 6},
}

TRAINED: dict[str, Any] = {"samples": 600, "search_epochs": 8, "search_learning_rate": 0.1}


def made(folder: Path, tuner: str, **settings: Any) -> ImageClassifier:
    return ImageClassifier(
        tuner=tuner,
        directory=folder,
        seed=0,
        **{"space": SPACE, "objective": "val_accuracy", **SETTINGS[tuner], **settings},
    )


def fitted(folder: Path, tuner: str, samples: int = 100, **settings: Any) -> ImageClassifier:
    clf = made(folder, tuner, **settings)
    x, y = digits(samples)
    clf.fit(x, y, epochs=2, batch_size=20, verbose=0)
    return clf


def again_of(folder: Path) -> ImageClassifier:
    """The finished search of the folder."""
    return made(folder, "bignas", **{name: value for name, value in TRAINED.items() if name != "samples"})


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished search by BigNAS."""
    path = tmp_path_factory.mktemp("bignas")
    fitted(path, "bignas", **TRAINED)
    return path


@pytest.mark.slow(seconds=10)
def test_what_is_found_is_handed_out_with_the_weights_it_has(folder: Path, tmp_path: Path) -> None:
    clf = again_of(folder)
    model = clf.export_model()
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    assert clf.best_architecture in SPACE
    x, y = digits(200)
    right = float(np.mean(clf.predict(x, verbose=0).reshape(-1) == y))
    assert right > 0.3  # of ten classes
    again = clf.specialize(verbose=0)
    assert clf.specialized is not None and clf.specialized.architecture == clf.best_architecture
    np.testing.assert_allclose(again.predict(x[:9], verbose=0), model.predict(x[:9], verbose=0), atol=1e-5)
    model.save(tmp_path / "found.keras")
    loaded = keras.saving.load_model(tmp_path / "found.keras")
    np.testing.assert_allclose(loaded.predict(x[:9], verbose=0), model.predict(x[:9], verbose=0), atol=1e-6)


@pytest.mark.slow(seconds=10)
def test_networks_for_several_limits_come_out_of_one_training(folder: Path) -> None:
    clf = again_of(folder)
    least, most = shared_costs(clf)
    x, y = digits(200)
    for share in (0.2, 0.6):
        limits = {"flops": least["flops"] + share * (most["flops"] - least["flops"])}
        model = clf.specialize(limits, verbose=0)
        found = clf.specialized
        assert found is not None and found.costs == model_costs(model) and found.costs["flops"] <= limits["flops"]
        assert found.architecture in SPACE
        loss, accuracy = model.evaluate(x, np.eye(10)[y], verbose=0)
        assert np.isfinite(loss) and accuracy > 0.2
    # The score is that of the network which is handed out.
    with np.load(folder / "image_classifier" / "search" / "images.npz") as images:
        score = model.evaluate(images["x/array"], images["y/array"], verbose=0)[1]
    assert score == pytest.approx(found.score, abs=1e-6)


@pytest.mark.slow(seconds=10)
def test_of_equally_accurate_networks_the_likeliest_is_handed_out(folder: Path) -> None:
    tuner = again_of(folder).tuner
    weights = tuner.shared_weights()
    limits = {"flops": 2 * weights.costs.least()["flops"]}
    judged = [point for point, _ in tuner._judge_some(weights, {"limits": limits, "costs": weights.costs.of}, 0)]
    assert len(judged) > 2

    def best(score: dict[Any, float], tie: dict[Any, float]) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tuner, "_judge_some", lambda *args: [(point, score.get(point, 0.5)) for point in judged])
            patch.setattr(weights, "save", lambda: None)
            patch.setattr(weights, "tie", lambda point: tie.get(point, -2.0))
            return tuner._best(weights, limits, 0)

    for wanted in judged:
        assert best({}, {wanted: -1.0}) == wanted
    # What makes the right classes likelier but is less accurate is not taken.
    assert best({judged[0]: 0.4}, {judged[0]: -1.0}) == judged[1]
    assert best({judged[2]: 0.6}, {judged[0]: -1.0}) == judged[2]


@pytest.mark.slow(seconds=10)
def test_what_was_judged_before_a_kill_counts_when_there_is_no_time_left(folder: Path) -> None:
    tuner = again_of(folder).tuner
    weights = tuner.shared_weights()
    known = max(weights.judged(), key=lambda pair: (pair[1], weights.tie(pair[0])))[0]
    first, _ = tuner._judge_some(weights, {}, 0)[0]
    assert first != known
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuner, "clock", object())
        patch.setattr(type(tuner), "search_left", lambda self: 0.0)
        patch.setattr(weights, "save", lambda: None)
        assert tuner._judge_some(weights, {}, 0) == [(first, weights.score(first))]
        assert tuner._best(weights, {}, 0) == known


def test_scores_and_likelihoods_are_kept(folder: Path) -> None:
    weights, again = (again_of(folder).tuner.shared_weights() for _ in range(2))
    point, score = weights.judged()[0]
    weights.scores.clear()
    assert weights.score(point) == pytest.approx(score, abs=1e-6)
    assert weights.tie(point) == pytest.approx(again.tie(point), rel=1e-4) != 0
    with np.load(folder / "image_classifier" / "search" / "images.npz") as images:
        x, y = images["x/array"], images["y/array"]
    predicted = weights.network(point).predict(x, verbose=0)
    loss = np.mean(keras.losses.categorical_crossentropy(y, predicted))
    assert -weights.tie(point) == pytest.approx(loss, rel=1e-3)


def shared_costs(clf: ImageClassifier) -> tuple[dict[str, int], dict[str, int]]:
    """The costs of the smallest and of the largest network."""
    weights = clf.tuner.shared_weights()
    largest = {f"mobile_block_1/{name}": option for name, option in SPACE.largest().items()}
    return weights.costs.least(), weights.costs.of(weights.space.architecture(largest))


@pytest.mark.slow(seconds=10)
def test_limits_that_no_network_meets_are_refused_with_the_nearest(folder: Path) -> None:
    clf = again_of(folder)
    least, _ = shared_costs(clf)
    with pytest.raises(ValueError, match=f"feasible is flops <= {least['flops']:,}"):
        clf.specialize({"flops": 10}, verbose=0)
    with pytest.raises(ValueError, match="did you mean 'flops'"):
        clf.specialize({"flop": 10}, verbose=0)


@pytest.mark.slow(seconds=10)
def test_the_front_is_a_table_and_a_picture(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clf = again_of(folder)
    table = clf.pareto("flops", tmp_path / "front.svg", evaluations=5, verbose=0)
    assert list(table.columns) == ["architecture", "score", "params", "flops"]
    assert table["flops"].is_monotonic_increasing and table["score"].is_monotonic_increasing
    assert (tmp_path / "front.svg").stat().st_size > 1000
    pd.testing.assert_frame_equal(again_of(folder).pareto("flops", evaluations=5, verbose=0), table)
    with pytest.raises(ValueError, match="Expected a cost of params and flops"):
        clf.pareto("seconds")
    with pytest.raises(ValueError, match="evaluations to be an integer of 0 or more, got -1"):
        clf.pareto("flops", evaluations=-1)
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="end in .png or .svg"):
        dies(patch, inherited.SharedWeights, "score", 1)  # nothing is judged before
        clf.pareto("flops", tmp_path / "front.txt")


def test_networks_without_a_score_are_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clf = again_of(folder)
    weights = clf.tuner.shared_weights()
    monkeypatch.setattr(weights, "save", lambda: None)
    best, _ = max(weights.judged(), key=lambda pair: (pair[1], weights.tie(pair[0])))
    weights.scores[best.to_json()] = float("nan")
    known = weights.judged()
    assert best not in [point for point, _ in known] and len(known) == len(weights.scores) - 1
    assert len(clf.pareto("flops", evaluations=3, verbose=0)) > 0
    assert clf.tuner._best(weights, {}, 0) != best
    monkeypatch.setattr(weights, "score", lambda architecture: float("nan"))
    with pytest.raises(RuntimeError, match="their training diverged; pass a lower search_learning_rate"):
        clf.tuner._best(weights, {}, 0)


@pytest.mark.slow(seconds=10)
def test_specialize_that_is_interrupted_leaves_the_search_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"params": 1000}
    with monkeypatch.context() as patch:
        dies(patch, inherited.SharedWeights, "score", 3)
        with pytest.raises(Killed):
            again_of(folder).specialize(limits, verbose=0)
    clf, again = again_of(folder), again_of(folder)
    x, _ = digits(20)
    np.testing.assert_array_equal(
        clf.specialize(limits, verbose=0).predict(x, verbose=0),
        again.specialize(limits, verbose=0).predict(x, verbose=0),
    )


@pytest.mark.slow(seconds=10)
def test_a_supernet_of_another_space_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    clf = again_of(folder)
    search = folder / "image_classifier" / "search"
    space = type(clf.tuner.graph.space)({"mobile_block_1": OTHER})
    with pytest.raises(ValueError, match="Expected a supernet of the space of 'mobile_block_1'"):
        inherited.SharedWeights.load(search, space)
    with pytest.raises(ValueError, match="Expected a supernet named 'block'"):
        inherited.SharedWeights.load(search, type(space)({"block": SPACE}))
    with pytest.raises(ValueError, match="call fit first"):
        inherited.SharedWeights.load(tmp_path, space)


CHECKPOINT = checkpoint_module.TrainingCheckpoint
DEATHS: dict[str, list[tuple[Any, str, int]]] = {
    "bignas": [(CHECKPOINT, "on_epoch_end", 1), (shared.SharedTuner, "_trained", 1)],
    "ofa": [(CHECKPOINT, "finish", 2), (CHECKPOINT, "on_epoch_end", 1), (shared.SharedWeights, "score", 4)],
}


@pytest.mark.slow(seconds=15)
@pytest.mark.parametrize("tuner", DEATHS)
def test_a_search_that_dies_in_every_phase_ends_as_one_that_never_did(
    tuner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"space": BLOCK, "limits": {"params": 500}}
    undisturbed = fitted(tmp_path / "undisturbed", tuner, **options)
    for owner, name, when in DEATHS[tuner]:
        with monkeypatch.context() as patch:
            dies(patch, owner, name, when, after=True)
            with pytest.raises(Killed):
                fitted(tmp_path / "killed", tuner, **options)
    killed = fitted(tmp_path / "killed", tuner, **options)
    assert killed.best_architecture == undisturbed.best_architecture
    assert undisturbed.leaderboard()["params"][0] <= 500
    for a, b in zip(undisturbed.export_model().get_weights(), killed.export_model().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow(seconds=10)
def test_what_is_found_is_fine_tuned_if_asked(tmp_path: Path) -> None:
    clf = fitted(tmp_path, "bignas", space=BLOCK, retrain="finetune", search_epochs=1, evaluations=2)
    assert clf.tuner.history().epoch == [0, 1]


def test_other_tuners_and_spaces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a space of mobile networks for tuner 'ofa', got ChainSpace in chain_block_1"):
        made(tmp_path, "ofa", space=CHAIN)
    clf = ImageClassifier(tuner="random", directory=tmp_path, project_name="random")
    with pytest.raises(TypeError, match="Expected a tuner that hands out networks"):
        clf.specialize({"flops": 10})
    with pytest.raises(ValueError, match="call fit first"):
        made(tmp_path, "bignas").specialize()


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="retrain to be True, False"):
        BigNas(retrain="yes")
    with pytest.raises(ValueError, match="distillation to be a share"):
        Ofa(distillation=2.0)
    with pytest.raises(ValueError, match="random_paths not to be negative"):
        BigNas(random_paths=-1)
    with pytest.raises(ValueError, match="Expected a predictor of"):
        Ofa(predictor="oracle")


def test_elastic_methods_search_mobile_networks_by_default(tmp_path: Path) -> None:
    for method in (BigNas(), Ofa()):
        clf = ImageClassifier(tuner=method, directory=tmp_path, project_name=method.name)
        assert isinstance(clf.tuner.graph.searched[0].space, MobileSpace)


@pytest.mark.parametrize("tuner", ["bignas", "ofa"])
def test_blocks_that_need_maps_of_one_size_are_refused_behind_a_searched_resolution(tmp_path: Path, tuner: str) -> None:
    def made(space: MobileSpace, behind: Any) -> ank.AutoModel:
        image = ank.ImageInput()
        maps = [ank.MobileBlock(space)(image) for _ in range(2)]
        output = ank.ClassificationHead()(behind(maps))
        return ank.AutoModel(image, output, tuner=tuner, directory=tmp_path, overwrite=True)

    one_size = MobileSpace(((4, 8),), depths=(1,), kernels=(3,), expansions=(1, 2), stem=4, head=8)
    pooled: Any = lambda maps: ank.Merge("add")([ank.SpatialReduction("global_avg")(each) for each in maps])  # noqa: E731
    for name, behind in (
        ("Merge", lambda maps: ank.Merge("concatenate")(maps)),
        ("Flatten", lambda maps: ank.Merge("add")([ank.Flatten()(each) for each in maps])),
    ):
        with pytest.raises(ValueError, match=f"Expected maps of one size for {name}, got those of mobile_block"):
            made(BLOCK, behind)
        made(one_size, behind)
    made(BLOCK, pooled)


@pytest.mark.parametrize("tuner", ["bignas", "ofa", "spos", "enas"])
@pytest.mark.parametrize(
    "behind",
    [
        ank.SpatialReduction,
        ank.DenseBlock,
        ank.ConvBlock,
        ank.Flatten,
        lambda: ank.MobileBlock(BLOCK),
        lambda: ank.ChainBlock("nasbench_macro"),
    ],
)
def test_behind_a_searched_resolution_stands_what_reads_maps_of_any_size(
    tmp_path: Path, tuner: str, behind: Any
) -> None:
    if tuner in ("bignas", "ofa") and isinstance(block := behind(), ank.ChainBlock):
        pytest.skip(f"{tuner} searches no {type(block).__name__}")
    image = ank.ImageInput()
    output = ank.ClassificationHead()(behind()(ank.MobileBlock(BLOCK)(image)))
    with pytest.raises(ValueError, match=r"maps of one size for \w+, got .* put SpatialReduction\(\"global_avg\"\)"):
        ank.AutoModel(image, output, tuner=tuner, directory=tmp_path)


def test_fewer_epochs_than_phases_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="search_epochs of at least 3, one for each phase"):
        ImageClassifier(tuner="ofa", space=BLOCK, search_epochs=2, directory=tmp_path)
