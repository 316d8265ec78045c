"""How often classes occur and where, on labels that were painted by hand."""

import os

import cv2
import numpy as np
import pytest

from contextnet_tf.datasets import statistics
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.statistics import class_pixel_counts, class_statistics
from contextnet_tf.errors import InputError

CAMVID = get_dataset("camvid")


def test_pixel_counts_leave_the_ignored_out(camvid_dir):
    label = np.full((64, 96), 11, np.uint8)  # void
    label[:1, :7] = 10
    cv2.imwrite(str(camvid_dir / "trainannot" / "p5.png"), label)
    counts = class_pixel_counts(CAMVID, CAMVID.list_examples(camvid_dir, "train"))
    # 64 x 96 = 6,144 pixels in each of the five whole images.
    assert counts.tolist() == [6144, 6144, 6144, 6144, 6144, 0, 0, 0, 0, 0, 7]


def _write_labels(camvid_dir, label):
    """Gives the first training image `label` and ignores all the others."""
    for i in range(6):
        cv2.imwrite(str(camvid_dir / "trainannot" / f"p{i}.png"), label if i == 0 else np.full((64, 96), 11, np.uint8))
    return CAMVID.list_examples(camvid_dir, "train")


def test_places_are_the_centers_of_mass_in_each_tile(camvid_dir):
    label = np.full((64, 96), 11, np.uint8)  # ignored
    label[10:13, 20:25] = 2  # rows 10 to 12, columns 20 to 24: the middle is (11, 22)
    label[60, 95] = 2  # alone in the last tile
    label[30:34, 40:56] = 7  # rows 30, 31 and columns 40 to 47 lie in other tiles than the rest
    found = class_statistics(CAMVID, _write_labels(camvid_dir, label), share=0.5, tile_size=(32, 48)).places
    assert found.counts.tolist() == [0, 0, 2, 0, 0, 0, 0, 4, 0, 0, 0]
    assert found.first.tolist() == [0, 0, 0, 2, 2, 2, 2, 2, 6, 6, 6]
    assert found.examples.tolist() == [0] * 6
    # Two rows have their middle on the border between them, which belongs to the lower one.
    assert found.centers.tolist() == [[11, 22], [60, 95], [31, 44], [31, 52], [33, 44], [33, 52]]


def test_no_image_is_read(camvid_dir):
    label = np.full((64, 96), 11, np.uint8)
    label[:2, :5] = 4
    examples = _write_labels(camvid_dir, label)
    for example in examples:
        os.remove(example.image_path)
    assert class_pixel_counts(CAMVID, examples).tolist() == [0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0]
    counts, places = class_statistics(CAMVID, examples, share=1, tile_size=(64, 96))
    assert counts.tolist() == [0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0] and places.centers.tolist() == [[1, 2]]


def test_tiles_larger_than_the_image(camvid_dir):
    label = np.full((64, 96), 3, np.uint8)
    found = class_statistics(CAMVID, _write_labels(camvid_dir, label), share=1, tile_size=(500, 500)).places
    assert found.centers.tolist() == [[32, 48]]


@pytest.mark.parametrize(
    ("share", "value", "message"),
    [(0.5, 11, "no training image shows any class"), (0, 1, "share of class-uniform samples is 0"), (1.5, 1, "is 1.5")],
)
def test_classes_that_cannot_be_sampled(camvid_dir, share, value, message):
    examples = _write_labels(camvid_dir, np.full((64, 96), value, np.uint8))
    with pytest.raises(InputError, match=message):
        class_statistics(CAMVID, examples, share=share, tile_size=(32, 48))


def test_reading_labels_ends_when_every_class_has_occurred(camvid_dir, monkeypatch):
    read = []
    real = statistics.read_label
    monkeypatch.setattr(statistics, "read_label", lambda path, dataset: read.append(path) or real(path, dataset))
    monkeypatch.setattr(statistics, "available_cores", lambda: 1)
    two = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}]})
    examples = get_dataset("camvid").list_examples(camvid_dir, "train")
    counts = statistics.class_pixels_until_all_seen(two, examples[:2] * 3)
    assert (counts[:2] > 0).all() and len(read) == 4
    counts = statistics.class_pixels_until_all_seen(get_dataset("camvid"), examples)
    assert counts[:11].tolist() == [6144] * 6 + [0] * 5 and len(read) == 10


def test_classes_that_never_occur():
    two = get_dataset("folder", {"classes": [{"name": "ground"}, {"name": "object"}]})
    counts = np.zeros(256, np.int64)
    counts[0], counts[255] = 5, 3
    assert statistics.class_warnings(two, "train", counts) == [
        "train: no pixel of object",
        "train: the labels hold 0 and 255 only, and 255 is ignored; for masks of 0 and 255, set the value of 'ground' "
        "to 0 and that of 'object' to 255",
    ]
    counts[255] = 0
    assert statistics.class_warnings(two, "train", counts) == ["train: no pixel of object"]
    counts[1] = 1
    assert statistics.class_warnings(two, "train", counts) == []
