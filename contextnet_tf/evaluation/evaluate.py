"""A network over a data set: one confusion matrix at the labels' own size, and what follows from it."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources import Example
from contextnet_tf.evaluation.confusion import ConfusionMatrix, intersection_over_union
from contextnet_tf.models.sizes import padded_size, size_multiple


@dataclasses.dataclass(frozen=True)
class Report:
    """Accuracy over a number of pictures. IoU values are fractions; nan where a class never occurs."""

    class_iou: dict[str, float]
    category_iou: dict[str, float]
    pixel_accuracy: float
    confusion: np.ndarray  # int64 [C, C], pixels by (true, predicted)
    pictures: int

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that occur: the paper's "class mIoU" (Table 6)."""
        return _mean(self.class_iou.values())

    @property
    def mean_category_iou(self) -> float:
        """Mean over the categories that occur: the paper's "category mIoU" (Table 6)."""
        return _mean(self.category_iou.values())

    def to_json(self) -> dict[str, Any]:
        """The same as values that JSON knows; nan becomes null."""
        return {
            "mean_iou": _or_none(self.mean_iou),
            "pixel_accuracy": _or_none(self.pixel_accuracy),
            "class_iou": {name: _or_none(value) for name, value in self.class_iou.items()},
            "mean_category_iou": _or_none(self.mean_category_iou),
            "category_iou": {name: _or_none(value) for name, value in self.category_iou.items()},
            "confusion": self.confusion.tolist(),
            "pictures": self.pictures,
        }


def evaluate(
    network: keras.Model | Callable[[tf.Tensor], np.ndarray],
    dataset: Dataset,
    examples: Sequence[Example],
    *,
    on_picture: Callable[[], None] = lambda: None,
) -> Report:
    """Segments every example at its own size and compares with its label.

    Args:
      network: a model with the data set's number of classes whose input size is free, or any function
        uint8 [H, W, 3] -> train ids uint8 [H, W].
      dataset: what the examples are examples of.
      examples: the split.
      on_picture: called after each picture, for a progress bar.

    Raises:
      InputError: a file is unreadable, of another size than its partner, or has an unknown label value.
    """
    segment = segmentation(network) if isinstance(network, keras.Model) else network
    matrix = ConfusionMatrix(dataset.num_classes, dataset.ignore_label)
    for image, label in evaluation_examples(dataset, examples):
        matrix.update(label.numpy(), np.asarray(segment(image)))
        on_picture()
    return report_of(matrix, dataset, len(examples))


def report_of(matrix: ConfusionMatrix, dataset: Dataset, pictures: int) -> Report:
    """What a confusion matrix over `pictures` pictures of `dataset` says."""
    categories = list(dict.fromkeys(label.category for label in dataset.classes))
    groups = np.array([categories.index(label.category) for label in dataset.classes])
    names = [label.name for label in dataset.classes]
    return Report(
        class_iou=dict(zip(names, matrix.iou().tolist(), strict=True)),
        category_iou=dict(
            zip(categories, intersection_over_union(matrix.grouped(groups)).tolist(), strict=True)
        ),
        pixel_accuracy=matrix.pixel_accuracy(),
        confusion=matrix.counts,
        pictures=pictures,
    )


def segmentation(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """The network as a function uint8 [H, W, 3] -> uint8 [H, W] train ids, for any H and W.

    The picture is padded at its lower and right edge, by repeating its last row and column, to the
    next size that the network takes; the labels are cropped back.
    """
    multiple = size_multiple(model)

    # Traced once for each size: Keras' upsampling takes no size that is known only when it runs.
    @tf.function
    def argmax(image: tf.Tensor) -> tf.Tensor:
        logits = model(tf.cast(image, tf.float32)[tf.newaxis] / 255.0, training=False)["main"][0]
        return tf.cast(tf.argmax(logits, axis=-1), tf.uint8)

    def segment(image: tf.Tensor) -> tf.Tensor:
        height, width, _ = image.shape
        rows, columns = (
            tf.minimum(tf.range(padded), length - 1)
            for length, padded in zip((height, width), padded_size((height, width), multiple), strict=True)
        )
        return argmax(tf.gather(tf.gather(image, rows), columns, axis=1))[:height, :width]

    return segment


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
