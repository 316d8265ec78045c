"""The input of predict, by --input or --split: images, or the frames of a video."""

import fnmatch
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.fingerprint import image_digest
from contextnet_tf.datasets.sources import IMAGE_SUFFIXES, Example, check_files, find_files, read_example, read_image
from contextnet_tf.datasets.sources.example import example_name
from contextnet_tf.datasets.sources.signatures import starts_like_image
from contextnet_tf.datasets.video import Camera, Video
from contextnet_tf.errors import InputError
from experiments import opening


class Item(NamedTuple):
    """An image uint8 [H, W, 3] RGB, its name, and its train ids uint8 [H, W] if known.

    The image of a file has the file's digest, by `image_digest`. A frame of a video has its start and duration in
    seconds.
    """

    name: str
    image: np.ndarray
    ground_truth: np.ndarray | None = None
    digest: str | None = None
    start: Fraction | None = None
    duration: Fraction | None = None


def opened_video(name: str) -> Video | Camera | None:
    """The video or camera `name`; None if `name` is an image, a folder or a pattern.

    Raises:
      InputError: the camera is unavailable, or the file is neither an image nor a video.
    """
    if not is_video(name):
        return None
    return Video(name) if pathlib.Path(name).exists() else Camera(int(name))


def is_video(name: str) -> bool:
    """Whether `name` is a camera's number or a file that is no image, which should be a video."""
    path = pathlib.Path(name)
    if name.isdecimal() and not path.exists():
        return True
    return path.is_file() and not _is_image(path)


def _is_image(path: pathlib.Path) -> bool:
    """Whether a file is an image, by its suffix or else by its first bytes. Videos may begin like JPEG files."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES or suffix in (".mjpeg", ".mjpg"):
        return suffix in IMAGE_SUFFIXES
    try:
        with path.open("rb") as file:
            return starts_like_image(file.read(16))
    except OSError:  # the reader of videos says why
        return False


def named_images(
    name: str,
    output_dir: pathlib.Path | None = None,
    on_unreadable: Callable[[InputError], object] | None = None,
) -> tuple[int, Iterator[Item]]:
    """The number of images of `name` (a file, a folder or a pattern), and the images.

    `on_unreadable`: of several images, those that cannot be read are skipped, and it is called with the error of each.

    Raises:
      InputError: there are none, two have the same name, or one is in `output_dir`, whose files are replaced; while
        reading: one cannot be read, or with `on_unreadable`, none can.
    """
    names: dict[str, pathlib.Path] = {}
    for path in _paths(name):
        if output_dir and path.resolve().parent == output_dir.resolve():
            raise InputError(f"{path}: is in the output folder and might be replaced; choose another --output_dir")
        stem = example_name(path.stem)
        if stem in names:
            raise InputError(f"{path}: has the same name as {names[stem]}; {_apart(path, names[stem])}")
        names[stem] = path
    return len(names), _read(name, names, on_unreadable if len(names) > 1 else None)


def _read(
    name: str, paths: Mapping[str, pathlib.Path], on_unreadable: Callable[[InputError], object] | None
) -> Iterator[Item]:
    """The images of `name` in `paths` by their names, as `named_images` gives them."""
    unreadable = 0
    for stem, path in paths.items():
        try:
            item = Item(stem, read_image(path), digest=image_digest(path))
        except InputError as error:
            if on_unreadable is None:
                raise
            unreadable += 1
            on_unreadable(error)
            continue
        yield item
    if unreadable == len(paths):
        raise InputError(f"{name}: none of its {unreadable} images can be read; replace them or give other images")


def split_images(dataset: Dataset, data_dir: str | None, split: str) -> tuple[int, Iterator[Item]]:
    """The number of images of a split, and the images, with ground truth if it is public.

    Raises:
      InputError: the dataset is missing or incomplete.
    """
    examples = opening.list_examples(dataset, data_dir, split)
    check_files(examples)
    return len(examples), (
        Item(example.name, *_pixels(example, dataset), digest=image_digest(example.image_path)) for example in examples
    )


def _pixels(example: Example, dataset: Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    """The image, and its train ids if they are public."""
    return read_example(example, dataset) if example.label_path else (read_image(example.image_path), None)


def _apart(path: pathlib.Path, other: pathlib.Path) -> str:
    """What to do with two images of the same name."""
    if path.parent != other.parent:
        return "segment them one folder at a time"
    if path.suffix != other.suffix:
        return f"segment them one kind, such as '*{path.suffix}', at a time"
    return "rename one of them"  # macOS and Linux write é in two ways


def _paths(name: str) -> list[pathlib.Path]:
    path = pathlib.Path(name)
    if path.is_file():
        return [path]
    found = find_files(path, "*") if path.is_dir() else find_files(path.anchor or ".", name.lstrip("/"))
    # A pattern also finds what it does not match; what it does not name is not missed.
    unnamed = [] if path.is_dir() else [x for x in found.others if x.is_dir() or not fnmatch.fnmatch(x.name, path.name)]
    for line in [*found.problems, *found.notes(name, unnamed)]:
        print(f"note: {line}", file=sys.stderr)
    if not found.paths:
        what = "there is no such file or folder"
        if path.is_dir() or any(character in name for character in "*?["):
            what = "no images found"
        elif path.exists():
            what = "is a pipe, socket or device, not a regular file"
        raise InputError(
            f"{name}: {what}; give an image, a folder of images, a quoted pattern, one video or a camera's number"
        )
    return found.paths
