"""TensorBoard: the curves of a run, the IoU and the confusion of the classes, and how a few pictures change."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.colours import overlay
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources import Example
from contextnet_tf.evaluation.confusion_picture import confusion_picture
from contextnet_tf.evaluation.evaluate import Report

_PICTURES = 3  # validation pictures shown


class Board:
    """Writes `folder`, which `tensorboard --logdir` shows."""

    def __init__(self, folder: pathlib.Path, dataset: Dataset):
        self._dataset = dataset
        self._writer = tf.summary.create_file_writer(str(folder))

    def scalars(self, group: str, step: int, figures: Mapping[str, float]) -> None:
        """Adds a point to the curve of each figure that is finite."""
        with self._writer.as_default():
            for name, value in figures.items():
                if np.isfinite(value):
                    tf.summary.scalar(f"{group}/{name}", value, step)

    def validation(self, step: int, report: Report, segment: Callable, examples: Sequence[Example]) -> None:
        """Adds the figures of a validation, its confusion matrix as a picture, and a few of its pictures as segmented by
        `segment` (uint8 [H, W, 3] -> train ids uint8 [H, W]), the classes laid over."""
        self.scalars("validation", step, {"mean_iou": report.mean_iou, "pixel_accuracy": report.pixel_accuracy})
        self.scalars("iou", step, report.class_iou)
        spread = [examples[i] for i in np.linspace(0, len(examples) - 1, _PICTURES).astype(int)]
        with self._writer.as_default():
            confusion = confusion_picture(report.confusion, list(report.class_iou))
            tf.summary.image("confusion", confusion[np.newaxis], step)
            for place, (image, _) in enumerate(evaluation_examples(self._dataset, spread)):
                shown = overlay(image.numpy(), np.asarray(segment(image)), self._dataset.palette)
                tf.summary.image(f"validation/{place}", shown[np.newaxis], step)
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()
