from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autonas_keras.nasbench import NasBench201, run, summary
from autonas_keras.spaces import CellSpace
from autonas_keras.strategies import RandomSearch, RegularizedEvolution, search

OFFICIAL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


@pytest.fixture(scope="module")
def frame(data_dir: Path) -> pd.DataFrame:
    return pd.read_csv(data_dir / "nas_bench_201.csv.gz")


@pytest.fixture(scope="module")
def table(data_dir: Path) -> NasBench201:
    return NasBench201(
        data_dir / "nas_bench_201.csv.gz",
        latency=data_dir / "nas_bench_201_latency.npz",
        times=data_dir / "nas_bench_201_train_times_1000.csv.gz",
    )


def test_the_optima_are_the_published_ones(table: NasBench201) -> None:
    found = {name: (table.row(table.optimum(name).architecture), table.optimum(name).value) for name in table.datasets}
    assert found == {"cifar10": (6111, 94.3733), "cifar100": (9930, 73.5133), "imagenet16_120": (857, 47.3111)}
    assert table.test("cifar10")(table.architectures[13714]) == 94.3733


def test_medians_and_counts_are_the_published_ones(table: NasBench201) -> None:
    accuracies = np.array([table.accuracy(a) for a in table.architectures])
    assert len(accuracies) == table.space.size == 15_625
    assert np.median(accuracies) == pytest.approx(90.745, abs=1e-3)
    assert (accuracies >= 94.0).sum() == 42


@pytest.mark.parametrize(
    ("dataset", "spearman", "of_winner"),
    [("cifar10", 0.772, 94.37), ("cifar100", 0.825, 72.28), ("imagenet16_120", 0.818, 46.48)],
)
def test_what_a_search_sees_ranks_as_published(
    table: NasBench201, dataset: str, spearman: float, of_winner: float
) -> None:
    signal, report = (
        pd.Series([look(a) for a in table.architectures]) for look in (table.evaluate(dataset), table.test(dataset))
    )
    assert signal.rank().corr(report.rank()) == pytest.approx(spearman, abs=1e-3)
    assert report[int(signal.idxmax())] == pytest.approx(of_winner, abs=0.01)


def test_an_architecture_is_found_by_its_official_string(table: NasBench201, frame: pd.DataFrame) -> None:
    row = frame[frame["arch"] == OFFICIAL].iloc[0]
    architecture = table.architecture(OFFICIAL)
    assert table.row(architecture) == row["arch_index"] == 1
    assert str(architecture) == table.query(architecture)["arch"] == OFFICIAL
    assert table.evaluate("cifar10")(architecture) == row["cifar10_val_acc_12ep"] == 82.834
    assert table.test("ImageNet16-120")(architecture) == row["imagenet16_120_test_acc_200ep"]
    assert table.accuracy(architecture, "cifar100", epochs=12, split="test") == row["cifar100_test_acc_12ep"]


def test_every_row_stands_under_its_own_architecture(table: NasBench201, frame: pd.DataFrame) -> None:
    assert [str(a) for a in table.architectures[::40]] == frame["arch"][::40].tolist()
    look = table.evaluate("cifar100")
    assert [look(a) for a in table.architectures] == frame["cifar100_val_acc_12ep"].tolist()


def test_parameters_follow_the_published_formula(table: NasBench201) -> None:
    for architecture in table.architectures[::17]:
        operations = list(architecture.values())
        convolutions = operations.count("nor_conv_3x3") * 48_608 + operations.count("nor_conv_1x1") * 5_600
        assert table.costs(architecture)["params"] == 73_306 + 5 * convolutions


def test_latencies_and_times_stand_in_the_official_order(table: NasBench201, data_dir: Path) -> None:
    with np.load(data_dir / "nas_bench_201_latency.npz") as file:
        values, devices = file["latency_ms"], file["devices"].tolist()
    assert list(table.devices) == devices
    times = pd.read_csv(data_dir / "nas_bench_201_train_times_1000.csv.gz", index_col="arch_index")
    for index in (0, 1, 297, 999):
        architecture = table.architectures[index]
        assert table.latency(architecture, "raspi4") == pytest.approx(values[index, devices.index("raspi4")])
        assert table.costs(architecture)["latency_ms_fpga"] == pytest.approx(values[index, devices.index("fpga")])
        assert table.training_seconds(architecture, "cifar100", 200) == times["cifar100_200ep_train_time_s"][index]
    assert np.isnan(table.training_seconds(table.architectures[1000]))
    with pytest.raises(ValueError, match="one of the 27 devices of the table, got 'pixel4'; did you mean 'pixel"):
        table.latency(table.architectures[0], "pixel4")


def test_a_latency_limit_is_kept(table: NasBench201) -> None:
    limits = {"latency_ms_pixel3": 10.0, "params": 500_000}
    strategy = RegularizedEvolution(
        table.space, population_size=10, sample_size=3, seed=0, limits=limits, costs=table.costs
    )
    found = search(strategy, table.evaluate("cifar10"), budget=60)
    assert len(found.history) == 60
    for architecture in found.history["architecture"]:
        costs = table.costs(architecture)
        assert all(costs[name] <= limit for name, limit in limits.items())


def test_what_is_not_loaded_is_one_sentence(data_dir: Path) -> None:
    bare = NasBench201(data_dir / "nas_bench_201.csv.gz")
    assert set(bare.costs(bare.architectures[0])) == {"params", "flops"}
    with pytest.raises(ValueError, match="give NasBench201 the file as latency="):
        bare.latency(bare.architectures[0], "pixel3")
    with pytest.raises(ValueError, match="the column 'cifar10_12ep_train_time_s'"):
        bare.training_seconds(bare.architectures[0])
    with pytest.raises(ValueError, match="the column 'cifar10_test_acc_90ep'.*did you mean"):
        bare.accuracy(bare.architectures[0], epochs=90)
    with pytest.raises(ValueError, match="got 'cifar1000'; did you mean 'cifar100'"):
        bare.evaluate("cifar1000")


def test_rows_in_another_order_give_the_same_table(frame: pd.DataFrame, table: NasBench201) -> None:
    shuffled = NasBench201(frame.sample(frac=1.0, random_state=0))
    assert shuffled.architectures[:50] == table.architectures[:50]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.drop(columns="arch"), "the column 'arch'"),
        (lambda f: f.filter(regex="^(?!.*12ep)"), "columns such as 'cifar10_val_acc_12ep'"),
        (lambda f: f.iloc[:-1], "Expected the 15,625 architectures of NAS-Bench-201, got 15,624 rows"),
        (
            lambda f: f.replace({"cifar10_val_acc_12ep": {82.834: np.nan}}),
            "got none in row 1 of 'cifar10_val_acc_12ep'",
        ),
        (lambda f: f.assign(arch=[*f["arch"][:-1], OFFICIAL]), "Expected every architecture once"),
        (lambda f: f.assign(arch=f["arch"].str.replace("nor_conv", "conv")), "got 'conv_1x1'"),
    ],
    ids=["no strings", "no signal", "a row short", "a value short", "a row twice", "other operations"],
)
def test_a_spoilt_table_is_one_sentence(frame: pd.DataFrame, spoil: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NasBench201(spoil(frame))  # type: ignore[operator]


def test_a_cut_file_is_one_sentence(data_dir: Path, tmp_path: Path) -> None:
    content = (data_dir / "nas_bench_201.csv.gz").read_bytes()
    (tmp_path / "cut.csv.gz").write_bytes(content[:400_000])
    with pytest.raises(ValueError, match="Expected a whole .gz table in .*cut.csv.gz.* fetch it again"):
        NasBench201(tmp_path / "cut.csv.gz")
    (tmp_path / "cut.csv").write_bytes(gzip.decompress(content)[:1_000_000])
    with pytest.raises(ValueError, match="may be truncated"):
        NasBench201(tmp_path / "cut.csv")
    (tmp_path / "cut.npz").write_bytes((data_dir / "nas_bench_201_latency.npz").read_bytes()[:1000])
    with pytest.raises(ValueError, match="Expected an npz with latency_ms and devices"):
        NasBench201(data_dir / "nas_bench_201.csv.gz", latency=tmp_path / "cut.npz")
    with pytest.raises(FileNotFoundError, match="Expected a file of latencies"):
        NasBench201(data_dir / "nas_bench_201.csv.gz", latency=tmp_path / "none.npz")


def test_the_lines_of_the_guide_run(data_dir: Path) -> None:
    table = NasBench201(data_dir / "nas_bench_201.csv.gz")
    assert table.space == CellSpace.nasbench201()
    strategy = RegularizedEvolution(table.space, population_size=10, sample_size=3, seed=0)
    found = search(strategy, table.evaluate("cifar10"), budget=110)
    assert found.best_reward == table.evaluate("cifar10")(found.best) == found.history["reward"].max()


@pytest.mark.slow
def test_random_search_agrees_with_the_published_simulation(table: NasBench201) -> None:
    # 93.72 +- .33 and 44.96 +- 1.12 over 200 runs; both sides err by their standard error.
    for dataset, mean, std in (("cifar10", 93.72, 0.33), ("imagenet16_120", 44.96, 1.12)):
        found = summary(run(table, {"random": RandomSearch}, 110, 100, dataset)).loc["random"]
        assert abs(found["mean"] - mean) < 3 * np.hypot(found["standard_error"], std / np.sqrt(200))
        assert found["std"] == pytest.approx(std, rel=0.3)
