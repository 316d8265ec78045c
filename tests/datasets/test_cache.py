"""The cache gives what the files give, says what it takes, and notices when files change."""

import os
import shutil

import cv2
import numpy as np
import pytest
import tensorflow as tf

from contextnet_tf.datasets import cache, pipeline
from contextnet_tf.datasets.augment import Augmentation
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.example_reader import ExampleReader
from contextnet_tf.errors import InputError

CAMVID = get_dataset("camvid")
DECODED = 64 * 96 * 4  # bytes of an image and its label


@pytest.fixture
def examples(camvid_dir):
    """Six examples whose pixels all differ."""
    rng = np.random.default_rng(0)
    for i in range(6):
        cv2.imwrite(str(camvid_dir / "train" / f"p{i}.png"), rng.integers(0, 256, (64, 96, 3), np.uint8))
        cv2.imwrite(str(camvid_dir / "trainannot" / f"p{i}.png"), rng.integers(0, 12, (64, 96), np.uint8))
    return CAMVID.list_examples(camvid_dir, "train")


def _batches(examples, images, last_step=6):
    return list(
        pipeline.training_batches(
            CAMVID, examples, augmentation=Augmentation(), crop_size=(32, 32), batch_size=2, seed=1,
            first_step=0, last_step=last_step, cache=images,
        )
    )  # fmt: skip


def _assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys() == {"image", "label"}
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


def _files(folder):
    return sorted(folder.glob("*.pixels"))


def _remove_files(examples):
    for example in examples:
        os.remove(example.image_path)
        os.remove(example.label_path)


def test_memory_gives_the_batches_of_the_files(examples):
    plain = _batches(examples, None)
    images = cache.memory_cache(examples)
    assert (images.images, images.missing_bytes) == (6, 6 * DECODED)
    _assert_same(plain, _batches(examples, images))
    _remove_files(examples)
    _assert_same(plain, _batches(examples, images))


def test_disk_gives_the_batches_of_the_files_and_is_found_again(examples, tmp_path):
    plain = _batches(examples, None)
    first = cache.disk_cache(tmp_path / "cache", CAMVID, examples)
    assert first.missing_bytes == 6 * (DECODED + 64)
    _assert_same(plain, _batches(examples, first))
    assert [path.name.partition(".")[0] for path in _files(tmp_path / "cache")] == [f"p{i}" for i in range(6)]
    found = cache.disk_cache(tmp_path / "cache", CAMVID, examples)
    assert found.missing_bytes == 0
    _remove_files(examples)
    _assert_same(plain, _batches(examples, found))


def test_an_interrupted_filling_goes_on(examples, tmp_path):
    plain = _batches(examples, None)
    _batches(examples, cache.disk_cache(tmp_path, CAMVID, examples))
    _, missing, cut, empty, short, _ = _files(tmp_path)
    missing.unlink()
    whole = cut.read_bytes()
    cut.write_bytes(whole[:-1])
    empty.write_bytes(b"")
    short.write_bytes(whole[:10])
    found = cache.disk_cache(tmp_path, CAMVID, examples)
    assert found.missing_bytes == 4 * (DECODED + 64)
    _assert_same(plain, _batches(examples, found))
    assert cut.read_bytes() == whole


def test_a_changed_file_or_label_table_is_noticed(examples, tmp_path):
    _batches(examples, cache.disk_cache(tmp_path, CAMVID, examples))
    os.utime(examples[0].label_path, ns=(1, 1))
    cv2.imwrite(examples[1].image_path, np.zeros((32, 96, 3), np.uint8))
    cv2.imwrite(examples[1].label_path, np.zeros((32, 96), np.uint8))
    changed = cache.disk_cache(tmp_path, CAMVID, examples)
    assert changed.missing_bytes == DECODED + 32 * 96 * 4 + 2 * 64
    _assert_same(_batches(examples, None), _batches(examples, changed))
    assert cache.disk_cache(tmp_path, CAMVID, examples).missing_bytes == 0
    other_table = cache.disk_cache(tmp_path, get_dataset("cityscapes"), examples)
    assert other_table.missing_bytes == 5 * DECODED + 32 * 96 * 4 + 6 * 64


def test_examples_of_two_splits_may_have_the_same_names(camvid_dir, tmp_path):
    examples = [x for split in ("train", "val") for x in CAMVID.list_examples(camvid_dir, split)]
    assert [example.name for example in examples] == ["p0", "p1", "p2", "p3", "p4", "p5", "p0", "p1"]
    _batches(examples, cache.disk_cache(tmp_path / "cache", CAMVID, examples), last_step=4)  # each example once
    assert cache.disk_cache(tmp_path / "cache", CAMVID, examples).missing_bytes == 0


def test_images_that_are_no_png_count_as_large_as_they_are(examples):
    image = examples[0].image_path
    os.remove(image)
    cv2.imwrite(f"{image}.jpg", np.zeros((10, 20, 3), np.uint8))
    os.rename(f"{image}.jpg", image)
    assert cache.memory_cache(examples).missing_bytes == 5 * DECODED + 800


def test_what_does_not_fit_is_refused(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_free_memory", lambda: 6 * DECODED - 1)
    with pytest.raises(InputError, match=r"`cache=memory`: 6 decoded images take 0.15 MB, 0.15 MB of memory are free"):
        cache.memory_cache(examples)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(InputError, match=r"6 decoded images take 0.15 MB more, 1.0 kB are free on that disk"):
        cache.disk_cache(tmp_path / "cache", CAMVID, examples)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: cannot be written as a folder"):
        cache.disk_cache(tmp_path / "file", CAMVID, examples)


def test_free_memory_is_that_of_this_machine():
    assert 10**7 < cache._free_memory() < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_disk_that_fills_up_ends_in_one_line(examples, tmp_path, monkeypatch):
    images = cache.disk_cache(tmp_path, CAMVID, examples)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(images.store, "put", full)
    with pytest.raises(InputError, match="the cache cannot be written: .*No space left on device"):
        _batches(examples, images)


def test_bad_files_are_named_through_a_cache(examples):
    cv2.imwrite(examples[3].label_path, np.full((64, 96), 77, np.uint8))
    with pytest.raises(InputError, match="p3.png: label value 77 is not in the table"):
        _batches(examples, cache.memory_cache(examples))


def test_missing_files_are_named(examples):
    os.remove(examples[2].image_path)
    with pytest.raises(InputError, match="p2.png: cannot be read"):
        cache.memory_cache(examples)


def test_another_dataset_of_equal_names_sizes_and_times_is_not_taken_for_it(tmp_path):
    two = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}]})
    for name, gray in (("A", 30), ("B", 200)):
        for folder, pixels in (("images", np.full((8, 8, 3), gray, np.uint8)), ("labels", np.zeros((8, 8), np.uint8))):
            (tmp_path / name / folder / "train").mkdir(parents=True)
            path = tmp_path / name / folder / "train" / "p.bmp"
            cv2.imwrite(str(path), pixels)
            os.utime(path, (1e9, 1e9))
    for name, gray, missing in (("A", 30, 8 * 8 * 4 + 64), ("B", 200, 8 * 8 * 4 + 64), ("A", 30, 0)):
        examples = two.list_examples(tmp_path / name, "train")
        store = cache.disk_cache(tmp_path / "cache", two, examples)
        assert store.missing_bytes == missing
        image, _ = store.through(tf.constant(0, tf.int64), lambda e=examples: ExampleReader(two, e)(tf.constant(0)))
        assert image.numpy().min() == image.numpy().max() == gray
