"""Inspection of a whole dataset in one pass: its problems, its class frequencies, and the content of training
crops."""

import concurrent.futures
import dataclasses
import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.augment import Augmentation, augment
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.near_duplicates import Thumbnail, similar_between_splits, thumbnail
from contextnet_tf.datasets.pipeline import sample_seed
from contextnet_tf.datasets.sources import Example, Listing, has_orientation_tag, read_example, read_image
from contextnet_tf.datasets.statistics import class_warnings
from contextnet_tf.errors import InputError

# Minimum number of crops: the share of a class in 5 % of crops then has a standard error of about 1.5 %.
LEAST_CROPS = 200
_MARK = IGNORE - 1  # pixels that the label ignores; the crop's padding has IGNORE


@dataclasses.dataclass(frozen=True)
class Crops:
    """Statistics of random training crops, equally many from each image, without class-uniform sampling and pasting."""

    size: tuple[int, int]
    number: int
    ignored: float  # share of pixels that the labels ignore, 0 to 1
    padded: float  # share of pixels beyond the image, 0 to 1
    showing: np.ndarray  # int64 [C], crops with at least one pixel of a class
    to_cover: int  # crops that cover an image of the most common size at scale 1


@dataclasses.dataclass(frozen=True)
class Inspection:
    """The findings. `problems` would break a run, `warnings` would not; one line each."""

    problems: list[str]
    warnings: list[str]
    images: dict[str, int]  # number of readable examples by split
    sizes: Counter[tuple[int, int]]  # number of images by (height, width)
    class_pixels: dict[str, np.ndarray]  # int64 [C] by split, for splits with labels
    ignored_pixels: dict[str, int]
    class_images: dict[str, np.ndarray]  # int64 [C] by split: images that show a class
    crops: Crops | None  # None if no training example is readable


@dataclasses.dataclass(frozen=True)
class _Read:
    """The findings on one example."""

    split: str
    example: Example
    problem: str | None = None
    size: tuple[int, int] = (0, 0)
    content: bytes = b""  # digest of the image's pixels
    pixels: np.ndarray | None = None  # int64 [256] by train id; None without label
    crops: tuple[np.ndarray, ...] = ()  # int64 [256] each
    thumbnail: Thumbnail | None = None
    turned: bool = False  # whether the image was rotated by its orientation tag


def inspect(
    dataset: Dataset,
    listings: Mapping[str, Listing],
    *,
    crop_size: tuple[int, int],
    augmentation: Augmentation,
    num_threads: int,
    train_splits: Sequence[str] = ("train",),
    on_image: Callable[[], None] = lambda: None,
) -> Inspection:
    """Reads every example of `listings` strictly and collects its problems and statistics.

    Args:
      dataset: the dataset of the examples.
      listings: the listing of each split; those to train on in the order of training.
      crop_size: (height, width) of the training crops.
      augmentation: ranges of the random changes of the training crops.
      num_threads: number of examples read in parallel.
      train_splits: the splits of `listings` to train on; they are also sampled with random crops as in training.
      on_image: called after each example.
    """
    count = sum(len(listings[split].examples) for split in train_splits if split in listings)
    look = _Look(dataset, crop_size, augmentation, math.ceil(LEAST_CROPS / count) if count else 0, count)
    problems = [problem for listing in listings.values() for problem in listing.problems]
    reads = []
    with concurrent.futures.ThreadPoolExecutor(num_threads) as threads:
        for read in threads.map(lambda job: look(*job), _jobs(listings, train_splits)):
            reads.append(read)
            on_image()
    problems += [read.problem for read in reads if read.problem]
    whole = [read for read in reads if not read.problem]
    pixels_of = {
        split: [read.pixels for read in whole if read.split == split and read.pixels is not None] for split in listings
    }
    labeled = {split: np.array(pixels) for split, pixels in pixels_of.items() if pixels}
    classes = dataset.num_classes
    found = Inspection(
        problems=problems,
        warnings=[],
        images={split: sum(read.split == split for read in whole) for split in listings},
        sizes=Counter(read.size for read in whole),
        class_pixels={split: pixels[:, :classes].sum(axis=0) for split, pixels in labeled.items()},
        ignored_pixels={split: int(pixels[:, IGNORE].sum()) for split, pixels in labeled.items()},
        class_images={split: (pixels[:, :classes] > 0).sum(axis=0) for split, pixels in labeled.items()},
        crops=_crops([read for read in whole if read.crops], crop_size, classes),
    )
    warnings = [*_same_colors(dataset), *_size_warnings(found)]
    for split, pixels in labeled.items():
        warnings += class_warnings(dataset, split, pixels.sum(axis=0))
    thumbnails: dict[str, list[Thumbnail]] = {}
    for read in whole:
        if read.thumbnail:  # the splits to train on are one: their images may look alike
            name = "+".join(train_splits) if read.split in train_splits else read.split
            thumbnails.setdefault(name, []).append(read.thumbnail)
    warnings += [*_duplicates(whole), *similar_between_splits(thumbnails), *_empty(whole), *_turned(whole)]
    return dataclasses.replace(found, warnings=warnings)


class _Look:
    """Reads one example and computes its findings."""

    def __init__(
        self, dataset: Dataset, crop_size: tuple[int, int], augmentation: Augmentation, crops: int, epoch: int
    ):
        self._dataset, self._crops, self._epoch = dataset, crops, epoch

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None, 3], tf.uint8),
                tf.TensorSpec([None, None], tf.uint8),
                tf.TensorSpec([], tf.int64),
            ]
        )
        def crop(image: tf.Tensor, label: tf.Tensor, sample: tf.Tensor) -> tf.Tensor:
            return augment(image, label, sample_seed(sample, 0), crop_size, augmentation)[1]

        self._crop = crop

    def __call__(self, split: str, place: int | None, example: Example) -> _Read:
        try:
            if example.label_path is None:
                image, label = read_image(example.image_path), None
            else:
                image, label = read_example(example, self._dataset)
        except InputError as error:
            return _Read(split, example, problem=str(error))
        size = image.shape[:2]
        content = hashlib.blake2b(repr(size).encode() + image.tobytes(), digest_size=16).digest()
        small = thumbnail(example.image_path, image)
        if label is None:
            return _Read(split, example, None, size, content, thumbnail=small)
        pixels = np.bincount(label.ravel(), minlength=256)
        crops: tuple[np.ndarray, ...] = ()
        if place is not None:
            marked = np.where(label == IGNORE, np.uint8(_MARK), label)
            samples = [np.int64(place + epoch * self._epoch) for epoch in range(self._crops)]
            crops = tuple(np.bincount(self._crop(image, marked, x).numpy().ravel(), minlength=256) for x in samples)
        turned = has_orientation_tag(example.image_path)
        return _Read(split, example, None, size, content, pixels, crops, small, turned)


def _jobs(listings: Mapping[str, Listing], train_splits: Sequence[str]) -> Iterator[tuple[str, int | None, Example]]:
    """The examples of all splits; those to train on with their place in an epoch."""
    places = itertools.count()
    for split, listing in listings.items():
        for example in listing.examples:
            yield split, next(places) if split in train_splits else None, example


def _crops(reads: list[_Read], size: tuple[int, int], classes: int) -> Crops | None:
    if not reads:
        return None
    counts = np.array([crop for read in reads for crop in read.crops])
    (height, width), _ = Counter(read.size for read in reads).most_common(1)[0]
    return Crops(
        size=size,
        number=len(counts),
        ignored=float(counts[:, _MARK].sum() / counts.sum()),
        padded=float(counts[:, IGNORE].sum() / counts.sum()),
        showing=(counts[:, :classes] > 0).sum(axis=0),
        to_cover=math.ceil(height / size[0]) * math.ceil(width / size[1]),
    )


def _same_colors(dataset: Dataset) -> list[str]:
    """Warnings on classes that no overlay can tell apart."""
    names: dict[tuple[int, int, int], list[str]] = {}
    for label in dataset.classes:
        names.setdefault(label.color, []).append(label.name)
    return [
        f"the classes {', '.join(same)} have the same display color {list(color)}: overlays cannot tell them apart; "
        'change a "color"'
        for color, same in names.items()
        if len(same) > 1
    ]


def _size_warnings(found: Inspection) -> list[str]:
    if len(found.sizes) < 2:
        return []
    sizes = ", ".join(f"{height} x {width} ({count:,})" for (height, width), count in found.sizes.most_common())
    return [f"images of {len(found.sizes)} sizes, height x width: {sizes}"]


def _duplicates(reads: list[_Read]) -> list[str]:
    """Warnings on images with the same pixels: between splits, they inflate validation results."""
    first: dict[bytes, _Read] = {}
    warnings = []
    for read in reads:
        other = first.setdefault(read.content, read)
        if other is not read:
            where = f"of {other.split} and {read.split}" if other.split != read.split else f"twice in {read.split}"
            warnings.append(f"{read.example.image_path}: the same pixels as {other.example.image_path} ({where})")
    return warnings


def _empty(reads: list[_Read]) -> list[str]:
    return [
        f"{read.example.label_path}: every pixel is ignored"
        for read in reads
        if read.pixels is not None and read.pixels[IGNORE] == read.pixels.sum()
    ]


def _turned(reads: list[_Read]) -> list[str]:
    """A warning on rotated images, whose labels may be those of the image as stored: some tools ignore the tag."""
    turned = [read.example for read in reads if read.turned]
    if not turned:
        return []
    more = f", as {len(turned) - 1:,} more images are" if len(turned) > 1 else ""
    image, label = turned[0].image_path, turned[0].label_path
    return [f"{image}: is rotated by its orientation tag{more}; check that its label {label} is upright, too"]
