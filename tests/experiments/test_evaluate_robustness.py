"""The program evaluate_robustness on a small dataset: its figures are those of evaluate on changed copies."""

import shutil

import cv2
import numpy as np
import pytest
from program_calls import refused
from tiny_network import write_tiny_export, write_tiny_network

from contextnet_tf.evaluation.corruptions import CORRUPTIONS
from contextnet_tf.runs.results import read_results
from experiments import evaluate, evaluate_robustness


@pytest.fixture
def checkpoint(tmp_path):
    write_tiny_network(tmp_path / "tiny.keras", 11)
    return tmp_path / "tiny.keras"


def _flags(checkpoint, camvid_dir, out):
    return (f"--checkpoint={checkpoint}", "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={out}")


def test_figures_are_those_of_changed_copies(checkpoint, camvid_dir, call, tmp_path):
    rng = np.random.default_rng(0)
    for path in (camvid_dir / "val").iterdir():
        cv2.imwrite(str(path), cv2.resize(rng.integers(0, 256, (8, 12, 3), np.uint8), (96, 64)))
        label = camvid_dir / "valannot" / path.name
        cv2.imwrite(str(label), np.kron(rng.integers(0, 11, (8, 12), np.uint8), np.ones((8, 8), np.uint8)))
    out = tmp_path / "out"
    called = call(evaluate_robustness, *_flags(checkpoint, camvid_dir, out))
    assert called.status == 0, called.err
    section = read_results(out).robustness
    assert [row.name for row in section.rows] == ["unchanged", *CORRUPTIONS]
    assert (section.model, section.checkpoint, section.images, section.split) == ("tiny", "tiny.keras", 2, "val")
    assert "| reddish | red times 1.2, blue times 0.75 |" in (out / "robustness.md").read_text()
    assert "reddish" in called.out
    for name in ("robustness.png", "corruptions.png"):
        height, width, _ = cv2.imread(str(out / name)).shape
        assert width > height > 400
    for row in section.rows:
        changed = tmp_path / row.name
        shutil.copytree(camvid_dir, changed)
        if row.name != "unchanged":
            for place, path in enumerate(sorted((changed / "val").iterdir())):
                image = cv2.imread(str(path))[..., ::-1]
                cv2.imwrite(str(path), CORRUPTIONS[row.name].apply(image, place)[..., ::-1])
        report = evaluate.run(
            checkpoint=str(checkpoint), dataset="camvid", data_dir=str(changed), output_dir=str(tmp_path / "evaluated")
        )
        assert row.mean_iou == report.mean_iou, row.name
    assert len({row.mean_iou for row in section.rows}) > 4


def test_images_without_labels(checkpoint, camvid_dir, call, tmp_path):
    for path in (camvid_dir / "valannot").iterdir():
        cv2.imwrite(str(path), np.full((64, 96), 11, np.uint8))
    out = tmp_path / "out"
    called = call(evaluate_robustness, *_flags(checkpoint, camvid_dir, out))
    assert called.status == 1 and "Traceback" not in called.err
    assert "error: camvid: the 2 images of val have no pixel whose class is known; correct the label" in called.err
    assert not (out / "result.json").exists()


def test_chosen_changes_of_an_exported_file_in_the_table_s_order(camvid_dir, call, tmp_path):
    write_tiny_export(tmp_path)
    called = call(
        evaluate_robustness,
        *_flags(tmp_path / "export" / "model.tflite", camvid_dir, tmp_path / "out"),
        "--corruptions=noisy,dark",
    )
    assert called.status == 0, called.err
    section = read_results(tmp_path / "out").robustness
    assert [row.name for row in section.rows] == ["unchanged", "dark", "noisy"] and section.model == "model.tflite"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--corruptions=dark,rain", "--corruptions=rain is unknown; choose from dark, bright, pale, reddish, bluish,"),
        ("--corruptions=", "--corruptions is empty; choose from dark, bright, "),
        ("--model=cn14", "holds the network 'tiny', not 'cn14'"),
        ("--checkpoint=nothing.keras", "nothing.keras: does not exist"),
    ],
)
def test_what_is_refused(checkpoint, camvid_dir, call, tmp_path, flag, message):
    out = tmp_path / "out"
    refused(call(evaluate_robustness, *_flags(checkpoint, camvid_dir, out), flag), message)
    assert not (out / "result.json").exists()
