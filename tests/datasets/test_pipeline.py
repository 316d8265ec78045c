"""From files to batches: the same whatever the workers, threads and first step; bad files by their names."""

import itertools
import os
import pathlib

import cv2
import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.datasets import pipeline, sampling
from contextnet_tf.datasets.augment import Augmentation
from contextnet_tf.datasets.cache import memory_cache
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.statistics import class_statistics
from contextnet_tf.errors import InputError

CAMVID = get_dataset("camvid")
CHANGED = Augmentation()
UNCHANGED = Augmentation(scale=(1.0, 1.0), flip=False, brightness=0, contrast=0, saturation=0, hue=0)


def _batches(folder, augmentation=CHANGED, made_by=pipeline.training_batches, **changes):
    defaults = {"crop_size": (64, 96), "batch_size": 2, "seed": 5, "first_step": 0, "last_step": 9}
    return made_by(CAMVID, CAMVID.list_examples(folder, "train"), augmentation=augmentation, **defaults | changes)


def _assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys() == {"image", "label"}
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


def test_unchanged_images_keep_their_labels(camvid_dir):
    seen = []
    for batch in _batches(camvid_dir, UNCHANGED):
        images, labels = batch["image"], batch["label"]
        assert images.shape == (2, 64, 96, 3) and images.dtype == tf.float32 and labels.dtype == tf.uint8
        for image, label in zip(images.numpy(), labels.numpy(), strict=True):
            # Image i is filled with 20 i + 10, its label with i.
            np.testing.assert_allclose(image, (20 * label[0, 0] + 10) / 255, atol=1e-6)
            seen.append(int(label[0, 0]))
    # 9 steps of 2 are three epochs of the six images: each epoch shows each once, in another order.
    epochs = [seen[0:6], seen[6:12], seen[12:18]]
    assert [sorted(epoch) for epoch in epochs] == [[0, 1, 2, 3, 4, 5]] * 3
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2]


def test_loading_has_no_autotuning_thread(camvid_dir):
    batches = _batches(camvid_dir, made_by=pipeline.training_dataset)
    examples = pipeline.evaluation_dataset(CAMVID, CAMVID.list_examples(camvid_dir, "val"))
    assert [dataset.options().autotune.enabled for dataset in (batches, examples)] == [False, False]


def test_a_run_started_later_gets_the_same_batches(camvid_dir):
    whole = list(_batches(camvid_dir))
    later = list(_batches(camvid_dir, first_step=4))
    assert len(later) == 5
    _assert_same(whole[4:], later)


def test_a_run_started_later_does_not_read_what_came_before(camvid_dir):
    # Steps 0 and 1 of the first epoch show four images, step 2 the other two.
    whole = list(_batches(camvid_dir, last_step=3))
    for sample in range(4):
        shown = int(sampling.shuffled_index(tf.constant(sample, tf.int64), 6, 5))
        (camvid_dir / "train" / f"p{shown}.png").write_bytes(b"no image")
        (camvid_dir / "trainannot" / f"p{shown}.png").write_bytes(b"no label")
    _assert_same(whole[2:], list(_batches(camvid_dir, first_step=2, last_step=3)))
    with pytest.raises(InputError, match="is not an image of a supported format"):
        list(_batches(camvid_dir, first_step=1, last_step=3))


@pytest.mark.parametrize("calls", [4, tf.data.AUTOTUNE])
def test_parallel_calls_do_not_change_the_batches(camvid_dir, calls):
    options = tf.data.Options()
    options.threading.private_threadpool_size = 4
    one_by_one = list(_batches(camvid_dir, num_parallel_calls=1))
    at_once = _batches(camvid_dir, made_by=pipeline.training_dataset, num_parallel_calls=calls)
    _assert_same(one_by_one, list(at_once.with_options(options)))


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_have_even_parts_of_the_batches(camvid_dir, workers):
    whole = list(_batches(camvid_dir, batch_size=6, last_step=2))
    parts = zip(
        *(_batches(camvid_dir, batch_size=6, last_step=2, worker=i, workers=workers) for i in range(workers)),
        strict=True,
    )
    joined = [{name: np.concatenate([part[name] for part in step]) for name in step[0]} for step in parts]
    assert [batch["image"].shape for batch in joined] == [(6, 64, 96, 3)] * 2
    _assert_same(whole, joined)


@pytest.mark.parametrize(
    ("worker", "workers", "message"),
    [
        (0, 4, "batches of 6 cannot be split into 4 even parts"),
        (2, 2, "worker 2 of 2: workers are numbered from 0 to 1"),
    ],
)
def test_workers_that_do_not_fit(camvid_dir, worker, workers, message):
    with pytest.raises(InputError, match=message):
        next(_batches(camvid_dir, batch_size=6, worker=worker, workers=workers))


def test_whole_images_have_their_border_below_and_to_the_right(camvid_dir):
    for batch in _batches(camvid_dir, UNCHANGED, crop_size=(80, 112), last_step=3):
        for image, label in zip(batch["image"].numpy(), batch["label"].numpy(), strict=True):
            np.testing.assert_allclose(image[:64, :96], (20 * label[0, 0] + 10) / 255, atol=1e-6)
            assert (label[:64, :96] == label[0, 0]).all() and label[0, 0] < 6
            assert image[64:].max() == image[:, 96:].max() == 0
            assert label[64:].min() == label[:, 96:].min() == 255


def test_crops_by_class_show_it_in_the_middle(camvid_dir):
    # Class 10 is a single square of 4 x 4 in one of the images; every second sample is about a class in turn.
    label = np.zeros((64, 96), np.uint8)
    label[40:44, 60:64] = 10
    cv2.imwrite(str(camvid_dir / "trainannot" / "p0.png"), label)
    examples = CAMVID.list_examples(camvid_dir, "train")
    classes = class_statistics(CAMVID, examples, share=0.5, tile_size=(64, 96)).places
    middles = []
    for batch in _batches(camvid_dir, UNCHANGED, crop_size=(16, 16), last_step=12, class_uniform=classes):
        middles += [cropped[8, 8] for cropped in batch["label"].numpy()]
    # Classes 0 to 5 and 10 have a turn each in seven turns; sample 1 is the first.
    assert sorted(middles[1:14:2]) == [0, 1, 2, 3, 4, 5, 10]
    assert middles[0:12:2].count(10) == 0


@pytest.mark.parametrize("cached", [False, True], ids=["files", "cache"])
def test_memory_stays_flat_over_a_thousand_batches(camvid_dir, cached):
    def resident_megabytes():
        return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    cache = memory_cache(CAMVID.list_examples(camvid_dir, "train")) if cached else None
    batches = _batches(camvid_dir, last_step=1100, cache=cache)
    for _ in range(100):  # buffers and arenas grow to their size
        next(batches)
    before = resident_megabytes()
    for _ in range(1000):
        next(batches)
    # A thousand batches hold 165 MB.
    assert resident_megabytes() - before < 25


def test_another_seed_gives_other_batches(camvid_dir):
    first, other = next(_batches(camvid_dir)), next(_batches(camvid_dir, seed=6))
    assert not np.array_equal(first["image"], other["image"])


def _of_one_example(folder, seed):
    """The images of nine samples of a single example: no seed changes their order."""
    examples = CAMVID.list_examples(folder, "train")[3:4]  # neither so dark nor so bright that all becomes one color
    plan = {"augmentation": CHANGED, "crop_size": (64, 96), "batch_size": 1, "first_step": 0, "last_step": 9}
    return [batch["image"].numpy() for batch in pipeline.training_batches(CAMVID, examples, seed=seed, **plan)]


def test_each_sample_of_an_example_is_changed_in_its_own_way(camvid_dir):
    images = _of_one_example(camvid_dir, seed=5)
    assert len(images) == 9
    assert not any(np.array_equal(*pair) for pair in itertools.combinations(images, 2))


def test_another_seed_changes_the_same_example_in_another_way(camvid_dir):
    pairs = zip(_of_one_example(camvid_dir, seed=5), _of_one_example(camvid_dir, seed=6), strict=True)
    assert not any(np.array_equal(first, other) for first, other in pairs)


def test_evaluation_shows_everything_once_in_order_unchanged(camvid_dir):
    pairs = list(pipeline.evaluation_examples(CAMVID, CAMVID.list_examples(camvid_dir, "train")))
    assert [int(label[0, 0]) for _, label in pairs] == [0, 1, 2, 3, 4, 5]
    assert all(image.dtype == tf.uint8 and image.shape == (64, 96, 3) for image, _ in pairs)


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
    with pytest.raises(InputError, match="p3.png: is missing, damaged or truncated"):
        read()
