"""The confusion matrix and its metrics, such as intersection over union."""

import numbers

import numpy as np

from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.errors import InputError


class ConfusionMatrix:
    """Counts pixels by (true class, predicted class) over any number of images.

    Attributes:
      counts: int64 [C, C], pixels by (true, predicted).
      unassigned: int64 [C], pixels of each true class predicted as the ignore label. They count as false negatives but
        not as false positives, as in cityscapesScripts.
    """

    def __init__(self, num_classes: int, ignore_label: int = IGNORE):
        """Creates an empty matrix.

        Raises:
          InputError: a number is not whole or not positive, or `ignore_label` is not in `num_classes` to 255.
        """
        for name, value in (("num_classes", num_classes), ("ignore_label", ignore_label)):
            if not isinstance(value, numbers.Integral):
                raise InputError(f"{name} = {value!r}: it must be a whole number")
        if num_classes < 1:
            raise InputError(f"num_classes = {num_classes}: it must be 1 or more")
        if not num_classes <= ignore_label <= 255:
            raise InputError(f"ignore label {ignore_label}: with {num_classes} classes it must be {num_classes} to 255")
        self._num_classes = num_classes
        self._ignore_label = ignore_label
        self.counts = np.zeros((num_classes, num_classes), np.int64)
        self.unassigned = np.zeros(num_classes, np.int64)

    def update(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        """Adds pixels; those whose label is the ignore label are ignored.

        Args:
          labels: integer train ids of any shape.
          predictions: integer train ids of the same shape: below the number of classes, or the ignore label for no
            class.

        Raises:
          InputError: the shapes differ, or a train id is not whole or out of range.
        """
        labels, predictions = np.asarray(labels), np.asarray(predictions)
        if labels.shape != predictions.shape:
            raise InputError(f"labels have the shape {labels.shape}, predictions {predictions.shape}")
        # All pairs of bytes are counted, and ignored ones dropped afterwards: filtering two million pixels costs
        # more than counting them into 65,536 cells.
        pairs = self._bytes("labels", labels).astype(np.uint16) << 8
        pairs |= self._bytes("predictions", predictions)
        cells = np.bincount(pairs.ravel(), minlength=1 << 16).reshape(256, 256)
        cells[self._ignore_label] = 0
        for name, axis in (("labels", 1), ("predictions", 0)):
            self._check(name, np.flatnonzero(cells.any(axis)))
        self.counts += cells[: self._num_classes, : self._num_classes]
        self.unassigned += cells[: self._num_classes, self._ignore_label]

    def iou(self) -> np.ndarray:
        """Intersection over union (IoU), float64 [C]; nan for a class that neither occurs nor is predicted."""
        union = self.counts.sum(axis=0) + self.counts.sum(axis=1) + self.unassigned - np.diag(self.counts)
        return quotient(np.diag(self.counts), union)

    def mean_iou(self) -> float:
        """Mean IoU (mIoU) of the classes whose IoU is not nan; nan if all are nan."""
        return nanmean(self.iou())

    def false_positives(self) -> np.ndarray:
        """False positives of each class, int64 [C]: pixels of other classes predicted as the class."""
        return self.counts.sum(axis=0) - np.diag(self.counts)

    def pixel_accuracy(self) -> float:
        """Share of correctly classified pixels, 0 to 1; nan if no pixel was counted."""
        return float(quotient(np.trace(self.counts), self.counts.sum() + self.unassigned.sum()))

    def grouped(self, groups: np.ndarray) -> "ConfusionMatrix":
        """The matrix with classes merged into G groups; `groups` int [C] is the group index of each class."""
        member = np.eye(int(np.max(groups)) + 1, dtype=np.int64)[np.asarray(groups)]
        merged = ConfusionMatrix(member.shape[1], self._ignore_label)
        merged.counts = member.T @ self.counts @ member
        merged.unassigned = self.unassigned @ member
        return merged

    def _bytes(self, name: str, values: np.ndarray) -> np.ndarray:
        if not np.issubdtype(values.dtype, np.integer):
            raise InputError(f"{name} are {values.dtype}; train ids are whole numbers")
        if values.dtype != np.uint8:
            if values.size and not 0 <= values.min() <= values.max() <= 255:
                self._refuse(name, values)
            values = values.astype(np.uint8)
        return values

    def _check(self, name: str, occurring: np.ndarray) -> None:
        classes = occurring[occurring != self._ignore_label]
        if classes.size and classes.max() >= self._num_classes:
            self._refuse(name, classes)

    def _refuse(self, name: str, values: np.ndarray) -> None:
        raise InputError(
            f"{name} hold {values.min()} to {values.max()}; train ids run from 0 to {self._num_classes - 1}"
        )


def quotient(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, elementwise, as float64; nan where `whole` is 0."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def nanmean(values: np.ndarray) -> float:
    """Mean of the values that are not nan; nan if all are nan."""
    known = np.asarray(values)[~np.isnan(values)]
    return float(np.mean(known)) if known.size else float("nan")
