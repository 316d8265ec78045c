"""Pillow: decodes the formats that no other decoder here reads, and rare forms of PNG and JPEG; reads orientations."""

import contextlib
import ctypes
import io
import logging
import os
import warnings

import numpy as np
from PIL import Image, TiffImagePlugin

from contextnet_tf.datasets.sources.alteration import alteration, bits_per_channel, lossy_compression
from contextnet_tf.datasets.sources.decoded import Decoded, damaged, too_large, too_many_bits, warn_multiple_images
from contextnet_tf.datasets.sources.signatures import is_tiff, starts_like_image, unsupported_kind
from contextnet_tf.errors import InputError, reason_of

# Pillow warns of oddities in metadata without the file's name. Damage of the pixels is an exception.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)
# So does Pillow's libtiff, on standard error. Its handlers are the library's, for all threads: none prints nothing.
with contextlib.suppress(OSError, AttributeError):  # a Pillow that has libtiff inside, or none
    _libtiff = ctypes.CDLL(Image.core.__file__)
    _libtiff.TIFFSetWarningHandler(None)
    _libtiff.TIFFSetErrorHandler(None)

_PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP")
_PLAIN = {"1": "L", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "RGBX": "RGB", "PA": "RGBA", "LA": "RGBA"}  # modes
_ORIENTATION = 0x0112  # Exif
_SUBFILE_TYPE, _REDUCED, _MASK = 0x00FE, 1, 4  # TIFF: what a page is, and the bits of those that are no images


def decode_by_pillow(content: bytes, path: str | os.PathLike, palette_colors: bool) -> Decoded:
    """As `decoding.decode`, for a file of any format that is read."""
    try:
        with Image.open(io.BytesIO(content), formats=_PILLOW_FORMATS) as image:
            image.info.pop("xmp", None)  # see `_exif_orientation`
            if getattr(image, "is_animated", False) and (what := _several_images(image)):
                warn_multiple_images(os.fspath(path), what)
            own_tag = getattr(image, "tag_v2", {}).get(_ORIENTATION, 1)
            image.load()  # turns TIFF upright, and forgets its tag
            orientation = _exif_orientation(image)
            has_palette = image.mode in ("P", "PA") or (image.format == "BMP" and image.mode == "1")
            altered = None if has_palette else alteration(image, content)
            bits, lossy = bits_per_channel(image, content), lossy_compression(image, content)
            shown: Image.Image = image
            if (has_palette and palette_colors) or (not has_palette and "transparency" in image.info):
                shown = image.convert("RGBA")
            elif not has_palette:
                shown = image.convert(_PLAIN[image.mode]) if image.mode in _PLAIN else image
            is_tiff = image.format == "TIFF"
            turned = own_tag in range(2, 9) if is_tiff else orientation != 1
            pixels = np.asarray(shown) if is_tiff else upright(np.asarray(shown), orientation)
    except Image.UnidentifiedImageError:
        raise _unknown(content, path) from None
    except Image.DecompressionBombError as error:
        raise too_large(path, reason_of(error)) from None
    except Exception as error:  # for damaged files Pillow raises exceptions of many types
        raise damaged(path, reason_of(error)) from None
    if bits > 8 and bits != 8 * pixels.itemsize:  # Pillow keeps the upper 8 bits of colors
        raise too_many_bits(path, bits)
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    return Decoded(pixels, str(image.format), altered, turned, lossy)


def jpeg_orientation(content: bytes) -> int:
    """The Exif orientation of a JPEG file, 1 to 8."""
    if b"Exif\0" not in content[: 1 << 16]:  # the usual case, and a fast one
        return 1
    try:
        return _exif_orientation(Image.open(io.BytesIO(content), formats=["JPEG"]))
    except Exception:  # what Pillow raises for odd files has many types
        return 1


def _exif_orientation(image: Image.Image) -> int:
    """The orientation in the Exif data of a file that is no TIFF, 1 to 8; 1 if the data are odd.

    Not by Pillow's `getexif`, which also takes orientations from XMP: other readers do not.
    """
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(_ORIENTATION, 1)
    except Exception:  # of many types
        return 1
    return orientation if orientation in range(1, 9) else 1


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an image by its Exif orientation (1 to 8)."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _several_images(image: Image.Image) -> str | None:
    """What holds more images than the first one; None for a TIFF whose other pages are smaller copies or masks."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return f"is an animated {image.format}"
    count = 0
    for page in range(1, image.n_frames):
        image.seek(page)
        count += not image.tag_v2.get(_SUBFILE_TYPE, 0) & (_REDUCED | _MASK)
    image.seek(0)
    return f"is a TIFF of {count + 1} pages" if count else None


def gif_as_png(content: bytes, what: str) -> bytes:
    """The first frame of a GIF file as a PNG file. The palette is kept, so the values of a label are.

    Raises:
      InputError: `what` is damaged.
    """
    png = io.BytesIO()
    try:
        with Image.open(io.BytesIO(content), formats=["GIF"]) as image:
            image.save(png, "PNG")
    except Exception:  # of many types, for damaged files
        raise InputError(f"{what} is a damaged GIF file; prepare the dataset again") from None
    return png.getvalue()


def _unknown(content: bytes, path: str | os.PathLike) -> InputError:
    if is_tiff(content):
        return InputError(
            f"{path}: is a damaged TIFF file, or one with a number of channels or bits that cannot be read; save it as "
            "8-bit RGB"
        )
    kind = unsupported_kind(content)
    if kind:
        return InputError(f"{path}: is {kind}")
    if starts_like_image(content[:16]):
        return damaged(path, "its content is not an image of a supported format")
    return InputError(
        f"{path}: is not an image of a supported format, or its start is damaged; convert it to PNG, or copy it again"
    )
