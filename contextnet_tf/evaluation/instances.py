"""Cityscapes' instance-level IoU (iIoU), which gives small people and vehicles the weight of large ones.

The pixels of an instance are weighted by the mean instance size of its class over the instance's own size. False
positives belong to no instance and have weight 1: iIoU = iTP / (iTP + FP + iFN) (Cordts et al., "The Cityscapes
Dataset", CVPR 2016, section 4.1).
"""

import concurrent.futures
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import Example, read_values, stored_size
from contextnet_tf.datasets.sources.cityscapes import INSTANCE_END, LABEL_END
from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.confusion import ConfusionMatrix, quotient
from contextnet_tf.machine import available_cores

# Mean instance sizes in pixels, at 1024 x 2048 (cityscapesScripts 2.3.0). Like cityscapesScripts, we use them for
# images of every size. On smaller images FP shrinks but these weights do not, which inflates iIoU.
MEAN_INSTANCE_SIZES = {
    "person": 3462.4756337644,
    "rider": 3930.4788056518,
    "car": 12794.0202738185,
    "truck": 27855.1264367816,
    "bus": 35732.1511111111,
    "train": 67583.7075812274,
    "motorcycle": 6298.7200839748,
    "bicycle": 4672.3249222261,
}

# An instance's pixels hold 1000 x label id + instance number, all other pixels the label id alone. Groups of
# inseparable instances also hold the label id alone, so they are excluded from iTP and iFN.
_FACTOR = 1000


class InstanceCounts:
    """Sums of weighted instance pixels by class, over any number of images.

    Attributes:
      total: float64 [C], all pixels: iTP + iFN.
      right: float64 [C], pixels with the correct class: iTP.
      right_category: float64 [C], pixels with the correct category.
    """

    def __init__(self, dataset: Dataset):
        classes = dataset.classes
        categories = np.array([label.category for label in classes])
        self._same_category = categories[:, None] == categories
        self._mean_sizes = np.array([MEAN_INSTANCE_SIZES.get(label.name, np.nan) for label in classes])
        self._train_ids = np.full(256, dataset.ignore_label)  # by label id
        for label in dataset.labels:
            if label.has_instances:
                self._train_ids[label.id] = label.train_id
        self._ignore_label = dataset.ignore_label
        self.total, self.right, self.right_category = np.zeros((3, len(classes)))

    def update(self, instance_ids: np.ndarray, predictions: np.ndarray) -> None:
        """Adds an image: instance ids from `read_instances`, uint16 [H, W], and predicted train ids uint8 [H, W]."""
        inside = instance_ids > _FACTOR
        ids, predicted = instance_ids[inside], predictions[inside]
        found = np.flatnonzero(np.bincount(ids, minlength=1 << 16))
        train_ids = self._train_ids[found // _FACTOR]
        known = train_ids != self._ignore_label
        found, train_ids = found[known], train_ids[known]
        # Row i counts the predictions on instance i; the last row collects ignored instances.
        row = np.full(1 << 16, len(found))
        row[found] = np.arange(len(found))
        cells = np.bincount(row[ids] << 8 | predicted, minlength=len(found) + 1 << 8)
        labeled = cells.reshape(-1, 256)[: len(found)]
        weights = self._mean_sizes[train_ids] / labeled.sum(axis=1)
        right = labeled[np.arange(len(found)), train_ids]
        right_category = (labeled[:, : len(self.total)] * self._same_category[train_ids]).sum(axis=1)
        self.total += self._by_class(train_ids, self._mean_sizes[train_ids])
        self.right += self._by_class(train_ids, weights * right)
        self.right_category += self._by_class(train_ids, weights * right_category)

    def iou(self, matrix: ConfusionMatrix) -> np.ndarray:
        """iIoU float64 [C]; nan for a class that neither occurs nor is predicted. `matrix` covers the same images."""
        return quotient(self.right, self.total + matrix.false_positives())

    def category_iou(self, matrix: ConfusionMatrix, groups: np.ndarray) -> np.ndarray:
        """iIoU of the categories, float64 [G]; `groups` int [C] is the category index of each class."""
        right, total = (np.bincount(groups, values) for values in (self.right_category, self.total))
        return quotient(right, total + matrix.grouped(groups).false_positives())

    def _by_class(self, train_ids: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.bincount(train_ids, values, minlength=len(self.total))


def instance_paths(dataset: Dataset, examples: Sequence[Example]) -> list[pathlib.Path] | None:
    """The instance file of each example, beside its label file; None where iIoU cannot be computed.

    iIoU needs instance files, which CamVid for example lacks, and a class with a known mean instance size.

    Raises:
      InputError: only some examples have an instance file.
    """
    if not any(label.name in MEAN_INSTANCE_SIZES and label.has_instances for label in dataset.classes):
        return None
    paths = [_beside(example.label_path) for example in examples]
    missing = [path is None or not path.is_file() for path in paths]
    if all(missing):
        return None
    if any(missing):
        example, path = next((e, p) for e, p, absent in zip(examples, paths, missing, strict=True) if absent)
        raise InputError(
            f"{path or example.name}: is missing, though {missing.count(False)} of the {len(paths)} images have an "
            "instance file; unpack the dataset again, or remove all of these files"
        )
    return [path for path in paths if path is not None]


def read_instances(path: str | os.PathLike, dataset: Dataset, shape: tuple[int, int]) -> np.ndarray:
    """Reads an instance file as uint16 [H, W]; `shape` is the (H, W) of the labels.

    Raises:
      InputError: the file is unreadable, not 16-bit gray or of another size, or an instance's label has no instances.
    """
    ids = read_values(path)
    if ids.ndim != 2 or ids.dtype != np.uint16:
        raise InputError(f"{path}: an instance file has one 16-bit value per pixel; unpack the dataset again")
    if ids.shape != tuple(shape):
        raise InputError(
            f"{path}: is {ids.shape[1]} x {ids.shape[0]} pixels, its labels are {shape[1]} x {shape[0]}; "
            "they must have the same size"
        )
    known = np.ones(1 << 16, bool)
    known[_FACTOR + 1 :] = np.isin(
        np.arange(_FACTOR + 1, 1 << 16) // _FACTOR, [label.id for label in dataset.labels if label.has_instances]
    )
    if not known[ids].all():
        value = int(ids[~known[ids]].min())
        raise InputError(
            f"{path}: value {value} would be instance {value % _FACTOR} of label {value // _FACTOR}, which has no "
            "instances in the label table"
        )
    return ids


def instance_problems(dataset: Dataset, examples: Sequence[Example]) -> list[str]:
    """One line for each problem of the instance files of `examples`, all of which are read."""
    labeled = [example for example in examples if example.label_path]
    try:
        paths = instance_paths(dataset, labeled) or []
    except InputError as error:
        return [str(error)]

    def problem(example: Example, path: pathlib.Path) -> str | None:
        try:
            read_instances(path, dataset, stored_size(str(example.label_path)))
        except InputError as error:
            return str(error)
        return None

    with concurrent.futures.ThreadPoolExecutor(available_cores()) as threads:
        return [line for line in threads.map(problem, labeled, paths) if line]


def _beside(label_path: str | None) -> pathlib.Path | None:
    """The path of a label file's instance file; None for label files without Cityscapes' naming."""
    if not label_path or not label_path.endswith(LABEL_END):
        return None
    return pathlib.Path(label_path.removesuffix(LABEL_END) + INSTANCE_END)
