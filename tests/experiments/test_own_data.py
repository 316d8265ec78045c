"""A folder of one's own from training to the report, as a person calls the programs; splits without labels."""

import json
import pathlib

import numpy as np
import pytest
from folders import write_streets

from contextnet_tf.datasets.catalog import get_dataset
from experiments import evaluate, export, opening, predict, report, train

# The example that data/folder/README.md shows.
CLASSES = json.loads((pathlib.Path(__file__).parents[2] / "data" / "folder" / "streets.json").read_text())


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Synthetic scenes, two to train on, one to validate on and one without label, and their classes.json."""
    root = tmp_path_factory.mktemp("own")
    folder = write_streets(root, {"train": 2, "val": 1, "test": 1})
    for path in (folder / "gtFine" / "test").rglob("*labelIds.png"):
        path.unlink()
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return folder


def test_from_a_folder_of_ones_own_to_a_report(own, tmp_path, call):
    run = tmp_path / "run"
    given = (
        f"--data_dir={own}", f"--classes={own / 'classes.json'}", f"--output_dir={run}", "--recipe=smoke",
        "--model=detail-only",  # the smallest
    )  # fmt: skip
    called = call(train, "--dataset=folder", *given)
    assert called.status == 0, called.err
    results = json.loads((run / "result.json").read_text())
    assert [row["name"] for row in results["dataset"]["classes"]] == [
        "ground", "building", "object", "nature", "sky", "person", "vehicle",
    ]  # fmt: skip
    # The images are 64 x 128; nobody said so.
    assert results["dataset"]["class_table"] == CLASSES | {"image_size": [64, 128]}
    assert json.loads((run / "settings.json").read_text())["crop_size"] == [64, 128]

    # From here on the run knows its classes.
    called = call(export, f"--checkpoint={run}", f"--output_dir={run}", "--format=tflite")
    assert called.status == 0 and "64 x 128 (height x width)" in called.out, called.err
    called = call(predict, f"--checkpoint={run}/export/model.tflite", f"--output_dir={run}")
    assert called.status == 0 and "mean IoU of the exported file" in called.out, called.err
    called = call(report, f"--output_dir={run}")
    assert called.status == 0 and "vehicle" in (run / "report.html").read_text()

    # The exported file knows them too, away from its run.
    (tmp_path / "device").mkdir()
    for name in ("model.tflite", "model.json"):
        (tmp_path / "device" / name).write_bytes((run / "export" / name).read_bytes())
    image = next((own / "leftImg8bit" / "test").rglob("*.png"))
    away = (f"--checkpoint={tmp_path}/device/model.tflite", f"--output_dir={tmp_path}/away")
    called = call(predict, *away, f"--input={image}")
    assert called.status == 0 and (tmp_path / "away/predictions" / f"{image.stem}_overlay.png").is_file()

    # A split without labels can be segmented, not evaluated.
    called = call(predict, *away, f"--data_dir={own}", "--split=test")
    assert called.status == 0 and "mean IoU" not in called.out, called.err
    called = call(evaluate, f"--checkpoint={run}", f"--output_dir={run}", "--split=test")
    assert called.status == 1 and "has no label (the ground truth of its split is not public)" in called.err

    # Another set of classes is another run.
    (tmp_path / "other.json").write_text(json.dumps(CLASSES | {"ignored": [0, 1, 2, 3]}))
    called = call(train, "--dataset=folder", *given, f"--classes={tmp_path / 'other.json'}", "--resume")
    assert called.status == 1
    assert "holds a run with other settings (class_table.ignored was [" in called.err, called.err


def test_what_a_person_may_give_wrongly(own, call, tmp_path):
    def refused(message, *arguments):
        called = call(train, f"--output_dir={tmp_path / 'out'}", *arguments)
        assert called.status == 1 and called.err.count("\n") == 1 and message in called.err

    refused("set --classes=classes.json", "--dataset=folder", f"--data_dir={own}")
    refused("none.json: cannot be read", "--dataset=folder", f"--data_dir={own}", f"--classes={tmp_path / 'none.json'}")
    refused("has classes of its own", "--dataset=streets", f"--data_dir={own}", f"--classes={own / 'classes.json'}")
    assert not (tmp_path / "out").exists()


def test_a_note_says_which_cities_are_missing(own, capsys):
    examples = opening.list_examples(get_dataset("cityscapes"), own, "val")
    assert len(examples) == 1
    assert capsys.readouterr().err == (
        "note: cityscapes val: 1 of 500 examples are there: drawnval 1 of 0, frankfurt 0 of 267, lindau 0 of 59, "
        "munster 0 of 174\n"
    )
    opening.list_examples(get_dataset("streets"), own, "val")
    assert capsys.readouterr().err == ""


def test_the_classes_of_the_folder_are_those_of_the_streets(own):
    dataset = get_dataset("folder", CLASSES)
    assert dataset.num_classes == 7 and dataset.palette[0].tolist() == [128, 64, 128]
    assert np.unique([label.train_id for label in dataset.labels]).tolist() == [0, 1, 2, 3, 4, 5, 6, 255]
