"""Checks of an image file by its first and last bytes: truncation, and image size."""

import os
import struct
from collections.abc import Iterable, Sequence

from contextnet_tf.datasets.sources.example import Example
from contextnet_tf.errors import InputError

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
TAIL = 4096  # bytes at the end of a file that must hold its end marker
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"  # cannot occur within the coded pixels; some cameras append data after it


def check_files(examples: Iterable[Example]) -> None:
    """Checks that no PNG or JPEG is truncated, and that PNG images and labels have the same size.

    Decodes no pixels, so a large dataset is checked in seconds before a run starts.

    Raises:
      InputError: a file is unreadable or damaged, or a label differs in size from its image.
    """
    for example in examples:
        image_size = _checked_size(example.image_path)
        label_size = _checked_size(example.label_path) if example.label_path else None
        if image_size and label_size and image_size != label_size:
            raise other_size(example, image_size, label_size)


def cut_off(start: bytes, tail: bytes) -> str | None:
    """ "PNG" or "JPEG" if a file of that format is truncated; None for whole files and other formats.

    `start` holds the first bytes of the file, `tail` its last `TAIL` bytes.
    """
    if start.startswith(PNG_START) and not tail.endswith(_PNG_END):
        return "PNG"
    if start.startswith(JPEG_START) and _JPEG_END not in tail:
        return "JPEG"
    return None


def other_size(example: Example, image_size: Sequence[int], label_size: Sequence[int]) -> InputError:
    """The error for a label that differs in size from its image; sizes are (height, width)."""
    return InputError(
        f"{example.label_path}: the label is {label_size[1]} x {label_size[0]} pixels, "
        f"its image {example.image_path} is {image_size[1]} x {image_size[0]}; they must be of one size"
    )


def _checked_size(path: str) -> tuple[int, int] | None:
    """(height, width) from the header of a PNG file; None for a file not named *.png."""
    try:
        with open(path, "rb") as file:
            header = file.read(24)
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            tail = file.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    kind = cut_off(header, tail)
    if kind:
        raise InputError(f"{path}: the {kind} file is cut off; copy or unpack it again")
    if not path.lower().endswith(".png"):
        return None
    if not header.startswith(PNG_START) or len(header) < 24:
        raise InputError(f"{path}: is not a PNG file")
    width, height = struct.unpack(">II", header[16:24])
    return height, width
