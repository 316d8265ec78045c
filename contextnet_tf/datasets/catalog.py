"""What each data set is: its classes, its splits, the size of its pictures, how its folder is read."""

import dataclasses
import os
from collections.abc import Callable, Mapping

import numpy as np

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.labels import CAMVID_LABELS, CITYSCAPES_LABELS, IGNORE, Label
from contextnet_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set's description. It holds no data: `list_examples` finds them in a folder."""

    name: str
    labels: tuple[Label, ...]
    picture_size: tuple[int, int]  # height, width of the data set's pictures
    split_sizes: Mapping[str, int]  # number of examples as published; empty where any number is right
    source: Callable[[str | os.PathLike, str], list[sources.Example]]
    default_data_dir: str  # where the data set's own program, or a user, puts it
    ignore_label: int = IGNORE

    @property
    def classes(self) -> tuple[Label, ...]:
        """The rows that a network learns, in the order of their train ids."""
        return tuple(sorted((x for x in self.labels if x.train_id != IGNORE), key=lambda x: x.train_id))

    @property
    def num_classes(self) -> int:
        """Number of classes that a network learns."""
        return len(self.classes)

    @property
    def palette(self) -> np.ndarray:
        """Colours in the order of the train ids, uint8 [C, 3] RGB."""
        return np.array([label.colour for label in self.classes], np.uint8)

    def list_examples(self, data_dir: str | os.PathLike | None, split: str) -> list[sources.Example]:
        """The examples of `split` in the folder `data_dir` (None: the default folder).

        Raises:
          InputError: the folder is missing, empty, in another layout, or a file has no partner.
        """
        return self.source(data_dir or self.default_data_dir, split)


_DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="cityscapes",
            labels=CITYSCAPES_LABELS,
            picture_size=(1024, 2048),
            split_sizes={"train": 2975, "val": 500, "test": 1525},  # section 3.2
            source=sources.cityscapes_folder,
            default_data_dir="data/cityscapes",
        ),
        Dataset(
            name="streets",
            labels=CITYSCAPES_LABELS,
            picture_size=(256, 512),
            split_sizes={},
            source=sources.cityscapes_folder,
            default_data_dir="data/streets/drawn",
        ),
        Dataset(
            name="camvid",
            labels=CAMVID_LABELS,
            picture_size=(360, 480),
            split_sizes={"train": 367, "val": 101, "test": 233},
            source=sources.camvid_folder,
            default_data_dir="data/camvid",
        ),
    )
}


def dataset_names() -> list[str]:
    """The names that `get_dataset` knows."""
    return sorted(_DATASETS)


def get_dataset(name: str) -> Dataset:
    """The description of the data set `name`.

    Raises:
      InputError: there is no data set of that name.
    """
    if name not in _DATASETS:
        raise InputError(f"{name!r} is no data set; known are {', '.join(dataset_names())}")
    return _DATASETS[name]
