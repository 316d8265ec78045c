"""The branches alone and together, measured and drawn, with a tiny network."""

import cv2
import keras
import numpy as np
import pytest
from tiny_network import TINY

from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.results import read_results
from experiments import analyze_branches, evaluate


@pytest.fixture
def checkpoint(tmp_path):
    keras.utils.set_random_seed(1)
    network = build_model(TINY, num_classes=11, input_shape=(None, None, 3))
    network.save(tmp_path / "tiny.keras")
    return tmp_path / "tiny.keras"


def test_measured_and_drawn(checkpoint, camvid_dir, call, tmp_path):
    out = tmp_path / "out"
    # A border, so that there is something near one.
    label = np.zeros((64, 96), np.uint8)
    label[:, 40:] = 3
    cv2.imwrite(str(camvid_dir / "valannot" / "p0.png"), label)
    flags = (f"--checkpoint={checkpoint}", "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={out}")
    called = call(analyze_branches, *flags, "--figure_images=1")
    assert called.status == 0, called.err
    section = read_results(out).branches
    assert [row.name for row in section.rows] == ["context", "detail", "both"] and section.images == 2
    # Of 2 x 64 x 96 pixels, 6, 10 and 18 columns of one image are near the border.
    assert section.border_share == pytest.approx({"3": 6 / 192, "5": 10 / 192, "9": 18 / 192})
    call(evaluate, *flags[:3], f"--output_dir={tmp_path / 'evaluated'}")
    accuracy = read_results(tmp_path / "evaluated").evaluation.accuracy
    both = section.rows[2]
    assert both.mean_iou == accuracy.mean_iou and both.class_iou == accuracy.class_iou
    assert all(row.interior is not None and set(row.near_borders) == {"3", "5", "9"} for row in section.rows)
    assert "Within 3 px" in called.out and "detail branch alone" in (out / "branches.md").read_text()
    height, width, _ = cv2.imread(str(out / "branches.png")).shape
    assert width > 4 * height  # one row of five images


def test_any_images(checkpoint, camvid_dir, call, tmp_path):
    out = tmp_path / "out"
    called = call(
        analyze_branches, f"--checkpoint={checkpoint}", "--dataset=camvid", f"--output_dir={out}",
        f"--figure_input={camvid_dir / 'val'}",
    )  # fmt: skip
    assert called.status == 0, called.err
    assert sorted(path.name for path in out.iterdir()) == ["branches.png"]
    called = call(analyze_branches, f"--checkpoint={checkpoint}", "--dataset=cityscapes", f"--output_dir={out}")
    assert called.status == 1 and "has 11 classes" in called.err
