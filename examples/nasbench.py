"""Search without training: strategies on a published table of trained networks.

python examples/nasbench.py nas_bench_201.csv.gz [--quick]

Here, after 110 evaluations, the mean test accuracy of 50 runs: random 93.64, evolution 93.93 %.
"""

from __future__ import annotations

import sys

from autonas_keras import nasbench, strategies


def main(path: str, quick: bool) -> None:
    table = nasbench.NasBench201(path)
    best = table.optimum("cifar10")
    print(f"{table}; the best has {best.value:.2f} % on the test images of CIFAR-10:\n{best.architecture}\n")

    # One search: it sees the validation accuracy after 12 epochs, and is judged by the test accuracy after 200.
    strategy = strategies.RegularizedEvolution(table.space, population_size=10, sample_size=3, seed=0)
    found = strategies.search(strategy, table.evaluate("cifar10"), budget=110)
    assert found.best is not None
    print(f"110 evaluations found {table.test('cifar10')(found.best):.2f} %:\n{found.best}\n")

    # The same within a third of a million parameters.
    limited = strategies.RegularizedEvolution(
        table.space, population_size=10, sample_size=3, seed=0, limits={"params": 333_000}, costs=table.costs
    )
    small = strategies.search(limited, table.evaluate("cifar10"), budget=110).best
    assert small is not None
    print(f"{table.costs(small)['params']:,} parameters: {table.test('cifar10')(small):.2f} %:\n{small}\n")

    # Fifty searches of each strategy, as papers compare them.
    curves = nasbench.run(
        table, ["random", "evolution:population_size=10,sample_size=3"], runs=2 if quick else 50, progress=True
    )
    print(nasbench.summary(curves)[["mean", "std", "standard_error"]].round(3))
    print("drawn in", nasbench.plot_curves(curves, "curves.png", label="test accuracy", optimum=best.value))


if __name__ == "__main__":
    files = [argument for argument in sys.argv[1:] if argument != "--quick"]
    if len(files) != 1:
        sys.exit(__doc__)
    main(files[0], quick="--quick" in sys.argv[1:])
