"""check_data as a person calls it."""

import base64
import json
import re

import cv2
import numpy as np
from prepared_sets import MASKS, prepare_masks

from experiments import check_data


def test_a_sound_data_set(camvid_dir, call, tmp_path):
    called = call(check_data, "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={tmp_path / 'out'}")
    assert called.status == 0
    lines = called.out.splitlines()
    assert lines[0] == "train   6 examples, 0.00% of the pixels ignored"
    # A sixth of the pixels, one image of six, and in the crops of one image in six.
    assert [line.split() for line in lines if line.startswith("sky ")] == [
        ["sky", "16.67%", "1", "50.00%", "1", "16.7%"]
    ]
    assert any(line.startswith("crops of 64 x 96 (height x width), 204 drawn: 0.0% of their pixels") for line in lines)
    assert "in less than 5% of the crops: sign_symbol, fence, car, pedestrian, bicyclist" in lines
    assert "warning: camvid train: 6 of 367 examples are there" in lines
    assert any(line.startswith("warning: test is left out: ") for line in lines)
    assert lines[-1] == "0 errors, 7 warnings"
    assert "reading: 100%" in called.err
    report = json.loads((tmp_path / "out" / "check_data.json").read_text())
    assert report["class_pixels"]["val"] == [6144, 6144] + [0] * 9 and report["crops"]["size"] == [64, 96]
    assert b"bicyclist" in (tmp_path / "out" / "class_frequencies.svg").read_bytes()


def test_crops_are_those_of_the_recipe(camvid_dir, call):
    common = ("--dataset=camvid", f"--data_dir={camvid_dir}")
    # At half the scale, an image fills a quarter of a crop of its size; at scale 1, all of it.
    for flags, padded in (
        (("--min_scale=0.5", "--max_scale=0.5"), "75.0%"),
        (("--recipe=paper", "--min_scale=1"), "0.0%"),
    ):
        called = call(check_data, *common, *flags)
        assert f"are ignored by the labels, {padded} lie beyond the image" in called.out


def test_images_beside_what_training_makes_of_them(camvid_dir, call, tmp_path):
    cv2.imwrite(str(camvid_dir / "trainannot" / "p3.png"), np.full((64, 96), 200, np.uint8))  # is an error, not shown
    common = ("--dataset=camvid", f"--data_dir={camvid_dir}", "--samples=4", "--crop_height=32", "--crop_width=64")
    called = call(check_data, *common, f"--output_dir={tmp_path}", "--appearance=1", "--recipe=modern")
    assert called.out.splitlines()[-1].startswith("1 error, "), called.err
    page = (tmp_path / "samples.html").read_text()
    names = ["p0", "p2", "p5"]  # of six, four evenly spread: 0, 2, 3, 5
    roles = ["image", "crop 1", "crop 2", "image, labels", "crop 1, labels", "crop 2, labels"]
    assert re.findall('alt="(.*?)"', page) == [f"{name}: {role}" for name in names for role in roles]
    sizes = re.findall('width="(\\d+)" height="(\\d+)"', page)
    assert sizes == [("96", "64"), ("64", "32"), ("64", "32")] * 6
    # A picture of gray 20 i + 10, and the same under a color of 60 %.
    shown = [cv2.imdecode(np.frombuffer(base64.b64decode(x), np.uint8), 1) for x in re.findall('base64,(.*?)"', page)]
    assert abs(int(shown[0][30, 30, 0]) - 10) < 4 and abs(int(shown[12][30, 30, 0]) - 110) < 4
    assert abs(int(shown[3][30, 30, 0]) - (0.4 * 10 + 0.6 * 128)) < 6  # the sky is (128, 128, 128)
    assert "gamma 0.5" in page and "scale 0.75 to 2" in page and "recipe modern" in page
    refused = call(check_data, *common)
    assert refused.status == 1 and "--samples writes a page; set --output_dir" in refused.err


def test_all_errors_at_once_and_exit_status_1(camvid_dir, call):
    cv2.imwrite(str(camvid_dir / "trainannot" / "p0.png"), np.full((64, 96), 12, np.uint8))
    cv2.imwrite(str(camvid_dir / "trainannot" / "p3.png"), np.zeros((64, 64), np.uint8))
    (camvid_dir / "val.txt").write_text("\n")
    called = call(check_data, "--dataset=camvid", f"--data_dir={camvid_dir}", "--crop_height=32", "--crop_width=32")
    errors = [line for line in called.out.splitlines() if line.startswith("error: ")]
    assert called.status == 1 and len(errors) == 3
    assert "val.txt: lists no images" in errors[0] and "p0.png: label value 12" in errors[1]
    assert "p3.png: the label is 64 x 64" in errors[2]
    assert called.out.splitlines()[-1].startswith("3 errors, ")


def test_a_data_set_that_is_not_there(call, tmp_path):
    called = call(check_data, "--dataset=cityscapes", f"--data_dir={tmp_path / 'absent'}")
    assert called.status == 1 and called.out.splitlines()[-1] == "1 error, 1 warning"
    assert f"error: {tmp_path / 'absent'}: is not a folder; set --data_dir to the dataset's folder" in called.out
    called = call(check_data, "--dataset=kitti")
    assert called.status == 1 and called.err.startswith(
        "error: 'kitti' is not a known dataset; choose from camvid, cityscapes"
    )


def test_a_prepared_data_set_is_laid_out_once(call, capsys, tmp_path):
    data_dir, classes = prepare_masks(tmp_path / "tfds"), tmp_path / "classes.json"
    capsys.readouterr()  # what the preparation says
    classes.write_text(json.dumps(MASKS))
    flags = (f"--data_dir={data_dir}", f"--classes={classes}", "--tfds_image_key=photo", "--tfds_label_key=mask")
    called = call(check_data, "--dataset=tfds:tiny_masks", *flags)
    assert called.status == 0 and called.out.startswith("train   3 examples, 0.00% of the pixels ignored")
    assert "note: train of tfds:tiny_masks is extracted to files once: 3 examples, " in called.err
    assert "extracting: 100%" in called.err
    again = call(check_data, "--dataset=tfds:tiny_masks", *flags)
    assert again.status == 0 and again.out == called.out and "laid out" not in again.err
    called = call(check_data, "--dataset=tfds:tiny_masks", f"--data_dir={data_dir}", "--tfds_image_key=photo")
    assert called.status == 1 and called.err == (
        "error: --tfds_image_key needs --classes=classes.json, which lists the classes\n"
    )


def test_a_set_of_one_split(camvid_dir, call, tmp_path):
    (camvid_dir / "val.txt").unlink()
    called = call(check_data, "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={tmp_path / 'out'}")
    assert called.status == 1 and called.out.splitlines()[-1].startswith("1 error, "), called.err
    assert "error: " in called.out and "has no val.txt" in called.out
    assert (tmp_path / "out" / "class_frequencies.svg").is_file()


def test_splits_of_other_names(call, tmp_path):
    """The folders of many datasets: valid, or training and validation."""
    for split, value in (("training", 0), ("extra", 1), ("validation", 1), ("validation", 2)):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True, exist_ok=True)
            pixels = np.full((32, 32), value, np.uint8)
            pixels[value * 8 :] += kind == "images" and 100
            assert cv2.imwrite(str(tmp_path / kind / split / f"{value}.png"), pixels)
    classes = tmp_path / "classes.json"
    classes.write_text(json.dumps({"classes": [{"name": name} for name in "abc"]}))
    common = ("--dataset=folder", f"--data_dir={tmp_path}", f"--classes={classes}", "--train_splits=training,extra")
    called = call(check_data, *common, "--val_split=validation", f"--output_dir={tmp_path / 'out'}")
    assert called.status == 0 and called.out.splitlines()[:3] == [
        "training   1 examples, 0.00% of the pixels ignored",
        "extra      1 examples, 0.00% of the pixels ignored",
        "validation 2 examples, 0.00% of the pixels ignored",
    ]
    assert "    extra pixels    images  validation pixels    images   crops\n" in called.out
    report = json.loads((tmp_path / "out" / "check_data.json").read_text())
    assert report["images"] == {"training": 1, "extra": 1, "validation": 2} and report["errors"] == []
    # Half of the crops are of each training image, none is of a validation image.
    assert report["crops"]["number"] == 200 and report["crops"]["showing"] == [100, 100, 0]
    called = call(check_data, *common, "--val_split=none")
    assert called.status == 0 and "validation" not in called.out
    called = call(check_data, *common)
    assert called.status == 1 and "has no images of the split 'val'" in called.out
    called = call(check_data, *common, "--val_split=extra")
    assert called.status == 1 and "the split extra is both trained and validated on" in called.err
