"""Odd image and label files: converted, or refused by one clear line; the pipeline reads the same."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError

VALUES = get_dataset(
    "folder", {"classes": [{"name": "road", "value": 1}, {"name": "sky", "value": [3, 2]}], "ignored": [0]}
)
COLORS = get_dataset(
    "folder",
    {
        "classes": [{"name": "road", "color": [128, 64, 128]}, {"name": "sky", "color": [[1, 2, 3], [9, 9, 9]]}],
        "ignored": [[0, 0, 0]],
    },
)
RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
LABEL = np.array([[1, 2, 3, 0, 1, 1]] * 4, np.uint8)
TRAIN_IDS = [[0, 1, 1, 255, 0, 0]] * 4


def _png(pixels, color_type, depth=8, extra=b""):
    """A PNG file written out by hand: rows of bytes uint8 [H, bytes], as the format's specification has it."""
    width = pixels.shape[1] * 8 // depth // {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color_type]

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, pixels.shape[0], depth, color_type, 0, 0, 0)
    end = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + end


def _palette(*colors):
    content = bytes(part for color in colors for part in color)
    return struct.pack(">I", len(content)) + b"PLTE" + content + struct.pack(">I", zlib.crc32(b"PLTE" + content))


def _example(folder, image=None, label=None, image_name="image.png", label_name="label.png"):
    """An example of two files; each is pixels (written by OpenCV, which wants BGR) or the file's bytes."""
    contents = {image_name: RGB[..., ::-1] if image is None else image, label_name: LABEL if label is None else label}
    for name, content in contents.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            assert cv2.imwrite(str(folder / name), content)
    return Example("x", str(folder / image_name), str(folder / label_name))


def _read(example, dataset=VALUES):
    """The example by the strict reader, after checking that the pipeline reads the same."""
    image, label = sources.read_example(example, dataset)
    ((piped_image, piped_label),) = evaluation_examples(dataset, [example])
    np.testing.assert_array_equal(image, piped_image)
    np.testing.assert_array_equal(label, piped_label)
    return image, label


def _refused(message, example, dataset=VALUES):
    """Checks that both readers refuse with the one line that matches `message`."""
    for read in (sources.read_example, lambda example, dataset: list(evaluation_examples(dataset, [example]))):
        with pytest.raises(InputError, match=message) as caught:
            read(example, dataset)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "ppm", "tif"])
def test_every_format_of_images(tmp_path, suffix):
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == "webp" else []
    example = _example(
        tmp_path, image=cv2.imencode(f".{suffix}", RGB[..., ::-1], lossless)[1].tobytes(), image_name=f"i.{suffix}"
    )
    image, label = _read(example)
    np.testing.assert_array_equal(image, RGB)
    np.testing.assert_array_equal(label, TRAIN_IDS)


def test_jpeg_images_are_read_whole_and_turned_upright(tmp_path):
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, :16] = 255  # white on the left
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    label = np.ones((16, 32), np.uint8)
    image, _ = _read(_example(tmp_path, jpeg, label, "image.jpg"))
    assert image.shape == (16, 32, 3) and image[8, 4, 0] > 250 and image[8, 28, 0] < 5
    # EXIF orientation 6: the camera was turned, the first row is the right side. White comes to stand at the top.
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    image, _ = _read(_example(tmp_path, turned, np.ones((32, 16), np.uint8), "image.jpg"))
    assert image.shape == (32, 16, 3) and image[4, 8, 0] > 250 and image[28, 8, 0] < 5


def test_a_jpeg_that_is_cut_off(tmp_path):
    jpeg = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))[1].tobytes()
    label = np.ones((64, 64), np.uint8)
    for length in (len(jpeg) // 2, len(jpeg) - 2):
        example = _example(tmp_path, jpeg[:length], label, "image.jpg")
        _refused("image.jpg: is missing, damaged or truncated .the JPEG data are truncated", example)
        with pytest.raises(
            InputError, match="image.jpg: is missing, damaged or truncated .the JPEG data are truncated"
        ):
            sources.check_files([example])
    # What some cameras write behind the end does no harm.
    _read(_example(tmp_path, jpeg + b"\0" * 100, label, "image.jpg"))


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "ppm"])
def test_other_images_that_are_cut_off_or_empty(tmp_path, suffix):
    content = cv2.imencode(f".{suffix}", RGB)[1].tobytes()
    for length in (len(content) // 2, 20, 0):
        _refused(
            f"i.{suffix}: is missing, damaged or tru", _example(tmp_path, content[:length], image_name=f"i.{suffix}")
        )


def test_16_bits_are_refused(tmp_path):
    _refused("image.png: has 16 bits per channel; convert it to 8", _example(tmp_path, RGB.astype(np.uint16) * 257))
    _refused("image.png: has 16 bits per channel", _example(tmp_path, RGB[..., 0].astype(np.uint16)))
    message = "label.png: a label file has one 8-bit value per pixel, this one has 1 x uint16"
    _refused(message, _example(tmp_path, label=LABEL.astype(np.uint16)))


def test_a_gray_image_becomes_three_times_its_gray(tmp_path):
    image, _ = _read(_example(tmp_path, RGB[..., 0]))
    np.testing.assert_array_equal(image, np.stack([RGB[..., 0]] * 3, axis=-1))


def test_alpha_is_left_out_where_it_is_opaque_and_refused_elsewhere(tmp_path):
    alpha = np.dstack([RGB[..., ::-1], np.full((4, 6), 255, np.uint8)])
    image, _ = _read(_example(tmp_path, alpha))
    np.testing.assert_array_equal(image, RGB)
    alpha[2, 3, 3] = 254
    _refused("image.png: has transparent pixels", _example(tmp_path, alpha))


def test_a_image_with_a_palette_has_its_colors(tmp_path):
    indices = np.array([[0, 1, 1, 0, 1, 0]] * 4, np.uint8)
    image, _ = _read(_example(tmp_path, _png(indices, 3, extra=_palette((10, 20, 30), (40, 50, 60)))))
    np.testing.assert_array_equal(image[0, :2], [[10, 20, 30], [40, 50, 60]])


@pytest.mark.parametrize("depth", [8, 4, 2])
def test_a_label_with_a_palette_has_its_indices(tmp_path, depth):
    # 1 2 3 0 1 1 as bytes of 8, nibbles of 4 and pairs of 2 bits; the last two of 2 bits in a byte of their own.
    rows = {8: [1, 2, 3, 0, 1, 1], 4: [0x12, 0x30, 0x11], 2: [0b01101100, 0b01010000]}[depth]
    pixels = np.array([rows] * 4, np.uint8)
    content = _png(pixels, 3, depth, _palette((0, 0, 0), (128, 64, 128), (3, 3, 3), (70, 130, 180)))
    if depth == 2:  # the width is six pixels, not the eight that fill the bytes
        header = content[12:16] + struct.pack(">I", 6) + content[20:29]
        content = content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    _, label = _read(_example(tmp_path, label=content))
    np.testing.assert_array_equal(label, TRAIN_IDS)


@settings(deadline=None, max_examples=25)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)))
def test_palette_indices_of_any_label(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("palette")
    path = folder / "label.png"
    path.write_bytes(_png(values, 3, extra=_palette((9, 9, 9), (8, 8, 8), (7, 7, 7), (6, 6, 6))))
    np.testing.assert_array_equal(sources.read_label(path, VALUES), np.array([255, 0, 1, 1])[values])


def test_a_gray_label_of_few_bits_is_refused(tmp_path):
    content = _png(np.array([[0x12, 0x30, 0x11]] * 4, np.uint8), 0, 4)
    _refused("label.png: is a gray PNG of 4 bits, whose values readers stretch", _example(tmp_path, label=content))


def test_labels_in_formats_that_change_values_are_refused(tmp_path):
    example = _example(tmp_path, label_name="label.jpg")
    _refused("label.jpg: is a JPEG file, which changes label values; save labels as PNG", example)
    webp = cv2.imencode(".webp", LABEL, [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes()
    _refused("label.webp: is a lossy WebP file", _example(tmp_path, label=webp, label_name="label.webp"))


def test_a_label_in_colors_or_with_alpha_is_no_label_of_values(tmp_path):
    _refused("one 8-bit value per pixel, this one has 3 x uint8", _example(tmp_path, label=np.dstack([LABEL] * 3)))
    _refused("one 8-bit value per pixel, this one has 4 x uint8", _example(tmp_path, label=np.dstack([LABEL] * 4)))


def test_a_wrong_label_value(tmp_path):
    label = LABEL.copy()
    label[0, 0], label[3, 3] = 4, 255
    message = r"label.png: label value 4, 255 is not in the table \(known values: 0 to 3\)"
    _refused(message, _example(tmp_path, label=label))


def test_labels_in_colors(tmp_path):
    colors = np.array([[[128, 64, 128], [1, 2, 3], [9, 9, 9], [0, 0, 0], [128, 64, 128], [128, 64, 128]]] * 4, np.uint8)
    _, label = _read(_example(tmp_path, label=colors[..., ::-1]), COLORS)
    np.testing.assert_array_equal(label, TRAIN_IDS)
    # The same with a palette, and with all of the colors gray.
    indices = np.array([[0, 1, 2, 3, 0, 0]] * 4, np.uint8)
    palette = _palette((128, 64, 128), (1, 2, 3), (9, 9, 9), (0, 0, 0))
    _, label = _read(_example(tmp_path, label=_png(indices, 3, extra=palette)), COLORS)
    np.testing.assert_array_equal(label, TRAIN_IDS)
    _, label = _read(_example(tmp_path, label=np.full((4, 6), 9, np.uint8)), COLORS)
    np.testing.assert_array_equal(label, [[1] * 6] * 4)


def test_a_color_in_no_table(tmp_path):
    colors = np.zeros((4, 6, 3), np.uint8)
    colors[1, 1] = 128, 64, 129
    colors[2, 2] = 255, 255, 255
    message = r"label.png: the color \(128, 64, 129\), \(255, 255, 255\) \(R, G, B\) is not in the table"
    _refused(message, _example(tmp_path, label=colors[..., ::-1]), COLORS)


def test_an_example_without_label_is_refused_where_the_truth_is_needed(tmp_path):
    example = Example("x", _example(tmp_path).image_path, None)
    _refused("image.png: has no label .*can be segmented but neither trained on nor evaluated", example)
    sources.check_files([example])
