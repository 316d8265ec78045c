"""The confusion matrix, and the intersection over union that follows from it."""

import numpy as np

from contextnet_tf.datasets.labels import IGNORE


class ConfusionMatrix:
    """Counts pixels by (true class, predicted class) over any number of pictures."""

    def __init__(self, num_classes: int, ignore_label: int = IGNORE):
        self._num_classes = num_classes
        self._ignore_label = ignore_label
        self.counts = np.zeros((num_classes, num_classes), np.int64)  # [true, predicted]

    def update(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        """Adds pixels; where `labels` is the ignore label, the prediction does not count.

        Args:
          labels: integer train ids of any shape.
          predictions: integer train ids of the same shape, each below the number of classes.

        Raises:
          ValueError: the shapes differ, or a value that counts is out of range.
        """
        labels, predictions = np.asarray(labels), np.asarray(predictions)
        if labels.shape != predictions.shape:
            raise ValueError(f"labels have the shape {labels.shape}, predictions {predictions.shape}")
        counted = labels != self._ignore_label
        true, predicted = labels[counted].astype(np.int64), predictions[counted].astype(np.int64)
        for name, values in (("labels", true), ("predictions", predicted)):
            if values.size and not 0 <= values.min() <= values.max() < self._num_classes:
                raise ValueError(
                    f"{name} hold {values.min()} to {values.max()}; train ids run from 0 to {self._num_classes - 1}"
                )
        cells = np.bincount(true * self._num_classes + predicted, minlength=self._num_classes**2)
        self.counts += cells.reshape(self._num_classes, self._num_classes)

    def iou(self) -> np.ndarray:
        """Intersection over union, float64 [C]; nan for a class that neither occurs nor is predicted."""
        return intersection_over_union(self.counts)

    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that have one; nan where none has."""
        values = self.iou()
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

    def pixel_accuracy(self) -> float:
        """Share of the counted pixels whose class is right; nan where nothing was counted."""
        total = self.counts.sum()
        return float(np.trace(self.counts) / total) if total else float("nan")

    def grouped(self, groups: np.ndarray) -> np.ndarray:
        """The counts with the classes merged: `groups` int [C] holds each class's group; int64 [G, G]."""
        member = np.eye(int(np.max(groups)) + 1, dtype=np.int64)[np.asarray(groups)]
        return member.T @ self.counts @ member


def intersection_over_union(counts: np.ndarray) -> np.ndarray:
    """IoU of each class, float64 [C], from counts int64 [C, C] by (true, predicted)."""
    intersection = np.diag(counts).astype(np.float64)
    union = counts.sum(axis=0) + counts.sum(axis=1) - intersection
    return np.divide(intersection, union, out=np.full(len(counts), np.nan), where=union > 0)
