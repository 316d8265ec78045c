"""JPEG files: decoded by libjpeg-turbo (simplejpeg), whose warnings tell that a part is lost."""

import os
from typing import NamedTuple

import numpy as np
import simplejpeg

from contextnet_tf.datasets.sources.decoded import Decoded, damaged, truncated
from contextnet_tf.datasets.sources.pillow import decode_by_pillow, jpeg_orientation, upright
from contextnet_tf.errors import InputError, reason_of


def decode_jpeg_file(content: bytes, path: str | os.PathLike) -> Decoded:
    """As `decoding.decode`, for a JPEG file."""
    header = _jpeg_header(content, path)
    if header is None:
        return decode_by_pillow(content, path, palette_colors=True)
    if header.colorspace == "CMYK":
        _pixels(content, path, "CMYK")
        return decode_by_pillow(content, path, palette_colors=True)
    orientation = jpeg_orientation(content)
    image = _pixels(content, path, "RGB")
    return Decoded(upright(image, orientation), "JPEG", turned=orientation != 1, lossy="JPEG")


def jpeg_size(content: bytes, path: str | os.PathLike) -> tuple[int, int] | None:
    """(height, width) of a JPEG file's upright image, without decoding it; None if only Pillow decodes it.

    Raises:
      InputError: the file is damaged or truncated.
    """
    header = _jpeg_header(content, path)
    if header is None:
        return None
    # One pixel of each block of 8 x 8: the coded data are read as a whole, which is what finds damage.
    _pixels(content, path, "CMYK" if header.colorspace == "CMYK" else "GRAY", eighth=True)
    turned = jpeg_orientation(content) >= 5
    return (header.width, header.height) if turned else (header.height, header.width)


class _JpegHeader(NamedTuple):
    height: int
    width: int
    colorspace: str  # of the coded pixels: "YCbCr", "Gray", "CMYK" and so on


def _jpeg_header(content: bytes, path: str | os.PathLike) -> _JpegHeader | None:
    """The header of a JPEG file; None for subsampling that only Pillow decodes."""
    try:
        return _JpegHeader(*simplejpeg.decode_jpeg_header(_with_known_version(content))[:3])
    except ValueError as error:
        if "subsampling" in str(error):
            return None
        raise _refused_jpeg(path, error) from None


def _pixels(content: bytes, path: str | os.PathLike, colorspace: str, eighth: bool = False) -> np.ndarray:
    """The pixels of a JPEG file, uint8 [H, W, C]; `eighth`: of about an eighth of its height and width."""
    size = {"min_height": 1, "min_width": 1, "min_factor": 8} if eighth else {}
    try:
        return simplejpeg.decode_jpeg(_with_known_version(content), colorspace, **size)
    except ValueError as error:
        raise _refused_jpeg(path, error) from None


def _with_known_version(content: bytes) -> bytes:
    """A JPEG file with JFIF's version 1: the decoder reports only its first warning, so one of no consequence must not
    hide others."""
    return content[:11] + b"\1" + content[12:] if content[6:11] == b"JFIF\0" and content[11:12] != b"\1" else content


def _refused_jpeg(path: str | os.PathLike, error: ValueError) -> InputError:
    reason = reason_of(error)
    return truncated(path, "JPEG") if "premature end" in reason.lower() else damaged(path, f"JPEG: {reason}")
