"""The folder of a run that version 0.1 wrote: today's programs read it and resume in it."""

import json
import pathlib
import re
import shutil

import pytest

from contextnet_tf.runs.results import read_results
from data.streets import write_scene
from experiments import compare_runs, evaluate, export, report

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "run"


@pytest.fixture
def run_dir(tmp_path):
    """A copy of the run."""
    return pathlib.Path(shutil.copytree(GOLDEN, tmp_path / "run"))


@pytest.fixture
def scenes(tmp_path):
    """Two synthetic scenes as validation images."""
    for index in range(2):
        write_scene(tmp_path / "scenes", 0, "val", index, 64, 128)
    return tmp_path / "scenes"


def head(run_dir):
    """The text of the page above its sections."""
    source = (run_dir / "report.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", source.split("<header>")[1].split("</header>")[0]))


def test_it_has_a_report(call, run_dir):
    called = call(report, f"--output_dir={run_dir}")
    assert called.status == 0, called.err
    shown = head(run_dir)
    assert "tiny on synthetic scenes 2 images of the validation split · 28 November 2026 · commit 32e3b3fae6" in shown
    assert "mean IoU 1.4 % 19 classes; 8.5 % of the pixels are correct" in shown
    assert "Not in this report: images (" in shown


def test_it_stands_beside_others(call, run_dir, tmp_path):
    called = call(compare_runs, f"--runs={run_dir}", f"--output_dir={tmp_path / 'compared'}")
    assert called.status == 0, called.err
    assert called.out.splitlines()[2].split() == [str(run_dir), "smoke", "0", "12", "0", "1.40", "4", "1.40", "4"]


def test_it_is_exported_anew_and_older_files_stay_listed(run_dir):
    export.run(checkpoint=str(run_dir), output_dir=str(run_dir), formats=("tflite",), size=(64, 128))
    files = read_results(run_dir).export.files
    assert list(files) == ["model.tflite", "model_int8.tflite"]
    assert files["model.tflite"].provenance.date and files["model_int8.tflite"].provenance.date is None
    metadata = json.loads((run_dir / "export" / "model.json").read_text())
    assert metadata["accuracy"]["dataset"] == "streets" and metadata["accuracy"]["split"] == "val"


def test_it_is_evaluated_anew(run_dir, scenes):
    figures = evaluate.run(checkpoint=str(run_dir), data_dir=str(scenes), output_dir=str(run_dir))
    section = read_results(run_dir).evaluation
    assert (section.dataset, section.split, section.accuracy.images) == ("streets", "val", 2)
    assert section.accuracy.mean_iou == figures.mean_iou and section.provenance.machine.cores >= 1
    assert json.loads((run_dir / "result.json").read_text())["format_version"] == 1


def test_figures_of_another_dataset_are_shown_as_such(run_dir, scenes):
    evaluate.run(checkpoint=str(run_dir), dataset="cityscapes", data_dir=str(scenes), output_dir=str(run_dir))
    report.run(output_dir=str(run_dir))
    assert "tiny, trained on synthetic scenes, measured on Cityscapes" in head(run_dir)
    assert "2 images of the validation split of Cityscapes" in head(run_dir)
