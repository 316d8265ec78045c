"""A dataset read once: every problem, every figure, on images where the right answer is known."""

import cv2
import numpy as np
import pytest
from PIL import Image

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.augmentation import Augmentation
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.inspection import inspect
from contextnet_tf.errors import InputError

CAMVID = get_dataset("camvid")


def _inspect(folder, crop_size=(64, 96), seen=None):
    listings = {split: CAMVID.listing(folder, split) for split in ("train", "val")}
    return inspect(
        CAMVID, listings, crop_size=crop_size, augmentation=Augmentation(), num_threads=2,
        on_image=lambda: (seen or []).append(0),
    )  # fmt: skip


def test_figures_of_a_sound_data_set(camvid_dir):
    label = np.full((64, 96), 5, np.uint8)
    label[:16] = 11  # void: 16 x 96 = 1,536 pixels
    cv2.imwrite(str(camvid_dir / "trainannot" / "p5.png"), label)
    seen = [0]
    found = _inspect(camvid_dir, seen=seen)
    assert found.problems == [] and len(seen) == 1 + 8
    assert found.images == {"train": 6, "val": 2} and found.sizes == {(64, 96): 8}
    # 64 x 96 = 6,144 pixels an image; image i is class i.
    assert found.class_pixels["train"].tolist() == [6144] * 5 + [4608] + [0] * 5
    assert found.class_images["train"].tolist() == [1] * 6 + [0] * 5
    assert found.ignored_pixels == {"train": 1536, "val": 0}
    # Gray 10 and 30 are images of both splits.
    assert [line for line in found.warnings if "p0.png" in line] == [
        f"{camvid_dir}/val/p0.png: the same pixels as {camvid_dir}/train/p0.png (of train and val)"
    ]
    assert "train: no pixel of sign_symbol, fence, car, pedestrian, bicyclist" in found.warnings
    crops = found.crops
    assert (crops.size, crops.number, crops.to_cover) == ((64, 96), 204, 1)  # 34 an image make at least 200
    # Each crop shows one image, which is one class.
    assert crops.showing.tolist()[:5] == [34] * 5 and crops.showing[6:].sum() == 0
    # One image in six is ignored by a quarter, 4.2 %, of what is no padding.
    assert 0.02 < crops.ignored / (1 - crops.padded) < 0.06
    # Scale s < 1, a third of the draws, leaves 1 - s^2 of the crop: 1/3 - (1 - 1/8) / 4.5 = 13.9 % on average.
    assert 0.10 < crops.padded < 0.18


def test_crops_without_padding_and_with_much(camvid_dir):
    assert _inspect(camvid_dir, (32, 32)).crops.padded == 0.0  # at scale 1/2 the image is 32 x 48
    found = _inspect(camvid_dir, (32, 32)).crops
    assert found.to_cover == 6 and found.ignored == 0.0
    assert _inspect(camvid_dir, (256, 384)).crops.padded > 0.75  # at scale 2 half as high and wide as the crop


def test_every_problem_at_once(camvid_dir):
    (camvid_dir / "trainannot" / "p0.png").unlink()
    (camvid_dir / "train" / "p1.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    cv2.imwrite(str(camvid_dir / "trainannot" / "p2.png"), np.zeros((64, 95), np.uint8))
    cv2.imwrite(str(camvid_dir / "trainannot" / "p3.png"), np.full((64, 96), 77, np.uint8))
    cv2.imwrite(str(camvid_dir / "val" / "p1.png"), np.zeros((64, 96, 3), np.uint16))
    found = _inspect(camvid_dir)
    expected = [
        "trainannot/p0.png: is listed in", "train/p1.png: is missing, damaged or tru", "p2.png: the label is 95 x 64",
        "p3.png: label value 77 is not in the table", "val/p1.png: has 16 bits per channel",
    ]  # fmt: skip
    assert len(found.problems) == 5
    for problem, message in zip(found.problems, expected, strict=True):
        assert message in problem and "\n" not in problem
    assert found.images == {"train": 2, "val": 1}


def test_images_of_several_sizes_the_same_twice_and_all_ignored(camvid_dir):
    cv2.imwrite(str(camvid_dir / "train" / "p0.png"), np.full((32, 96, 3), 30, np.uint8))
    cv2.imwrite(str(camvid_dir / "trainannot" / "p0.png"), np.full((32, 96), 11, np.uint8))
    cv2.imwrite(str(camvid_dir / "train" / "p5.png"), np.full((64, 96, 3), 90, np.uint8))
    warnings = _inspect(camvid_dir).warnings
    assert "images of 2 sizes, height x width: 64 x 96 (7), 32 x 96 (1)" in warnings
    assert f"{camvid_dir}/trainannot/p0.png: every pixel is ignored" in warnings
    assert f"{camvid_dir}/train/p5.png: the same pixels as {camvid_dir}/train/p4.png (twice in train)" in warnings
    # The same bytes in another shape are another image: 32 x 96 of gray 30 is not p1, 64 x 96 of it.
    assert not [line for line in warnings if "train/p1.png" in line and "train/p0.png" in line]


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_images_that_a_tag_rotates_are_named_since_their_labels_may_not_be_rotated(camvid_dir, image_format):
    """Some tools that draw labels ignore the tag; half a turn leaves the sizes equal."""
    exif = Image.Exif()
    exif[0x0112] = 3
    place = camvid_dir / "train" / "p4.png"
    Image.open(place).save(place, image_format, exif=exif)
    label = camvid_dir / "trainannot" / "p4.png"
    message = f"{place}: is rotated by its orientation tag; check that its label {label} is upright, too"
    assert message in _inspect(camvid_dir).warnings
    exif[0x0112] = 6  # a quarter turn
    Image.open(camvid_dir / "train" / "p3.png").save(place, image_format, exif=exif)
    message = f"96 x 64 pixels, its image {place} is 64 x 96, rotated by its orientation tag; rotate the label, too, or"
    for check in (sources.check_files, lambda examples: sources.read_example(examples[0], CAMVID)):
        with pytest.raises(InputError, match=message):
            check([sources.Example("p4", str(place), str(label))])


def test_classes_of_one_display_color_are_named_once():
    rows = [
        {"name": "road", "value": 0, "color": [1, 2, 3]},
        {"name": "car", "value": 1, "color": [4, 5, 6]},
        {"name": "truck", "value": 2, "color": [1, 2, 3]},
    ]
    found = inspect(
        get_dataset("folder", {"classes": rows}), {}, crop_size=(8, 8), augmentation=Augmentation(), num_threads=1
    )
    assert found.problems == [] and found.warnings == [
        "the classes road, truck have the same display color [1, 2, 3]: overlays cannot tell them apart; change a "
        '"color"'
    ]
