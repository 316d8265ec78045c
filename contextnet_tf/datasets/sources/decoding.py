"""Decoding of image files: the same rules for all formats; the decoders detect damaged files.

PNG is checked by its checksums and decoded by libpng (OpenCV's). JPEG is decoded by libjpeg-turbo (simplejpeg), which
reports damage that other readers replace by gray. Pillow decodes the other formats and rare forms of PNG. Data after
the image, such as the clip of a phone's motion photo, is ignored.
"""

import contextlib
import ctypes
import dataclasses
import functools
import io
import logging
import os
import struct
import warnings
import zlib
from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image, TiffImagePlugin

from contextnet_tf.datasets.sources.alteration import alteration, bits_per_channel, lossy_compression, stretched
from contextnet_tf.datasets.sources.libpng import decode_png
from contextnet_tf.datasets.sources.signatures import (
    JPEG_START,
    PNG_START,
    is_tiff,
    starts_like_image,
    unsupported_kind,
)
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
_GRAY, _PALETTE = 0, 3  # PNG's color types
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")  # the chunks that determine pixels
_MOST_PIXELS = 1 << 30  # of a PNG file; as OpenCV. Pillow has its own, smaller limit
_ORIENTATION = 0x0112  # Exif
_SUBFILE_TYPE, _REDUCED, _MASK = 0x00FE, 1, 4  # TIFF: what a page is, and the bits of those that are no images
_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A decoded file.

    Attributes:
      pixels: [H, W] gray values or palette indices, or [H, W, 3 or 4] RGB(A); uint8 unless the file has other values.
      format: for example "PNG".
      altered: what reading did to the values, for example "is a gray PNG of 4 bits, ..."; None: nothing.
      turned: whether the file has an orientation other than upright; `pixels` are upright.
      lossy: the compression that changed values, for example "JPEG"; None: values are as they were saved.
    """

    pixels: np.ndarray
    format: str
    altered: str | None = None
    turned: bool = False
    lossy: str | None = None


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
        raise _damaged(path, "it is empty")
    if content.startswith(PNG_START):
        return _png(content, path, palette_colors)
    if content.startswith(JPEG_START):
        return _jpeg(content, path)
    return _by_pillow(content, path, palette_colors)


def is_turned(content: bytes, path: str | os.PathLike) -> bool:
    """Whether a file has an orientation tag, by which `decode` turns it; JPEG files are not decoded.

    Raises:
      InputError: as `decode`.
    """
    if content.startswith(JPEG_START):
        return _orientation(content) != 1
    if content.startswith(PNG_START) and b"eXIf" not in content:
        return False
    return decode(content, path, palette_colors=True).turned


def image_size(content: bytes, path: str | os.PathLike) -> tuple[int, int]:
    """(height, width) of a file's upright image, without decoding PNG or JPEG; checks that it is not truncated.

    Raises:
      InputError: the file is empty or truncated, or in no supported format.
    """
    if content.startswith(PNG_START):
        chunks = _png_chunks(content, path)
        if b"eXIf" not in chunks.names:
            return struct.unpack(">II", content[16:24])[::-1]
    elif content.startswith(JPEG_START) and (header := _jpeg_header(content, path)):
        # One pixel of each block of 8 x 8: the coded data are read as a whole, which is what finds damage.
        _decode_jpeg(content, path, "CMYK" if header.colorspace == "CMYK" else "GRAY", eighth=True)
        turned = _orientation(content) >= 5
        return (header.width, header.height) if turned else (header.height, header.width)
    return decode(content, path, palette_colors=True).pixels.shape[:2]


@dataclasses.dataclass(frozen=True)
class _Chunks:
    """The names of a PNG file's chunks, and the file without those that do not determine pixels."""

    names: frozenset[bytes]
    content: bytes


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


def _png_chunks(content: bytes, path: str | os.PathLike) -> _Chunks:
    """Walks through the chunks of a PNG file and checks their checksums."""
    names, parts, position = set(), [content[:8]], 8
    while b"IEND" not in names:
        if position + 12 > len(content):
            raise _cut_off(path, "PNG")
        length, name = struct.unpack(">I4s", content[position : position + 8])
        end = position + 12 + length
        if end > len(content):
            raise _cut_off(path, "PNG")
        if name in _PNG_PIXELS:
            if zlib.crc32(memoryview(content)[position + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
                raise _damaged(path, f"a checksum of the PNG data ({name.decode()}) is wrong")
            parts.append(content[position:end])
        names.add(name)
        position = end
    if not content[12:16] == b"IHDR" or b"IDAT" not in names:
        raise _damaged(path, "the PNG file has no pixels")
    return _Chunks(frozenset(names), b"".join(parts))


def _png(content: bytes, path: str | os.PathLike, palette_colors: bool) -> Decoded:
    chunks = _png_chunks(content, path)
    if b"acTL" in chunks.names:
        _warn_of_others(os.fspath(path), "is an animated PNG")
    depth, color_type = content[24], content[25]
    # libpng is faster, Pillow knows palettes, transparent colors and orientations.
    if color_type == _PALETTE or depth < 8 or (depth == 8 and chunks.names & {b"tRNS", b"eXIf"}):
        altered = f"is a gray PNG of {depth} bits" if color_type == _GRAY and depth < 8 else None
        found = _by_pillow(chunks.content, path, palette_colors)
        return dataclasses.replace(found, altered=altered and stretched(altered))
    width, height = struct.unpack(">II", content[16:24])
    if width * height > _MOST_PIXELS:
        raise _too_large(path, f"{width} x {height}")
    try:
        return Decoded(decode_png(chunks.content), "PNG")
    except ValueError as error:
        raise _damaged(path, f"PNG: {reason_of(error)}") from None


class _JpegHeader(NamedTuple):
    height: int
    width: int
    colorspace: str  # of the coded pixels: "YCbCr", "Gray", "CMYK" and so on


def _jpeg(content: bytes, path: str | os.PathLike) -> Decoded:
    header = _jpeg_header(content, path)
    if header is None:
        return _by_pillow(content, path, palette_colors=True)
    if header.colorspace == "CMYK":
        _decode_jpeg(content, path, "CMYK")
        return _by_pillow(content, path, palette_colors=True)
    orientation = _orientation(content)
    image = _decode_jpeg(content, path, "RGB")
    return Decoded(_upright(image, orientation), "JPEG", turned=orientation != 1, lossy="JPEG")


def _jpeg_header(content: bytes, path: str | os.PathLike) -> _JpegHeader | None:
    """The header of a JPEG file; None for subsampling that only Pillow decodes."""
    try:
        return _JpegHeader(*simplejpeg.decode_jpeg_header(_with_known_version(content))[:3])
    except ValueError as error:
        if "subsampling" in str(error):
            return None
        raise _refused_jpeg(path, error) from None


def _decode_jpeg(content: bytes, path: str | os.PathLike, colorspace: str, eighth: bool = False) -> np.ndarray:
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
    return _cut_off(path, "JPEG") if "premature end" in reason.lower() else _damaged(path, f"JPEG: {reason}")


def _orientation(content: bytes) -> int:
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


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an image by its Exif orientation (1 to 8)."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _by_pillow(content: bytes, path: str | os.PathLike, palette_colors: bool) -> Decoded:
    try:
        with Image.open(io.BytesIO(content), formats=_PILLOW_FORMATS) as image:
            image.info.pop("xmp", None)  # see `_exif_orientation`
            if getattr(image, "is_animated", False) and (what := _several_images(image)):
                _warn_of_others(os.fspath(path), what)
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
            pixels = np.asarray(shown) if is_tiff else _upright(np.asarray(shown), orientation)
    except Image.UnidentifiedImageError:
        raise _unknown(content, path) from None
    except Image.DecompressionBombError as error:
        raise _too_large(path, reason_of(error)) from None
    except Exception as error:  # for damaged files Pillow raises exceptions of many types
        raise _damaged(path, reason_of(error)) from None
    if bits > 8 and bits != 8 * pixels.itemsize:  # Pillow keeps the upper 8 bits of colors
        raise too_many_bits(path, bits)
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    return Decoded(pixels, str(image.format), altered, turned, lossy)


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


@functools.cache  # once a file, not in each epoch
def _warn_of_others(path: str, what: str) -> None:
    _logger.warning("%s: %s; only its first image is read. Save each image as a file of its own", path, what)


def too_many_bits(path: str | os.PathLike, bits: int) -> InputError:
    """The error for a file with more than 8 bits per channel."""
    return InputError(f"{path}: has {bits} bits per channel; convert it to 8")


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
        return _damaged(path, "its content is not an image of a supported format")
    return InputError(
        f"{path}: is not an image of a supported format, or its start is damaged; convert it to PNG, or copy it again"
    )


def _too_large(path: str | os.PathLike, size: str) -> InputError:
    return InputError(f"{path}: has too many pixels to be read ({size}); cut it into tiles")


def _cut_off(path: str | os.PathLike, kind: str) -> InputError:
    return _damaged(path, f"the {kind} data are truncated")


def _damaged(path: str | os.PathLike, reason: str) -> InputError:
    return InputError(f"{path}: is missing, damaged or truncated ({reason}); copy or unpack it again")
