"""A whole space as one Keras layer with shared weights."""

from autonas_keras.supernets.cell import CellSupernet

__all__ = ["CellSupernet"]
