"""Decoding of PNG data by OpenCV's libpng, whose errors and warnings `cv2.imdecode` prints without a file name.

libpng's simplified interface (png_image, since libpng 1.6) returns them instead, and is no slower.
"""

import contextlib
import ctypes
import pathlib
from typing import Any

import cv2
import numpy as np

_ALPHA, _COLOR, _LINEAR = 1, 2, 4  # PNG_FORMAT_FLAG_*; linear: 16 bits per channel


class _Image(ctypes.Structure):
    """png_image of png.h."""

    _fields_ = (
        ("opaque", ctypes.c_void_p),
        ("version", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("format", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("colormap_entries", ctypes.c_uint32),
        ("warning_or_error", ctypes.c_uint32),
        ("message", ctypes.c_char * 64),
    )


def _loaded() -> Any:
    """The libpng that OpenCV links to; None if OpenCV has none, or hides its functions."""
    for path in pathlib.Path(cv2.__file__).parent.glob("cv2*.so"):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(path))  # its functions include those of the libraries that it loaded
            library.png_image_begin_read_from_memory.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
            library.png_image_finish_read.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_int32, ctypes.c_void_p]
            library.png_image_free.argtypes = [ctypes.c_void_p]
            return library
    return None


_LIBPNG = _loaded()


def decode_png(content: bytes) -> np.ndarray:
    """The pixels of a PNG file of 8 or 16 bits, [H, W] gray or [H, W, 3 or 4] RGB(A), uint8 or uint16.

    `content` has no palette and no chunk that describes colors (gAMA, sRGB, iCCP), so values are not changed; only
    those of 16-bit RGBA are multiplied by alpha. Gray with alpha becomes RGBA.

    Raises:
      ValueError: the data are damaged.
    """
    return _by_opencv(content) if _LIBPNG is None else _by_libpng(content)


def _by_libpng(content: bytes) -> np.ndarray:
    image = _Image(version=1)
    place = ctypes.byref(image)
    try:
        if not _LIBPNG.png_image_begin_read_from_memory(place, content, len(content)):
            raise ValueError(image.message.decode(errors="replace"))
        if image.format & _ALPHA:
            image.format |= _COLOR
        channels = {0: (), _COLOR: (3,), _COLOR | _ALPHA: (4,)}[image.format & (_COLOR | _ALPHA)]
        kind = np.uint16 if image.format & _LINEAR else np.uint8
        pixels = np.empty((image.height, image.width, *channels), kind)
        if not _LIBPNG.png_image_finish_read(place, None, pixels.ctypes.data, 0, None):
            raise ValueError(image.message.decode(errors="replace"))
        return pixels
    finally:
        _LIBPNG.png_image_free(place)


def _by_opencv(content: bytes) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise ValueError("the data cannot be decoded")
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    return image
