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

from autonas_keras.blocks.cell import CellBlock, Network, SearchedBlock
from autonas_keras.blocks.graph import Graph, alone
from autonas_keras.blocks.heads import ClassificationHead, RegressionHead

__all__ = [
    "CellBlock",
    "ClassificationHead",
    "ConvBlock",
    "DenseBlock",
    "EfficientNetBlock",
    "Embedding",
    "Flatten",
    "Graph",
    "ImageAugmentation",
    "ImageBlock",
    "ImageInput",
    "Input",
    "Merge",
    "Network",
    "Normalization",
    "RNNBlock",
    "RegressionHead",
    "ResNetBlock",
    "SearchedBlock",
    "SpatialReduction",
    "StructuredDataBlock",
    "StructuredDataInput",
    "TemporalReduction",
    "TextBlock",
    "TextInput",
    "XceptionBlock",
    "alone",
]
