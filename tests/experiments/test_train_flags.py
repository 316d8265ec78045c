"""The flags of train: their help, and each wrong value or dataset that a person may give."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from program_calls import refused, train_camvid

from experiments import program, train


def test_train_refuses_wrong_names(camvid_dir, call, tmp_path):
    out = tmp_path / "out"
    refused(train_camvid(call, camvid_dir, out, "--model=cn99"), "unknown network 'cn99'; choose from cn18, cn14, cn12")
    refused(
        train_camvid(call, camvid_dir, out, "--dataset=kitti"),
        "'kitti' is not a known dataset; choose from camvid, cityscapes",
    )
    refused(
        train_camvid(call, camvid_dir, out, "--recipe=long"),
        "--recipe=long: value should be one of <paper|modern|short|smoke>",
    )
    refused(
        train_camvid(call, camvid_dir, out, "--model=enet", "--fusion_order=upsample last"), "enet has no fusion unit"
    )
    refused(train_camvid(call, camvid_dir, out, "more"), "'more' is not a flag")
    refused(call(train, "--dataset=camvid", f"--data_dir={camvid_dir}"), "--output_dir is missing")
    assert not out.exists()


def test_the_flags_of_a_run_that_was_moved_do_not_write_to_its_old_folder(call, tmp_path):
    moved, old, file = tmp_path / "moved", tmp_path / "old", tmp_path / "moved" / "flags.txt"
    moved.mkdir()
    file.write_text(f"--output_dir={old}\n--seed=3\n")
    with flagsaver.flagsaver():  # a file of flags that is not in the folder of a run
        program.parse_flags([train.__name__, f"--flagfile={file}"])
    (moved / "settings.json").write_text("{}")
    for arguments in ([f"--flagfile={file}"], ["--flagfile", str(file)]):
        called = call(train, *arguments)
        assert (called.status, called.err) == (
            1,
            f"error: {file}: belongs to a run in {old}; add --output_dir={moved} if it was moved there, or "
            f"--output_dir={old}\n",
        )
        with flagsaver.flagsaver():
            program.parse_flags([train.__name__, *arguments, f"--output_dir={moved}"])
            assert (flags.FLAGS.output_dir, flags.FLAGS.seed) == (str(moved), 3)
    file.write_text(f"--output_dir={moved}\n")
    with flagsaver.flagsaver():
        program.parse_flags([train.__name__, f"--flagfile={file}"])


def test_train_refuses_wrong_crops(camvid_dir, call, tmp_path):
    out = tmp_path / "out"
    message = "crop size 65 x 96 (height x width): cn14 takes multiples of 32"
    refused(train_camvid(call, camvid_dir, out, "--crop_height=65"), message)
    called = call(train, "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={out}", "--crop_height=64")
    refused(called, "--crop_height and --crop_width must be given together")
    assert not out.exists()


def test_train_refuses_recipes_that_contradict_themselves(camvid_dir, call, tmp_path):
    out = tmp_path / "out"
    refused(
        train_camvid(call, camvid_dir, out, "--whole_images"), "--whole_images and --crop_height cannot be combined"
    )
    refused(train_camvid(call, camvid_dir, out, "--min_scale=3"), "--min_scale (3) is above --max_scale (2)")
    assert not out.exists()


def test_train_refuses_wrong_data(camvid_dir, call, tmp_path):
    out = tmp_path / "out"
    refused(train_camvid(call, tmp_path / "absent", out), "absent: is not a folder")
    (tmp_path / "empty").mkdir()
    refused(train_camvid(call, tmp_path / "empty", out), "empty: is empty")
    refused(train_camvid(call, camvid_dir, out, "--dataset=cityscapes"), "has no folder leftImg8bit")
    image = camvid_dir / "train" / "p1.png"
    content = image.read_bytes()
    image.write_bytes(content[:-9])
    refused(train_camvid(call, camvid_dir, out), "train/p1.png: is missing, damaged or truncated (the PNG data are")
    image.unlink()
    refused(train_camvid(call, camvid_dir, out), "train/p1.png: is listed in")
    image.write_bytes(content)
    cv2.imwrite(str(camvid_dir / "trainannot" / "p0.png"), np.zeros((64, 64), np.uint8))
    refused(train_camvid(call, camvid_dir, out), "trainannot/p0.png: the label is 64 x 64 pixels")
    assert not out.exists()


def test_train_refuses_a_wrong_label_value(camvid_dir, call, tmp_path):
    cv2.imwrite(str(camvid_dir / "trainannot" / "p0.png"), np.full((64, 96), 12, np.uint8))
    refused(train_camvid(call, camvid_dir, tmp_path / "out"), "trainannot/p0.png: label value 12 is not in the table")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--train_splits=train,val",), "the split val is both trained and validated on"),
        (("--holdout=p1", "--val_split=val"), "cannot be combined"),
        (("--holdout=p1,zz",), "no name of the 6 examples begins with 'zz'; the first is 'p0'"),
        (("--holdout=p",), "all 6 examples are held out, none is left to train on"),
        (("--train_splits=",), "names no split"),
        (("--val_split=test",), "has no test.txt"),
    ],
    ids=str,
)
def test_splits_that_cannot_be(camvid_dir, call, tmp_path, arguments, message):
    refused(train_camvid(call, camvid_dir, tmp_path / "out", *arguments), message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_help_names_the_programs_own_flags(name):
    shown = subprocess.run([sys.executable, "-m", f"experiments.{name}", "--help"], capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"python -m experiments.{name} --" in shown.stdout
    assert "--output_dir" in shown.stdout and "--data_dir" in shown.stdout
    assert "--logtostderr" not in shown.stdout


@pytest.mark.parametrize(
    ("name", "defaults"), [("prune", ["modern", "0,1"]), ("leave_one_out", ["modern", "0", "train,val"])], ids=str
)
def test_help_shows_the_programs_own_defaults(name, defaults):
    shown = subprocess.run([sys.executable, "-m", f"experiments.{name}", "--help"], capture_output=True, text=True)
    words = " ".join(shown.stdout.split())
    assert all(f"(default: '{default}')" in words for default in defaults)
    assert "(default: 'short')" not in words and "Default by recipe: paper 1000, modern 400" in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategy=two",), "--strategy=two is unknown; choose from auto, one, mirrored, multi_worker, tpu"),
        (("--strategy=multi_worker",), "the environment variable TF_CONFIG is missing"),
        (("--batch_size=3", "--accumulate=2"), "--accumulate=2 does not divide the 3 images of a device's batch"),
        (
            ("--dtype_policy=int8",),
            "--dtype_policy=int8 is unknown; choose from float32, mixed_float16, mixed_bfloat16",
        ),
    ],
    ids=str,
)
def test_devices_and_precisions_that_cannot_be(call, camvid_dir, tmp_path, arguments, message):
    refused(train_camvid(call, camvid_dir, tmp_path / "run", *arguments), message)
    assert not (tmp_path / "run").exists()
