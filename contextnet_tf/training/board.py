"""TensorBoard logs of a run: training curves, IoU per class, confusion matrix and sample segmentations."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.colors import overlay
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion_image import confusion_image
from contextnet_tf.evaluation.evaluate import Report

_IMAGES = 3  # validation images shown


class Board:
    """Writes `folder`, a TensorBoard log directory.

    Raises:
      InputError: the disk is full; raised by every method.
    """

    def __init__(self, folder: pathlib.Path, dataset: Dataset):
        self._folder, self._dataset = folder, dataset
        self._writer = tf.summary.create_file_writer(str(folder))

    def scalars(self, group: str, step: int, figures: Mapping[str, float]) -> None:
        """Adds the finite `figures` as scalars `group`/name."""
        with self._writing():
            for name, value in figures.items():
                if np.isfinite(value):
                    tf.summary.scalar(f"{group}/{name}", value, step)

    def validation(self, step: int, report: Report, segment: Callable, examples: Sequence[Example]) -> None:
        """Adds the metrics of a validation, its confusion matrix as an image, and overlays of a few predictions.

        `segment` maps an image uint8 [H, W, 3] to train ids uint8 [H, W].
        """
        self.scalars("validation", step, {"mean_iou": report.mean_iou, "pixel_accuracy": report.pixel_accuracy})
        self.scalars("iou", step, report.class_iou)
        spread = [examples[i] for i in np.linspace(0, len(examples) - 1, _IMAGES).astype(int)]
        with self._writing():
            confusion = confusion_image(report.confusion, list(report.class_iou))
            tf.summary.image("confusion", confusion[np.newaxis], step)
            for place, (image, _) in enumerate(evaluation_examples(self._dataset, spread)):
                shown = overlay(image.numpy(), np.asarray(segment(image)), self._dataset.palette)
                tf.summary.image(f"validation/{place}", shown[np.newaxis], step)
            self._writer.flush()

    def close(self) -> None:
        """Closes the log file."""
        with self._writing():
            self._writer.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._writer.as_default():
                yield
        except tf.errors.ResourceExhaustedError:
            raise InputError(f"{self._folder}: cannot be written; make room on the disk and start again") from None
