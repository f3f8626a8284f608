"""Blocks of AutoModel graphs: searched ones, and AutoKeras's own under the same roof."""

from autokeras import (
    ConvBlock,
    DenseBlock,
    EfficientNetBlock,
    Embedding,
    Flatten,
    ImageAugmentation,
    ImageBlock,
    ImageInput,
    Input,
    Merge,
    Normalization,
    ResNetBlock,
    RNNBlock,
    SpatialReduction,
    StructuredDataBlock,
    StructuredDataInput,
    TemporalReduction,
    TextBlock,
    TextInput,
    XceptionBlock,
)

from autonas_keras.blocks.by_space import DEFAULTS, check_suits, default_block, searched_block
from autonas_keras.blocks.cell import CellBlock
from autonas_keras.blocks.chain import ChainBlock
from autonas_keras.blocks.class_weights import balanced, check_per_sample
from autonas_keras.blocks.graph import Graph, alone
from autonas_keras.blocks.heads import ClassificationHead, RegressionHead
from autonas_keras.blocks.macro import MacroBlock
from autonas_keras.blocks.mobile import MobileBlock
from autonas_keras.blocks.own_objects import own_objects
from autonas_keras.blocks.recipe import IMAGES, TABLES, TEXTS, Recipe
from autonas_keras.blocks.searched import Network, SearchedBlock
from autonas_keras.blocks.sentence import RecurrentBlock, SentenceBlock
from autonas_keras.blocks.tabular import TabularBlock

__all__ = [
    "CellBlock",
    "ChainBlock",
    "ClassificationHead",
    "ConvBlock",
    "DEFAULTS",
    "DenseBlock",
    "EfficientNetBlock",
    "Embedding",
    "Flatten",
    "Graph",
    "IMAGES",
    "ImageAugmentation",
    "ImageBlock",
    "ImageInput",
    "Input",
    "MacroBlock",
    "Merge",
    "MobileBlock",
    "Network",
    "Normalization",
    "RNNBlock",
    "Recipe",
    "RecurrentBlock",
    "RegressionHead",
    "ResNetBlock",
    "SearchedBlock",
    "SentenceBlock",
    "SpatialReduction",
    "StructuredDataBlock",
    "StructuredDataInput",
    "TABLES",
    "TEXTS",
    "TabularBlock",
    "TemporalReduction",
    "TextBlock",
    "TextInput",
    "XceptionBlock",
    "alone",
    "balanced",
    "check_per_sample",
    "check_suits",
    "default_block",
    "own_objects",
    "searched_block",
]
