"""check_data as a person calls it."""

import json

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
    assert "absent: is not a folder" in called.out
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
