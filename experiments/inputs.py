"""What `predict --input` and --split name: pictures, or the frames of a video."""

import glob
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import PICTURE_SUFFIXES, check_files, read_example, read_image
from contextnet_tf.datasets.video import Video
from contextnet_tf.errors import InputError
from experiments import program


class Item(NamedTuple):
    """A picture uint8 [H, W, 3] RGB, its name, and its train ids uint8 [H, W] where they are known."""

    name: str
    image: np.ndarray
    truth: np.ndarray | None = None


def opened_video(name: str) -> Video | None:
    """The video or the camera that `name` means; None where it means pictures.

    Raises:
      InputError: the camera is not there, or the file is neither a picture nor a video.
    """
    if name.isdecimal() and not pathlib.Path(name).exists():
        return Video(int(name))
    path = pathlib.Path(name)
    return Video(path) if path.is_file() and path.suffix.lower() not in PICTURE_SUFFIXES else None


def named_pictures(name: str) -> tuple[int, Iterator[Item]]:
    """How many pictures `name`, a file, a folder or a pattern, means, and the pictures.

    Raises:
      InputError: there are none, or two have the same name; while reading: one cannot be read.
    """
    paths = _paths(name)
    names = {}
    for path in paths:
        if path.stem in names:
            raise InputError(f"{path}: has the name of {names[path.stem]}; segment them one folder at a time")
        names[path.stem] = path
    return len(paths), (Item(path.stem, read_image(path)) for path in paths)


def split_pictures(dataset: Dataset, data_dir: str | None, split: str) -> tuple[int, Iterator[Item]]:
    """How many pictures a split has, and the pictures, with their truth where it is public.

    Raises:
      InputError: the data set is not there, or not whole.
    """
    examples = program.list_examples(dataset, data_dir, split)
    check_files(examples)
    return len(examples), (
        Item(example.name, *read_example(example, dataset))
        if example.label_path
        else Item(example.name, read_image(example.image_path))
        for example in examples
    )


def _paths(name: str) -> list[pathlib.Path]:
    path = pathlib.Path(name)
    if path.is_file():
        return [path]
    found = path.iterdir() if path.is_dir() else map(pathlib.Path, glob.glob(name, recursive=True))
    pictures = sorted(x for x in found if x.is_file() and x.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise InputError(
            f"{name}: no pictures found; name a picture, a folder, a quoted pattern, a video or a camera's number"
        )
    return pictures
