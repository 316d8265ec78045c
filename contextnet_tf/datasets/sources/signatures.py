"""What a file is, by its first bytes."""

import re

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
GIF_START = b"GIF8"
_HEIF = rb"....ftyp(heic|heix|hevc|mif1|avif)"
_JPEG_2000 = rb"\0\0\0\x0c(jP  |JXL )|\xff\x4f\xff\x51|\xff\x0a"
_OTHER_CONTENTS = {
    rb"version https://git-lfs": "a pointer of Git LFS instead of the image; run git lfs pull",
    rb"\s*<(!|html|\?xml)": "a web page instead of an image; download it again",
    GIF_START: "a GIF file, which is not supported; convert it to PNG",
    _HEIF: "a HEIC or AVIF file, which is not supported; convert it to PNG or JPEG",
    _JPEG_2000: "a JPEG 2000 or JPEG XL file, which is not supported; convert it to PNG",
}
_TIFF = rb"II[*+]\0|MM\0[*+]"  # + is that of files above 4 GB
_IMAGE_STARTS = rb"\x89PNG\r\n|\xff\xd8\xff|BM|P[1-6]\s|RIFF....WEBP|" + b"|".join((_TIFF, _HEIF, _JPEG_2000))


def starts_like_image(content: bytes) -> bool:
    """Whether a file that begins with `content` (16 bytes) is an image and no video; False for GIF."""
    return bool(re.match(_IMAGE_STARTS, content, re.DOTALL))


def is_tiff(content: bytes) -> bool:
    """Whether a file begins like a TIFF file."""
    return bool(re.match(_TIFF, content))


def unsupported_kind(content: bytes) -> str | None:
    """What a file is that is known, but not read, and what to do: "a GIF file, which ..."; None: unknown."""
    return next((what for start, what in _OTHER_CONTENTS.items() if re.match(start, content)), None)
