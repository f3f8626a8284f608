"""What may be searched: choices, spaces, architectures and the notations of cells. No Keras in here."""

from autonas_keras.spaces.architecture import Architecture
from autonas_keras.spaces.cell import CellSpace
from autonas_keras.spaces.chain import ChainSpace
from autonas_keras.spaces.choice import Choice, Option
from autonas_keras.spaces.columns import Columns
from autonas_keras.spaces.genotype import DARTS_V1, DARTS_V2, Cell, Genotype
from autonas_keras.spaces.macro import ENAS_MACRO_OPERATIONS, MacroSpace
from autonas_keras.spaces.mobile import MobileSpace
from autonas_keras.spaces.mobile_plan import MobileBlock, MobilePlan
from autonas_keras.spaces.named import SPACES, get_space
from autonas_keras.spaces.notations import from_enas_arc, from_nasbench201, to_enas_arc, to_nasbench201
from autonas_keras.spaces.operations import (
    DARTS_OPERATIONS,
    ENAS_OPERATIONS,
    NASBENCH201_OPERATIONS,
    NASNET_OPERATIONS,
    canonical,
    known_operations,
)
from autonas_keras.spaces.recurrent import RecurrentSpace
from autonas_keras.spaces.space import JoinedSpace, Space, close_names
from autonas_keras.spaces.tabular import TABULAR_OPERATIONS, TabularSpace
from autonas_keras.spaces.text import TEXT_OPERATIONS, TextSpace
from autonas_keras.spaces.texts import Texts

__all__ = [
    "DARTS_OPERATIONS",
    "DARTS_V1",
    "DARTS_V2",
    "ENAS_MACRO_OPERATIONS",
    "ENAS_OPERATIONS",
    "NASBENCH201_OPERATIONS",
    "NASNET_OPERATIONS",
    "SPACES",
    "TABULAR_OPERATIONS",
    "TEXT_OPERATIONS",
    "Architecture",
    "Cell",
    "CellSpace",
    "ChainSpace",
    "Choice",
    "Columns",
    "Genotype",
    "JoinedSpace",
    "MacroSpace",
    "MobileBlock",
    "MobilePlan",
    "MobileSpace",
    "Option",
    "RecurrentSpace",
    "Space",
    "TabularSpace",
    "TextSpace",
    "Texts",
    "canonical",
    "close_names",
    "from_enas_arc",
    "from_nasbench201",
    "get_space",
    "known_operations",
    "to_enas_arc",
    "to_nasbench201",
]
