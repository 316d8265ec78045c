"""The known datasets: their classes, splits, image sizes and folder layouts."""

import dataclasses
import functools
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from contextnet_tf.datasets.class_table import ClassTable, read_class_table
from contextnet_tf.datasets.colors import Color
from contextnet_tf.datasets.labels import (
    CAMVID_COLORS,
    CAMVID_LABELS,
    CITYSCAPES_LABELS,
    IGNORE,
    Label,
    train_ids_of_colors,
)
from contextnet_tf.datasets.sources.camvid import camvid_folder
from contextnet_tf.datasets.sources.cityscapes import CITIES, cityscapes_folder, is_placeholder
from contextnet_tf.datasets.sources.example import Example, Listing
from contextnet_tf.datasets.sources.folder import own_folder, own_list
from contextnet_tf.datasets.sources.prepared import PreparedSet
from contextnet_tf.datasets.sources.reading import read_image
from contextnet_tf.errors import InputError

OWN = "folder"  # the name of a user's own dataset
PREPARED = "tfds:"  # prefix of the names of TensorFlow Datasets


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A dataset's description, without data: `list_examples` finds the examples in a folder."""

    name: str
    labels: tuple[Label, ...]
    image_size: tuple[int, int] | None  # (height, width) of the images; None until `measured`
    split_sizes: Mapping[str, int]  # published numbers of examples; empty if any number is valid
    source: Callable[[str | os.PathLike, str], Listing]
    default_data_dir: str | None  # used where no folder is given
    ignore_label: int = IGNORE
    label_colors: Mapping[Color, int] = dataclasses.field(default_factory=dict)  # train id by color
    has_label_values: bool = True  # single-channel label files hold values; False: all label files are in colors
    part_sizes: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)  # by split and city
    prepared: PreparedSet | None = None  # must be extracted to files before listing
    class_table: Mapping[str, Any] | None = None  # argument of `get_dataset` besides the name; JSON

    @property
    def known_size(self) -> tuple[int, int]:
        """`image_size`, never None.

        Raises:
          InputError: the image size is unknown until `measured`.
        """
        if self.image_size is None:
            raise InputError(
                f"dataset {self.name!r}: its image size is unknown; use dataset.measured(examples[0]), or give the "
                "class table an image_size"
            )
        return self.image_size

    @property
    def classes(self) -> tuple[Label, ...]:
        """The rows of the classes that a network learns, one per class, in order of train id."""
        rows = {label.train_id: label for label in reversed(self.labels) if label.train_id != IGNORE}
        return tuple(rows[train_id] for train_id in sorted(rows))

    @property
    def num_classes(self) -> int:
        """The number of classes that a network learns."""
        return len(self.classes)

    @property
    def palette(self) -> np.ndarray:
        """Class colors in order of train id, uint8 [C, 3] RGB."""
        return np.array([label.color for label in self.classes], np.uint8)

    def list_examples(self, data_dir: str | os.PathLike | None, split: str) -> list[Example]:
        """The examples of `split` in the folder `data_dir` (None: the default folder).

        Raises:
          InputError: the folder is missing, empty or in another layout, or an image or label has no partner.
        """
        return self.listing(data_dir, split).complete()

    def listing(self, data_dir: str | os.PathLike | None, split: str) -> Listing:
        """The complete examples of `split`, and the problems of all incomplete ones.

        Raises:
          InputError: the folder is missing, empty, or in another layout, or `split` is not a plain name.
        """
        if not split.strip() or split in (".", "..") or re.search(r"[/\\*?\[\]{}\0]", split):
            raise InputError(f"{split!r} is not the name of a split; give for example train or val")
        return self.source(self._folder(data_dir), split)

    def measured(self, example: Example) -> "Dataset":
        """A copy with the image size of `example`, which represents all examples; or with that of the class table.

        Raises:
          InputError: the image is unreadable.
        """
        if self.class_table and "image_size" in self.class_table:
            return self
        size = read_image(example.image_path).shape[:2]
        class_table = self.class_table and {**self.class_table, "image_size": list(size)}
        return dataclasses.replace(self, image_size=size, class_table=class_table)

    def missing_examples_note(self, split: str, examples: list[Example]) -> str | None:
        """A line on how the number of examples, by city if the dataset has cities, differs from the published one;
        None if there is no difference or no published number."""
        expected = self.split_sizes.get(split, len(examples))
        if len(examples) == expected:
            return None
        cities = Counter(example.name.split("_")[0] for example in examples)
        published = self.part_sizes.get(split, {})
        wrong = [
            f"{city} {cities[city]:,} of {published.get(city, 0):,}"
            for city in sorted({*published, *cities})
            if cities[city] != published.get(city, 0)
        ]
        where = f": {', '.join(wrong)}" if published else ""
        return f"{self.name} {split}: {len(examples):,} of {expected:,} examples are there{where}"

    def _folder(self, data_dir: str | os.PathLike | None) -> str | os.PathLike:
        folder = data_dir or self.default_data_dir
        if folder is None:
            raise InputError(f"{self.name}: set `data_dir` to the folder that holds the dataset")
        return folder


_DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="cityscapes",
            labels=CITYSCAPES_LABELS,
            image_size=(1024, 2048),
            split_sizes={"train": 2975, "val": 500, "test": 1525},  # section 3.2
            source=cityscapes_folder,
            default_data_dir="data/cityscapes",
            part_sizes=CITIES,
        ),
        Dataset(
            name="streets",
            labels=CITYSCAPES_LABELS,
            image_size=(256, 512),
            split_sizes={},
            source=cityscapes_folder,
            default_data_dir="data/streets/drawn",
        ),
        Dataset(
            name="camvid",
            labels=CAMVID_LABELS,
            image_size=(360, 480),
            split_sizes={"train": 367, "val": 101, "test": 233},
            source=camvid_folder,
            default_data_dir="data/camvid",
            label_colors=train_ids_of_colors(CAMVID_COLORS, CAMVID_LABELS),
        ),
    )
}


def dataset_names() -> list[str]:
    """The names of the datasets that need no class table."""
    return sorted(_DATASETS)


def get_dataset(name: str, class_table: Mapping[str, Any] | str | os.PathLike | None = None) -> Dataset:
    """The description of a dataset.

    Args:
      name: one of `dataset_names`, "folder" for a user's own, or "tfds:NAME" for a dataset that TensorFlow Datasets
        has prepared, for example "tfds:cityscapes/semantic_segmentation".
      class_table: path or content of a classes.json; required by "folder" and most "tfds:NAME".

    Raises:
      InputError: the name is unknown, or the class table is missing, invalid or not allowed.
    """
    if not isinstance(name, str):
        raise InputError(f"dataset {name!r}: it must be a name; choose from {', '.join(dataset_names())}, {OWN}")
    if class_table is not None and not isinstance(class_table, Mapping | str | os.PathLike):
        raise InputError(f"a class table is a {type(class_table).__name__}; give the path or content of a classes.json")
    if name.startswith(PREPARED):
        return _prepared(name, class_table)
    if name == OWN:
        if class_table is None:
            raise InputError("a folder of your own needs a class table; set `classes=classes.json`")
        return _own(read_class_table(class_table))
    if name not in _DATASETS:
        known = f"{', '.join(dataset_names())}, {OWN} (your own) and {PREPARED}NAME"
        raise InputError(f"{name!r} is not a known dataset; choose from {known}")
    if class_table is not None:
        raise InputError(f"the dataset {name!r} has classes of its own; leave out `classes`, or set `dataset={OWN}`")
    return _DATASETS[name]


def _own(class_table: ClassTable) -> Dataset:
    if class_table.list_pattern:
        source = functools.partial(own_list, list_pattern=class_table.list_pattern)
    else:
        source = functools.partial(own_folder, images=class_table.images, labels=class_table.label_pattern)
    return _described(OWN, class_table, source)


def _prepared(name: str, given: Mapping[str, Any] | str | os.PathLike | None) -> Dataset:
    """A dataset of TensorFlow Datasets. Its Cityscapes with fine labels needs no class table."""
    upstream = name.removeprefix(PREPARED)
    if not upstream.split(":")[0].strip("/"):
        raise InputError(f"{name!r} names no dataset; give for example {PREPARED}oxford_iiit_pet")
    if upstream.split(":")[0] in ("cityscapes", "cityscapes/semantic_segmentation"):
        if given is not None:
            raise InputError(f"the dataset {name!r} has classes of its own; leave out `classes` and the tfds keys")
        prepared = PreparedSet(upstream, "image_left", "segmentation_label", "image_id", is_placeholder)
        cityscapes = _DATASETS["cityscapes"]
        return dataclasses.replace(
            cityscapes, name=name, source=prepared.listing, default_data_dir=None, prepared=prepared
        )
    if given is None:
        raise InputError(f"the dataset {name!r} needs a class table; set `classes=classes.json`")
    class_table = read_class_table(given)
    features = {"image_key": "image", "label_key": "segmentation_mask"} | class_table.features
    prepared = PreparedSet(upstream, features["image_key"], features["label_key"], features.get("name_key"))
    return dataclasses.replace(_described(name, class_table, prepared.listing), prepared=prepared)


def _described(name: str, class_table: ClassTable, source: Callable[..., Listing]) -> Dataset:
    return Dataset(
        name=name,
        labels=class_table.labels,
        image_size=class_table.image_size,
        split_sizes={},
        source=source,
        default_data_dir=None,
        label_colors=class_table.colors,
        has_label_values=not class_table.colors,
        class_table=class_table.content,
    )
