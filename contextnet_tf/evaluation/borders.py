"""Accuracy near borders between classes (a trimap) and in the interior."""

from collections.abc import Sequence

import cv2
import numpy as np

from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.evaluation.confusion import ConfusionMatrix


def near_borders(labels: np.ndarray, pixels: int, ignore_label: int = IGNORE) -> np.ndarray:
    """Where another class is at most `pixels` pixels away, diagonally too; never at ignored pixels.

    Ignored pixels separate nothing: a strip of them between two classes is part of their border.

    Args:
      labels: train ids uint8 [H, W].
      pixels: the half-width of the band along a border, 1 or more.

    Returns:
      bool [H, W].
    """
    ignored = labels == ignore_label
    window = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    # The smallest and the largest class of each window; ignored pixels are neither.
    smallest = cv2.erode(np.where(ignored, 255, labels).astype(np.uint8), window)
    largest = cv2.dilate(np.where(ignored, 0, labels).astype(np.uint8), window)
    return (smallest != largest) & ~ignored


class BorderConfusion:
    """Confusion matrices of all pixels, of bands along the borders between classes, and of the interior.

    Attributes:
      whole: of all pixels.
      near: by half-width of the band in pixels.
      interior: of the pixels outside the widest band.
    """

    def __init__(self, num_classes: int, widths: Sequence[int] = (3, 5, 9), ignore_label: int = IGNORE):
        self._ignore_label = ignore_label
        self.whole = ConfusionMatrix(num_classes, ignore_label)
        self.near = {width: ConfusionMatrix(num_classes, ignore_label) for width in widths}
        self.interior = ConfusionMatrix(num_classes, ignore_label)

    def update(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        """Adds an image: ground truth and predicted train ids, both uint8 [H, W].

        Raises:
          InputError: the shapes differ, or a train id is out of range.
        """
        self.whole.update(labels, predictions)
        band = np.zeros(labels.shape, bool)
        for width, matrix in sorted(self.near.items()):
            band = near_borders(labels, width, self._ignore_label)
            matrix.update(np.where(band, labels, self._ignore_label), predictions)
        self.interior.update(np.where(band, self._ignore_label, labels), predictions)

    def share(self, width: int) -> float:
        """The fraction of the labeled pixels in the band of this half-width; nan without pixels."""
        total = _pixels(self.whole)
        return _pixels(self.near[width]) / total if total else float("nan")


def _pixels(matrix: ConfusionMatrix) -> int:
    return int(matrix.counts.sum() + matrix.unassigned.sum())
