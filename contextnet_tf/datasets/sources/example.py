"""An example, the listing of a split, and the steps of listing that all layouts share."""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from contextnet_tf.errors import InputError

T = TypeVar("T")

# Suffixes of image files in layouts that accept any format: the usual ones of formats that OpenCV reads.
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclasses.dataclass(frozen=True)
class Example:
    """One image and its label file. `name` is unique within the split and valid as a file name.

    `label_path` is None where the ground truth is not public, as in Cityscapes' test split.
    """

    name: str
    image_path: str
    label_path: str | None


@dataclasses.dataclass(frozen=True)
class Listing:
    """The complete examples of a split, and one line for each problem of the others."""

    examples: list[Example]
    problems: list[str]


def existing_folder(data_dir: str | os.PathLike) -> pathlib.Path:
    """The folder `data_dir`.

    Raises:
      InputError: the folder is missing or empty.
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
    """Pairs images and labels by name into sorted examples; reports each file without a partner.

    `image_place` and `label_place` describe the expected path of a partner, with NAME for the name.
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
    """Files by name; reports each file whose name is already taken."""
    found: dict[str, pathlib.Path] = {}
    problems = []
    for name, path in sorted(files, key=lambda file: file[1]):
        if name in found:
            problems.append(f"{path}: has the name of {found[name]} ({name!r}); a split needs one name a image")
        found.setdefault(name, path)
    return found, problems


def unlabeled(images: Mapping[str, pathlib.Path]) -> Listing:
    """Turns images by name into sorted examples without labels."""
    return Listing([Example(name, str(images[name]), None) for name in sorted(images)], [])


def evenly_spread(items: Sequence[T], count: int) -> list[T]:
    """Picks `count` evenly spaced items (all, if there are fewer): the middles of equal segments."""
    count = min(count, len(items))
    return [items[(2 * index + 1) * len(items) // (2 * count)] for index in range(count)]
