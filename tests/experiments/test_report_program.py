import dataclasses
import json
import re

import cv2
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from contextnet_tf.datasets.fingerprint import image_digest
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import model_names
from contextnet_tf.runs.predictions import write_prediction
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.runs.sections import Accuracy, ClassEntry, DatasetSection, EvaluationSection, RuntimeSection
from experiments import compare_models, compare_runs, report

NAMES = [f"0016E5_{number:05d}" for number in range(5)]


@pytest.fixture
def data_dir(tmp_path):
    """Five images of 12 x 16 in CamVid's layout: road everywhere, the first row void."""
    root = tmp_path / "data"
    for folder in ("val", "valannot"):
        (root / folder).mkdir(parents=True)
    labels = np.full((12, 16), 3, np.uint8)
    labels[0] = 11
    for name in NAMES:
        cv2.imwrite(str(root / "val" / f"{name}.png"), np.full((12, 16, 3), 80, np.uint8))
        cv2.imwrite(str(root / "valannot" / f"{name}.png"), labels)
    (root / "val.txt").write_text("".join(f"val/{name}.png valannot/{name}.png\n" for name in NAMES))
    return root


@pytest.fixture
def run_dir(tmp_path, data_dir):
    """A run whose predictions are right but for the left quarter, with one file missing."""
    folder = tmp_path / "run"
    classes = (ClassEntry("sky", "sky", (128, 128, 128)),)
    update_results(folder, DatasetSection("camvid", "val", data_dir=str(data_dir), classes=classes))
    (folder / "predictions").mkdir()
    prediction = np.full((12, 16), 3, np.uint8)
    prediction[:, :4] = 0
    for name in NAMES[:4]:
        cv2.imwrite(str(folder / "predictions" / f"{name}_labels.png"), prediction)
    return folder


def shown_names(path):
    return re.findall(r'alt="([^"]*?): image"', path.read_text(encoding="utf-8"))


def test_images_are_spread_over_those_with_a_prediction(run_dir, capsys):
    path = report.run(output_dir=str(run_dir), report_images=2)
    assert path == run_dir / "report.html" and shown_names(path) == [NAMES[1], NAMES[3]]
    assert path.read_text(encoding="utf-8").count("75.0 % of the pixels correct") == 2
    assert capsys.readouterr().out == ""


def test_the_program_ends_with_the_path(run_dir, capsys):
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(output_dir=str(run_dir), data_dir=None, report_images=1):
        report.main(["report"])
    assert capsys.readouterr().out == f"{run_dir / 'report.html'}\n"


def test_a_run_without_predictions_has_a_report_without_images(run_dir, capsys):
    for path in (run_dir / "predictions").iterdir():
        path.unlink()
    assert shown_names(report.run(output_dir=str(run_dir))) == []
    (run_dir / "predictions").rmdir()
    assert shown_names(report.run(output_dir=str(run_dir))) == []
    assert capsys.readouterr().err.count(f"{run_dir / 'predictions'} holds no prediction") == 2


def test_a_dataset_that_has_moved_leaves_a_report_that_says_so(run_dir, data_dir, tmp_path, capsys):
    data_dir.rename(tmp_path / "moved")
    path = report.run(output_dir=str(run_dir))
    assert shown_names(path) == []
    assert re.search("no images in the report: .*data: is not a folder.*--data_dir", capsys.readouterr().err)
    assert re.search(
        "Not in this report: images \\(.*data: is not a folder.*--data_dir", path.read_text(encoding="utf-8")
    )
    path = report.run(output_dir=str(run_dir), data_dir=str(tmp_path / "moved"))
    assert shown_names(path) == NAMES[:4]
    assert shown_names(report.run(output_dir=str(run_dir), report_images=0)) == []


def test_an_image_that_is_damaged_since_is_left_out_and_named(run_dir, data_dir, capsys):
    damaged = data_dir / "val" / f"{NAMES[1]}.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    assert shown_names(report.run(output_dir=str(run_dir), report_images=4)) == [NAMES[0], NAMES[2], NAMES[3]]
    assert f"note: an image is left out of the report: {damaged}: " in capsys.readouterr().err


def test_predictions_of_other_images_of_the_same_names_are_left_out(run_dir, data_dir, capsys):
    predictions = run_dir / "predictions"
    labels = np.full((12, 16), 3, np.uint8)
    foreign = data_dir.parent / "foreign.png"
    # Of another brightness than those of the dataset.
    cv2.imwrite(str(foreign), np.full((12, 16, 3), 81, np.uint8))
    for name in NAMES[1:3]:
        write_prediction(predictions / f"{name}_labels.png", labels, image_digest(foreign))
    own = data_dir / "val" / f"{NAMES[3]}.png"
    write_prediction(predictions / f"{NAMES[3]}_labels.png", labels, image_digest(own))
    for name, image in ((NAMES[0], foreign), (NAMES[3], own)):
        confidence = np.full((6, 8), 51, np.uint8)
        write_prediction(predictions / f"{name}_confidence.png", confidence, image_digest(image))

    path = report.run(output_dir=str(run_dir))
    assert shown_names(path) == [NAMES[0], NAMES[3]]  # the first has no record, as in version 0.1
    page = path.read_text(encoding="utf-8")
    assert "Of 2 images of the validation split," in page and NAMES[1] not in page and NAMES[2] not in page
    assert "100.0 % of the pixels correct" in page
    assert f"{NAMES[3]}: confidence" in page and f"{NAMES[0]}: confidence" not in page
    note = (
        f"{predictions}: predictions of other images than those of the same names in the split val are left out (2); "
        f"run predict --split=val --output_dir={run_dir} without --input to make them again"
    )
    assert capsys.readouterr().err == f"note: {note}\n"

    for name in (NAMES[0], NAMES[3]):
        (predictions / f"{name}_labels.png").unlink()
    path = report.run(output_dir=str(run_dir))
    assert shown_names(path) == [] and f"images ({note})" in path.read_text(encoding="utf-8")
    assert capsys.readouterr().err == f"note: no images in the report: {note}\n"


def test_the_split_of_the_images_is_named_and_the_other_one_of_the_accuracy(run_dir):
    evaluation = EvaluationSection(Accuracy(mean_iou=0.5, images=7), dataset="camvid", split="train")
    update_results(run_dir, evaluation, RuntimeSection(dataset="camvid", split="val"))
    page = " ".join(report.run(output_dir=str(run_dir)).read_text(encoding="utf-8").split())
    assert "<span>7 images of the training split</span>" in page
    assert "<p>Each image of the validation split beside its ground truth" in page
    other = "The accuracy in this report was not measured on these images, but on the training split.</p>"
    assert other in page
    assert "Of 4 images of the validation split, those with the lowest pixel accuracy" in page
    update_results(run_dir, dataclasses.replace(evaluation, split="val"))
    page = " ".join(report.run(output_dir=str(run_dir)).read_text(encoding="utf-8").split())
    assert "<span>7 images of the validation split</span>" in page and other not in page
    assert "was not measured on these images" not in page


def test_predictions_of_another_split_than_the_trainings_are_found(run_dir):
    results = read_results(run_dir)
    # As in a run without validation: the split of the training is recorded.
    update_results(run_dir, dataclasses.replace(results.dataset, split="train"))
    assert shown_names(report.run(output_dir=str(run_dir))) == []
    update_results(run_dir, RuntimeSection(dataset="camvid", split="val"))
    assert shown_names(report.run(output_dir=str(run_dir))) == NAMES[:4]


def test_the_worst_images_and_the_classes_where_they_are_worst(run_dir):
    worse = np.zeros((12, 16), np.uint8)
    cv2.imwrite(str(run_dir / "predictions" / f"{NAMES[2]}_labels.png"), worse)
    cv2.imwrite(str(run_dir / "predictions" / f"{NAMES[2]}_confidence.png"), np.full((6, 8), 51, np.uint8))
    page = report.run(output_dir=str(run_dir), worst_images=2).read_text(encoding="utf-8")
    assert re.findall('alt="([^"]*?): image, one of the worst"', page) == [NAMES[2], NAMES[0]]
    assert re.findall(f'alt="{NAMES[2]}: (.*?), one of the worst"', page) == [
        "image", "ground truth", "prediction", "confidence: dark is sure",
    ]  # fmt: skip
    # The recorded class table has the sky alone, which is predicted everywhere and nowhere right.
    assert f'alt="sky in {NAMES[2]}: missed and false pixels"' in page and "missed – %, false 100.0 %" in page
    assert 'id="mistakes"' not in report.run(output_dir=str(run_dir), worst_images=0).read_text(encoding="utf-8")


def test_a_prediction_of_another_size_is_named(run_dir):
    path = run_dir / "predictions" / f"{NAMES[0]}_labels.png"
    cv2.imwrite(str(path), np.zeros((6, 8), np.uint8))
    with pytest.raises(InputError, match=f"{path}: is 8 x 6 pixels, its image 16 x 12"):
        report.run(output_dir=str(run_dir))


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(InputError, match="result.json: is missing"):
        report.run(output_dir=str(tmp_path))


def test_all_networks_side_by_side(call, tmp_path):
    called = call(compare_models, f"--output_dir={tmp_path / 'models'}")

    assert called.status == 0, called.err
    shown = {line.split()[0]: line for line in called.out.splitlines() if line}
    for name in model_names():
        assert name in shown
    assert "928,355" in shown["cn124"] and "0.93 M" in shown["cn124"]
    assert "whole image" in shown["icnet"] and "65,652,051" in shown["pspnet"] and "1302.18 G" in shown["segnet"]
    written = {path.name for path in (tmp_path / "models").iterdir()}
    assert written == {"models.md", "models.png", "models.json"}
    rows = {row["name"]: row for row in json.loads((tmp_path / "models" / "models.json").read_text())}
    assert list(rows) == list(model_names())
    assert rows["enet"]["multiply_adds"]["1024x2048"] == 15_688_269_824
    assert rows["icnet"]["receptive_field"] is None


def test_runs_side_by_side(call, run_dir, tmp_path):
    line = {"step": 4, "epoch": 2.0, "val_mean_iou": 0.375}
    (run_dir / "history.jsonl").write_text(json.dumps(line))
    called = call(compare_runs, f"--runs={run_dir},{run_dir}", f"--output_dir={tmp_path / 'compared'}")
    assert called.status == 0, called.err
    assert called.out.count("37.50") == 4  # the best and the last of both
    assert {path.name for path in (tmp_path / "compared").iterdir()} == {"runs.md", "runs.png"}
    refused = call(compare_runs, f"--output_dir={tmp_path}")
    assert refused.status == 1 and "--runs names no folder" in refused.err
