"""Digests of examples: content counts, times and folders do not. Class tables: the meaning counts, not the writing."""

import os
import shutil

import pytest

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.fingerprint import class_table_settings, example_digests
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError


def _digests(folder):
    return example_digests(get_dataset("camvid").list_examples(folder, "train"))


def test_a_copy_has_the_same_digests_and_a_changed_label_another(camvid_dir, tmp_path):
    before = _digests(camvid_dir)
    copy = shutil.copytree(camvid_dir, tmp_path / "copy", copy_function=shutil.copy)
    assert _digests(copy) == before

    label = sorted((copy / "trainannot").glob("*.png"))[1]
    content = bytearray(label.read_bytes())
    times = label.stat()
    content[-20] ^= 1
    label.write_bytes(content)
    os.utime(label, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = [place for place, (one, other) in enumerate(zip(before, _digests(copy), strict=True)) if one != other]
    assert changed == [1]
    assert before[1][:2] == _digests(copy)[1][:2]  # name and image


@pytest.mark.parametrize("place", [0, 65_535, -65_536, -1])
def test_both_ends_of_a_large_image_count(tmp_path, place):
    path = tmp_path / "large.bmp"
    content = bytearray(300_000)
    path.write_bytes(content)
    example = Example("large", str(path), None)
    [before] = example_digests([example])
    content[place] = 1
    path.write_bytes(content)
    [after] = example_digests([example])
    assert before[0] == after[0] == "large" and before[1] != after[1] and before[2] is after[2] is None


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match="absent.png: cannot be read"):
        example_digests([Example("absent", str(tmp_path / "absent.png"), None)])


_TABLE = {"classes": [{"name": "road"}, {"name": "car"}], "image_size": [4, 6]}


def _of(**changes):
    return class_table_settings(get_dataset("folder", _TABLE | changes))


def test_a_class_table_is_recorded_by_what_it_means():
    assert _of() == {
        "classes[0].name": "road", "classes[0].value": [0],
        "classes[1].name": "car", "classes[1].value": [1],
        "ignored": [255], "image_size": [4, 6],
        "older_hashes": ["7252d7d5", "21e05886"],
    }  # fmt: skip
    colors = [{"name": "road", "color": [[9, 0, 0], [0, 7, 0]]}, {"name": "car", "color": [1, 2, 3]}]
    assert {**_of(classes=colors), "older_hashes": None} == {
        "classes[0].name": "road", "classes[0].color": [[0, 7, 0], [9, 0, 0]],
        "classes[1].name": "car", "classes[1].color": [[1, 2, 3]],
        "ignored": [], "image_size": [4, 6], "older_hashes": None,
    }  # fmt: skip
    assert class_table_settings(get_dataset("camvid")) is None


@pytest.mark.parametrize(
    ("changes", "different"),
    [
        ({"ignored": [255]}, []),
        ({"images": "images/{split}/*", "labels": "labels/{split}/*"}, []),
        ({"classes": [{"name": "road", "value": 0, "color": [1, 2, 3]}, {"name": "car", "value": [1]}]}, []),
        ({"classes": [{"name": "road", "category": "flat"}, {"name": "car"}]}, []),
        ({"ignored": [9, 255]}, ["ignored"]),
        ({"image_size": [4, 8]}, ["image_size"]),
        ({"classes": [{"name": "road"}, {"name": "truck"}]}, ["classes[1].name"]),
        ({"classes": [{"name": "road", "value": 0}, {"name": "car", "value": [1, 2]}]}, ["classes[1].value"]),
    ],
)
def test_only_changes_of_the_meaning_count(changes, different):
    one, other = _of(), _of(**changes)
    assert [key for key in one if key != "older_hashes" and one[key] != other[key]] == different
