"""Finding and reading examples, and one clear line for each thing that can be wrong with them."""

import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import dataset_names, get_dataset
from contextnet_tf.datasets.pipeline import evaluation_examples
from contextnet_tf.datasets.sources.cityscapes import CITIES
from contextnet_tf.datasets.sources.example import evenly_spread
from contextnet_tf.errors import InputError

CAMVID = get_dataset("camvid")
CITYSCAPES = get_dataset("cityscapes")


def test_cityscapes_examples(cityscapes_dir):
    examples = CITYSCAPES.list_examples(cityscapes_dir, "train")
    assert [e.name for e in examples] == ["bonn_000000_000019", "bonn_000001_000019"]
    sources.check_files(examples)
    image, label = sources.read_example(examples[1], CITYSCAPES)
    assert image.shape == (32, 64, 3) and (image == 101).all()
    np.testing.assert_array_equal(label[:2, 0], [255, 1])  # id 3 is ignored, id 8 (sidewalk) is train id 1


def test_camvid_examples(camvid_dir):
    examples = CAMVID.list_examples(camvid_dir, "train")
    assert [e.name for e in examples] == ["p0", "p1", "p2", "p3", "p4", "p5"]
    image, label = sources.read_example(examples[3], CAMVID)
    assert (image == 70).all() and (label == 3).all()


def test_camvid_list_with_absolute_paths_of_another_machine(camvid_dir):
    (camvid_dir / "val.txt").write_text("/SegNet/CamVid/val/p1.png /SegNet/CamVid/valannot/p1.png\n")
    assert [e.name for e in CAMVID.list_examples(camvid_dir, "val")] == ["p1"]


def test_missing_empty_and_foreign_folders(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "readme.txt").write_text("no images")
    for dataset in (CAMVID, CITYSCAPES):
        refused("absent: is not a folder", dataset.list_examples, tmp_path / "absent", "train")
        refused("empty: is empty", dataset.list_examples, tmp_path / "empty", "train")
    refused(
        "foreign: has no folder leftImg8bit; set `data_dir` to a folder with Cityscapes' layout",
        CITYSCAPES.list_examples,
        tmp_path / "foreign",
        "train",
    )
    refused(
        "foreign: has no train.txt; set `data_dir` to a folder with one of CamVid's layouts",
        CAMVID.list_examples,
        tmp_path / "foreign",
        "train",
    )


def test_split_without_images(cityscapes_dir, camvid_dir):
    refused("no images of the split 'val'", CITYSCAPES.list_examples, cityscapes_dir, "val")
    (camvid_dir / "val.txt").write_text("\n")
    refused("val.txt: lists no images", CAMVID.list_examples, camvid_dir, "val")


def _cities(root, split, counts, label):
    """Empty image files `counts` by city, with labels of 2 x 2 pixels of the one value `label` (None: without)."""
    for city, count in counts.items():
        for folder in ("leftImg8bit", "gtFine"):
            (root / folder / split / city).mkdir(parents=True)
        for i in range(count):
            (root / "leftImg8bit" / split / city / f"{city}_{i:06d}_000019_leftImg8bit.png").touch()
            if label is not None:
                path = root / "gtFine" / split / city / f"{city}_{i:06d}_000019_gtFine_labelIds.png"
                cv2.imwrite(str(path), np.full((2, 2), label, np.uint8))


@pytest.mark.parametrize("label", [None, 3], ids=["no labels", "placeholders"])
def test_the_test_split_of_cityscapes_has_no_labels(tmp_path, label):
    _cities(tmp_path, "test", {"bonn": 2}, label)
    examples = CITYSCAPES.list_examples(tmp_path, "test")
    assert [(e.name, e.label_path) for e in examples] == [("bonn_000000_000019", None), ("bonn_000001_000019", None)]
    with pytest.raises(InputError, match="bonn_000000_000019_leftImg8bit.png: has no label"):
        list(evaluation_examples(CITYSCAPES, examples))
    _cities(tmp_path, "val", {"lindau": 1}, None)
    refused("lindau_000000_000019_leftImg8bit.png: has no label file", CITYSCAPES.list_examples, tmp_path, "val")


def test_a_test_split_with_real_labels_keeps_them(tmp_path):
    _cities(tmp_path, "test", {"bonn": 1}, 7)
    assert CITYSCAPES.list_examples(tmp_path, "test")[0].label_path.endswith("bonn_000000_000019_gtFine_labelIds.png")


def test_missing_images_are_counted_city_by_city(tmp_path):
    _cities(tmp_path, "val", {"frankfurt": 1, "lindau": 59, "paris": 2}, 7)
    examples = CITYSCAPES.list_examples(tmp_path, "val")
    assert CITYSCAPES.missing_examples_note("val", examples) == (
        "cityscapes val: 62 of 500 examples are there: frankfurt 1 of 267, munster 0 of 174, paris 2 of 0"
    )
    assert CAMVID.missing_examples_note("val", examples) == "camvid val: 62 of 101 examples are there"
    assert get_dataset("streets").missing_examples_note("val", examples) is None


def test_the_cities_add_up_to_the_splits():
    counts = {split: sum(cities.values()) for split, cities in CITIES.items()}
    assert counts == {"train": 2975, "val": 500, "test": 1525}


def test_one_name_in_two_cities(cityscapes_dir):
    again = cityscapes_dir / "leftImg8bit" / "train" / "ulm"
    again.mkdir()
    (again / "bonn_000000_000019_leftImg8bit.png").touch()
    message = "train/ulm/bonn_000000_000019_leftImg8bit.png: has the same name as .*bonn/bonn_000000_000019"
    refused(message, CITYSCAPES.list_examples, cityscapes_dir, "train")


def test_image_without_label_and_the_reverse(cityscapes_dir, camvid_dir):
    label = next((cityscapes_dir / "gtFine").rglob("bonn_000001*"))
    image = next((cityscapes_dir / "leftImg8bit").rglob("bonn_000000*"))
    kept = label.read_bytes()
    label.unlink()
    refused("bonn_000001_000019_leftImg8bit.png: has no label", CITYSCAPES.list_examples, cityscapes_dir, "train")
    label.write_bytes(kept)
    image.unlink()
    message = "bonn_000000_000019_gtFine_labelIds.png: has no image"
    refused(message, CITYSCAPES.list_examples, cityscapes_dir, "train")
    (camvid_dir / "trainannot" / "p2.png").unlink()
    refused(r"trainannot/p2.png: is listed in .*train.txt:3 but missing", CAMVID.list_examples, camvid_dir, "train")
    (camvid_dir / "val" / "p1.png").unlink()
    refused(r"val/p1.png: is listed in .*val.txt:2 but missing", CAMVID.list_examples, camvid_dir, "val")


def test_list_with_a_line_that_is_no_pair(camvid_dir):
    (camvid_dir / "train.txt").write_text("train/p0.png\n")
    refused("train.txt:1: expected a pair", CAMVID.list_examples, camvid_dir, "train")


def test_truncated_file_is_named(camvid_dir):
    path = camvid_dir / "train" / "p4.png"
    path.write_bytes(path.read_bytes()[:-20])
    examples = CAMVID.list_examples(camvid_dir, "train")
    refused("p4.png: is missing, damaged or truncated .the PNG data are truncated", sources.check_files, examples)


def test_file_that_is_no_png_is_named(camvid_dir):
    (camvid_dir / "train" / "p1.png").write_bytes(b"not an image at all, but long enough for a header")
    examples = CAMVID.list_examples(camvid_dir, "train")
    message = "train/p1.png: is not an image of a supported format, or its start is damaged; convert it to PNG, or copy"
    refused(message, sources.check_files, examples)
    refused(message, sources.read_example, examples[1], CAMVID)


def test_label_of_another_size_is_named(camvid_dir):
    cv2.imwrite(str(camvid_dir / "trainannot" / "p5.png"), np.zeros((64, 95), np.uint8))
    examples = CAMVID.list_examples(camvid_dir, "train")
    message = r"trainannot/p5.png: the label is 95 x 64 pixels, its image .*train/p5.png is 96 x 64"
    refused(message, sources.check_files, examples)
    refused(message, sources.read_example, examples[5], CAMVID)


def test_label_value_outside_the_table_is_named(camvid_dir):
    label = np.zeros((64, 96), np.uint8)
    label[5, 5], label[6, 6] = 12, 200
    cv2.imwrite(str(camvid_dir / "trainannot" / "p0.png"), label)
    examples = CAMVID.list_examples(camvid_dir, "train")
    refused("trainannot/p0.png: label value 12, 200 is not in the table", sources.read_example, examples[0], CAMVID)


def test_colored_label_is_refused_where_labels_are_values(cityscapes_dir):
    examples = CITYSCAPES.list_examples(cityscapes_dir, "train")
    cv2.imwrite(examples[0].label_path, np.zeros((32, 64, 3), np.uint8))
    refused("one 8-bit value per pixel, this one has 3 x uint8", sources.read_example, examples[0], CITYSCAPES)


def test_catalog():
    assert dataset_names() == ["camvid", "cityscapes", "streets"]
    assert (CITYSCAPES.num_classes, get_dataset("streets").num_classes, CAMVID.num_classes) == (19, 19, 11)
    # Section 3.2: 2,975 + 500 + 1,525 = 5,000 images.
    assert CITYSCAPES.split_sizes == {"train": 2975, "val": 500, "test": 1525}
    names = [label.name for label in CITYSCAPES.classes]
    # Table 5's order of the columns.
    assert names == (
        "road,sidewalk,building,wall,fence,pole,traffic light,traffic sign,vegetation,terrain,sky,person,rider,"
        "car,truck,bus,train,motorcycle,bicycle"
    ).split(",")
    np.testing.assert_array_equal(CITYSCAPES.palette[[0, 13, 18]], [[128, 64, 128], [0, 0, 142], [119, 11, 32]])
    refused(re.escape("'kitti' is not a known dataset; choose from camvid, cityscapes, streets"), get_dataset, "kitti")


def test_train_ids_of_cityscapes():
    table = sources.train_id_table(CITYSCAPES.labels)
    # id -> train id, from the published table: 7 road 0, 11 building 2, 17 pole 5, 26 car 13, 33 bicycle 18.
    np.testing.assert_array_equal(table[[0, 7, 8, 11, 17, 26, 29, 33, 34, 255]], [255, 0, 1, 2, 5, 13, 255, 18, -1, -1])


def test_items_spread_evenly():
    assert evenly_spread("abcdefghi", 3) == ["b", "e", "h"]
    assert evenly_spread("ab", 5) == ["a", "b"]
    assert evenly_spread([], 3) == []
    assert evenly_spread("ab", 0) == []


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 300), st.integers(1, 30))
def test_spread_items_are_different_and_in_order(size, count):
    chosen = evenly_spread(range(size), count)
    assert len(chosen) == min(size, count) and chosen == sorted(set(chosen))
