"""What a user calls: tasks behind AutoKeras's interface."""

from autonas_keras.tasks.auto_model import AutoModel
from autonas_keras.tasks.image import ImageClassifier, ImageRegressor
from autonas_keras.tasks.structured_data import StructuredDataClassifier, StructuredDataRegressor
from autonas_keras.tasks.text import TextClassifier, TextRegressor

__all__ = [
    "AutoModel",
    "ImageClassifier",
    "ImageRegressor",
    "StructuredDataClassifier",
    "StructuredDataRegressor",
    "TextClassifier",
    "TextRegressor",
]
