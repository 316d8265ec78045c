"""Decoding of every format: whole or damaged, one rule of bits, palettes and orientations, and no native noise."""

import contextlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from refusals import refused

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources.decoding import decode
from contextnet_tf.errors import InputError

VALUES = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "ignored": []})
RGB = cv2.resize(np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8), (12, 9))
INDICES = np.array([[0, 1, 2, 1], [2, 2, 0, 1], [1, 0, 0, 2]], np.uint8)
COLORS = [(200, 10, 30), (10, 200, 50), (9, 8, 7)]


def _saved(image, image_format, **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, image_format, **options)
    return file.getvalue()


def _palette(colors=COLORS, indices=INDICES):
    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette([part for color in colors for part in color])
    return image


FILES = {
    "png": _saved(RGB, "PNG"),
    "gray.png": _saved(RGB[..., 0], "PNG"),
    "palette.png": _saved(_palette(), "PNG"),
    "jpg": _saved(RGB, "JPEG"),
    "progressive.jpg": _saved(RGB, "JPEG", progressive=True),
    "bmp": _saved(RGB, "BMP"),
    "ppm": _saved(RGB, "PPM"),
    "tif": _saved(RGB, "TIFF"),
    "lzw.tif": _saved(RGB, "TIFF", compression="tiff_lzw"),
    "webp": _saved(RGB, "WEBP", lossless=True),
    "lossy.webp": _saved(RGB, "WEBP"),
}


def _read(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    return sources.read_image(tmp_path / "x.png")


def _label(tmp_path, content, dataset=VALUES):
    (tmp_path / "label.png").write_bytes(content)
    return sources.read_label(tmp_path / "label.png", dataset)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_anywhere_is_refused_by_its_name(name, capfd):
    for length in range(len(FILES[name])):
        with pytest.raises(InputError, match="^x.any: [^\n]*$"):
            decode(FILES[name][:length], "x.any", palette_colors=True)
    assert capfd.readouterr() == ("", "")


def test_an_image_of_too_many_pixels_is_not_called_damaged():
    with pytest.raises(
        InputError, match=r"^x.tif: has too many pixels to be read \(.*400000000 pixels.*\); cut it into"
    ):
        decode(_saved(Image.new("1", (20_000, 20_000)), "TIFF", compression="group4"), "x.tif", palette_colors=True)


def test_damaged_tiff_files_are_one_line_of_ours(capfd):
    """libtiff has messages of its own, without the file's name."""
    content = FILES["lzw.tif"]
    for at in range(8, len(content) - 4):
        with contextlib.suppress(InputError):
            decode(content[:at] + b"\xff\xff\xff" + content[at + 3 :], "x.tif", palette_colors=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", FILES)
def test_what_follows_a_whole_image_is_ignored(tmp_path, name):
    clip = b"\0\0\0\x18ftypmp42" + bytes(5000)
    np.testing.assert_array_equal(_read(tmp_path, FILES[name] + clip), _read(tmp_path, FILES[name]))
    (tmp_path / "x.png").write_bytes(FILES[name] + clip)
    sources.check_files([sources.Example("x", str(tmp_path / "x.png"), None)])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_changed_bit_of_a_png_is_refused_or_changes_no_pixel(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    place = data.draw(st.integers(0, len(FILES["png"]) - 1))
    content = bytearray(FILES["png"])
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        image = _read(folder, bytes(content))
    except InputError:
        return
    np.testing.assert_array_equal(image, RGB)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lost_its_middle_is_refused(tmp_path, progressive):
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8), (0, 0), 2)
    whole = _saved(image, "JPEG", progressive=progressive)
    third = len(whole) // 3
    for content in (whole[:third] + b"\xff\xd9", whole[:third] + bytes(600) + whole[third + 600 :]):
        (tmp_path / "x.jpg").write_bytes(content)
        message = r"x\.jpg: is missing, damaged or truncated \((the JPEG data are truncated|JPEG: Corrupt JPEG data)"
        refused(message, sources.read_image, tmp_path / "x.jpg")
        refused(message, sources.check_files, [sources.Example("x", str(tmp_path / "x.jpg"), None)])


def test_a_jpeg_of_an_unknown_version_is_read_and_still_checked(tmp_path):
    odd = FILES["jpg"].replace(b"JFIF\0\1", b"JFIF\0\0", 1)
    assert odd != FILES["jpg"]
    np.testing.assert_array_equal(_read(tmp_path, odd), _read(tmp_path, FILES["jpg"]))
    refused("the JPEG data are truncated", _read, tmp_path, odd[:-40] + b"\xff\xd9")


def test_a_jpeg_in_four_inks(tmp_path):
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[..., 1] = 255  # magenta
    image = _read(tmp_path, _saved(Image.frombytes("CMYK", (16, 16), inks.tobytes()), "JPEG"))
    np.testing.assert_allclose(image, np.broadcast_to([255, 0, 255], (16, 16, 3)), atol=2)


# What an image of rows [1 2 3] [4 5 6] looks like upright, by Exif's definition of its eight orientations.
UPRIGHT = {
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[4, 1], [5, 2], [6, 3]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[3, 6], [2, 5], [1, 4]],
}


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_tags_of_every_format(tmp_path, image_format, orientation):
    cells = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    large = np.repeat(np.repeat(40 * cells, 16, axis=0), 16, axis=1)  # cells of 16 x 16: JPEG keeps their gray
    options = {"lossless": True} if image_format == "WEBP" else {}
    content = _saved(np.stack([large] * 3, axis=-1), image_format, exif=exif, **options)
    image = _read(tmp_path, content)
    np.testing.assert_allclose(image[8::16, 8::16, 0], 40 * np.array(UPRIGHT[orientation]), atol=2)
    assert sources.stored_size(tmp_path / "x.png") == image.shape[:2]
    if orientation > 1 and image_format == "PNG":
        refused("label.png: has an orientation tag", _label, tmp_path, _saved(INDICES, "PNG", exif=exif))


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF"])
def test_a_palette_gives_labels_its_indices_and_images_its_colors(tmp_path, image_format):
    content = _saved(_palette(), image_format)
    np.testing.assert_array_equal(_label(tmp_path, content), INDICES)
    np.testing.assert_array_equal(_read(tmp_path, content), np.array(COLORS, np.uint8)[INDICES])


@pytest.mark.parametrize("colors", [[(0, 0, 0), (255, 255, 255)], [(255, 255, 255), (0, 0, 0)], [(1, 2, 3), (4, 5, 6)]])
def test_a_bmp_of_one_bit_has_the_indices_of_its_palette(tmp_path, colors):
    bits = INDICES & 1
    rows = b"".join(np.packbits(row).tobytes().ljust(4, b"\0") for row in bits[::-1])
    table = b"".join(bytes([*color[::-1], 0]) for color in colors)
    head = struct.pack("<2sIHHI", b"BM", 62 + len(rows), 0, 0, 62)
    head += struct.pack("<IiiHHIIiiII", 40, 4, 3, 1, 1, 0, len(rows), 2835, 2835, 2, 2)
    np.testing.assert_array_equal(_label(tmp_path, head + table + rows), bits)
    np.testing.assert_array_equal(_read(tmp_path, head + table + rows), np.array(colors, np.uint8)[bits])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"P4\n4 3\n" + bytes([0x50, 0x90, 0x60]), "is a gray PPM file of 1 bits, whose values readers stretch"),
        (b"P5\n4 3\n15\n" + INDICES.tobytes(), "is a PGM file of maximum 15, whose values readers stretch"),
        (b"P5 # drawn by hand\n4 3 # size\n3\n" + INDICES.tobytes(), "is a PGM file of maximum 3"),
        (_saved(Image.fromarray(INDICES > 1), "PNG"), "is a gray PNG of 1 bits, whose values readers stretch"),
        (_saved(Image.fromarray(INDICES > 1), "TIFF"), "is a gray TIFF file of 1 bits, whose values readers stretch"),
        (_saved(INDICES, "TIFF", tiffinfo={262: 0}), "0 is white, so that readers invert its values"),
        (_saved(RGB[..., 0].astype(np.uint16), "TIFF"), "one 8-bit value per pixel, this one has 1 x uint16"),
        (_saved(np.dstack([INDICES, INDICES + 1]), "PNG"), "one 8-bit value per pixel, this one has 4 x uint8"),
    ],
)
def test_labels_whose_values_reading_would_alter_are_refused(tmp_path, content, message):
    refused(f"label.png: .*{message}", _label, tmp_path, content)


@pytest.mark.parametrize(
    ("content", "bits"),
    [
        (cv2.imencode(".tif", RGB.astype(np.uint16) << 4)[1].tobytes(), 16),
        (cv2.imencode(".tif", np.dstack([RGB.astype(np.uint16), np.full((9, 12), 65535, np.uint16)]))[1].tobytes(), 16),
        (_saved(RGB[..., 0].astype(np.uint16), "TIFF"), 16),
        (_saved(RGB[..., 0].astype(np.float32), "TIFF"), 32),
        (b"P6\n2 1\n65535\n" + bytes(12), 16),
        (b"P6\n2 1\n1023\n" + bytes(12), 16),
        (b"P5\n2 1\n65535\n" + bytes(4), 16),
    ],
)
def test_images_of_more_than_eight_bits_are_refused_in_every_format(tmp_path, content, bits):
    refused(rf"x\.png: has {bits} bits per channel; convert it to 8", _read, tmp_path, content)


RED_AND_BLUE = get_dataset(
    "folder", {"classes": [{"name": "a", "color": [255, 0, 0]}, {"name": "b", "color": [0, 0, 255]}]}
)
FLAT = np.full((16, 16, 3), (255, 0, 0), np.uint8)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (_saved(FLAT, "TIFF", compression="jpeg"), "JPEG-compressed TIFF"),
        (_saved(FLAT, "WEBP", quality=100, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"), "lossy WebP"),
        (_saved(FLAT, "WEBP", quality=100), "lossy WebP"),
        (_saved(FLAT, "JPEG"), "JPEG"),
    ],
)
def test_lossy_labels_are_refused_in_every_format(tmp_path, content, kind):
    refused(f"is a {kind} file, which changes label values", _label, tmp_path, content, RED_AND_BLUE)
    whole = _saved(FLAT, "TIFF", compression="tiff_lzw") if "TIFF" in kind else _saved(FLAT, "WEBP", lossless=True)
    np.testing.assert_array_equal(_label(tmp_path, whole, RED_AND_BLUE), np.zeros((16, 16)))


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_an_orientation_in_xmp_turns_no_format(tmp_path, image_format):
    """As viewers have it: only Exif's and TIFF's own tag turn an image."""
    xmp = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    exif = Image.Exif()
    exif[0x010E] = "a description"  # Exif without an orientation
    options = {"WEBP": {"xmp": xmp}, "JPEG": {"xmp": xmp}, "TIFF": {"tiffinfo": {700: xmp}}, "PNG": {}}[image_format]
    content = _saved(RGB, image_format, exif=exif, **options)
    assert image_format == "PNG" or b"tiff:Orientation" in content
    assert _read(tmp_path, content).shape == RGB.shape
    assert sources.stored_size(tmp_path / "x.png") == RGB.shape[:2]


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("exif", [b"", b"MM", b"MM\0*\0\0\0\x08\0\0", b"MM\0*\xff\0\0\0", b"no exif at all" * 9])
def test_odd_exif_data_turn_no_format_and_are_no_damage(tmp_path, image_format, exif):
    options = {"lossless": True} if image_format == "WEBP" else {}
    content = _saved(RGB, image_format, exif=b"Exif\0\0" + exif, **options)
    assert _read(tmp_path, content).shape == RGB.shape


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_saved(RGB, "PNG"), 'has 3 x uint8; if its colors are the classes, give each class its "color" instead of a'),
        (_saved(np.dstack([INDICES] * 3), "PNG"), "its colors are gray: save one channel, without alpha channel"),
        (_saved(INDICES.astype(np.uint16), "PNG"), "has 1 x uint16; save its values with 8 bits"),
        (
            _saved(np.array([[7, 26001]], np.uint16), "PNG"),  # as instances are numbered
            "has 1 x uint16; its values are 7 to 26001; save each pixel's class as 0 to 255",
        ),
    ],
)
def test_a_label_of_another_kind_says_what_to_do(tmp_path, content, message):
    refused(message, _label, tmp_path, content)


def test_a_label_of_values_where_colors_are_expected(tmp_path):
    message = r"\(1, 1, 1\), \(2, 2, 2\) .* is not in the table of the dataset; the file is gray: if its values are the"
    refused(message, _label, tmp_path, _saved(INDICES, "PNG"), RED_AND_BLUE)
    cityscapes = get_dataset("cityscapes")
    refused("save the values of the classes instead of their", _label, tmp_path, _saved(RGB, "PNG"), cityscapes)


def test_a_pgm_label_of_eight_bits(tmp_path):
    np.testing.assert_array_equal(_label(tmp_path, b"P5\n4 3\n255\n" + INDICES.tobytes()), INDICES)


def test_a_ppm_image_of_few_bits_is_stretched(tmp_path):
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    image = _read(tmp_path, b"P6\n2 2\n15\n" + pixels.tobytes())
    np.testing.assert_array_equal(image, pixels * 17)  # 15 * 17 = 255


def test_a_tiff_of_five_channels_is_not_called_missing(tmp_path, capfd):
    ok, content = cv2.imencode(".tif", np.zeros((4, 4, 4), np.uint8))
    five = content.tobytes().replace(struct.pack("<HHI", 277, 3, 1) + b"\4\0", struct.pack("<HHI", 277, 3, 1) + b"\5\0")
    assert ok and five != content.tobytes()
    refused(r"x\.png: is a damaged TIFF file, or one with a number of channels or bits", _read, tmp_path, five)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "a pointer of Git LFS .* run git lfs pull"),
        (b"<!DOCTYPE html><html>404</html>", "a web page instead of an image"),
        (_saved(_palette(), "GIF"), "a GIF file, which is not supported; convert it to PNG"),
        (b"\0\0\0\x18ftypheic" + bytes(30), "a HEIC or AVIF file"),
        (b"PK\3\4" + bytes(30), "is not an image of a supported format, or its start is damaged; convert it to PNG"),
        (_saved(RGB, "JPEG2000"), "is a JPEG 2000 or JPEG XL file, which is not supported; convert it to PNG"),
        (_saved(RGB, "JPEG2000", no_jp2=True), "is a JPEG 2000 or JPEG XL file, which is not supported"),
    ],
)
def test_files_that_are_something_else(tmp_path, content, message):
    refused(rf"x\.png: .*{message}", _read, tmp_path, content)


def test_transparent_colors_of_a_png(tmp_path):
    content = _saved(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), "PNG", transparency=(4, 5, 6))
    refused("has transparent pixels", _read, tmp_path, content)
    image = _read(tmp_path, _saved(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), "PNG", transparency=(9, 9, 9)))
    assert image.tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_metadata_make_no_noise(tmp_path, capfd):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    # libpng alone prints "iCCP: profile ..." and "tEXt: ..." for these; Pillow alone refuses so long a text.
    odd = chunk(b"iCCP", b"name\0\0" + zlib.compress(b"no profile")) + chunk(b"gAMA", bytes(4)) + chunk(b"tEXt", b"x")
    odd += chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2 << 20)))
    np.testing.assert_array_equal(_read(tmp_path, FILES["png"][:33] + odd + FILES["png"][33:]), RGB)
    palette = FILES["palette.png"]
    np.testing.assert_array_equal(_label(tmp_path, palette[:33] + odd + palette[33:]), INDICES)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "what"), [("a.png", "an animated PNG"), ("a.webp", "an animated WEBP"), ("a.tif", "a TIFF of 3 pages")]
)
def test_files_of_several_images_give_the_first_and_one_warning(tmp_path, caplog, name, what):
    first, *others = (Image.new("RGB", (96, 64), (40 * i, 0, 0)) for i in (1, 2, 3))
    first.save(tmp_path / name, save_all=True, append_images=others, lossless=True)
    for _ in range(2):
        assert sources.read_image(tmp_path / name)[0, 0].tolist() == [40, 0, 0]
    told = "only its first image is read. Save each image as a file of its own"
    assert [record.message for record in caplog.records] == [f"{tmp_path / name}: is {what}; {told}"]


def test_smaller_copies_in_a_tiff_are_no_further_images(tmp_path, caplog):
    images = [Image.new("RGB", size, (40, 0, 0)) for size in ((96, 64), (48, 32))]
    images[1].encoderinfo = {"tiffinfo": {0x00FE: 1}}
    images[0].save(tmp_path / "a.tif", save_all=True, append_images=images[1:])
    assert sources.read_image(tmp_path / "a.tif").shape == (64, 96, 3) and not caplog.records
