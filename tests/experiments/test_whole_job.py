"""The whole job of `make demo`, program after program, one step long, on streets drawn for it."""

import json

import cv2
import numpy as np
import pytest

from data.streets import generate
from experiments import evaluate, export, predict, report, train


@pytest.fixture
def streets_dir(tmp_path, call):
    """Two training and two validation images of 64 x 128 (H x W)."""
    folder = tmp_path / "streets"
    called = call(
        generate,
        f"--output_dir={folder}",
        "--image_height=64",
        "--image_width=128",
        "--train_images=2",
        "--val_images=2",
    )
    assert called.status == 0 and called.out == f"4 images drawn: {folder}\n"
    return folder


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("cn14", "846,179"),
        ("icnet", "6,685,715"),  # two auxiliary heads, logits at a quarter
    ],
)
def test_from_drawn_streets_to_a_report(model, parameters, streets_dir, tmp_path, call):
    run = tmp_path / "run"
    called = call(
        train,
        f"--model={model}",
        "--dataset=streets",
        f"--data_dir={streets_dir}",
        f"--output_dir={run}",
        "--recipe=smoke",
        "--crop_height=64",
        "--crop_width=128",
    )
    assert called.status == 0 and "at step 1 of 1" in called.out

    called = call(evaluate, f"--checkpoint={run}", f"--output_dir={run}")
    assert called.status == 0 and "mean of the categories" in called.out

    called = call(export, f"--checkpoint={run}", f"--output_dir={run}")
    assert called.status == 0 and "64 x 128 (height x width), uint8, RGB" in called.out
    assert (run / "export" / "saved_model" / "saved_model.pb").is_file()

    called = call(predict, f"--checkpoint={run}/export/model.tflite", f"--output_dir={run}")
    assert called.status == 0 and "2 images: " in called.out
    results = json.loads((run / "result.json").read_text())
    # The exported file is the network: what it gets right, the network got right.
    assert results["runtime"]["mean_iou"] == pytest.approx(results["evaluation"]["mean_iou"], abs=1e-4)
    labels = sorted((run / "predictions").glob("*_labels.png"))
    assert [path.name for path in labels] == [f"drawnval_00000{i}_000000_labels.png" for i in range(2)]
    assert cv2.imread(str(labels[0]), cv2.IMREAD_UNCHANGED).shape == (64, 128)
    assert np.max(cv2.imread(str(labels[0]), cv2.IMREAD_UNCHANGED)) < 19

    called = call(report, f"--output_dir={run}")
    assert called.status == 0 and called.out.splitlines()[-1] == str(run / "report.html")
    page = (run / "report.html").read_text()
    assert "drawnval_000000_000000" in page and "traffic light" in page and parameters in page


def test_drawing_again_leaves_the_set_as_it_is(streets_dir, call):
    same = ("--image_height=64", "--image_width=128", "--train_images=2", "--val_images=2")
    assert "already drawn, left as it is" in call(generate, f"--output_dir={streets_dir}", *same).out
    called = call(generate, f"--output_dir={streets_dir}", *same, "--seed=1")
    assert called.status == 1 and called.err.startswith("error: ") and called.err.count("\n") == 1
