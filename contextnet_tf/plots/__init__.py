"""Results as plots. Only `canvas` imports matplotlib."""

from contextnet_tf.plots.classes import class_bars, class_frequencies
from contextnet_tf.plots.confusion import confusion_heat_map, confusion_image, row_shares
from contextnet_tf.plots.curves import training_curves, validation_curves
from contextnet_tf.plots.differences import difference_dots
from contextnet_tf.plots.dots import DotColumn, dot_columns, reference_dots
from contextnet_tf.plots.panels import label_panels
from contextnet_tf.plots.speed import SpeedBar, speed_bars

__all__ = [
    "DotColumn",
    "SpeedBar",
    "class_bars",
    "class_frequencies",
    "confusion_heat_map",
    "confusion_image",
    "difference_dots",
    "dot_columns",
    "label_panels",
    "reference_dots",
    "row_shares",
    "speed_bars",
    "training_curves",
    "validation_curves",
]
