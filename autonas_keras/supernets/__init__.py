"""A whole space as one Keras layer with shared weights."""

from autonas_keras.supernets.cell import CellSupernet
from autonas_keras.supernets.elastic import ElasticBatchNormalization
from autonas_keras.supernets.elastic_block import Permutation
from autonas_keras.supernets.mixed_function import MixedFunction
from autonas_keras.supernets.path import PathSupernet, Usage
from autonas_keras.supernets.path_cell import PathCell
from autonas_keras.supernets.path_chain import PathChain
from autonas_keras.supernets.path_function import PathFunction
from autonas_keras.supernets.path_macro import PathMacro
from autonas_keras.supernets.path_mobile import PathMobile
from autonas_keras.supernets.relaxed import RelaxedLayer

__all__ = [
    "CellSupernet",
    "ElasticBatchNormalization",
    "MixedFunction",
    "PathCell",
    "PathChain",
    "PathFunction",
    "PathMacro",
    "PathMobile",
    "PathSupernet",
    "Permutation",
    "RelaxedLayer",
    "Usage",
]
