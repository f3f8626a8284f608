"""A space of your own: which operations, how many nodes, how large it is, and what one can ask it. Nothing is trained.

    python examples/custom_space.py

Here: 256, 589,824, 5.4 billion and 139 trillion architectures for one to four nodes; all of it takes no second.
"""

from __future__ import annotations

import numpy as np

import autonas_keras as ank


def main() -> None:
    rng = np.random.default_rng(0)
    operations = ("sep_conv_3x3", "dil_conv_5x5", "max_pool_3x3", "skip_connect", "none")
    for nodes in (1, 2, 3, 4):
        space = ank.spaces.CellSpace(operations=operations, nodes=nodes, cells=5, channels=8)
        print(f"{nodes} nodes a cell: {space.size:,} architectures")
    print(f"as published: {ank.spaces.CellSpace.darts().size:,} of DARTS, {ank.spaces.CellSpace.nasbench201().size:,}")

    architecture = space.sample(rng)
    print(f"one of them:\n{architecture}")
    print("it reads back:", space.parse(str(architecture)) == architecture)
    print("neighbours, one decision away:", len(space.neighbours(architecture)))
    print("costs on 8x8 pixels:", ank.evaluation.space_costs(space, architecture, (8, 8, 1), classes=10))
    print("drawn in", ank.reporting.plot_architecture(space, architecture, "sample.svg"))

    # What is no cell is a space too: named choices, some of which exist under an option of another.
    choice = ank.spaces.Choice
    plain = ank.spaces.Space(
        (
            choice("activation", ("relu", "swish")),
            choice("kind", ("dense", "conv"), {"conv": (choice("kernel", (3, 5, 7)), choice("pool", (True, False)))}),
        )
    )
    print(f"{plain.size} architectures, of which one is {dict(plain.sample(rng))}")
    print("all of them:", sorted(str(dict(architecture)) for architecture in plain.enumerate())[:2], "...")


if __name__ == "__main__":
    main()
