"""What Pillow does to the values of a file, and what the file itself did to them: stretching, inversion, lossy
compression. An `image` is one of Pillow's."""

import re
import struct
from typing import Any

_NETPBM_MAXIMUM = rb"P[2356]\s(?:\s|#[^\n]*\n)*\d+(?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+(\d+)"
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # TIFF tags
_WHITE_IS_ZERO = 0
_LOSSY_IN_TIFF = {"jpeg": "JPEG", "tiff_jpeg": "JPEG", "webp": "WebP"}  # compressions, by Pillow's names


def alteration(image: Any, content: bytes) -> str | None:
    """How Pillow changed gray values: it stretches fewer than 8 bits, and inverts if 0 is white."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        return "is a TIFF file in which 0 is white, so that readers invert its values; save it as PNG"
    bits = 1 if image.mode == "1" else min(8, *_bits_per_sample(image))
    if image.mode in ("1", "L") and bits < 8:
        return stretched(f"is a gray {image.format} file of {bits} bits")
    maximum = re.match(_NETPBM_MAXIMUM, content)
    if maximum and int(maximum[1]) != 255:
        return stretched(f"is a PGM file of maximum {int(maximum[1])}")
    return None


def stretched(what: str) -> str:
    """The alteration of a file of few bits, which is `what`."""
    return f"{what}, whose values readers stretch to 0 to 255; save it with 8 bits"


def bits_per_channel(image: Any, content: bytes) -> int:
    """The bits per channel of a TIFF or PPM file; 8 for other formats, whose pixels have the file's own type."""
    maximum = re.match(_NETPBM_MAXIMUM, content)
    return 8 if maximum and int(maximum[1]) < 256 else 16 if maximum else max(_bits_per_sample(image))


def _bits_per_sample(image: Any) -> tuple[int, ...]:
    return getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))


def lossy_compression(image: Any, content: bytes) -> str | None:
    """The kind of a file whose compression changes values, for example "lossy WebP"; None for other files."""
    if image.format == "TIFF":
        compression = _LOSSY_IN_TIFF.get(image.info.get("compression", ""))
        return compression and f"{compression}-compressed TIFF"
    if image.format == "WEBP":
        return "lossy WebP" if b"VP8 " in _riff_chunks(content) else None
    return "JPEG" if image.format == "JPEG" else None


def _riff_chunks(content: bytes) -> set[bytes]:
    """The names of a WebP file's chunks."""
    names, position = set(), 12
    while position + 8 <= len(content):
        name, length = struct.unpack("<4sI", content[position : position + 8])
        names.add(name)
        position += 8 + length + length % 2
    return names
