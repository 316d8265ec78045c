"""A dataset of one's own: classes.json, patterns and lists."""

import json
import re

import cv2
import numpy as np
import pytest
from folders import write_streets
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.class_table import read_class_table

TWO = [{"name": "road", "value": 7}, {"name": "car", "value": [26, 27]}]


@pytest.fixture
def own(tmp_path):
    """Images images/train/{0,1}.jpg, images/train/deep/0.jpg and labels/... .png of 32 x 64, filled with 7."""
    for name in ("train/0", "train/1", "train/deep/0", "val/0", "test/0"):
        for folder, suffix, pixels in (("images", "jpg", (32, 64, 3)), ("labels", "png", (32, 64))):
            path = tmp_path / "own" / folder / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if (folder, name) != ("labels", "test/0"):
                cv2.imwrite(str(path), np.full(pixels, 7, np.uint8))
    (tmp_path / "own" / "images" / "train" / "Thumbs.db").write_text("no image")
    return tmp_path / "own"


def test_a_folder_with_the_default_layout(own):
    dataset = get_dataset("folder", {"classes": TWO})
    examples = dataset.list_examples(own, "train")
    assert [e.name for e in examples] == ["0", "1", "deep_0"]
    assert examples[2].image_path == str(own / "images/train/deep/0.jpg")
    assert examples[2].label_path == str(own / "labels/train/deep/0.png")
    image, label = sources.read_example(examples[0], dataset)
    assert image.shape == (32, 64, 3) and (label == 0).all()
    assert [e.label_path for e in dataset.list_examples(own, "test")] == [None]
    measured = dataset.measured(examples[0])
    assert measured.image_size == (32, 64)
    # What a run records makes the same dataset again.
    again = get_dataset("folder", json.loads(json.dumps(measured.class_table)))
    assert (again.labels, again.image_size) == (dataset.labels, (32, 64))


def test_drawn_streets_as_a_folder_of_ones_own(tmp_path):
    folder = write_streets(tmp_path, {"train": 2, "val": 1})
    class_table = {
        "classes": TWO,
        "ignored": [value for value in range(34) if value not in (7, 26, 27)],
        "images": "leftImg8bit/{split}/*/*_leftImg8bit.png",
        "labels": "gtFine/{split}/*/*_gtFine_labelIds.png",
    }
    dataset, streets = get_dataset("folder", class_table), get_dataset("streets")
    examples, expected = dataset.list_examples(folder, "train"), streets.list_examples(folder, "train")
    assert [e.name for e in examples] == [f"drawntrain_{e.name}" for e in expected]
    for example, other in zip(examples, expected, strict=True):
        image, label = sources.read_example(example, dataset)
        expected_image, expected_label = sources.read_example(other, streets)
        np.testing.assert_array_equal(image, expected_image)
        np.testing.assert_array_equal(label == 0, expected_label == 0)
        np.testing.assert_array_equal(label == 1, (expected_label == 13) | (expected_label == 14))  # car, truck


def test_a_list_of_pairs(own):
    dataset = get_dataset("folder", {"classes": TWO, "list": "lists/{split}.txt"})
    refused("lists/train.txt: is missing; it must list the split's pairs", dataset.list_examples, own, "train")
    (own / "lists").mkdir()
    (own / "lists/train.txt").write_text("images/train/1.jpg labels/train/1.png\n\nimages/val/0.jpg labels/val/0.png\n")
    assert [e.name for e in dataset.list_examples(own, "train")] == ["1", "0"]
    (own / "lists/train.txt").write_text(
        "images/train/0.jpg labels/train/0.png\nimages/val/0.jpg labels/val/0.png\nimages/train/1.jpg\n"
        "images/train/1.jpg labels/train/9.png\n"
    )
    problems = dataset.listing(own, "train").problems
    assert [re.sub(r".*/", "", problem.split(": ")[0]) for problem in problems] == [
        "train.txt:2",
        "train.txt:3",
        "9.png",
    ]
    refused(r"lists a second image of the name '0' \(2 more such problems\)", dataset.list_examples, own, "train")
    (own / "lists/train.txt").write_bytes(b"\xff\xfe\x00")
    refused("train.txt: cannot be read as a list", dataset.list_examples, own, "train")


def test_files_without_partner_and_names_that_occur_twice(own):
    dataset = get_dataset("folder", {"classes": TWO})
    (own / "labels/train/1.png").unlink()
    (own / "images/train/deep/0.jpg").unlink()
    cv2.imwrite(str(own / "images/train/0.bmp"), np.zeros((32, 64, 3), np.uint8))
    problems = dataset.listing(own, "train").problems
    assert len(problems) == 3
    assert "train/0.jpg: has the same name as" in problems[0]
    assert problems[1].endswith("train/1.jpg: has no label file; expected 1 under labels/train/**/*")
    assert "deep/0.png: has no image; expected deep_0 under images/train/**/*" in problems[2]
    refused("has no images of the split 'night'; looked for images/night", dataset.list_examples, own, "night")


def test_the_pattern_of_labels_with_an_ending_is_suggested_once(own):
    for path in (own / "labels").rglob("*.png"):
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    listing = get_dataset("folder", {"classes": TWO}).listing(own, "train")
    assert listing.problems == [
        f"{own}: no label of the split 'train' has the name of an image, but all end in '_mask'; set "
        '"labels": "labels/{split}/**/*_mask.*" in the class table'
    ]
    for pattern in ("labels/{split}/**/*_mask.*", "labels/{split}/**/*.png"):
        dataset = get_dataset("folder", {"classes": TWO, "labels": pattern})
        listing = dataset.listing(own, "train")
        assert [len(listing.examples), len(listing.problems)] == ([3, 0] if "_mask" in pattern else [0, 1])
    assert '"labels": "labels/{split}/**/*_mask.png"' in listing.problems[0]
    (own / "labels/train/9.png").touch()  # not all have the ending: one problem a file
    assert len(get_dataset("folder", {"classes": TWO}).listing(own, "train").problems) == 7


@pytest.mark.parametrize(
    ("images", "labels", "image"),
    [("{split}/*.png", "{split}/*_mask.png", "a.png"), ("{split}/*_photo.png", "{split}/*.png", "a_photo.png")],
)
def test_images_and_labels_in_one_folder(tmp_path, images, labels, image):
    label = "a.png" if "photo" in image else "a_mask.png"
    (tmp_path / "train").mkdir()
    for name in (image, label, "lone_photo.png" if "photo" in image else "lone.png"):
        cv2.imwrite(str(tmp_path / "train" / name), np.zeros((8, 8, 3), np.uint8))
    listing = get_dataset("folder", {"classes": TWO, "images": images, "labels": labels}).listing(tmp_path, "train")
    assert [(x.name, x.image_path, x.label_path) for x in listing.examples] == [
        ("a", f"{tmp_path}/train/{image}", f"{tmp_path}/train/{label}")
    ]
    assert len(listing.problems) == 1 and "lone" in listing.problems[0] and "has no label file" in listing.problems[0]


def test_every_key_of_classes_json_acts(own):
    """The keys of prepared datasets are tested in test_prepared.py."""
    label = np.array([[7, 26], [27, 3]], np.uint8)
    cv2.imwrite(str(own / "masks.png"), label)
    first = {"name": "road", "value": 7, "color": [1, 2, 3], "category": "flat"}
    table = {"classes": [first, {"name": "car", "value": [26, 27]}], "ignored": [3], "image_size": [11, 22]}
    dataset = get_dataset("folder", table)
    assert sources.read_label(own / "masks.png", dataset).tolist() == [[0, 1], [1, 255]]  # value, ignored
    assert [x.name for x in dataset.classes] == ["road", "car"] and dataset.palette[0].tolist() == [1, 2, 3]
    assert [x.category for x in dataset.classes] == ["flat", "car"]
    (example, *_) = dataset.list_examples(own, "train")
    assert dataset.measured(example).known_size == (11, 22)  # image_size
    colors = {"classes": [{"name": "a", "color": [0, 0, 7]}, {"name": "b", "color": [9, 9, 9]}], "ignored": [[1, 1, 1]]}
    cv2.imwrite(str(own / "colors.png"), np.array([[[7, 0, 0], [9, 9, 9], [1, 1, 1]]], np.uint8))  # OpenCV's BGR
    assert sources.read_label(own / "colors.png", get_dataset("folder", colors)).tolist() == [[0, 1, 255]]
    patterns = {"images": "images/{split}/*.jpg", "labels": "labels/{split}/*.png"}
    for written in (patterns, {key: pattern.replace("/", "\\") for key, pattern in patterns.items()}):  # as on Windows
        assert [e.name for e in get_dataset("folder", table | written).list_examples(own, "train")] == ["0", "1"]
    (own / "train.csv").write_text("images/train/deep/0.jpg labels/train/deep/0.png\n")
    listed = get_dataset("folder", table | {"list": "{split}.csv"})
    assert [e.image_path for e in listed.list_examples(own, "train")] == [f"{own}/images/train/deep/0.jpg"]


@pytest.mark.parametrize("split", ["", "*", "tr?in", "[a-z]rain", "../train", "train/deep", "..", "{split}"])
def test_a_split_is_a_plain_name(own, split):
    refused("is not the name of a split", get_dataset("folder", {"classes": TWO}).list_examples, own, split)


def test_an_image_is_not_its_own_label(own):
    (own / "train.txt").write_text("labels/train/0.png labels/train/0.png\n")
    dataset = get_dataset("folder", {"classes": TWO, "list": "{split}.txt"})
    refused("train.txt:1: lists .*0.png as its own label", dataset.list_examples, own, "train")


def test_a_table_as_other_programs_write_it(tmp_path):
    path = tmp_path / "classes.json"
    path.write_bytes("\ufeff".encode() + json.dumps({"classes": TWO}, indent=2).replace("\n", "\r\n").encode())
    assert get_dataset("folder", path).num_classes == 2
    path.write_text('{"classes": [{"name": "a", "value": 1, "value": 2}, {"name": "b", "value": 3}]}')
    refused("classes.json: is not JSON .the key 'value' is given twice", get_dataset, "folder", path)
    path.write_text("[" * 100_000)
    refused("classes.json: is not JSON", get_dataset, "folder", path)
    path.write_text('{"classes": [\n  {"name": "a"},\n  {"name": "b"},\n]}')
    refused("classes.json: is not JSON .*line [34] column", get_dataset, "folder", path)


def test_classes_without_values_or_colors_are_numbered():
    dataset = get_dataset("folder", {"classes": [{"name": "ground"}, {"name": "rim", "category": "edge"}]})
    assert [(label.id, label.train_id, label.name) for label in dataset.labels] == [
        (0, 0, "ground"), (1, 1, "rim"), (255, 255, "ignored"),
    ]  # fmt: skip
    assert [label.category for label in dataset.classes] == ["ground", "edge"]
    # By hand: hues of 0 and 222.5 degrees.
    assert dataset.num_classes == 2 and dataset.palette.tolist() == [[210, 45, 45], [36, 67, 143]]


def test_one_class_may_have_several_values():
    dataset = get_dataset("folder", {"classes": TWO, "ignored": []})
    assert [(label.id, label.train_id) for label in dataset.labels] == [(7, 0), (26, 1), (27, 1)]
    assert [label.name for label in dataset.classes] == ["road", "car"]


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 254))
def test_colors_to_show_classes_by_differ(count):
    dataset = get_dataset("folder", {"classes": [{"name": str(i)} for i in range(count)]})
    assert len({label.color for label in dataset.classes}) == count


@pytest.mark.parametrize(
    ("class_table", "message"),
    [
        ([], r"must be an object such as"),
        ({}, r"classes must be a list of 2 to 254 classes"),
        ({"classes": [{"name": "road"}]}, r"classes must be a list of 2 to 254"),
        ({"classes": TWO, "ignore": [0]}, r"ignore is not a known key; choose from classes, ignored, images"),
        ({"classes": [*TWO, "sky"]}, r"classes\[2\] must be an object"),
        ({"classes": [*TWO, {"value": 1}]}, r"classes\[2\].name is missing"),
        ({"classes": [*TWO, {"name": 3, "value": 1}]}, r"classes\[2\].name must be a text, not 3"),
        ({"classes": [*TWO, {"name": "car", "value": 1}]}, r"classes\[2\].name 'car' is the name of another class"),
        ({"classes": [*TWO, {"name": "car ", "value": 1}]}, r"classes\[2\].name 'car ' is the name of another class"),
        ({"classes": [{"name": "u\u0308", "value": 0}, {"name": "\u00fc", "value": 1}]}, r"classes\[1\].name 'ü' is"),
        ({"classes": [*TWO, {"name": "a\nb", "value": 1}]}, r"classes\[2\].name 'a\\nb' has a character"),
        ({"classes": [*TWO, {"name": "\ud800", "value": 1}]}, r"classes\[2\].name '\\ud800' has a character"),
        ({"classes": [*TWO, {"name": "sky", "colr": [1, 2, 3]}]}, r"classes\[2\].colr is not a known key"),
        ({"classes": [*TWO, {"name": "sky"}]}, r"classes\[2\].value is missing; all classes have a value, or none"),
        ({"classes": [*TWO, {"name": "sky", "value": 256}]}, r"classes\[2\].value must be a whole number from 0 to"),
        ({"classes": [*TWO, {"name": "sky", "value": True}]}, r"classes\[2\].value must be a whole number"),
        ({"classes": [*TWO, {"name": "sky", "value": []}]}, r"classes\[2\].value must be"),
        ({"classes": [*TWO, {"name": "sky", "value": 27}]}, r"classes\[2\].value 27 belongs to 'car' already"),
        ({"classes": TWO, "ignored": [255, 7]}, r"ignored 7 belongs to 'road' already"),
        ({"classes": TWO, "ignored": [[0, 0, 0]]}, r"ignored must be a whole number"),
        ({"classes": [{"name": "a", "color": [1, 2, 3]}, {"name": "b"}]}, r"classes\[1\].color is missing"),
        ({"classes": [{"name": "a", "color": [1, 2]}, {"name": "b", "color": [1, 2, 3]}]},
         r"classes\[0\].color must be a color \[R, G, B\]"),
        ({"classes": [{"name": "a", "color": [1, 2, 3]}, {"name": "b", "color": [[1, 2, 3]]}]},
         r"classes\[1\].color \(1, 2, 3\) belongs to 'a' already"),
        ({"classes": TWO, "images": "images/*.png"}, r"images must be relative to `data_dir`, with \{split\}"),
        ({"classes": TWO, "labels": "/labels/{split}/*"}, r"labels must be relative"),
        ({"classes": TWO, "labels": "labels/{split}/x.png"}, r"labels must be relative .* one \* for the name"),
        ({"classes": TWO, "list": "train.txt"}, r"list must name a file for each split"),
        ({"classes": TWO, "list": "{split}.txt", "images": "i/{split}/*"}, r"list and the patterns .* exclude each"),
        ({"classes": TWO, "image_size": [0, 5]}, r"image_size must be \[height, width\]"),
        ({"classes": TWO, "image_key": ""}, r"image_key must be a text"),
    ],
)  # fmt: skip
def test_a_wrong_class_table_is_refused_by_its_key(tmp_path, class_table, message):
    path = tmp_path / "classes.json"
    path.write_text(json.dumps(class_table))
    refused(f"classes.json: {message}", read_class_table, path)


def test_class_tables_that_are_missing_or_too_many(tmp_path):
    refused("needs a class table; set `classes=classes.json`", get_dataset, "folder")
    refused("'camvid' has classes of its own; leave out `classes`", get_dataset, "camvid", {"classes": TWO})
    (tmp_path / "classes.json").write_text("{")
    refused("classes.json: is not JSON", get_dataset, "folder", tmp_path / "classes.json")
    refused("set `data_dir` to the folder", get_dataset("folder", {"classes": TWO}).list_examples, None, "train")
