"""What a search found, for people: pictures. Reads results only."""

from autonas_keras.reporting.front import front_figure, plot_front
from autonas_keras.reporting.plot import architecture_figure, plot_architecture

__all__ = ["architecture_figure", "front_figure", "plot_architecture", "plot_front"]
