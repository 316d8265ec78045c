"""Class frequencies and class locations over a split."""

import concurrent.futures
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.sampling import ClassUniform
from contextnet_tf.datasets.sources import Example, no_label, read_label
from contextnet_tf.errors import InputError
from contextnet_tf.machine import available_cores

Result = TypeVar("Result")


class ClassStatistics(NamedTuple):
    """Frequency and locations of each class."""

    pixel_counts: np.ndarray  # int64 [C], without ignored pixels
    places: ClassUniform


def class_pixel_counts(dataset: Dataset, examples: Sequence[Example]) -> np.ndarray:
    """Counts the pixels of each class over the examples, int64 [C], without ignored pixels.

    Reads every label once.

    Raises:
      InputError: an example has no label, or a label file is bad.
    """
    counts = sum(_of_labels(dataset, examples, _train_id_counts), np.zeros(256, np.int64))
    return counts[: dataset.num_classes]


def class_pixels_until_all_seen(dataset: Dataset, examples: Sequence[Example]) -> np.ndarray:
    """Counts pixels by train id, int64 [256], until every class has occurred; usually some label files suffice.

    Raises:
      InputError: an example has no label, or a label file that was read is bad.
    """
    counts = np.zeros(256, np.int64)
    size = 4 * available_cores()
    for start in range(0, len(examples), size):
        counts += sum(_of_labels(dataset, examples[start : start + size], _train_id_counts))
        if counts[: dataset.num_classes].all():
            break
    return counts


def class_warnings(dataset: Dataset, split: str, counts: np.ndarray) -> list[str]:
    """Warnings on classes that never occur; `counts` has the pixels of a split by train id, int64 [256]."""
    absent = [label.name for label, count in zip(dataset.classes, counts, strict=False) if not count]
    if not absent:
        return []
    ignored = {label.id for label in dataset.labels if label.train_id == IGNORE}
    present = [label for label, count in zip(dataset.classes, counts, strict=False) if count]
    warnings = [f"{split}: no pixel of {', '.join(absent)}"]
    if ignored == {255} and counts[IGNORE] and [label.id for label in present] == [0]:
        warnings.append(
            f"{split}: the labels hold 0 and 255 only, and 255 is ignored; for masks of 0 and 255, set the value of "
            f"{present[0].name!r} to 0 and that of {absent[0]!r} to 255"
        )
    return warnings


def class_statistics(
    dataset: Dataset, examples: Sequence[Example], *, share: float, tile_size: tuple[int, int]
) -> ClassStatistics:
    """Counts the pixels of each class, and computes the crop centers of class-uniform sampling.

    Centers are the centers of mass of each class in each image tile. Reads every label once.

    Args:
      dataset, examples: the dataset, and its examples to read.
      share: share of class-uniform samples, above 0, at most 1.
      tile_size: (height, width) of the tiles of an image.

    Raises:
      InputError: an example has no label, or a label file is bad; `share` is out of range; or no example shows any
        class.
    """
    if not 0 < share <= 1:
        raise InputError(f"the share of class-uniform samples is {share}; give a number above 0, at most 1")
    pixel_counts = np.zeros(256, np.int64)
    found: list[list[tuple[int, int, int]]] = [[] for _ in range(dataset.num_classes)]

    def counted(label: np.ndarray):
        return _train_id_counts(label), list(_tile_centers(label, dataset.num_classes, tile_size))

    for number, (own, centers) in enumerate(_of_labels(dataset, examples, counted)):
        pixel_counts += own
        for train_id, center in centers:
            found[train_id].append((number, *center))
    counts = np.array([len(places) for places in found], np.int64)
    if not counts.any():
        raise InputError("no training image shows any class; sampling by class needs labeled pixels")
    places = np.array([place for places in found for place in places], np.int64)
    uniform = ClassUniform(
        share=share,
        examples=places[:, 0],
        centers=places[:, 1:].astype(np.int32),
        first=np.cumsum(counts) - counts,
        counts=counts,
    )
    return ClassStatistics(pixel_counts[: dataset.num_classes], uniform)


def _of_labels(
    dataset: Dataset, examples: Sequence[Example], compute: Callable[[np.ndarray], Result]
) -> Iterator[Result]:
    """`compute` of each example's label, uint8 [H, W], in order and in several threads; images are not read."""

    def read(example: Example) -> Result:
        if example.label_path is None:
            raise no_label(example)
        return compute(read_label(example.label_path, dataset))

    with concurrent.futures.ThreadPoolExecutor(available_cores()) as threads:
        yield from threads.map(read, examples)


def _train_id_counts(label: np.ndarray) -> np.ndarray:
    return np.bincount(label.ravel(), minlength=256)


def _tile_centers(label: np.ndarray, num_classes: int, tile_size: tuple[int, int]):
    """Yields (train id, (y, x)) for each class in each tile of a label, uint8 [H, W]."""
    for top in range(0, label.shape[0], tile_size[0]):
        for left in range(0, label.shape[1], tile_size[1]):
            tile = label[top : top + tile_size[0], left : left + tile_size[1]]
            rows, columns = _pixels_by_line(tile), _pixels_by_line(tile.T)
            for train_id in np.flatnonzero(rows[:, :num_classes].sum(axis=0)):
                yield train_id, (top + _center(rows[:, train_id]), left + _center(columns[:, train_id]))


def _pixels_by_line(tile: np.ndarray) -> np.ndarray:
    """Histogram of the values in each row of uint8 [H, W]: int64 [H, 256]."""
    keys = np.arange(len(tile))[:, np.newaxis] * 256 + tile
    return np.bincount(keys.ravel(), minlength=256 * len(tile)).reshape(-1, 256)


def _center(pixels: np.ndarray) -> int:
    """Index of the line with the center of mass, from the pixel counts by line."""
    return int(np.floor(np.average(np.arange(len(pixels)) + 0.5, weights=pixels)))
