"""An example, a split's list of them, and what the layouts share in making one."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from contextnet_tf.errors import InputError

T = TypeVar("T")

# What counts as a image where a layout takes any format: what OpenCV reads, by the names that people use.
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclasses.dataclass(frozen=True)
class Example:
    """One image and its label file; `name` is unique within the split and fit for file names.

    `label_path` is None where the truth is not known, as in Cityscapes' test split.
    """

    name: str
    image_path: str
    label_path: str | None


@dataclasses.dataclass(frozen=True)
class Listing:
    """The whole examples of a split, and one line for each thing that keeps others from being whole."""

    examples: list[Example]
    problems: list[str]


def existing_folder(data_dir: str | os.PathLike) -> pathlib.Path:
    """The folder `data_dir`.

    Raises:
      InputError: it is missing or empty.
    """
    root = pathlib.Path(data_dir)
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; set `data_dir` to the dataset's folder")
    if not any(root.iterdir()):
        raise InputError(f"{root}: is empty; set `data_dir` to the dataset's folder")
    return root


def paired(
    images: Mapping[str, pathlib.Path], labels: Mapping[str, pathlib.Path], image_place: str, label_place: str
) -> Listing:
    """Images and labels by name as examples, sorted; a line for each that has no partner.

    `image_place` and `label_place` say where a partner is looked for, with NAME for the name.
    """
    problems = [
        f"{images[name]}: has no label file; expected {label_place.replace('NAME', name)}"
        for name in sorted(images.keys() - labels.keys())
    ] + [
        f"{labels[name]}: has no image; expected {image_place.replace('NAME', name)}"
        for name in sorted(labels.keys() - images.keys())
    ]
    both = sorted(images.keys() & labels.keys())
    return Listing([Example(name, str(images[name]), str(labels[name])) for name in both], problems)


def named(files: Iterable[tuple[str, pathlib.Path]]) -> tuple[dict[str, pathlib.Path], list[str]]:
    """Files by their names; a line for each that has the name of one before it."""
    found: dict[str, pathlib.Path] = {}
    problems = []
    for name, path in sorted(files, key=lambda file: file[1]):
        if name in found:
            problems.append(f"{path}: has the name of {found[name]} ({name!r}); a split needs one name a image")
        found.setdefault(name, path)
    return found, problems


def unlabeled(images: Mapping[str, pathlib.Path]) -> Listing:
    """Images by name as examples without labels, sorted."""
    return Listing([Example(name, str(images[name]), None) for name in sorted(images)], [])


def evenly_spread(items: Sequence[T], count: int) -> list[T]:
    """`count` of the items, or all if there are fewer: the middles of equally long stretches."""
    count = min(count, len(items))
    return [items[(2 * index + 1) * len(items) // (2 * count)] for index in range(count)]
