"""What a search found, for people: pictures, a page, and TensorBoard. Reads results only."""

from autonas_keras.reporting.front import check_picture, front_figure, plot_front
from autonas_keras.reporting.page import write_report
from autonas_keras.reporting.plot import architecture_figure, plot_architecture
from autonas_keras.reporting.reading import read_story
from autonas_keras.reporting.story import Story
from autonas_keras.reporting.tensorboard import TensorBoard

__all__ = [
    "Story",
    "TensorBoard",
    "architecture_figure",
    "check_picture",
    "front_figure",
    "plot_architecture",
    "plot_front",
    "read_story",
    "write_report",
]
