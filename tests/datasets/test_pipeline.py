"""Order and augmentation as functions of (seed, sample); bad files by their names."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.datasets import pipeline, sampling
from contextnet_tf.datasets.augment import Augmentation
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.statistics import class_pixel_counts
from contextnet_tf.errors import InputError

CAMVID = get_dataset("camvid")
CHANGED = Augmentation()
UNCHANGED = Augmentation(scale=(1.0, 1.0), flip=False, brightness=0, contrast=0, saturation=0, hue=0)


def _batches(folder, augmentation=CHANGED, first_step=0, last_step=9, batch_size=2, seed=5):
    return pipeline.training_batches(
        CAMVID,
        CAMVID.list_examples(folder, "train"),
        augmentation=augmentation,
        crop_size=(64, 96),
        batch_size=batch_size,
        seed=seed,
        first_step=first_step,
        last_step=last_step,
    )


def test_unchanged_pictures_keep_their_labels(camvid_dir):
    seen = []
    for images, labels in _batches(camvid_dir, UNCHANGED):
        assert images.shape == (2, 64, 96, 3) and images.dtype == tf.float32 and labels.dtype == tf.uint8
        for image, label in zip(images.numpy(), labels.numpy(), strict=True):
            # Picture i is filled with 20 i + 10, its label with i.
            np.testing.assert_allclose(image, (20 * label[0, 0] + 10) / 255, atol=1e-6)
            seen.append(int(label[0, 0]))
    # 9 steps of 2 are three epochs of the six pictures: each epoch shows each once, in another order.
    epochs = [seen[0:6], seen[6:12], seen[12:18]]
    assert [sorted(epoch) for epoch in epochs] == [[0, 1, 2, 3, 4, 5]] * 3
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2]


def test_a_run_started_later_gets_the_same_batches(camvid_dir):
    whole = list(_batches(camvid_dir))
    later = list(_batches(camvid_dir, first_step=4))
    assert len(later) == 5
    for (image, label), (later_image, later_label) in zip(whole[4:], later, strict=True):
        np.testing.assert_array_equal(image, later_image)
        np.testing.assert_array_equal(label, later_label)


def test_another_seed_gives_other_batches(camvid_dir):
    first, other = next(_batches(camvid_dir)), next(_batches(camvid_dir, seed=6))
    assert not np.array_equal(first[0], other[0])


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 40), seed=st.integers(0, 1000), epoch=st.integers(0, 50))
def test_each_epoch_is_a_permutation(count, seed, epoch):
    samples = [tf.constant(epoch * count + place, tf.int64) for place in range(count)]
    order = [int(sampling.shuffled_index(sample, count, seed)) for sample in samples]
    assert sorted(order) == list(range(count))


def test_evaluation_shows_everything_once_in_order_unchanged(camvid_dir):
    pairs = list(pipeline.evaluation_examples(CAMVID, CAMVID.list_examples(camvid_dir, "train")))
    assert [int(label[0, 0]) for _, label in pairs] == [0, 1, 2, 3, 4, 5]
    assert all(image.dtype == tf.uint8 and image.shape == (64, 96, 3) for image, _ in pairs)


def test_pixel_counts_leave_the_ignored_out(camvid_dir):
    label = np.full((64, 96), 11, np.uint8)  # void
    label[:1, :7] = 10
    cv2.imwrite(str(camvid_dir / "trainannot" / "p5.png"), label)
    counts = class_pixel_counts(CAMVID, CAMVID.list_examples(camvid_dir, "train"))
    # 64 x 96 = 6,144 pixels in each of the five whole pictures.
    assert counts.tolist() == [6144, 6144, 6144, 6144, 6144, 0, 0, 0, 0, 0, 7]


@pytest.mark.parametrize("whole", [True, False], ids=["training", "evaluation"])
def test_bad_files_found_while_reading_are_named(camvid_dir, whole):
    label = np.full((64, 96), 77, np.uint8)
    cv2.imwrite(str(camvid_dir / "trainannot" / "p3.png"), label)

    def read():
        if whole:
            return list(_batches(camvid_dir))
        return list(pipeline.evaluation_examples(CAMVID, CAMVID.list_examples(camvid_dir, "train")))

    with pytest.raises(InputError, match="p3.png: label value 77 is not in the table"):
        read()
    path = camvid_dir / "trainannot" / "p3.png"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="p3.png: is missing or not a whole picture"):
        read()
