"""Strict reading of image and label files: ambiguous files are refused.

Images are returned as 8-bit RGB. Gray is repeated in three channels, a palette is replaced by its colors, and a fully
opaque alpha channel is dropped. More than 8 bits per channel are refused because their white level is unknown,
transparent pixels because their color is undefined.

Labels hold one value per pixel: 8-bit gray, or palette indices, whose colors serve for display only. A dataset with a
color table may have labels in colors instead. Refused are formats that alter values (JPEG, lossy WebP) or rescale
them (gray of 1, 2 or 4 bits), 16 bits, orientation tags, and values or colors in no table.

The same rules hold for every format (`decoding`), and for training, evaluation, prediction and inspection.
"""

import concurrent.futures
import os
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.sources.decoded import Decoded, too_many_bits
from contextnet_tf.datasets.sources.decoding import decode, image_size, is_turned
from contextnet_tf.datasets.sources.example import Example
from contextnet_tf.errors import InputError
from contextnet_tf.machine import available_cores

_UNKNOWN = IGNORE - 1  # marks values in no table; never a class (`class_table.MOST_CLASSES`)
_SHOWN = 8  # maximum number of unknown values or colors in a message


def read_example(example: Example, dataset) -> tuple[np.ndarray, np.ndarray]:
    """Reads one example strictly: (image uint8 [H, W, 3] RGB, train ids uint8 [H, W]).

    `dataset` is a `catalog.Dataset`; its tables define the valid label values and colors.

    Raises:
      InputError: a file is unreadable, in a refused format, or has an unknown value or color; the sizes differ; or
        the example has no label.
    """
    if example.label_path is None:
        raise no_label(example)
    image = read_image(example.image_path)
    train_ids = read_label(example.label_path, dataset)
    if image.shape[:2] != train_ids.shape:
        raise _other_size(example, image.shape[:2], train_ids.shape)
    return image, train_ids


def check_files(examples: Sequence[Example]) -> None:
    """Checks that the files of examples are whole, and that images and labels have the same size.

    Neither pixels nor label values are decoded, so a large dataset is checked quickly before a run starts.

    Raises:
      InputError: a file is unreadable or damaged, or a label differs in size from its image.
    """
    with concurrent.futures.ThreadPoolExecutor(available_cores()) as threads:
        for _ in threads.map(_check, examples):
            pass


def no_label(example: Example) -> InputError:
    """The error for an example without the ground truth that the caller needs."""
    return InputError(
        f"{example.image_path}: has no label (the ground truth of its split is not public), so it can be segmented but "
        "neither trained on nor evaluated; choose another `split`"
    )


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads an image file as uint8 [H, W, 3] RGB, rotated by its orientation tag.

    Raises:
      InputError: the file is missing, damaged, or in a refused format.
    """
    return _rgb(decode(_content(path), path, palette_colors=True), path)


def has_orientation_tag(path: str | os.PathLike) -> bool:
    """Whether `read_image` rotates this file by its orientation tag.

    Raises:
      InputError: the file is missing, damaged, or in no supported format.
    """
    return is_turned(_content(path), path)


def read_label(path: str | os.PathLike, dataset) -> np.ndarray:
    """Reads a label file as train ids uint8 [H, W], by the tables of `dataset`, a `catalog.Dataset`.

    Raises:
      InputError: the file is missing, damaged, in a refused format, or has an unknown value or color.
    """
    label = decode(_content(path), path, palette_colors=bool(dataset.label_colors))
    if label.lossy:
        raise InputError(f"{path}: is a {label.lossy} file, which changes label values; save labels as PNG")
    if label.turned:
        raise InputError(
            f"{path}: has an orientation tag, so it is unknown whether its labels are upright; save it without metadata"
        )
    values = label.pixels
    if dataset.label_colors and (values.ndim == 3 or not dataset.has_label_values):
        return _train_ids_of_colors(_rgb(label, path), dataset, path, is_gray=values.ndim == 2)
    if values.ndim != 2 or values.dtype != np.uint8:
        channels = 1 if values.ndim == 2 else values.shape[2]
        raise InputError(
            f"{path}: a label file has one 8-bit value per pixel, this one has {channels} x {values.dtype}; "
            f"{_remedy(values, dataset)}"
        )
    if label.altered:
        raise InputError(f"{path}: {label.altered}")
    return _train_ids_of_values(values, dataset, path)


def read_values(path: str | os.PathLike) -> np.ndarray:
    """Reads the values that a file holds, [H, W] or [H, W, C] of the file's own type; a palette's indices.

    Raises:
      InputError: the file is missing, damaged, or in no supported format.
    """
    return decode(_content(path), path, palette_colors=False).pixels


def train_id_table(labels: Sequence) -> np.ndarray:
    """Maps label values to train ids, int32 [256]; -1 for values in no row."""
    table = np.full(256, -1, np.int32)
    for label in labels:
        table[label.id] = label.train_id
    return table


def stored_size(path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) of an image or label file, upright.

    Raises:
      InputError: the file is missing, damaged, or in no supported format.
    """
    return image_size(_content(path), path)


def _check(example: Example) -> None:
    image_shape = stored_size(example.image_path)
    if example.label_path is None:
        return
    label_shape = stored_size(example.label_path)
    if image_shape != label_shape:
        raise _other_size(example, image_shape, label_shape)


def _other_size(example: Example, image_shape: Sequence[int], label_shape: Sequence[int]) -> InputError:
    """The error for a label that differs in size from its image; shapes are (height, width)."""
    is_lying = tuple(label_shape) == tuple(image_shape)[::-1] and has_orientation_tag(example.image_path)
    remedy = "rotated by its orientation tag; rotate the label, too, or remove the tag"
    return InputError(
        f"{example.label_path}: the label is {label_shape[1]} x {label_shape[0]} pixels, "
        f"its image {example.image_path} is {image_shape[1]} x {image_shape[0]}"
        f"{f', {remedy}' if is_lying else '; they must have the same size'}"
    )


def _content(path: str | os.PathLike) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _rgb(decoded: Decoded, path: str | os.PathLike) -> np.ndarray:
    """Converts gray, RGB or RGBA to uint8 [H, W, 3]."""
    image = decoded.pixels
    if image.dtype != np.uint8:
        raise too_many_bits(path, 8 * image.itemsize)
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    if image.shape[2] == 4 and image[..., 3].min() < 255:
        raise InputError(f"{path}: has transparent pixels, whose color is undefined; save it without alpha channel")
    return np.ascontiguousarray(image[..., :3])


def _remedy(values: np.ndarray, dataset) -> str:
    """What to do about a label file of other values than one byte per pixel."""
    if values.ndim == 2:
        lowest, highest = values.min(), values.max()
        if lowest < 0 or highest > 255:  # such as those of instances
            return f"its values are {lowest} to {highest}; save each pixel's class as 0 to 255"
        return "save its values with 8 bits"
    if (values[..., :3] == values[..., :1]).all():
        return "its colors are gray: save one channel, without alpha channel"
    if dataset.class_table:
        return 'if its colors are the classes, give each class its "color" instead of a "value"'
    return "save the values of the classes instead of their colors"


def _train_ids_of_values(values: np.ndarray, dataset, path: str | os.PathLike) -> np.ndarray:
    table = train_id_table(dataset.labels)
    train_ids = np.where(table < 0, _UNKNOWN, table).astype(np.uint8)[values]
    if (train_ids == _UNKNOWN).any():
        unknown = np.flatnonzero((table < 0) & (np.bincount(values.ravel(), minlength=256) > 0)).tolist()
        known = sorted(label.id for label in dataset.labels)
        raise InputError(f"{path}: label value {_listed(unknown)} is not in the table (known values: {_ranges(known)})")
    return train_ids


def _train_ids_of_colors(image: np.ndarray, dataset, path: str | os.PathLike, *, is_gray: bool) -> np.ndarray:
    table = sorted((_packed(color), train_id) for color, train_id in dataset.label_colors.items())
    keys, train_ids = (np.array(column) for column in zip(*table, strict=True))
    red, green, blue = (image[..., i].astype(np.int32) for i in range(3))
    pixels = (red << 16) | (green << 8) | blue
    places = np.minimum(np.searchsorted(keys, pixels), len(keys) - 1)
    wrong = keys[places] != pixels
    if wrong.any():
        unknown = [f"({x >> 16}, {x >> 8 & 255}, {x & 255})" for x in np.unique(pixels[wrong]).tolist()]
        remedy = '; the file is gray: if its values are the classes, give each class a "value"' if is_gray else ""
        raise InputError(f"{path}: the color {_listed(unknown)} (R, G, B) is not in the table of the dataset{remedy}")
    return train_ids.astype(np.uint8)[places]


def _packed(color: Sequence[int]) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]


def _listed(things: Sequence) -> str:
    more = f" and {len(things) - _SHOWN} more" if len(things) > _SHOWN else ""
    return ", ".join(map(str, things[:_SHOWN])) + more


def _ranges(values: Sequence[int]) -> str:
    """[0, 1, 2, 7] -> "0 to 2, 7"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ", ".join(f"{low} to {high}" if high > low else str(low) for low, high in runs)
