"""Each change of an image, on pixels whose new values were computed by hand."""

import numpy as np
import pytest

from contextnet_tf.evaluation.corruptions import CORRUPTIONS

# 255 * 0.6 * (102 / 255) ** 1.8 = 29.40, 255 * (102 / 255) ** 0.6 = 147.16; luma of (200, 100, 50): 124.2.
PIXELS = [
    ("dark", (0, 102, 255), (0, 29, 153)),
    ("bright", (0, 102, 255), (0, 147, 255)),
    ("pale", (200, 100, 50), (139, 119, 109)),
    ("pale", (77, 77, 77), (77, 77, 77)),
    ("reddish", (100, 100, 100), (120, 100, 75)),
    ("reddish", (250, 9, 2), (255, 9, 2)),
    ("bluish", (100, 100, 100), (75, 100, 120)),
    ("blurred", (10, 20, 30), (10, 20, 30)),
]


@pytest.mark.parametrize(("name", "color", "expected"), PIXELS)
def test_pixels(name, color, expected):
    image = np.full((9, 7, 3), color, np.uint8)
    changed = CORRUPTIONS[name].apply(image, 0)
    assert changed.dtype == np.uint8 and changed.shape == (9, 7, 3)
    assert (changed == expected).all()
    assert (image == color).all()


def test_blur_has_the_standard_deviation():
    image = np.zeros((31, 31, 3), np.uint8)
    image[15, 15] = 255
    # The peak of a Gaussian of standard deviation 1.5: 255 / (2 pi 1.5 ** 2) = 18.04.
    blurred = CORRUPTIONS["blurred"].apply(image, 0)
    assert (blurred[15, 15] == 18).all()
    assert blurred[15, 15 - 3, 0] == pytest.approx(18.04 * np.exp(-2), abs=0.6)


def test_noise_has_the_standard_deviation_and_depends_on_the_seed_alone():
    gray = np.full((100, 100, 3), 128, np.uint8)
    noisy = CORRUPTIONS["noisy"].apply(gray, 3)
    noise = noisy.astype(float) - 128
    assert abs(noise.mean()) < 0.3 and noise.std() == pytest.approx(12, abs=0.3)
    np.testing.assert_array_equal(noisy, CORRUPTIONS["noisy"].apply(gray, 3))
    assert (noisy != CORRUPTIONS["noisy"].apply(gray, 4)).mean() > 0.9
    black = CORRUPTIONS["noisy"].apply(np.zeros((50, 50, 3), np.uint8), 0)
    assert (black == 0).mean() == pytest.approx(0.5, abs=0.05)  # nothing wraps around


def test_jpeg_keeps_flat_colors_in_their_channels_and_loses_details():
    flat = np.full((32, 32, 3), (200, 60, 20), np.uint8)
    assert abs(CORRUPTIONS["compressed"].apply(flat, 0).astype(int) - (200, 60, 20)).max() <= 6
    details = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert abs(CORRUPTIONS["compressed"].apply(details, 0).astype(int) - details).mean() > 20


def test_jpeg_has_the_quality_20():
    """The standard's first luma coefficient 16 becomes (16 * 5000 // 20 + 50) // 100 = 40: steps of 40 / 8 in gray."""
    grays = {int(CORRUPTIONS["compressed"].apply(np.full((8, 8, 3), x, np.uint8), 0)[0, 0, 0]) for x in range(256)}
    assert {gray for gray in grays if 105 < gray < 150} == {108, 113, 118, 123, 128, 133, 138, 143, 148}


def test_names_in_order():
    assert list(CORRUPTIONS) == ["dark", "bright", "pale", "reddish", "bluish", "blurred", "noisy", "compressed"]
