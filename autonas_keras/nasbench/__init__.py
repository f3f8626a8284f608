"""Published tables as evaluators, and the command that runs strategies on them."""

from autonas_keras.nasbench.load import load_table
from autonas_keras.nasbench.macro import NasBenchMacro
from autonas_keras.nasbench.named import named_strategy
from autonas_keras.nasbench.nasbench201 import NasBench201
from autonas_keras.nasbench.plot import plot_curves
from autonas_keras.nasbench.runner import run, summary
from autonas_keras.nasbench.table import Optimum, Protocol, Table

__all__ = [
    "NasBench201",
    "NasBenchMacro",
    "Optimum",
    "Protocol",
    "Table",
    "load_table",
    "named_strategy",
    "plot_curves",
    "run",
    "summary",
]
