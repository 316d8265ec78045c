"""PNG files: checked by their checksums, decoded by libpng (OpenCV's) or Pillow."""

import dataclasses
import os
import struct
import zlib

from contextnet_tf.datasets.sources.alteration import stretched
from contextnet_tf.datasets.sources.decoded import Decoded, damaged, too_large, truncated, warn_multiple_images
from contextnet_tf.datasets.sources.libpng import decode_png
from contextnet_tf.datasets.sources.pillow import decode_by_pillow
from contextnet_tf.errors import reason_of

_GRAY, _PALETTE = 0, 3  # PNG's color types
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")  # the chunks that determine pixels
_MOST_PIXELS = 1 << 30  # of a PNG file; as OpenCV. Pillow has its own, smaller limit


def decode_png_file(content: bytes, path: str | os.PathLike, palette_colors: bool) -> Decoded:
    """As `decoding.decode`, for a PNG file."""
    chunks = _png_chunks(content, path)
    if b"acTL" in chunks.names:
        warn_multiple_images(os.fspath(path), "is an animated PNG")
    depth, color_type = content[24], content[25]
    # libpng is faster, Pillow knows palettes, transparent colors and orientations.
    if color_type == _PALETTE or depth < 8 or (depth == 8 and chunks.names & {b"tRNS", b"eXIf"}):
        altered = f"is a gray PNG of {depth} bits" if color_type == _GRAY and depth < 8 else None
        found = decode_by_pillow(chunks.content, path, palette_colors)
        return dataclasses.replace(found, altered=altered and stretched(altered))
    width, height = struct.unpack(">II", content[16:24])
    if width * height > _MOST_PIXELS:
        raise too_large(path, f"{width} x {height}")
    try:
        return Decoded(decode_png(chunks.content), "PNG")
    except ValueError as error:
        raise damaged(path, f"PNG: {reason_of(error)}") from None


def png_size(content: bytes, path: str | os.PathLike) -> tuple[int, int] | None:
    """(height, width) of a PNG file, without decoding it; None if it may be turned.

    Raises:
      InputError: the file is damaged or truncated.
    """
    if b"eXIf" in _png_chunks(content, path).names:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return height, width


@dataclasses.dataclass(frozen=True)
class _Chunks:
    """The names of a PNG file's chunks, and the file without those that do not determine pixels."""

    names: frozenset[bytes]
    content: bytes


def _png_chunks(content: bytes, path: str | os.PathLike) -> _Chunks:
    """Walks through the chunks of a PNG file and checks their checksums."""
    names, parts, position = set(), [content[:8]], 8
    while b"IEND" not in names:
        if position + 12 > len(content):
            raise truncated(path, "PNG")
        length, name = struct.unpack(">I4s", content[position : position + 8])
        end = position + 12 + length
        if end > len(content):
            raise truncated(path, "PNG")
        if name in _PNG_PIXELS:
            if zlib.crc32(memoryview(content)[position + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
                raise damaged(path, f"a checksum of the PNG data ({name.decode()}) is wrong")
            parts.append(content[position:end])
        names.add(name)
        position = end
    if not content[12:16] == b"IHDR" or b"IDAT" not in names:
        raise damaged(path, "the PNG file has no pixels")
    return _Chunks(frozenset(names), b"".join(parts))
