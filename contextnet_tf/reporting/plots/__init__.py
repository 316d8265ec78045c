"""Results as plots. Only `canvas` knows matplotlib."""

from contextnet_tf.reporting.plots.classes import class_bars, class_frequencies, confusion_heat_map, row_shares
from contextnet_tf.reporting.plots.curves import training_curves, validation_curves
from contextnet_tf.reporting.plots.differences import difference_dots
from contextnet_tf.reporting.plots.dots import DotColumn, dot_columns
from contextnet_tf.reporting.plots.panels import label_panels
from contextnet_tf.reporting.plots.speed import SpeedBar, speed_bars

__all__ = [
    "DotColumn",
    "SpeedBar",
    "class_bars",
    "class_frequencies",
    "confusion_heat_map",
    "difference_dots",
    "dot_columns",
    "label_panels",
    "row_shares",
    "speed_bars",
    "training_curves",
    "validation_curves",
]
