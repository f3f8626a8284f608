"""What a user calls: tasks behind AutoKeras's interface."""

from autonas_keras.tasks.auto_model import AutoModel
from autonas_keras.tasks.image import ImageClassifier, ImageRegressor
from autonas_keras.tasks.structured_data import StructuredDataClassifier, StructuredDataRegressor

__all__ = ["AutoModel", "ImageClassifier", "ImageRegressor", "StructuredDataClassifier", "StructuredDataRegressor"]
