"""Evaluation of a network on a dataset: a confusion matrix at the labels' own size, and its metrics."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources import Example, checked_examples
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix, nanmean
from contextnet_tf.evaluation.instances import InstanceCounts, instance_paths, read_instances
from contextnet_tf.evaluation.padding import padded_to_multiple
from contextnet_tf.evaluation.traced import TracedPerSize
from contextnet_tf.models.graph import require_segmentation_network
from contextnet_tf.models.sizes import size_multiple
from contextnet_tf.runs.sections import Accuracy


@dataclasses.dataclass(frozen=True)
class Report:
    """Metrics over a number of images. IoU values are 0 to 1; nan for a class that neither occurs nor is predicted.

    Metrics follow Cityscapes. Category IoU accepts confusion within a category. iIoU weights all instances of a
    class equally (`evaluation.instances`); it is None for data without instance files.
    """

    class_iou: dict[str, float]
    category_iou: dict[str, float]
    pixel_accuracy: float
    confusion: np.ndarray  # int64 [C, C], pixels by (true, predicted)
    images: int
    instance_iou: dict[str, float] | None = None  # iIoU of classes with instances
    category_instance_iou: dict[str, float] | None = None  # iIoU of categories whose labels all have instances

    @property
    def mean_iou(self) -> float:
        """Mean IoU without nan classes: the paper's "class mIoU" (Table 6)."""
        return _mean(self.class_iou)

    @property
    def mean_category_iou(self) -> float:
        """Mean IoU without nan categories: the paper's "category mIoU" (Table 6)."""
        return _mean(self.category_iou)

    @property
    def mean_instance_iou(self) -> float | None:
        """Mean iIoU without nan classes; None without instances."""
        return None if self.instance_iou is None else _mean(self.instance_iou)

    @property
    def mean_category_instance_iou(self) -> float | None:
        """Mean iIoU without nan categories; None without instances."""
        return None if self.category_instance_iou is None else _mean(self.category_instance_iou)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values; nan becomes null."""
        return Accuracy.of(self).to_json()


def evaluate(
    network: keras.Model | Callable[[tf.Tensor], np.ndarray],
    dataset: Dataset,
    examples: Sequence[Example],
    *,
    on_image: Callable[[], object] = lambda: None,
) -> Report:
    """Segments every example at its own size and compares the prediction with the label.

    iIoU needs instance files: `NAME_gtFine_instanceIds.png` beside the labels.

    Args:
      network: a model with the dataset's number of classes and free input size, or any function
        uint8 [H, W, 3] -> train ids uint8 [H, W].
      dataset: the dataset of the examples.
      examples: the examples to evaluate.
      on_image: called after each image, for a progress bar.

    Raises:
      InputError: `dataset` is not a dataset, `network` not a function, or there are no `examples`; a file is
        unreadable, differs in size from its partner, or has an unknown value; or only some examples have an instance
        file.
    """
    if not isinstance(dataset, Dataset):
        raise InputError(f"dataset {dataset!r}: it must be a dataset from get_dataset")
    if not callable(network):
        raise InputError(f"a {type(network).__name__} is not a network; give a Keras model or a function")
    examples = checked_examples("examples", examples)
    if not examples:
        raise InputError(f"{dataset.name}: there are no examples to evaluate")
    segment = segmentation(network) if isinstance(network, keras.Model) else network
    matrix = ConfusionMatrix(dataset.num_classes, dataset.ignore_label)
    paths = instance_paths(dataset, examples)
    instances = None if paths is None else InstanceCounts(dataset)
    for index, (image, label) in enumerate(evaluation_examples(dataset, examples)):
        prediction = np.asarray(segment(image))
        matrix.update(label.numpy(), prediction)
        if instances is not None and paths is not None:
            instances.update(read_instances(paths[index], dataset, label.shape), prediction)
        on_image()
    return report_of(matrix, dataset, len(examples), instances)


def report_of(
    matrix: ConfusionMatrix, dataset: Dataset, images: int, instances: InstanceCounts | None = None
) -> Report:
    """Computes the report from the counts over `images` images of `dataset`."""
    names = [label.name for label in dataset.classes]
    categories = list(dict.fromkeys(label.category for label in dataset.classes))
    groups = np.array([categories.index(label.category) for label in dataset.classes])
    report = Report(
        class_iou=dict(zip(names, matrix.iou().tolist(), strict=True)),
        category_iou=dict(zip(categories, matrix.grouped(groups).iou().tolist(), strict=True)),
        pixel_accuracy=matrix.pixel_accuracy(),
        confusion=matrix.counts,
        images=images,
    )
    if instances is None:
        return report
    whole = {x.category for x in dataset.labels} - {x.category for x in dataset.labels if not x.has_instances}
    class_values = zip(dataset.classes, instances.iou(matrix).tolist(), strict=True)
    category_values = zip(categories, instances.category_iou(matrix, groups).tolist(), strict=True)
    return dataclasses.replace(
        report,
        instance_iou={label.name: value for label, value in class_values if label.has_instances},
        category_instance_iou={name: value for name, value in category_values if name in whole},
    )


def segmentation(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """The network as a function uint8 [H, W, 3] -> train ids uint8 [H, W], for any H and W.

    The image is padded at its lower and right edge, by repeating the last row and column, to the next
    size that the network accepts. The prediction is cropped to the image size.

    Raises:
      InputError: `model` is not a segmentation network; when called: its logits do not have the image's size.
    """
    require_segmentation_network(model)
    multiple = size_multiple(model)

    @TracedPerSize
    def argmax(image: tf.Tensor) -> tf.Tensor:
        logits = model(tf.cast(image, tf.float32)[tf.newaxis] / 255.0, training=False)["main"][0]
        if logits.shape[:2] != image.shape[:2]:
            (height, width), (rows, columns) = image.shape[:2], logits.shape[:2]
            raise InputError(
                f"network {model.name!r}: for an image of {height} x {width} its output 'main' is {rows} x {columns}; "
                "end it with a layer that upsamples the logits to the image's size"
            )
        return tf.cast(tf.argmax(logits, axis=-1), tf.uint8)

    def segment(image: tf.Tensor) -> tf.Tensor:
        height, width, _ = image.shape
        return argmax(padded_to_multiple(image, multiple))[:height, :width]

    return segment


def _mean(values: dict[str, float]) -> float:
    return nanmean(np.array(list(values.values())))
