"""Neural architecture search for AutoKeras users: one import is enough.

What is named here is imported when it is first asked for, so spaces, strategies and benchmark tables come without TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autonas_keras import (
        blocks as blocks,
        evaluation as evaluation,
        layers as layers,
        nasbench as nasbench,
        oracles as oracles,
        reporting as reporting,
        spaces as spaces,
        strategies as strategies,
        supernets as supernets,
        tasks as tasks,
        training as training,
        tuners as tuners,
    )
    from autonas_keras.blocks import (
        CellBlock as CellBlock,
        ChainBlock as ChainBlock,
        ClassificationHead as ClassificationHead,
        ConvBlock as ConvBlock,
        DenseBlock as DenseBlock,
        EfficientNetBlock as EfficientNetBlock,
        Embedding as Embedding,
        Flatten as Flatten,
        ImageAugmentation as ImageAugmentation,
        ImageBlock as ImageBlock,
        ImageInput as ImageInput,
        Input as Input,
        MacroBlock as MacroBlock,
        Merge as Merge,
        MobileBlock as MobileBlock,
        Normalization as Normalization,
        RecurrentBlock as RecurrentBlock,
        RegressionHead as RegressionHead,
        ResNetBlock as ResNetBlock,
        RNNBlock as RNNBlock,
        SentenceBlock as SentenceBlock,
        SpatialReduction as SpatialReduction,
        StructuredDataBlock as StructuredDataBlock,
        StructuredDataInput as StructuredDataInput,
        TabularBlock as TabularBlock,
        TemporalReduction as TemporalReduction,
        TextBlock as TextBlock,
        TextInput as TextInput,
        XceptionBlock as XceptionBlock,
    )
    from autonas_keras.evaluation import (
        LatencyTable as LatencyTable,
        Proxy as Proxy,
    )
    from autonas_keras.layers import (
        register_operation as register_operation,
    )
    from autonas_keras.spaces import (
        Architecture as Architecture,
    )
    from autonas_keras.strategies import (
        search as search,
    )
    from autonas_keras.tasks import (
        AutoModel as AutoModel,
        ImageClassifier as ImageClassifier,
        ImageRegressor as ImageRegressor,
        StructuredDataClassifier as StructuredDataClassifier,
        StructuredDataRegressor as StructuredDataRegressor,
        TextClassifier as TextClassifier,
        TextRegressor as TextRegressor,
    )

__version__ = "0.1.0"

# Where each name is at home.
_ROOMS: dict[str, str] = {
    "blocks": (
        "CellBlock ChainBlock ClassificationHead ConvBlock DenseBlock EfficientNetBlock Embedding Flatten "
        "ImageAugmentation ImageBlock ImageInput Input MacroBlock Merge MobileBlock Normalization "
        "RecurrentBlock RegressionHead ResNetBlock RNNBlock SentenceBlock SpatialReduction "
        "StructuredDataBlock StructuredDataInput TabularBlock TemporalReduction TextBlock TextInput "
        "XceptionBlock"
    ),
    "evaluation": "LatencyTable Proxy",
    "layers": "register_operation",
    "nasbench": "",
    "oracles": "",
    "reporting": "",
    "spaces": "Architecture",
    "strategies": "search",
    "supernets": "",
    "tasks": (
        "AutoModel ImageClassifier ImageRegressor StructuredDataClassifier StructuredDataRegressor "
        "TextClassifier TextRegressor"
    ),
    "training": "",
    "tuners": "",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = sorted([*_ROOMS, *_HOMES])


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
