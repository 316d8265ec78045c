"""PNG files with right checksums and bad data, and the values that libpng gives."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from refusals import refused

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import libpng

VALUES = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "ignored": []})


def _read(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    return sources.read_image(tmp_path / "x.png")


def _label(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    return sources.read_label(tmp_path / "x.png", VALUES)


def _chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png_of(data, *, width=2, height=2, color_type=2):
    """A PNG file of 8 bits with right checksums."""
    head = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


ROWS = bytes([0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12])  # two rows of two pixels; 0: no filter
PIXELS = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_png_of(b"no zlib data"), "PNG: IDAT: incorrect header check"),
        (_png_of(zlib.compress(ROWS[:9])), "PNG: Not enough image data"),
        (_png_of(zlib.compress(ROWS)[:-4] + b"abcd"), "PNG: IDAT: incorrect data check"),
        (_png_of(zlib.compress(b"\x09" + ROWS[1:])), "PNG: bad adaptive filter value"),
        (_png_of(zlib.compress(ROWS), color_type=5), "PNG: Invalid IHDR data"),
        (_png_of(zlib.compress(ROWS), width=0), "PNG: Invalid IHDR data"),
        (_png_of(b"no zlib data", color_type=0), "PNG: IDAT: incorrect header check"),
        (_png_of(b"no zlib data", color_type=3), "broken data stream"),
    ],
)
def test_bad_data_of_a_png_with_right_checksums_are_one_line_of_ours(tmp_path, capfd, content, reason):
    for read in (_read, _label):
        refused(
            rf"\.png: is missing, damaged or truncated \([^;]*{reason}[^;]*\); copy or unp", read, tmp_path, content
        )
    assert capfd.readouterr() == ("", "")


def test_data_behind_the_last_row_of_a_png_are_ignored(tmp_path, capfd):
    assert _read(tmp_path, _png_of(zlib.compress(ROWS + bytes(100)))).tolist() == PIXELS
    assert _read(tmp_path, _png_of(zlib.compress(ROWS) + bytes(100))).tolist() == PIXELS
    assert capfd.readouterr() == ("", "")


def test_a_png_of_too_many_pixels_is_not_called_damaged(tmp_path):
    content = _png_of(zlib.compress(ROWS), width=40_000, height=40_000)
    refused(r"x\.png: has too many pixels to be read \(40000 x 40000\); cut it", _read, tmp_path, content)


@pytest.mark.parametrize("read", [libpng._by_libpng, libpng._by_opencv])
@pytest.mark.parametrize(
    ("shape", "kind"), [((5, 7), "u1"), ((5, 7, 3), "u1"), ((5, 7, 4), "u1"), ((5, 7), "u2"), ((5, 7, 3), "u2")]
)
def test_values_of_png_files(read, shape, kind):
    pixels = np.random.default_rng(0).integers(0, 256 ** int(kind[1]), shape).astype(kind)
    stored = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: shape[2]]]  # OpenCV writes BGR(A)
    read_pixels = read(cv2.imencode(".png", stored)[1].tobytes())
    assert read_pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(read_pixels, pixels)
