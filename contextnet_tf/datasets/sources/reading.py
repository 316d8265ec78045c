"""Strict reading of image and label files: ambiguous files are refused.

Images are returned as 8-bit RGB. Gray is repeated in three channels, a palette is replaced by its colors, and a fully
opaque alpha channel is dropped. More than 8 bits per channel are refused because their white level is unknown,
transparent pixels because their color is undefined.

Labels hold one value per pixel: 8-bit gray, or palette indices, whose colors serve for display only. A dataset with a
color table may have labels in colors instead. Refused are formats that alter values (JPEG, lossy WebP) or rescale
them (gray of 1, 2 or 4 bits), 16 bits, and values or colors in no table.
"""

import os
import pathlib
import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np

from contextnet_tf.datasets.sources.example import Example
from contextnet_tf.datasets.sources.headers import JPEG_START, PNG_START, TAIL, cut_off, other_size
from contextnet_tf.errors import InputError

_SHOWN = 8  # maximum number of unknown values or colors in a message
_GREY, _PALETTE = 0, 3  # PNG's color types


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
        raise other_size(example, image.shape[:2], train_ids.shape)
    return image, train_ids


def no_label(example: Example) -> InputError:
    """The error for an example without the ground truth that the caller needs."""
    return InputError(
        f"{example.image_path}: has no label (the ground truth of its split is not public), so it can be segmented but "
        "neither trained on nor evaluated; choose another `split`"
    )


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads an image file as uint8 [H, W, 3] RGB; a JPEG is rotated by its Exif orientation.

    Raises:
      InputError: the file is missing, damaged, or in a refused format.
    """
    content = _content(path)
    upright = content.startswith(JPEG_START)  # OpenCV applies Exif orientation only with IMREAD_COLOR
    image = _decoded(content, cv2.IMREAD_COLOR if upright else cv2.IMREAD_UNCHANGED, path)
    return _rgb(image, path)


def read_label(path: str | os.PathLike, dataset) -> np.ndarray:
    """Reads a label file as train ids uint8 [H, W], by the tables of `dataset`, a `catalog.Dataset`.

    Raises:
      InputError: the file is missing, damaged, in a refused format, or has an unknown value or color.
    """
    content = _content(path)
    _refuse_lossy(content, path)
    color_type, depth = _png_form(content)
    if color_type == _PALETTE and not dataset.label_colors:
        return _train_ids_of_values(_palette_indices(content, depth, path), dataset, path)
    image = _decoded(content, cv2.IMREAD_UNCHANGED, path)
    if dataset.label_colors and (image.ndim == 3 or not dataset.has_label_values):
        return _train_ids_of_colors(_rgb(image, path), dataset, path)
    if image.ndim != 2 or image.dtype != np.uint8:
        channels = 1 if image.ndim == 2 else image.shape[2]
        raise InputError(f"{path}: a label file has one 8-bit value a pixel, this one has {channels} x {image.dtype}")
    if color_type == _GREY and depth < 8:
        raise InputError(
            f"{path}: is a gray PNG of {depth} bits, whose values readers stretch to 0 to 255; save it with 8 bits"
        )
    return _train_ids_of_values(image, dataset, path)


def train_id_table(labels: Sequence) -> np.ndarray:
    """Maps label values to train ids, int32 [256]; -1 for values in no row."""
    table = np.full(256, -1, np.int32)
    for label in labels:
        table[label.id] = label.train_id
    return table


def _content(path: str | os.PathLike) -> bytes:
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: is missing or not a whole image file ({error.strerror})") from None
    kind = cut_off(content[:24], content[-TAIL:])
    if kind or not content:
        reason = f"the {kind} data are cut off" if kind else "it is empty"
        raise InputError(f"{path}: is missing or not a whole image file ({reason}); copy or unpack it again")
    return content


def _decoded(content: bytes, flags: int, path: str | os.PathLike) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # too many pixels for OpenCV, for example
        image = None
    if image is None:
        raise InputError(f"{path}: is missing or not a whole image file")
    return image


def _rgb(image: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    """Converts OpenCV's gray, BGR or BGRA to uint8 [H, W, 3] RGB."""
    if image.dtype != np.uint8:
        raise InputError(f"{path}: has {8 * image.itemsize} bits a channel; convert it to 8")
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    if image.shape[2] == 3:
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    if image[..., 3].min() < 255:
        raise InputError(f"{path}: has transparent pixels, whose color is not known; save it without alpha channel")
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGB)


def _refuse_lossy(content: bytes, path: str | os.PathLike) -> None:
    lossy_webp = content[:4] == b"RIFF" and content[8:16] == b"WEBPVP8 "
    if lossy_webp or content.startswith(JPEG_START):
        name = "lossy WebP" if lossy_webp else "JPEG"
        raise InputError(f"{path}: is a {name} file, which changes label values; save labels as PNG")


def _png_form(content: bytes) -> tuple[int | None, int]:
    """(color type, bits) of a PNG file's header; (None, 8) for other formats."""
    return (content[25], content[24]) if content.startswith(PNG_START) and len(content) > 25 else (None, 8)


def _palette_indices(content: bytes, depth: int, path: str | os.PathLike) -> np.ndarray:
    """The palette indices of a PNG, uint8 [H, W].

    OpenCV and TensorFlow return a palette's colors only. With the header changed to gray, they return the
    indices, rescaled to 0 to 255 if they have fewer than 8 bits.
    """
    header = content[12:25] + bytes([_GREY]) + content[26:29]
    gray = content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    image = _decoded(_without_transparency(gray), cv2.IMREAD_UNCHANGED, path)
    return image // np.uint8(255 // (2**depth - 1))


def _without_transparency(content: bytes) -> bytes:
    """Removes a PNG file's palette chunks, because decoders refuse a gray PNG that has them."""
    parts, position = [content[:8]], 8
    while position + 12 <= len(content):
        length, name = struct.unpack(">I4s", content[position : position + 8])
        if name not in (b"PLTE", b"tRNS", b"bKGD", b"hIST", b"sBIT"):
            parts.append(content[position : position + 12 + length])
        position += 12 + length
    return b"".join(parts)


def _train_ids_of_values(values: np.ndarray, dataset, path: str | os.PathLike) -> np.ndarray:
    train_ids = train_id_table(dataset.labels)[values]
    if train_ids.min() < 0:
        unknown = np.unique(values[train_ids < 0]).tolist()
        known = sorted(label.id for label in dataset.labels)
        raise InputError(f"{path}: label value {_listed(unknown)} is not in the table (known values: {_ranges(known)})")
    return train_ids.astype(np.uint8)


def _train_ids_of_colors(image: np.ndarray, dataset, path: str | os.PathLike) -> np.ndarray:
    table = sorted((_packed(color), train_id) for color, train_id in dataset.label_colors.items())
    keys, train_ids = (np.array(column) for column in zip(*table, strict=True))
    red, green, blue = (image[..., i].astype(np.int32) for i in range(3))
    pixels = (red << 16) | (green << 8) | blue
    places = np.minimum(np.searchsorted(keys, pixels), len(keys) - 1)
    wrong = keys[places] != pixels
    if wrong.any():
        unknown = [f"({x >> 16}, {x >> 8 & 255}, {x & 255})" for x in np.unique(pixels[wrong]).tolist()]
        raise InputError(f"{path}: the color {_listed(unknown)} (R, G, B) is not in the table of the dataset")
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
