"""Decoding of image files: the same rules for all formats; the decoders detect damaged files.

PNG is checked by its checksums and decoded by libpng (`png`). JPEG is decoded by libjpeg-turbo (`jpeg`), which
reports damage that other readers replace by gray. Pillow decodes the other formats and rare forms of PNG (`pillow`).
Data after the image, such as the clip of a phone's motion photo, is ignored.
"""

import os

from contextnet_tf.datasets.sources.decoded import Decoded, damaged
from contextnet_tf.datasets.sources.jpeg import decode_jpeg_file, jpeg_size
from contextnet_tf.datasets.sources.pillow import decode_by_pillow, jpeg_orientation
from contextnet_tf.datasets.sources.png import decode_png_file, png_size
from contextnet_tf.datasets.sources.signatures import JPEG_START, PNG_START


def decode(content: bytes, path: str | os.PathLike, *, palette_colors: bool) -> Decoded:
    """Decodes a file's content, turned upright by its orientation tag; of several images, the first, with a warning.

    Args:
      content: the bytes of the file.
      path: its path, for errors.
      palette_colors: whether palette indices are replaced by their colors.

    Raises:
      InputError: the file is empty, damaged, or in no supported format.
    """
    if not content:
        raise damaged(path, "it is empty")
    if content.startswith(PNG_START):
        return decode_png_file(content, path, palette_colors)
    if content.startswith(JPEG_START):
        return decode_jpeg_file(content, path)
    return decode_by_pillow(content, path, palette_colors)


def is_turned(content: bytes, path: str | os.PathLike) -> bool:
    """Whether a file has an orientation tag, by which `decode` turns it; JPEG files are not decoded.

    Raises:
      InputError: as `decode`.
    """
    if content.startswith(JPEG_START):
        return jpeg_orientation(content) != 1
    if content.startswith(PNG_START) and b"eXIf" not in content:
        return False
    return decode(content, path, palette_colors=True).turned


def image_size(content: bytes, path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) of a file's upright image, without decoding PNG or JPEG; checks that it is not truncated.

    Raises:
      InputError: the file is empty or truncated, or in no supported format.
    """
    size = None
    if content.startswith(PNG_START):
        size = png_size(content, path)
    elif content.startswith(JPEG_START):
        size = jpeg_size(content, path)
    return size or decode(content, path, palette_colors=True).pixels.shape[:2]
